"""The inputs of `predict`: texts, lines of files and of stdin; or files, folders and patterns."""

from __future__ import annotations

import glob
import gzip
import os
import sys
import zlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from recipes.kit.console import note
from recipes.kit.data.files import data_files
from recipes.kit.errors import Unreadable, UserError

_BOM = b"\xef\xbb\xbf"


def texts(inputs: Sequence[str]) -> Iterator[str | Unreadable]:
    """The inputs themselves, or every line of the files they name, blank ones too.

    A line that cannot be read costs only itself, and so does a file.
    """
    for item in inputs:
        try:
            if not item.strip():
                raise UserError("is empty; expected text, a file, or - for stdin.")
            if item == "-":
                yield from _lines(sys.stdin.buffer, "stdin")
            elif _is_file(item):
                yield from _lines_of_file(Path(item))
            else:
                yield _text(item.encode("utf-8", "surrogateescape"))
        except UserError as error:
            yield Unreadable(_printable(item), str(error))


def files(inputs: Sequence[str], suffixes: Sequence[str]) -> Iterator[Path | Unreadable]:
    """The files that inputs name: a file itself, the data files of a folder, what fits a pattern.

    Args:
        inputs: Paths and patterns; a pattern is one only where there is no file of that name.
        suffixes: Ends of the names of the files to take from a folder.
    """
    for item in inputs:
        try:
            if item == "-":
                raise UserError("is stdin, which cannot be read here; expected the path of a file.")
            yield from _files_of(Path(item), suffixes)
        except UserError as error:
            yield Unreadable(_printable(item), str(error))


def _files_of(path: Path, suffixes: Sequence[str]) -> Iterator[Path]:
    item = str(path)
    if _exists(path):
        if not path.is_dir():
            yield path
            return
        inside = data_files(path, suffixes)
        if not inside:
            raise UserError(
                f"{item}: expected files of the kind {', '.join(suffixes)}; found none."
            )
        yield from inside
    elif glob.has_magic(item):
        matching = [Path(name) for name in sorted(glob.glob(item, recursive=True))]
        if not matching:
            raise UserError(f"{item}: no such file, and no file that fits the pattern.")
        for match in matching:
            yield from _files_of(match, suffixes)
    else:
        yield path  # What reads it says what is wrong with it.


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):  # longer than a name can be, or with characters no name has
        return False


def _is_file(item: str) -> bool:
    """Whether an input is a file rather than text; a note is shown for what looks like a path."""
    path = Path(item)
    if not _exists(path):
        if os.sep in item and not any(map(str.isspace, item)):
            note(f"{item} is not a file; treating it as text.")
        return False
    if path.is_dir():
        raise UserError("is a folder; expected text, a file of lines, or - for stdin.")
    return True


def _lines_of_file(path: Path) -> Iterator[str | Unreadable]:
    """The lines of a file, gzip or not."""
    try:
        with path.open("rb") as raw:
            packed = raw.read(2) == b"\x1f\x8b"
            raw.seek(0)
            yield from _lines(gzip.open(raw) if packed else raw, str(path))
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise UserError(f"{path}: expected a gzip file, found a broken one ({error})") from None
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror or error}") from None


def _lines(raw: Iterable[bytes], where: str) -> Iterator[str | Unreadable]:
    """Lines without their ends, and the first without a byte order mark."""
    for number, line in enumerate(raw, start=1):
        try:
            yield _text(line.removeprefix(_BOM) if number == 1 else line).rstrip("\r\n")
        except UserError as error:
            yield Unreadable(f"{where}:{number}", f"{where}:{number}: {error}")


def _text(raw: bytes) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        found = f"byte 0x{raw[error.start]:02x}"
        raise UserError(f"expected UTF-8 text, found {found}") from None


def _printable(item: str) -> str:
    return item.encode("utf-8", "backslashreplace").decode()
