"""Files of labelled texts, a text a line or a record: `label text`, TSV, CSV and JSONL.

Columns are found by their names in a header ("text", "sentence", "review", ...; "label",
"sentiment", ...), else by their contents: the label is the column with the fewest distinct values,
the text the longest one. `--text-column` and `--label-column` override this.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from recipes.kit.data.files import read_text
from recipes.kit.data.rows import Row, csv_rows, is_blank, json_rows
from recipes.kit.errors import DataError
from recipes.sentiment.options import Config

#: Usual names of the column, field or feature that holds the text, the likeliest first.
TEXT_NAMES = (
    "text", "sentence", "review", "content", "comment", "tweet", "document", "body", "phrase",
    "description",
)  # fmt: skip

#: Likewise of the label.
LABEL_NAMES = (
    "label", "sentiment", "class", "category", "polarity", "target", "stars", "rating",
)  # fmt: skip


@dataclass(frozen=True)
class LabelledText:
    """A text and its class."""

    text: str
    label: str


class Texts(NamedTuple):
    """What a file holds.

    Attributes:
        examples: In their order.
        columns: Which columns or fields they were taken from; empty for lines `label text`.
    """

    examples: tuple[LabelledText, ...]
    columns: str = ""


def read_file(path: Path, config: Config) -> Texts:
    """Read one file.

    Args:
        path: `.tsv`, `.csv`, `.jsonl` or `.json` (one object a line), each with or without `.gz`;
            any other name is read as lines `label text`, or as TSV where the first line has a tab.
        config: Which columns to take.

    Raises:
        DataError: If the file is malformed or empty; names file and line.
    """
    text = read_text(path)
    if not text.strip():
        raise DataError(path, "holds no text")
    suffix = Path(path.name.lower().removesuffix(".gz")).suffix
    first = text.partition("\n")[0]
    if suffix in (".jsonl", ".json", ".ndjson"):
        return _from_json(path, text, config)
    if suffix == ".csv":
        delimiter = ";" if first.count(";") > first.count(",") else ","
        return _from_columns(
            path, [r for r in csv_rows(path, text, delimiter) if not is_blank(r[1])], config
        )
    if suffix == ".tsv" or "\t" in first:
        return _from_columns(path, [(n, line.split("\t")) for n, line in _lines(text)], config)
    return Texts(tuple(_from_line(path, number, line) for number, line in _lines(text)))


def _lines(text: str) -> list[tuple[int, str]]:
    return [(n, line) for n, line in enumerate(text.split("\n"), start=1) if line.strip()]


def _from_line(path: Path, number: int, line: str) -> LabelledText:
    label, _, text = line.strip().partition(" ")
    if not text.strip():
        raise DataError(path, f"expected `label text`, found {line.strip()!r}", line=number)
    # The prefix is fastText's.
    return LabelledText(text.strip(), label.removeprefix("__label__"))


def _from_columns(path: Path, rows: list[Row], config: Config) -> Texts:
    width = len(rows[0][1])
    for number, row in rows:
        if len(row) != width:
            raise DataError(path, f"expected {width} columns, found {len(row)}", line=number)
    if width < 2:
        raise DataError(
            path, f"expected a text and a label column, found one: {rows[0][1][0]!r}", line=1
        )
    header = _header(rows[0][1], config)
    body = rows[1:] if header else rows
    if not body:
        raise DataError(path, "holds a header and no text")
    cells = [row for _, row in body]

    def length(column: int) -> int:
        return sum(len(row[column]) for row in cells)

    label = _column(path, config.label_column, header, LABEL_NAMES, width)
    text = _column(path, config.text_column, header, TEXT_NAMES, width)
    if label is None:
        others = [c for c in range(width) if c != text]
        label = min(others, key=lambda c: (len({row[c] for row in cells}), length(c)))
    if text is None:
        others = [c for c in range(width) if c != label]
        text = max(others, key=length)
    if text == label:
        raise DataError(path, f"text and label are the same column, {text}")
    examples = tuple(_example(path, number, row[text], row[label]) for number, row in body)
    return Texts(examples, _taken(header or range(width), text, label))


def _header(cells: Sequence[str], config: Config) -> list[str] | None:
    """The first row, if it names columns."""
    names = [cell.strip().lower() for cell in cells]
    wanted = {c.lower() for c in (config.text_column, config.label_column) if isinstance(c, str)}
    known = wanted or {*TEXT_NAMES, *LABEL_NAMES}
    return names if known & {*names} else None


def _column(
    path: Path,
    wanted: int | str | None,
    header: list[str] | None,
    usual: Sequence[str],
    width: int,
) -> int | None:
    """The place of the wanted column, or of the first usual one; None if the contents decide."""
    if isinstance(wanted, int):
        if not -width <= wanted < width:
            raise DataError(path, f"has {width} columns, none of them is number {wanted}")
        return wanted % width
    if isinstance(wanted, str):
        if header is None or wanted.lower() not in header:
            have = "no header" if header is None else ", ".join(header)
            raise DataError(path, f"expected a column {wanted!r}, found {have}", line=1)
        return header.index(wanted.lower())
    if header is None:
        return None
    return next((header.index(name) for name in usual if name in header), None)


def _taken(names: Sequence[str | int], text: int, label: int) -> str:
    """Which columns were taken, for a person."""
    rest = [repr(name) for place, name in enumerate(names) if place not in (text, label)]
    taken = f"text {names[text]!r}, label {names[label]!r}"
    return taken + (f"; left out: {', '.join(rest)}" if rest else "")


def _from_json(path: Path, text: str, config: Config) -> Texts:
    examples = []
    keys: tuple[str, str] | None = None
    for number, record in json_rows(path, text):
        keys = keys or (
            _field(path, number, record, config.text_column, TEXT_NAMES, "text"),
            _field(path, number, record, config.label_column, LABEL_NAMES, "label"),
        )
        for key in keys:
            if record.get(key) is None:
                raise DataError(path, f"has no field {key!r}", line=number)
        value, label = (record[key] for key in keys)
        label = json.dumps(label) if isinstance(label, bool) else str(label)
        examples.append(_example(path, number, str(value), label))
    return Texts(tuple(examples), "text {!r}, label {!r}".format(*keys) if keys else "")


def _field(
    path: Path,
    number: int,
    record: dict[str, Any],
    wanted: int | str | None,
    usual: Sequence[str],
    what: str,
) -> str:
    names = usual if wanted is None else (str(wanted),)
    name = next((name for name in names if name in record), None)
    if name is None:
        have = ", ".join(record) or "none"
        raise DataError(
            path, f"expected a field {' or '.join(names)} for the {what}, found {have}", line=number
        )
    return name


def _example(path: Path, number: int, text: str, label: str) -> LabelledText:
    text, label = " ".join(text.split()), label.strip()
    if not text:
        raise DataError(path, "the text is empty", line=number)
    if not label:
        raise DataError(path, "the label is empty", line=number)
    return LabelledText(text, label)
