"""Which column of a table holds what, and why the others are left aside."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from recipes.forecasting.options import SeriesConfig
from recipes.forecasting.stamps import Stamps, find_stamps, names_times
from recipes.kit.data.columns import in_order, never_changes, why_no_measure
from recipes.kit.data.facts import Fact, listed
from recipes.kit.data.marks import is_missing
from recipes.kit.data.tables import Table
from recipes.kit.data.times import looks_like_times
from recipes.kit.errors import DataError

#: Why a column is left aside, where cells say more.
_TEXT = "holds text"

#: A number with a unit that is not read, such as `5 kg` or `USD 5`.
_AMOUNT = re.compile(r"[^\W\d_]{0,3}\W{0,3}[0-9][0-9.,' ]*[^0-9]{0,5}")

#: Columns that may name series together.
_MOST_NAMES = 3


@dataclass(frozen=True)
class Columns:
    """Columns by what they hold.

    Attributes:
        stamps: The time stamps, if there are any.
        groups: Indices of the columns that name the series of each row.
        targets: Those to forecast.
        covariates: Those known up to the present.
        known: Those whose future is known.
        facts: What was understood.
    """

    stamps: Stamps | None
    groups: list[int]
    targets: list[int]
    covariates: list[int]
    known: list[int]
    facts: tuple[Fact, ...]

    @property
    def used(self) -> list[int]:
        """The columns of numbers, in the order in which they are read."""
        return [*self.targets, *self.covariates, *self.known]


def find_columns(table: Table, config: SeriesConfig, targets: Sequence[str]) -> Columns:
    """The columns of a table.

    Args:
        table: The table.
        config: Names the columns, or leaves them to be detected.
        targets: Columns to forecast, as `config.target` names them.

    Raises:
        DataError: If a column does not exist or is used twice, a time stamp cannot be read, or
            there is nothing to forecast.
    """
    groups = [table.index(name) for name in config.series_column]
    covariates = [table.index(name) for name in config.covariates]
    known = [table.index(name) for name in config.known_covariates]
    named = [] if targets == ("all",) else [table.index(name) for name in targets]
    _check_names(table, groups)
    names = series_names(table, groups)
    stamps = find_stamps(table, config, {*groups, *covariates, *known, *named}, names)
    times = () if stamps is None else stamps.columns
    used = [*named, *groups, *covariates, *known, *times]
    if twice := [index for index in used if used.count(index) > 1]:
        raise DataError(table.path, f"column {table.names[twice[0]]!r} is used twice", line=1)
    aside = {
        index: _why_aside(table, index) for index in range(len(table.names)) if index not in used
    }
    chosen = named or _measures(table, [*targets], aside)
    for index in chosen:
        aside.pop(index, None)
    facts = [] if stamps is None else [stamps.fact(table)]
    if aside:
        facts.append(Fact("left aside", _reasons(table, aside)))
    return Columns(stamps, groups, chosen, covariates, known, tuple(facts))


def _check_names(table: Table, groups: Sequence[int]) -> None:
    """Refuse a row without the name of its series."""
    for index in groups:
        cells = table.column(index)
        if "" in cells:
            message = f"expected the name of a series in column {table.names[index]!r}, found none"
            raise table.error(cells.index(""), message)


def series_names(table: Table, groups: Sequence[int]) -> list[str]:
    """The series of each row; empty where a file holds one."""
    return [" ".join(cells[index] for index in groups) for _, cells in table.rows]


def _measures(table: Table, targets: Sequence[str], aside: dict[int, str]) -> list[int]:
    """The first column that measures something; all of them if asked for, or without a header.

    Raises:
        DataError: If there is none; names those that are left aside, and why.
    """
    measures = [index for index, why in aside.items() if not why]
    dull = {index: why for index in measures if (why := _why_dull(table, index))}
    if len(dull) < len(measures) and not targets:
        aside.update(dull)
        measures = [index for index in measures if index not in dull]
    if not measures:
        reasons = [f"{table.names[index]!r} {why}" for index, why in aside.items()]
        for place, (index, why) in enumerate(aside.items()):
            if why == _TEXT:  # Cells say more.
                example = next(cell for cell in table.column(index) if not is_missing(cell))
                reasons[place] += f", {example[:20]!r}"
        found = f"but {listed(reasons, 10)}" if reasons else "but no column is left"
        message = f"expected a column of numbers to forecast, {found}; --target takes any"
        raise DataError(table.path, message, line=table.rows[0][0] - table.header)
    return measures if targets or not table.header else measures[:1]


def _why_dull(table: Table, index: int) -> str:
    """Why a column is no target beside others; empty where it may be one."""
    if reason := never_changes(table, index):
        return reason
    counts = table.column(index)[0].isdecimal() and in_order(table, index, evenly=True)
    return "changes evenly" if counts else ""


def _reasons(table: Table, aside: Mapping[int, str]) -> str:
    """Columns that are left aside, together where the reason is the same."""
    names: dict[str, list[str]] = {}
    for index, why in aside.items():
        names.setdefault(why or "see --target", []).append(table.names[index])
    return "; ".join(f"{listed(each)} ({why})" for why, each in names.items())


def _why_aside(table: Table, index: int) -> str:
    """Why a column is no target unless it is asked for; empty where it may be one."""
    cells = table.column(index)
    if all(map(is_missing, cells)):
        return "is empty"
    if looks_like_times(cells, table.reading.date_format):
        return "holds time stamps"
    if not table.is_numeric(index):
        present = [cell for cell in cells if not is_missing(cell)]
        amounts = sum(_AMOUNT.fullmatch(cell) is not None for cell in present)
        return f"holds text such as {present[0]!r}" if 2 * amounts > len(present) else _TEXT
    return why_no_measure(table, index) or ""


def naming_columns(table: Table, columns: Columns, times: Sequence[int]) -> list[str]:
    """The fewest columns that, with those given, tell apart the rows of each time; none where no
    columns do.

    Args:
        table: A table in which a time occurs twice in a series.
        columns: What its columns hold.
        times: The time of each row.
    """
    stamps = () if columns.stamps is None else columns.stamps.columns
    taken = {*columns.groups, *columns.covariates, *columns.known, *stamps}
    free = [i for i in range(len(table.names)) if i not in taken and _may_name(table, i)]
    for count in range(1, min(_MOST_NAMES, len(free)) + 1):
        for chosen in itertools.combinations(free, count):
            names = series_names(table, [*columns.groups, *chosen])
            if len({*zip(names, times, strict=True)}) == len(names):
                return [table.names[index] for index in (*columns.groups, *chosen)]
    return []


def _may_name(table: Table, index: int) -> bool:
    """Whether the cells of a column are names or whole numbers, each of which occurs again."""
    counts = Counter(table.column(index))
    names = not table.is_numeric(index) or all(cell.isdecimal() for cell in counts)
    return names and min(counts.values()) > 1 and not names_times(table, index)
