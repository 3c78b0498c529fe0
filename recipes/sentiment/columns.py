"""Which columns of a table hold the texts and their labels: as asked for, else by their names in a
header, else by their contents."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass
from pathlib import Path

from recipes.kit.data.facts import listed
from recipes.kit.data.rows import Row
from recipes.kit.data.tables import Table
from recipes.kit.errors import DataError

#: Usual names of the column, field or feature that holds the text, the likeliest first.
TEXT_NAMES = (
    "text", "sentence", "review", "content", "comment", "tweet", "document", "body", "phrase",
    "description",
)  # fmt: skip

#: Likewise of the label.
LABEL_NAMES = (
    "label", "sentiment", "class", "category", "polarity", "target", "stars", "rating",
)  # fmt: skip

#: A column may hold labels if it has at most so many different values, and at most so many for
#: each row.
_MOST, _FEW = 100, 1 / 5

#: Share of labels that may be there only once where those of the other rows repeat.
_ONCE = 1 / 20

#: How columns call the parts of a data set.
_PARTS = {"train", "training", "valid", "validation", "val", "dev", "test", "eval"}

#: So many rows with the same value below another one are no chance.
_NO_CHANCE = 10

#: Words of a column's name.
_WORDS = 3

#: Rows that are looked at to find the texts.
_SAMPLE = 1000

_NUMBER = re.compile(r"[+-]?[0-9]+(?:\.[0-9]+)?")


@dataclass(frozen=True)
class Wanted:
    """Columns that were asked for, or found in another file of the same set.

    Attributes:
        text: Number or name of the texts' column; None leaves it open.
        label: Likewise of the labels'.
        header: Whether there is a header; None leaves it open.
    """

    text: int | str | None = None
    label: int | str | None = None
    header: bool | None = None

    def names_columns(self, first: Sequence[str], body: Sequence[Row]) -> bool:
        """Whether a first row is a header: it holds a name that was asked for, or a usual one; or
        what it has for a label is no label of the rows below."""
        names = {cell.lower() for cell in first}
        asked = {name.lower() for name in (self.text, self.label) if isinstance(name, str)}
        if self.header is not None and not asked:
            return self.header
        if asked:
            return bool(asked & names)
        if any(_last_word(name) in (*TEXT_NAMES, *LABEL_NAMES) for name in names):
            return True
        if not body or len(first) < 2:
            return False
        cells = [row for _, row in body]
        if len(cells) >= _NO_CHANCE and any(_stands_above_one_value(first, cells)):
            return True
        label = self.label if isinstance(self.label, int) else _fewest(cells, self.text)
        below = Counter(row[label] for row in cells)
        if first[label] in below:
            return False
        if all(map(_NUMBER.fullmatch, below)):
            return not _NUMBER.fullmatch(first[label])
        once = sum(count == 1 for count in below.values())
        return len(below) > 1 and once <= _ONCE * len(body) and 2 * len(below) <= len(body)


def choose(table: Table, wanted: Wanted) -> tuple[int, int]:
    """The columns of texts and labels.

    Raises:
        DataError: If there is no such column, or no telling which one it is.
    """
    path, width = table.path, len(table.names)
    if width < 2:
        found = table.names[0] if table.header else table.rows[0][1][0]
        message = f"expected a text and a label column, found one: {found!r}"
        raise DataError(path, message, line=1)
    label = _place(table, wanted.label, LABEL_NAMES, wanted.header)
    text = _place(table, wanted.text, TEXT_NAMES, wanted.header)
    cells = [row for _, row in table.rows]
    if label is None:
        label = _fewest(cells, text)
        _check_the_only_one(path, table, label, text)
    if text is None:
        others = [column for column in range(width) if column != label]
        others = [i for i in others if not _are_parts({*table.column(i)})] or others
        text = max(others, key=lambda column: _letters(cells, column))
    if text == label:
        raise DataError(path, f"text and label are the same column, {text}")
    return text, label


def _last_word(name: str) -> str:
    """The last word of a name, in small letters; empty for a text, which has more words."""
    words = re.split(r"[ _-]", name.lower())
    return words[-1] if len(words) <= _WORDS else ""


def _stands_above_one_value(first: Sequence[str], cells: Sequence[Sequence[str]]) -> Iterator[bool]:
    """Of each column, whether all its cells are the same, and not what the first row has."""
    for column, name in enumerate(first):
        values = {row[column] for row in cells}
        yield len(values) == 1 and name not in values


def _are_parts(values: Set[str]) -> bool:
    """Whether a column says which part each row belongs to, and no more."""
    return {value.lower() for value in values} <= _PARTS


def _letters(cells: Sequence[Sequence[str]], column: int) -> tuple[int, int]:
    """How many letters of texts a column holds, and how many characters of anything."""
    sample = [row[column] for row in cells[:_SAMPLE]]
    texts = (cell for cell in sample if "://" not in cell)
    return sum(sum(map(str.isalpha, cell)) for cell in texts), sum(map(len, sample))


def _place(
    table: Table, wanted: int | str | None, usual: Sequence[str], header: bool | None
) -> int | None:
    """The place of the wanted column, or of the first usual one; None if the contents decide."""
    width = len(table.names)
    if wanted is None:
        found = table.find(usual)
        words = [_last_word(name) for name in table.names] if table.header else []
        ends = [place for place, word in enumerate(words) if word in usual]
        return ends[0] if found is None and len(ends) == 1 else found
    if isinstance(wanted, int):
        if not -width <= wanted < width:
            raise DataError(
                table.path, f"has {width} columns, none of them is number {wanted}", line=1
            )
        return wanted % width
    names = [name.lower() for name in table.names] if table.header else []
    if wanted.lower() not in names:
        have = listed(table.names) if table.header else "no header"
        message = f"expected a column {wanted!r}, found {have}"
        if header is not None:
            message += " (--train, --valid and --test FILE leave out files without labels)"
        raise DataError(table.path, message, line=1)
    return names.index(wanted.lower())


def _fewest(cells: Sequence[Sequence[str]], text: int | str | None) -> int:
    """The column with the fewest different values, but for those with only one, or of parts."""

    def order(column: int) -> tuple[bool, int, int]:
        values = {row[column] for row in cells}
        no_class = len(values) < 2 or _are_parts(values)
        return no_class, len(values), sum(len(row[column]) for row in cells)

    width = min(map(len, cells))
    skipped = text % width if isinstance(text, int) else None
    return min((column for column in range(width) if column != skipped), key=order)


def _check_the_only_one(path: Path, table: Table, label: int, text: int | None) -> None:
    """Refuse a table in which several columns may hold the labels."""
    few = [
        repr(table.names[column])
        for column in range(len(table.names))
        if column not in (label, text)
        and 1 < len(values := {*table.column(column)}) <= min(_MOST, _FEW * len(table.rows))
        and not _are_parts(values)
    ]
    if few:
        raise DataError(
            path,
            f"the labels may be in column {table.names[label]!r} or {' or '.join(few[:4])}; "
            "--label-column says which",
            line=1,
        )


def taken(names: Sequence[object], text: object, label: object) -> str:
    """Which of the columns or fields were taken and which left aside, for a person."""
    rest = [repr(name) for name in names if name not in (text, label)]
    used = f"text {text!r}, label {label!r}"
    return used + (f"; left aside: {listed(rest)}" if rest else "")
