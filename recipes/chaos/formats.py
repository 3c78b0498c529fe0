"""Columns of numbers in a file: text, CSV (gzip or not), npy or npz."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from recipes.kit.data.arrays import read_arrays
from recipes.kit.data.columns import never_changes, why_no_measure
from recipes.kit.data.facts import Fact, first_values, listed
from recipes.kit.data.marks import is_missing
from recipes.kit.data.reading import AS_FOUND, TableFiles
from recipes.kit.data.tables import Table, read_table
from recipes.kit.data.time_orders import evenness
from recipes.kit.data.times import looks_like_times, time_column
from recipes.kit.errors import DataError

#: Ends of the names of files of series.
SUFFIXES = (".csv", ".tsv", ".txt", ".dat", ".npy", ".npz")


@dataclass(frozen=True)
class Columns:
    """Columns of numbers.

    Attributes:
        names: Names of the columns.
        values: Their numbers, float64 `(rows, columns)`.
        others: Names of the columns of the file that are not among them.
        facts: What was understood.
    """

    names: tuple[str, ...]
    values: np.ndarray
    others: list[str]
    facts: tuple[Fact, ...]


def read_columns(
    path: Path, wanted: Sequence[str] = (), first: int = 0, reading: TableFiles = AS_FOUND
) -> Columns:
    """Read columns of numbers, one row for each step in time.

    In text, numbers are separated by commas, semicolons, tabs, bars or blanks, and the first row
    may hold names; empty lines and everything after a `#` are skipped. An npy file, or the only
    array of an npz file, is `(rows,)` or `(rows, columns)`. Columns without names are called
    `column 0`, `column 1`, ...

    Args:
        path: The file.
        wanted: Names or numbers of the columns to read; by default those that measure something:
            no time stamps, numbers of rows or ids.
        first: Number of the first column in `wanted`.
        reading: How text is read.

    Raises:
        DataError: If the file cannot be read, has no such column, its time stamps go back, or a
            cell is not a finite number; names the line, of an array the row.
    """
    if path.is_dir():
        raise DataError(path, "is a folder; expected a file: text, CSV, npy or npz")
    if path.suffix in (".npy", ".npz"):
        return _of_array(path, wanted, first)
    table = read_table(path, reading, blanks=True, comments=True)
    places = _places(path, table.names, wanted, first)
    aside = {} if wanted else _aside(table)
    places = places or [place for place in range(len(table.names)) if place not in aside]
    if not places:
        reasons = listed((f"{table.names[place]!r} {why}" for place, why in aside.items()), 10)
        raise DataError(path, f"expected columns of numbers, but {reasons}; --columns takes any")
    values = np.stack([table.numbers(place) for place in places], axis=1)
    names = tuple(table.names[place] for place in places)
    _check(values, names, lambda row, place: (table.column(places[place])[row], table.error))
    facts = [*table.facts, *table.numbers_facts(places)]
    if aside:
        reasons = listed((f"{table.names[place]} ({why})" for place, why in aside.items()), 10)
        facts.append(Fact("left aside", reasons))
    facts += _order_of_time(table)
    facts += [first_values(name, values[:, i].tolist()) for i, name in enumerate(names[:3])]
    return Columns(names, values, _others(table.names, places), tuple(facts))


def _of_array(path: Path, wanted: Sequence[str], first: int) -> Columns:
    array = _array(path)
    names = [f"column {place}" for place in range(array.shape[1])]
    places = _places(path, names, wanted, first) or [*range(len(names))]
    values = array[:, places].astype("float64")
    chosen = tuple(names[place] for place in places)

    def at(row: int, message: str) -> DataError:
        return DataError(path, message, line=row + 1)

    _check(values, chosen, lambda row, place: (values[row, place], at))
    size = Fact("table", f"{path.name}: an array of {array.shape[0]:,} rows, {len(names):,} wide")
    facts = [first_values(name, values[:, i].tolist()) for i, name in enumerate(chosen[:3])]
    return Columns(chosen, values, _others(names, places), (size, *facts))


def _array(path: Path) -> np.ndarray:
    arrays = read_arrays(path, "an npy or npz file of numbers")
    if len(arrays) != 1:
        raise DataError(path, f"expected one array, found {', '.join(arrays) or 'none'}")
    (array,) = arrays.values()
    if array.ndim not in (1, 2) or array.dtype.kind not in "iuf":
        kind = f"{array.dtype} {array.shape}"
        raise DataError(path, f"expected numbers (rows,) or (rows, columns), found {kind}")
    if not array.size:
        raise DataError(path, "holds no values; expected a row for each step in time")
    table: np.ndarray = array.reshape(len(array), -1)
    return table


def _places(path: Path, names: Sequence[str], wanted: Sequence[str], first: int) -> list[int]:
    places = []
    for name in wanted:
        if name in names:
            places.append(names.index(name))
        elif name.isdecimal() and 0 <= int(name) - first < len(names):
            places.append(int(name) - first)
        else:
            raise DataError(path, f"has no column {name!r}; expected some of {', '.join(names)}")
    return places


def _others(names: Sequence[str], places: Sequence[int]) -> list[str]:
    return [name for place, name in enumerate(names) if place not in places]


def _aside(table: Table) -> dict[int, str]:
    """Columns that are no part of a series unless they are named, and why."""
    aside = {}
    for index in range(len(table.names)):
        cells = table.column(index)
        if all(map(is_missing, cells)):
            aside[index] = "is empty"
        elif looks_like_times(cells, table.reading.date_format):
            aside[index] = "holds time stamps"
        elif not table.is_numeric(index):
            aside[index] = "holds text"
        elif why := why_no_measure(table, index) or never_changes(table, index):
            aside[index] = why
    return aside


def _order_of_time(table: Table) -> list[Fact]:
    """What the first column of time stamps says of the steps, if there is one.

    Raises:
        DataError: If they go back.
    """
    for index in range(len(table.names)):
        if not looks_like_times(table.column(index), table.reading.date_format):
            continue
        try:
            times = time_column(table, index)
        except DataError:
            continue  # It is left aside, and might be anything.
        back = np.flatnonzero(np.diff(times.values) < 0)
        name = table.names[index]
        if len(back):
            found = repr(table.column(index)[back[0] + 1])
            message = f"expected rows in the order of time, but column {name!r} goes back to"
            raise table.error(int(back[0]) + 1, f"{message} {found}")
        lengths = evenness(times.values)[0]
        if lengths > 1:
            uneven = f"steps have {lengths:,} lengths by column {name!r}, and are taken as even"
            return [Fact("time", uneven)]
        return []
    return []


def _check(
    values: np.ndarray,
    names: Sequence[str],
    at: Callable[[int, int], tuple[object, Callable[[int, str], DataError]]],
) -> None:
    """Refuse a missing value: a network needs one at every step."""
    missing = np.argwhere(~np.isfinite(values))
    if len(missing):
        row, place = map(int, missing[0])
        cell, error = at(row, place)
        message = f"expected a number in column {names[place]!r} at every step, found {str(cell)!r}"
        raise error(row, message)
