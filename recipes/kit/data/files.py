"""Files as they are: those of a folder that may hold data, and the text of one."""

from __future__ import annotations

import codecs
import contextlib
import gzip
import io
import re
import zlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from recipes.kit.data.facts import Fact
from recipes.kit.data.reading import AS_FOUND, Encoded, TextFiles
from recipes.kit.errors import DataError

_NOT_DATA = re.compile(
    r"^(?:\.|_|readme|licen[cs]e|copying|notice|changelog|makefile|citation|contributing)"
    r"|^(?:thumbs\.db|desktop\.ini)$|~$|\.(?:md|rst|py|sh|pdf|html?)$",
    re.IGNORECASE,
)


#: What files begin with that are no text but may be taken for it by their place.
_BINARY = {
    b"PK\x03\x04": "a ZIP archive or a spreadsheet",
    b"PAR1": "Parquet",
    b"%PDF": "PDF",
    b"BZh": "bzip2",
    b"\xfd7zXZ": "xz",
    b"\x28\xb5\x2f\xfd": "Zstandard",
    b"\xd0\xcf\x11\xe0": "a document of an office program",
}


def is_hidden(path: Path) -> bool:
    """Whether a name is one that systems leave behind (`.DS_Store`, `._00.png`, `__MACOSX`)."""
    return path.name[0] in "._" or path.name.lower() in ("thumbs.db", "desktop.ini")


def data_files(directory: Path, suffixes: Sequence[str] | None = None) -> list[Path]:
    """The files of a directory (not below it) that may hold data, by name.

    Hidden files, READMEs, licences and the like are left out. `suffixes` (".tsv", ...) keeps only
    those names, compressed (`.gz`) or not.
    """
    files = [p for p in sorted(directory.iterdir()) if p.is_file() and not _NOT_DATA.search(p.name)]
    if suffixes is None:
        return files
    wanted = tuple(suffix.lower() for suffix in suffixes)
    return [p for p in files if p.name.lower().removesuffix(".gz").endswith(wanted)]


def suffix_of(path: Path) -> str:
    """The ending of a name in small letters, without that of gzip.

    >>> suffix_of(Path("dev.JSONL.gz"))
    '.jsonl'
    """
    return Path(path.name.lower().removesuffix(".gz")).suffix


def read_text(path: str | Path, reading: TextFiles = AS_FOUND) -> str:
    """The text of a file, gzip or not, without its byte order mark, lines ended by `\\n`.

    A carriage return ends a line only where the file has no line feed.

    Args:
        path: The file.
        reading: Says the encoding.

    Raises:
        DataError: If the file cannot be read, is a broken gzip, is binary (such as a spreadsheet)
            or is not text in its encoding (with the line where that shows).
    """
    path = Path(path)
    raw = _read_bytes(path)
    for start, kind in _BINARY.items():
        if raw.startswith(start):
            raise DataError(path, f"expected text, found {kind}; save it as text, CSV or JSONL")
    encoding = encoding_of(raw[:4], reading)
    try:
        text = raw.decode(encoding)
    except UnicodeDecodeError as error:
        line = _line_at(error.object, error.start)
        raise _not_text(path, error, encoding, line) from None
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise DataError(path, "expected text, found a NUL byte (a binary file?)", line=line)
    text = text.removeprefix("\ufeff").replace("\r\n", "\n")
    return text if "\n" in text else text.replace("\r", "\n")


def open_text(path: str | Path, reading: TextFiles = AS_FOUND) -> io.StringIO:
    """`read_text` as a stream to iterate over line by line."""
    return io.StringIO(read_text(path, reading))


def stream_lines(path: str | Path, reading: TextFiles = AS_FOUND) -> Iterator[tuple[int, str]]:
    """Number and text of each line of a file, gzip or not, without holding it in memory.

    Raises:
        DataError: As for `read_text`.
    """
    path = Path(path)
    number = 0
    try:
        with path.open("rb") as raw:
            packed = raw.read(2) == b"\x1f\x8b"
            raw.seek(0)
            with gzip.open(raw) if packed else contextlib.nullcontext(raw) as file:
                encoding = encoding_of(file.read(4), reading)
                file.seek(0)
                for line in _decoded_lines(file, encoding):
                    number += 1
                    yield number, line.removeprefix("\ufeff") if number == 1 else line
    except UnicodeDecodeError as error:
        raise _not_text(path, error, encoding, number + 1) from None
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise DataError(path, f"expected a gzip file, found a broken one ({error})") from None
    except OSError as error:
        raise DataError(path, f"cannot be read: {error.strerror or error}") from None


def _decoded_lines(file: Any, encoding: str) -> Iterator[str]:
    """The lines of a file; each is decoded alone where a line feed is one byte."""
    if "\n".encode(encoding) == b"\n":
        for line in file:
            yield line.decode(encoding)
    else:
        with io.TextIOWrapper(file, encoding, newline="\n") as text:
            yield from text


def encoding_of(head: bytes, reading: Encoded = AS_FOUND) -> str:
    """The encoding of a file: that of the options, else by its first bytes, else UTF-8."""
    if reading.encoding is not None:
        return reading.encoding
    return "utf-16" if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8"


def encoding_fact(paths: Iterable[Path], reading: TextFiles = AS_FOUND) -> list[Fact]:
    """What there is to say about the encodings of files: nothing where all are UTF-8."""
    found: dict[str, str] = {}
    for path in paths:
        encoding = encoding_of(_head(path), reading)
        if encoding != "utf-8":
            found.setdefault(encoding, path.name)
    asked = "as asked for" if reading.encoding is not None else "by the byte order mark"
    return [Fact("encoding", f"{name}, {asked} ({file})") for name, file in found.items()]


def _head(path: Path) -> bytes:
    with path.open("rb") as raw:
        head = raw.read(4)
    if head.startswith(b"\x1f\x8b"):
        with gzip.open(path) as file:
            return file.read(4)
    return head


def _not_text(path: Path, error: UnicodeDecodeError, encoding: str, line: int) -> DataError:
    found = f"byte 0x{error.object[error.start]:02x}"
    name = "UTF-8" if encoding == "utf-8" else encoding
    hint = "--encoding names another, such as latin-1, cp1252 or utf-16"
    return DataError(path, f"expected {name} text, found {found}; {hint}", line=line)


def _read_bytes(path: Path) -> bytes:
    try:
        raw = path.read_bytes()
        return gzip.decompress(raw) if raw.startswith(b"\x1f\x8b") else raw
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise DataError(path, f"expected a gzip file, found a broken one ({error})") from None
    except OSError as error:
        raise DataError(path, f"cannot be read: {error.strerror or error}") from None


def _line_at(raw: bytes, offset: int) -> int:
    return len(re.findall(rb"\r\n|\r|\n", raw[:offset])) + 1
