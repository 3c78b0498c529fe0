"""Files of labelled texts, a text a line or a record: `label text`, tables, JSONL and JSON.

Columns are found by their names in a header ("text", "sentence", "review", ...; "label",
"sentiment", ...), else by their contents: the label is the column with the fewest distinct values,
the text the one with the most letters. `--text-column` and `--label-column` override this. A first
row is a header if it has such names, or if its label is not one of any other row.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from recipes.kit.data.facts import Fact, listed
from recipes.kit.data.files import read_text, suffix_of
from recipes.kit.data.reading import TableFiles, TextFiles
from recipes.kit.data.rows import json_rows
from recipes.kit.data.tables import read_table
from recipes.kit.errors import DataError
from recipes.sentiment.columns import LABEL_NAMES, TEXT_NAMES, Wanted, choose, taken
from recipes.sentiment.labels import MARK, LabelledText, Rows, check_labels_repeat
from recipes.sentiment.lines import is_tabbed, read_lines
from recipes.sentiment.options import Config


@dataclass(frozen=True)
class Texts:
    """What a file holds.

    Attributes:
        examples: In their order.
        facts: What was understood of its rows and its labels.
        columns: Which columns or fields were taken; empty for lines `label text`.
        like: The columns of a table, for the other files of a set.
    """

    examples: tuple[LabelledText, ...]
    facts: tuple[Fact, ...] = ()
    columns: str = ""
    like: Wanted | None = None


def read_file(
    path: Path, config: Config, like: Wanted | None = None, *, training: bool = False
) -> Texts:
    """Read one file.

    Args:
        path: `.tsv`, `.csv`, `.jsonl` or `.json` (an object a line, or a list of objects), each
            with or without `.gz`; any other name is read as lines `label text`, or as a table
            where most lines have a tab.
        config: Which columns to take, and how the file is read.
        like: The columns of another table of the same set, if any, instead of those of the config.
        training: Whether labels are learned from it: then they have to look like labels.

    Raises:
        DataError: If the file is malformed or empty, or there is no telling what the labels are;
            names file and line.
    """
    wanted = Wanted(config.text_column, config.label_column)
    text = read_text(path, config)
    if not text.strip():
        raise DataError(path, "holds no text")
    suffix = suffix_of(path)
    if suffix in (".jsonl", ".json", ".ndjson"):
        read = _from_json(path, text, config, wanted)
    elif suffix in (".tsv", ".csv") or is_tabbed(text):
        read = _from_table(path, config, like or wanted)
    else:
        sure = not training or wanted.label is not None
        marked = MARK in text
        where = f"the words marked {MARK}" if marked else "the first words"
        label = f"the word marked {MARK}" if marked else "its first word"
        fact = Fact("columns", f"none: each line is a text, labelled by {label}")
        read = _Read(read_lines(path, text, config, sure=sure), where, facts=(fact,))
    examples = read.rows.examples()
    if training and wanted.label is None:
        check_labels_repeat(path, read.rows, read.where)
    return Texts(examples, (*read.facts, *read.rows.facts()), read.columns, read.like)


class _Read(NamedTuple):
    """Rows of a file, and where they were taken from."""

    rows: Rows
    where: str
    columns: str = ""
    facts: tuple[Fact, ...] = ()
    like: Wanted | None = None


def _from_table(path: Path, reading: TextFiles, wanted: Wanted) -> _Read:
    as_text = TableFiles(encoding=reading.encoding, strict=reading.strict)
    table = read_table(path, as_text, is_header=wanted.names_columns)
    text_at, label_at = choose(table, wanted)
    rows = Rows(path, reading)
    for line, cells in table.rows:
        rows.add(line, cells[text_at], cells[label_at])
    names: Sequence[Any] = table.names if table.header else range(len(table.names))
    text, label = names[text_at], names[label_at]
    facts = tuple(fact for fact in table.facts if fact.topic != "encoding")
    like = Wanted(text, label, table.header)
    return _Read(rows, f"column {label!r}", taken(names, text, label), facts, like)


def _from_json(path: Path, content: str, reading: TextFiles, wanted: Wanted) -> _Read:
    rows = Rows(path, reading, "records")
    names: dict[str, None] = {}
    text = label = ""
    for number, record in json_rows(path, content):
        if not names:
            text = _field(path, number, record, wanted.text, TEXT_NAMES, "text")
            label = _field(path, number, record, wanted.label, LABEL_NAMES, "label")
        names.update(dict.fromkeys(record))
        missing = next((name for name in (text, label) if name not in record), None)
        if missing is None:
            rows.add(number, record[text], record[label])
        else:
            rows.leave_out(number, f"has no field {missing!r}")
    return _Read(rows, f"field {label!r}", taken([*names], text, label))


def _field(
    path: Path,
    number: int,
    record: dict[str, Any],
    wanted: int | str | None,
    usual: Sequence[str],
    what: str,
) -> str:
    names = usual if wanted is None else (str(wanted),)
    by_small = {name.lower(): name for name in record}
    name = next((by_small[n.lower()] for n in names if n.lower() in by_small), None)
    if name is None:
        have = listed(record) or "none"
        raise DataError(
            path,
            f"expected a field {' or '.join(names)} for the {what}, found {have}; "
            f"--{what}-column names it",
            line=number,
        )
    return name
