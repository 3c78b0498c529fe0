"""Files of sentences with their translations: tables, JSON, or two files aligned line by line."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from recipes.kit.data.facts import Fact, listed, shortened
from recipes.kit.data.files import read_text, suffix_of
from recipes.kit.data.left_out import LeftOut
from recipes.kit.data.reading import AS_FOUND, TableFiles, TextFiles
from recipes.kit.data.rows import Row, json_rows
from recipes.kit.data.tables import read_table
from recipes.kit.errors import DataError, UserError
from recipes.translation.languages import names_language

#: Columns of source and target unless somebody says otherwise.
USUAL = (0, 1)


@dataclass(frozen=True)
class Pair:
    """A sentence and its translation."""

    source: str
    target: str


@dataclass(frozen=True)
class Wanted:
    """Which columns or fields hold source and target.

    Attributes:
        columns: By number.
        source: By name, the language translated from.
        target: By name, the language translated to.
        like: Source and target of another part, taken where their names are there.
    """

    columns: tuple[int, int] = USUAL
    source: str | None = None
    target: str | None = None
    like: tuple[str, str] | None = None

    @property
    def named(self) -> tuple[str, ...]:
        """The languages that are asked for."""
        return tuple(name for name in (self.source, self.target) if name is not None)


@dataclass(frozen=True)
class Pairs:
    """What a table or a JSON file holds.

    Attributes:
        pairs: In their order.
        sides: What source and target are called.
        facts: What was understood.
    """

    pairs: tuple[Pair, ...]
    sides: tuple[str, str]
    facts: tuple[Fact, ...] = ()


def clean(text: str) -> str:
    """Composed characters (NFC), single blanks, none at the ends.

    >>> clean(" Va\\u202f!  E\\u0301t\\u00e9 ")
    'Va ! Été'
    """
    return " ".join(unicodedata.normalize("NFC", text).split())


def read_pairs(path: Path, wanted: Wanted, reading: TextFiles = AS_FOUND) -> Pairs:
    """The pairs of one file, one in each row.

    Args:
        path: `.csv`; `.jsonl` or `.json`, an object a line or a list of objects; any other is cells
            separated by tabs. Gzipped or not. A first row that names languages is a header.
        wanted: Where source and target are; what else there is, is left aside.
        reading: Its encoding, and whether rows may be left out.

    Raises:
        UserError: If there is no such language, or no telling which column is which.
        DataError: If there is no text, or too many rows lack a side; names file and line.
    """
    if suffix_of(path) in (".json", ".jsonl", ".ndjson"):
        names, rows = _read_json(path, reading)
        named, facts = True, []
    else:
        table = _read_cells(path, wanted, reading)
        names, rows, named = list(table.names), table.rows, table.header
        facts = [fact for fact in table.facts if fact.topic == "left out"]
    first, second = _places(path, names if named else [], rows, wanted)
    left_out = LeftOut("rows", reading)
    pairs = []
    for line, cells in rows:
        if len(cells) <= max(first, second):
            more = "columns separated by tabs" if suffix_of(path) != ".csv" else "columns"
            expected = f"at least {max(first, second) + 1} {more}"
            if (first, second) == USUAL and suffix_of(path) != ".csv":
                expected = "source TAB target"
            found = shortened("\t".join(cells))
            left_out.add(DataError(path, f"expected {expected}, found {found!r}", line=line))
            continue
        pair = Pair(clean(cells[first]), clean(cells[second]))
        if not pair.source or not pair.target:
            empty = "target" if pair.source else "source"
            left_out.add(DataError(path, f"the {empty} is empty", line=line))
        else:
            pairs.append(pair)
    left_out.check(pairs)
    sides = (names[first], names[second]) if named else (f"column {first}", f"column {second}")
    facts += [*_left_aside(names if named else [], rows, (first, second)), *left_out.facts()]
    return Pairs(tuple(pairs), sides, tuple(facts))


def _read_cells(path: Path, wanted: Wanted, reading: TextFiles) -> Any:
    def is_header(first: Sequence[str], body: Sequence[Row]) -> bool:
        names = {cell.lower() for cell in first}
        asked = {name.lower() for name in wanted.named}
        return sum(map(names_language, names)) > 1 or bool(asked & names)

    text = read_text(path, reading)
    if not text.strip():
        raise DataError(path, "holds no text")
    if suffix_of(path) != ".csv" and "\t" not in text:
        found = shortened(text.lstrip().partition("\n")[0])
        raise DataError(path, f"expected source TAB target, found {found!r}", line=1)
    # Between tabs, further columns may be there or not; a comma too many stands in a text.
    tabs = suffix_of(path) != ".csv"
    return read_table(
        path,
        TableFiles(encoding=reading.encoding, strict=reading.strict),
        is_header=is_header,
        delimiter="\t" if tabs else None,
        ragged=tabs,
    )


def _read_json(path: Path, reading: TextFiles) -> tuple[list[str], Sequence[Row]]:
    """Fields that hold texts, also those below `translation`, as rows of cells."""
    names: list[str] = []
    rows: list[Row] = []
    for line, record in json_rows(path, read_text(path, reading)):
        below = record.get("translation")
        fields = below if isinstance(below, dict) else record
        texts = {name: value for name, value in fields.items() if isinstance(value, str)}
        names = names or [*texts]
        rows.append((line, [texts.get(name, "") for name in names]))
    if len(names) < 2:
        raise DataError(
            path,
            f"expected a text in each of two languages, found {listed(names) or 'no texts'}",
            line=rows[0][0] if rows else None,
        )
    return names, rows


def _places(
    path: Path, names: Sequence[str], rows: Sequence[Row], wanted: Wanted
) -> tuple[int, int]:
    """The columns of source and target: those asked for, else the two that name languages."""
    small = [name.lower() for name in names]
    if wanted.named and not names:
        raise UserError(
            f"{path}: has no header that names languages; --columns or --reverse says which column "
            "is the source"
        )
    for name in wanted.named:
        if name.lower() not in small:
            raise UserError(f"{path}: no language {name!r}; has {listed(names)}")
    if wanted.like is not None and {*wanted.like} <= {*names}:
        return names.index(wanted.like[0]), names.index(wanted.like[1])
    if names and (wanted.named or wanted.columns == USUAL):
        asked = [
            None if n is None else small.index(n.lower()) for n in (wanted.source, wanted.target)
        ]
        languages = [
            i
            for i, name in enumerate(names)
            if i not in asked
            and (len(names) == 2 or (names_language(name) and not _are_numbers(rows, i)))
        ]
        if asked.count(None) and len(languages) != asked.count(None):
            raise UserError(
                f"{path}: expected two languages, found {listed(names)}; --source-language and "
                "--target-language say which two"
            )
        first, second = (languages.pop(0) if place is None else place for place in asked)
        return first, second
    first, second = wanted.columns
    width = max(len(cells) for _, cells in rows)
    if wanted.columns == USUAL and width > 2:
        for column in USUAL:
            if _are_numbers(rows, column):
                line, cells = rows[0]
                message = f"column {column} holds numbers, {cells[column]} and others; --columns"
                raise DataError(path, f"{message} says where the sentences are", line=line)
    return first, second


def _are_numbers(rows: Sequence[Row], column: int) -> bool:
    """Whether a column numbers the pairs, as ids do."""
    return all(len(cells) > column and cells[column].isdecimal() for _, cells in rows)


def _left_aside(names: Sequence[str], rows: Sequence[Row], taken: Sequence[int]) -> list[Fact]:
    """The columns that are not taken, by name or with their first value."""
    cells = max((cells for _, cells in rows), key=len)
    rest = [
        names[i] if names else f"column {i} ({shortened(cell, 20)!r}, ...)"
        for i, cell in enumerate(cells)
        if i not in taken
    ]
    return [Fact("left aside", listed(rest, 5))] if rest else []


def read_aligned(source: Path, target: Path, reading: TextFiles = AS_FOUND) -> tuple[Pair, ...]:
    """A pair for each line of two files; a side may be empty, unless reading is strict.

    Raises:
        DataError: If one holds no text, or they differ in their number of lines.
    """
    texts, translations = _lines(source, reading), _lines(target, reading)
    count = min(len(texts), len(translations))
    if any(line.strip() for line in (*texts[count:], *translations[count:])):
        raise DataError(
            source,
            f"expected as many lines as {target} has, {len(translations):,}, found {len(texts):,}",
        )
    pairs = tuple(
        Pair(clean(a), clean(b)) for a, b in zip(texts[:count], translations, strict=False)
    )
    for line, pair in enumerate(pairs if reading.strict else (), start=1):
        if not pair.source or not pair.target:
            raise DataError(target if pair.source else source, "the line is empty", line=line)
    return pairs


def _lines(path: Path, reading: TextFiles) -> list[str]:
    text = read_text(path, reading)
    if not text.strip():
        raise DataError(path, "holds no text")
    return text.removesuffix("\n").split("\n")
