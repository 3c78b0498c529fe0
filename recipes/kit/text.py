"""Text to ids inside the TensorFlow graph, the same for training and for the served model."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from recipes.kit.vocabulary import BOUNDARY, Vocabulary, most_frequent

#: Longest part of a word that its character features see; longer ones are mostly links.
MAX_LETTERS = 24

#: Texts that are split at once.
_CHUNK = 1024

_TEXTS = tf.TensorSpec([None], tf.string, name="texts")

# Tokens of running text, first match wins: links, names with an inner apostrophe (O'Brien),
# mentions and hashtags, abbreviations (U.S.), numbers (3.50, 2-1), words with hyphens,
# clitics ('s), runs of dots, and any other character alone.
_TOKEN = "|".join(
    (
        r"https?://\S+",
        r"www\.\S+",
        r"\pL'\p{Lu}[\pL\pM]+",
        r"[@#][\pL\pM\pN_]+",
        r"(?:\pL\.){2,}",
        r"\pN+(?:[.,:/-]\pN+)*",
        r"[\pL\pM\pN_]+(?:-[\pL\pM\pN_]+)*",
        r"['’]\pL+",
        r"\.{2,}",
        r"\S",
    )
)


def tokenize(sentences: tf.Tensor) -> tf.RaggedTensor:
    """Split raw sentences into words and punctuation.

    Args:
        sentences: (batch,) UTF-8 strings.

    Returns:
        (batch, None) ragged strings.
    """
    spaced = tf.strings.regex_replace(sentences, r"[\s\pZ]", " ")
    return tf.strings.split(tf.strings.regex_replace(spaced, f"({_TOKEN})", r"\1 "))


def normalize(tokens: Any) -> Any:
    """Words as the vocabulary knows them: lower case, every digit a 0."""
    return tf.strings.regex_replace(tf.strings.lower(tokens, encoding="utf-8"), r"\pN", "0")


def normalize_words(words: Sequence[str]) -> list[str]:
    """`normalize` for a list of words, in Python's strings."""
    return [word.decode() for word in normalize(tf.constant(list(words), tf.string)).numpy()]


def split_texts(texts: Sequence[str], *, normalized: bool = False) -> list[list[str]]:
    """`tokenize` for a list of texts, in Python's strings.

    Args:
        texts: Raw texts.
        normalized: Whether words are given as the vocabulary knows them.
    """
    rows = []
    for chunk in chunks(texts):
        tokens = tokenize(chunk)
        if normalized:
            tokens = tokens.with_flat_values(normalize(tokens.flat_values))
        rows += [[token.decode() for token in row] for row in tokens.to_list()]
    return rows


def chunks(texts: Iterable[str]) -> Iterator[tf.Tensor]:
    """Texts as tensors of as many as are processed at once."""
    remaining = iter(texts)
    while chunk := list(islice(remaining, _CHUNK)):
        yield tf.constant(chunk)


def id_lookup(entries: Sequence[str]) -> keras.layers.StringLookup:
    """A layer from strings to ids: 0 for "", 1 for the unknown, then the entries in order."""
    lookup = keras.layers.StringLookup(vocabulary=list(entries), mask_token="")
    lookup.build((None,))
    return lookup


@dataclass(frozen=True)
class TokenVocabulary:
    """The words and characters a model knows, most frequent first. Ids 0 and 1 are padding and
    unknown, so the first entry has id 2."""

    words: tuple[str, ...]
    characters: tuple[str, ...]

    @classmethod
    def of(
        cls,
        sentences: Iterable[Sequence[str]],
        extra_words: Iterable[str] = (),
        limit: int | None = None,
    ) -> TokenVocabulary:
        """Collect the vocabulary of training sentences.

        Args:
            sentences: Tokens of each sentence.
            extra_words: Further words to know, already normalised (those with pretrained vectors).
            limit: Know at most this many words of the sentences, the most frequent ones.
        """
        tokens = [token for sentence in sentences for token in sentence]
        known = dict.fromkeys(most_frequent(normalize_words(tokens), limit))
        letters = (letter for token in tokens for letter in token)
        return cls(
            words=tuple(known | dict.fromkeys(extra_words)),
            characters=most_frequent(letters, repeated=True),
        )

    @classmethod
    def kept(cls, record: Mapping[str, Any]) -> TokenVocabulary:
        """The vocabulary in what a run left beside its model."""
        return cls(tuple(record["words"]), tuple(record["characters"]))

    @property
    def sizes(self) -> dict[str, int]:
        """Sizes of the embeddings, as `zoo` models take them."""
        return {
            "vocabulary_size": len(self.words) + 2,
            "character_vocabulary_size": len(self.characters) + 2,
        }


class TokenEncoder:
    """Tokens to word ids and character ids.

    Attributes:
        lookups: The lookup layers, to be tracked by what is exported.
    """

    def __init__(self, vocabulary: TokenVocabulary) -> None:
        self.lookups = [id_lookup(vocabulary.words), id_lookup(vocabulary.characters)]

    def __call__(self, tokens: tf.Tensor) -> dict[str, tf.Tensor]:
        """Encode (batch, time) tokens, "" = padding.

        Returns:
            `words` (batch, time) and `characters` (batch, time, letters), int32, 0 = padding.
        """
        word_lookup, letter_lookup = self.lookups
        shape = tf.shape(tokens)
        letters = tf.strings.unicode_split(tf.reshape(tokens, [-1]), "UTF-8")
        # One letter of padding more: where all is padding there would be no axis to look along.
        letters = tf.pad(
            letters[:, :MAX_LETTERS].to_tensor(""), [[0, 0], [0, 1]], constant_values=""
        )
        letters = tf.reshape(letters, (shape[0], shape[1], tf.shape(letters)[1]))
        return {
            "words": tf.cast(word_lookup(normalize(tokens)), tf.int32),
            "characters": tf.cast(letter_lookup(letters), tf.int32),
        }


class PieceTable:
    """Between texts and the ids of a vocabulary, inside `tf.function` or not.

    A subclass says how texts are split (`_split`) and how pieces are joined again (`decode`).

    Args:
        vocabulary: The pieces.
        unknown: What an unknown piece is in a text.

    Attributes:
        vocabulary: The pieces.
        encode: From texts (batch,) to ids (batch, None), ragged int32, without boundaries.
        split: From texts (batch,) to their pieces (batch, None), ragged strings, unknown ones as
            they stand there.
    """

    def __init__(self, vocabulary: Vocabulary, unknown: str = "") -> None:
        self.vocabulary = vocabulary
        self._lookup = id_lookup([BOUNDARY, *vocabulary.pieces])
        self._texts = tf.constant(["", unknown, "", *vocabulary.pieces])
        self.encode = tf.function(self._encode, input_signature=[_TEXTS])
        self.split = tf.function(self._split, input_signature=[_TEXTS])

    @property
    def resources(self) -> list[Any]:
        """What an export has to keep."""
        return [self._lookup]

    def encode_all(self, texts: Iterable[str]) -> list[np.ndarray]:
        """Ids of each text, without boundaries."""
        rows: list[np.ndarray] = []
        for chunk in chunks(texts):
            ids = self.encode(chunk)
            rows += np.split(ids.flat_values.numpy(), ids.row_splits.numpy()[1:-1])
        return rows

    def split_all(self, texts: Iterable[str]) -> Iterator[list[str]]:
        """Pieces of each text, unknown ones as they stand there."""
        for chunk in chunks(texts):
            for row in self.split(chunk).to_list():
                yield [piece.decode() for piece in row]

    def decode(self, ids: tf.Tensor) -> tf.Tensor:
        """Texts (batch,) of ids (batch, time); padding and boundaries have no text."""
        raise NotImplementedError

    def ids_of(self, pieces: tf.Tensor) -> tf.Tensor:
        """The id of each piece, int32; of the same shape."""
        return tf.cast(self._lookup(pieces), tf.int32)

    def pieces_of(self, ids: tf.Tensor) -> tf.Tensor:
        """The piece of each id, "" for padding and boundaries; of the same shape."""
        return tf.gather(self._texts, ids)

    def _encode(self, texts: tf.Tensor) -> tf.RaggedTensor:
        pieces = self._split(texts)
        return pieces.with_flat_values(self.ids_of(pieces.flat_values))

    def _split(self, texts: tf.Tensor) -> tf.RaggedTensor:
        raise NotImplementedError
