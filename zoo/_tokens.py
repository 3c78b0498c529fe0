"""Words and their characters as vectors: the input side of every model that reads tokens."""

from __future__ import annotations

import keras
from keras import ops


def token_inputs(character_vocabulary_size: int) -> dict[str, keras.KerasTensor]:
    """The inputs of a token model by name.

    Returns:
        `words`: (batch, time) int32, word ids, 0 = padding. `characters`: (batch, time, letters)
        int32, character ids, 0 = padding; absent when `character_vocabulary_size` is 0.
    """
    inputs = {"words": keras.Input((None,), dtype="int32", name="words")}
    if character_vocabulary_size:
        inputs["characters"] = keras.Input((None, None), dtype="int32", name="characters")
    return inputs


def token_features(
    inputs: dict[str, keras.KerasTensor],
    *,
    vocabulary_size: int,
    word_dim: int,
    character_vocabulary_size: int,
    character_dim: int,
    character_filters: int,
    character_width: int,
) -> tuple[keras.KerasTensor, keras.KerasTensor]:
    """Word embeddings beside a character convolution, and the mask of real tokens.

    Each word's letters are embedded, convolved, rectified and reduced by their maximum over the
    word, as in Ma and Hovy (2016). Padding letters are zeroed after the rectifier, so they never
    win the maximum and the width of the letter axis does not matter.

    Returns:
        Features (batch, time, word_dim + character_filters) and mask (batch, time).
    """
    words = inputs["words"]
    mask = ops.not_equal(words, 0)
    x = _embedding(vocabulary_size, word_dim, "word_embedding")(words)
    if "characters" not in inputs:
        return x, mask
    letters = inputs["characters"]
    real = ops.expand_dims(ops.not_equal(letters, 0), -1)
    y = _embedding(character_vocabulary_size, character_dim, "character_embedding")(letters)
    y = ops.where(real, y, ops.zeros_like(y))
    # A two-dimensional convolution of height one is the one-dimensional one at every time step.
    y = keras.layers.Conv2D(
        character_filters,
        (1, character_width),
        padding="same",
        activation="relu",
        name="character_convolution",
    )(y)
    y = ops.max(ops.where(real, y, ops.zeros_like(y)), axis=2)
    return keras.layers.Concatenate(name="token_features")([x, y]), mask


def _embedding(size: int, dim: int, name: str) -> keras.layers.Layer:
    """An embedding whose vectors start with a mean squared norm of 1, as in Ma and Hovy (2016).

    Keras's default, uniform within 0.05, starts them far smaller than the weights they meet.
    """
    bound = (3 / dim) ** 0.5
    start = keras.initializers.RandomUniform(-bound, bound)
    return keras.layers.Embedding(size, dim, embeddings_initializer=start, name=name)
