"""Errors the user can fix: one line, no traceback, exit status 2."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


class UserError(Exception):
    """An error the user can fix. Its text is the one line that the command line prints.

    Say what was wrong, where, what was expected and what was found.
    """


class DataError(UserError):
    """An error in a file, as `file:line: message` so that editors can jump to it."""

    def __init__(self, path: str | Path, message: str, *, line: int | None = None) -> None:
        where = f"{path}:{line}" if line is not None else str(path)
        super().__init__(f"{where}: {message}")
        self.path, self.line, self.message = Path(path), line, message


@dataclass(frozen=True)
class Unreadable:
    """An input among others that could not be read.

    Attributes:
        name: What the user gave.
        error: What is wrong with it.
    """

    name: str
    error: str

    def __str__(self) -> str:
        return self.name
