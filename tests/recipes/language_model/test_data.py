"""Running text: documents, splits, and what is wrong with files."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from recipes.kit.data import tfds
from recipes.kit.data.source import Source
from recipes.kit.errors import DataError, UserError
from recipes.language_model import data
from recipes.language_model.options import Config


def load(source: Path | str, **options: Any) -> data.Data:
    config = Config(data=Source.parse(str(source)), **options)
    return data.load(config.data, config)


def load_test(source: Path | str, **options: Any) -> tuple[str, ...]:
    """What a model trained on other data is evaluated on."""
    return tuple(data.load_test(Source.parse(str(source)), Config(**options)))


def understood(texts: data.Data) -> str:
    return "; ".join(f"{fact.topic}: {fact.text}" for fact in texts.understood)


def test_embedded() -> None:
    texts = load("embedded", seed=0)
    assert len(texts.train) + len(texts.valid) + len(texts.test) > 70
    assert sum(map(len, texts.train)) > 300_000
    assert not {*texts.train} & {*texts.test}
    assert texts == load("embedded", seed=0)
    assert texts.train != load("embedded", seed=1).train
    assert "the reference of the Python language" in understood(texts)
    assert texts.licence.startswith("PSF-2.0")


@pytest.mark.parametrize("packed", [False, True])
def test_one_text_is_split_from_its_end(packed: bool, tmp_path: Path) -> None:
    text = "".join(chr(ord("a") + i % 26) for i in range(1000))
    path = tmp_path / "a.txt"
    path.write_bytes(gzip.compress(text.encode(), mtime=0) if packed else text.encode())
    texts = load(path)
    assert [len(part[0]) for part in (texts.train, texts.valid, texts.test)] == [880, 20, 100]
    assert texts.valid[0] + texts.train[0] + texts.test[0] == text
    assert "first 2% for valid and its last 10% for test" in understood(texts)
    assert "characters: 880 train, 20 valid, 100 test" in understood(texts)
    assert "vocabulary: 26 kinds of characters" in understood(texts)
    assert load_test(path) == (text,)
    config = Config(data=Source.of(path))
    assert data.load_test(config.data, config) == texts.test


def test_documents(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("one\ntwo\n\n\nthree\n \nfour\n")
    source = Source.of(path)
    cases: list[tuple[Any, tuple[str, ...]]] = [
        ("file", ("one\ntwo\n\n\nthree\n \nfour\n",)),
        ("paragraph", ("one\ntwo", "three", "four")),
        ("line", ("one", "two", "three", "four")),
    ]
    for documents, expected in cases:
        config = Config(data=source, documents=documents)
        assert data.read_documents(path, config) == (expected, [])


def test_files_of_splits(tmp_path: Path) -> None:
    for split, text in (("train", "a\n" * 50), ("valid", "b"), ("test", "c\nd")):
        (tmp_path / f"ptb.{split}.txt").write_text(text)
    texts = load(tmp_path, documents="line")
    assert (texts.valid, texts.test) == (("b",), ("c", "d"))
    assert load_test(tmp_path) == ("c\nd",)
    (tmp_path / "ptb.valid.txt").unlink()
    assert len(load(tmp_path).valid[0]) == 2


def test_what_is_wrong(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text(" \n")
    with pytest.raises(DataError, match="a.txt: holds no text"):
        load(path)
    path.write_text("short")
    with pytest.raises(UserError, match="5 characters are too few to split off a test part"):
        load(path)
    path.write_bytes(b"fine\n\xff\n")
    with pytest.raises(DataError, match="a.txt:2: expected UTF-8 text"):
        load(path)


def test_what_was_understood(tmp_path: Path) -> None:
    (tmp_path / "train.txt").write_text("to be or\nnot to be " * 9)
    (tmp_path / "test.txt").write_text("that is the question")
    text = understood(load(tmp_path))
    assert "files: train: train.txt (1); test: test.txt (1); first text: to be or not to be" in text


def test_a_folder_of_texts(tmp_path: Path) -> None:
    for index in range(12):
        (tmp_path / f"book{index:02}.txt").write_text(f"book {index}")
    (tmp_path / "README.md").write_text("not data")
    (tmp_path / "cover.png").write_bytes(b"\0")
    (tmp_path / ".DS_Store").write_bytes(b"\0")
    (tmp_path / "notes").mkdir()
    texts = load(tmp_path)
    assert [len(part) for part in (texts.train, texts.valid, texts.test)] == [10, 1, 1]
    assert "files: train: book00.txt, book01.txt, book02.txt, book03.txt and 8 more (12)" in (
        understood(texts)
    )


def test_parts_that_are_named(tmp_path: Path) -> None:
    for name in "abc":
        (tmp_path / name).write_text(f"the text {name}")
    a, b, c = (tmp_path / name for name in "abc")
    texts = load(f"train={a},{b},valid={b},test={c}")
    assert (texts.train, texts.test) == (("the text a", "the text b"), ("the text c",))


@pytest.mark.parametrize("as_list", [False, True])
def test_records(as_list: bool, tmp_path: Path) -> None:
    records = [{"text": f"the document\n{index}", "id": index} for index in range(12)]
    lines = [json.dumps(record) for record in [*records, {"text": None}]]
    path = tmp_path / "a.jsonl"
    path.write_text(f"[{', '.join(lines)}]" if as_list else "\n".join(lines))
    texts = load(path)
    assert [len(part) for part in (texts.train, texts.valid, texts.test)] == [10, 1, 1]
    assert texts.train[0].startswith("the document\n")
    assert "records: a document each, field 'text'; left out: 1 record" in understood(texts)
    with pytest.raises(
        DataError,
        match="a.jsonl:1: the field 'text' holds"
        if as_list
        else "a.jsonl:13: the field 'text' holds",
    ):
        load(path, strict=True)
    path.write_text('{"title": "x"}')
    with pytest.raises(DataError, match="a.jsonl:1: expected a field text or .*, found title"):
        load(path)


def test_a_table_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("id,text\n1,x\n")
    with pytest.raises(DataError, match="a.csv: is a table; expected running text"):
        load(path)


def test_encoding(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes("fin\ncafé\n".encode("latin-1") * 50)
    with pytest.raises(DataError, match="a.txt:2: expected UTF-8 text.*--encoding names another"):
        load(path)
    texts = load(path, encoding="latin-1")
    assert "café" in texts.train[0]
    assert "encoding: latin-1, as asked for (a.txt)" in understood(texts)


class _Builder:
    class info:  # noqa: N801
        features = {"text": None}
        splits = {"train": 0, "validation": 0, "test": 0}
        homepage = "https://example.org"


def test_tfds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tfds, "prepared_builder", lambda name: _Builder())
    monkeypatch.setattr(
        tfds, "decoded", lambda builder, split: [{"text": split.encode()}, {"text": b" "}]
    )
    texts = load("tfds:tiny_shakespeare")
    assert (texts.train, texts.valid, texts.test) == (("train",), ("validation",), ("test",))
    monkeypatch.setattr(_Builder.info, "features", {"image": None})
    with pytest.raises(UserError, match="expected a feature text or .*, found image"):
        load("tfds:mnist")
