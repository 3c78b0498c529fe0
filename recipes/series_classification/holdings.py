"""What the columns of a table hold: numbers, texts, names that repeat, counts."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from recipes.kit.data.marks import as_floats, is_missing
from recipes.kit.data.tables import Table
from recipes.series_classification.labelled import Known, tidy_label

_NUMBERED = re.compile(r"(.*?)(\d+(?:\.\d+)?)")

#: So few rows say nothing about which values repeat, and so few nothing about which go up.
_FEW_ROWS, _FEW_TO_RISE = 4, 20

#: Shortest series, on average, whose steps may be counted.
_SHORTEST = 4

#: Share of the rows of a column of times that are later than the row before.
_RISING = 0.8


class Holdings:
    """What the columns of a table hold.

    Args:
        table: The table.
        known: The classes of a model, if there is one.

    Attributes:
        numeric: Of each column whether it holds numbers.
    """

    def __init__(self, table: Table, known: Known) -> None:
        self._table, self._known = table, known
        self.numeric = [table.is_numeric(index) for index in range(len(table.names))]

    def labels(self, index: int) -> list[str]:
        """The cells of a column as classes are written, without the missing ones."""
        return [tidy_label(cell) for cell in self._table.column(index) if not is_missing(cell)]

    def may_be_classes(self, index: int) -> bool:
        """Whether a column holds few values that repeat; numbers only if no model says which."""
        labels, count = self.labels(index), len(self._table.rows)
        if len(labels) < 0.9 * count:
            return False
        if self.is_text(index):
            return self.repeats(index)
        if self._known.labels:
            return False
        whole = all(re.fullmatch(r"[+-]?\d+", label) for label in labels)
        least = 2 if count >= _FEW_ROWS else 1
        return whole and len({*labels}) >= least and self.repeats(index)

    def knows(self, index: int) -> bool:
        """Whether all values of a column are classes that a model knows."""
        labels = {*self.labels(index)}
        return bool(labels) and labels <= {*self._known.labels}

    def is_text(self, index: int) -> bool:
        """Whether a column holds something, and at most half of it are numbers."""
        return not self.numeric[index] and not self.is_empty(index)

    def is_empty(self, index: int) -> bool:
        """Whether all cells of a column are missing, as behind a comma that ends each row."""
        return not self.numeric[index] and all(map(is_missing, self._table.column(index)))

    def are_names(self, index: int) -> bool:
        """Whether the values of a column are texts or whole numbers."""
        return self.is_text(index) or all(
            re.fullmatch(r"[+-]?\d+", label) for label in self.labels(index)
        )

    def repeats(self, index: int) -> bool:
        """Whether a column has at most half as many values as rows."""
        cells = self._table.column(index)
        return len(cells) < _FEW_ROWS or 2 * len({*cells}) <= len(cells)

    def in_runs(self, index: int) -> bool:
        """Whether each of several names stands in rows that follow each other."""
        cells = self._table.column(index)
        names = len({*cells})
        runs = 1 + sum(a != b for a, b in zip(cells[:-1], cells[1:], strict=True))
        return 2 <= names == runs and 3 * names <= len(cells) and self.are_names(index)

    def restarts(self, index: int) -> bool:
        """Whether a column goes up evenly from 0 or 1, and does so again and again."""
        cells = self._table.column(index)
        if len(cells) < 2 * _SHORTEST or not all(cell.isdecimal() for cell in cells):
            return False
        values = np.array(cells, "float64")
        rises = np.diff(values)
        even = rises == np.median(rises)
        begins = [values[0], *values[1:][~even]]
        return (
            1 < len(begins) <= len(cells) / _SHORTEST
            and bool(np.median(rises) > 0)
            and len({*begins}) == 1
            and begins[0] in (0, 1)
        )

    def rises(self, index: int) -> float:
        """The share of the rows in which a column of numbers is higher than in the row before, as
        times are; 0 where it is small, or there are too few rows to say."""
        if not self.numeric[index] or len(self._table.rows) < _FEW_TO_RISE:
            return 0.0
        cells = self._table.column(index)
        values = as_floats(cells)
        if values is None:
            values = np.array([self._table.marks.number(cell) for cell in cells], "float64")
        share = float((np.diff(values) > 0).mean())
        return share if share >= _RISING else 0.0


def numbered(names: Sequence[str]) -> dict[str, list[str]]:
    """Columns that differ in a number at the end, in its order, by what stands before it; empty
    where these are not most of the columns. Several such groups are channels, of equal steps."""
    groups: dict[str, dict[float, str]] = {}
    for name in names:
        if match := _NUMBERED.fullmatch(name):
            groups.setdefault(match[1], {})[float(match[2])] = name
    groups = {stem: group for stem, group in groups.items() if len(group) > 2}
    if 2 * sum(map(len, groups.values())) <= len(names):
        return {}
    ordered = {stem: [group[number] for number in sorted(group)] for stem, group in groups.items()}
    numbers = {tuple(sorted(group)) for group in groups.values()}
    return ordered if len(numbers) == 1 else {}
