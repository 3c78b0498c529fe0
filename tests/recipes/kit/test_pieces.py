"""Sentences to ids and back: nothing is lost, and subwords are cut as their library cuts them."""

from __future__ import annotations

import json
import random
import re
import subprocess
import sys
from pathlib import Path

import pytest
import tensorflow as tf
from tokenizers.models import WordPiece

from recipes.kit.export import Endpoint, save_saved_model
from recipes.kit.pieces import MARK, UNKNOWN, SentencePieces, learn_pieces
from recipes.kit.vocabulary import BOUNDARY_ID, Vocabulary, most_frequent

LEVELS = ("word", "subword", "character")

TEXTS = [
    "Hello, hello world! It's 3.50 €.",
    "  Va\u202f!\u3000E\u0301te\u0301 \t (déjà)\x85\x1e vu\n",
    "東京に行く。 Привет, мир — नमस्ते दुनिया",
    "\U0001f468\u200d\U0001f469\u200d\U0001f467 ok \U0001f1ee\U0001f1f3!! a_b \\1 \x00 \x07",
    "",
    " \t\u00a0 ",
    "(hello)",
]

#: Runs where importing Keras or any package of ours, or the library of subwords, fails.
ALONE = """
import json, sys
for name in ("keras", "custom_layers", "zoo", "recipes", "tokenizers"):
    sys.modules[name] = None
import tensorflow as tf
served = tf.saved_model.load(sys.argv[1]).signatures
texts = tf.constant(json.loads(sys.argv[2]))
answers = {}
for level in ("word", "subword", "character"):
    found = served[f"encode_{level}"](texts=texts)
    decoded = served[f"decode_{level}"](ids=found["ids"])["texts"]
    answers[level] = {
        "ids": found["ids"].numpy().tolist(),
        "pieces": [[piece.decode() for piece in row] for row in found["pieces"].numpy()],
        "texts": [text.decode() for text in decoded.numpy()],
    }
print(json.dumps(answers))
"""


def table_of(texts: list[str], level: str, limit: int | None = None) -> SentencePieces:
    return SentencePieces(learn_pieces(texts, level, limit))


def strings(found: tf.RaggedTensor) -> list[list[str]]:
    return [[piece.decode() for piece in row] for row in found.to_list()]


def texts_of(found: tf.Tensor) -> list[str]:
    return [text.decode() for text in found.numpy()]


def random_texts(seed: int, count: int) -> list[str]:
    """Words of a few syllables in several scripts, signs and blanks between them."""
    rng = random.Random(seed)
    alphabets = ["abcde", "éèü\u0301\u0308", "привет", "नमस्ते", "東京都に", "אבגד", "0123456789"]
    alphabets += ["\U0001f600\U0001f1ee\U0001f468\u200d", ".,;-'’«»¿_" + MARK, " \u00a0"]
    texts = []
    for _ in range(count):
        parts = []
        for _ in range(rng.randint(0, 12)):
            letters = rng.choice(alphabets)
            parts += rng.choices(letters, k=rng.randint(1, 9))
            parts.append(rng.choice(["", " ", "  "]))
        texts.append("".join(parts))
    return texts


def plain(text: str) -> str:
    """With single blanks, and no control characters."""
    return " ".join(re.sub(r"[\x00-\x1f\x7f-\x9f]", " ", text).split())


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("Hello,  world!", ["▁Hello", ",", "▁world", "!"]),
        ("it's (3.5)", ["▁it", "'", "s", "▁(", "3", ".", "5", ")"]),
        ("e\u0301t\u00e9 नमस्ते 東京", ["▁e\u0301t\u00e9", "▁नमस्ते", "▁東京"]),
        ("a▁b ▁", ["▁a", "_", "b", "▁_"]),
        ("--", ["▁-", "-"]),
    ],
)
def test_words(text: str, pieces: list[str]) -> None:
    assert strings(table_of([], "word").split(tf.constant([text]))) == [pieces]


@pytest.mark.parametrize("level", LEVELS)
def test_the_text_comes_back_with_single_blanks(level: str) -> None:
    texts = TEXTS + random_texts(0, 200)
    known = table_of(texts * 2, level)  # twice: a character that occurs once is no subword
    for table in (known, table_of([], level)):
        split = table.split(tf.constant(texts))
        for text, pieces in zip(texts, strings(split), strict=True):
            if level == "character":
                assert pieces == list(plain(text))
            else:
                joined = "".join(pieces).replace(MARK, " ").removeprefix(" ")
                assert joined == plain(text).replace(MARK, "_")
    ids = known.encode(tf.constant(texts))
    assert ids.dtype == tf.int32 and int(tf.reduce_min(ids.flat_values)) >= 3
    assert strings(known.split(tf.constant(texts))) == strings(
        ids.with_flat_values(known.pieces_of(ids.flat_values))
    )
    expected = [plain(text) for text in texts]
    if level != "character":
        expected = [text.replace(MARK, "_") for text in expected]
    assert texts_of(known.decode(ids.to_tensor())) == expected


@pytest.mark.parametrize("limit", [40, 150, 400, None])
def test_subwords_are_those_of_the_library(limit: int | None) -> None:
    """Between unknown characters, where it would give up the whole word."""
    vocabulary = learn_pieces(random_texts(1, 300), "subword", limit)
    assert limit is None or len(vocabulary.pieces) <= limit
    assert len({*vocabulary.pieces}) == len(vocabulary.pieces)
    names = {piece: index for index, piece in enumerate([*vocabulary.pieces, "[UNK]"])}
    library = WordPiece(
        names, unk_token="[UNK]", continuing_subword_prefix="", max_input_chars_per_word=10_000
    )
    texts = random_texts(2, 300) + ["a" * 3000, "ab" * 500 + "ж☃" * 20]
    words = strings(table_of([], "word").split(tf.constant(texts)))
    expected = []
    for row in words:
        cut: list[str] = []
        for word in row:
            run = ""
            for letter in word:
                if letter in names:
                    run += letter
                    continue
                cut += [token.value for token in library.tokenize(run)] if run else []
                cut.append(letter)
                run = ""
            cut += [token.value for token in library.tokenize(run)] if run else []
        expected.append(cut)
    table = SentencePieces(vocabulary)
    assert strings(table.split(tf.constant(texts))) == expected
    numbers = {piece: index for index, piece in enumerate(vocabulary.pieces, start=3)}
    ids = table.encode(tf.constant(texts)).to_list()
    assert ids == [[numbers.get(piece, 1) for piece in row] for row in expected]
    assert any(1 in row for row in ids)


def test_subwords_are_longest_first_even_where_shorter_ones_are_unknown() -> None:
    table = SentencePieces(Vocabulary("subword", ("abcd", "ab", MARK, "c")))
    cut = strings(table.split(tf.constant(["abcdab abcab d"])))
    assert cut == [[MARK, "abcd", "ab", MARK, "ab", "c", "ab", MARK, "d"]]
    assert table.encode(tf.constant(["abc d"])).to_list() == [[5, 4, 6, 5, 1]]


def test_vocabularies() -> None:
    texts = ["b b b a a c", "a (b)"]
    words = learn_pieces(texts, "word", None)
    assert words.pieces == ("▁b", "▁a", "▁c", "▁(", "b", ")")
    assert words.count == 9
    assert learn_pieces(iter(texts), "word", 2).pieces == ("▁b", "▁a")
    assert learn_pieces(texts, "character", 3).pieces == (" ", "b", "a")
    parts = learn_pieces(["lower lowest low"] * 3 + ["x"], "subword", None).pieces
    assert {MARK, "▁low", "▁lower", "▁lowest"} < {*parts}
    assert "x" not in parts  # seen once
    assert learn_pieces(["lower lowest low"] * 3, "subword", 4).pieces == ("l", "o", "w", MARK)


def test_the_most_frequent_come_first_and_the_first_seen_of_equals() -> None:
    assert most_frequent("cabbaac") == ("a", "c", "b")
    assert most_frequent(iter("cabba"), 2) == ("a", "b")
    assert most_frequent("cabba", repeated=True) == ("a", "b")
    assert most_frequent("cab", repeated=True) == ("c", "a", "b")
    assert most_frequent("") == ()


def test_subwords_do_not_join_what_an_unknown_character_parts() -> None:
    texts = [f"a{chr(0x3041 + index)}b" for index in range(50)]
    assert {*learn_pieces(texts, "subword", None).pieces} == {MARK, "a", "b", "▁a"}


def test_the_same_vocabulary_in_every_process() -> None:
    code = (
        "import sys; sys.path[:0] = sys.argv[1:]\n"
        "from recipes.kit.pieces import learn_pieces\n"
        "from test_pieces import random_texts\n"
        "print(ascii(learn_pieces(random_texts(1, 300), 'subword', 400).pieces))"
    )
    here = Path(__file__).parent
    done = subprocess.run(
        [sys.executable, "-c", code, str(here.parents[1]), str(here)],
        capture_output=True,
        text=True,
        check=True,
    )
    pieces = learn_pieces(random_texts(1, 300), "subword", 400).pieces
    assert done.stdout.splitlines()[-1] == ascii(pieces)


@pytest.mark.parametrize(
    ("level", "unknown"),
    [("word", f" {UNKNOWN}"), ("subword", f" {UNKNOWN * 3}"), ("character", f" {UNKNOWN * 3}")],
)
def test_what_is_unknown_is_seen(level: str, unknown: str) -> None:
    table = table_of(["the cat!"] * 2, level)
    ids = table.encode(tf.constant(["the dog cat!"]))
    assert texts_of(table.decode(ids.to_tensor())) == [f"the{unknown} cat!"]


def test_padding_and_boundaries_have_no_text() -> None:
    table = SentencePieces(Vocabulary("word", ("▁a", "b", ".")))
    ids = tf.constant([[BOUNDARY_ID, 3, 4, 5, BOUNDARY_ID, 0], [3, 1, 3, 0, 0, 0]])
    assert texts_of(table.decode(ids)) == ["ab.", f"a {UNKNOWN} a"]
    assert texts_of(table.pieces_of(ids[0])) == ["", "▁a", "b", ".", "", ""]
    assert table.pieces_of(ids).shape == (2, 6)
    assert texts_of(table.decode(tf.zeros([2, 0], tf.int32))) == ["", ""]


@pytest.mark.parametrize("level", LEVELS)
def test_nothing_to_encode(level: str) -> None:
    for table in (table_of(TEXTS, level), table_of([], level)):
        assert table.encode(tf.constant([], tf.string)).shape == (0, None)
        assert table.encode(tf.constant(["", " \n"])).to_list() == [[], []]
        assert table.decode(table.encode(tf.constant([""])).to_tensor()).numpy().tolist() == [b""]


def test_what_is_no_text_is_replaced() -> None:
    for level in LEVELS:
        table = table_of(["ab \ufffd"] * 2, level)
        ids = table.encode(tf.constant([b"ab \xff"]))
        assert texts_of(table.decode(ids.to_tensor())) == ["ab \ufffd"]


def endpoints_of(table: SentencePieces) -> tuple[Endpoint, Endpoint]:
    def encode(texts: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"ids": table.encode(texts).to_tensor(), "pieces": table.split(texts).to_tensor("")}

    def decode(ids: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"texts": table.decode(ids)}

    texts = tf.TensorSpec([None], tf.string, name="texts")
    ids = tf.TensorSpec([None, None], tf.int32, name="ids")
    return (encode, [texts]), (decode, [ids])


def test_served_alone(tmp_path: Path) -> None:
    endpoints, resources, expected = {}, [], {}
    for level in LEVELS:
        table = table_of(TEXTS[:3] * 2, level)
        encode, decode = endpoints_of(table)
        endpoints |= {f"encode_{level}": encode, f"decode_{level}": decode}
        resources += table.resources
        here = encode[0](tf.constant(TEXTS))
        expected[level] = {
            "ids": here["ids"].numpy().tolist(),
            "pieces": [texts_of(row) for row in here["pieces"]],
            "texts": texts_of(table.decode(here["ids"])),
        }
    save_saved_model(endpoints, resources, tmp_path / "saved")
    done = subprocess.run(
        [sys.executable, "-c", ALONE, str(tmp_path / "saved"), json.dumps(TEXTS)],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=True,
    )
    assert json.loads(done.stdout.splitlines()[-1]) == expected
