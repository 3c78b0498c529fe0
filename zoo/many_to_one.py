"""Many-to-one: an answer for a whole sequence."""

from __future__ import annotations

from typing import Any, Literal, Unpack

import keras
from keras import ops

from custom_layers import AttentionPooling1D, SequencePooling1D
from zoo._registry import register_model
from zoo._tokens import TokenStackOptions, split_options, token_features
from zoo.recurrent import recurrent_stack

Pooling = Literal["last", "mean", "max", "attention"]
POOLINGS = ("last", "mean", "max", "attention")

_YANG, _CONNEAU = "Yang et al. 2016", "Conneau et al. 2017"


@register_model("text_classifier_small", parameters=575_778, paper=_YANG, word_dim=50, units=64)
@register_model("text_classifier_base", parameters=1_643_202, paper=_YANG, word_dim=100, units=200)
@register_model(
    "text_classifier_max", parameters=1_482_402, paper=_CONNEAU, pooling="max", units=200
)
def text_classifier(
    *,
    num_classes: int = 2,
    pooling: Pooling = "attention",
    name: str = "text_classifier",
    **options: Unpack[TokenStackOptions],
) -> keras.Model:
    """Recurrent text classifier: words, a recurrent stack, and one vector pooled from its states.

    Train it with `keras.losses.SparseCategoricalCrossentropy(from_logits=True)`; `class_decoder`
    makes probabilities of the logits and shows the attention.

    Args:
        num_classes: Number of classes, at least 2.
        pooling: `"last"`, the states after all has been read (of both directions where there are
            two); `"mean"` or `"max"` over time; or `"attention"`, a learned weighted mean.
        name: Name of the model.
        **options: Those of `zoo.TokenOptions`, of which `character_vocabulary_size` is 0 unless
            given, and of `zoo.recurrent_stack`, of which `bidirectional` is true unless given.

    Returns:
        Inputs `words` (batch, time) and, where there are characters, `characters`
        (batch, time, letters), int32, 0 = padding on the right; output float32 logits
        (batch, num_classes).

    Raises:
        ValueError: If an option does not fit.

    Example:
        >>> import zoo
        >>> zoo.create_model("text_classifier_small", num_classes=5).output_shape
        (None, 5)
    """
    if num_classes < 2:
        raise ValueError(f"`num_classes` must be at least 2, not {num_classes!r}.")
    tokens, stack = split_options(
        {"bidirectional": True, "character_vocabulary_size": 0, **options}
    )
    inputs, x, mask = token_features(**tokens)
    x = recurrent_stack(x, mask=mask, **stack)
    x = pool(x, mask, pooling, both_ends=stack["bidirectional"])
    logits = keras.layers.Dense(num_classes, dtype="float32", name="logits")(x)
    return keras.Model(inputs, logits, name=name)


def pool(x: Any, mask: Any, pooling: Pooling, *, both_ends: bool) -> Any:
    """One vector of a sequence of states, by a layer named `pooling`.

    Args:
        x: (batch, time, width).
        mask: (batch, time), true where a step counts.
        pooling: As for `text_classifier`.
        both_ends: Whether `"last"` takes the first step too, where a layer that reads backwards
            has read everything.

    Raises:
        ValueError: If there is no such pooling.
    """
    if pooling not in POOLINGS:
        raise ValueError(f"`pooling` must be one of {POOLINGS}, not {pooling!r}.")
    if pooling == "attention":
        layer = AttentionPooling1D(return_attention_scores=True, name="pooling")
        return layer(x, mask=mask)[0]
    mode = "ends" if pooling == "last" and both_ends else pooling
    return SequencePooling1D(mode, name="pooling")(x, mask=mask)


def class_decoder(model: keras.Model) -> keras.Model:
    """Turn a model of class logits into one of probabilities, sharing its weights.

    Args:
        model: From `text_classifier`.

    Returns:
        A model of the same inputs with outputs `probabilities` (batch, num_classes) float32 and,
        where the model pools by attention, `attention` (batch, time) float32, the weight of each
        step, which sum to 1.
    """
    outputs = {"probabilities": ops.softmax(model.output, axis=-1)}
    pooled = model.get_layer("pooling").output
    if isinstance(pooled, (list, tuple)):
        outputs["attention"] = ops.cast(pooled[1], "float32")
    return keras.Model(model.input, outputs, name=f"{model.name}_decoder")
