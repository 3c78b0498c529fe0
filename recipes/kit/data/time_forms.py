"""Ways to write a date and a time of day: patterns over whole columns, and what their parts mean.

A form is a pattern with named parts: `y` year, `m` month, `b` month by name, `d` day, `q` quarter,
`w` week, `wd` weekday, `yd` day of the year; `H`, `M`, `S`, `f` (fraction of a second), `p` (AM or
PM) and `z` (offset). Where a form leaves the order of day, month and year open, its parts are
called `n1`, `n2`, `n3`, and it has several readings.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd

DAY = 86_400

_MONTHS = "jan feb mar apr may jun jul aug sep oct nov dec".split()
_NAME = (
    r"(?P<b>jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?"
    r"|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)\.?"
)
_WEEKDAY = r"(?:(?:mon|tues?|wed(?:nes)?|thu(?:rs)?|fri|sat(?:ur)?|sun)(?:day)?\.?,?\s+)?"
_YEAR = r"(?P<y>\d{4}|\d{2})"
_TH = r"(?P<d>\d{1,2})(?:st|nd|rd|th)?"
_ZONE = r"\s*(?P<z>Z|UTC|GMT|[+-]\d{2}(?::?\d{2})?)?"
_MINUTES = r":(?P<M>\d{2})(?::(?P<S>\d{2})(?:[.,](?P<f>\d{1,9}))?)?"
_HALF = r"\s*(?P<p>[ap]\.?m\.?)?"
_CLOCK = rf"(?P<H>\d{{1,2}})(?:{_MINUTES})?{_HALF}{_ZONE}"

#: What the parts of an open order may be; a year of four digits shows where it is.
_ORDERS = {"day first": "dmy", "month first": "mdy", "year first": "ymd"}
_FOUR_DIGITS = {order: _ORDERS[order] for order in ("day first", "month first")}


@dataclass(frozen=True)
class Form:
    """A way to write time stamps.

    Attributes:
        example: How it looks, for messages.
        pattern: What a whole cell matches.
        readings: What `n1`, `n2` and `n3` may be: a letter each, by the name of the order.
        usual: The order that is meant unless it is impossible.
    """

    example: str
    pattern: str
    readings: Mapping[str, str] | None = None
    usual: str = ""

    def shown(self, order: str, cell: str) -> str:
        """The example in one of the orders, with the marks of a cell."""
        if not self.readings:
            return self.example
        parts = {"d": "31", "m": "01", "y": self.example[6:]}
        mark = next((mark for mark in cell if mark in "./-"), "/")
        return mark.join(parts[letter] for letter in self.readings[order])

    def match(self, cells: pd.Series) -> pd.DataFrame:
        """The parts of each cell, missing where it does not match."""
        # Only digits of ASCII: others would be read by `int`, but are no time stamps of data.
        return cells.str.extract(rf"^(?:{self.pattern})$", flags=re.IGNORECASE | re.ASCII)


def _timed(date: str) -> str:
    """A date with a time of day behind it or not."""
    return rf"{date}(?:(?:T|\s+|,\s*|\s*-\s+|:){_CLOCK})?"


#: Dates, with times of day or without; the first form that fits most cells is taken.
FORMS = (
    Form("2024-01-31", _timed(r"(?P<y>\d{4})(?P<s>[-/.])(?P<m>\d{1,2})(?P=s)(?P<d>\d{1,2})")),
    Form(
        "31.01.2024",
        _timed(r"(?P<n1>\d{1,2})\.\s?(?P<n2>\d{1,2})\.\s?(?P<n3>\d{4})"),
        _FOUR_DIGITS,
        usual="day first",
    ),
    Form(
        "31.01.24",
        _timed(r"(?P<n1>\d{1,2})\.\s?(?P<n2>\d{1,2})\.\s?(?P<n3>\d{2})"),
        _ORDERS,
        usual="day first",
    ),
    Form(
        "31/01/2024",
        _timed(r"(?P<n1>\d{1,2})(?P<s>[-/])(?P<n2>\d{1,2})(?P=s)(?P<n3>\d{4})"),
        _FOUR_DIGITS,
    ),
    Form(
        "31/01/24",
        _timed(r"(?P<n1>\d{1,2})(?P<s>[-/])(?P<n2>\d{1,2})(?P=s)(?P<n3>\d{2})"),
        _ORDERS,
    ),
    Form("31 Jan 2024", _timed(rf"{_WEEKDAY}{_TH}[-/. ]*{_NAME}[-/., ]*{_YEAR}")),
    Form("Jan 31, 2024", _timed(rf"{_WEEKDAY}{_NAME}[-/ ]+{_TH}(?:,\s*|[-/ ]+)(?P<y>\d{{4}})")),
    Form("2024 Jan 31", _timed(rf"(?P<y>\d{{4}})[-/. ]*{_NAME}[-/. ]*{_TH}")),
    Form("Jan 2024", rf"{_NAME}[-/., ']*{_YEAR}"),
    Form("2024 Jan", rf"(?P<y>\d{{4}})[-/., ]*{_NAME}"),
    Form("2024-01", r"(?P<y>\d{4})(?:[-/.:]|-?M)(?P<m>\d{1,2})"),
    Form("2024-031", _timed(r"(?P<y>\d{4})-(?P<yd>\d{3})")),
    Form("01/2024", r"(?P<m>\d{1,2})[-/.](?P<y>\d{4})"),
    Form("2024Q1", r"(?P<y>\d{4})[-/.: ]*Q(?P<q>[1-4])"),
    Form("FY2024", r"FY[-/ ]?(?P<y>\d{4})"),
    Form("Q1 2024", rf"Q(?P<q>[1-4])[-/., ']*{_YEAR}"),
    Form("1Q2024", rf"(?P<q>[1-4])Q[-/., ']*{_YEAR}"),
    Form("2024-W05", r"(?P<y>\d{4})[- ]?W(?P<w>\d{1,2})(?:-?(?P<wd>[1-7]))?"),
    Form(
        "20240131T1200",
        r"(?P<y>\d{4})(?P<m>\d{2})(?P<d>\d{2})[T _-]?"
        rf"(?P<H>\d{{2}}):?(?P<M>\d{{2}})(?::?(?P<S>\d{{2}})(?:\.(?P<f>\d{{1,9}}))?)?{_ZONE}",
    ),
)

#: Dates that are written as plain numbers.
NUMBER_FORMS = (
    Form("202401", r"(?P<y>\d{4})(?P<m>\d{2})"),
    Form("202405, the week last", r"(?P<y>\d{4})(?P<w>\d{2})"),
    Form("20241, the quarter last", r"(?P<y>\d{4})(?P<q>[1-4])"),
    Form("2024.05", r"(?P<y>\d{4})\.(?P<m>\d{2})"),
    Form("05.2024", r"(?P<m>\d{2})\.(?P<y>\d{4})"),
    Form("20240131", r"(?P<y>\d{4})(?P<m>\d{2})(?P<d>\d{2})"),
    Form("2024013112", r"(?P<y>\d{4})(?P<m>\d{2})(?P<d>\d{2})(?P<H>\d{2})"),
    Form("202401311200", r"(?P<y>\d{4})(?P<m>\d{2})(?P<d>\d{2})(?P<H>\d{2})(?P<M>\d{2})"),
    Form(
        "20240131120000",
        r"(?P<y>\d{4})(?P<m>\d{2})(?P<d>\d{2})(?P<H>\d{2})(?P<M>\d{2})(?P<S>\d{2})",
    ),
)

#: A time of day alone.
TIME_OF_DAY = Form("13:30", rf"(?P<H>\d{{1,2}}){_MINUTES}{_HALF}")


class Moments(NamedTuple):
    """The times of a column.

    Attributes:
        seconds: Since 1970, as written, without heed of the offset.
        nanoseconds: Those beyond.
        valid: Whether there is such a time.
        offsets: Seconds east of UTC, NaN where none is written.
        timed: Whether any cell has a time of day.
    """

    seconds: np.ndarray
    nanoseconds: np.ndarray
    valid: np.ndarray
    offsets: np.ndarray
    timed: bool


def moments(parts: pd.DataFrame, order: str = "") -> Moments:
    """What the parts of cells mean.

    Args:
        parts: As `Form.match` returns them.
        order: What `n1`, `n2` and `n3` are, a letter each.
    """
    parts = parts.rename(columns={f"n{place + 1}": part for place, part in enumerate(order)})
    count = len(parts)
    present = parts.notna().any(axis=1).to_numpy(bool)
    year = _number(parts, "y", 1970)
    if "y" in parts and (short := (parts["y"].str.len() == 2).to_numpy(bool)).any():
        year[short] = _four_digits(year[short])
    if "w" in parts:
        days, valid = _weeks(year, _number(parts, "w", 1), _number(parts, "wd", 1))
    elif "yd" in parts:
        days, valid = _days_of_years(year, _number(parts, "yd", 1))
    else:
        days, valid = _days(year, _month(parts), _number(parts, "d", 1))
    within, hours = _hours(parts)
    fractions = np.zeros(count, "int64")
    if "f" in parts:
        fractions = parts["f"].fillna("0").str.ljust(9, "0").to_numpy("int64")
    timed = "H" in parts and bool(parts["H"].notna().any())
    offsets = offsets_of(parts["z"]) if "z" in parts else np.full(count, np.nan)
    return Moments(days * DAY + within, fractions, present & valid & hours, offsets, timed)


def _number(parts: pd.DataFrame, name: str, otherwise: int) -> np.ndarray:
    if name not in parts:
        return np.full(len(parts), otherwise, "int64")
    values: np.ndarray = parts[name].fillna(str(otherwise)).to_numpy(object).astype("int64")
    return values


def _month(parts: pd.DataFrame) -> np.ndarray:
    if "q" in parts:
        return 3 * _number(parts, "q", 1) - 2
    if "b" in parts:
        places = {name: place for place, name in enumerate(_MONTHS, start=1)}
        months: np.ndarray = parts["b"].str.lower().str[:3].map(places).fillna(1).to_numpy("int64")
        return months
    return _number(parts, "m", 1)


def _four_digits(years: np.ndarray) -> np.ndarray:
    """Years of two digits in full: they follow each other, over the turn of a century or not, and
    end before 2050."""
    known = np.unique(years)
    gaps = np.diff(np.append(known, known[0] + 100))
    first = int(known[(int(np.argmax(gaps)) + 1) % len(known)])
    last = first + 100 - int(gaps.max())
    century = 2000 if last < 50 else 1900
    full: np.ndarray = century + years + 100 * (years < first)
    return full


def _days(year: np.ndarray, month: np.ndarray, day: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Days since 1970, and whether there are such days."""
    months = ((year - 1970) * 12 + month - 1).astype("M8[M]")
    days = months.astype("M8[D]") + (day - 1)
    valid = (month >= 1) & (month <= 12) & (day >= 1) & (days.astype("M8[M]") == months)
    return days.astype("int64"), valid


def _weeks(
    year: np.ndarray, week: np.ndarray, weekday: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Days since 1970 of weeks of ISO 8601: the first is that of 4 January."""
    fourth, _ = _days(year, np.ones_like(year), np.full_like(year, 4))
    monday = fourth - (fourth + 3) % 7 + 7 * (week - 1)  # 1 January 1970 was a Thursday.
    thursday = (monday + 3).astype("M8[D]").astype("M8[Y]").astype("int64") + 1970
    return monday + weekday - 1, (week >= 1) & (thursday == year)


def _days_of_years(year: np.ndarray, day: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Days since 1970 of days that are counted from the start of a year, from 1."""
    first, _ = _days(year, np.ones_like(year), np.ones_like(year))
    days = first + day - 1
    return days, (day >= 1) & (days.astype("M8[D]").astype("M8[Y]").astype("int64") + 1970 == year)


def _hours(parts: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Seconds since midnight, and whether there are such times; 24:00 ends a day."""
    hour, minute, second = (_number(parts, name, 0) for name in "HMS")
    valid = (minute < 60) & (second < 60)
    if "p" in parts and (halves := parts["p"].notna().to_numpy(bool)).any():
        after_noon = parts["p"].str.lower().str.startswith("p").fillna(False).to_numpy(bool)
        valid &= ~halves | ((hour >= 1) & (hour <= 12))
        hour = np.where(halves, hour % 12 + 12 * after_noon, hour)
    valid &= (hour < 24) | ((hour == 24) & (minute == 0) & (second == 0))
    return 3600 * hour + 60 * minute + second, valid


def offsets_of(cells: pd.Series) -> np.ndarray:
    """Seconds east of UTC, NaN where none is written.

    Args:
        cells: `Z`, `UTC`, `+02:00`, ...
    """
    parts = cells.str.extract(r"^([+-])(\d{2}):?(\d{2})?$")
    sign = parts[0].map({"+": 1.0, "-": -1.0}).to_numpy("float64")
    hours = pd.to_numeric(parts[1]).to_numpy("float64")
    minutes = pd.to_numeric(parts[2]).fillna(0).to_numpy("float64")
    universal = cells.str.upper().isin(["Z", "UTC", "GMT"]).to_numpy(bool)
    return np.where(universal, 0.0, sign * (3600 * hours + 60 * minutes))
