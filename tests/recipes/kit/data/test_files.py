"""Files of a folder that may hold data, and the text of one, whatever its line ends and packing."""

from __future__ import annotations

import csv
import gzip
from collections.abc import Callable
from pathlib import Path

import pytest

from recipes.kit.data.files import data_files, encoding_fact, open_text, read_text, stream_lines
from recipes.kit.data.reading import TextFiles
from recipes.kit.errors import DataError


def test_data_files_are_all_but_hidden_ones_and_documents(tmp_path: Path) -> None:
    kept = ["a.csv", "b.TSV.gz", "corpus", "readable.txt"]
    noise = [".hidden", "_index", "README", "readme.txt", "LICENSE", "COPYING", "a.md", "b.py"]
    for name in (*kept, *noise, "a.csv~", "page.html", "CITATION.cff"):
        (tmp_path / name).touch()
    (tmp_path / "folder.csv").mkdir()
    assert [path.name for path in data_files(tmp_path)] == kept
    assert [path.name for path in data_files(tmp_path, (".csv", ".tsv"))] == kept[:2]
    assert [path.name for path in data_files(tmp_path, (".TXT",))] == ["readable.txt"]
    assert data_files(tmp_path, (".npy",)) == []


@pytest.mark.parametrize(
    "raw",
    [
        b"a\nb\n",
        b"a\r\nb\r\n",
        b"a\rb\r",
        b"\xef\xbb\xbfa\nb\n",
        gzip.compress(b"\xef\xbb\xbfa\r\nb\r\n", mtime=0),
    ],
)
def test_newlines_mark_and_gzip_are_seen_through(tmp_path: Path, raw: bytes) -> None:
    path = tmp_path / "file"
    path.write_bytes(raw)
    assert list(open_text(path)) == ["a\n", "b\n"]


@pytest.mark.parametrize("pack", [bytes, lambda raw: gzip.compress(raw, mtime=0)])
def test_lines_are_streamed_with_their_numbers(tmp_path: Path, pack: Callable) -> None:
    path = tmp_path / "file"
    path.write_bytes(pack(b"\xef\xbb\xbfa\n\nb\r\n\xef\xbb\xbfc"))
    assert list(stream_lines(path)) == [(1, "a\n"), (2, "\n"), (3, "b\r\n"), (4, "\ufeffc")]
    path.write_bytes(pack(b"a\nb\ncaf\xe9\n"))
    lines = stream_lines(path)
    assert [next(lines), next(lines)] == [(1, "a\n"), (2, "b\n")]
    with pytest.raises(DataError, match=r"file:3: expected UTF-8 text, found byte 0xe9"):
        next(lines)


@pytest.mark.parametrize("read", [read_text, lambda path: list(stream_lines(path))])
def test_files_that_cannot_be_read_are_user_errors(tmp_path: Path, read: Callable) -> None:
    with pytest.raises(DataError, match="cannot be read: No such file"):
        read(tmp_path / "absent")
    with pytest.raises(DataError, match="cannot be read: Is a directory"):
        read(tmp_path)
    whole = gzip.compress(b"hello" * 100)
    for raw in (whole[:20], whole[:-9] + b"\0" * 9, whole[:10] + b"\xff" * 20):
        (tmp_path / "b.gz").write_bytes(raw)
        with pytest.raises(DataError, match="expected a gzip file, found a broken one"):
            read(tmp_path / "b.gz")


def test_only_newlines_end_a_line(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("a\u2028b\x85c\x0bd\n", encoding="utf-8")
    assert len(list(open_text(path))) == 1


def test_a_stream_feeds_csv(tmp_path: Path) -> None:
    path = tmp_path / "f.csv"
    path.write_bytes(b'text,label\r\n"two\r\nlines",1\r\n')
    assert list(csv.reader(open_text(path))) == [["text", "label"], ["two\nlines", "1"]]


@pytest.mark.parametrize(
    ("raw", "line", "message"),
    [
        (b"ok\nok\ncaf\xe9\n", 3, r"expected UTF-8 text, found byte 0xe9"),
        (b"ok\r\nok\r\ncaf\xe9\r\n", 3, r"0xe9"),
        (b"ok\rcaf\xe9\r", 2, r"0xe9"),
        (gzip.compress(b"ok\ncaf\xe9\n", mtime=0), 2, r"0xe9"),
        ("a\n".encode("utf-16-le"), 1, r"NUL byte"),
        (b"ok\nbin\0ary", 2, r"NUL byte"),
    ],
)
def test_wrong_encodings_name_the_line(tmp_path: Path, raw: bytes, line: int, message: str) -> None:
    path = tmp_path / "file.txt"
    path.write_bytes(raw)
    with pytest.raises(DataError, match=message) as caught:
        read_text(path)
    assert caught.value.line == line
    assert str(caught.value).startswith(f"{path}:{line}: ")


@pytest.mark.parametrize(
    "read", [read_text, lambda path: "".join(t for _, t in stream_lines(path))]
)
def test_utf_16_is_known_by_its_mark(tmp_path, read):
    path = tmp_path / "a.txt"
    path.write_bytes("né\nà\n".encode("utf-16"))
    assert read(path) == "né\nà\n"


def test_a_stray_carriage_return_ends_no_line(tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes(b"good\revening\nb\n")
    assert read_text(path) == "good\revening\nb\n"
    path.write_bytes(b"good\revening\r")
    assert read_text(path) == "good\nevening\n"


def test_other_encodings_are_asked_for(tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes("caf\u00e9\n".encode("cp1252"))
    assert read_text(path, TextFiles(encoding="cp1252")) == "caf\u00e9\n"
    assert [*stream_lines(path, TextFiles(encoding="latin-1"))] == [(1, "caf\u00e9\n")]
    assert encoding_fact([path], TextFiles(encoding="cp1252"))[0].text.startswith(
        "cp1252, as asked"
    )


@pytest.mark.parametrize(
    ("start", "kind"),
    [(b"PK\x03\x04\x14\x00", "a ZIP archive or a spreadsheet"), (b"PAR1\x15", "Parquet")],
)
def test_what_is_no_text_is_named(start: bytes, kind: str, tmp_path: Path) -> None:
    path = tmp_path / "train.csv"
    path.write_bytes(start + b"\xff")
    with pytest.raises(DataError, match=f"train.csv: expected text, found {kind}; save it as text"):
        read_text(path)
