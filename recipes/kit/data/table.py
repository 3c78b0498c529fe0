"""Tables of numbers in text files: rows with line numbers, with a header or without."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from recipes.kit.data.files import read_text
from recipes.kit.data.rows import Row, csv_rows
from recipes.kit.errors import DataError

#: Ways to write a missing value, in lower case.
_MISSING = {"", "na", "n/a", "#n/a", "nan", "null", "none", "missing", "?", "-", "--", "."}

_DECIMAL_COMMA = re.compile(r"[+-]?\d*,\d+(?:[eE][+-]?\d+)?")


@dataclass(frozen=True)
class Table:
    """Cells of a file.

    Attributes:
        path: The file.
        names: Names of the columns in the header, or `column 0`, `column 1`, ...
        header: Whether there is a header.
        rows: Line number and cells of each row below the header.
    """

    path: Path
    names: tuple[str, ...]
    header: bool
    rows: tuple[Row, ...]

    def column(self, index: int) -> list[str]:
        """The cells of a column."""
        return [cells[index] for _, cells in self.rows]


def read_table(path: Path) -> Table:
    """Read a CSV file, gzipped or not.

    Cells are separated by semicolons or tabs if the first line has any, else by commas. The first
    row is a header if one of its cells is not a number but the column below it holds numbers.

    Raises:
        DataError: If the file is empty or not CSV, its rows differ in width, or two columns have
            the same name; names file and line.
    """
    text = read_text(path)
    # Semicolons and tabs only ever separate cells here; numbers may then have decimal commas.
    first = text.partition("\n")[0]
    delimiter = next((mark for mark in ";\t" if mark in first), ",")
    rows = csv_rows(path, text, delimiter)
    if not rows:
        raise DataError(path, "holds no values; expected CSV")
    width = len(rows[0][1])
    for line, cells in rows:
        if len(cells) != width:
            raise DataError(path, f"expected {width} columns, found {len(cells)}", line=line)
    rows = [(line, [with_point(cell.strip(), delimiter) for cell in cells]) for line, cells in rows]
    header = _is_header(rows)
    if header and len(rows) == 1:
        raise DataError(path, "holds a header and no values", line=rows[0][0])
    names = [
        cell if header and cell else f"column {index}" for index, cell in enumerate(rows[0][1])
    ]
    for index, name in enumerate(names):
        if name in names[:index]:
            raise DataError(path, f"two columns are named {name!r}", line=rows[0][0])
    return Table(path, tuple(names), header, tuple(rows[1:] if header else rows))


def with_point(cell: str, delimiter: str) -> str:
    """The cell with a point for a decimal comma, unless cells are separated by commas."""
    if delimiter != "," and _DECIMAL_COMMA.fullmatch(cell):
        return cell.replace(",", ".")
    return cell


def is_missing(cell: str) -> bool:
    """Whether a cell stands for a missing value."""
    return cell.lower() in _MISSING


def number(cell: str) -> float | None:
    """The value of a cell: NaN where it is missing, None where it is not a finite number.

    >>> number("1.5"), number("abc"), number("NA")
    (1.5, None, nan)
    """
    if is_missing(cell):
        return math.nan
    try:
        value = float(cell)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def is_numeric(cells: Sequence[str]) -> bool:
    """Whether a column holds at least one number, and otherwise only missing values."""
    values = [number(cell) for cell in cells]
    return None not in values and any(value == value for value in values)


def _is_header(rows: Sequence[Row]) -> bool:
    first = rows[0][1]
    if len(rows) == 1:
        return all(number(cell) is None for cell in first)
    for index, cell in enumerate(first):
        below = next((c[index] for _, c in rows[1:] if not is_missing(c[index])), "")
        value = number(below)
        if value is not None and value == value and number(cell) is None:
            return True
    return False
