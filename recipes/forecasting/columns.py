"""Which column of a table holds what."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from recipes.forecasting.clock import UnreadableTime, looks_like_time, parse_times
from recipes.forecasting.options import SeriesConfig
from recipes.kit.data.facts import Fact
from recipes.kit.data.table import Table, is_missing, is_numeric, number
from recipes.kit.errors import DataError

_TIME_NAMES = {"date", "time", "timestamp", "datetime", "ds", "month", "week", "day", "year"}


@dataclass(frozen=True)
class Columns:
    """Indices of the columns by what they hold."""

    time: int | None
    group: int | None
    targets: list[int]
    covariates: list[int]
    known: list[int]

    @property
    def used(self) -> list[int]:
        """The columns of numbers, in the order in which they are read."""
        return [*self.targets, *self.covariates, *self.known]


def find_columns(
    table: Table, config: SeriesConfig, targets: Sequence[str], facts: list[Fact]
) -> Columns:
    """The columns of a table.

    Args:
        table: The table.
        config: Names the columns, or leaves them to be detected.
        targets: Columns to forecast, as `config.target` names them.
        facts: Takes what was understood.

    Raises:
        DataError: If a column does not exist or is used twice.
    """
    time = _time_column(table, config, targets)
    group = None if config.series_column is None else _index(table, config.series_column)
    covariates = [_index(table, name) for name in config.covariates]
    known = [_index(table, name) for name in config.known_covariates]
    taken = {time, group, *covariates, *known}
    columns = Columns(time, group, _targets(table, targets, taken, facts), covariates, known)
    if twice := {*columns.targets} & taken:
        raise DataError(table.path, f"column {table.names[min(twice)]!r} is used twice", line=1)
    return columns


def _index(table: Table, name: str) -> int:
    """The column of a name, or of a number that is not a name."""
    if name in table.names:
        return table.names.index(name)
    if name.isdigit() and int(name) < len(table.names):
        return int(name)
    have = ", ".join(map(repr, table.names[:20]))
    raise DataError(table.path, f"expected a column {name!r}, found {have}", line=1)


def _time_column(table: Table, config: SeriesConfig, targets: Sequence[str]) -> int | None:
    """The column of time stamps: the one named, else the first that looks like it."""
    if config.time_column is not None:
        return None if config.time_column == "none" else _index(table, config.time_column)
    taken = {*targets, *config.covariates, *config.known_covariates, config.series_column}
    for index, name in enumerate(table.names):
        if name in taken or str(index) in taken:
            continue
        cells = table.column(index)
        if all(map(looks_like_time, cells[:20])):
            return index
        if table.header and name.lower() in _TIME_NAMES and is_numeric(cells[:20]):
            if _all_distinct_times(cells):
                return index
    return None


def _all_distinct_times(cells: Sequence[str]) -> bool:
    try:
        times, _ = parse_times(cells, numeric=True)
    except UnreadableTime:
        return False
    return len(np.unique(times)) == len(cells)


def _targets(
    table: Table, names: Sequence[str], taken: set[int | None], facts: list[Fact]
) -> list[int]:
    if names and tuple(names) != ("all",):
        return [_index(table, name) for name in names]
    free = [
        index
        for index in range(len(table.names))
        if index not in taken and _mostly_numbers(table, index) and not _counts_rows(table, index)
    ]
    if not free:
        raise DataError(table.path, "expected a column of numbers to forecast, found none", line=1)
    if names or not table.header or len(free) == 1:
        return free
    unused = ", ".join(table.names[index] for index in free[1:])
    facts.append(Fact("not used", f"{unused} (see --target)"))
    return free[:1]


def _mostly_numbers(table: Table, index: int) -> bool:
    """Whether more than half of a column are numbers; anything else in it is then an error."""
    present = [cell for cell in table.column(index) if not is_missing(cell)]
    return sum(number(cell) is not None for cell in present) > len(present) / 2


def _counts_rows(table: Table, index: int) -> bool:
    """Whether a column has no name and numbers the rows, as data frames write it."""
    if not (table.header and table.names[index] in (f"column {index}", "Unnamed: 0")):
        return False
    values = [number(cell) for cell in table.column(index)]
    return values[0] is not None and values == [values[0] + step for step in range(len(values))]
