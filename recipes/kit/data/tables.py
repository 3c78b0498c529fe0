"""The one reader of tables: text files of rows and columns, and how they were understood.

`read_table` splits a file into cells with their line numbers, decides whether its first row is a
header, and leaves out the few rows that do not fit. How its numbers are written is decided for the
whole file (`recipes.kit.data.marks`). Each decision is a fact to show, and an option overrides it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from recipes.kit.data.facts import Fact
from recipes.kit.data.files import encoding_fact, read_text, suffix_of
from recipes.kit.data.left_out import LeftOut
from recipes.kit.data.marks import (
    SIGNS,
    Marks,
    UnclearMarks,
    as_floats,
    find_marks,
    is_missing,
    without_sign,
)
from recipes.kit.data.reading import AS_FOUND, TableFiles
from recipes.kit.data.rows import Row, csv_rows, is_blank
from recipes.kit.data.separators import DELIMITERS, LOOKED_AT, separator_of
from recipes.kit.errors import DataError

#: A year, perhaps with a month and a day behind it.
_DATE = re.compile("(?:1[5-9]|20)[0-9]{2}(?:[01][0-9](?:[0-3][0-9])?)?")

#: What pandas calls a column without a name.
_UNNAMED = re.compile("Unnamed: [0-9]+")

#: Files of tables that are not text.
_NOT_TEXT = {
    **dict.fromkeys((".xlsx", ".xls", ".xlsm", ".ods"), "a spreadsheet"),
    **dict.fromkeys((".parquet", ".feather", ".arrow"), "a binary table"),
}

#: How spreadsheets say what separates the cells below.
_TOLD = re.compile("sep=(.)(?=\n)", re.IGNORECASE)

#: What follows a mark that is no part of a cell, such as the name `#Passengers`.
_COMMENT = re.compile(r"(?:^|(?<=\s))#.*")

IsHeader = Callable[[Sequence[str], Sequence[Row]], bool]


@dataclass(frozen=True)
class Table:
    """Cells of a file.

    Attributes:
        path: The file.
        names: Names of the columns in the header, or `column 0`, `column 1`, ...
        header: Whether there is a header.
        rows: Line number and cells of each row below the header, without blanks at their ends.
        delimiter: What separates cells; a blank stands for any number of blanks.
        reading: How it was read.
        facts: What was understood, but for the numbers.
    """

    path: Path
    names: tuple[str, ...]
    header: bool
    rows: tuple[Row, ...]
    delimiter: str
    reading: TableFiles
    facts: tuple[Fact, ...]

    def column(self, index: int) -> list[str]:
        """The cells of a column; empty where a row of a ragged table ends before it."""
        if index not in self._columns:
            self._columns[index] = [
                cells[index] if index < len(cells) else "" for _, cells in self.rows
            ]
        return self._columns[index]

    @cached_property
    def _columns(self) -> dict[int, list[str]]:
        """The columns that were asked for so far."""
        return {}

    def index(self, name: str) -> int:
        """The column of a name, or of a number from 0 that is not a name.

        Raises:
            DataError: If there is none.
        """
        if name in self.names:
            return self.names.index(name)
        if name.isdecimal() and int(name) < len(self.names):
            return int(name)
        have = ", ".join(map(repr, self.names[:20]))
        raise DataError(self.path, f"expected a column {name!r}, found {have}", line=1)

    def find(self, usual: Sequence[str]) -> int | None:
        """The first column with one of the usual names, in small letters, the likeliest first."""
        small = [name.lower() for name in self.names] if self.header else []
        return next((small.index(name) for name in usual if name in small), None)

    def unnamed(self, index: int) -> bool:
        """Whether a column under a header has no name, as data frames write their index."""
        name = self.names[index]
        return self.header and (name == f"column {index}" or bool(_UNNAMED.fullmatch(name)))

    @cached_property
    def marks(self) -> Marks:
        """How numbers are written in this file.

        Raises:
            DataError: If there is no telling; names the line, and the options that decide.
        """
        columns = [self.column(index) for index in range(len(self.names))]
        try:
            return find_marks(columns, self.reading, delimiter=self.delimiter)
        except UnclearMarks as error:
            line, cells = self.rows[error.row]
            raise DataError(
                self.path,
                f"{cells[error.column]!r} in column {self.names[error.column]!r} may have decimals "
                "or thousands; --decimal or --thousands says which mark is which",
                line=line,
            ) from None

    def is_numeric(self, index: int) -> bool:
        """Whether more than half of what a column holds are numbers; else it holds text."""
        column = self.column(index)
        if as_floats(column) is not None:
            return True
        present = [cell for cell in column if not is_missing(cell)]
        return 2 * sum(self.marks.number(cell) is not None for cell in present) > len(present)

    def numbers(self, index: int) -> np.ndarray:
        """The numbers of a column, float64, NaN where one is missing.

        Raises:
            DataError: If a cell is not a number; names file, line, column and cell.
        """
        import pandas as pd

        column = self.column(index)
        if self.marks.decimal == "." and (plain_numbers := as_floats(column)) is not None:
            return plain_numbers
        cells = pd.Series(column, dtype=object)
        missing = cells.map(is_missing)
        plain = cells.map(lambda cell: self.marks.plain(without_sign(cell)[0]))
        values = pd.to_numeric(plain.mask(missing), errors="coerce").to_numpy("float64")
        wrong = np.flatnonzero(~missing.to_numpy(bool) & ~np.isfinite(values))
        if len(wrong):
            row = int(wrong[0])
            message = f"expected a number in column {self.names[index]!r}"
            raise self.error(row, f"{message} ({self.marks}), found {cells[row]!r}")
        return values

    def sign(self, index: int) -> str:
        """The sign of a unit in the cells of a column, `$` or `%`; empty if there is none.

        Raises:
            DataError: If some have one sign, and others another or none.
        """
        signs: dict[str, int] = {}
        column = self.column(index)
        if not {*SIGNS} & {*"".join(column)}:
            return ""
        for row, cell in enumerate(column):
            if not is_missing(cell) and self.marks.number(cell) not in (None, 0.0):
                signs.setdefault(without_sign(cell)[1], row)
        if len(signs) > 1:
            first, second = [*signs.items()][:2]
            shown = " and ".join(repr(sign) if sign else "no sign" for sign, _ in (first, second))
            message = f"column {self.names[index]!r} has {shown}; expected one unit"
            raise self.error(max(first[1], second[1]), message)
        return next(iter(signs), "")

    def numbers_facts(self, columns: Sequence[int]) -> list[Fact]:
        """How the numbers of columns were read, where that is not plain."""
        facts = []
        if self.marks != Marks() or self.marks.guessed:
            why = " (--decimal and --thousands decide otherwise)" if self.marks.guessed else ""
            facts.append(Fact("numbers", f"{self.marks}{why}"))
        signs = {self.names[i]: sign for i in columns if (sign := self.sign(i))}
        units = [f"{n} in {'percent' if sign == '%' else sign}" for n, sign in signs.items()]
        return [*facts, Fact("units", ", ".join(units))] if units else facts

    def error(self, row: int, message: str) -> DataError:
        """An error about a row; the last one may be a sum, if it begins with a word."""
        line, cells = self.rows[row]
        if row == len(self.rows) - 1 and re.fullmatch(r"[^\d]+", cells[0]):
            message += f", in the last row, which begins {cells[0]!r}: remove it if it is a sum"
        return DataError(self.path, message, line=line)


def read_table(
    path: Path,
    reading: TableFiles = AS_FOUND,
    *,
    is_header: IsHeader | None = None,
    delimiter: str | None = None,
    blanks: bool = False,
    ragged: bool = False,
    comments: bool = False,
) -> Table:
    """Read a table, gzipped or not.

    Args:
        path: Cells separated by tabs, semicolons, bars or commas, whichever most rows agree on;
            tabs in a file called `.tsv`.
        reading: The encoding and marks of numbers; with `strict`, no row is left out.
        is_header: Whether a first row names the columns of the rows after it; by default whether
            `names_columns`.
        delimiter: What separates cells, where it is known.
        blanks: Whether numbers may be separated by blanks as well.
        ragged: Whether rows may differ in their number of cells.
        comments: Whether `#` begins a comment, first in a line or after a blank.

    Raises:
        DataError: If the file is empty, not text or not CSV, too many rows are blank or of another
            width, or two columns have the same name; names file and line.
    """
    if kind := _NOT_TEXT.get(suffix_of(path)):
        raise DataError(path, f"is {kind}; expected text: save it as CSV")
    text = read_text(path, reading)
    if comments:
        text = "\n".join(_COMMENT.sub("", line) for line in text.split("\n"))
    told = _TOLD.match(text)
    if told:
        delimiter, text = told[1], text[told.end(1) :]  # The lines keep their numbers.
    if delimiter is None:
        delimiter = separator_of(path, text, reading, blanks=blanks)
    if delimiter == " ":
        rows = [(number, line.split()) for number, line in enumerate(text.split("\n"), start=1)]
    else:
        rows = csv_rows(path, text, delimiter or "\0")
    rows = [(line, [cell.strip() for cell in cells]) for line, cells in rows]
    while rows and is_blank(rows[-1][1]):
        del rows[-1]
    if comments:
        rows = [row for row in rows if not is_blank(row[1])]
    while rows and is_blank(rows[0][1]):
        del rows[0]
    if not rows:
        raise DataError(path, "holds no values; expected a table")
    left_out = LeftOut("rows", reading)
    is_header = is_header or names_columns
    if not ragged:
        rows = _with_whole_header(path, rows, is_header)
    rows = _even(path, rows, left_out, ragged=ragged)
    first, body = rows[0][1], rows[1:]
    header = is_header(first, body)
    if header and not body:
        raise DataError(path, "holds a header and no values", line=rows[0][0])
    width = max(len(cells) for _, cells in rows)
    first = [*first, *[""] * (width - len(first))]
    names = [cell if header and cell else f"column {index}" for index, cell in enumerate(first)]
    for index, name in enumerate(names):
        if name in names[:index]:
            raise DataError(path, f"two columns are named {name!r}", line=rows[0][0])
    table = body if header else rows
    by = "" if width == 1 else f", separated by {DELIMITERS.get(delimiter, 'blanks')}"
    below = "below a header" if header else "without a header"
    size = Fact("table", f"{path.name}: {len(table):,} rows {below}, {_columns(width)}{by}")
    facts = (size, *encoding_fact([path], reading), *left_out.facts())
    return Table(path, tuple(names), header, tuple(table), delimiter, reading, facts)


def names_columns(first: Sequence[str], body: Sequence[Row]) -> bool:
    """Whether a first row is a header: a cell of it is not a number but most of those below are; or
    text stands below numbers that count up or are years or dates in their order.

    Args:
        first: Cells of the row.
        body: The rows below.
    """
    if not body:
        return not any(map(_is_number, first))
    below = body[0][1]
    named = any(not is_missing(cell) and not _is_number(cell) for cell in first)
    for index, cell in enumerate(first):
        column = [cells[index] for _, cells in body[:LOOKED_AT] if index < len(cells)]
        present = [value for value in column if not is_missing(value)]
        numbers = bool(present) and 2 * sum(map(_is_number, present)) >= len(present)
        # An index has no name; but neither has a row of numbers that begins with a missing one.
        if numbers and not _is_number(cell) and (named if not cell else not is_missing(cell)):
            return True
    counting = [cell for cell in first if re.fullmatch("[0-9]+", cell)]
    gaps = np.diff([float(cell) for cell in counting])
    dates = all(map(_DATE.fullmatch, counting)) and len({*np.sign(gaps)}) == 1
    return (
        len(counting) > 2
        and (dates or len({*gaps}) == 1)
        and not _is_number(first[0])
        and not _is_number(below[0])
        and below[1:] != first[1:]
    )


def _is_number(cell: str) -> bool:
    """Whether a cell is a number in any way of writing, negative ones of accounts among them."""
    tidy = without_sign(cell.strip("()").rstrip("-"))[0]
    ways = (Marks(".", ","), Marks(",", "."), Marks(".", "'"), Marks(",", " "))
    return not is_missing(cell) and any(way.plain(tidy) is not None for way in ways)


def _columns(width: int) -> str:
    return "1 column" if width == 1 else f"{width:,} columns"


def _with_whole_header(path: Path, rows: list[Row], is_header: IsHeader) -> list[Row]:
    """The rows, the first with an empty cell for a column that it does not name: the one of the
    names of rows, as R writes them, or an empty one behind the last.

    Raises:
        DataError: If the first row seems to name columns, but others than there are.
    """
    (line, first), body, width = rows[0], rows[1:], _width(rows)
    even = [row for row in body if len(row[1]) == width]
    if len(first) == width or sum(map(bool, first)) < 2 or any(map(_is_number, first)):
        return rows
    if is_header(even[0][1], even[1:]):
        return rows  # What stands above the header is a title.
    ends_empty = all(not cells[-1] for _, cells in even)
    whole = [*first, ""] if ends_empty else ["", *first]
    if not is_header([*whole, *[""] * width][:width], even):
        return rows
    if len(whole) == width:
        return [(line, whole), *body]
    message = f"names {_columns(len(first))}, but the rows below have {_columns(width)}"
    raise DataError(path, message, line=line)


def _width(rows: Sequence[Row]) -> int:
    """The number of cells of most rows."""
    widths = Counter(len(cells) for _, cells in rows if not is_blank(cells))
    return max(widths, key=lambda each: widths[each])


def _even(path: Path, rows: list[Row], left_out: LeftOut, *, ragged: bool) -> list[Row]:
    """The rows that are not blank and as wide as most; the others are left out."""
    width = _width(rows)
    kept = []
    for line, cells in rows:
        if is_blank(cells):
            left_out.add(DataError(path, "is blank", line=line))
        elif len(cells) != width and not ragged:
            message = f"expected {_columns(width)}, found {len(cells)}"
            left_out.add(DataError(path, message, line=line))
        else:
            kept.append((line, cells))
    left_out.check(kept)
    return kept
