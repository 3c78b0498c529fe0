"""How files are read where a guess would be wrong: options that recipes and `predict` share."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Literal, TypeVar

from recipes.kit.errors import UserError
from recipes.kit.option import Group, NoEffect, option

R = TypeVar("R", bound=Group)


@dataclass(frozen=True)
class Files(Group):
    """How files of any kind are read."""

    heading: ClassVar[str] = "data"

    strict: bool = option(
        False,
        "Refuse a file with blank rows, rows of another width or sound and images that cannot be "
        "read, instead of leaving these out (up to 1 % of them, or 3) and saying so.",
    )


@dataclass(frozen=True)
class Encoded(Group):
    """How the bytes of text files are read."""

    heading: ClassVar[str] = "data"

    encoding: str | None = option(
        None,
        "Encoding of your text files, such as latin-1, cp1252 or utf-16. By default UTF-8, or what "
        "a byte order mark says.",
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.encoding is not None:
            try:
                "".encode(self.encoding)
            except LookupError:
                raise UserError(
                    f"--encoding {self.encoding}: no such encoding; expected one that Python "
                    "knows, such as utf-8, latin-1, cp1252 or utf-16."
                ) from None


@dataclass(frozen=True)
class TextFiles(Encoded, Files):
    """How text files are read."""


@dataclass(frozen=True)
class TableFiles(TextFiles):
    """How tables are read."""

    decimal: Literal[".", ","] | None = option(
        None,
        "Decimal mark of your tables, a point or a comma. By default decided on the whole file, "
        "and said.",
    )
    thousands: Literal[",", ".", "'", "space", "none"] | None = option(
        None,
        "Mark between groups of three digits: a comma, a point, an apostrophe, a blank (space) or "
        "none. By default decided on the whole file, and said.",
    )
    date_format: str | None = option(
        None,
        "How time stamps are written, as `strptime` has it: '%d/%m/%Y %H:%M'. By default decided "
        "on the whole column, and said.",
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        differ = self.decimal is None or self.decimal != self.thousands
        self.require(differ, "thousands", "another mark than --decimal")


#: Files in UTF-8, tables whose conventions are decided by their contents.
AS_FOUND = TableFiles()


def reading_options(config: Any) -> Iterator[str]:
    """Names of the options of a config that say how files are read."""
    for kind in (TableFiles, TextFiles, Files):
        if isinstance(config, kind):
            yield from (field.name for field in fields(kind))
            return


def as_given(config: R, given: Any) -> R:
    """A config that reads files as the options of a command say, where these say anything.

    Args:
        config: That of a trained model; its own data may be of another kind.
        given: Options of the command.

    Raises:
        NoEffect: If one of these is not an option of the model's recipe.
    """
    result, known = copy.copy(config), {*reading_options(config)}
    for name in reading_options(given):
        if value := getattr(given, name):
            if name not in known:
                raise NoEffect(name, "on the data of this model")
            # Not `replace`: what has no effect on the data of the training may have one here.
            object.__setattr__(result, name, value)
    return result
