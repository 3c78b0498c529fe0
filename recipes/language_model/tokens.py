"""Running text to the ids of its characters or words, and back, inside the graph."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain

import tensorflow as tf

from recipes.kit.text import PieceTable
from recipes.kit.vocabulary import Level, Vocabulary, most_frequent

#: The token of a line break among words.
NEWLINE = "\u23ce"


def learn_tokens(texts: Iterable[str], level: Level, limit: int | None) -> Vocabulary:
    """The tokens of training texts, the most frequent first, at most `limit` of them."""
    tokens = chain.from_iterable(split_text(text, level) for text in texts)
    return Vocabulary(level, most_frequent(tokens, limit))


def split_text(text: str, level: Level) -> Sequence[str]:
    """The tokens of a text, as the graph splits it."""
    return text if level == "character" else text.replace("\n", f" {NEWLINE} ").split()


class TextTokens(PieceTable):
    """Between texts and the ids of their tokens. Unknown tokens have no text."""

    def decode(self, ids: tf.Tensor) -> tf.Tensor:
        """Texts (batch,) of ids (batch, time); words have single blanks between them."""
        tokens = self.pieces_of(ids)
        if self.vocabulary.level == "character":
            return tf.strings.reduce_join(tokens, axis=1)
        joined = tf.strings.strip(tf.strings.reduce_join(tokens, axis=1, separator=" "))
        return tf.strings.regex_replace(joined, f" ?{NEWLINE} ?", "\n")

    def _split(self, texts: tf.Tensor) -> tf.RaggedTensor:
        if self.vocabulary.level == "character":
            return tf.strings.unicode_split(texts, "UTF-8")
        return tf.strings.split(tf.strings.regex_replace(texts, "\n", f" {NEWLINE} "))
