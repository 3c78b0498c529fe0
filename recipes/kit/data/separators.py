"""What separates the cells of a text file, by most of its first rows."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from recipes.kit.data.files import suffix_of
from recipes.kit.data.marks import SIGNS, is_missing
from recipes.kit.data.reading import TableFiles
from recipes.kit.data.rows import first_rows
from recipes.kit.errors import DataError

#: What may separate cells, the surest first; a comma may also stand in a number or a text.
DELIMITERS = {"\t": "tabs", ";": "semicolons", "|": "bars", ",": "commas"}

#: Rows that are looked at to find out what separates cells, and whether the first is a header.
LOOKED_AT = 200

#: Share of the rows that agree on their number of cells.
_AGREE = 0.9

#: One number whose thousands are told apart by blanks.
_GROUPED = re.compile(r"\s*[0-9]{1,3}(?: [0-9]{3})+\s*")

_BETWEEN_BLANKS = re.compile(r"[+-]?(?:[0-9]+[.,]?|[0-9]*[.,][0-9]+)(?:[eE][+-]?[0-9]+)?")
_TWO_WHOLE_NUMBERS = re.compile(r"\s*[+-]?[0-9]+,[0-9]+\s*")

#: One number with a decimal comma, perhaps with thousands and the sign of a unit.
_DECIMAL_COMMA = re.compile(
    rf"\s*[{SIGNS}]?\s*[+-]?[{SIGNS}]?\s*"
    rf"(?:[0-9]+|[0-9]{{1,3}}(?:[. '’\u00a0][0-9]{{3}})+),[0-9]+\s*[{SIGNS}]?\s*"
)

#: From so many rows on, it is no chance if no number ends in a zero.
_ENOUGH = 20

#: A row, and what is left of it without a word at its end or beginning.
_PARTS = (lambda cells: cells, lambda cells: cells[1:], lambda cells: cells[:-1])


def separator_of(path: Path, text: str, reading: TableFiles, *, blanks: bool) -> str:
    """What separates the cells of most rows, with more than one cell each; empty for nothing.

    Args:
        path: The file, for messages; cells of a `.tsv` are separated by tabs.
        text: Its content.
        reading: Says the decimal mark, where a comma may be that.
        blanks: Whether numbers may be separated by blanks as well.

    Raises:
        DataError: If there is no telling; names the option that decides.
    """
    if suffix_of(path) == ".tsv":
        return "\t"
    lines = [line for line in text.split("\n") if line.strip()]
    grouped = all(map(_GROUPED.fullmatch, lines[1:LOOKED_AT] or lines))
    if blanks and not grouped and _are_numbers_between_blanks(lines[:LOOKED_AT]):
        return " "
    for mark in DELIMITERS:
        widths = Counter(len(cells) for cells in first_rows(text, mark, LOOKED_AT))
        width, count = max(widths.items(), key=lambda item: item[1], default=(1, 0))
        if width > 1 and count >= _AGREE * widths.total():
            if mark == "," and width == 2 and _is_one_column(path, lines, reading):
                return ""
            return mark
    return next((mark for mark in DELIMITERS if lines and mark in lines[0]), "")


def _are_numbers_between_blanks(lines: Sequence[str]) -> bool:
    """Whether rows are numbers with blanks between them, and perhaps a word first or last."""
    rows = lines[1:] or lines
    body = [line.split() for line in rows]
    if max(map(len, body), default=0) < 2 or any(mark in line for line in rows for mark in ";|"):
        return False
    if all("\t" in line and not re.search(r"\S +\S", line) for line in rows):
        return False
    if any(cell[-1] == "," for cells in body for cell in cells):
        return False
    if all(len(cells) == 2 and "," in cells[1] for cells in body):
        return all(map(_is_between_blanks, body))  # `Jan 2010,100` is no word and a number.
    return any(all(map(_is_between_blanks, map(part, body))) for part in _PARTS)


def _is_between_blanks(cells: Sequence[str]) -> bool:
    return bool(cells) and all(
        _BETWEEN_BLANKS.fullmatch(cell) or is_missing(cell) for cell in cells
    )


def _is_one_column(path: Path, lines: Sequence[str], reading: TableFiles) -> bool:
    """Whether the comma of all rows is a decimal comma.

    Raises:
        DataError: If there is no telling; names the option that decides.
    """
    named = _TWO_WHOLE_NUMBERS.fullmatch(lines[0]) is None
    body = lines[1:] if named else lines
    if named and all(_DECIMAL_COMMA.fullmatch(line) for line in body if not is_missing(line)):
        return "," not in lines[0]
    if named or not all(map(_TWO_WHOLE_NUMBERS.fullmatch, body)):
        return False
    if reading.decimal is not None:
        return reading.decimal == ","
    behind = [line.strip().partition(",")[2] for line in body]
    if any(part[0] == "0" and len(part) > 1 for part in behind):
        return True
    # Whoever writes decimals leaves off the zeros at the end.
    ends = [part for part in behind if len(part) > 1]
    if len(behind) < _ENOUGH:
        raise DataError(
            path,
            f"{body[0].strip()!r} may be one number or two; --decimal , or --decimal . decides",
            line=1,
        )
    return len(ends) >= _ENOUGH and not any(part.endswith("0") for part in ends)
