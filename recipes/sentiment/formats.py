"""Files of labelled texts, a text a line or a record: `label text`, TSV, CSV and JSONL.

Columns are found by their names in a header ("text", "sentence", "review", ...; "label",
"sentiment", ...), else by their contents: the label is the column with the fewest distinct values,
the text the longest one. `Columns` says otherwise.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from recipes.kit.data.rows import Row, csv_rows, json_rows
from recipes.kit.data.source import read_text
from recipes.kit.errors import DataError

_TEXT = ("text", "sentence", "review", "content", "comment", "tweet", "document", "body", "phrase")
_LABEL = ("label", "sentiment", "class", "category", "polarity", "target", "stars", "rating")

Column = int | str | None


@dataclass(frozen=True)
class LabelledText:
    """A text and its class."""

    text: str
    label: str


@dataclass(frozen=True)
class Columns:
    """Which column or field holds what: a number from 0 (-1 is the last), a name, or None."""

    text: Column = None
    label: Column = None


BY_NAME = Columns()
"""Columns are found by their names or contents."""


def read_file(path: Path, columns: Columns = BY_NAME) -> tuple[LabelledText, ...]:
    """The examples of one file.

    Args:
        path: `.tsv`, `.csv`, `.jsonl` or `.json` (one object a line), each with or without `.gz`;
            any other name is read as lines `label text`, or as TSV where the first line has a tab.
        columns: which columns to take.

    Raises:
        DataError: the file is malformed or empty; names file and line.
    """
    text = read_text(path)
    if not text.strip():
        raise DataError(path, "holds no text")
    suffix = Path(path.name.lower().removesuffix(".gz")).suffix
    if suffix in (".jsonl", ".json", ".ndjson"):
        examples = _from_json(path, text, columns)
    elif suffix == ".csv":
        first = text.partition("\n")[0]
        delimiter = ";" if first.count(";") > first.count(",") else ","
        examples = _from_columns(path, csv_rows(path, text, delimiter), columns)
    elif suffix == ".tsv" or "\t" in text.partition("\n")[0]:
        rows = [(n, line.split("\t")) for n, line in _lines(text)]
        examples = _from_columns(path, rows, columns)
    else:
        examples = _from_lines(path, text)
    return tuple(examples)


def _lines(text: str) -> list[tuple[int, str]]:
    return [(n, line) for n, line in enumerate(text.split("\n"), start=1) if line.strip()]


def _from_lines(path: Path, text: str) -> list[LabelledText]:
    examples = []
    for number, line in _lines(text):
        label, _, rest = line.strip().partition(" ")
        if not rest.strip():
            raise DataError(path, f"expected `label text`, found {line.strip()!r}", line=number)
        # fastText marks its labels so.
        examples.append(LabelledText(rest.strip(), label.removeprefix("__label__")))
    return examples


def _from_columns(path: Path, rows: list[Row], columns: Columns) -> list[LabelledText]:
    width = len(rows[0][1])
    for number, row in rows:
        if len(row) != width:
            raise DataError(path, f"expected {width} columns, found {len(row)}", line=number)
    if width < 2:
        raise DataError(
            path, f"expected a text and a label column, found one: {rows[0][1][0]!r}", line=1
        )
    header = _header(rows[0][1], columns)
    body = rows[1:] if header else rows
    if not body:
        raise DataError(path, "holds a header and no text")
    cells = [row for _, row in body]

    def length(column: int) -> int:
        return sum(len(row[column]) for row in cells)

    label = _column(path, columns.label, header, _LABEL, width)
    text = _column(path, columns.text, header, _TEXT, width)
    if label is None:
        others = [c for c in range(width) if c != text]
        label = min(others, key=lambda c: (len({row[c] for row in cells}), length(c)))
    if text is None:
        others = [c for c in range(width) if c != label]
        text = max(others, key=length)
    if text == label:
        raise DataError(path, f"text and label are the same column, {text}")
    return [_example(path, number, row[text], row[label]) for number, row in body]


def _header(cells: Sequence[str], columns: Columns) -> list[str] | None:
    """The first row, if it names columns."""
    names = [cell.strip().lower() for cell in cells]
    wanted = {c.lower() for c in (columns.text, columns.label) if isinstance(c, str)}
    known = set(_TEXT) | set(_LABEL)
    found = wanted & {*names} if wanted else known & {*names}
    return names if found else None


def _column(
    path: Path, given: Column, header: list[str] | None, names: Sequence[str], width: int
) -> int | None:
    if isinstance(given, int):
        if not -width <= given < width:
            raise DataError(path, f"has {width} columns, none of them is number {given}")
        return given % width
    if isinstance(given, str):
        if header is None or given.lower() not in header:
            have = "no header" if header is None else ", ".join(header)
            raise DataError(path, f"expected a column {given!r}, found {have}", line=1)
        return header.index(given.lower())
    if header is None:
        return None
    return next((header.index(name) for name in names if name in header), None)


def _from_json(path: Path, text: str, columns: Columns) -> list[LabelledText]:
    examples = []
    keys: tuple[str, str] | None = None
    for number, record in json_rows(path, text):
        keys = keys or (
            _field(path, number, record, columns.text, _TEXT, "text"),
            _field(path, number, record, columns.label, _LABEL, "label"),
        )
        for key in keys:
            if record.get(key) is None:
                raise DataError(path, f"has no field {key!r}", line=number)
        examples.append(_example(path, number, str(record[keys[0]]), _shown(record[keys[1]])))
    return examples


def _shown(label: Any) -> str:
    return json.dumps(label) if isinstance(label, bool) else str(label)


def _field(
    path: Path, number: int, record: dict[str, Any], given: Column, names: Sequence[str], what: str
) -> str:
    wanted = names if given is None else (str(given),)
    found = next((name for name in wanted if name in record), None)
    if found is None:
        have = ", ".join(record) or "none"
        raise DataError(
            path,
            f"expected a field {' or '.join(wanted)} for the {what}, found {have}",
            line=number,
        )
    return found


def _example(path: Path, number: int, text: str, label: str) -> LabelledText:
    text, label = " ".join(text.split()), label.strip()
    if not text:
        raise DataError(path, "the text is empty", line=number)
    if not label:
        raise DataError(path, "the label is empty", line=number)
    return LabelledText(text, label)
