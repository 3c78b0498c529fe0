"""Where data comes from: what `--data` says, parsed once.

`--data` is one of

    embedded[:NAME]      what the package carries or generates; needs no network
    tfds:NAME[/CONFIG]   a dataset of tensorflow-datasets
    PATH[,PATH]          your own file or folder; several files with commas between them
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from recipes.kit.errors import UserError

_FORMS = "expected embedded, tfds:NAME or a path"


@dataclass(frozen=True)
class Source:
    """A parsed `--data`.

    Attributes:
        kind: What it is.
        name: Of the dataset, for "tfds"; for "embedded" that of a certain set, or empty.
        paths: Absolute paths, for "files"; one, or several that belong together.
    """

    kind: Literal["embedded", "tfds", "files"] = "embedded"
    name: str = ""
    paths: tuple[Path, ...] = ()

    @classmethod
    def parse(cls, text: str) -> Source:
        """Read a `--data` argument; relative paths are taken from the current folder.

        Whether they exist is asked by `require`: the data of a finished run may be gone.

        Raises:
            UserError: If the text is empty or names nothing.
        """
        text = text.strip()
        if not text:
            raise UserError(f"--data is empty; {_FORMS}.")
        scheme, colon, name = text.partition(":")
        if text == "embedded":
            return cls("embedded")
        if colon and scheme in ("embedded", "tfds"):
            if not (name := name.strip("/ ")):
                raise UserError(f"--data {text}: does not name a dataset; expected {scheme}:NAME.")
            return cls("embedded" if scheme == "embedded" else "tfds", name)
        names = [text] if _exists(_path(text)) else [name.strip() for name in text.split(",")]
        if not all(names):
            raise UserError(f"--data {text}: a path beside the comma is empty; expected PATH,PATH.")
        return cls.of(*map(_path, names))

    @classmethod
    def of(cls, *paths: Path) -> Source:
        """The source of files."""
        return cls("files", paths=tuple(Path(path).resolve() for path in paths))

    def require(self) -> None:
        """Refuse paths that do not exist.

        Raises:
            UserError: Which one.
        """
        for path in self.paths:
            if not _exists(path):
                raise UserError(f"--data {self}: no such file or folder, {path.name}; {_FORMS}.")

    def embedded_name(self, *names: str) -> str:
        """The name of the embedded set, empty for the usual one.

        Raises:
            UserError: If it is none of `names`.
        """
        if self.name and self.name not in names:
            known = ", ".join(["embedded", *(f"embedded:{name}" for name in names)])
            raise UserError(f"--data {self}: no such embedded data; expected {known}.")
        return self.name

    @property
    def path(self) -> Path:
        """The one file or folder.

        Raises:
            UserError: If there are several.
        """
        if len(self.paths) != 1:
            raise UserError(f"--data {self}: expected one file or folder, found {len(self.paths)}.")
        return self.paths[0]

    @property
    def is_file(self) -> bool:
        """Whether it is a file, or several that belong together, and no folder."""
        return bool(self.paths) and all(path.is_file() for path in self.paths)

    def __str__(self) -> str:
        if self.kind == "files":
            return ",".join(map(str, self.paths))
        return f"{self.kind}:{self.name}" if self.name else self.kind


EMBEDDED = Source()


def _path(text: str) -> Path:
    return Path(os.path.expanduser(text))  # Leaves an unknown ~user as it is.


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):  # longer than a name can be, or with characters no name has
        return False
