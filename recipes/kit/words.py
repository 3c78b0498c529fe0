"""Words as the inputs of a model: options, pretrained vectors, word dropout."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np

from recipes.kit.data.batches import Change, Example
from recipes.kit.data.vectors import embedding_matrix, read_vectors
from recipes.kit.options import RunConfig
from recipes.kit.text import TokenVocabulary, normalize_words

Vectors = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class WordConfig(RunConfig):
    """How words become vectors."""

    word_dim: int = 64
    """Width of the word embedding (that of --word-vectors where they are given)."""
    character_dim: int = 25
    """Width of the character embedding."""
    character_filters: int = 50
    """Width of the character features; 0 = words only."""
    word_dropout: float = 0.5
    """In training, a word seen n times becomes unknown with probability w / (w + n)."""
    word_vectors: Path | None = None
    """Text file of pretrained vectors (GloVe, word2vec, fastText), gzipped or not."""
    word_vectors_limit: int | None = 100_000
    """Read at most this many vectors from the file, which has frequent words first."""

    def __post_init__(self) -> None:
        super().__post_init__()
        for field in ("word_dim", "character_dim"):
            self.require(getattr(self, field) >= 1, field, "at least 1")
        limit = self.word_vectors_limit
        self.require(limit is None or limit >= 1, "word_vectors_limit", "at least 1")
        for field in ("character_filters", "word_dropout"):
            self.require(getattr(self, field) >= 0, field, "at least 0")

    def read_word_vectors(self) -> dict[str, np.ndarray] | None:
        """The pretrained vectors, by words as the vocabulary knows them."""
        if self.word_vectors is None:
            return None
        read = read_vectors(self.word_vectors, self.word_vectors_limit)
        vectors: dict[str, np.ndarray] = {}
        for word, vector in zip(normalize_words(list(read)), read.values(), strict=True):
            vectors.setdefault(word, vector)
        return vectors

    def word_options(self, vocabulary: TokenVocabulary, vectors: Vectors | None) -> dict[str, Any]:
        """Keyword arguments of a `zoo` model that reads tokens."""
        options = {
            "word_dim": len(next(iter(vectors.values()))) if vectors else self.word_dim,
            "character_dim": self.character_dim,
            "character_filters": self.character_filters,
            **vocabulary.sizes,
        }
        if not self.character_filters:
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
