"""Manifests: tables (CSV, TSV, bars) and JSONL with a row for each clip.

A row has the path of a sound file (relative to the folder of the manifest, or to a folder `clips`,
`wavs`, `wav` or `audio` in it) and its transcript, and optionally its split and its speaker. Where
it has an offset and a duration, or a start and an end, in seconds or (`start_ms`) milliseconds, the
clip is that segment of the file. Columns are found by their names: those of Common Voice, NeMo and
DeepSpeech are known. Without a header the first column is the path and the last one of text the
transcript, as in LJ Speech.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from recipes.kit.data.audio import SUFFIXES, UNSUPPORTED
from recipes.kit.data.facts import Fact, listed
from recipes.kit.data.files import encoding_fact, read_text, suffix_of
from recipes.kit.data.marks import Marks
from recipes.kit.data.reading import TableFiles
from recipes.kit.data.rows import Row, json_rows
from recipes.kit.data.source import SPLITS
from recipes.kit.data.splits import split_of
from recipes.kit.data.tables import read_table
from recipes.kit.errors import DataError
from recipes.speech.options import Config

MANIFESTS = (".csv", ".tsv", ".jsonl", ".json")

_PATH = (
    "path file filename file_name audio wav clip audio_filepath wav_filename audio_path audio_file "
    "id"
).split()
_TRANSCRIPT = (
    "transcript transcription text sentence normalized_text raw_transcription label words"
).split()
_SPEAKER = "speaker speaker_id client_id spk".split()
_SPLIT = "split subset set partition".split()
_FOLDERS = ("", "clips", "wavs", "wav", "audio")

#: Names of where a segment begins and ends. Beside `onset`, `offset` is an end, else a beginning.
_STARTS = "start start_time begin begin_time segment_start onset xmin".split()
_ENDS = "end end_time stop stop_time segment_end xmax".split()

_UNIT = re.compile(r"(.+?)(?:[ _]+|[ _]*[(\[])(ms|msec|milliseconds|s|sec|secs|seconds)[)\]]?")

#: A row whose length is stated as this much less than that of its file wants a part of it.
_SHORTER = 0.1


@dataclass(frozen=True)
class Entry:
    """A sound file, or a segment of one, and its transcript.

    Attributes:
        path: Where the file is, or should be.
        text: The transcript.
        split: None where nothing names it.
        speaker: Empty where nothing names it.
        start: Seconds at which the clip begins.
        end: Seconds at which it ends; None for the end of the file.
        stated: The length that a manifest states of the whole file, if it does.
        manifest: The manifest and the line in it; None of a file that is in none.
    """

    path: Path
    text: str
    split: str | None = None
    speaker: str = ""
    start: float = 0.0
    end: float | None = None
    stated: float | None = None
    manifest: tuple[Path, int] | None = None

    @property
    def is_segment(self) -> bool:
        """Whether the clip is a part of its file."""
        return self.start > 0 or self.end is not None

    @property
    def name(self) -> str:
        """The path, with the times of a segment."""
        if not self.is_segment:
            return str(self.path)
        return f"{self.path}[{self.start:g}-{'' if self.end is None else f'{self.end:g}'}]"

    def check(self, seconds: float) -> None:
        """Refuse the whole of a file of which a part is meant.

        Args:
            seconds: The length of the file.

        Raises:
            DataError: If the manifest states a shorter one.
        """
        stated = self.stated
        if stated is None or self.is_segment or stated > seconds * (1 - _SHORTER) - _SHORTER:
            return
        raise DataError(
            self.path,
            f"has {seconds:.2f} seconds, and its duration is stated as {stated:g}; a segment needs "
            "a column offset or start as well",
        )


@dataclass(frozen=True)
class _Cells:
    """The rows of a manifest: the line, and cells by the names of the columns."""

    names: tuple[str, ...]
    header: bool
    rows: list[tuple[int, dict[str, Any]]]
    facts: tuple[Fact, ...]


def read_manifest(
    path: Path, config: Config, *, split: str | None = None
) -> tuple[list[Entry], list[Fact]]:
    """The entries of a manifest, and how it was understood.

    Args:
        path: `.jsonl` or `.json` (one object per line), or a table, each also with `.gz`.
        config: Names the columns, or numbers them from 0, if they are not the usual ones.
        split: That of all entries, unless a column has it.

    Raises:
        DataError: If a row is malformed; names file and line.
    """
    root = path.parent
    folders = [root / folder for folder in _FOLDERS if (root / folder).is_dir()]
    objects = suffix_of(path) in (".jsonl", ".json")
    cells = _objects(path, config) if objects else _table(path, config, folders)
    sound = _column(path, cells, config.path_column, _PATH, "path", _first)
    transcript = _column(
        path,
        cells,
        config.transcript_column,
        _TRANSCRIPT,
        "transcript",
        lambda cells: _last_text(path, cells, sound),
    )
    if sound == transcript:
        raise DataError(path, f"path and transcript are the same column, {sound}")
    speaker = next((name for name in _SPEAKER if name in cells.names), "")
    split_column = next((name for name in _SPLIT if name in cells.names), "")
    times = _Times.of(path, cells)
    entries = []
    for line, row in cells.rows:
        for column in (sound, transcript):
            if row.get(column) is None:
                raise DataError(path, f"has no {column!r}", line=line)
        where, text = (_word(path, line, column, row[column]) for column in (sound, transcript))
        if not where:
            raise DataError(path, "the path is empty", line=line)
        named = str(row.get(split_column) or "").strip()
        start, end, stated = times.read(path, line, row)
        entries.append(
            Entry(
                _find(where, folders),
                text,
                _split(path, line, named) if named else split,
                str(row.get(speaker, "")),
                start,
                end,
                stated,
                (path, line),
            )
        )
    taken = {"path": sound, "transcript": transcript, "speaker": speaker, "split": split_column}
    taken |= {name: column for name, column in times.columns.items()}
    columns = [f"{what} {column}" for what, column in taken.items() if column]
    facts = [*cells.facts, Fact("columns", "; ".join(columns))]
    if aside := [name for name in cells.names if name not in taken.values()]:
        facts.append(Fact("left aside", f"{listed(aside)} (not needed)"))
    return entries, facts


@dataclass(frozen=True)
class _Times:
    """The columns that say which part of its file a clip is.

    Attributes:
        columns: By what they are: "start", "end" and "duration".
        scale: Seconds in a unit of each.
    """

    columns: dict[str, str]
    scale: dict[str, float]

    @classmethod
    def of(cls, path: Path, cells: _Cells) -> _Times:
        """Those of a manifest, by their names.

        Raises:
            DataError: If there is an end without a start.
        """
        plain = {_without_unit(name)[0]: name for name in cells.names} if cells.header else {}
        start = next((name for name in _STARTS if name in plain), None)
        end = next((name for name in _ENDS if name in plain), None)
        if "offset" in plain:
            if start is None:
                start = "offset"
            elif start == "onset":
                end = end or "offset"
        if end is not None and start is None:
            message = f"expected a column such as start beside {plain[end]!r}, found none"
            raise DataError(path, message, line=1)
        length = "duration" if end is None and "duration" in plain else None
        kinds = {"start": start, "end": end, "duration": length}
        found = {kind: plain[name] for kind, name in kinds.items() if name is not None}
        scale = {kind: _without_unit(name)[1] for kind, name in found.items()}
        return cls(found, scale)

    def read(
        self, path: Path, line: int, row: dict[str, Any]
    ) -> tuple[float, float | None, float | None]:
        """Start and end of the clip of a row, and the length that is stated of a whole file.

        Raises:
            DataError: If a cell is not a number.
        """
        values: dict[str, float | None] = dict.fromkeys(("start", "end", "duration"))
        for kind, column in self.columns.items():
            cell = str(row.get(column, "") if row.get(column) is not None else "").strip()
            value = Marks().number(cell)
            if value is None:
                value = Marks(",", "").number(cell)
            if value is None:
                message = f"expected a number of seconds in column {column!r}, found {cell!r}"
                raise DataError(path, message, line=line)
            values[kind] = None if math.isnan(value) else value * self.scale[kind]
        start, end, duration = values["start"], values["end"], values["duration"]
        if start is None and end is None:
            return 0.0, None, duration
        start = start or 0.0
        if end is None and duration is not None:
            end = start + duration
        return start, end, None


def _without_unit(name: str) -> tuple[str, float]:
    """The name of a column of times, and the seconds in its unit."""
    name = name.strip().lower()
    match = _UNIT.fullmatch(name)
    if match is None:
        return name, 1.0
    return match[1], 0.001 if match[2].startswith("m") else 1.0


def _first(cells: _Cells) -> str:
    """The column of paths where there is no header."""
    return next(
        (name for name in cells.names if _names_sound(str(cells.rows[0][1][name]))), cells.names[0]
    )


def _last_text(path: Path, cells: _Cells, sound: str) -> str:
    """The column of transcripts where there is no header: the last one of text.

    Raises:
        DataError: If there is none, or no telling which one it is.
    """
    others = [name for name in cells.names if name != sound]
    texts, whole = [], []
    for name in others:
        column = [str(row[name]) for _, row in cells.rows]
        numbers = [Marks().number(cell) for cell in column]
        if 2 * sum(number is not None for number in numbers) <= len(column):
            texts.append(name)
        elif all(number is None or number == number // 1 for number in numbers):
            whole.append(name)
    phrases = [n for n in texts if any(" " in str(row[n]).strip() for _, row in cells.rows)]
    if phrases:
        return phrases[-1]
    # The same words, with capitals and without, are one transcript written twice.
    spellings = {tuple(str(row[name]).casefold() for _, row in cells.rows) for name in texts}
    alone = texts[-1:] if len(spellings) == 1 else texts or whole
    if len(alone) != 1:
        found = f"{len(alone)} that may be" if alone else "none"
        message = f"expected a column of transcripts, found {found}; --transcript-column numbers it"
        raise DataError(path, f"{message} from 0", line=cells.rows[0][0])
    return alone[0]


def _names_sound(cell: str) -> bool:
    return Path(cell.strip()).suffix.lower() in (*SUFFIXES, *UNSUPPORTED)


def _word(path: Path, line: int, column: str, value: Any) -> str:
    """A path or a transcript."""
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        shown = repr(value)[:60]
        raise DataError(path, f"{column!r}: expected text, found {shown}", line=line)
    return str(value).strip()


def _find(name: str, folders: Sequence[Path]) -> Path:
    """Where a file is, or where it was expected first."""
    names = [name, name.replace("\\", "/")] if "\\" in name else [name]
    places = [folder / each for each in names for folder in folders]
    if not _names_sound(name):
        places += [place.with_name(place.name + end) for end in SUFFIXES for place in places]
    return next((place for place in places if place.is_file()), places[0])


def _split(path: Path, line: int, value: str) -> str:
    try:
        split = split_of(value)
    except ValueError:
        split = None
    if split is None:
        raise DataError(path, f"expected a split, one of {SPLITS}, found {value!r}", line=line)
    return split


def _column(
    path: Path,
    cells: _Cells,
    wanted: str | None,
    usual: Sequence[str],
    what: str,
    guess: Callable[[_Cells], str],
) -> str:
    """The name of the column that holds the `what` of an entry."""
    if wanted is None and not cells.header:
        return guess(cells)
    names = usual if wanted is None else (wanted.lower(),)
    column = next((name for name in names if name in cells.names), None)
    if column is None and wanted is not None and wanted.isdecimal():
        column = cells.names[int(wanted)] if int(wanted) < len(cells.names) else None
    if column is None:
        raise DataError(
            path,
            f"expected a column {' or '.join(names)} for the {what} (--{what}-column names "
            f"another), found {', '.join(cells.names)}",
            line=1,
        )
    return column


def _table(path: Path, config: Config, folders: Sequence[Path]) -> _Cells:
    """The rows of a table."""
    asked = {c.lower() for c in (config.path_column, config.transcript_column) if c is not None}
    usual = {*_PATH, *_TRANSCRIPT, *asked}

    def is_file(cell: str) -> bool:
        return _names_sound(cell) or (bool(cell) and _find(cell, folders).is_file())

    def is_header(first: Sequence[str], body: Sequence[Row]) -> bool:
        if any(map(is_file, first)):
            return False
        # A row that names no file above one that does is a header, whatever it names.
        known = bool({cell.lower() for cell in first} & usual)
        return known or any(map(is_file, body[0][1] if body else ()))

    reading = TableFiles(encoding=config.encoding, strict=config.strict)
    table = read_table(path, reading, is_header=is_header)
    if len(table.names) < 2:
        raise DataError(path, "expected at least two columns, path and transcript", line=1)
    names = tuple(name.lower() for name in table.names)
    rows = [(line, dict(zip(names, row, strict=True))) for line, row in table.rows]
    return _Cells(names, table.header, rows, table.facts)


def _objects(path: Path, config: Config) -> _Cells:
    rows = [
        (line, {key.lower(): value for key, value in record.items()})
        for line, record in json_rows(path, read_text(path, config))
    ]
    if not rows:
        raise DataError(path, "has no entries")
    names = tuple(dict.fromkeys(name for _, row in rows for name in row))
    size = Fact("table", f"{path.name}: {len(rows):,} lines of JSON")
    return _Cells(names, True, rows, (size, *encoding_fact([path], config)))
