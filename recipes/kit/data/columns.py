"""Columns of numbers that measure nothing: row numbers, ids, parts of dates, one number alone."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import numpy as np

from recipes.kit.data.marks import as_floats, is_missing
from recipes.kit.data.tables import Table
from recipes.kit.data.times import are_dates_as_numbers

_ID = re.compile(
    r"(?:.*[ _-])?(?:id|idx|index|no|nr|row|key|zip|zip ?code|post ?code|postal code|plz)\.?|#"
)
#: A whole number that keeps its zeros.
_CODE = re.compile("0[0-9]+")

#: Numbers of rows that were sorted or chosen anew are below so many times their count.
_SPARSE = 100

_TIMES = ("t", "time", "timestamp", "datetime", "date", "ds", "datum", "fecha", "seconds")
#: Names of parts of a date, from the largest to the smallest.
DATE_PARTS = ("year", "quarter", "month", "week", "day", "hour", "minute", "second")
_OTHER_PARTS = ("weekday", "day of week", "dayofweek", "day of year", "dayofyear")


def why_no_measure(table: Table, index: int) -> str | None:
    """Why a column of numbers is nothing to learn from or to forecast unless it is asked for; None
    where it may be a measurement.

    Args:
        table: The table.
        index: One of its columns of numbers.
    """
    name = re.sub(r"[_-]", " ", table.names[index].lower()).strip()
    cells = table.column(index)
    if table.unnamed(index) and (counts_rows(table, index) or _tells_rows_apart(cells, _SPARSE)):
        return "has no name and numbers the rows"
    if table.header and name in (*DATE_PARTS, *_OTHER_PARTS):
        return "is a part of a date by its name"
    if table.header and _ID.fullmatch(name):
        return "is an id by its name"
    if table.header and name in _TIMES and in_order(table, index):
        return "is a time by its name"
    if are_dates_as_numbers(cells):
        return "holds dates"
    if any(map(_CODE.fullmatch, cells)):
        return "begins with zeros, as codes do"
    if not table.header and index == 0 and _tells_rows_apart(cells, 2) and in_order(table, index):
        return "numbers the rows"
    if not table.header and in_order(table, index, evenly=True):
        return "changes evenly, as numbers of rows and times do"
    if counts_rows(table, index) and table.marks.number(cells[0]) in (0, 1):
        return "numbers the rows"
    return None


def never_changes(table: Table, index: int) -> str | None:
    """That a column has the same number in every row; None where it changes or one is missing.

    Args:
        table: The table.
        index: One of its columns of numbers.
    """
    first, *others = table.column(index)
    alike = bool(others) and not is_missing(first) and {*others} == {first}
    return f"is {first} in every row" if alike else None


def counts_rows(table: Table, index: int) -> bool:
    """Whether a column goes up by one from each row to the next."""
    return _steps(table, index, lambda steps: bool((steps == 1).all()))


def _tells_rows_apart(cells: Sequence[str], times: int) -> bool:
    """Whether a column holds numbers of rows in any order, perhaps one in so many."""
    if len(cells) < 3 or not all(cell.isdecimal() for cell in cells):
        return False
    return len({*cells}) == len(cells) and max(map(int, cells)) <= times * len(cells)


def in_order(table: Table, index: int, *, evenly: bool = False) -> bool:
    """Whether each number of a column is above that in the row before, or each below it.

    Args:
        table: The table.
        index: The column.
        evenly: Whether by the same each time, but for the last digit.
    """

    def fits(steps: np.ndarray) -> bool:
        steps = steps if steps[0] > 0 else -steps
        even = not evenly or bool(np.ptp(steps) <= 1e-3 * steps.max())
        return bool((steps > 0).all()) and even

    return _steps(table, index, fits)


def _steps(table: Table, index: int, fits: Callable[[np.ndarray], bool]) -> bool:
    """Whether the differences between the rows of a column of numbers, at least three, fit."""
    cells = table.column(index)
    for some in (cells[:3], cells):  # Most columns are told by the first.
        values = as_floats(some) if table.marks.decimal == "." else None
        if values is None:
            numbers = [table.marks.number(cell) for cell in some]
            values = np.array(numbers, "float64")  # NaN for None.
        if len(values) < 3 or np.isnan(values).any() or not fits(np.diff(values)):
            return False
    return True
