"""Tokens and tags in tables with a header (a token a row, as spreadsheets have them) and in JSON
records (lists of tokens and tags)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from recipes.kit.data.facts import Fact, listed
from recipes.kit.data.reading import TextFiles
from recipes.kit.data.rows import csv_rows, is_blank, json_rows
from recipes.kit.errors import DataError
from recipes.ner.sentences import Raw, Row, gather

#: Usual names of columns and fields, the likeliest first.
TOKENS = ("token", "tokens", "word", "words", "form")
TAGS = (
    "ner", "ner_tag", "ner_tags", "tag", "tags", "label", "labels", "entity", "bio", "iob", "upos",
    "pos", "pos_tag", "pos_tags",
)  # fmt: skip

_SENTENCE = re.compile(r"(?:sentences?|sent|sid)(?:[ _#-]*(?:id|idx|index|no|nr|number)?)\.?")


def has_header(line: str) -> bool:
    """Whether a line between tabs or commas names columns of tokens and tags."""
    names = {name.strip(' "').lower() for name in re.split(r"[\t,;]", line)}
    return bool(names & {*TOKENS}) and bool(names & {*TAGS})


def read_table(
    path: Path,
    text: str,
    token_column: int | None,
    tag_column: int | str | None,
    reading: TextFiles,
) -> Raw:
    """A token a row below a header. A sentence ends where the column that numbers sentences holds
    another number (or one at all), or at a blank row.

    Raises:
        DataError: If a column is not there, or nothing separates sentences; names file and line.
    """
    header = text.lstrip("\n").partition("\n")[0]
    if not has_header(header):
        raise DataError(
            path,
            "expected a header that names columns, such as sentence, word and tag, found "
            f"{header[:60]!r}",
            line=1,
        )
    delimiter = next(mark for mark in "\t;," if mark in header)
    rows = csv_rows(path, text, delimiter)
    while is_blank(rows[0][1]):
        del rows[0]
    (_, first), *rows = rows
    names = [name.strip() for name in first]
    small = [name.lower() for name in names]
    token = _column(path, small, token_column, TOKENS)
    tag = _column(path, small, tag_column, TAGS)
    number = next((i for i, name in enumerate(small) if _SENTENCE.fullmatch(name)), None)
    if number is None and not any(is_blank(cells) for _, cells in rows[:-1]):
        raise DataError(
            path,
            "expected a column that numbers sentences, or a blank row after each; found "
            f"{listed(names)}",
            line=1,
        )

    def all_rows() -> Iterator[Row]:
        current = ""
        for line, cells in rows:
            if is_blank(cells):
                yield None
                continue
            if len(cells) != len(names):
                message = f"expected {len(names)} columns, found {len(cells)}"
                yield DataError(path, message, line=line)
                continue
            if number is not None and cells[number].strip() not in ("", current):
                current = cells[number].strip()
                yield None
            word, label = cells[token].strip(), cells[tag].strip()
            if not word or not label:
                yield DataError(path, f"the {'tag' if word else 'token'} is empty", line=line)
            else:
                yield line, word, label

    rest = [repr(name) for i, name in enumerate(names) if i not in (token, tag, number)]
    by = "blank rows end sentences" if number is None else f"sentence {names[number]!r}"
    aside = f"; left aside: {listed(rest)}" if rest else ""
    fact = Fact("columns", f"{by}, token {names[token]!r}, tag {names[tag]!r}{aside}")
    return gather(path, all_rows(), reading, [fact])


def _column(
    path: Path, names: Sequence[str], wanted: int | str | None, usual: Sequence[str]
) -> int:
    if isinstance(wanted, int):
        if -len(names) <= wanted < len(names):
            return wanted % len(names)
    elif found := [names.index(n) for n in ([wanted.lower()] if wanted else usual) if n in names]:
        return found[0]
    raise DataError(path, f"expected a column {wanted!r}, found {listed(names)}", line=1)


def read_json(path: Path, text: str, tag_field: int | str | None, reading: TextFiles) -> Raw:
    """Records with a list of tokens and a list of tags.

    Raises:
        DataError: If there are no such lists, tags are numbers without names, or two lists differ
            in length; names file and line.
    """
    rows: list[Row] = []
    tokens = tags = ""
    for number, record in json_rows(path, text):
        if not tokens:
            tokens = _list_field(path, number, record, TOKENS)
            wanted = TAGS if tag_field is None else (str(tag_field),)
            tags = _list_field(path, number, record, wanted)
        rows.extend(_rows_of(path, number, record.get(tokens), record.get(tags)))
        rows.append(None)
    return gather(path, rows, reading, [Fact("columns", f"tokens {tokens!r}, tags {tags!r}")])


def _list_field(path: Path, line: int, record: dict[str, Any], names: Sequence[str]) -> str:
    name = next((name for name in names if isinstance(record.get(name), list)), None)
    if name is None:
        raise DataError(
            path,
            "expected a list of tokens and a list of tags, such as 'tokens' and 'ner_tags', found "
            f"fields {listed(record)}",
            line=line,
        )
    return name


def _rows_of(path: Path, line: int, tokens: object, tags: object) -> Iterator[Row]:
    if not isinstance(tokens, list) or not isinstance(tags, list) or len(tokens) != len(tags):
        sizes = [len(each) if isinstance(each, list) else "no" for each in (tokens, tags)]
        message = f"expected a tag for each token, found {sizes[0]} tokens and {sizes[1]} tags"
        yield DataError(path, message, line=line)
        return
    for token, tag in zip(tokens, tags, strict=True):
        if not isinstance(tag, str):
            raise DataError(path, f"expected tags by name, such as B-PER, found {tag!r}", line=line)
        yield line, str(token), tag
