"""Labelled series in text tables, gzipped or not: CSV, or the TSV of the UCR archive.

- A row per step, under a header: `series,label,time,x,y,z`. Rows with the same value in the series
  column form a series; every column other than series, label and time is a channel.
- A row per series of one channel, the label first: `walking,0.1,0.3,0.2`. Rows may differ in
  length; empty cells (or NaN) at the end are padding. A header may name the label column.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from recipes.kit.data.files import read_text
from recipes.kit.data.rows import Row, csv_rows, is_blank
from recipes.kit.data.table import is_missing, number, with_point
from recipes.kit.errors import DataError
from recipes.series_classification.labelled import (
    LabelledSeries,
    checked,
    numbers,
    tidy_label,
    without_padding,
)
from recipes.series_classification.options import Config

#: Usual names of columns.
_SERIES = (
    *("series", "series_id", "seriesid", "id", "case", "case_id", "sample", "sample_id"),
    *("sequence", "sequence_id", "instance", "instance_id", "recording"),
)
# Not "y", which is as often a channel beside "x".
_LABEL = ("label", "class", "target", "activity", "category")
_TIME = ("time", "timestamp", "t", "step", "date", "datetime", "time_step", "timestep")


def read_table(path: Path, config: Config, *, labelled: bool = True) -> tuple[LabelledSeries, ...]:
    """Read a table of series.

    Args:
        path: CSV (separated by commas, semicolons or tabs), or values separated by blanks.
        config: Names of columns, where they are not the usual ones.
        labelled: Whether the first cell of a row is a label where there is no header.

    Raises:
        DataError: If a column is missing, a cell is not a number, the label changes within a
            series or its rows are not in the order of time; names file and line.
    """
    text = read_text(path)
    first = text.lstrip("\n").partition("\n")[0]
    mark = next((mark for mark in "\t;," if mark in first), None)
    if mark is None:
        rows: list[Row] = [
            (n, line.split()) for n, line in enumerate(text.split("\n"), 1) if line.strip()
        ]
    else:
        rows = [
            (line, [with_point(cell, mark) for cell in cells])
            for line, cells in csv_rows(path, text, mark)
            if not is_blank(cells)
        ]
    if not rows:
        raise DataError(path, "holds no series")
    names = _header(rows[0][1], config)
    if names is None:
        return _row_per_series(path, rows, 0 if labelled else None)
    if len(rows) == 1:
        raise DataError(path, "holds a header but no series", line=rows[0][0])
    series = _column(path, names, config.series_column, _SERIES)
    label = _column(path, names, config.label_column, _LABEL)
    time = _column(path, names, config.time_column, _TIME)
    if series is None:
        return _row_per_series(path, rows[1:], label)
    return _row_per_step(path, names, rows[1:], series, label, time)


def _header(cells: Sequence[str], config: Config) -> list[str] | None:
    """The first row, if it names columns: none of its cells is a number, or some have usual names
    and the others are not numbers, or count the steps."""
    names = [cell.strip() for cell in cells]
    columns = (config.series_column, config.label_column, config.time_column)
    if columns != (None, None, None) or all(number(name) is None for name in names):
        return names
    usual = {*_SERIES, *_LABEL, *_TIME}
    others = [number(name) for name in names if name.lower() not in usual]
    # A class may be called "t", too; but steps are numbered, and values hardly ever.
    counted = others in (list(range(len(others))), list(range(1, len(others) + 1)))
    return names if len(others) < len(names) and (None in others or counted) else None


def _column(
    path: Path, names: Sequence[str], wanted: str | None, usual: Sequence[str]
) -> int | None:
    if wanted is not None:
        if wanted not in names:
            have = ", ".join(names[:20])
            raise DataError(path, f"expected a column {wanted!r}, found {have}", line=1)
        return names.index(wanted)
    small = [name.lower() for name in names]
    return next((small.index(name) for name in usual if name in small), None)


def _row_per_series(
    path: Path, rows: Sequence[Row], label: int | None
) -> tuple[LabelledSeries, ...]:
    series: list[LabelledSeries] = []
    for line, cells in rows:
        if label is not None and len(cells) < 2:
            raise DataError(
                path, f"expected a label and values, found {len(cells)} cell", line=line
            )
        own_label = None if label is None else tidy_label(cells[label])
        rest = [cell for index, cell in enumerate(cells) if index != label]
        values = without_padding(numbers(path, rest, line)[:, None])
        series.append(checked(path, values, own_label, str(len(series) + 1), line))
    return tuple(series)


def _row_per_step(
    path: Path,
    names: Sequence[str],
    rows: Sequence[Row],
    series: int,
    label: int | None,
    time: int | None,
) -> tuple[LabelledSeries, ...]:
    """The rows of a series follow each other in the order of time, with others between them."""
    channels = [index for index in range(len(names)) if index not in (series, label, time)]
    if not channels:
        have = ", ".join(names)
        raise DataError(path, f"expected columns of values, found {have}", line=1)
    groups: dict[str, list[Row]] = {}
    for line, cells in rows:
        if len(cells) != len(names):
            raise DataError(path, f"expected {len(names)} columns, found {len(cells)}", line=line)
        if not (name := cells[series].strip()):
            raise DataError(path, "does not say which series it belongs to", line=line)
        groups.setdefault(name, []).append((line, [cell.strip() for cell in cells]))
    every = []
    for name, members in groups.items():
        for (_, before), (line, cells) in zip(members[:-1], members[1:], strict=True):
            if label is not None and cells[label] != before[label]:
                raise DataError(
                    path,
                    f"series {name} changes its label from {before[label]!r} to {cells[label]!r}",
                    line=line,
                )
            if time is not None and not _later(before[time], cells[time]):
                raise DataError(
                    path,
                    f"series {name} goes from {before[time]!r} to {cells[time]!r} in column "
                    f"{names[time]!r}; expected its rows in the order of time",
                    line=line,
                )
        values = np.stack(
            [numbers(path, [cells[index] for index in channels], line) for line, cells in members]
        )
        start, first = members[0]
        own_label = None if label is None else tidy_label(first[label])
        every.append(checked(path, values, own_label, name, start))
    return tuple(every)


def _later(before: str, after: str) -> bool:
    """Whether a time stamp comes after another: a number, or a date with the year first."""
    a, b = number(before), number(after)
    if a is None or b is None or is_missing(before) or is_missing(after):
        return before < after
    return a < b
