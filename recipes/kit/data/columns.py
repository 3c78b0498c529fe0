"""Columns of numbers that measure nothing: row numbers, ids, parts of dates, one number alone."""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np

from recipes.kit.data.marks import is_missing
from recipes.kit.data.tables import Table

_ID = re.compile(
    r"(?:.*[ _-])?(?:id|idx|index|no|nr|row|key|zip|zip ?code|post ?code|postal code|plz)\.?|#"
)
_TIMES = ("t", "time", "timestamp", "datetime", "date", "seconds")
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
    if table.unnamed(index) and counts_rows(table, index):
        return "has no name and numbers the rows"
    if table.header and name in (*DATE_PARTS, *_OTHER_PARTS):
        return "is a part of a date by its name"
    if table.header and _ID.fullmatch(name):
        return "is an id by its name"
    if table.header and name in _TIMES and rises(table, index):
        return "is a time by its name"
    if not table.header and rises(table, index, evenly=True):
        return "rises evenly, as numbers of rows and times do"
    if counts_rows(table, index) and table.marks.number(table.column(index)[0]) in (0, 1):
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


def rises(table: Table, index: int, *, evenly: bool = False) -> bool:
    """Whether each number of a column is above that in the row before.

    Args:
        table: The table.
        index: The column.
        evenly: Whether by the same each time, but for the last digit.
    """

    def fits(steps: np.ndarray) -> bool:
        even = not evenly or bool(np.ptp(steps) <= 1e-3 * steps.max())
        return bool((steps > 0).all()) and even

    return _steps(table, index, fits)


def _steps(table: Table, index: int, fits: Callable[[np.ndarray], bool]) -> bool:
    """Whether the differences between the rows of a column of numbers, at least three, fit."""
    cells = table.column(index)
    for some in (cells[:3], cells):  # Most columns are told by the first.
        values = [table.marks.number(cell) for cell in some]
        if len(values) < 3 or None in values or not fits(np.diff(np.array(values, "float64"))):
            return False
    return True
