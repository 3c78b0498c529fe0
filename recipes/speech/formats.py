"""Which sound file says what: manifests (CSV, TSV, JSONL), and folders whose file names tell.

A manifest has a row a file, with the path (from the folder of the manifest on, or from a folder
`clips`, `wavs`, `wav` or `audio` in it) and the transcript, and where wanted the split and the
speaker. Columns are found by their names: those of Common Voice, NeMo and DeepSpeech are known.
Without a header the first column is the path and the last the transcript, as in LJ Speech.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from recipes.kit.data.audio import SUFFIXES
from recipes.kit.data.rows import csv_rows, json_rows
from recipes.kit.data.source import SPLITS, read_text, split_of
from recipes.kit.errors import DataError, UserError

MANIFESTS = (".csv", ".tsv", ".jsonl", ".json")

_PATH = (
    "path file filename file_name audio wav audio_filepath wav_filename audio_path audio_file id"
).split()
_TRANSCRIPT = (
    "transcript transcription text sentence normalized_text raw_transcription label words"
).split()
_SPEAKER = "speaker speaker_id client_id spk".split()
_SPLIT = "split subset set partition".split()
_FOLDERS = ("", "clips", "wavs", "wav", "audio")

_Row = tuple[int, dict[str, str]]


@dataclass(frozen=True)
class Entry:
    """A sound file and what it says. `split` is None where nothing tells."""

    path: Path
    text: str
    split: str | None = None
    speaker: str = ""


@dataclass(frozen=True)
class Naming:
    """How file names tell what a file is.

    `template` has `{text}` for the transcript, `{speaker}` and any other name for what else there
    is, `*` for anything. `valid` and `test` are patterns of names, as a shell has them.
    """

    template: str | None = None
    valid: tuple[str, ...] = ()
    test: tuple[str, ...] = ()

    def split(self, path: Path) -> str | None:
        """The split that the patterns put a file into, if any is given."""
        for split in ("test", "valid"):
            if any(fnmatch.fnmatch(path.name, pattern) for pattern in getattr(self, split)):
                return split
        return "train" if self.valid or self.test else None


def read_manifest(
    path: Path,
    *,
    path_column: str | None = None,
    transcript_column: str | None = None,
    split: str | None = None,
) -> list[Entry]:
    """The entries of a manifest.

    Args:
        path: `.csv` (separated by commas, semicolons or bars), `.tsv`, `.jsonl` or `.json` (one
            object a line), each also with `.gz`.
        path_column: Name of the column, or its number from 0.
        transcript_column: Likewise.
        split: That of all entries, where no column has it.

    Raises:
        DataError: A row is malformed; names file and line.
    """
    suffix = Path(path.name.lower().removesuffix(".gz")).suffix
    rows = _objects(path) if suffix in (".jsonl", ".json") else _cells(path, suffix)
    if not rows:
        raise DataError(path, "holds no entry")
    first = rows[0][1]
    numbered = "0" in first
    sound = _column(path, first, path_column, ("0",) if numbered else _PATH, "path")
    last = (str(len(first) - 1),)
    said = _column(path, first, transcript_column, last if numbered else _TRANSCRIPT, "transcript")
    if sound == said:
        raise DataError(path, f"path and transcript are the same column, {sound}")
    speaker = next((name for name in _SPEAKER if name in first), "")
    part = next((name for name in _SPLIT if name in first), "")
    root = path.parent
    folders = [root / folder for folder in _FOLDERS if (root / folder).is_dir()]
    entries = []
    for number, row in rows:
        for column in (sound, said):
            if row.get(column) is None:
                raise DataError(path, f"has no {column!r}", line=number)
        if not row[sound].strip():
            raise DataError(path, "the path is empty", line=number)
        own = _split(path, number, row[part]) if row.get(part) else split
        entries.append(
            Entry(_find(row[sound].strip(), folders), row[said], own, row.get(speaker, ""))
        )
    return entries


def list_folder(folder: Path, naming: Naming) -> list[Entry]:
    """The sound files of a folder, at any depth, with what their names tell.

    Raises:
        UserError: There is none, or a name does not fit the template.
    """
    files = [
        path
        for path in sorted(folder.rglob("*"))
        if path.suffix.lower() in SUFFIXES and path.is_file() and path.name[0] not in "._"
    ]
    if not files:
        raise UserError(f"{folder}: expected sound files ({', '.join(SUFFIXES)}), found none")
    if naming.template is None:
        raise UserError(
            f"{folder}: nothing says what is spoken in {files[0].name}; expected a manifest "
            "(train.csv, .tsv or .jsonl with the columns path and transcript), or "
            "--transcript-from-name, such as '{text}_{speaker}_*' for 7_jackson_0.wav"
        )
    pattern, depth = _pattern(naming.template)
    entries = []
    for path in files:
        name = "/".join(path.relative_to(folder).with_suffix("").parts[-depth:])
        match = pattern.fullmatch(name)
        if match is None:
            raise UserError(
                f"--transcript-from-name {naming.template}: does not fit {name!r}, the name of "
                f"{path}"
            )
        told = match.groupdict()
        text = " ".join(told["text"].replace("_", " ").split())
        split = naming.split(path) or _split_of_folder(path.relative_to(folder))
        entries.append(Entry(path, text, split, told.get("speaker") or ""))
    return entries


def _pattern(template: str) -> tuple[re.Pattern[str], int]:
    """A template as a regular expression, and how many parts of a path it is about."""
    plain = re.sub(r"\.(?:wav|flac|ogg|mp3|\*)$", "", template, flags=re.IGNORECASE)
    parts = re.split(r"(\{\w+\}|\*)", plain)
    fields = [part[1:-1] for part in parts if part.startswith("{")]
    if "text" not in fields or len({*fields}) < len(fields):
        raise UserError(
            f"--transcript-from-name {template!r}: expected {{text}} where the transcript is, and "
            "each name once, such as '{text}_{speaker}_*'"
        )
    expression = ""
    for part in parts:
        if part == "*":
            expression += ".*"
        elif part.startswith("{"):
            expression += f"(?P<{part[1:-1]}>{'.+' if part == '{text}' else '[^_/]+'})"
        else:
            expression += re.escape(part)
    return re.compile(expression), plain.count("/") + 1


def _split_of_folder(path: Path) -> str | None:
    return split_of(path.parts[0]) if len(path.parts) > 1 else None


def _find(name: str, folders: Sequence[Path]) -> Path:
    """Where a file is; where it ought to be, if it is nowhere."""
    places = [folder / name for folder in folders]
    if Path(name).suffix.lower() not in SUFFIXES:
        places += [place.with_name(place.name + ".wav") for place in places]
    return next((place for place in places if place.is_file()), places[0])


def _split(path: Path, number: int, value: str) -> str:
    try:
        found = split_of(value)
    except ValueError:
        found = None
    if found is None:
        raise DataError(path, f"expected a split, one of {SPLITS}, found {value!r}", line=number)
    return found


def _column(
    path: Path, row: dict[str, str], given: str | None, names: Iterable[str], what: str
) -> str:
    wanted = names if given is None else (given.lower(),)
    found = next((name for name in wanted if name in row), None)
    if found is None:
        raise DataError(
            path,
            f"expected a column {' or '.join(wanted)} for the {what} (--{what}-column names "
            f"another), found {', '.join(row)}",
            line=1,
        )
    return found


def _cells(path: Path, suffix: str) -> list[_Row]:
    """Rows by the names of their columns, or by their numbers where there is no header."""
    text = read_text(path)
    first = text.partition("\n")[0]
    delimiter = "\t" if suffix == ".tsv" else max(",;|", key=first.count)
    rows = csv_rows(path, text, delimiter, quotes=delimiter in ",;")
    if not rows:
        return []
    names = [cell.strip().lower() for cell in rows[0][1]]
    header = bool({*names} & {*_PATH, *_TRANSCRIPT})
    keys = names if header else list(map(str, range(len(names))))
    if len(keys) < 2:
        raise DataError(path, "expected at least two columns, path and transcript", line=1)
    for number, row in rows:
        if len(row) != len(keys):
            raise DataError(path, f"expected {len(keys)} columns, found {len(row)}", line=number)
    body = rows[1:] if header else rows
    return [(number, dict(zip(keys, row, strict=True))) for number, row in body]


def _objects(path: Path) -> list[_Row]:
    return [
        (number, {key.lower(): str(value) for key, value in record.items() if value is not None})
        for number, record in json_rows(path, read_text(path))
    ]
