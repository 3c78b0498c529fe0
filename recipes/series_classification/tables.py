"""Labelled series in text tables, gzipped or not: CSV, or the TSV of the UCR archive.

- A row a step, under a header: `series,label,time,x,y,z`. Rows with the same value in the series
  column (or in several) form a series; the columns of numbers that measure something are channels.
- A row a series: `walking,0.1,0.3,0.2`, or under a header, `id,label,t0,t1,t2`. Rows may differ in
  length; empty cells (or NaN) at the end are padding.

Which it is, and which columns are what, `recipes.series_classification.columns` decides.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from recipes.kit.data.facts import Fact, first_values, how_many, listed
from recipes.kit.data.marks import Marks, is_missing
from recipes.kit.data.rows import Row
from recipes.kit.data.tables import Table
from recipes.kit.data.tables import read_table as read_cells
from recipes.kit.data.time_orders import UnclearTime, UnreadableTime
from recipes.kit.data.times import looks_like_times, read_times, time_column
from recipes.kit.errors import DataError
from recipes.series_classification.columns import LAST, Roles, roles_of
from recipes.series_classification.labelled import (
    Known,
    LabelledSeries,
    SeriesFile,
    as_float32,
    checked,
    tidy_label,
    without_padding,
)
from recipes.series_classification.names import LABEL, SERIES, TIME
from recipes.series_classification.options import Config

#: Where so many rows have the same number of cells, the others are damaged, not shorter.
_MOST_ROWS = 0.99

#: Channels whose first values are shown.
_SHOWN = 3


def read_table(
    path: Path, config: Config, *, labelled: bool = True, known: Known | None = None
) -> SeriesFile:
    """Read a table of series.

    Args:
        path: CSV (separated by commas, semicolons, bars or tabs), or values separated by blanks.
        config: Names of columns, where they are not the usual ones, and how numbers are written.
        labelled: Whether to look for a column of classes where none has a usual name.
        known: What a model says of classes and channels.

    Raises:
        DataError: If a column is missing, a cell is not a number, the label changes within a
            series, its rows are not in the order of time, or there is no telling what a row or a
            column is; names file and line.
    """
    known = known or Known()

    def cells(*, ragged: bool) -> Table:
        header = _IsHeader(config)
        return read_cells(path, config, is_header=header, blanks=True, ragged=ragged)

    table = cells(ragged=True)
    if _is_even(table):
        table = cells(ragged=False)
    elif not table.header:
        table = _with_classes_last(table, known)
    roles = roles_of(table, config, known, labelled=labelled)
    if roles.row == "step" and len({len(row) for _, row in table.rows}) > 1:
        table = cells(ragged=False)  # A row too long would have made a column of its own.
        roles = roles_of(table, config, known, labelled=labelled)
    if roles.row == "step":
        series, notes = _row_per_step(table, roles)
    else:
        series, notes = _row_per_series(table, roles)
    facts = (*table.facts, *table.numbers_facts(roles.values), *notes)
    facts = (*facts, *_facts(table, roles, series))
    label = None if roles.label is None else table.names[roles.label]
    if not table.header and roles.label == len(table.names) - 1:
        label = LAST
    return SeriesFile({"train": series}, facts, roles.channels, label)


def _is_even(table: Table) -> bool:
    """Whether nearly all rows are of one length, as those of a table are."""
    widths = Counter(len(cells) for _, cells in table.rows)
    return len(widths) > 1 and max(widths.values()) >= _MOST_ROWS * len(table.rows)


def _with_classes_last(table: Table, known: Known) -> Table:
    """The table with the last cells of all rows below each other, if these are classes."""
    width, last = len(table.names), [cells[-1] for _, cells in table.rows]
    if not all(map(is_missing, last)) and (
        not any(table.marks.number(cell) is not None for cell in last)
        or {*map(tidy_label, last)} <= {*known.labels}
    ):
        rows = (
            (line, [*cells[:-1], *[""] * (width - len(cells)), cells[-1]])
            for line, cells in table.rows
        )
        return dataclasses.replace(table, rows=tuple(rows))
    return table


class _IsHeader:
    """Whether a first row names columns: none of its cells is a number, or some have usual names
    and the others are not numbers, or count the steps."""

    def __init__(self, config: Config) -> None:
        named = (*config.series_column, *config.value_columns, config.label_column)
        self._asked = {name for name in (*named, config.time_column) if name}

    def __call__(self, first: Sequence[str], body: Sequence[Row]) -> bool:
        if {name for name in self._asked if not name.isdecimal()} & {*first}:
            return True
        numbers = [value for cell in first if (value := _value(cell)) is not None]
        texts = [cell for cell in first if _value(cell) is None and cell]
        if not numbers:
            return 2 * len(texts) >= len(first)
        usual = {*SERIES, *LABEL, *TIME}
        if any(text.lower() in usual for text in texts):
            rest = [text for text in texts if text.lower() not in usual]
            return bool(rest) or (numbers[0] in (0, 1) and _count(numbers, 1))
        if not texts:  # Of a data frame without names, with its index or without.
            return _count(numbers, 5) and numbers[0] == 0 and len(first) - len(numbers) < 2
        # A class comes again, and its values do not count.
        again = any(cell in texts for _, cells in body for cell in cells)
        return _count(numbers, 3) and not again and not _count(_values(body), 3)


def _value(cell: str) -> float | None:
    """The number in a cell, also if it is written with a comma; None for names and nothing."""
    value = Marks().number(cell)
    if value is None:
        value = Marks(",", ".").number(cell)
    return None if value is None or value != value else value


def _values(body: Sequence[Row]) -> list[float]:
    cells = body[0][1] if body else []
    return [value for cell in cells if (value := _value(cell)) is not None]


def _count(numbers: Sequence[float], least: int) -> bool:
    """Whether whole numbers go up by one."""
    if len(numbers) < least or numbers[0] % 1:
        return False
    return bool((np.diff(numbers) == 1).all())


def _row_per_series(
    table: Table, roles: Roles
) -> tuple[tuple[LabelledSeries, ...], tuple[Fact, ...]]:
    if not roles.values:
        message = f"expected columns of values, found {listed(table.names)}"
        raise DataError(table.path, message, line=1)
    lines = [line for line, _ in table.rows]
    width = len(table.names)
    for line, cells in table.rows:
        if not table.header and len(cells) < 2 < width:
            raise DataError(table.path, "expected a label and values, found 1 cell", line=line)
    numbers = np.stack([table.numbers(index) for index in roles.values], axis=1)
    values = as_float32(table.path, numbers, lines)
    values = values.reshape(len(values), max(1, len(roles.channels)), -1).swapaxes(1, 2)
    labels = None if roles.label is None else table.column(roles.label)
    names = _names(table, roles.series)
    series = []
    for row, line in enumerate(lines):
        name = (names[row] if roles.series else "") or str(row + 1)
        label = None if labels is None else tidy_label(labels[row])
        series.append(checked(table.path, without_padding(values[row]), label, name, line))
    return tuple(series), ()


def _names(table: Table, columns: Sequence[int]) -> list[str]:
    """The name of the series of each row."""
    return [" ".join(cells) for cells in zip(*map(table.column, columns), strict=True)]


def _row_per_step(
    table: Table, roles: Roles
) -> tuple[tuple[LabelledSeries, ...], tuple[Fact, ...]]:
    """The rows of a series follow each other in the order of time, with others between them."""
    lines = [line for line, _ in table.rows]
    numbers = np.stack([table.numbers(index) for index in roles.values], axis=1)
    values = as_float32(table.path, numbers, lines)
    groups: dict[tuple[str, ...], list[int]] = {}
    for row, parts in enumerate(zip(*map(table.column, roles.series), strict=True)):
        if not all(parts):
            message = "does not say which series it belongs to"
            raise DataError(table.path, message, line=lines[row])
        groups.setdefault(parts, []).append(row)
    labels = None if roles.label is None else table.column(roles.label)
    times, notes = (None, ()) if roles.time is None else _times(table, roles.time)
    every, shared = [], 0
    for parts, rows in groups.items():
        name = " ".join(parts)
        if labels is not None:
            _check_label(table, roles, name, [(lines[row], labels[row]) for row in rows])
        if times is not None:
            shared += _check_times(table, roles, name, rows, times)
        label = None if labels is None else tidy_label(labels[rows[0]])
        every.append(checked(table.path, values[rows], label, name, lines[rows[0]]))
    if shared and roles.time is not None:
        text = f"{how_many(shared, 'rows')} with the {table.names[roles.time]} of the row before"
        notes = (*notes, Fact("times", text))
    torn = sum(rows[-1] - rows[0] >= len(rows) for rows in groups.values())
    if torn and times is None:
        text = f"{torn:,} series have rows of others between theirs, and no time says in what order"
        notes = (*notes, Fact("times", text))
    return tuple(every), notes


def _check_label(table: Table, roles: Roles, name: str, cells: Sequence[tuple[int, str]]) -> None:
    """Refuse a series whose class changes."""
    first = tidy_label(cells[0][1])
    for line, cell in cells:
        if (label := tidy_label(cell)) != first:
            columns = " ".join(table.names[index] for index in (*roles.series, roles.label or 0))
            raise DataError(
                table.path,
                f"series {name} changes its label from {first!r} to {label!r}; if it is another "
                f"series then, --series-column {columns}",
                line=line,
            )


def _times(table: Table, column: int) -> tuple[np.ndarray | None, tuple[Fact, ...]]:
    """The times of all rows, to compare; None where there is no telling which is the later.

    Raises:
        DataError: If most cells are time stamps and one is not, or may be read in two ways.
    """
    cells, name, form = table.column(column), table.names[column], table.reading.date_format
    why = "it holds no time stamps"
    if form is not None or looks_like_times(cells):
        try:
            times = read_times(cells, form)
        except UnclearTime:
            why = "day or month may come first"
        except UnreadableTime:
            time_column(table, column)  # Raises an error that says which cell.
        else:
            return times.values, (Fact("times", f"{name}: {times.how}"),)
    elif table.is_numeric(column):
        return table.numbers(column), ()
    return None, (Fact("times", f"the order of {name} is not checked: {why} (--date-format)"),)


def _check_times(
    table: Table, roles: Roles, name: str, rows: Sequence[int], times: np.ndarray
) -> int:
    """The rows of a series that have the time of the row before.

    Raises:
        DataError: If a row is earlier than the row before, or has no time.
    """
    shared, column = 0, roles.time or 0
    for before, row in zip(rows[:-1], rows[1:], strict=True):
        if times[before] == times[row]:
            shared += 1
        elif not times[before] < times[row]:
            line, cells = table.rows[row]
            raise DataError(
                table.path,
                f"series {name} goes from {table.rows[before][1][column]!r} to {cells[column]!r} "
                f"in column {table.names[column]!r}; expected its rows in the order of time (if "
                "another series begins here, --series-column names the columns that tell)",
                line=line,
            )
    return shared


def _facts(table: Table, roles: Roles, series: Sequence[LabelledSeries]) -> list[Fact]:
    """What the rows and columns are, and the first values."""
    lengths = [len(each) for each in series]
    shortest, longest = min(lengths), max(lengths)
    steps = f"{longest:,}" if shortest == longest else f"{shortest:,} to {longest:,}"
    steps += " step" if longest == 1 else " steps"
    names = table.names
    form = f"{len(series):,} series, "
    if roles.row == "series":
        form += f"one a row of {steps}"
        if roles.channels:
            form += f" of {len(roles.channels)} channels, one beside the other"
    else:
        form += (
            f"a row a step, {steps}; one for each {' and '.join(names[i] for i in roles.series)}"
        )
    columns = [] if roles.label is None else [f"class {names[roles.label]}"]
    if roles.row == "series":
        taken = [names[index] for index in roles.values]
        shown = listed(taken, 5) if len(taken) < 6 else f"{taken[0]} to {taken[-1]}"
        columns.append(f"steps {shown}")
        if [*roles.values] != sorted(roles.values):
            columns.append("in the order of their numbers")
    else:
        if roles.time is not None:
            columns.append(f"time {names[roles.time]}")
        columns.append(f"channels {listed(names[index] for index in roles.values)}")
    facts = [Fact("form", form), Fact("columns", "; ".join(columns))]
    if roles.aside:
        reasons: dict[str, list[str]] = {}
        for index, reason in roles.aside:
            reasons.setdefault(reason, []).append(names[index])
        text = "; ".join(f"{listed(each)} ({reason})" for reason, each in reasons.items())
        facts.append(Fact("left aside", text))
    first = series[0]
    title = f"series {first.name}" + (f" ({first.label})" if first.label is not None else "")
    channels = roles.channels if len(roles.channels) == first.channels else ("",) * first.channels
    for channel, name in [*enumerate(channels)][:_SHOWN]:
        of = f"{title}, {name}" if name else title
        facts.append(first_values(of, [float(value) for value in first.values[:, channel]]))
    return facts
