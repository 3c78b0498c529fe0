"""Time stamps of whole columns: one way of writing for all cells, and which one, said.

The form that fits most cells of a column is taken, and any other cell is an error with its line.
Where a form leaves open whether the day or the month comes first, both are tried on the whole
column: an impossible date excludes one, else that with more even steps is taken; a tie is refused.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import pandas as pd

from recipes.kit.data.marks import is_missing
from recipes.kit.data.tables import Table
from recipes.kit.data.time_forms import (
    DAY,
    FORMS,
    NUMBER_FORMS,
    TIME_OF_DAY,
    Form,
    Moments,
    moments,
    offsets_of,
)
from recipes.kit.data.time_orders import UnclearTime, UnreadableTime, evenness, order_of
from recipes.kit.errors import UserError

TimeUnit = Literal["second", "nanosecond", "number"]

#: Cells, spread over a column, that are looked at to find its form.
_LOOKED_AT = 500

#: Dates without marks among which an impossible one is a mistake, and those of which few are dates.
_SURE = ("202401", "20240131", "202401311200", "20240131120000")
_FEW = (*_SURE, "2024013112")

#: So many numbers that could be dates, at least, are dates.
_NO_CHANCE = 5

#: Seconds before or after 1970 that can be counted in nanoseconds, up to 2262.
_MOST_SECONDS = 9_223_372_036

#: Seconds, and parts of one, since 1970: name, how many make a second, and the numbers from 1979 to
#: 2262.
_EPOCHS = tuple(
    (name, size, 3 * 10**8 * size, _MOST_SECONDS * size)
    for name, size in (
        ("seconds", 1),
        ("milliseconds", 10**3),
        ("microseconds", 10**6),
        ("nanoseconds", 10**9),
    )
)

#: Days since 1899-12-30, as spreadsheets count: from 1954 to 2119; and those up to 1970.
_SHEET_DAYS, _SHEET_1970 = (20_000, 80_000), 25_569

_YEARS = (1800, 2100)
_NUMBER = re.compile(r"[+-]?[0-9]+(?:\.[0-9]*)?")
_USUAL = "a time stamp, such as 2024-01-31,"


@dataclass(frozen=True)
class Times:
    """The times of a column.

    Attributes:
        values: Seconds or nanoseconds since 1970 as the clocks there showed them, or plain numbers.
        unit: What is counted.
        zone: Seconds east of UTC; None where nothing is written.
        dated: Whether there are dates, and not times of day alone.
        timed: Whether there are times of day.
        how: How they were read, for a person.
    """

    values: np.ndarray
    unit: TimeUnit
    zone: int | None = None
    dated: bool = True
    timed: bool = True
    how: str = ""


def time_column(table: Table, index: int, *, days: bool = False) -> Times:
    """The times of a column of a table.

    Args:
        table: The table; its options may say the format.
        index: The column.
        days: Whether plain numbers may be days as spreadsheets count them.

    Raises:
        DataError: If a cell is not a time stamp; names the line and the option that decides.
    """
    cells = table.column(index)
    if table.reading.date_format is None and _are_numbers(cells):
        cells = [table.marks.plain(cell) or cell for cell in cells]
    try:
        return read_times(cells, table.reading.date_format, days=days)
    except UnreadableTime as error:
        where, found = f"column {table.names[index]!r}", repr(table.column(index)[error.index])
        message = f"expected {error.expected} in {where}, found {found} (--date-format decides)"
        if isinstance(error, UnclearTime):
            message = f"{found} in {where} is {error.expected}"
        raise table.error(error.index, message) from None


def read_times(
    cells: Sequence[str], date_format: str | None = None, *, days: bool = False
) -> Times:
    """The times in a column of text.

    Args:
        cells: The cells.
        date_format: How they are written, as `strptime` has it; by default decided on all of them.
        days: Whether plain numbers may be days as spreadsheets count them.

    Raises:
        UnreadableTime: If a cell is not a time stamp like most, or there is no telling.
        UserError: If the format cannot be read.
    """
    texts = pd.Series([*cells], dtype=object).str.strip()
    if date_format is not None:
        return _by_format(texts, date_format)
    if _are_numbers(cells):
        return _numbers(texts, days)
    form = _best_form(texts)
    if form is None:
        raise UnreadableTime(0, _USUAL)
    return _by_form(texts, form)


def looks_like_times(cells: Sequence[str], date_format: str | None = None) -> bool:
    """Whether most cells are time stamps, and not plain numbers."""
    present = _some([cell for cell in cells if not is_missing(cell)])
    if not present:
        return False
    texts = pd.Series(present, dtype=object).str.strip()
    if date_format is not None:
        return 2 * int(_parsed(texts, date_format).notna().sum()) > len(texts)
    return not _are_numbers(present) and _best_form(texts) is not None


def are_times(cells: Sequence[str]) -> np.ndarray:
    """Which cells are time stamps, each in any form, and not plain numbers."""
    texts = pd.Series([*cells], dtype=object)
    matches = [form.match(texts).notna().any(axis=1).to_numpy(bool) for form in FORMS]
    return np.logical_or.reduce(matches)


def are_dates_as_numbers(cells: Sequence[str]) -> bool:
    """Whether cells, enough for this to be no chance, are dates such as 20240131 or 202401."""
    for looked_at in (_some(cells), cells):  # Most columns are told by some of their cells.
        present = [cell for cell in looked_at if not is_missing(cell)]
        if len(present) < _NO_CHANCE or not _NUMBER.fullmatch(present[0]):
            return False
        form = _number_form(texts := pd.Series(present, dtype=object))
        if form is None or not moments(form.match(texts)).valid.all():
            return False
    return True


def offset_text(zone: int) -> str:
    """An offset as ISO 8601 has it.

    >>> offset_text(-12600)
    '-03:30'
    """
    minutes = abs(zone) // 60
    return f"{'-' if zone < 0 else '+'}{minutes // 60:02}:{minutes % 60:02}"


def _are_numbers(cells: Sequence[str]) -> bool:
    """Whether most of what a column holds are plain numbers."""
    present = [cell for cell in cells if not is_missing(cell)]
    numbers = sum(_NUMBER.fullmatch(cell.strip().replace(",", ".")) is not None for cell in present)
    return 2 * numbers > len(present)


def _some(cells: Sequence[str]) -> list[str]:
    """Cells spread evenly over a column."""
    places = np.unique(np.linspace(0, len(cells) - 1, _LOOKED_AT).astype(int)) if cells else ()
    return [cells[place] for place in places]


def _best_form(texts: pd.Series) -> Form | None:
    """The form of most cells; None where less than half have any one."""
    some = pd.Series(_some([text for text in texts if not is_missing(text)]), dtype=object)
    if some.empty:
        return None
    counts = [int(form.match(some).notna().any(axis=1).sum()) for form in (*FORMS, TIME_OF_DAY)]
    best = int(np.argmax(counts))
    return (*FORMS, TIME_OF_DAY)[best] if 2 * counts[best] > len(some) else None


def _by_form(texts: pd.Series, form: Form) -> Times:
    parts = form.match(texts)
    if form.example == "2024-01" and _are_quarters(texts, parts):
        parts = parts.rename(columns={"m": "q"})
        form = replace(form, example="2024-1, the quarter last")
    orders = form.readings or {"": ""}
    readings = {order: moments(parts, letters) for order, letters in orders.items()}
    order, why = order_of(texts, readings, form.usual)
    read = readings[order]
    wrong = np.flatnonzero(~read.valid)
    if len(wrong):
        kind = "a date that exists" if parts.iloc[wrong[0]].notna().any() else "a time stamp"
        raise UnreadableTime(int(wrong[0]), f"{kind}, such as {form.shown(order, texts.iloc[0])},")
    if form.example == "Jan 2024":
        _check_years(parts, read)
    dated = form is not TIME_OF_DAY
    timed = " with the time of day" if dated and read.timed else ""
    how = f"as {form.shown(order, texts.iloc[0])}{timed}" + (f", {why}" if why else "")
    return _times(read, how, dated=dated)


def _times(read: Moments, how: str, *, dated: bool) -> Times:
    """The times of cells, all of which are one, in one zone and unit."""
    seconds, zone, about = _in_one_zone(read)
    how = ", ".join(text for text in (how, about, "" if dated else "no dates") if text)
    if read.nanoseconds.any():
        far = np.flatnonzero(np.abs(seconds) >= _MOST_SECONDS)
        if len(far):
            raise UnreadableTime(int(far[0]), "a time from 1678 to 2262, with parts of seconds,")
        values = seconds * 10**9 + read.nanoseconds
        return Times(values, "nanosecond", zone, dated, read.timed, how)
    return Times(seconds, "second", zone, dated, read.timed, how)


def _are_quarters(texts: pd.Series, parts: pd.DataFrame) -> bool:
    """Whether `2023-1` ... `2023-4`, `2024-1` ... are quarters: no month comes after April."""
    several = parts["y"].nunique() > 1 and not texts.str.upper().str.contains("M").any()
    return bool(several and {*parts["m"]} == {*"1234"})


def _check_years(parts: pd.DataFrame, read: Moments) -> None:
    """Refuse `Jan-01`, `Jan-02`, ... `Feb-01`, which are days and no years."""
    number = parts["y"].astype("int64")
    same = (parts["b"] == parts["b"].shift()) & (number == number.shift() + 1)
    unsorted = evenness(read.seconds)[1] > 0
    if number.between(1, 31).all() and unsorted and 2 * int(same.sum()) > len(parts):
        raise UnreadableTime(0, "a year in each time stamp, and not a month and a day alone")


def _in_one_zone(read: Moments) -> tuple[np.ndarray, int | None, str]:
    """Times as one clock shows them, its offset, and what there is to say."""
    offsets = read.offsets
    missing = np.isnan(offsets)
    if missing.all():
        return read.seconds, None, ""
    if missing.any():
        raise UnreadableTime(int(np.flatnonzero(missing)[0]), "an offset, as others have one,")
    found = [int(offset) for offset in np.unique(offsets)]
    if len(found) == 1:
        return read.seconds, found[0], f"offset {offset_text(found[0])}" if found[0] else "in UTC"
    universal = read.seconds - offsets.astype("int64")
    several = f"offsets {', '.join(map(offset_text, found))}"
    told_apart = len(np.unique(read.seconds)) == len(np.unique(universal))
    if told_apart and evenness(read.seconds) < evenness(universal):
        return read.seconds, None, f"local time as written ({several})"
    return universal, 0, f"converted to UTC ({several})"


def _by_format(texts: pd.Series, date_format: str) -> Times:
    parsed = _parsed(texts, date_format)
    wrong = np.flatnonzero(parsed.isna())
    if len(wrong):
        raise UnreadableTime(int(wrong[0]), f"a time stamp as {date_format!r} has it,")
    exact = parsed.to_numpy()
    whole = exact.astype("M8[s]")
    seconds, offsets = whole.astype("int64"), np.full(len(texts), np.nan)
    if "%z" in date_format:
        ends = texts.str.extract(r"(Z|UTC|GMT|[+-]\d{2}:?\d{2})$", expand=False)
        offsets = np.nan_to_num(offsets_of(ends))
        seconds = seconds + offsets.astype("int64")
    read = Moments(
        seconds,
        (exact - whole).astype("m8[ns]").astype("int64"),
        np.ones(len(texts), bool),
        offsets,
        bool((seconds % DAY).any()),
    )
    dated = re.search("%[YyGjmdbBUWVcxDF]", date_format) is not None
    return _times(read, f"as {date_format}", dated=dated)


def _parsed(texts: pd.Series, date_format: str) -> pd.Series:
    """Times in UTC where they have an offset; missing where the format does not fit."""
    try:
        parsed = pd.to_datetime(texts, format=date_format, errors="coerce", utc="%z" in date_format)
    except ValueError as error:
        raise UserError(f"--date-format {date_format!r}: {error}.") from None
    return parsed.dt.tz_localize(None)


def _numbers(texts: pd.Series, days: bool) -> Times:
    """Dates without marks, time since 1970, days of spreadsheets, or plain numbers."""
    wrong = np.flatnonzero(~texts.map(lambda text: _NUMBER.fullmatch(text) is not None))
    if len(wrong):
        raise UnreadableTime(int(wrong[0]), "a number or a date such as 20240131")
    if (form := _number_form(texts)) is not None:
        return _by_form(texts, form)
    whole = texts.str.replace(r"\.0*$", "", regex=True)
    first, fractions = whole.str.partition(".")[0], whole.str.partition(".")[2]
    values = np.array([int(text) for text in first], dtype=object)
    fractional = fractions.to_numpy() != ""
    low, high = values.min(), values.max()
    large = np.flatnonzero(np.abs(values) >= 2**62)
    if len(large):
        raise UnreadableTime(int(large[0]), "a smaller number")
    for name, size, least, end in _EPOCHS:
        if least <= low and high < end and (size == 1 or not fractional.any()):
            parts = fractions.str.ljust(9, "0").str[:9].map(int).to_numpy("int64")
            total = values * (10**9 // size)
            nanoseconds = total.astype("int64") + (parts if size == 1 else 0)
            how = f"{name} since 1970, in UTC"
            if (nanoseconds % 10**9).any():
                return Times(nanoseconds, "nanosecond", how=how)
            return Times(nanoseconds // 10**9, "second", how=how)
    numbers = texts.astype("float64").to_numpy()
    if days and (numbers >= _SHEET_DAYS[0]).all() and (numbers < _SHEET_DAYS[1]).all():
        seconds = np.round((numbers - _SHEET_1970) * DAY).astype("int64")
        how = "days since 1899-12-30, as spreadsheets count"
        return Times(seconds, "second", timed=bool((seconds % DAY).any()), how=how)
    if fractional.any():
        raise UnreadableTime(int(np.flatnonzero(fractional)[0]), "a time stamp or a whole number")
    return Times(values.astype("int64"), "number", how="plain numbers")


def _number_form(texts: pd.Series) -> Form | None:
    """The form of dates without marks, where most cells are such dates."""
    lengths = texts.str.len()
    if lengths.nunique() != 1:
        return None
    for form in NUMBER_FORMS:
        parts = form.match(texts)
        if parts["y"].notna().all():
            years = parts["y"].astype("int64").between(*_YEARS).to_numpy(bool)
            right = int((moments(parts).valid & years).sum())
            few_wrong = form.example in _SURE and 2 * right > len(texts)
            if few_wrong or (right == len(texts) and (right >= _NO_CHANCE or form.example in _FEW)):
                return form
    return None
