"""Time stamps: reading them, the even steps between them, and the seasons that a step suggests.

A clock counts steps. Its unit is a second (which covers hours, days and weeks), a month, a business
day, or a plain number such as a year.
"""

from __future__ import annotations

import datetime
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

Unit = Literal["second", "month", "business day", "number"]

DAY, WEEK, YEAR = 86_400, 604_800, 31_556_952

#: Names of the lengths of steps, the longest first.
_NAMES = ((WEEK, "week"), (DAY, "day"), (3600, "hour"), (60, "minute"), (1, "second"))

_NUMBERS = re.compile(r"(\d{1,4})[/.-](\d{1,2})[/.-](\d{1,4})(?:[ T]+(.*))?")
_MONTH = re.compile(r"(\d{4})[-/.]?(\d{2})")
_QUARTER = re.compile(r"(\d{4})[- ]?[qQ]([1-4])")


@dataclass(frozen=True)
class Clock:
    """Even steps of time.

    Attributes:
        unit: What is counted.
        count: Units per step.
        first: Time of step 0: seconds since 1970, or a plain number.
        month_end: Whether steps of months fall on the last days of months.
    """

    unit: Unit
    count: int
    first: int
    month_end: bool = False

    def positions(self, times: np.ndarray) -> np.ndarray:
        """The step of each time, a fraction (or NaN) where it is between two steps."""
        if self.unit == "number" or self.unit == "second":
            return (times - self.first) / self.count
        if self.unit == "business day":
            days = (np.append(times, self.first) // DAY).astype("M8[D]")
            steps = np.busday_count(days[-1], days[:-1])
            whole = np.is_busday(days[:-1]) & (times % DAY == self.first % DAY)
            return np.where(whole, steps / self.count, np.nan)
        months, rest = _months(np.append(times, self.first), self.month_end)
        whole = rest[:-1] == rest[-1]
        return np.where(whole, (months[:-1] - months[-1]) / self.count, np.nan)

    def at(self, steps: np.ndarray) -> np.ndarray:
        """The times of steps."""
        steps = np.asarray(steps, "int64") * self.count
        if self.unit == "number" or self.unit == "second":
            return self.first + steps
        first = np.asarray(self.first)
        if self.unit == "business day":
            day = np.busday_offset((first // DAY).astype("M8[D]"), steps, roll="forward")
            return day.astype("int64") * DAY + first % DAY
        months, rest = _months(first, self.month_end)
        return _day_of(months + steps, self.month_end) + rest

    def text(self, time: int) -> str:
        """A time as text."""
        if self.unit == "number":
            return str(time)
        stamp = np.datetime64(int(time), "s")
        if time % DAY == 0 and (self.unit != "second" or self.count % DAY == 0):
            return str(stamp.astype("M8[D]"))
        return str(stamp).replace("T", " ")

    @property
    def name(self) -> str:
        """The step in words.

        >>> Clock("second", 1800, 0).name, Clock("month", 3, 0).name
        ('30 minutes', '3 months')
        """
        unit: str = self.unit
        count = self.count
        if self.unit == "second":
            size, unit = next((n, word) for n, word in _NAMES if count % n == 0)
            count //= size
        if self.unit == "number":
            return f"{count}"
        return unit if count == 1 else f"{count} {unit}s"

    @property
    def steps(self) -> str:
        """What the steps are, in words.

        >>> Clock("month", 1, 0).steps, Clock("number", 1, 1700).steps
        ('steps of one month', 'steps of 1')
        """
        return f"steps of {'' if self.unit == 'number' else 'one '}{self.name}"

    @property
    def seasons(self) -> list[int]:
        """Steps in a day, a week and a year, where these are whole and more than one."""
        if self.unit == "number":
            return []
        if self.unit == "business day":
            lengths = [5 / self.count]
        elif self.unit == "month":
            lengths = [12 / self.count]
        else:
            lengths = [DAY / self.count, WEEK / self.count]
            if self.count >= DAY:
                lengths.append(round(YEAR / self.count))
        return [int(length) for length in lengths if length > 1 and length == int(length)]

    def periods(self, steps: int) -> list[int]:
        """Seconds in a day, a week and a year: those that are longer than a step and of which so
        many steps hold at least two."""
        if self.unit == "number":
            return []
        step = {"second": 1, "month": YEAR / 12, "business day": DAY}[self.unit] * self.count
        return [
            period for period in (DAY, WEEK, YEAR) if step < period and step * steps >= 2 * period
        ]


class UnreadableTime(ValueError):
    """A cell that is not a time stamp; `index` says which."""

    def __init__(self, index: int) -> None:
        super().__init__(f"Cell {index} is not a time stamp.")
        self.index = index


def parse_times(cells: Sequence[str], numeric: bool) -> tuple[np.ndarray, Unit]:
    """The times in a column.

    Where no cell tells day and month apart, the month comes first if the year comes last.

    Args:
        cells: ISO 8601 (years with months, too), `1990Q4`, day and month as numbers in either
            order, with or without a time of day; or whole numbers.
        numeric: Whether to read plain numbers where possible.

    Returns:
        Seconds since 1970 and `"second"`, or numbers and `"number"`.

    Raises:
        UnreadableTime: If a cell is not a time stamp.
    """
    if numeric:
        try:
            values = np.array([float(cell) for cell in cells])
        except ValueError:
            values = np.array([math.nan])
        if np.array_equal(values, np.round(values)):
            # Ten digits are seconds since 1970, thirteen milliseconds.
            if (values >= 1e12).all() and not (values % 1000).any():
                return (values // 1000).astype("int64"), "second"
            return values.astype("int64"), "second" if (values >= 1e9).all() else "number"
    day_first = any(
        (match := _NUMBERS.fullmatch(cell)) and len(match[1]) < 3 and int(match[1]) > 12
        for cell in cells
    )
    times = np.zeros(len(cells), "int64")
    for index, cell in enumerate(cells):
        time = _parse(cell, day_first)
        if time is None:
            raise UnreadableTime(index)
        times[index] = time
    return times, "second"


def looks_like_time(cell: str) -> bool:
    """Whether a cell is a time stamp and not a plain number."""
    plain = cell.replace(".", "", 1).isdigit()
    return not plain and any(_parse(cell, day_first) is not None for day_first in (False, True))


def find_clock(times: np.ndarray, unit: Unit) -> Clock:
    """The clock of ascending, distinct times, among which steps may be missing."""
    first, gaps = int(times[0]), np.diff(times)
    if unit == "number" or len(times) < 2:
        return Clock(unit, int(_most_common(gaps)) if len(gaps) else 1, first)
    months, rest = _months(times, False)
    ends, rest_of_ends = _months(times, True)
    if len(np.unique(months)) == len(times):
        if (rest == rest[0]).all():
            return Clock("month", _divisor(np.diff(months)), first)
        if (rest_of_ends == rest_of_ends[0]).all():
            return Clock("month", _divisor(np.diff(ends)), first, month_end=True)
    count = int(_most_common(gaps))
    same_hour = (times % DAY == times[0] % DAY).all()
    if count == DAY and same_hour and (gaps == 3 * DAY).any():
        if np.is_busday((times // DAY).astype("M8[D]")).all():
            return Clock("business day", 1, first)
    return Clock("second", count, first)


def _parse(cell: str, day_first: bool) -> int | None:
    """Seconds since 1970 of a time stamp, in UTC where it has a time zone."""
    if match := _QUARTER.fullmatch(cell):
        return _seconds(int(match[1]), 3 * int(match[2]) - 2, 1)
    if match := _MONTH.fullmatch(cell):
        return _seconds(int(match[1]), int(match[2]), 1)
    hours = datetime.time()
    if match := _NUMBERS.fullmatch(cell):
        parts = [int(part) for part in match.groups()[:3]]
        if len(match[1]) == 4:
            year, month, day = parts
        elif len(match[3]) == 4:
            day, month, year = parts if day_first else (parts[1], parts[0], parts[2])
        else:
            return None
        try:
            stamp = datetime.datetime.fromisoformat(f"{year:04}-{month:02}-{day:02}")
            if match[4]:
                hours = datetime.time.fromisoformat(_two_digits(match[4].strip()))
        except ValueError:
            return None
        stamp = datetime.datetime.combine(stamp.date(), hours)
    else:
        try:
            stamp = datetime.datetime.fromisoformat(cell)
        except ValueError:
            return None
    if stamp.tzinfo is not None:
        stamp = stamp.astimezone(datetime.UTC).replace(tzinfo=None)
    return int(np.datetime64(stamp.replace(microsecond=0), "s").astype("int64"))


def _two_digits(hours: str) -> str:
    return f"0{hours}" if hours[1:2] == ":" else hours


def _seconds(year: int, month: int, day: int) -> int | None:
    try:
        stamp = datetime.datetime(year, month, day)
    except ValueError:
        return None
    return int(np.datetime64(stamp, "s").astype("int64"))


def _months(times: np.ndarray, end: bool) -> tuple[np.ndarray, np.ndarray]:
    """Months since 1970, and the seconds since the start of the first (or last) day of each."""
    months = np.asarray(times).astype("M8[s]").astype("M8[M]").astype("int64")
    return months, times - _day_of(months, end)


def _day_of(months: np.ndarray, end: bool) -> np.ndarray:
    """Seconds since 1970 at the start of the first (or last) day of months."""
    day = (np.asarray(months) + int(end)).astype("M8[M]").astype("M8[D]") - int(end)
    return day.astype("int64") * DAY


def _most_common(gaps: np.ndarray) -> int:
    values, counts = np.unique(gaps, return_counts=True)
    return int(values[np.argmax(counts)])


def _divisor(gaps: np.ndarray) -> int:
    return int(np.gcd.reduce(gaps))
