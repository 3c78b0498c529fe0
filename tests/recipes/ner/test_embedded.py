"""Generated sentences: no entity of the test part is in train, and the same for a seed."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter

import numpy as np
import pytest
from ner_corpora import load, understood
from seqeval.metrics.sequence_labeling import get_entities

from recipes.ner import embedded as ner_embedded
from recipes.ner import names as ner_names
from recipes.ner.data import Data
from recipes.ner.sentences import Sentence
from recipes.ner.tag_schemes import to_iob2


@pytest.fixture(scope="module")
def embedded() -> Data:
    return load("embedded")


def _entities(sentences: tuple[Sentence, ...]) -> list[tuple[str, str]]:
    """(type, text with letter case folded) of every entity."""
    return [
        (name, " ".join(s.tokens[first : last + 1]).casefold())
        for s in sentences
        for name, first, last in get_entities(list(s.tags))
    ]


def test_embedded_sizes_and_shape(embedded: Data) -> None:
    assert [len(s) for s in (embedded.train, embedded.valid, embedded.test)] == [4000, 500, 800]
    assert {tag[2:] for tag in embedded.tags} == {"", "LOC", "ORG", "PER"}
    assert "unseen" not in understood(embedded)
    for sentence in (*embedded.train, *embedded.valid, *embedded.test):
        assert len(sentence.tokens) == len(sentence.tags)
        assert 4 <= len(sentence.tokens) <= 35
        assert to_iob2(sentence.tags) == sentence.tags
        assert all(token and not set(token) & set(" \t\n<>{}") for token in sentence.tokens)


def test_no_held_out_entity_is_in_train(embedded: Data) -> None:
    train, valid, test = (
        {text for _, text in _entities(split)}
        for split in (embedded.train, embedded.valid, embedded.test)
    )
    assert min(len(train), len(valid), len(test)) > 300
    assert not train & test
    assert not train & valid
    assert not valid & test


def test_no_sentence_comes_twice(embedded: Data) -> None:
    tokens = [s.tokens for s in (*embedded.train, *embedded.valid, *embedded.test)]
    assert len(set(tokens)) == len(tokens)


def test_words_alone_do_not_tell_the_type(embedded: Data) -> None:
    """Of the one-word entities of train that come often, most are of more than one type."""
    types: dict[str, list[str]] = {}
    for name, text in _entities(embedded.train):
        if " " not in text and text.casefold() not in _countries():
            types.setdefault(text, []).append(name)
    often = [names for names in types.values() if len(names) >= 3]
    assert len(often) > 100
    assert sum(len(set(names)) > 1 for names in often) > 0.6 * len(often)
    counts = Counter(name for name, _ in _entities(embedded.train))
    assert min(counts.values()) > 0.2 * sum(counts.values())


def _countries() -> set[str]:
    dealt, _ = ner_names.deal(0)
    return {name.casefold() for kinds in dealt.values() for name in kinds["country"]}


def test_the_seed_decides_the_sentences(embedded: Data) -> None:
    sizes = {"train": 30, "valid": 10, "test": 10}
    first = ner_embedded.generate(sizes, 1)
    assert first == ner_embedded.generate(sizes, 1)
    assert first["train"] != ner_embedded.generate(sizes, 2)["train"]
    begun = ner_embedded.generate({**sizes, "train": 20}, 0)["train"]
    assert begun == tuple((s.tokens, s.tags) for s in embedded.train[:20])


def test_two_processes_write_the_same_sentences() -> None:
    """Sets of strings come in another order in each process; nothing may hang on that."""
    code = (
        "from recipes.ner.embedded import generate;"
        "print(ascii(generate({'train': 200, 'valid': 200, 'test': 200}, 0)))"
    )
    outputs = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for hash_seed in ("1", "2")
    }
    assert len(outputs) == 1


def test_names_kept_for_examples_are_nowhere(embedded: Data) -> None:
    words = {t.lower() for s in (*embedded.train, *embedded.valid) for t in s.tokens}
    assert not words & {"virat", "kohli", "rohit", "sharma"}


def test_every_rule_is_reached_and_every_reference_known() -> None:
    rules = ner_embedded.grammar()
    slots = set(ner_names.Pool(np.random, {"city": []}).slots)  # type: ignore[arg-type]
    parts = {part for lines in rules.values() for line in lines for part in line.split()}
    called = {part.strip("<>?") for part in parts if part.startswith("<")}
    assert {part.strip("{}") for part in parts if part.startswith("{")} == slots
    assert called | {"sentence"} == set(rules) | {"num", "few", "age", "year"} | {
        "job",
        "pitch",
        "word",
    }
    assert all(p.endswith((">", "}")) for p in parts if p[0] in "<{")


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("# only a comment\nhello\n[a]\nb\n", 2, r"expected \[name\] first, found 'hello'"),
        ("[a]\nb\n[c\nd\n", 3, r"expected \[name\], found '\[c'"),
        ("[a]\nb\n\n[a b]\nd\n", 4, r"expected \[name\], found '\[a b\]'"),
        ("[a]\nb\n[a]\nc\n", 3, r"\[a\] is on line 1 already"),
        ("[a]\nb\n[c]\n# no line\n[d]\ne\n", 3, r"\[c\] has no expansion"),
        ("[a]\nb\n[c]\n", 3, r"\[c\] has no expansion"),
        ("[a]\nb <c\n", 2, "expected a word, .* found '<c'"),
        ("[a]\nb {c?} d\n", 2, r"expected a word, .* found '\{c\?\}'"),
        ("[a]\n{c},\n", 2, r"expected a word, .* found '\{c\},'"),
        ("[a]\n<>\n", 2, "expected a word, .* found '<>'"),
    ],
)
def test_a_malformed_grammar_names_the_line(text: str, line: int, message: str) -> None:
    with pytest.raises(ValueError, match=rf"^grammar\.txt:{line}: {message}"):
        ner_embedded.parse_grammar(text)


def test_a_grammar_keeps_repeated_lines_and_order() -> None:
    text = "# c\n\n[a]\n  <b?> x # y\n<b?> x # y\n\n# d\nz\n[b]\n, {per} ?"
    rules = ner_embedded.parse_grammar(text)
    assert rules == {"a": ("<b?> x # y", "<b?> x # y", "z"), "b": (", {per} ?",)}
    assert list(rules) == ["a", "b"]
    assert ner_embedded.grammar() is ner_embedded.grammar()
