"""Text to ids inside the TensorFlow graph, the same for training and for the served model."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import tensorflow as tf

#: Longest part of a word that its character features see; longer ones are mostly links.
MAX_LETTERS = 24

#: Texts that are split at once.
_CHUNK = 1024

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
    found = []
    for start in range(0, len(texts), _CHUNK):
        tokens = tokenize(tf.constant(list(texts[start : start + _CHUNK])))
        if normalized:
            tokens = tokens.with_flat_values(normalize(tokens.flat_values))
        found += [[token.decode() for token in row] for row in tokens.to_list()]
    return found


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
        words = Counter(normalize_words(tokens))
        letters = Counter(letter for token in tokens for letter in token)
        repeated = [letter for letter, count in letters.most_common() if count > 1]
        known = dict.fromkeys(word for word, _ in words.most_common(limit))
        return cls(
            words=tuple(known | dict.fromkeys(extra_words)),
            characters=tuple(repeated or letters),
        )

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
        self.lookups = [
            keras.layers.StringLookup(vocabulary=list(entries), mask_token="")
            for entries in (vocabulary.words, vocabulary.characters)
        ]
        for lookup in self.lookups:
            lookup.build((None,))

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
