"""Running text: documents, splits, and what is wrong with files."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from recipes.kit.errors import DataError, UserError
from recipes.language_model import data


def test_embedded() -> None:
    texts = data.load("embedded", seed=0)
    assert len(texts.train) + len(texts.valid) + len(texts.test) > 70
    assert sum(map(len, texts.train)) > 300_000
    assert not {*texts.train} & {*texts.test}
    assert texts == data.load("embedded", seed=0)
    assert texts.train != data.load("embedded", seed=1).train


@pytest.mark.parametrize("packed", [False, True])
def test_one_text_is_split_from_its_end(packed: bool, tmp_path: Path) -> None:
    text = "".join(chr(ord("a") + i % 26) for i in range(1000))
    path = tmp_path / "a.txt"
    path.write_bytes(gzip.compress(text.encode(), mtime=0) if packed else text.encode())
    texts = data.load(str(path))
    assert [len(part[0]) for part in (texts.train, texts.valid, texts.test)] == [880, 20, 100]
    assert texts.valid[0] + texts.train[0] + texts.test[0] == text
    assert "first 2% for valid and its last 10% for test" in texts.description
    assert data.load_test(str(path)) == (text,)


def test_documents(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("one\ntwo\n\n\nthree\n \nfour\n")
    assert data.split_documents(path, "file") == ("one\ntwo\n\n\nthree\n \nfour\n",)
    assert data.split_documents(path, "paragraph") == ("one\ntwo", "three", "four")
    assert data.split_documents(path, "line") == ("one", "two", "three", "four")


def test_files_of_splits(tmp_path: Path) -> None:
    for split, text in (("train", "a\n" * 50), ("valid", "b"), ("test", "c\nd")):
        (tmp_path / f"ptb.{split}.txt").write_text(text)
    texts = data.load(str(tmp_path), documents="line")
    assert (texts.valid, texts.test) == (("b",), ("c", "d"))
    assert data.load_test(str(tmp_path)) == ("c\nd",)
    (tmp_path / "ptb.valid.txt").unlink()
    assert len(data.load(str(tmp_path)).valid[0]) == 2


def test_what_is_wrong(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text(" \n")
    with pytest.raises(DataError, match="a.txt: holds no text"):
        data.load(str(path))
    path.write_text("short")
    with pytest.raises(UserError, match="5 characters are too few to split off a test part"):
        data.load(str(path))
    path.write_bytes(b"fine\n\xff\n")
    with pytest.raises(DataError, match="a.txt:2: expected UTF-8 text"):
        data.load(str(path))


class _Builder:
    class info:  # noqa: N801
        features = {"text": None}
        splits = {"train": 0, "validation": 0, "test": 0}
        homepage = "https://example.org"


def test_tfds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data._tfds, "prepared_builder", lambda name: _Builder())
    monkeypatch.setattr(
        data._tfds, "decoded", lambda builder, split: [{"text": split.encode()}, {"text": b" "}]
    )
    texts = data.load("tfds:tiny_shakespeare")
    assert (texts.train, texts.valid, texts.test) == (("train",), ("validation",), ("test",))
    monkeypatch.setattr(_Builder.info, "features", {"image": None})
    with pytest.raises(UserError, match="expected a feature text or .*, found image"):
        data.load("tfds:mnist")
