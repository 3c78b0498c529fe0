"""Tables whose header holds times: a series in each row, or the months of a year in each row.

A table of months by years is one series: `year,Jan,Feb,...` with a row for each year, or
`month,1958,1959,...` with a row for each month.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence

import numpy as np

from recipes.forecasting.block import Block, Names
from recipes.forecasting.options import SeriesConfig
from recipes.kit.data.columns import why_no_measure
from recipes.kit.data.facts import Fact, first_values, listed
from recipes.kit.data.marks import is_missing
from recipes.kit.data.tables import Table
from recipes.kit.data.time_orders import UnreadableTime
from recipes.kit.data.times import Times, are_times, looks_like_times, read_times
from recipes.kit.errors import DataError

#: So many times in a header, at least, are no chance.
_FEWEST = 3

#: The name of what is forecast.
_VALUE = "value"

_MONTHS = "jan feb mar apr may jun jul aug sep oct nov dec".split()
_YEAR = re.compile(r"(1[5-9][0-9]{2}|20[0-9]{2})(?: \[YR\1\])?")

#: A year, perhaps with a month and a day behind it.
_DATE = re.compile(rf"(?:1[5-9]|20)[0-9]{{2}}(?:[01][0-9](?:[0-3][0-9])?)?|{_YEAR.pattern}")


def read_wide(table: Table, config: SeriesConfig) -> Block | None:
    """The series of a table whose header holds times; None if it holds names of columns.

    Options that name columns other than those of series say that it holds names of columns.

    Raises:
        DataError: If a value is not a number, or there are none; names file and line.
    """
    if not table.header or config.time_column or config.target or config.covariates:
        return None
    months = [name.lower()[:3] for name in table.names[1:13]] == _MONTHS
    if months and _all_years(table.column(0)):
        stamps = [f"{year}-{month + 1:02}" for year in table.column(0) for month in range(12)]
        return _one_series(table, config, range(1, 13), stamps)
    columns = _columns_of_times(table)
    if columns is None:
        return None
    names = [_plain(table.names[column]) for column in columns]
    if [cell.lower()[:3] for cell in table.column(0)] == _MONTHS and _all_years(names):
        stamps = [f"{name}-{month + 1:02}" for month in range(12) for name in names]
        return _one_series(table, config, columns, stamps)
    return _series_in_rows(table, config, columns, names)


def _plain(name: str) -> str:
    """A name without what the World Bank puts behind a year."""
    match = _YEAR.fullmatch(name)
    return match[1] if match else name


def _all_years(cells: Sequence[str]) -> bool:
    return len(cells) > 0 and all(map(_YEAR.fullmatch, cells))


def _columns_of_times(table: Table) -> list[int] | None:
    """The columns that are called a time, in their order, if these are what the table is about."""
    columns = [index for index, name in enumerate(table.names) if _DATE.fullmatch(name)]
    numbers = len(columns) >= _FEWEST
    if not numbers:
        columns = np.flatnonzero(are_times(table.names)).tolist()
    others = sorted({*range(len(table.names))} - {*columns})
    if len(columns) < _FEWEST or len(columns) < len(others) or not others:
        return None
    if numbers and not any(_may_name(table, index) for index in others):
        return None
    if any(looks_like_times(table.column(index)) for index in others):
        return None  # A row is a step, and what looks like a year is the name of a column.
    return columns


def _series_in_rows(
    table: Table, config: SeriesConfig, columns: Sequence[int], names: Sequence[str]
) -> Block:
    others = [index for index in range(len(table.names)) if index not in {*columns}]
    naming = _naming(table, config, others)
    groups = [" ".join(cells[index] for index in naming) for _, cells in table.rows]
    firsts: dict[str, int] = {}
    for row, name in enumerate(groups):
        if firsts.setdefault(name, row) != row:
            line = table.rows[firsts[name]][0]
            message = f"the series {name!r} is already in line {line}; expected one row a series"
            raise table.error(row, f"{message} (--series-column names the columns that tell them)")
    values = np.stack([table.numbers(column) for column in columns], axis=1)
    kept = [_span(row) for row in values]
    rows = np.concatenate([np.full(len(span), row) for row, span in enumerate(kept)])
    places = np.concatenate(kept)
    facts = [Fact("form", f"a series in each row, named by {_quoted(table, naming)}")]
    if empty := [name for name, span in zip(groups, kept, strict=True) if not len(span)]:
        facts.append(Fact("left out", f"series without any value: {listed(empty, 5)}"))
    if unused := [table.names[index] for index in others if index not in naming]:
        facts.append(Fact("left aside", listed(unused, 10)))
    return _block(table, config, columns, values, rows, places, _read(table, names), groups, facts)


def _one_series(
    table: Table, config: SeriesConfig, columns: Sequence[int], stamps: Sequence[str]
) -> Block:
    values = np.stack([table.numbers(column) for column in columns], axis=1)
    times = read_times(stamps)
    order = np.argsort(times.values, kind="stable")
    order = order[_span(values.ravel()[order])]
    rows, places = np.divmod(order, len(columns))
    facts = [Fact("form", "a table of months by years: one series")]
    if others := [name for i, name in enumerate(table.names) if i and i not in {*columns}]:
        facts.append(Fact("left aside", listed(others, 10)))
    groups = [""] * len(table.rows)
    every = dataclasses.replace(times, values=times.values[order])
    return _block(table, config, columns, values, rows, places, every, groups, facts)


def _block(
    table: Table,
    config: SeriesConfig,
    columns: Sequence[int],
    values: np.ndarray,
    rows: np.ndarray,
    places: np.ndarray,
    times: Times,
    groups: Sequence[str],
    facts: Sequence[Fact],
) -> Block:
    """A block of cells, given by their rows and by places among the columns; times are of the
    columns, or of the cells."""
    if not len(rows):
        raise DataError(table.path, "holds no values below its header", line=table.rows[0][0])
    if len(times.values) != len(rows):
        times = dataclasses.replace(times, values=times.values[places])
    names = [table.names[column] for column in columns]
    long = values[rows, places]
    return Block(
        table.path,
        Names((_VALUE,)),
        long[:, None],
        [groups[row] for row in rows],
        times,
        [table.rows[row][0] for row in rows],
        lambda row: names[places[row]],
        lambda row, message: table.error(int(rows[row]), message),
        lambda: [],
        (
            *table.facts,
            *table.numbers_facts(columns),
            *facts,
            Fact("time", f"the header, {names[0]} to {names[-1]}: {times.how}"),
            first_values(groups[int(rows[0])] or _VALUE, long.tolist()),
        ),
    )


def _may_name(table: Table, index: int) -> bool:
    return not table.is_numeric(index) or why_no_measure(table, index) is not None


def _naming(table: Table, config: SeriesConfig, others: Sequence[int]) -> list[int]:
    """The columns that name the series: those asked for, else the fewest of text, from the left,
    that tell the rows apart."""
    if config.series_column:
        return [table.index(name) for name in config.series_column]
    texts = [i for i in others if not table.is_numeric(i) and not _is_empty(table, i)]
    texts = texts or [index for index in others if not _is_empty(table, index)]
    for count in range(1, len(texts) + 1):
        keys = zip(*(table.column(index) for index in texts[:count]), strict=True)
        if len({*keys}) == len(table.rows):
            return texts[:count]
    return texts


def _is_empty(table: Table, index: int) -> bool:
    return all(map(is_missing, table.column(index)))


def _read(table: Table, names: Sequence[str]) -> Times:
    """The times in a header."""
    try:
        return read_times(names, table.reading.date_format)
    except UnreadableTime as error:
        message = f"expected {error.expected} in the header, found {names[error.index]!r}"
        raise DataError(table.path, message, line=table.rows[0][0] - 1) from None


def _span(values: np.ndarray) -> np.ndarray:
    """The places from the first to the last value; those outside tell nothing of a series."""
    present = np.flatnonzero(np.isfinite(values))
    return np.arange(present[0], present[-1] + 1) if len(present) else present


def _quoted(table: Table, indices: Sequence[int]) -> str:
    return ", ".join(repr(table.names[index]) for index in indices)
