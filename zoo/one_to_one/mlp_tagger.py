"""A tagger without context: the baseline that shows what recurrence adds."""

from __future__ import annotations

from typing import Unpack

import keras

from zoo._model import ZooModel
from zoo._registry import register_model
from zoo._tokens import TokenOptions, token_features

_PAPER = "Rumelhart et al. 1986"


@register_model(
    "mlp_tagger_small",
    shape="one-to-one",
    parameters=513_349,
    paper=_PAPER,
    word_dim=50,
    units=64,
    depth=1,
)
@register_model(
    "mlp_tagger_base",
    shape="one-to-one",
    parameters=1_043_301,
    paper=_PAPER,
    word_dim=100,
    units=128,
    depth=2,
)
def mlp_tagger(
    *,
    num_tags: int = 9,
    units: int = 128,
    depth: int = 1,
    dropout: float = 0.0,
    name: str = "mlp_tagger",
    **tokens: Unpack[TokenOptions],
) -> keras.Model:
    """Multilayer perceptron that tags each token from its own word and characters only.

    It has the inputs of `tagger` and a logit for each tag, so the two can be compared directly:
    whatever the tagger does better is due to context.

    Args:
        num_tags: Number of tags.
        units: Width of each hidden layer.
        depth: Number of hidden layers.
        dropout: Share of features to drop before each hidden layer and after the last one.
        name: Name of the model.
        **tokens: Options of `zoo.TokenOptions`.

    Returns:
        A model with the inputs `words` (batch, time) and `characters` (batch, time, letters),
        int32, 0 = padding; and the output logits (batch, time, num_tags) float32.
    """
    inputs, x, _ = token_features(**tokens)
    for index in range(depth):
        if dropout:
            x = keras.layers.Dropout(dropout, name=f"hidden_{index}_dropout")(x)
        x = keras.layers.Dense(units, activation="relu", name=f"hidden_{index}")(x)
    if dropout:
        x = keras.layers.Dropout(dropout, name="hidden_dropout")(x)
    scores = keras.layers.Dense(num_tags, dtype="float32", name="scores")(x)
    return ZooModel(inputs, scores, name=name)
