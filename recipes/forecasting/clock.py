"""Clocks: the even steps between time stamps, and the seasons that a step suggests.

A clock counts steps. Its unit is a second (which covers hours, days and weeks), a nanosecond (parts
of seconds), a month, a business day, or a plain number such as a year.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from recipes.kit.data.times import TimeUnit, offset_text

Unit = TimeUnit | Literal["month", "business day"]

DAY, WEEK, YEAR = 86_400, 604_800, 31_556_952

#: Names of the lengths of steps, the longest first.
_NAMES = ((WEEK, "week"), (DAY, "day"), (3600, "hour"), (60, "minute"), (1, "second"))
_PARTS = (
    (10**9, "second", "s"),
    (10**6, "millisecond", "ms"),
    (1000, "microsecond", "us"),
    (1, "nanosecond", "ns"),
)


@dataclass(frozen=True)
class Clock:
    """Even steps of time.

    Attributes:
        unit: What is counted.
        count: Units per step.
        first: Time of step 0: seconds or nanoseconds since 1970, or a plain number.
        month_end: Whether steps of months fall on the last days of months.
        zone: Seconds east of UTC, of a clock whose time stamps say so.
        dated: Whether there are dates, and not times of day alone.
    """

    unit: Unit
    count: int
    first: int
    month_end: bool = False
    zone: int | None = None
    dated: bool = True

    def positions(self, times: np.ndarray) -> np.ndarray:
        """The step of each time, a fraction (or NaN) where it is between two steps."""
        if self.unit in ("number", "second", "nanosecond"):
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
        if self.unit in ("number", "second", "nanosecond"):
            return self.first + steps
        first = np.asarray(self.first)
        if self.unit == "business day":
            day = np.busday_offset((first // DAY).astype("M8[D]"), steps, roll="forward")
            return day.astype("int64") * DAY + first % DAY
        months, rest = _months(first, self.month_end)
        return _day_of(months + steps, self.month_end) + rest

    def seconds(self, steps: np.ndarray) -> np.ndarray:
        """The times of steps in whole seconds since 1970, or plain numbers."""
        times = self.at(steps)
        return times // 10**9 if self.unit == "nanosecond" else times

    def stamps(self, steps: np.ndarray) -> np.ndarray:
        """The times of steps as dates of numpy, or plain numbers."""
        times = self.at(steps)
        if self.unit == "number":
            return times
        return times.astype("M8[ns]" if self.unit == "nanosecond" else "M8[s]")

    def text(self, time: int) -> str:
        """A time as text, with the offset of the clock."""
        if self.unit == "number":
            return str(time)
        offset = "" if self.zone is None else offset_text(self.zone)
        if self.unit == "nanosecond":
            size = next(s for n, _, s in _PARTS if self.count % n == 0 and self.first % n == 0)
            text = str(np.datetime64(int(time), "ns").astype(f"M8[{size}]"))
        else:
            text = str(np.datetime64(int(time), "s"))
            whole = time % DAY == 0 and (self.unit != "second" or self.count % DAY == 0)
            if whole and not offset and self.dated:
                return text.partition("T")[0]
        text = text.replace("T", " ") + offset
        return text if self.dated else text.partition(" ")[2]

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
        if self.unit == "nanosecond":
            size, unit = next((n, word) for n, word, _ in _PARTS if count % n == 0)
            count //= size
        if self.unit == "number":
            return f"{count}"
        return unit if count == 1 else f"{count} {unit}s"

    @property
    def each(self) -> str:
        """What a step is, in words.

        >>> Clock("month", 1, 0).each, Clock("second", 1800, 0).each, Clock("number", 1, 1700).each
        ('one month', '30 minutes', '1')
        """
        return self.name if self.name[0].isdigit() else f"one {self.name}"

    @property
    def steps(self) -> str:
        """What the steps are, in words."""
        return f"steps of {self.each}"

    @property
    def seasons(self) -> list[int]:
        """Steps in a day, a week and a year, where these are whole and more than one."""
        if self.unit in ("number", "nanosecond"):
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
        sizes = {"second": 1, "nanosecond": 1e-9, "month": YEAR / 12, "business day": DAY}
        step = sizes[self.unit] * self.count
        return [
            period for period in (DAY, WEEK, YEAR) if step < period and step * steps >= 2 * period
        ]


def find_clock(times: np.ndarray, unit: TimeUnit) -> Clock:
    """The clock of ascending, distinct times, among which steps may be missing."""
    first, gaps = int(times[0]), np.diff(times)
    if unit != "second" or len(times) < 2:
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
