"""Columns of numbers in a file: text, CSV (gzip or not) or npy."""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from recipes.kit.data.arrays import read_arrays
from recipes.kit.data.files import read_text
from recipes.kit.errors import DataError

#: Ends of the names of files of series.
SUFFIXES = (".csv", ".tsv", ".txt", ".dat", ".npy")

_EMPTY = "holds no numbers; expected a row for each step in time"


class Row(NamedTuple):
    """The number of a line and its cells: words of a text, numbers of an npy file."""

    line: int
    cells: Sequence[str | float]


@dataclass(frozen=True)
class Columns:
    """Columns of numbers.

    Attributes:
        names: Names of the columns.
        values: Their numbers, float64 `(rows, columns)`.
        others: Names of the columns of the file that were not asked for.
    """

    names: tuple[str, ...]
    values: np.ndarray
    others: list[str]


def read_columns(path: Path, wanted: Sequence[str] = (), first: int = 0) -> Columns:
    """Read columns of numbers, one row for each step in time.

    In text, numbers are separated by commas, semicolons, tabs or spaces, and the first row may hold
    names; empty lines and everything after a `#` are skipped. An npy file holds an array `(rows,)`
    or `(rows, columns)`. Columns without names are called by their numbers.

    Args:
        path: The file.
        wanted: Names or numbers of the columns to read; all of them by default.
        first: Number of the first column.

    Raises:
        DataError: If the file cannot be read, has no such column, or a cell is not a finite number;
            names the line, of an npy file the row.
    """
    if path.is_dir():
        raise DataError(path, "is a folder; expected a file: text, CSV or npy")
    header, rows = _npy(path) if path.suffix == ".npy" else _text(path)
    names = header or [str(first + index) for index in range(len(rows[0].cells))]
    places = _places(path, names, wanted, first)
    chosen = tuple(names[place] for place in places)
    values = np.empty((len(rows), len(places)))
    for row, (line, cells) in enumerate(rows):
        for column, place in enumerate(places):
            values[row, column] = _number(path, line, chosen[column], cells[place])
    return Columns(chosen, values, [name for name in names if name not in chosen])


def _npy(path: Path) -> tuple[list[str], list[Row]]:
    array = read_arrays(path, "an npy file").get("")
    if array is None or array.ndim not in (1, 2) or array.dtype.kind not in "iuf":
        kind = "an archive" if array is None else f"{array.dtype} {array.shape}"
        raise DataError(path, f"expected numbers (rows,) or (rows, columns), found {kind}")
    if not array.size:
        raise DataError(path, _EMPTY)
    table = array.reshape(len(array), -1).tolist()
    return [], [Row(number, cells) for number, cells in enumerate(table, start=1)]


def _text(path: Path) -> tuple[list[str], list[Row]]:
    lines = [line.partition("#")[0].strip() for line in read_text(path).split("\n")]
    numbered = [(number, line) for number, line in enumerate(lines, start=1) if line]
    if not numbered:
        raise DataError(path, _EMPTY)
    mark = next((mark for mark in ";,\t" if mark in numbered[0][1]), None)
    table = [(number, _cells(line, mark)) for number, line in numbered]
    line, names = table[0]
    for number, cells in table:
        if len(cells) != len(names):
            raise DataError(path, f"expected {len(names)} columns, found {len(cells)}", line=number)
    rows = [Row(number, cells) for number, cells in table]
    if any(map(_is_number, names)):
        return [], rows
    if len({*names}) < len(names):
        raise DataError(path, f"two columns have the same name: {', '.join(names)}", line=line)
    if len(rows) == 1:
        raise DataError(path, _EMPTY)
    return names, rows[1:]


def _cells(line: str, mark: str | None) -> list[str]:
    if mark is None:
        return line.split()
    return [cell.strip() for cell in next(csv.reader([line], delimiter=mark))]


def _places(path: Path, names: Sequence[str], wanted: Sequence[str], first: int) -> list[int]:
    places = []
    for name in wanted:
        if name in names:
            places.append(names.index(name))
        elif name.isdecimal() and 0 <= int(name) - first < len(names):
            places.append(int(name) - first)
        else:
            raise DataError(path, f"has no column {name!r}; expected some of {', '.join(names)}")
    return places or list(range(len(names)))


def _number(path: Path, line: int, column: str, cell: str | float) -> float:
    value = float(cell) if not isinstance(cell, str) or _is_number(cell) else math.nan
    if not math.isfinite(value):
        raise DataError(
            path, f"expected a number in column {column!r}, found {str(cell)!r}", line=line
        )
    return value


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True
