"""Rows of text files with line numbers: separated cells, or a JSON object per line."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from recipes.kit.errors import DataError

Row = tuple[int, list[str]]

csv.field_size_limit(2**31 - 1)  # A cell may hold a whole document.


def csv_rows(
    path: Path, text: str, delimiter: str, *, quotes: bool = True, padded: bool = False
) -> list[Row]:
    """Line number and cells of each row, also of those that are empty.

    Cells between tabs may hold quotation marks that mean nothing, as texts do, or be quoted, as
    spreadsheets and data frames write them: they are quoted if the whole file can be read so. Those
    between bars are quoted only if not all rows are of one length otherwise.

    Args:
        path: The file, for messages.
        text: Its content.
        delimiter: The character that separates cells.
        quotes: Whether cells in quotation marks may hold delimiters and line ends.
        padded: Whether blanks may stand before a quotation mark that opens a cell.

    Raises:
        DataError: If it is not CSV; names file and line.
    """
    number = 1
    text = text.replace("\r", " ")  # A carriage return that ends no line.
    if delimiter == "|" and _is_even(plain := [*_read(text, delimiter, quotes=False)]):
        return plain
    try:
        rows = []
        for end, row in _read(text, delimiter, quotes=quotes, padded=padded):
            rows.append((number, row))
            number = end + 1
    except csv.Error as error:
        if delimiter not in "\t|":
            raise DataError(path, f"is not CSV: {error}", line=number) from None
        rows = [*_read(text, delimiter, quotes=False)]
    return rows


def _read(text: str, delimiter: str, *, quotes: bool, padded: bool = False) -> Iterator[Row]:
    """The number of the last line of each row, and its cells."""
    lines = io.StringIO(text)
    if quotes:
        reader = csv.reader(lines, delimiter=delimiter, skipinitialspace=padded, strict=True)
    else:
        reader = csv.reader(lines, delimiter=delimiter, quoting=csv.QUOTE_NONE, strict=True)
    for row in reader:
        yield reader.line_num, row


def _is_even(rows: list[Row]) -> bool:
    """Whether all rows that are not blank have the same number of cells."""
    return len({len(cells) for _, cells in rows if not is_blank(cells)}) == 1


def is_blank(row: list[str]) -> bool:
    """Whether no cell of a row holds anything."""
    return not any(cell.strip() for cell in row)


def json_rows(path: Path, text: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """Line number and object of each line that is not empty.

    Raises:
        DataError: If a line is not a JSON object; names file and line.
    """
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except json.JSONDecodeError as error:
            raise DataError(
                path, f"is not JSON, one object per line: {error.msg}", line=number
            ) from None
        if not isinstance(record, dict):
            raise DataError(path, f"expected a JSON object, found {line[:60]}", line=number)
        yield number, record
