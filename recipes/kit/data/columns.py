"""Columns of numbers that measure nothing: row numbers, ids, parts of dates."""

from __future__ import annotations

import re

import numpy as np

from recipes.kit.data.tables import Table

_ID = re.compile(
    r"(?:.*[ _-])?(?:id|idx|index|no|nr|row|key|zip|zip ?code|post ?code|postal code|plz)\.?|#"
)
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
    if counts_rows(table, index):
        return "numbers the rows"
    return None


def counts_rows(table: Table, index: int) -> bool:
    """Whether a column goes up by one from each row to the next."""
    cells = table.column(index)
    for part in (cells[:3], cells):  # Hardly a column is looked at further than its first rows.
        values = [table.marks.number(cell) for cell in part]
        if len(values) < 3 or None in values:
            return False
        if not (np.diff(np.array(values, "float64")) == 1).all():
            return False
    return True
