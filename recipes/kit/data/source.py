"""Where data comes from: what `--data` says, parsed once.

`--data` is one of

    embedded[:NAME]      what the package carries or generates; needs no network
    tfds:NAME[/CONFIG]   a dataset of tensorflow-datasets
    PATH[,PATH]          your own file or folder; several files with commas between them
    train=PATH[,PATH][,valid=PATH][,test=PATH]
                         a file for each part, as `--train`, `--valid` and `--test` say it
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from recipes.kit.errors import UserError

#: The parts of a data set, in the order in which they are used.
SPLITS = ("train", "valid", "test")

_FORMS = "expected embedded, tfds:NAME or a path"
_PART = re.compile(rf"({'|'.join(SPLITS)})=(.*)")


@dataclass(frozen=True)
class Source:
    """A parsed `--data`.

    Attributes:
        kind: What it is.
        name: Of the dataset, for "tfds"; for "embedded" that of a certain set, or empty.
        paths: Absolute paths, for "files"; one, or several that belong together.
        splits: Of each path the part it is ("train", "valid", "test"); empty where nobody said.
    """

    kind: Literal["embedded", "tfds", "files"] = "embedded"
    name: str = ""
    paths: tuple[Path, ...] = ()
    splits: tuple[str, ...] = ()

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
        if not _exists(_path(names[0])) and _PART.fullmatch(names[0]):
            return cls._of_named(names)
        return cls.of(*map(_path, names))

    @classmethod
    def _of_named(cls, names: Sequence[str]) -> Source:
        """Of `train=PATH` and the like; a path without a name belongs to the part before it."""
        parts: dict[str, list[Path]] = {}
        split = ""
        for name in names:
            if match := _PART.fullmatch(name):
                split, name = match.groups()
            parts.setdefault(split, []).append(_path(name))
        return cls.of_parts(parts)

    @classmethod
    def of_parts(cls, parts: Mapping[str, Sequence[Path]]) -> Source:
        """The source of files whose parts are named.

        Args:
            parts: Files by "train", "valid" and "test".

        Raises:
            UserError: If there are none to train on.
        """
        if "train" not in parts:
            raise UserError(f"--{next(iter(parts))} needs --train FILE.")
        named = [(split, path) for split in SPLITS for path in parts.get(split, ())]
        splits, paths = zip(*named, strict=True)
        return cls("files", paths=tuple(Path(path).resolve() for path in paths), splits=splits)

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
                if self.splits:
                    split = self.splits[self.paths.index(path)]
                    raise UserError(f"--{split} {path}: no such file or folder.")
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
    def parts(self) -> dict[str, tuple[Path, ...]]:
        """The paths of each part that the user named; empty where they named none."""
        named = [*zip(self.splits, self.paths, strict=bool(self.splits))]
        return {
            split: tuple(path for its, path in named if its == split)
            for split in dict.fromkeys(self.splits)
        }

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
        if self.parts:
            groups = (f"{split}={','.join(map(str, paths))}" for split, paths in self.parts.items())
            return ",".join(groups)
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
