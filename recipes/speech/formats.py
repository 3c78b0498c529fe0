"""Sound files and their transcripts: manifests (CSV, TSV, JSONL), and folders of named files.

A manifest has a row for each file, with its path (relative to the folder of the manifest, or to a
folder `clips`, `wavs`, `wav` or `audio` in it) and its transcript, and optionally its split and its
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
from recipes.kit.data.files import data_files, read_text
from recipes.kit.data.rows import csv_rows, is_blank, json_rows
from recipes.kit.data.source import SPLITS
from recipes.kit.data.splits import files_of_splits, split_of
from recipes.kit.errors import DataError, UserError
from recipes.speech.options import Config

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
    """A sound file and its transcript.

    Attributes:
        path: Where the file is, or should be.
        text: The transcript.
        split: None where nothing names it.
        speaker: Empty where nothing names it.
    """

    path: Path
    text: str
    split: str | None = None
    speaker: str = ""


def list_entries(path: Path, config: Config) -> tuple[list[Entry], str]:
    """The entries of a manifest or a folder, and where they were found.

    Raises:
        UserError: If there are none, or it is not clear which manifest to read.
        DataError: If a manifest is malformed; names file and line.
    """
    if path.is_file():
        return _of_subset(read_manifest(path, config), config, path), path.name
    if config.transcript_from_name is None:
        if manifests := files_of_splits(path, MANIFESTS):
            return _of_split_manifests(path, manifests, config)
        if several := data_files(path, MANIFESTS):
            if len(several) > 1:
                names = ", ".join(file.name for file in several)
                raise UserError(
                    f"{path}: several manifests, {names}, none named after a split; give one."
                )
            return _of_subset(read_manifest(several[0], config), config, path), several[0].name
    entries = _of_subset(list_folder(path, config), config, path)
    return entries, f"{len(entries):,} named {config.transcript_from_name}"


def _of_split_manifests(
    folder: Path, manifests: dict[str, list[Path]], config: Config
) -> tuple[list[Entry], str]:
    """The entries of manifests that each name a split."""
    entries, read = [], []
    for split, files in manifests.items():
        files = [file for file in files if config.subset is None or config.subset in file.name]
        if len(files) > 1:
            names = ", ".join(file.name for file in files)
            raise UserError(
                f"{folder}: several files for the {split} split: {names}; --subset WORD takes "
                "those with the word in their names."
            )
        for file in files:
            entries += read_manifest(file, config, split=split)
            read.append(file.name)
    if not read:
        raise UserError(f"{folder}: no manifest has {config.subset!r} in its name.")
    return entries, ", ".join(read)


def _of_subset(entries: list[Entry], config: Config, where: Path) -> list[Entry]:
    kept = [e for e in entries if config.subset is None or config.subset in str(e.path)]
    if not kept:
        raise UserError(f"{where}: no path has {config.subset!r} in it.")
    return kept


def read_manifest(path: Path, config: Config, *, split: str | None = None) -> list[Entry]:
    """The entries of a manifest.

    Args:
        path: `.csv` (separated by commas, semicolons or bars), `.tsv`, `.jsonl` or `.json` (one
            object per line), each also with `.gz`.
        config: Names the columns, or numbers them from 0, if they are not the usual ones.
        split: That of all entries, unless a column has it.

    Raises:
        DataError: If a row is malformed; names file and line.
    """
    suffix = Path(path.name.lower().removesuffix(".gz")).suffix
    rows = _objects(path) if suffix in (".jsonl", ".json") else _cells(path, suffix)
    if not rows:
        raise DataError(path, "has no entries")
    first = rows[0][1]
    numbered = "0" in first
    last = str(len(first) - 1)
    sound = _column(path, first, config.path_column, ["0"] if numbered else _PATH, "path")
    transcript = _column(
        path, first, config.transcript_column, [last] if numbered else _TRANSCRIPT, "transcript"
    )
    if sound == transcript:
        raise DataError(path, f"path and transcript are the same column, {sound}")
    speaker = next((name for name in _SPEAKER if name in first), "")
    split_column = next((name for name in _SPLIT if name in first), "")
    root = path.parent
    folders = [root / folder for folder in _FOLDERS if (root / folder).is_dir()]
    entries = []
    for number, row in rows:
        for column in (sound, transcript):
            if row.get(column) is None:
                raise DataError(path, f"has no {column!r}", line=number)
        if not row[sound].strip():
            raise DataError(path, "the path is empty", line=number)
        named = row.get(split_column)
        entries.append(
            Entry(
                _find(row[sound].strip(), folders),
                row[transcript],
                _split(path, number, named) if named else split,
                row.get(speaker, ""),
            )
        )
    return entries


def list_folder(folder: Path, config: Config) -> list[Entry]:
    """The sound files of a folder, at any depth, with what their names say.

    Raises:
        UserError: If there are none, or a name does not fit the template.
    """
    files = [
        path
        for path in sorted(folder.rglob("*"))
        if path.suffix.lower() in SUFFIXES and path.is_file() and path.name[0] not in "._"
    ]
    template = config.transcript_from_name
    if not files:
        raise UserError(f"{folder}: expected sound files ({', '.join(SUFFIXES)}), found none.")
    if template is None:
        raise UserError(
            f"{folder}: there is no transcript for {files[0].name}; expected a manifest "
            "(train.csv, .tsv or .jsonl with the columns path and transcript), or "
            "--transcript-from-name, such as '{text}_{speaker}_*' for 7_jackson_0.wav."
        )
    pattern, depth = _pattern(template)
    entries = []
    for path in files:
        relative = path.relative_to(folder)
        name = "/".join(relative.with_suffix("").parts[-depth:])
        match = pattern.fullmatch(name)
        if match is None:
            raise UserError(
                f"--transcript-from-name {template}: does not fit {name!r}, the name of {path}."
            )
        fields = match.groupdict()
        text = " ".join(fields["text"].replace("_", " ").split())
        split = _split_by_name(path.name, config)
        if split is None and len(relative.parts) > 1:
            split = split_of(relative.parts[0])
        entries.append(Entry(path, text, split, fields.get("speaker") or ""))
    return entries


def _split_by_name(name: str, config: Config) -> str | None:
    """The split of a file by the patterns, if there are any."""
    for split, patterns in (("test", config.test_names), ("valid", config.valid_names)):
        if any(fnmatch.fnmatch(name, pattern) for pattern in patterns):
            return split
    return "train" if config.valid_names or config.test_names else None


def _pattern(template: str) -> tuple[re.Pattern[str], int]:
    """A template as a regular expression, and the number of parts of a path that it covers."""
    plain = re.sub(r"\.(?:wav|flac|ogg|mp3|\*)$", "", template, flags=re.IGNORECASE)
    parts = re.split(r"(\{\w+\}|\*)", plain)
    fields = [part[1:-1] for part in parts if part.startswith("{")]
    if "text" not in fields or len({*fields}) < len(fields):
        raise UserError(
            f"--transcript-from-name {template!r}: expected {{text}} where the transcript is, and "
            "each name once, such as '{text}_{speaker}_*'."
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


def _find(name: str, folders: Sequence[Path]) -> Path:
    """Where a file is, or where it was expected first."""
    places = [folder / name for folder in folders]
    if Path(name).suffix.lower() not in SUFFIXES:
        places += [place.with_name(place.name + ".wav") for place in places]
    return next((place for place in places if place.is_file()), places[0])


def _split(path: Path, number: int, value: str) -> str:
    try:
        split = split_of(value)
    except ValueError:
        split = None
    if split is None:
        raise DataError(path, f"expected a split, one of {SPLITS}, found {value!r}", line=number)
    return split


def _column(
    path: Path, row: dict[str, str], wanted: str | None, usual: Iterable[str], what: str
) -> str:
    """The name of the column that holds the `what` of an entry."""
    names = usual if wanted is None else (wanted.lower(),)
    column = next((name for name in names if name in row), None)
    if column is None:
        raise DataError(
            path,
            f"expected a column {' or '.join(names)} for the {what} (--{what}-column names "
            f"another), found {', '.join(row)}",
            line=1,
        )
    return column


def _cells(path: Path, suffix: str) -> list[_Row]:
    """Rows by the names of their columns, or by their numbers where there is no header."""
    text = read_text(path)
    first = text.partition("\n")[0]
    delimiter = "\t" if suffix == ".tsv" else max(",;|", key=first.count)
    rows = [
        r for r in csv_rows(path, text, delimiter, quotes=delimiter in ",;") if not is_blank(r[1])
    ]
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
