"""Tables of clips: CSV, TSV or JSONL with a row for each clip.

A row has the path of a clip (relative to the folder of the table, or to a folder `clips`, `videos`
or `frames` in it) and its class, and optionally its part and its group. With `--labels frame` the
class is a list with one for each frame: in JSONL a list, in a table words between blanks. Without a
header the first column is the path and the second the class.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from recipes.kit.data.facts import Fact, listed
from recipes.kit.data.files import encoding_fact, read_text, suffix_of
from recipes.kit.data.reading import TableFiles
from recipes.kit.data.rows import json_rows
from recipes.kit.data.splits import split_of
from recipes.kit.data.tables import read_table
from recipes.kit.errors import DataError
from recipes.video.clips import is_clip
from recipes.video.options import Config

#: Endings of tables, each also with `.gz`.
TABLES = (".csv", ".tsv", ".jsonl", ".json")

_PATH = ("path", "clip", "video", "file", "filename", "file_name", "clip_path", "video_path")
_LABEL = ("label", "class", "category", "action", "target", "labels", "frame_labels")
_GROUP = ("group", "group_id", "subject", "subject_id", "person", "video_id")
_SPLIT = ("split", "part", "subset", "set", "partition")
_FOLDERS = ("", "clips", "videos", "frames")


@dataclass(frozen=True)
class Entry:
    """A clip that a table or the folders name.

    Attributes:
        path: Where it is, or should be.
        labels: Its class, or that of each frame.
        split: Its part; None where nothing says it.
        group: What it shares with other clips; "" for nothing.
        line: The table and the line in it; None where folders say the class.
    """

    path: Path
    labels: tuple[str, ...]
    split: str | None = None
    group: str = ""
    line: tuple[Path, int] | None = None


def read_entries(
    path: Path, config: Config, split: str | None = None
) -> tuple[list[Entry], list[Fact]]:
    """The clips of a table, and how it was understood.

    Args:
        path: The table.
        config: Names the columns, or numbers them from 0, if they are not the usual ones.
        split: The part of clips whose row says none.

    Raises:
        DataError: If a row is malformed; names file and line.
    """
    objects = suffix_of(path) in (".jsonl", ".json")
    names, rows, facts = _objects(path, config) if objects else _cells(path, config)
    clip = _column(path, names, config.path_column, _PATH, "path", 0)
    label = _column(path, names, config.label_column, _LABEL, "label", 1)
    group = _optional(path, names, config.group_column, _GROUP, "group")
    part = _optional(path, names, None, _SPLIT, "split")
    entries = []
    for line, row in rows:
        where = _text(path, line, clip, row.get(clip))
        entries.append(
            Entry(
                _found(path.parent, where),
                _labels(path, line, label, row.get(label), config),
                _part(path, line, str(row[part])) if part and row.get(part) else split,
                str(row.get(group) or "") if group else "",
                (path, line),
            )
        )
    taken = {"path": clip, "label": label, "split": part, "group": group}
    columns = "; ".join(f"{what} {name}" for what, name in taken.items() if name)
    facts.append(Fact("columns", columns))
    if aside := [name for name in names if name not in taken.values()]:
        facts.append(Fact("left aside", f"{listed(aside)} (not needed)"))
    return entries, facts


_Rows = tuple[tuple[str, ...], list[tuple[int, dict[str, Any]]], list[Fact]]


def _cells(path: Path, config: Config) -> _Rows:
    asked = {config.path_column, config.label_column, config.group_column}
    known = {*_PATH, *_LABEL, *(name for name in asked if name)}

    def is_header(first: Sequence[str], _: object) -> bool:
        return any(cell in known or cell.lower() in known for cell in first)

    reading = TableFiles(encoding=config.encoding, strict=config.strict)
    table = read_table(path, reading, is_header=is_header)
    rows = [(line, dict(zip(table.names, cells, strict=True))) for line, cells in table.rows]
    return table.names, rows, [*table.facts]


def _objects(path: Path, config: Config) -> _Rows:
    rows = [*json_rows(path, read_text(path, config))]
    if not rows:
        raise DataError(path, "holds no objects")
    names = tuple(dict.fromkeys(name for _, row in rows for name in row))
    size = Fact("table", f"{path.name}: {len(rows):,} objects")
    return names, rows, [size, *encoding_fact([path], config)]


def _column(
    path: Path,
    names: Sequence[str],
    wanted: str | None,
    usual: Sequence[str],
    what: str,
    place: int,
) -> str:
    """The name of the column that holds the `what` of a clip; by its place without a header."""
    if found := _optional(path, names, wanted, usual, what):
        return found
    unnamed = [f"column {index}" for index in range(len(names))]
    if [*names] == unnamed and place < len(names):
        return names[place]
    raise DataError(
        path,
        f"expected a column of the {what}s, such as {usual[0]!r}, found {listed(names)}; "
        f"--{what}-column names it",
        line=1,
    )


def _optional(
    path: Path, names: Sequence[str], wanted: str | None, usual: Sequence[str], what: str
) -> str | None:
    if wanted is None:
        small = {name.lower(): name for name in reversed(names)}
        return next((small[name] for name in usual if name in small), None)
    if wanted in names:
        return wanted
    if wanted.isdecimal() and int(wanted) < len(names):
        return names[int(wanted)]
    found = f"expected a column {wanted!r}, found {listed(names)}"
    raise DataError(path, f"{found} (--{what}-column)", line=1)


def _text(path: Path, line: int, column: str, value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int) or not str(value).strip():
        found = "nothing" if value in (None, "") else repr(value)[:60]
        raise DataError(path, f"{column!r}: expected text, found {found}", line=line)
    return str(value).strip()


def _labels(path: Path, line: int, column: str, value: Any, config: Config) -> tuple[str, ...]:
    if config.labels == "clip":
        return (_text(path, line, column, value),)
    each = value if isinstance(value, list) else _text(path, line, column, value).split()
    return tuple(_text(path, line, column, one) for one in each)


def _part(path: Path, line: int, value: str) -> str:
    try:
        part = split_of(value)
    except ValueError:
        part = None
    if part is None:
        raise DataError(path, f"expected train, valid or test, found {value!r}", line=line)
    return part


def _found(root: Path, name: str) -> Path:
    """Where a clip is, or where it was expected first."""
    places = [root / folder / name.replace("\\", "/") for folder in _FOLDERS]
    return next((place for place in places if place.exists() and is_clip(place)), places[0])
