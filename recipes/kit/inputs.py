"""The inputs of `predict`: texts, lines of files and of stdin; or files, folders and patterns."""

from __future__ import annotations

import contextlib
import glob
import gzip
import itertools
import os
import sys
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from recipes.kit.console import note
from recipes.kit.data.files import data_files, encoding_of, is_hidden
from recipes.kit.data.reading import AS_FOUND, Encoded
from recipes.kit.errors import DataError, Unreadable, UserError

_BINARY = "expected text, found a NUL byte (a binary file?)"


@dataclass(frozen=True)
class TextOptions(Encoded):
    """Run a trained model: one answer for each text. This recipe adds no options."""


def texts(inputs: Sequence[str], reading: Encoded = AS_FOUND) -> Iterator[str | Unreadable]:
    """The inputs themselves, or every line of the files they name, blank ones too.

    A line that cannot be read costs only itself, and so does a file.

    Args:
        inputs: Words of the command line.
        reading: Says in which encoding files and stdin are.
    """
    for item in inputs:
        try:
            if not item.strip():
                raise UserError("is empty; expected text, a file, or - for stdin.")
            if item == "-":
                yield from _lines(sys.stdin.buffer, "stdin", reading)
            elif _is_file(item):
                yield from _lines_of_file(Path(item), reading)
            else:
                yield _text(os.fsencode(item), "utf-8", _printable(item))
        except UserError as error:
            yield Unreadable(_printable(item), str(error))


def files(
    inputs: Sequence[str],
    suffixes: Sequence[str],
    is_input: Callable[[Path], bool] = lambda folder: False,
) -> Iterator[Path | Unreadable]:
    """The files that inputs name: a file itself, the data files of a folder, what fits a pattern.

    Args:
        inputs: Paths and patterns; a pattern is one only where there is no file of that name.
        suffixes: Ends of the names of the files to take from a folder.
        is_input: Whether a folder is one input itself; of a folder, such folders are taken too.
    """
    for item in inputs:
        try:
            if item == "-":
                raise UserError("is stdin, which cannot be read here; expected the path of a file.")
            yield from _files_of(Path(item), suffixes, is_input)
        except UserError as error:
            yield Unreadable(_printable(item), str(error))


def _files_of(
    path: Path, suffixes: Sequence[str], is_input: Callable[[Path], bool]
) -> Iterator[Path]:
    item = str(path)
    if _exists(path):
        if not path.is_dir() or is_input(path):
            yield path
            return
        folders = [p for p in path.iterdir() if p.is_dir() and not is_hidden(p) and is_input(p)]
        inside = sorted([*data_files(path, suffixes), *folders])
        if not inside:
            raise UserError(
                f"{item}: expected files of the kind {', '.join(suffixes)}; found none."
            )
        yield from inside
    elif glob.has_magic(item):
        paths = map(Path, sorted(glob.glob(item, recursive=True)))
        matching = [path for path in paths if not is_hidden(path)]
        if not matching:
            raise UserError(f"{item}: no such file, and no file that fits the pattern.")
        for match in matching:
            yield from _files_of(match, suffixes, is_input)
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
        like_a_path = os.sep in item or (glob.has_magic(item) and glob.glob(item))
        if like_a_path and not any(map(str.isspace, item)):
            note(f"{item} is not a file; treating it as text.")
        return False
    if path.is_dir():
        raise UserError("is a folder; expected text, a file of lines, or - for stdin.")
    return True


def _lines_of_file(path: Path, reading: Encoded) -> Iterator[str | Unreadable]:
    """The lines of a file, gzip or not."""
    try:
        with path.open("rb") as raw:
            packed = raw.peek(2).startswith(b"\x1f\x8b")  # It may be a pipe, which cannot seek.
            with gzip.open(raw) if packed else contextlib.nullcontext(raw) as file:
                head = file.peek(1)
                if b"\0" in head and _by_lines(encoding_of(head[:4], reading)):
                    raise DataError(path, _BINARY)
                yield from _lines(file, str(path), reading)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise DataError(path, f"expected a gzip file, found a broken one ({error})") from None
    except OSError as error:
        raise DataError(path, f"cannot be read: {error.strerror or error}") from None


def _lines(raw: Any, where: str, reading: Encoded) -> Iterator[str | Unreadable]:
    """Lines as they are, without their ends and the byte order mark of the first."""
    first = raw.readline()
    if not first:
        note(f"{where} is empty, so there is nothing to answer.")
    encoding = encoding_of(first[:4], reading)
    if not _by_lines(encoding):
        text = _text(first + raw.read(), encoding, where).replace("\r\n", "\n")
        yield from text.removesuffix("\n").split("\n") if text else []
        return
    for number, line in enumerate(itertools.chain([first] if first else [], raw), start=1):
        place = f"{where}:{number}"
        try:
            text = _text(line, encoding, place)
        except UserError as error:
            yield Unreadable(place, str(error))
            continue
        if text.endswith("\n"):
            yield text.removesuffix("\n").removesuffix("\r")
        else:  # The last line; a carriage return ends one only where there is no line feed.
            yield from text.removesuffix("\r").split("\r") if number == 1 else [text]


def _by_lines(encoding: str) -> bool:
    """Whether bytes can be split at line feeds before they are decoded: not those of UTF-16."""
    return "\n".encode(encoding) == b"\n"


def _text(raw: bytes, encoding: str, where: str) -> str:
    """The text of bytes, without the byte order mark.

    Raises:
        UserError: If it is not text in the encoding.
    """
    try:
        text = raw.decode(encoding)
    except UnicodeDecodeError as error:
        name = "UTF-8" if encoding == "utf-8" else encoding
        raise UserError(
            f"{where}: expected {name} text, found byte 0x{raw[error.start]:02x}; --encoding names "
            "another, such as latin-1, cp1252 or utf-16"
        ) from None
    if "\0" in text:
        raise UserError(f"{where}: {_BINARY}")
    return text.removeprefix("\ufeff")


def _printable(item: str) -> str:
    return item.encode("utf-8", "backslashreplace").decode()
