"""Sentences to the ids of words, parts of words or characters, and back, inside the graph."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import tensorflow as tf
from tokenizers import Tokenizer
from tokenizers.models import WordPiece
from tokenizers.pre_tokenizers import WhitespaceSplit
from tokenizers.trainers import WordPieceTrainer

from recipes.kit.text import PieceTable, chunks
from recipes.kit.vocabulary import Level, Vocabulary, most_frequent

#: Before a word or part of one: a sentence starts here, or a blank was here.
MARK = "\u2581"

#: What an unknown piece is in a text.
UNKNOWN = "\u2047"

# Blanks of every kind, line breaks and control characters.
_BLANKS = r"[\pZ\p{Cc}]+"

# A run of letters, marks and digits, a command of LaTeX, or any other character alone, and the mark
# in front of it.
_WORD = rf"{MARK}?(?:[\pL\pM\pN]+|\\[A-Za-z]+|[^{MARK}])"


def split_words(texts: tf.Tensor) -> tf.RaggedTensor:
    """Split sentences into words and punctuation, each with its mark where it has one.

    Args:
        texts: (batch,) UTF-8 strings. A mark in them becomes "_".

    Returns:
        (batch, None) ragged strings. Joined, with a blank for each mark, they are the text.
    """
    texts = tf.strings.regex_replace(_single_blanks(texts), MARK, "_")
    marked = tf.strings.regex_replace(texts, "^(.)| ", rf"{MARK}\1")
    return tf.strings.split(tf.strings.regex_replace(marked, f"({_WORD})", r"\1 "))


def split_characters(texts: tf.Tensor) -> tf.RaggedTensor:
    """Split sentences (batch,) into characters (batch, None), single blanks among them."""
    return tf.strings.unicode_split(_single_blanks(texts), "UTF-8")


def _single_blanks(texts: tf.Tensor) -> tf.Tensor:
    valid = tf.strings.unicode_transcode(texts, "UTF-8", "UTF-8")
    return tf.strings.strip(tf.strings.regex_replace(valid, _BLANKS, " "))


def learn_pieces(texts: Iterable[str], level: Level, limit: int | None) -> Vocabulary:
    """The pieces of training sentences: the same for the same texts in the same order.

    Args:
        texts: Raw sentences.
        level: What a piece is. Words and characters are ordered by frequency, the most frequent
            first. Parts of words are the characters, then what merging frequent neighbours makes,
            without what occurs only once.
        limit: Know at most this many pieces; None is no limit.
    """
    if level == "subword":
        return Vocabulary(level, _learn_subwords(texts, limit))
    split = split_characters if level == "character" else split_words
    pieces = (piece for chunk in chunks(texts) for piece in split(chunk).flat_values.numpy())
    return Vocabulary(level, tuple(piece.decode() for piece in most_frequent(pieces, limit)))


def _learn_subwords(texts: Iterable[str], limit: int | None) -> tuple[str, ...]:
    lines = []
    for chunk in chunks(texts):
        spaced = tf.strings.reduce_join(split_words(chunk), axis=1, separator=" ")
        lines += [line.decode() for line in spaced.numpy()]
    letters = (letter for line in lines for letter in line if letter != " ")
    known = {" ", *most_frequent(letters, limit, repeated=True)}
    # The library makes room for as many as it may find: no more than letters and merges of them.
    most = 2 * sum(map(len, {word for line in lines for word in line.split(" ")}))
    learner = Tokenizer(WordPiece(continuing_subword_prefix=""))
    learner.pre_tokenizer = WhitespaceSplit()
    trainer = WordPieceTrainer(
        vocab_size=min(limit or most, most),
        min_frequency=2,
        show_progress=False,
        special_tokens=[],
        continuing_subword_prefix="",
    )
    learner.train_from_iterator(
        ("".join(letter if letter in known else " " for letter in line) for line in lines), trainer
    )
    ids = learner.get_vocab()
    return tuple(sorted(ids, key=ids.__getitem__))


class SentencePieces(PieceTable):
    """Between sentences and the ids of their pieces."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        # An unknown word mostly had a blank in front.
        super().__init__(vocabulary, MARK + UNKNOWN if vocabulary.level == "word" else UNKNOWN)
        self._level = vocabulary.level
        self._longest = max(map(len, vocabulary.pieces), default=0)

    def decode(self, ids: tf.Tensor) -> tf.Tensor:
        """Sentences (batch,) of ids (batch, time), with single blanks."""
        joined = tf.strings.reduce_join(self.pieces_of(ids), axis=1)
        blanks = " +" if self._level == "character" else f"[ {MARK}]+"
        return tf.strings.strip(tf.strings.regex_replace(joined, blanks, " "))

    def _split(self, texts: tf.Tensor) -> tf.RaggedTensor:
        if self._level == "character":
            return split_characters(texts)
        words = split_words(texts)
        if self._level == "word":
            return words
        distinct, places = tf.unique(words.flat_values)
        return words.with_values(tf.gather(self._cut(distinct), places)).merge_dims(1, 2)

    def _cut(self, words: tf.Tensor) -> tf.RaggedTensor:
        """Cut words (count,) into the longest known pieces (count, None), from the left. Where no
        known piece starts, a character is one."""
        letters = tf.strings.unicode_split(words, "UTF-8")
        rows = letters.nrows()
        # All words in a row, each with a blank behind it, which no piece contains.
        ended = tf.concat([letters, tf.fill([rows, 1], " ")], axis=1)
        lengths = self._longest_from_each(ended.flat_values)
        starts = ended.row_starts()

        def follow(places: Any, is_start: Any) -> Any:
            is_start = tf.tensor_scatter_nd_update(
                is_start, places[:, None], tf.ones_like(places, tf.bool)
            )
            places += tf.cast(tf.gather(lengths, places), tf.int64)
            return places[tf.gather(ended.flat_values, places) != " "], is_start

        _, is_start = tf.while_loop(
            lambda places, _: tf.size(places) > 0,
            follow,
            (starts, tf.zeros_like(lengths, tf.bool)),
            shape_invariants=(tf.TensorShape([None]), tf.TensorShape([None])),
        )
        is_start = is_start[ended.flat_values != " "]
        pieces = tf.RaggedTensor.from_row_starts(letters.flat_values, tf.where(is_start)[:, 0])
        counts = tf.reduce_sum(tf.cast(letters.with_values(is_start), tf.int64), axis=1)
        return tf.RaggedTensor.from_row_lengths(tf.strings.reduce_join(pieces, axis=1), counts)

    def _longest_from_each(self, letters: tf.Tensor) -> tf.Tensor:
        """The length of the longest known piece that starts at each of the letters, at least 1."""

        def lengthen(length: Any, rest: Any, text: Any, lengths: Any) -> Any:
            rest = tf.concat([rest, [" "]], axis=0)[1:]
            text = tf.strings.join([text, rest])
            lengths = tf.where(self.ids_of(text) > 1, length, lengths)
            return length + 1, rest, text, lengths

        strings = tf.TensorShape([None])
        *_, lengths = tf.while_loop(
            lambda length, *_: length <= self._longest,
            lengthen,
            (tf.constant(2), letters, letters, tf.ones_like(letters, tf.int32)),
            shape_invariants=(tf.TensorShape([]), strings, strings, strings),
        )
        return lengths
