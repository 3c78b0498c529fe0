"""Texts of `predict`: what is unreadable loses nothing that stands before or after it."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from recipes.kit.errors import Unreadable
from recipes.kit.inputs import texts


def test_text_files_and_stdin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "lines.txt"
    file.write_text("one\n\n two \n", encoding="utf-8")
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO("drei\n \nfünf".encode())))
    assert [*texts(["zero", str(file), "-", "x" * 5000])] == [
        *("zero", "one", "two", "drei", "fünf"),
        "x" * 5000,
    ]


def test_what_is_unreadable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    damaged = tmp_path / "latin1.txt"
    damaged.write_bytes(b"It rained.\nZ\xfcrich\n")
    stdin = b"Ada met Alan.\nabc \xff\nGrace.\n"
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(stdin)))
    word = b"abc \xff".decode("utf-8", "surrogateescape")
    read = [*texts([word, str(damaged), "", str(tmp_path), "-"])]
    good = [text for text in read if isinstance(text, str)]
    assert good == ["It rained.", "Ada met Alan.", "Grace."]
    bad = {each.name: each.error for each in read if isinstance(each, Unreadable)}
    assert bad == {
        "abc \\udcff": "is not UTF-8 text (invalid start byte).",
        str(damaged): f"{damaged}:2: expected UTF-8 text, found byte 0xfc",
        "": "is empty; expected text, a file, or - for stdin.",
        str(tmp_path): "is a folder; expected text, a file of lines, or - for stdin.",
        repr(b"abc \xff\n"): "is not UTF-8 text (invalid start byte).",
    }
