"""One-to-one: each input on its own, no context. The baseline that shows what recurrence adds."""

from __future__ import annotations

import keras

from zoo._registry import register_model
from zoo._tokens import token_features, token_inputs

_PAPER = "Rumelhart et al. 1986"


@register_model(
    "mlp_tagger_small", parameters=513_349, paper=_PAPER, word_dim=50, units=64, depth=1
)
@register_model(
    "mlp_tagger_base", parameters=1_043_301, paper=_PAPER, word_dim=100, units=128, depth=2
)
def mlp_tagger(
    *,
    vocabulary_size: int = 10_000,
    num_tags: int = 9,
    word_dim: int = 100,
    character_vocabulary_size: int = 100,
    character_dim: int = 25,
    character_filters: int = 50,
    character_width: int = 3,
    units: int = 128,
    depth: int = 1,
    dropout: float = 0.0,
    name: str = "mlp_tagger",
) -> keras.Model:
    """Multilayer perceptron that tags each token from its own word and letters alone.

    It takes the inputs of `tagger` and gives logits in the same places, so the two compare
    directly: whatever the tagger does better, it does by context.

    Args:
        vocabulary_size: Number of word ids, 0 (padding) included.
        num_tags: Number of tags.
        word_dim: Width of the word embedding.
        character_vocabulary_size: Number of character ids, 0 (padding) included; 0 = no characters.
        character_dim: Width of the character embedding.
        character_filters: Width of the character features.
        character_width: Letters each filter sees.
        units: Width of each hidden layer.
        depth: Number of hidden layers.
        dropout: Share of features dropped before each hidden layer and after the last.
        name: Name of the model.

    Returns:
        Inputs `words` (batch, time) and `characters` (batch, time, letters), int32, 0 = padding;
        output logits (batch, time, num_tags), float32.
    """
    inputs = token_inputs(character_vocabulary_size)
    x, _ = token_features(
        inputs,
        vocabulary_size=vocabulary_size,
        word_dim=word_dim,
        character_vocabulary_size=character_vocabulary_size,
        character_dim=character_dim,
        character_filters=character_filters,
        character_width=character_width,
    )
    for index in range(depth):
        if dropout:
            x = keras.layers.Dropout(dropout, name=f"hidden_{index}_dropout")(x)
        x = keras.layers.Dense(units, activation="relu", name=f"hidden_{index}")(x)
    if dropout:
        x = keras.layers.Dropout(dropout, name="hidden_dropout")(x)
    scores = keras.layers.Dense(num_tags, dtype="float32", name="scores")(x)
    return keras.Model(inputs, scores, name=name)
