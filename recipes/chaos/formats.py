"""Columns of numbers in a file: text, CSV (gzip or not) or npy."""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from recipes.kit.data.source import read_text
from recipes.kit.errors import DataError

Row = tuple[int, list[str]]
"""Number of the line, cells."""


@dataclass(frozen=True)
class Columns:
    """Numbers of some columns, float64 `(rows, columns)`, and their names."""

    names: tuple[str, ...]
    values: np.ndarray


def read_columns(path: Path, wanted: Sequence[str] = ()) -> Columns:
    """Read columns of numbers, a row a step in time.

    Text has its numbers apart by commas, semicolons, tabs or spaces, and may begin with a row of
    names; empty lines and what follows a `#` are passed over. An npy file holds an array
    `(rows,)` or `(rows, columns)`. Columns without names are called 1, 2, ...

    Args:
        path: The file.
        wanted: Names of the columns to read, or their numbers from 1 on; all of them by default.

    Raises:
        DataError: It cannot be read, has no such column, or something there is no finite number;
            names the line, of an npy file the row.
    """
    if path.is_dir():
        raise DataError(path, "is a folder; expected a file: text, CSV or npy")
    names, rows = _npy(path) if path.suffix == ".npy" else _text(path)
    places = _places(path, names, wanted)
    chosen = tuple(names[place] for place in places)
    values = np.empty((len(rows), len(places)))
    for row, (line, cells) in enumerate(rows):
        for column, place in enumerate(places):
            values[row, column] = _number(path, line, chosen[column], cells[place])
    return Columns(chosen, values)


def _npy(path: Path) -> tuple[list[str], list[Row]]:
    try:
        array = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise DataError(path, f"expected an npy file ({error})") from None
    if (
        not isinstance(array, np.ndarray)
        or array.ndim not in (1, 2)
        or array.dtype.kind not in "iuf"
    ):
        found = f"{array.dtype} {array.shape}" if isinstance(array, np.ndarray) else "an archive"
        raise DataError(path, f"expected numbers (rows,) or (rows, columns), found {found}")
    array = array.reshape(len(array), -1)
    names = [str(number + 1) for number in range(array.shape[1])]
    return names, [(row + 1, cells) for row, cells in enumerate(array.tolist())]


def _text(path: Path) -> tuple[list[str], list[Row]]:
    lines = [line.partition("#")[0].strip() for line in read_text(path).split("\n")]
    numbered = [(number, line) for number, line in enumerate(lines, start=1) if line]
    if not numbered:
        raise DataError(path, "holds no numbers; expected a row for each step in time")
    mark = next((mark for mark in ";,\t" if mark in numbered[0][1]), None)
    rows = [(number, _cells(line, mark)) for number, line in numbered]
    width = len(rows[0][1])
    for number, cells in rows:
        if len(cells) != width:
            raise DataError(path, f"expected {width} columns, found {len(cells)}", line=number)
    names = [str(number + 1) for number in range(width)]
    if not any(map(_is_number, rows[0][1])):
        names, rows = rows[0][1], rows[1:]
        if len(set(names)) < width:
            raise DataError(path, f"two columns have one name: {', '.join(names)}", line=1)
    return names, rows


def _cells(line: str, mark: str | None) -> list[str]:
    if mark is None:
        return line.split()
    return [cell.strip() for cell in next(csv.reader([line], delimiter=mark))]


def _places(path: Path, names: Sequence[str], wanted: Sequence[str]) -> list[int]:
    places = []
    for name in wanted:
        if name in names:
            places.append(names.index(name))
        elif name.isdigit() and 1 <= int(name) <= len(names):
            places.append(int(name) - 1)
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
