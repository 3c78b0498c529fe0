"""Rows of text files with line numbers: separated cells, or JSON objects."""

from __future__ import annotations

import csv
import io
import itertools
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from recipes.kit.errors import DataError

Row = tuple[int, list[str]]

_OBJECTS = re.compile(r"\s*\[\s*(?:\{|\])")

#: A cell between tabs, or between bars, that stands in quotation marks.
_QUOTED = {
    mark: re.compile(rf'(?:(?<=[{mark}\n])|\A)"((?:[^"]|"")*)"(?=[{mark}\n]|\Z)') for mark in "\t|"
}
_EXPONENT = re.compile(r"(?<=[0-9.])[eE](?=[-+]?[0-9])")
_NOT_TEXT = ("na", "nan", "n/a", "#n/a", "null", "none", "true", "false")

#: Characters that are looked at to find out where quotes stand.
_BEGINNING = 20_000

csv.field_size_limit(2**31 - 1)  # A cell may hold a whole document.


def csv_rows(path: Path, text: str, delimiter: str, *, quotes: bool = True) -> list[Row]:
    """Line number and cells of each row, also of those that are empty.

    Cells between tabs or bars may hold quotation marks that mean nothing, as texts do, or be
    quoted, as spreadsheets and data frames write them: they are quoted if the whole file can be
    read so, and quotes stand where such programs put them (`_are_quotes`).

    Args:
        path: The file, for messages.
        text: Its content.
        delimiter: The character that separates cells.
        quotes: Whether cells in quotation marks may hold delimiters and line ends.

    Raises:
        DataError: If it is not CSV; names file and line.
    """
    number = 1
    text = text.replace("\r", " ")  # A carriage return that ends no line.
    try:
        rows = []
        for end, row in _read(text, delimiter, quotes=quotes):
            rows.append((number, row))
            number = end + 1
    except csv.Error as error:
        if delimiter not in "\t|":
            raise DataError(path, f"is not CSV: {error}", line=number) from None
        return [*_read(text, delimiter, quotes=False)]
    if quotes and delimiter in "\t|" and not _are_quotes(text, delimiter):
        return [*_read(text, delimiter, quotes=False)]
    return rows


def first_rows(text: str, delimiter: str, count: int) -> list[list[str]]:
    """The cells of at most so many rows that are not blank, whether or not they are CSV."""
    rows = (row for _, row in _read(text.replace("\r", " "), delimiter, quotes=True))
    try:
        return [*itertools.islice((row for row in rows if not is_blank(row)), count)]
    except csv.Error:
        lines = itertools.islice((line for line in text.split("\n") if line.strip()), count)
        return [line.split(delimiter) for line in lines]


def _are_quotes(text: str, mark: str) -> bool:
    """Whether the quotation marks around cells between tabs or bars belong to the file and not to a
    text: programs put them where they are needed, or around every text."""
    quoted = _QUOTED[mark].findall(text)
    even = len({line.count(mark) for line in text.split("\n") if line.strip()}) == 1
    if even and any("\n" in cell for cell in quoted):
        return False  # Each line is a row, and the marks of two texts have nothing between them.
    if all(re.search(rf'["{mark}\n]', cell) for cell in quoted):
        return True
    rows = [line for line in _QUOTED[mark].sub("", text).split("\n") if mark in line]
    others = [cell for row in rows[1:] for cell in row.split(mark)]
    words = (_EXPONENT.sub("", cell) for cell in others if cell.lower() not in _NOT_TEXT)
    return not any(re.search(r"[^\W\d]", word) for word in words)


def _read(text: str, delimiter: str, *, quotes: bool) -> Iterator[Row]:
    """The number of the last line of each row, and its cells."""
    lines = io.StringIO(text)
    if quotes:
        padded = _is_padded(text[:_BEGINNING], re.escape(delimiter))
        reader = csv.reader(lines, delimiter=delimiter, skipinitialspace=padded, strict=True)
    else:
        reader = csv.reader(lines, delimiter=delimiter, quoting=csv.QUOTE_NONE, strict=True)
    for row in reader:
        yield reader.line_num, row


def _is_padded(text: str, mark: str) -> bool:
    """Whether blanks stand between a mark and the quotes of a cell, as in `"Month", "1958"`."""
    return re.search(rf'{mark} +"[^"\n]*" *(?:{mark}|\n|\Z)', text) is not None


def is_blank(row: list[str]) -> bool:
    """Whether no cell of a row holds anything."""
    return not any(cell.strip() for cell in row)


def json_rows(path: Path, text: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """Line number and object of each line that is not empty, or of each object of a list.

    Raises:
        DataError: If a line is not a JSON object, or the list is broken; names file and line.
    """
    if _OBJECTS.match(text):
        yield from _listed_objects(path, text)
        return
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except json.JSONDecodeError as error:
            message = f"is not JSON, an object a line or a list of objects: {error.msg}"
            raise DataError(path, message, line=number) from None
        if not isinstance(record, dict):
            raise DataError(path, f"expected a JSON object, found {line[:60]}", line=number)
        yield number, record


def _listed_objects(path: Path, text: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """The objects of a list over several lines, decoded one by one for their line numbers."""
    decoder = json.JSONDecoder()
    place, number = text.index("[") + 1, 1 + text.count("\n", 0, text.index("["))
    while True:
        start = place
        while text[start : start + 1].isspace() or text[start : start + 1] == ",":
            start += 1
        number += text.count("\n", place, start)
        if text[start : start + 1] == "]":
            return
        try:
            record, end = decoder.raw_decode(text, start)
        except json.JSONDecodeError as error:
            line = number + text.count("\n", start, error.pos)
            raise DataError(path, f"is not a JSON list: {error.msg}", line=line) from None
        if not isinstance(record, dict):
            found = json.dumps(record)[:60]
            raise DataError(path, f"expected a JSON object, found {found}", line=number)
        yield number, record
        number += text.count("\n", start, end)
        place = end
