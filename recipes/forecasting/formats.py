"""Series out of a table: which column is what, the order of time, what is missing where."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from recipes.forecasting.clock import Clock, find_clock, looks_like_time, parse_times
from recipes.kit.data.table import Row, Table, is_missing, is_numeric, number, read_table
from recipes.kit.errors import DataError

_TIME_NAMES = {"date", "time", "timestamp", "datetime", "ds", "month", "week", "day", "year"}

#: More steps than this for each row there is are taken for a slip of the pen.
_MOST_STEPS = 50


@dataclass(frozen=True)
class Columns:
    """Which column is what, by name or by number from 0.

    Attributes:
        targets: What is forecast; empty for the first column of numbers (all, without a header),
            `("all",)` for all of them.
        covariates: What else is known up to now.
        known: What is known of the future as well.
        time: The time stamps; None to find them, `"none"` where rows are even steps.
        series: Which series a row belongs to, where a file holds several below each other.
    """

    targets: tuple[str, ...] = ()
    covariates: tuple[str, ...] = ()
    known: tuple[str, ...] = ()
    time: str | None = None
    series: str | None = None


@dataclass(frozen=True)
class Series:
    """A series in even steps; NaN is a missing value.

    Attributes:
        name: What it is called.
        values: Targets, (steps, targets), float64.
        covariates: (steps, covariates).
        known: (steps and, where a file goes on after the last value, further ones, known).
        clock: The times of the steps; None where there are no time stamps.
    """

    name: str
    values: np.ndarray
    covariates: np.ndarray
    known: np.ndarray
    clock: Clock | None

    def __len__(self) -> int:
        return len(self.values)


@dataclass(frozen=True)
class Read:
    """What a file holds: series of the same columns, and what there is to say about it."""

    series: tuple[Series, ...]
    targets: tuple[str, ...]
    covariates: tuple[str, ...]
    known: tuple[str, ...]
    notes: tuple[str, ...]


def read_series(path: Path, columns: Columns) -> Read:
    """Read the series of a CSV file.

    Rows may be in any order where there are time stamps. Steps without a row become missing values.

    Raises:
        DataError: a column is not there, a value is no number, or a time stamp cannot be read, is
            there twice or lies between the steps of the others; names file and line.
    """
    table = read_table(path)
    time = _time_column(table, columns)
    group = None if columns.series is None else _index(table, columns.series)
    covariates, known = (
        [_index(table, name) for name in names] for names in (columns.covariates, columns.known)
    )
    taken = {time, group, *covariates, *known}
    targets, notes = _targets(table, columns, taken)
    twice = {*targets} & taken
    if twice:
        raise DataError(path, f"column {table.names[min(twice)]!r} is given twice", line=1)

    groups: dict[str, list[Row]] = {}
    for line, cells in table.rows:
        groups.setdefault("" if group is None else cells[group], []).append((line, cells))
    used = [*targets, *covariates, *known]
    rows = {name: _numbers(table, members, used) for name, members in groups.items()}
    clocks = _clocks(table, groups, time, notes)
    series = []
    for name, members in groups.items():
        values, clock = rows[name], None
        # Rows behind the last target tell of the future: only what is known of it is there.
        there = np.flatnonzero(np.isfinite(values[:, : len(targets)]).any(axis=1))
        past = int(there[-1]) + 1 if known and len(there) else len(values)
        for place, index in enumerate(used):
            upto = past if place < len(targets) + len(covariates) else len(values)
            _tell_missing_cells(table, members, name, index, values[:upto, place], notes)
        if clocks is not None:
            clock, steps = clocks[name]
            _tell_missing_rows(table, name, clock, steps, notes)
            grid = np.full((steps.max() + 1, len(used)), math.nan)
            grid[steps] = values
            values = grid
        a, b = len(targets), len(targets) + len(covariates)
        end = len(values)
        if known:  # rows behind the last value tell of the future
            there = np.flatnonzero(np.isfinite(values[:, :a]).any(axis=1))
            end = int(there[-1]) + 1 if len(there) else 0
        series.append(
            Series(name or path.name, values[:end, :a], values[:end, a:b], values[:, b:], clock)
        )

    def names(indices: Sequence[int]) -> tuple[str, ...]:
        return tuple(table.names[index] for index in indices)

    return Read(tuple(series), names(targets), names(covariates), names(known), tuple(notes))


def _index(table: Table, name: str) -> int:
    """The column of a name, or of a number that is no name."""
    if name in table.names:
        return table.names.index(name)
    if name.isdigit() and int(name) < len(table.names):
        return int(name)
    have = ", ".join(map(repr, table.names[:20]))
    raise DataError(table.path, f"expected a column {name!r}, found {have}", line=1)


def _time_column(table: Table, columns: Columns) -> int | None:
    """The column of time stamps: the one named, else the first that looks like it."""
    if columns.time is not None:
        return None if columns.time == "none" else _index(table, columns.time)
    given = {*columns.targets, *columns.covariates, *columns.known, columns.series}
    for index, name in enumerate(table.names):
        if name in given or str(index) in given:
            continue
        cells = table.column(index)[:20]
        if all(map(looks_like_time, cells)):
            return index
        if table.header and name.lower() in _TIME_NAMES and is_numeric(cells):
            found = parse_times(table.column(index), numeric=True)
            if not isinstance(found, int) and len({*found[0]}) == len(table.rows):
                return index
    return None


def _targets(table: Table, columns: Columns, taken: set) -> tuple[list[int], list[str]]:
    if columns.targets and columns.targets != ("all",):
        return [_index(table, name) for name in columns.targets], []
    free = [
        index
        for index in range(len(table.names))
        if index not in taken and _mostly_numbers(table, index) and not _counts(table, index)
    ]
    if not free:
        raise DataError(table.path, "expected a column of numbers to forecast, found none", line=1)
    if columns.targets == ("all",) or not table.header or len(free) == 1:
        return free, []
    others = ", ".join(table.names[index] for index in free[1:])
    return free[:1], [f"target {table.names[free[0]]!r}; not used: {others} (see --target)"]


def _mostly_numbers(table: Table, index: int) -> bool:
    """Whether more than half of a column are numbers; what else is there is an error, then."""
    there = [cell for cell in table.column(index) if not is_missing(cell)]
    return sum(number(cell) is not None for cell in there) > len(there) / 2


def _counts(table: Table, index: int) -> bool:
    """Whether a column has no name and numbers the rows, as data frames write it."""
    if not (table.header and table.names[index] in (f"column {index}", "Unnamed: 0")):
        return False
    values = [number(cell) for cell in table.column(index)]
    return values[0] is not None and values == [values[0] + step for step in range(len(values))]


def _numbers(table: Table, rows: Sequence[Row], used: Sequence[int]) -> np.ndarray:
    values = np.empty((len(rows), len(used)))
    for row, (line, cells) in enumerate(rows):
        for column, index in enumerate(used):
            value = number(cells[index])
            if value is None:
                message = f"expected a number in column {table.names[index]!r}"
                raise DataError(table.path, f"{message}, found {cells[index]!r}", line=line)
            values[row, column] = value
    return values


def _clocks(
    table: Table, groups: dict[str, list[Row]], time: int | None, notes: list[str]
) -> dict[str, tuple[Clock, np.ndarray]] | None:
    """For each series its clock and the step of each of its rows; None without time stamps."""
    if time is None:
        return None
    cells = table.column(time)
    numeric = is_numeric(cells) and not all(len(cell) == 8 for cell in cells)
    found = parse_times(cells, numeric)
    if isinstance(found, int):
        line, row = table.rows[found]
        message = f"expected a time stamp such as 2024-01-31 in column {table.names[time]!r}"
        raise DataError(table.path, f"{message}, found {row[time]!r}", line=line)
    times, unit = found
    by_line = {line: int(one) for (line, _), one in zip(table.rows, times, strict=True)}
    ordered = {}
    for name, rows in groups.items():
        own = np.array([by_line[line] for line, _ in rows])
        order = np.argsort(own, kind="stable")
        same = np.flatnonzero(np.diff(own[order]) == 0)
        if len(same):
            first, second = (rows[order[same[0] + i]] for i in (0, 1))
            which = f" of series {name!r}" if name else ""
            raise DataError(
                table.path,
                f"the time stamp {second[1][time]!r}{which} is already in line {first[0]}; several "
                "series below each other need --series-column",
                line=second[0],
            )
        if (order != np.arange(len(order))).any():
            back = int(np.flatnonzero(np.diff(own) < 0)[0]) + 1
            which = f"series {name!r} " if name else ""
            notes.append(
                f"{which}is not in the order of time (from {table.path.name}:{rows[back][0]} on): "
                "sorted"
            )
        ordered[name] = own
    longest = max(ordered.values(), key=len)
    clock = find_clock(np.sort(longest), unit)
    return {name: _steps(table, groups[name], own, clock, time) for name, own in ordered.items()}


def _steps(
    table: Table, rows: Sequence[Row], times: np.ndarray, clock: Clock, time: int
) -> tuple[Clock, np.ndarray]:
    clock = dataclasses.replace(clock, first=int(times.min()))
    steps = clock.positions(times)
    between = np.flatnonzero(~(np.abs(steps - np.round(steps)) < 1e-9))
    if len(between):
        line, cells = rows[between[0]]
        raise DataError(
            table.path,
            f"the time stamp {cells[time]!r} lies between the steps of the others, one "
            f"{clock.name} each from {clock.text(clock.first)}; expected even steps, or "
            "--time-column none to take each row for a step",
            line=line,
        )
    steps = np.round(steps).astype("int64")
    if steps.max() >= _MOST_STEPS * len(steps) + 1000:
        line, cells = rows[int(np.argmax(times))]
        raise DataError(
            table.path,
            f"the time stamp {cells[time]!r} is {steps.max():,} steps of one {clock.name} after "
            f"the first, and there are only {len(steps):,} rows",
            line=line,
        )
    return clock, steps


def _tell_missing_cells(
    table: Table,
    rows: Sequence[Row],
    name: str,
    index: int,
    values: np.ndarray,
    notes: list[str],
) -> None:
    which = f" of series {name!r}" if name else ""
    missing = np.flatnonzero(np.isnan(values))
    if len(missing) == len(values):
        message = f"column {table.names[index]!r}{which} holds no value"
        raise DataError(table.path, message, line=rows[0][0])
    if len(missing):
        notes.append(
            f"{len(missing):,} of {len(values):,} values of {table.names[index]!r}{which} are "
            f"missing, the first in {table.path.name}:{rows[missing[0]][0]}"
        )


def _tell_missing_rows(
    table: Table, name: str, clock: Clock, steps: np.ndarray, notes: list[str]
) -> None:
    missing = np.setdiff1d(np.arange(steps.max() + 1), steps)
    if len(missing):
        which = f" of series {name!r}" if name else ""
        first = clock.text(int(clock.at(missing[:1])[0]))
        notes.append(
            f"{len(missing):,} of {steps.max() + 1:,} steps{which} have no row in "
            f"{table.path.name}, the first {first}: missing values"
        )
