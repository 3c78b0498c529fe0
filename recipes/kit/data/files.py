"""Files as they are: those of a folder that may hold data, and the text of one."""

from __future__ import annotations

import contextlib
import gzip
import io
import re
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

from recipes.kit.errors import DataError

_NOT_DATA = re.compile(
    r"^(?:\.|_|readme|licen[cs]e|copying|notice|changelog|makefile|citation|contributing)"
    r"|~$|\.(?:md|rst|py|sh|pdf|html?)$",
    re.IGNORECASE,
)


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


def read_text(path: str | Path) -> str:
    """The text of a UTF-8 file, gzip or not, without its byte order mark, lines ended by `\\n`.

    Raises:
        DataError: If the file cannot be read, is a broken gzip, is binary or is not UTF-8 (with the
            line where that shows).
    """
    path = Path(path)
    raw = _read_bytes(path)
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise DataError(path, "expected UTF-8 text, found UTF-16 (by its byte order mark)", line=1)
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        found = f"byte 0x{error.object[error.start]:02x}"
        line = _line_at(error.object, error.start)
        raise DataError(path, f"expected UTF-8 text, found {found}", line=line) from None
    if "\0" in text:
        line = _line_at(raw, raw.index(b"\0"))
        raise DataError(path, "expected UTF-8 text, found a NUL byte (a binary file?)", line=line)
    return text.replace("\r\n", "\n").replace("\r", "\n")


def open_text(path: str | Path) -> io.StringIO:
    """`read_text` as a stream to iterate over line by line (also for `csv.reader`)."""
    return io.StringIO(read_text(path))


def stream_lines(path: str | Path) -> Iterator[tuple[int, str]]:
    """Number and text of each line of a UTF-8 file, gzip or not, without holding it in memory.

    Raises:
        DataError: As for `read_text`.
    """
    path = Path(path)
    try:
        with path.open("rb") as raw:
            packed = raw.read(2) == b"\x1f\x8b"
            raw.seek(0)
            with gzip.open(raw) if packed else contextlib.nullcontext(raw) as file:
                for number, line in enumerate(file, start=1):
                    try:
                        yield number, line.decode("utf-8-sig" if number == 1 else "utf-8")
                    except UnicodeDecodeError as error:
                        found = f"byte 0x{error.object[error.start]:02x}"
                        message = f"expected UTF-8 text, found {found}"
                        raise DataError(path, message, line=number) from None
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise DataError(path, f"expected a gzip file, found a broken one ({error})") from None
    except OSError as error:
        raise DataError(path, f"cannot be read: {error.strerror or error}") from None


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
