"""How numbers are written in a table: decimal marks, marks between thousands, signs of units.

The decision is one for a whole file. A mark that is followed by anything but three digits is a
decimal mark; one that stands twice in a number, or before another mark, separates thousands. Where
every mark of a file has three digits behind it, plain numbers in the same column decide: beside 990
and 998, `1.002` is a thousand and two; beside 1 and 2, it is a little more than one.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from recipes.kit.data.reading import TableFiles

#: Ways to write a missing value, in lower case.
_MISSING = {"", "na", "n/a", "#n/a", "nan", "null", "none", "missing", "?", "-", "--", "."}

#: Signs that people write before or behind a number.
SIGNS = "$€£¥₹%"

_SIGN = re.compile(rf"([+-]?)\s*([{SIGNS}])?\s*(.*?)\s*([{SIGNS}])?")
_BLANKS = " \u00a0\u202f"
_NUMBERISH = re.compile(rf"[+-]?(?=[.,]?[0-9])[0-9.,'’{_BLANKS}]*(?:[eE][+-]?[0-9]+)?")
_GROUPS = re.compile(r"[1-9][0-9]{0,2}(?:([.,' ])[0-9]{3})(?:\1[0-9]{3})*")
_NAMES = {".": "point", ",": "comma", "'": "apostrophe", " ": "blank", "": "none"}


def is_missing(cell: str) -> bool:
    """Whether a cell stands for a missing value."""
    return cell.strip().lower() in _MISSING


def without_sign(cell: str) -> tuple[str, str]:
    """A cell without the sign of a unit, and that sign, if any.

    >>> without_sign("$1,200"), without_sign("-€5"), without_sign("38 %"), without_sign("7")
    (('1,200', '$'), ('-5', '€'), ('38', '%'), ('7', ''))
    """
    match = _SIGN.fullmatch(cell.strip())
    if match is None or (match[2] and match[4]):
        return cell, ""
    return match[1] + match[3], match[2] or match[4] or ""


def as_floats(cells: Sequence[str]) -> np.ndarray | None:
    """Finite numbers as Python writes them, float64; None if a cell is anything else.

    >>> as_floats(["1.5", "2e3"]), as_floats(["1,5"])
    (array([1.5e+00, 2.0e+03]), None)
    """
    try:
        values = np.array(cells, "float64")
    except ValueError:
        return None
    plain = np.isfinite(values).all() and not any("_" in cell for cell in cells)
    return values if plain else None


@dataclass(frozen=True)
class Marks:
    """How numbers are written.

    Attributes:
        decimal: `.` or `,`.
        thousands: What separates groups of three digits; empty for nothing.
        guessed: Whether neither the options nor a single number of the file says so.
    """

    decimal: str = "."
    thousands: str = ""
    guessed: bool = field(default=False, compare=False)

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        thousands, decimal = re.escape(self.thousands), re.escape(self.decimal)
        groups = rf"[1-9][0-9]{{0,2}}(?:{thousands}[0-9]{{3}})+|" if self.thousands else ""
        whole = rf"(?:{groups}[0-9]+)(?:{decimal}[0-9]*)?|{decimal}[0-9]+"
        return re.compile(rf"[+-]?(?:{whole})(?:[eE][+-]?[0-9]+)?")

    def plain(self, cell: str) -> str | None:
        """A number as Python writes it; None if it is not a number in this way of writing.

        >>> Marks(",", ".").plain("-1.234,5"), Marks(",", ".").plain("1.23")
        ('-1234.5', None)
        """
        cell = _tidy(cell)
        if not self._pattern.fullmatch(cell):
            return None
        return cell.replace(self.thousands, "").replace(self.decimal, ".")

    def number(self, cell: str) -> float | None:
        """The value of a cell: NaN where it is missing, None where it is not a finite number.

        >>> Marks().number("1.5"), Marks().number("abc"), Marks().number("NA")
        (1.5, None, nan)
        """
        if is_missing(cell):
            return math.nan
        plain = self.plain(without_sign(cell)[0])
        value = None if plain is None else float(plain)
        return value if value is not None and math.isfinite(value) else None

    def __str__(self) -> str:
        thousands = f", thousands {_NAMES[self.thousands]}" if self.thousands else ""
        return f"decimal {_NAMES[self.decimal]}{thousands}"


class UnclearMarks(ValueError):
    """Numbers that may have decimals or thousands; `row` and `column` say where one stands."""

    def __init__(self, row: int, column: int) -> None:
        super().__init__("may be decimals or thousands")
        self.row, self.column = row, column


def find_marks(columns: Sequence[Sequence[str]], reading: TableFiles, *, delimiter: str) -> Marks:
    """How the numbers of a table are written.

    Args:
        columns: The cells of each column.
        reading: Options that decide, where they say something.
        delimiter: What separates cells: between commas, a comma in a number separates thousands.

    Raises:
        UnclearMarks: If there is no telling.
    """
    if reading.decimal or reading.thousands:
        return _given(reading)
    evidence = _Evidence()
    for index, cells in enumerate(columns):
        evidence.add(index, cells)
    return evidence.marks(delimiter)


def _given(reading: TableFiles) -> Marks:
    """The marks of the options; each says what the other can be."""
    named = {"space": " ", "none": "", None: None}
    thousands = named.get(reading.thousands, reading.thousands)
    decimal = reading.decimal or ("," if thousands == "." else ".")
    if thousands is None:
        thousands = "." if decimal == "," else ","
    return Marks(decimal, thousands)


class _Evidence:
    """What the columns of numbers say about their marks."""

    def __init__(self) -> None:
        self._decimal: set[str] = set()
        self._thousands: set[str] = set()
        #: Columns by mark in which every number with the mark has three digits behind it.
        self._unclear: dict[str, list[tuple[int, Sequence[str]]]] = {}

    def add(self, index: int, cells: Sequence[str]) -> None:
        """Take a column into account, if it holds numbers."""
        if as_floats(cells) is not None and any(map(_has_point, cells)):
            self._decimal.add(".")
            return
        present = [_tidy(without_sign(cell)[0]) for cell in cells if not is_missing(cell)]
        numbers = [cell for cell in present if _NUMBERISH.fullmatch(cell)]
        if not numbers or 2 * len(numbers) < len(present):
            return
        either: set[str] = set()
        for cell in {*numbers}:
            marks = re.findall(r"[.,' ]", cell)
            body = re.sub(r"^[+-]|[eE].*", "", cell)
            groups = _GROUPS.fullmatch(body)
            if len({*marks}) == 2 and marks[-1] in ".," and marks.count(marks[-1]) == 1:
                self._decimal.add(marks[-1])
                self._thousands.add(marks[0])
            elif groups and (len(marks) > 1 or marks[0] in "' "):
                self._thousands.add(marks[0])
            elif groups:
                either.add(marks[0])
            elif len(marks) == 1 and marks[0] in ".,":
                self._decimal.add(marks[0])
        for mark in either:
            self._unclear.setdefault(mark, []).append((index, cells))

    def marks(self, delimiter: str) -> Marks:
        """The marks that all columns agree with."""
        if "," in self._decimal and "." not in self._decimal:
            return Marks(",", self._other(","))
        if "." in self._decimal:
            return Marks(".", self._other("."))
        if self._thousands & {".", ","}:
            return Marks("." if "," in self._thousands else ",", self._other(""))
        if not self._unclear:
            return Marks(".", self._other("."))
        if len(self._unclear) == 2:  # One of the two is the decimal mark, and nothing says which.
            raise self._unclear_at(",")
        (mark,) = self._unclear
        if self._thousands:  # Apostrophes or blanks, beside which it is the decimal mark.
            return Marks(mark, self._other(mark))
        votes = {_separates_thousands(cells, mark) for _, cells in self._unclear[mark]} - {None}
        if len(votes) == 1:
            thousands = votes.pop()
        elif mark == "." and not votes:
            thousands = False
        elif mark == "," and delimiter == "," and not votes:
            thousands = True
        else:
            raise self._unclear_at(mark)
        other = {".": ",", ",": "."}[mark]
        return Marks(other, mark, guessed=True) if thousands else Marks(mark, guessed=True)

    def _other(self, decimal: str) -> str:
        """What separates thousands, where the decimal mark is known."""
        seen = (self._thousands | {*self._unclear}) - {decimal}
        return next((mark for mark in ".,' " if mark in seen), "")

    def _unclear_at(self, mark: str) -> UnclearMarks:
        column, cells = self._unclear[mark][0]
        row = next(row for row, cell in enumerate(cells) if mark in cell)
        return UnclearMarks(row, column)


def _has_point(cell: str) -> bool:
    """Whether the point of a plain number cannot separate thousands."""
    return len(cell.lower().partition(".")[2].partition("e")[0]) not in (0, 3)


def _separates_thousands(cells: Sequence[str], mark: str) -> bool | None:
    """Whether a mark with three digits behind it separates thousands, by the size of the plain
    numbers in the same column; None where these do not say."""
    tidied = [_tidy(without_sign(cell)[0]) for cell in cells]
    plain = np.array([abs(int(cell)) for cell in tidied if re.fullmatch(r"[+-]?[0-9]{1,15}", cell)])
    number = re.compile(rf"[+-]?[0-9]+{re.escape(mark)}[0-9]+")
    marked = np.array(
        [abs(float(cell.replace(mark, "."))) for cell in tidied if number.fullmatch(cell)]
    )
    plain = plain[plain > 0]
    if not len(plain):
        return None
    usual, as_decimal = np.median(np.log10(plain)), np.median(np.log10(marked))
    thousands = bool(abs(as_decimal + 3 - usual) < abs(as_decimal - usual))
    # Nobody writes 1000 beside 1.002 if both are whole numbers.
    return None if thousands and plain.max() >= 1000 else thousands


def _tidy(cell: str) -> str:
    """A number with ASCII signs: minus, apostrophe and blank."""
    if cell.isascii():
        return cell.strip()
    return cell.strip().translate({0x2212: "-", 0x2019: "'", 0xA0: " ", 0x202F: " "})
