"""Texts a line: `label text`, lines that fastText reads, and files that hold one class each."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from recipes.kit.data.facts import shortened
from recipes.kit.data.files import read_text, suffix_of
from recipes.kit.data.reading import TextFiles
from recipes.kit.errors import DataError
from recipes.sentiment.labels import MARK, Rows

#: Endings of names of files that hold more than texts.
TABLES = (".tsv", ".csv", ".jsonl", ".json", ".ndjson")

#: First words of lines are labels if there are at most so many kinds of them for each line.
_FEW = 1 / 20

#: Words in names of files that can only be classes.
_CLASSES = {"pos", "neg", "neu", "positive", "negative", "neutral", "spam", "ham"}

#: What a label looks like: no bracket, quotation mark or comma.
_NAME = re.compile(r"[\w+.:/#-]+")

_NUMBER = re.compile(r"[+-]?[0-9]+(?:\.[0-9]+)?")


def is_tabbed(text: str) -> bool:
    """Whether most lines hold a tab."""
    lines = [line for line in text.split("\n") if line.strip()]
    return 2 * sum("\t" in line for line in lines) > len(lines)


def read_lines(path: Path, text: str, reading: TextFiles, *, sure: bool) -> Rows:
    """Rows of lines that begin with their label, or hold one that is marked as fastText does.

    Args:
        path: The file.
        text: Its content.
        reading: With `strict`, no line is left out.
        sure: Whether it is known that lines begin with a label.

    Raises:
        DataError: If first words are no labels, as far as can be seen, or a line has two labels.
    """
    rows = Rows(path, reading, "lines")
    lines = [*enumerate(text.rstrip().split("\n"), start=1)]
    marked = MARK in text
    if not marked and not sure and not _begin_with_labels([line for _, line in lines]):
        first = next(n for n, line in lines if line.strip())
        raise DataError(
            path,
            f"expected `label text`, found {shortened(lines[first - 1][1])!r}: a label is a number,"
            " is marked `__label__`, or is one of few words (a twentieth of the lines) that repeat;"
            " --label-column 0 takes the first word, and labels in a column of their own need tabs"
            " or a file called .csv or .jsonl",
            line=first,
        )
    for number, line in lines:
        if not line.strip():
            rows.leave_out(number, "is blank")
        elif marked:
            _add_marked(rows, number, line)
        else:
            label, _, rest = line.strip().partition(" ")
            rows.add(number, rest, label)
    return rows


def _add_marked(rows: Rows, number: int, line: str) -> None:
    """Take a line with `__label__LABEL` somewhere in it."""
    words = line.split()
    labels = [word for word in words if word.startswith(MARK)]
    if len(labels) > 1:
        raise DataError(
            rows.path,
            f"has {len(labels)} labels, {' and '.join(labels[:2])}; expected one class for each "
            "text, as several at once are not supported",
            line=number,
        )
    text = " ".join(word for word in words if not word.startswith(MARK))
    rows.add(number, text, labels[0] if labels else None)


def _begin_with_labels(lines: Sequence[str]) -> bool:
    """Whether first words are labels: numbers, or few that repeat."""
    firsts = [line.split(maxsplit=1)[0] for line in lines if line.strip()]
    if all(map(_NUMBER.fullmatch, firsts)):
        return True
    return all(map(_NAME.fullmatch, firsts)) and 1 < len({*firsts}) <= _FEW * len(firsts)


def class_files(paths: Sequence[Path], reading: TextFiles) -> Mapping[str, Path] | None:
    """The class of each of several files that hold one: `reviews.pos` and `reviews.neg`, `pos.txt`
    and `neg.txt`. Their names differ in one word; None where files have labels of their own."""
    names = [re.split(r"[._ -]+", path.name.removesuffix(".gz")) for path in paths]
    if len(paths) < 2 or len({*map(len, names)}) != 1:
        return None
    differ = [place for place, words in enumerate(zip(*names, strict=True)) if len({*words}) > 1]
    if len(differ) != 1:
        return None
    classes = {name[differ[0]]: path for name, path in zip(names, paths, strict=True)}
    if len(classes) != len(paths):
        return None
    for path in paths:
        if suffix_of(path) in TABLES:
            return None
        text = read_text(path, reading)
        lines = [line for line in text.split("\n") if line.strip()]
        if len(lines) < 2 or is_tabbed(text) or MARK in text:
            return None
        if _begin_with_labels(lines) and not {*map(str.lower, classes)} <= _CLASSES:
            return None
    return classes


def read_class_file(path: Path, label: str, reading: TextFiles) -> Rows:
    """Rows of a file in which each line is a text of one class."""
    rows = Rows(path, reading, "lines")
    for number, line in enumerate(read_text(path, reading).rstrip().split("\n"), start=1):
        rows.add(number, line, label)
    return rows
