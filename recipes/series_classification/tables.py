"""Labelled series in text tables, gzipped or not: CSV, or the TSV of the UCR archive.

- A row a step, under a header: `series,label,time,x,y,z`. Rows with the same value in the series
  column are a series; every column that is not one of series, label and time is a channel.
- A row a series of one channel, the label first: `walking,0.1,0.3,0.2`. Rows may differ in length;
  empty cells (or NaN) at the end are padding. A header may name the label column.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from recipes.kit.data.rows import Row, csv_rows
from recipes.kit.data.source import read_text
from recipes.kit.data.table import is_missing, number, with_point
from recipes.kit.errors import DataError
from recipes.series_classification.labelled import (
    LabelledSeries,
    numbers,
    series,
    tidy_label,
    without_padding,
)

_SERIES = ("series", "series_id", "seriesid", "id", "case", "case_id", "sample", "sample_id")
_SERIES += ("sequence", "sequence_id", "instance", "instance_id", "recording")
# Not "y", which is as often a channel beside "x".
_LABEL = ("label", "class", "target", "activity", "category")
_TIME = ("time", "timestamp", "t", "step", "date", "datetime", "time_step", "timestep")


@dataclass(frozen=True)
class Columns:
    """Which column of a table is what, by its name in the header; None = by the usual names."""

    series: str | None = None
    label: str | None = None
    time: str | None = None


BY_NAME = Columns()


def read_table(
    path: Path, columns: Columns = BY_NAME, *, labelled: bool = True
) -> tuple[LabelledSeries, ...]:
    """Read a table of series.

    Args:
        path: CSV (separated by commas, semicolons or tabs), or values separated by blanks.
        columns: Names of columns.
        labelled: Whether the first cell of a row is a label where there is no header.

    Raises:
        DataError: a column is not there, a cell is no number, the label changes within a series or
            its rows are not in the order of time; names file and line.
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
        ]
    if not rows:
        raise DataError(path, "holds no series")
    names = _header(rows[0][1], columns)
    if names is None:
        return _wide(path, rows, 0 if labelled else None)
    if len(rows) == 1:
        raise DataError(path, "holds a header and no series", line=rows[0][0])
    known = {
        "series": _column(path, names, columns.series, _SERIES),
        "label": _column(path, names, columns.label, _LABEL),
        "time": _column(path, names, columns.time, _TIME),
    }
    if known["series"] is None:
        return _wide(path, rows[1:], known["label"])
    return _long(path, names, rows[1:], known)


def _header(cells: Sequence[str], columns: Columns) -> list[str] | None:
    """The first row, if it names columns: no number among them, or a usual name beside others that
    are no numbers, or count the steps."""
    names = [cell.strip() for cell in cells]
    asked = {name for name in (columns.series, columns.label, columns.time) if name is not None}
    if asked or all(number(name) is None for name in names):
        return names
    usual = {*_SERIES, *_LABEL, *_TIME}
    others = [number(name) for name in names if name.lower() not in usual]
    # A class may be called "t", too; but steps are numbered, and values hardly ever.
    counted = others in (list(range(len(others))), list(range(1, len(others) + 1)))
    return names if len(others) < len(names) and (None in others or counted) else None


def _column(
    path: Path, names: Sequence[str], asked: str | None, usual: Sequence[str]
) -> int | None:
    if asked is not None:
        if asked not in names:
            have = ", ".join(names[:20])
            raise DataError(path, f"expected a column {asked!r}, found {have}", line=1)
        return names.index(asked)
    small = [name.lower() for name in names]
    return next((small.index(name) for name in usual if name in small), None)


def _wide(path: Path, rows: Sequence[Row], label: int | None) -> tuple[LabelledSeries, ...]:
    """A series a row."""
    found = []
    for line, cells in rows:
        if label is not None and len(cells) < 2:
            raise DataError(
                path, f"expected a label and values, found {len(cells)} cell", line=line
            )
        own = None if label is None else tidy_label(cells[label])
        rest = [cell for index, cell in enumerate(cells) if index != label]
        values = without_padding(numbers(path, rest, line)[:, None])
        found.append(series(path, values, own, str(len(found) + 1), line))
    return tuple(found)


def _long(
    path: Path, names: Sequence[str], rows: Sequence[Row], known: dict[str, int | None]
) -> tuple[LabelledSeries, ...]:
    """A step a row, the rows of a series in the order of time."""
    label, time = known["label"], known["time"]
    channels = [index for index in range(len(names)) if index not in known.values()]
    if not channels:
        have = ", ".join(names)
        raise DataError(path, f"expected columns of values, found {have}", line=1)
    groups: dict[str, list[Row]] = {}
    for line, cells in rows:
        if len(cells) != len(names):
            raise DataError(path, f"expected {len(names)} columns, found {len(cells)}", line=line)
        name = cells[known["series"]].strip()  # type: ignore[index]
        if not name:
            raise DataError(path, "names no series", line=line)
        groups.setdefault(name, []).append((line, [cell.strip() for cell in cells]))
    found = []
    for name, members in groups.items():
        start, first = members[0]
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
        own = None if label is None else tidy_label(first[label])
        found.append(series(path, values, own, name, start))
    return tuple(found)


def _later(before: str, after: str) -> bool:
    """Whether a time stamp comes after another: a number, or a date with the year first."""
    a, b = number(before), number(after)
    if a is None or b is None or is_missing(before) or is_missing(after):
        return before < after
    return a < b
