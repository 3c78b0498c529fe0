"""Words and their characters as vectors: the inputs of every model that reads tokens."""

from __future__ import annotations

from typing import Any, TypedDict

import keras
from keras import ops

from zoo.recurrent import StackOptions


class TokenOptions(TypedDict, total=False):
    """Options of a model that reads words and their characters.

    Attributes:
        vocabulary_size: Number of word ids, 0 (padding) included. Defaults to `10_000`.
        word_dim: Width of the word embedding. Defaults to `100`.
        character_vocabulary_size: Number of character ids, 0 (padding) included; 0 for no
            characters. Defaults to `100`, unless the model says otherwise.
        character_dim: Width of the character embedding. Defaults to `25`.
        character_filters: Width of the character features. Defaults to `50`.
        character_width: Number of characters each filter sees. Defaults to `3`.
    """

    vocabulary_size: int
    word_dim: int
    character_vocabulary_size: int
    character_dim: int
    character_filters: int
    character_width: int


class TokenStackOptions(TokenOptions, StackOptions, total=False):
    """Options of a model with a recurrent stack over tokens: `TokenOptions` and `StackOptions`."""


def split_options(options: TokenStackOptions) -> tuple[TokenOptions, StackOptions]:
    """Split options into those of the tokens and those of the stack."""
    tokens: Any = {name: x for name, x in options.items() if name in TokenOptions.__annotations__}
    stack: Any = {name: x for name, x in options.items() if name not in tokens}
    return tokens, stack


def token_features(
    *,
    vocabulary_size: int = 10_000,
    word_dim: int = 100,
    character_vocabulary_size: int = 100,
    character_dim: int = 25,
    character_filters: int = 50,
    character_width: int = 3,
) -> tuple[dict[str, keras.KerasTensor], keras.KerasTensor, keras.KerasTensor]:
    """Word embeddings, concatenated with a character convolution, and the mask of real tokens.

    The characters of each word are embedded, convolved, rectified and reduced by their maximum over
    the word, as in Ma and Hovy (2016). Padding is zeroed after the rectifier, so it never wins the
    maximum, and the size of the character axis does not matter.

    The arguments are those of `TokenOptions`.

    Returns:
        Inputs by name: `words` (batch, time) and, if there are characters, `characters`
        (batch, time, letters), int32 ids, 0 = padding; features
        (batch, time, word_dim + character_filters); and the mask (batch, time).
    """
    inputs = {"words": keras.Input((None,), dtype="int32", name="words")}
    if character_vocabulary_size:
        inputs["characters"] = keras.Input((None, None), dtype="int32", name="characters")
    words = inputs["words"]
    mask = ops.not_equal(words, 0)
    x = token_embedding(vocabulary_size, word_dim, "word_embedding")(words)
    if "characters" not in inputs:
        return inputs, x, mask
    letters = inputs["characters"]
    real = ops.expand_dims(ops.not_equal(letters, 0), -1)
    y = token_embedding(character_vocabulary_size, character_dim, "character_embedding")(letters)
    y = ops.where(real, y, ops.zeros_like(y))
    # A two-dimensional convolution of height one is a one-dimensional one at every time step. There
    # is always a row more, as TensorFlow's convolution of no rows has the wrong shape on a CPU.
    y = ops.pad(y, ((1, 0), (0, 0), (0, 0), (0, 0)))
    y = keras.layers.Conv2D(
        character_filters,
        (1, character_width),
        padding="same",
        activation="relu",
        name="character_convolution",
    )(y)[1:, :]
    y = ops.max(ops.where(real, y, ops.zeros_like(y)), axis=2)
    return inputs, keras.layers.Concatenate(name="token_features")([x, y]), mask


def token_embedding(size: int, dim: int, name: str = "embedding") -> keras.layers.Embedding:
    """An embedding initialised by `unit_norm`."""
    return keras.layers.Embedding(size, dim, embeddings_initializer=unit_norm(dim), name=name)


def unit_norm(dim: int) -> keras.initializers.Initializer:
    """Initialiser of vectors with a mean squared norm of 1, as in Ma and Hovy (2016).

    Keras's default, uniform within 0.05, is far smaller than the weights applied to them.
    """
    bound = (3 / dim) ** 0.5
    return keras.initializers.RandomUniform(-bound, bound)
