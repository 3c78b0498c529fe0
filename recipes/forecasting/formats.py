"""Series out of tables: the order of time, even steps, and what is missing where."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from recipes.forecasting.clock import Clock, UnreadableTime, find_clock, parse_times
from recipes.forecasting.columns import Columns, find_columns
from recipes.forecasting.options import SeriesConfig
from recipes.forecasting.series import Series, SeriesSet
from recipes.kit.data.facts import Fact
from recipes.kit.data.rows import Row
from recipes.kit.data.table import Table, is_numeric, number, read_table
from recipes.kit.errors import DataError

#: A time stamp that makes for more steps per row than this is treated as a typo.
_MOST_STEPS = 50


def read_series(
    path: Path, config: SeriesConfig, targets: Sequence[str] | None = None
) -> SeriesSet:
    """Read the series of a CSV file.

    Rows may be in any order where there are time stamps. Steps without a row become missing values.

    Args:
        path: The file, gzipped or not.
        config: Says which column holds what.
        targets: Columns to forecast instead of those of the config.

    Raises:
        DataError: If a column does not exist, a value is not a number, or a time stamp cannot be
            read, occurs twice or lies between the steps of the others; names file and line.
    """
    table = read_table(path)
    facts: list[Fact] = []
    columns = find_columns(table, config, config.target if targets is None else targets, facts)
    groups: dict[str, list[Row]] = {}
    for line, cells in table.rows:
        name = "" if columns.group is None else cells[columns.group]
        groups.setdefault(name, []).append((line, cells))
    values = {name: _numbers(table, rows, columns.used) for name, rows in groups.items()}
    places = _places(table, groups, columns.time, facts)
    series = []
    for name, rows in groups.items():
        _check_cells(table, columns, rows, name, values[name], facts)
        clock, grid = None, values[name]
        if places is not None:
            clock, steps = places[name]
            _report_missing_rows(table, name, clock, steps, facts)
            grid = np.full((steps.max() + 1, len(columns.used)), math.nan)
            grid[steps] = values[name]
        series.append(_series_of(grid, columns, name or path.name, clock))

    def names(indices: Sequence[int]) -> tuple[str, ...]:
        return tuple(table.names[index] for index in indices)

    return SeriesSet(
        series=tuple(series),
        columns=names(columns.targets),
        targets=names(columns.targets),
        covariates=names(columns.covariates),
        known=names(columns.known),
        understood=tuple(facts),
    )


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


def _last_target(values: np.ndarray, columns: Columns, otherwise: int) -> int:
    """The number of rows up to the last one with a target; rows after it tell of the future."""
    present = np.flatnonzero(np.isfinite(values[:, : len(columns.targets)]).any(axis=1))
    return int(present[-1]) + 1 if len(present) else otherwise


def _series_of(grid: np.ndarray, columns: Columns, name: str, clock: Clock | None) -> Series:
    """A series of its values at every step."""
    end = _last_target(grid, columns, 0) if columns.known else len(grid)
    a, b = len(columns.targets), len(columns.targets) + len(columns.covariates)
    return Series(name, grid[:end, :a], grid[:end, a:b], grid[:, b:], clock)


def _places(
    table: Table, groups: dict[str, list[Row]], time: int | None, facts: list[Fact]
) -> dict[str, tuple[Clock, np.ndarray]] | None:
    """The clock of each series, and the step of each of its rows; None without time stamps."""
    if time is None:
        return None
    cells = table.column(time)
    numeric = is_numeric(cells) and not all(len(cell) == 8 for cell in cells)
    try:
        times, unit = parse_times(cells, numeric)
    except UnreadableTime as error:
        line, row = table.rows[error.index]
        message = f"expected a time stamp such as 2024-01-31 in column {table.names[time]!r}"
        raise DataError(table.path, f"{message}, found {row[time]!r}", line=line) from None
    by_line = {line: int(stamp) for (line, _), stamp in zip(table.rows, times, strict=True)}
    by_group = {
        name: np.array([by_line[line] for line, _ in rows]) for name, rows in groups.items()
    }
    for name, rows in groups.items():
        _check_order(table, name, rows, by_group[name], time, facts)
    clock = find_clock(np.sort(max(by_group.values(), key=len)), unit)
    return {
        name: _steps(table, groups[name], stamps, clock, time) for name, stamps in by_group.items()
    }


def _check_order(
    table: Table,
    name: str,
    rows: Sequence[Row],
    times: np.ndarray,
    column: int,
    facts: list[Fact],
) -> None:
    """Refuse a time stamp that occurs twice; report rows that are not in the order of time."""
    order = np.argsort(times, kind="stable")
    same = np.flatnonzero(np.diff(times[order]) == 0)
    if len(same):
        first, second = (rows[order[same[0] + i]] for i in (0, 1))
        raise DataError(
            table.path,
            f"the time stamp {second[1][column]!r}{_of(name)} is already in line {first[0]}; "
            "several series in one file need --series-column",
            line=second[0],
        )
    if (order != np.arange(len(order))).any():
        line = rows[int(np.flatnonzero(np.diff(times) < 0)[0]) + 1][0]
        where = f"{table.path.name}:{line}"
        facts.append(
            Fact("order", f"rows{_of(name)} are not in the order of time (from {where} on): sorted")
        )


def _steps(
    table: Table, rows: Sequence[Row], times: np.ndarray, clock: Clock, column: int
) -> tuple[Clock, np.ndarray]:
    clock = dataclasses.replace(clock, first=int(times.min()))
    steps = clock.positions(times)
    between = np.flatnonzero(~(np.abs(steps - np.round(steps)) < 1e-9))
    if len(between):
        line, cells = rows[between[0]]
        raise DataError(
            table.path,
            f"the time stamp {cells[column]!r} lies between the steps of the others, one "
            f"{clock.name} each from {clock.text(clock.first)}; expected even steps, or "
            "--time-column none to take each row as a step",
            line=line,
        )
    steps = np.round(steps).astype("int64")
    if steps.max() >= _MOST_STEPS * len(steps) + 1000:
        line, cells = rows[int(np.argmax(times))]
        raise DataError(
            table.path,
            f"the time stamp {cells[column]!r} is {steps.max():,} steps of one {clock.name} after "
            f"the first, but there are only {len(steps):,} rows",
            line=line,
        )
    return clock, steps


def _check_cells(
    table: Table,
    columns: Columns,
    rows: Sequence[Row],
    name: str,
    values: np.ndarray,
    facts: list[Fact],
) -> None:
    """Refuse columns without a value; report missing values, except those after the last target of
    what is not known of the future."""
    past = _last_target(values, columns, len(values)) if columns.known else len(values)
    for place, index in enumerate(columns.used):
        end = past if place < len(columns.used) - len(columns.known) else len(values)
        missing = np.flatnonzero(np.isnan(values[:end, place]))
        if len(missing) == end:
            message = f"column {table.names[index]!r}{_of(name)} holds no value"
            raise DataError(table.path, message, line=rows[0][0])
        if len(missing):
            where = f"{table.path.name}:{rows[missing[0]][0]}"
            text = f"{len(missing):,} of {end:,} values of {table.names[index]!r}{_of(name)}"
            facts.append(Fact("missing", f"{text}, the first in {where}"))


def _report_missing_rows(
    table: Table, name: str, clock: Clock, steps: np.ndarray, facts: list[Fact]
) -> None:
    missing = np.setdiff1d(np.arange(steps.max() + 1), steps)
    if len(missing):
        first = clock.text(int(clock.at(missing[:1])[0]))
        text = f"{len(missing):,} of {steps.max() + 1:,} steps{_of(name)} have no row in "
        facts.append(Fact("gaps", f"{text}{table.path.name}, the first {first}: missing values"))


def _of(series: str) -> str:
    """Which series a message is about, where a file has several."""
    return f" of series {series!r}" if series else ""
