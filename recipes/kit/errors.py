"""What a user can mend: one line, no traceback, exit status 2."""

from __future__ import annotations

from pathlib import Path


class UserError(Exception):
    """A mistake the user can mend. Its text is the one line the command line prints.

    Say what was wrong, where, what was expected and what was found.
    """


class DataError(UserError):
    """A mistake in a file, named as `file:line: message` so that editors can jump to it."""

    def __init__(self, path: str | Path, message: str, *, line: int | None = None) -> None:
        where = f"{path}:{line}" if line is not None else str(path)
        super().__init__(f"{where}: {message}")
        self.path, self.line = Path(path), line
