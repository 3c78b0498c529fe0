"""Text classifiers."""

from __future__ import annotations

from typing import Unpack

import keras

from custom_layers.engine.checks import require_integer
from zoo._model import ZooModel
from zoo._registry import register_model
from zoo._tokens import TokenStackOptions, split_options, token_features
from zoo.many_to_one.classes import Pooling, pool
from zoo.recurrent import recurrent_stack

_YANG, _CONNEAU = "Yang et al. 2016", "Conneau et al. 2017"


@register_model(
    "text_classifier_small",
    shape="many-to-one",
    parameters=575_778,
    paper=_YANG,
    word_dim=50,
    units=64,
)
@register_model(
    "text_classifier_base",
    shape="many-to-one",
    parameters=1_643_202,
    paper=_YANG,
    word_dim=100,
    units=200,
)
@register_model(
    "text_classifier_max",
    shape="many-to-one",
    parameters=1_482_402,
    paper=_CONNEAU,
    pooling="max",
    units=200,
)
def text_classifier(
    *,
    num_classes: int = 2,
    pooling: Pooling = "attention",
    name: str = "text_classifier",
    **options: Unpack[TokenStackOptions],
) -> keras.Model:
    """Recurrent text classifier: words, a recurrent stack, and one vector pooled from its states.

    Train it with `keras.losses.SparseCategoricalCrossentropy(from_logits=True)`. `class_decoder`
    turns the logits into probabilities and returns the attention.

    Args:
        num_classes: Number of classes, at least 2.
        pooling: `"last"`, the states at the end (for both directions if there are two); `"mean"`
            or `"max"` over time; or `"attention"`, a learned weighted mean.
        name: Name of the model.
        **options: Options of `zoo.TokenOptions`, where `character_vocabulary_size` defaults to 0,
            and of `zoo.recurrent_stack`, where `bidirectional` defaults to true.

    Returns:
        A model with the inputs `words` (batch, time) and, if there are characters, `characters`
        (batch, time, letters), int32, 0 = padding on the right; and the output logits
        (batch, num_classes) float32.

    Raises:
        ValueError: If an option is invalid.

    Example:
        >>> import zoo
        >>> zoo.create_model("text_classifier_small", num_classes=5).output_shape
        (None, 5)
    """
    require_integer("num_classes", num_classes, least=2)
    tokens, stack = split_options(
        {"bidirectional": True, "character_vocabulary_size": 0, **options}
    )
    inputs, x, mask = token_features(**tokens)
    x = recurrent_stack(x, mask=mask, **stack)
    x = pool(x, mask, pooling, both_ends=stack["bidirectional"])
    logits = keras.layers.Dense(num_classes, dtype="float32", name="logits")(x)
    return ZooModel(inputs, logits, name=name)
