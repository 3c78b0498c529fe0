"""Taggers: a tag for every step, each from the whole sequence."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Unpack

import keras
from keras import ops

from custom_layers import CRF, CRFMarginals, ViterbiDecode
from custom_layers.engine.checks import require_number, require_one_of
from zoo._model import ZooModel
from zoo._registry import register_model
from zoo._tokens import TokenStackOptions, split_options, token_features
from zoo.recurrent import recurrent_stack

_HUANG, _MA = "Huang et al. 2015", "Ma and Hovy 2016"


@register_model(
    "tagger_small", shape="many-to-many", parameters=592_040, paper=_HUANG, word_dim=50, units=64
)
@register_model(
    "tagger_base", shape="many-to-many", parameters=1_571_608, paper=_MA, word_dim=100, units=200
)
@register_model(
    "tagger_deep",
    shape="many-to-many",
    parameters=2_517_576,
    paper="Prakash et al. 2016",
    word_dim=100,
    units=128,
    depth=4,
    connection="residual",
    layer_norm=True,
)
def tagger(
    *,
    num_tags: int = 9,
    head: Literal["crf", "softmax"] = "crf",
    allowed_transitions: Sequence[Sequence[int]] | None = None,
    allowed_starts: Sequence[int] | None = None,
    name: str = "tagger",
    **options: Unpack[TokenStackOptions],
) -> keras.Model:
    """Recurrent tagger: words and characters, a recurrent stack, and a CRF or softmax on top.

    Train it with `custom_layers.CRFLoss()`, or for `head="softmax"` with
    `keras.losses.SparseCategoricalCrossentropy(from_logits=True, ignore_class=-1)`; both take tag
    ids (batch, time) with -1 at padding, as do the metrics `custom_layers.CRFTagAccuracy` and
    `CRFEntityF1`. `tag_decoder` turns the scores into tags.

    Args:
        num_tags: Number of tags.
        head: `"crf"` to score whole tag sequences, `"softmax"` to score each tag on its own.
        allowed_transitions: For the CRF, (num_tags, num_tags), 1 where tag j may follow tag i, else
            0.
        allowed_starts: For the CRF, (num_tags,), 1 for tags that may start a sequence, else 0.
        name: Name of the model.
        **options: Options of `zoo.TokenOptions` and of `zoo.recurrent_stack`. `bidirectional`
            defaults to true.

    Returns:
        A model with the inputs `words` (batch, time) and `characters` (batch, time, letters),
        int32, 0 = padding on the right; and a float32 output: log potentials (batch, time,
        num_tags, num_tags) for the CRF, logits (batch, time, num_tags) for the softmax.

    Example:
        >>> import zoo
        >>> zoo.create_model("tagger_small", num_tags=5, head="softmax").output_shape
        (None, None, 5)
    """
    require_one_of("head", head, ("crf", "softmax"))
    if head == "softmax" and not (allowed_transitions is None and allowed_starts is None):
        raise ValueError("`allowed_transitions` and `allowed_starts` need `head='crf'`.")
    tokens, stack = split_options({"bidirectional": True, **options})
    inputs, x, mask = token_features(**tokens)
    x = recurrent_stack(x, mask=mask, **stack)
    scores = keras.layers.Dense(num_tags, dtype="float32", name="scores")(x)
    if head == "crf":
        scores = CRF(
            num_tags,
            allowed_transitions=allowed_transitions,
            allowed_starts=allowed_starts,
            name="crf",
        )(scores, mask=mask)
    return ZooModel(inputs, scores, name=name)


def tag_decoder(model: keras.Model, temperature: float = 1.0) -> keras.Model:
    """Turn a model of tag scores into one that returns tags, sharing its weights.

    Args:
        model: Model of `tagger` or `mlp_tagger`.
        temperature: What the scores are divided by before they become probabilities: more than 1
            makes the confidence less sure, less than 1 surer. The tags stay the same. Fitted on
            held-out sentences (Guo et al., 2017), it calibrates the confidence.

    Returns:
        A model with the same inputs and the outputs `tags` (batch, time) int32, the best sequence
        (Viterbi for a CRF, else the best tag of each step), and `confidence` (batch, time) float32,
        the posterior probability of each of these tags. Both are meaningless at padding.

    Raises:
        ValueError: If `temperature` is not above 0.

    Reference:
        [Guo et al., 2017](https://arxiv.org/abs/1706.04599), section 4.2; for a CRF the log
        potentials are divided.
    """
    require_number("temperature", temperature, above=0)
    inputs = {
        name: keras.Input(batch_shape=tensor.shape, dtype=tensor.dtype, name=name)
        for name, tensor in model.input.items()
    }
    scores = model(inputs)
    if len(scores.shape) == 4:
        tags = ViterbiDecode(name="tags")(scores)
        probabilities = CRFMarginals(name="marginals")(scores / temperature)
    else:
        tags = ops.cast(ops.argmax(scores, axis=-1), "int32")
        probabilities = ops.softmax(scores / temperature, axis=-1)
    confidence = ops.take_along_axis(probabilities, ops.expand_dims(tags, -1), axis=-1)
    outputs = {"tags": tags, "confidence": ops.squeeze(confidence, -1)}
    return ZooModel(inputs, outputs, name=f"{model.name}_decoder")
