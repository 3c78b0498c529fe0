"""The texts that `predict` is given: words of the command line, lines of files and of stdin."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from recipes.kit.console import note
from recipes.kit.data.files import stream_lines
from recipes.kit.errors import Unreadable, UserError


def texts(inputs: Sequence[str]) -> Iterator[str | Unreadable]:
    """The inputs themselves, or the lines of the files they name; empty lines are passed over."""
    for item in inputs:
        try:
            if not item.strip():
                raise UserError("is empty; expected text, a file, or - for stdin.")
            if item == "-":
                yield from _stdin()
            elif _is_file(item):
                yield from (line.strip() for _, line in stream_lines(item) if line.strip())
            else:
                yield _text(item.encode("utf-8", "surrogateescape"))
        except UserError as error:
            name = item.encode("utf-8", "backslashreplace").decode()  # printable, whatever it holds
            yield Unreadable(name, str(error))


def _stdin() -> Iterator[str | Unreadable]:
    for raw in sys.stdin.buffer:
        try:
            if line := _text(raw):
                yield line
        except UserError as error:
            yield Unreadable(repr(raw), str(error))


def _is_file(item: str) -> bool:
    """Whether an input is a file rather than text; a note is shown for what looks like a path."""
    try:
        if Path(item).is_dir():
            raise UserError("is a folder; expected text, a file of lines, or - for stdin.")
        exists = Path(item).is_file()
    except (OSError, ValueError):  # longer than a name can be, or with characters no name has
        return False
    if not exists and os.sep in item and not any(map(str.isspace, item)):
        note(f"{item} is not a file; treating it as text.")
    return exists


def _text(raw: bytes) -> str:
    try:
        return raw.decode("utf-8").strip()
    except UnicodeDecodeError as error:
        raise UserError(f"is not UTF-8 text ({error.reason}).") from None
