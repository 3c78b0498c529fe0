"""Words as the inputs of a model: pretrained vectors, sizes, word dropout."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np

from recipes.kit.data.batches import Change, Example
from recipes.kit.data.vectors import embedding_matrix, read_vectors
from recipes.kit.options import WordConfig
from recipes.kit.text import TokenVocabulary, normalize_words

Vectors = Mapping[str, np.ndarray]


def read_word_vectors(config: WordConfig) -> dict[str, np.ndarray] | None:
    """The pretrained vectors of a config, by words as the vocabulary knows them; None without."""
    if config.word_vectors is None:
        return None
    read = read_vectors(config.word_vectors, config.word_vectors_limit)
    vectors: dict[str, np.ndarray] = {}
    for word, vector in zip(normalize_words(list(read)), read.values(), strict=True):
        vectors.setdefault(word, vector)
    return vectors


def word_options(
    config: WordConfig, vocabulary: TokenVocabulary, vectors: Vectors | None
) -> dict[str, Any]:
    """Keyword arguments of a `zoo` model that reads tokens."""
    options = {
        "word_dim": len(next(iter(vectors.values()))) if vectors else config.word_dim,
        "character_dim": config.character_dim,
        "character_filters": config.character_filters,
        **vocabulary.sizes,
    }
    if not config.character_filters:
        options["character_vocabulary_size"] = 0
    return options


def with_vectors(
    model: keras.Model, vocabulary: TokenVocabulary, vectors: Vectors | None, seed: int
) -> keras.Model:
    """The model, whose word embedding starts from the vectors, if there are any."""
    if vectors:
        matrix = embedding_matrix(vocabulary.words, vectors, seed)
        model.get_layer("word_embedding").set_weights([matrix])
    return model


def word_dropout(inputs: Sequence[Example], weight: float) -> Change:
    """Make rare words unknown now and then, so that the model learns to do without them.

    A word seen n times becomes unknown with probability weight / (weight + n)
    (Kiperwasser and Goldberg 2016).
    """
    words, counts = np.unique(np.concatenate([i["words"] for i in inputs]), return_counts=True)
    rate = np.zeros(words.max() + 1)
    rate[words] = weight / (weight + counts)
    rate[:2] = 0

    def change(batch: Example, generator: np.random.Generator) -> Example:
        unknown = generator.random(batch["words"].shape) < rate[batch["words"]]
        return {**batch, "words": np.where(unknown, 1, batch["words"]).astype(np.int32)}

    return change
