"""CoNLL-U, whatever its files are called: ten columns separated by tabs, the first a number."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from recipes.kit.data.facts import Fact
from recipes.kit.data.reading import TextFiles
from recipes.kit.errors import DataError, UserError
from recipes.ner.sentences import Raw, Row, gather

_COLUMNS = ("id", "form", "lemma", "upos", "xpos", "feats", "head", "deprel", "deps", "misc")
_FORM, _UPOS, _MISC = 1, 3, 9

#: Columns in which `_` says that a token has none of what others have.
_MAY_BE_NONE = ("feats", "deps", "misc")

_ID = re.compile(r"[0-9]+(?:[-.][0-9]+)?")
_SPACES = re.compile(r"Spaces?(?:After|Before)=.*")


def is_conllu(path: Path, lines: Sequence[str]) -> bool:
    """Whether a file is CoNLL-U, by its name or by the first line that is no comment."""
    if path.name.lower().removesuffix(".gz").endswith(".conllu"):
        return True
    fields = next((x for x in lines if x.strip() and not x.startswith("#")), "").split("\t")
    return len(fields) == len(_COLUMNS) and _ID.fullmatch(fields[0]) is not None


def read_conllu(
    path: Path,
    lines: Sequence[str],
    token_column: int | None,
    tag_column: int | str | None,
    reading: TextFiles,
) -> Raw:
    """CoNLL-U without ranges and empty nodes; the `conllu` library would lose the line numbers.

    Raises:
        UserError: If a column's name is unknown.
        DataError: If the file is malformed, or a token has no tag; names file and line.
    """
    first = next((n for n, x in enumerate(lines, 1) if x.strip() and not x.startswith("#")), 1)
    token_at = _place(path, first, "token", _FORM if token_column is None else token_column)
    if isinstance(tag_column, str):
        if tag_column.lower() not in _COLUMNS:
            known = ", ".join(_COLUMNS)
            raise UserError(f"tag column {tag_column!r}: expected a number or one of {known}")
        tag_column = _COLUMNS.index(tag_column.lower())
    tag_at = _place(path, first, "tag", _UPOS if tag_column is None else tag_column)
    name = _COLUMNS[tag_at]
    none = ", where _ says that there is none" if name in _MAY_BE_NONE else ""
    fact = Fact("columns", f"CoNLL-U, token {_COLUMNS[token_at]}, tag {name}{none}")
    return gather(path, _rows(path, lines, token_at, tag_at), reading, [fact])


def _place(path: Path, line: int, what: str, column: int) -> int:
    width = len(_COLUMNS)
    if not -width <= column < width:
        raise DataError(
            path,
            f"{what} column {column} is out of range; expected 0 to {width - 1}, as CoNLL-U has "
            f"{width} columns",
            line=line,
        )
    return column % width


def _rows(path: Path, lines: Sequence[str], token_at: int, tag_at: int) -> Iterator[Row]:
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            yield None
        elif not line.startswith("#"):
            fields = [field.strip() for field in line.split("\t")]
            if len(fields) != len(_COLUMNS) or not _ID.fullmatch(fields[0]):
                message = (
                    "expected 10 CoNLL-U columns separated by tabs, the first a number, found "
                    f"{len(fields)}: {line[:40]!r}"
                )
                yield DataError(path, message, line=number)
            elif fields[0].isdigit():
                yield number, fields[token_at] or "_", _tag(path, number, fields[tag_at], tag_at)


def _tag(path: Path, number: int, value: str, column: int) -> str:
    """The tag in a column; how words are spaced is none.

    Raises:
        DataError: If there is no tag.
    """
    name = _COLUMNS[column]
    if column == _MISC:
        parts = [part for part in value.split("|") if not _SPACES.fullmatch(part)]
        value = "|".join(parts) or "_"
    if value in ("", "_") and name not in _MAY_BE_NONE:
        message = f"expected a tag in column {name}, found {value or 'nothing'!r}"
        raise DataError(path, f"{message}; --tag-column takes another", line=number)
    return value or "_"
