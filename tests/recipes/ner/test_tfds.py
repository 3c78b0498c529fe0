"""Corpora of tensorflow-datasets."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from ner_corpora import load, understood

from recipes.kit.data import tfds as kit_tfds
from recipes.kit.errors import DataError, UserError
from recipes.ner import tfds as ner_tfds
from recipes.ner.sentences import Sentence
from recipes.ner.tag_schemes import to_iob2
from recipes.ner.tfds import from_examples

NAMES = ["O", "B-PER", "I-PER"]
EXAMPLES = [
    {"tokens": np.array([b"Ann", b"caf\xc3\xa9"], object), "ner": np.array([1, 0])},
    {"tokens": np.array([], object), "ner": np.array([], int)},
    {"tokens": np.array([b"Bo", b"Li"], object), "ner": np.array([1, 2])},
]


def test_examples_become_sentences() -> None:
    assert from_examples(EXAMPLES, "ner", NAMES, "tfds:x") == (
        Sentence(("Ann", "café"), ("B-PER", "O")),
        Sentence(("Bo", "Li"), ("B-PER", "I-PER")),
    )


def test_text_tags_need_no_names() -> None:
    examples = [{"tokens": [b"I", b"sing"], "xpos": [b"PRP", "VB"]}]
    assert from_examples(examples, "xpos", None, "x")[0].tags == ("PRP", "VB")


@pytest.mark.parametrize(
    ("example", "message"),
    [
        ({"tokens": [b"a", b"b"], "ner": [0]}, "example 0: .* found 2 tokens and 1 tags"),
        ({"tokens": [b"a"], "ner": [3]}, "example 0: expected tags 0 to 2, found 3"),
        ({"tokens": [b"a"], "ner": [-1]}, "example 0: .* found -1"),
    ],
)
def test_examples_that_do_not_agree(example: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=f"tfds:x: {message}"):
        from_examples([example], "ner", NAMES, "tfds:x")


def _fake_builder(**features: Any) -> SimpleNamespace:
    info = SimpleNamespace(features=features, splits={"train": 0, "dev": 0}, homepage="http://h")
    return SimpleNamespace(info=info)


def _sequence(names: list[str] | None = None) -> SimpleNamespace:
    inner = SimpleNamespace(names=names) if names else SimpleNamespace()
    return SimpleNamespace(feature=inner)


def test_a_tfds_corpus(monkeypatch: pytest.MonkeyPatch) -> None:
    builder = _fake_builder(tokens=_sequence(), ner=_sequence(NAMES), pos=_sequence(["N", "V"]))
    counts = {"train": 20, "dev": 2}

    def decoded(_: Any, split: str) -> list[dict[str, Any]]:
        tokens = ([f"{split}{i}".encode(), b"left"] for i in range(counts[split]))
        return [{"tokens": t, "ner": [1, 0], "pos": [0, 1]} for t in tokens]

    monkeypatch.setattr(kit_tfds, "prepared_builder", lambda name: builder)
    monkeypatch.setattr(kit_tfds, "decoded", decoded)
    data = load("tfds:mine/en")
    assert [len(s) for s in (data.train, data.valid, data.test)] == [18, 2, 2]
    assert (data.kind, data.tags) == ("entities", ("O", "B-PER", "I-PER"))
    assert "source: tfds:mine/en" in understood(data) and "test split off" in understood(data)
    assert "http://h" in data.licence
    assert load("tfds:mine/en", tag_column="pos").tags == ("N", "V")
    with pytest.raises(UserError, match="expected tags in chunks, found ner, pos, tokens"):
        load("tfds:mine/en", tag_column="chunks")
    for number in (2, "2"):
        with pytest.raises(UserError, match="tag column 2: expected the name of a feature"):
            load("tfds:mine/en", tag_column=number)


def test_a_tfds_set_without_tokens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kit_tfds, "prepared_builder", lambda name: _fake_builder(image=None))
    with pytest.raises(UserError, match="tfds:mnist: not for sequence labelling"):
        load("tfds:mnist")


def test_tfds_features_are_named_as_we_expect() -> None:
    tfds = pytest.importorskip("tensorflow_datasets")
    for name, key in [("conll2003", "ner"), ("wikiann/en", "tags")]:
        features = tfds.builder(name).info.features
        assert ner_tfds._tag_feature(name, features, None) == key
        names = features[key].feature.names
        assert to_iob2(names) and {"B-PER", "B-ORG", "B-LOC"} <= set(names)
    ud = tfds.builder("universal_dependencies/en_ewt").info.features
    assert ner_tfds._tag_feature("ud", ud, None) == "upos"


def test_tfds_troubles_are_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    tfds = pytest.importorskip("tensorflow_datasets")
    with pytest.raises(UserError, match="tfds:conll2003x: no such dataset") as caught:
        load("tfds:conll2003x")
    assert "\n" not in str(caught.value)

    class Offline:
        def download_and_prepare(self) -> None:
            raise ConnectionError("no route to host\nand more")

    monkeypatch.setattr(tfds, "builder", lambda name: Offline())
    with pytest.raises(UserError, match="tfds:conll2003: could not be .*: no route to host$"):
        load("tfds:conll2003")
