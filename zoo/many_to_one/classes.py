"""Parts that classifiers share: pooling of states, and class probabilities."""

from __future__ import annotations

from typing import Any, Literal, get_args

import keras
from keras import ops

from custom_layers import AttentionPooling1D, SequencePooling1D
from custom_layers.engine.checks import require_number, require_one_of
from zoo._model import ZooModel

Pooling = Literal["last", "mean", "max", "attention"]
POOLINGS: tuple[Pooling, ...] = get_args(Pooling)


def pool(x: Any, mask: Any, pooling: Pooling, *, both_ends: bool) -> Any:
    """Pool a sequence of states to one vector, by a layer named `pooling`.

    Args:
        x: States (batch, time, width).
        mask: Booleans (batch, time), true at valid steps.
        pooling: As for `text_classifier`.
        both_ends: Whether `"last"` includes the first step, where a layer that reads backwards has
            read everything.

    Raises:
        ValueError: If `pooling` is unknown.
    """
    require_one_of("pooling", pooling, POOLINGS)
    if pooling == "attention":
        layer = AttentionPooling1D(return_attention_scores=True, name="pooling")
        return layer(x, mask=mask)[0]
    mode = "ends" if pooling == "last" and both_ends else pooling
    return SequencePooling1D(mode, name="pooling")(x, mask=mask)


def class_decoder(model: keras.Model, temperature: float = 1.0) -> keras.Model:
    """Turn a model of class logits into one that returns probabilities, sharing its weights.

    Args:
        model: Model of `text_classifier` or `series_classifier`.
        temperature: What the logits are divided by: more than 1 makes the probabilities less sure,
            less than 1 surer. The likeliest class stays the same. Fitted on held-out examples, it
            calibrates the probabilities.

    Returns:
        A model with the same inputs and the outputs `probabilities` (batch, num_classes) float32
        and, if the model pools by attention, `attention` (batch, time) float32, the weights of the
        steps, which sum to 1.

    Raises:
        ValueError: If `temperature` is not above 0.

    Reference:
        [Guo et al., 2017](https://arxiv.org/abs/1706.04599), section 4.2.
    """
    require_number("temperature", temperature, above=0)
    outputs = {"probabilities": ops.softmax(model.output / temperature, axis=-1)}
    pooled = model.get_layer("pooling").output
    if isinstance(pooled, (list, tuple)):
        outputs["attention"] = ops.cast(pooled[1], "float32")
    return ZooModel(model.input, outputs, name=f"{model.name}_decoder")
