"""Which columns of a table hold its time stamps: one, a date and an hour, or parts of a date."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from recipes.forecasting.options import SeriesConfig
from recipes.kit.data.columns import DATE_PARTS
from recipes.kit.data.facts import Fact
from recipes.kit.data.marks import is_missing
from recipes.kit.data.tables import Table
from recipes.kit.data.time_orders import UnreadableTime
from recipes.kit.data.times import (
    Times,
    are_dates_as_numbers,
    looks_like_times,
    read_times,
    time_column,
)
from recipes.kit.errors import DataError

#: Names of columns of numbers that are times whatever they hold.
_TIMES = {
    *("date", "time", "timestamp", "datetime", "ds", "year", "epoch", "unix", "unixtime"),
    *("datum", "fecha", "jahr", "año", "année"),
}

#: Those of numbers that are times if none occurs twice in a series.
_COUNTS = {"t", "ts", "month", "week", "day", "hour", "step", "period", "quarter"}

#: Those of days since 1899-12-30, as spreadsheets count them.
_DAYS = {"date", "datetime", "timestamp", "ds", "day", "datum", "fecha"}

#: Names of columns of text that ought to hold time stamps.
_OUGHT = re.compile(r"(?:.*[ _-])?(?:date|time|timestamp|datetime)(?:[ _-]\(?utc\)?)?")

#: What looks like a part of a time stamp, or a month of another language.
_LIKE = re.compile(
    r".*(?:[0-9]{1,4}[-/.][0-9]{1,2}[-/.][0-9]{1,4}|[0-9]{1,2}:[0-9]{2}).*"
    r"|(?:[0-9]{1,2}\.? )?[^\W\d]{3,}\.?[ -](?:19|20)[0-9]{2}"
)

_HOURS = {"hour", "hr", "hours", "hour of day", "he", "hour ending"}
_TIMES_OF_DAY = {"time", "hhmm", "time of day"}
#: Parts that may follow a month, each only after the one before.
_CLOCK = ("day", "hour", "minute", "second")

_OTHER_NAMES = {
    "yr": "year",
    "mo": "month",
    "mon": "month",
    "mth": "month",
    "hr": "hour",
    **dict.fromkeys(("doy", "yday", "dayofyear", "julian day"), "day of year"),
}


@dataclass(frozen=True)
class Stamps:
    """The time stamps of a table.

    Attributes:
        columns: The columns that hold them, or parts of them.
        times: A time for each row.
    """

    columns: tuple[int, ...]
    times: Times

    def written(self, table: Table, row: int) -> str:
        """The time stamp of a row as it is written."""
        return " ".join(table.rows[row][1][column] for column in self.columns)

    def fact(self, table: Table) -> Fact:
        """How they were read."""
        names = ", ".join(table.names[column] for column in self.columns)
        return Fact("time", f"{names}: {self.times.how}")


def find_stamps(
    table: Table, config: SeriesConfig, taken: Iterable[int], groups: Sequence[str]
) -> Stamps | None:
    """The time stamps of a table; None where each row is a step.

    Args:
        table: The table.
        config: Names their column, or leaves it to be found.
        taken: Columns that are used for something else.
        groups: The series of each row.

    Raises:
        DataError: If a cell is not a time stamp, or no column that is called one holds any.
    """
    if config.time_column == "none":
        return None
    if config.time_column is not None:
        index = table.index(config.time_column)
        return _whole(table, index, time_column(table, index, days=True), {index, *taken}, groups)
    free = [index for index in range(len(table.names)) if index not in {*taken}]
    given = table.reading.date_format
    texts = [index for index in free if looks_like_times(table.column(index), given)]
    if given is not None and not texts:
        message = f"expected time stamps as --date-format {given!r} has them in some column"
        raise DataError(table.path, f"{message}, found none", line=table.rows[0][0])
    dated = _dated(table, texts, groups)
    if dated is not None:
        return _whole(table, *dated, {*taken}, groups)
    for stamps in (_parts(table, free), _numbers(table, free, {*taken}, groups)):
        if stamps is not None:
            return stamps
    if texts:
        return Stamps((texts[0],), time_column(table, texts[0]))
    _check_names(table, free)
    return None


def _dated(table: Table, columns: Sequence[int], groups: Sequence[str]) -> tuple[int, Times] | None:
    """The first column of dates in which none occurs twice in a series, else the first."""
    first = None
    for index in columns:
        try:
            times = time_column(table, index)
        except DataError:
            if first is None:
                raise
            continue  # The first one may do, and this one be anything.
        if times.dated and _distinct(times, groups):
            return index, times
        if times.dated and first is None:
            first = index, times
    return first


def _whole(
    table: Table, index: int, times: Times, taken: set[int], groups: Sequence[str]
) -> Stamps:
    """A column of dates, with the hour in another column where dates alone occur twice."""
    if times.timed or not times.dated or times.unit != "second" or _distinct(times, groups):
        return Stamps((index,), times)
    for other in range(len(table.names)):
        if other == index or other in taken:
            continue
        if _called(table, other) in _HOURS and table.is_numeric(other):
            return _with_hours(table, index, times, other)
        hours = _times_of_day(table, other)
        if hours is not None:
            how = f"{times.how}, and times of day in {table.names[other]!r}"
            whole = replace(times, values=times.values + hours, timed=True, how=how)
            return Stamps((index, other), whole)
    return Stamps((index,), times)


def _times_of_day(table: Table, index: int) -> np.ndarray | None:
    """Seconds since midnight, of `13:30` or, in a column that is called so, 1330."""
    cells = table.column(index)
    if _called(table, index) in _TIMES_OF_DAY and table.is_numeric(index):
        cells = [f"{cell[:-2] or 0}:{cell[-2:]:0>2}" for cell in cells]
    if not looks_like_times(cells):
        return None
    try:
        times = read_times(cells)
    except UnreadableTime as error:
        found = repr(table.column(index)[error.index])
        message = f"expected {error.expected} in column {table.names[index]!r}, found {found}"
        raise table.error(error.index, message) from None
    return None if times.dated or times.unit != "second" else times.values


def _with_hours(table: Table, index: int, times: Times, other: int) -> Stamps:
    hours = table.numbers(other)
    wrong = np.flatnonzero(~((hours >= 0) & (hours <= 24) & (hours == np.round(hours))))
    if len(wrong):
        found = repr(table.column(other)[wrong[0]])
        name = table.names[other]
        message = f"expected an hour from 0 to 24 in column {name!r}, found {found}"
        raise table.error(int(wrong[0]), message)
    how = f"{times.how}, and hours from {int(hours.min())} to {int(hours.max())}"
    values = times.values + 3600 * hours.astype("int64")
    return Stamps((index, other), replace(times, values=values, timed=True, how=how))


def _parts(table: Table, free: Sequence[int]) -> Stamps | None:
    """Year, month, day, hour and so on in columns of their own."""
    places: dict[str, int] = {}
    for index in free if table.header else ():
        name = _called(table, index)
        places.setdefault(_OTHER_NAMES.get(name, name), index)
    # A day without a month is one of the year.
    others = ("month", "day of year", "quarter", "week", "day")
    second = next((part for part in others if part in places), None)
    if "year" not in places or second is None:
        return None
    used = ["year", second]
    chain = {"month": _CLOCK, "day of year": _CLOCK[1:], "day": _CLOCK[1:]}.get(second, ())
    used += itertools.takewhile(lambda part: part in places, chain)
    columns = tuple(places[part] for part in used)
    rows = zip(*(table.column(column) for column in columns), strict=True)
    texts = [_joined([re.sub(r"\.0*$", "", cell) for cell in cells], second) for cells in rows]
    try:
        times = read_times(texts)
    except UnreadableTime as error:
        names = ", ".join(table.names[column] for column in columns)
        found = ", ".join(table.rows[error.index][1][column] for column in columns)
        message = f"expected a time in the columns {names}, found {found}"
        raise table.error(error.index, message) from None
    return Stamps(columns, replace(times, how=f"put together, {len(columns)} columns"))


def _joined(cells: Sequence[str], second: str) -> str:
    """A time stamp of its parts, of which the second after the year is named."""
    year, part, *rest = cells
    if second == "quarter":
        return f"{year}Q{part.upper().removeprefix('Q')}"
    if second == "week":
        return f"{year}-W{part}"
    date = f"{year}-{part:0>3}"
    if second == "month":
        day, *rest = rest or ["1"]
        date = f"{day} {part} {year}" if part[:1].isalpha() else f"{year}-{part}-{day}"
    if not rest:
        return date
    hour, *others = rest
    return f"{date} {hour}:{':'.join(f'{other:0>2}' for other in [*others, '00'][:2])}"


def _numbers(
    table: Table, free: Sequence[int], taken: set[int], groups: Sequence[str]
) -> Stamps | None:
    """A column of numbers that are times by their name, are dates such as 20240131, or stand first,
    go up and look like times."""
    certain = None
    for index in free:
        name = _called(table, index) if table.header else ""
        first = index == 0 and len(table.names) > 1
        written = are_dates_as_numbers(table.column(index))
        called = first or written or name in _TIMES | _COUNTS
        if not called or not table.is_numeric(index):
            continue
        try:
            times = time_column(table, index, days=name in _DAYS)
        except DataError:
            if name in _TIMES and not _has_fractions(table, index):
                raise
            continue
        if name in _TIMES or ((written or name in _COUNTS) and _distinct(times, groups)):
            return _whole(table, index, times, taken, groups)
        dates = times.unit != "number" or _are_years(times, table.header)
        if written and certain is None:
            certain = _whole(table, index, times, taken, groups)
        steps = np.diff(times.values)
        if first and dates and ((steps > 0).all() or (steps < 0).all()):
            return Stamps((index,), times)
    return certain


def _are_years(times: Times, header: bool) -> bool:
    """Whether numbers are years, which under any name go up by one."""
    years = bool((times.values >= 1500).all() and (times.values < 2100).all())
    return years and not (header and (np.abs(np.diff(times.values)) != 1).any())


def _has_fractions(table: Table, index: int) -> bool:
    values = [table.marks.number(cell) for cell in table.column(index)]
    return any(value is not None and value % 1 > 0 for value in values)


def _check_names(table: Table, free: Sequence[int]) -> None:
    """Refuse text that is called a time stamp or looks like one, but cannot be read."""
    for index in free:
        cells = [cell for cell in table.column(index) if not is_missing(cell)]
        called = table.header and _OUGHT.fullmatch(_called(table, index))
        like = 2 * sum(_LIKE.fullmatch(cell) is not None for cell in cells) > len(cells)
        if cells and (called or like) and not table.is_numeric(index):
            raise table.error(
                table.column(index).index(cells[0]),
                f"column {table.names[index]!r} seems to hold time stamps, but {cells[0]!r} cannot "
                "be read as one; --date-format says how it is written, --time-column which column "
                "holds time stamps (none takes each row as a step)",
            )


def _distinct(times: Times, groups: Sequence[str]) -> bool:
    """Whether no time occurs twice in a series."""
    return len({*zip(groups, times.values.tolist(), strict=True)}) == len(groups)


def names_times(table: Table, index: int) -> bool:
    """Whether a column is called a time or a part of one."""
    parts = {*DATE_PARTS, *_TIMES, *_COUNTS, *_HOURS, *_TIMES_OF_DAY, *_OTHER_NAMES}
    return table.header and _called(table, index) in parts


def _called(table: Table, index: int) -> str:
    return re.sub(r"[_-]", " ", table.names[index].lower()).strip()
