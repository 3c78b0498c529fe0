"""Tokens and ids inside the graph."""

from __future__ import annotations

import pytest
import tensorflow as tf

from recipes.kit.text import MAX_LETTERS, TokenEncoder, TokenVocabulary, normalize, tokenize


@pytest.mark.parametrize(
    ("sentence", "tokens"),
    [
        ("Virat Kohli plays for India.", "Virat Kohli plays for India ."),
        ("She's in the U.S. now", "She 's in the U.S. now"),
        ("Miles O'Brien won 6-4, 3.5% more!", "Miles O'Brien won 6-4 , 3.5 % more !"),
        ("see https://a.b/c?d=1 @ada #rnn_1", "see https://a.b/c?d=1 @ada #rnn_1"),
        ("state-of-the-art... (really)", "state-of-the-art ... ( really )"),
        ("  Zürich\u00a0und\tŁódź\n東京  ", "Zürich und Łódź 東京"),
        ("“quoted”", "“ quoted ”"),
        ("é decomposed e\u0301t", "é decomposed e\u0301t"),
        ("", ""),
    ],
)
def test_tokenize(sentence, tokens):
    got = tokenize(tf.constant([sentence]))[0].numpy()
    assert [token.decode() for token in got] == tokens.split()


def test_no_character_is_lost():
    sentence = "Dr. Zoë O'Hara-Smith's e-mail: zoe@example.org — 50€, „so“ & <b>…"
    got = b"".join(tokenize(tf.constant([sentence]))[0].numpy()).decode()
    assert got == "".join(sentence.split())


def test_normalize():
    got = normalize(tf.constant(["ÄRGER", "B2B-2024", "٣"])).numpy()
    assert [word.decode() for word in got] == ["ärger", "b0b-0000", "0"]


def vocabulary() -> TokenVocabulary:
    return TokenVocabulary.of([["Anna", "saw", "anna"], ["saw", "Bob"], ["anna"]], ["extra", "bob"])


def test_vocabulary_is_ordered_by_frequency_and_has_the_extra_words():
    assert vocabulary().words == ("anna", "saw", "bob", "extra")
    assert vocabulary().characters[0] == "a"
    assert "B" not in vocabulary().characters  # seen once: unknown
    assert vocabulary().sizes["vocabulary_size"] == 6


def test_encoder():
    encoder = TokenEncoder(vocabulary())
    ids = encoder(tf.constant([["ANNA", "never", ""], ["bob", "", ""]]))
    assert ids["words"].numpy().tolist() == [[2, 1, 0], [4, 0, 0]]
    letters = ids["characters"].numpy()
    assert letters.shape == (2, 3, 6)
    assert (letters[0, 2] == 0).all()
    assert (letters[0, 0] > 0).sum() == 4


def test_long_words_are_cut():
    ids = TokenEncoder(vocabulary())(tf.constant([["a" * 1000]]))
    assert (ids["characters"].numpy() > 0).sum() == MAX_LETTERS


@pytest.mark.parametrize("shape", [(0, 0), (0, 2), (2, 0), (2, 3)])
def test_nothing_but_padding(shape):
    ids = TokenEncoder(vocabulary())(tf.fill(shape, ""))
    assert ids["words"].shape == shape
    assert ids["characters"].shape == (*shape, 1)
    assert not ids["characters"].numpy().any()
