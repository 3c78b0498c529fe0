"""Corpora as people have them: CoNLL-U under any name, other notations of tags, tables, JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from ner_corpora import file, load, load_test, tags_of, understood, write

from recipes.kit.errors import DataError
from recipes.ner.data import Data
from recipes.ner.sentences import Sentence

SENTENCE = Sentence(("Ann", "Lee", "is", "in", "Rome"), ("B-PER", "I-PER", "O", "O", "B-LOC"))
IOB2 = " ".join(SENTENCE.tags)


def corpus(folder: Path, text: str) -> Data:
    """The data of a corpus whose parts all hold this text."""
    return load(write(folder, train=text, dev=text, test=text))


def columns(tags: Sequence[str], start: str = "") -> str:
    return "".join(
        f"{start}{token} {tag}\n" for token, tag in zip(SENTENCE.tokens, tags, strict=True)
    )


def rows(write_row: Any) -> str:
    pairs = zip(SENTENCE.tokens, SENTENCE.tags, strict=True)
    return "".join(write_row(i, token, tag) + "\n" for i, (token, tag) in enumerate(pairs))


# --- notations of tags -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tags", "how"),
    [
        ("b-PER i-PER o o b-LOC", "IOB2 in small letters, read as IOB2"),
        ("b-PER l-PER o o u-LOC", "BILOU in small letters, read as IOB2"),
        ("PER-B PER-I O O LOC-B", "IOB2 with the prefix behind the type, read as IOB2"),
        ("PER PER O O LOC", "types without prefixes, of which neighbours are one entity, read as"),
        ("PER PER o o LOC", "types without prefixes, of which neighbours are one entity, read as"),
    ],
)
def test_notations_of_entities(tags: str, how: str, tmp_path: Path) -> None:
    data = corpus(tmp_path, columns(tags.split()))
    assert data.kind == "entities" and data.test == (SENTENCE,)
    assert f"tags: {how}" in understood(data)
    assert "first sentence: Ann/B-PER Lee/I-PER is/O in/O Rome/B-LOC" in understood(data)
    assert "entities: PER (1), LOC (1)" in understood(data)


def test_inside_and_outside_alone(tmp_path: Path) -> None:
    data = corpus(tmp_path, columns("I I O O I".split()))
    assert data.test[0].tags == ("B-ENTITY", "I-ENTITY", "O", "O", "B-ENTITY")


def test_types_are_entities_only_amid_outside(tmp_path: Path) -> None:
    """O is the tag of pronouns where it is not the commonest."""
    tags = "N N O V N".split()
    assert corpus(tmp_path, columns(tags)).kind == "labels"
    path = file(tmp_path, columns(tags))
    assert tags_of(path, kind="labels") == [" ".join(tags)]
    assert tags_of(path, kind="entities") == ["B-N I-N O B-V B-N"]


# --- tokens ----------------------------------------------------------------------------------


def test_a_language_before_each_token(tmp_path: Path) -> None:
    data = corpus(tmp_path, columns(SENTENCE.tags, "en:"))
    assert data.test == (SENTENCE,)
    assert "language: left off before every token: en:" in understood(data)
    mixed = columns(SENTENCE.tags, "en:") * 3 + "a:b O\n"
    data = corpus(tmp_path, mixed)
    assert data.test[0].tokens[0] == "en:Ann"
    assert "language: 1 tokens have no en: before them, so it stays" in understood(data)


def test_a_column_that_counts_tokens_holds_no_words(tmp_path: Path) -> None:
    lines = rows(lambda i, token, tag: f"{i + 1}\t{token}\t{tag}")
    data = corpus(tmp_path, f"{lines}\n{lines}")
    assert data.test == (SENTENCE, SENTENCE)
    assert "columns: token 1, tag 2; left aside: 0" in understood(data)
    with pytest.raises(DataError, match="column 0 holds 'doc' in every row; --token-column says"):
        load_test(file(tmp_path, "doc Ann B-PER\ndoc left O\n"))


def test_a_sentence_with_a_broken_row_is_left_out(tmp_path: Path) -> None:
    good = columns(SENTENCE.tags) + "\n"
    data = corpus(tmp_path, good + good.replace("Lee I-PER", "Lee") + good)
    assert data.test == (SENTENCE, SENTENCE)
    left_out = "left out: 1 sentence (--strict refuses): train.txt:8 expected 2 columns separated"
    assert left_out in understood(data)
    with pytest.raises(DataError, match=r"train.txt:8: expected 2 columns .*, found 1: 'Lee'"):
        load(tmp_path, strict=True)
    with pytest.raises(DataError, match="this is the first of 4 sentences among 5"):
        load_test(file(tmp_path, good + "broken\n\n" * 4))


def test_sentences_have_an_end(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="one sentence of 1,001 tokens; expected a blank line"):
        load_test(file(tmp_path, "word O\n" * 1001))


def test_encoding(tmp_path: Path) -> None:
    path = tmp_path / "a.conll"
    path.write_bytes("café B-LOC\nici O\n".encode("cp1252"))
    assert load_test(path, encoding="cp1252")[0].tokens == ("café", "ici")


# --- CoNLL-U ---------------------------------------------------------------------------------

UD = (
    "# sent_id = 1\n"
    "1\tDogs\tdog\tNOUN\tNNS\tNumber=Plur\t2\tnsubj\t_\t_\n"
    "2\tbark\tbark\tVERB\tVBP\t_\t0\troot\t_\tGloss=x|SpaceAfter=No\n"
    "3\t.\t.\tPUNCT\t.\t_\t2\tpunct\t_\tSpaceAfter=No\n"
)


@pytest.mark.parametrize("name", ["train.txt", "ud-train.conll", "train"])
def test_conllu_is_known_by_its_contents(name: str, tmp_path: Path) -> None:
    assert tags_of(file(tmp_path, UD, name)) == ["NOUN VERB PUNCT"]


@pytest.mark.parametrize(
    ("column", "tags"),
    [("feats", "Number=Plur _ _"), ("misc", "_ Gloss=x _"), ("deps", "_ _ _"), (-1, "_ Gloss=x _")],
)
def test_features_that_a_word_does_not_have(column: Any, tags: str, tmp_path: Path) -> None:
    assert tags_of(file(tmp_path, UD), tag_column=column) == [tags]


def test_a_word_without_a_part_of_speech(tmp_path: Path) -> None:
    path = file(tmp_path, UD.replace("VERB", "_"))
    with pytest.raises(DataError, match="conll:3: expected a tag in column upos, found '_'; --tag"):
        load_test(path)


def test_what_was_understood_of_conllu(tmp_path: Path) -> None:
    text = understood(corpus(tmp_path, UD))
    assert "files: train: train.txt (1); valid: dev.txt (1); test: test.txt (1)" in text
    assert "columns: CoNLL-U, token form, tag upos" in text
    assert "labels: NOUN (1), VERB (1), PUNCT (1)" in text


# --- tables and JSON -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (
            "ner_dataset.csv",
            "Sentence #,Word,POS,Tag\n"
            + rows(lambda i, word, tag: f"{'' if i else 'Sentence: 1'},{word},X,{tag}")
            + rows(lambda i, word, tag: f"{'' if i else 'Sentence: 2'},{word},X,{tag}"),
        ),
        (
            "ids.csv",
            "sentence_id;words;labels\n"
            + rows(lambda i, word, tag: f"7;{word};{tag}")
            + rows(lambda i, word, tag: f"8;{word};{tag}"),
        ),
        (
            "blank_rows.tsv",
            "token\tpos\tner\n"
            + rows(lambda i, word, tag: f"{word}\tX\t{tag}")
            + "\n"
            + rows(lambda i, word, tag: f"{word}\tX\t{tag}"),
        ),
        (
            "a.jsonl",
            (json.dumps({"id": 1, "tokens": SENTENCE.tokens, "ner_tags": SENTENCE.tags}) + "\n")
            * 2,
        ),
        ("a.json", json.dumps([{"words": SENTENCE.tokens, "tags": SENTENCE.tags}] * 2, indent=1)),
    ],
)
def test_tables_and_json(name: str, text: str, tmp_path: Path) -> None:
    assert load_test(file(tmp_path, text, name)) == (SENTENCE, SENTENCE)


def test_a_quotation_mark_and_another_column_in_a_table(tmp_path: Path) -> None:
    path = file(tmp_path, '\nsent,word,pos,tag\n1,"""",``,O\n1,Ann,NN,B-PER\n', "a.csv")
    assert load_test(path)[0] == Sentence(('"', "Ann"), ("O", "B-PER"))
    assert tags_of(path, tag_column="POS") == ["`` NN"]
    assert tags_of(path, tag_column=2) == ["`` NN"]


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.csv", "Ann,B-PER\nleft,O\n", "a.csv:1: expected a header that names columns, such as"),
        ("a.csv", "word,tag\nAnn,B-PER\nleft,O\n", "a.csv:1: expected a column that numbers sent"),
        ("a.csv", "sent,word,tag\n1,a\n", "a.csv:2: expected 3 columns, found 2"),
        ("a.csv", "sent,word,tag\n1,a,\n", "a.csv:2: the tag is empty"),
        ("a.jsonl", '{"text": "x", "label": [[0, 1]]}\n', "a.jsonl:1: expected a list of tokens"),
        (
            "a.jsonl",
            '{"tokens": ["x"], "tags": [3]}\n',
            "expected tags by name, such as B-PER",
        ),
        ("a.jsonl", '{"tokens": ["x", "y"], "tags": ["O"]}\n', "found 2 tokens and 1 tags"),
    ],
)
def test_tables_and_json_that_are_refused(
    name: str, text: str, message: str, tmp_path: Path
) -> None:
    with pytest.raises(DataError, match=message):
        load_test(file(tmp_path, text, name))


def test_parts_that_are_named(tmp_path: Path) -> None:
    write(tmp_path, one=columns(SENTENCE.tags), two=UD)
    one, two = tmp_path / "one.txt", tmp_path / "two.txt"
    data = load(f"train={one},valid={one},test={one}")
    assert data.train == data.test == (SENTENCE,)
    assert "files: train: one.txt (1); valid: one.txt (1); test: one.txt (1)" in understood(data)
    assert load(f"train={two},valid={two},test={two}").kind == "labels"
