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


def csv_rows(path: Path, text: str, delimiter: str, *, quotes: bool = True) -> list[Row]:
    """Line number and cells of each row that is not empty.

    Args:
        path: The file, for messages.
        text: Its content.
        delimiter: The character that separates cells.
        quotes: Whether cells in quotation marks may hold delimiters and line ends.

    Raises:
        DataError: If it is not CSV; names file and line.
    """
    reader = csv.reader(
        io.StringIO(text),
        delimiter=delimiter,
        quoting=csv.QUOTE_MINIMAL if quotes else csv.QUOTE_NONE,
        strict=True,
    )
    rows, number = [], 1
    try:
        for row in reader:
            if any(cell.strip() for cell in row):
                rows.append((number, row))
            number = reader.line_num + 1
    except csv.Error as error:
        raise DataError(path, f"is not CSV: {error}", line=number) from None
    return rows


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
