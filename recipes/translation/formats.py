"""Files of sentences with their translations: TSV, or two files aligned line by line."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from recipes.kit.data.files import read_text
from recipes.kit.data.splits import files_of_splits
from recipes.kit.errors import DataError, UserError

Files = dict[str, dict[str, Path]]  # split: language: file


@dataclass(frozen=True)
class Pair:
    """A sentence and its translation."""

    source: str
    target: str


def clean(text: str) -> str:
    """Composed characters (NFC), single blanks, none at the ends.

    >>> clean(" Va\\u202f!  E\\u0301t\\u00e9 ")
    'Va ! Été'
    """
    return " ".join(unicodedata.normalize("NFC", text).split())


def read_tsv(path: Path, columns: tuple[int, int] = (0, 1)) -> tuple[Pair, ...]:
    """The pairs of one file, one on each line, without a header; blank lines are skipped.

    Args:
        path: UTF-8 text, gzipped or not.
        columns: Those that hold source and target, from 0; all others are ignored.

    Raises:
        DataError: If there is no text, or a line has too few columns or an empty side; names file
            and line.
    """
    pairs = []
    for number, line in enumerate(_lines(path), start=1):
        if not line.strip(" "):
            continue
        cells = line.split("\t")
        if len(cells) <= max(columns):
            expected = "source TAB target"
            if columns != (0, 1):
                expected = f"at least {max(columns) + 1} columns separated by tabs"
            raise DataError(path, f"expected {expected}, found {line[:60]!r}", line=number)
        pair = Pair(*(clean(cells[column]) for column in columns))
        for side, text in (("source", pair.source), ("target", pair.target)):
            if not text:
                raise DataError(path, f"the {side} is empty", line=number)
        pairs.append(pair)
    return tuple(pairs)


def read_aligned(source: Path, target: Path) -> tuple[Pair, ...]:
    """A pair for each line of two files; a side may be empty.

    Raises:
        DataError: If one holds no text, or they differ in their number of lines.
    """
    texts, translations = _lines(source), _lines(target)
    if len(texts) != len(translations):
        raise DataError(
            source,
            f"expected as many lines as {target} has, {len(translations)}, found {len(texts)}",
        )
    return tuple(Pair(clean(a), clean(b)) for a, b in zip(texts, translations, strict=True))


def _lines(path: Path) -> list[str]:
    text = read_text(path)
    if not text.strip():
        raise DataError(path, "holds no text")
    return text.removesuffix("\n").split("\n")


def language_of(path: Path) -> str:
    """The language at the end of a file's name, empty where the name has no ending.

    >>> language_of(Path("train.tok.de.gz")), language_of(Path("dev.en.txt"))
    ('de', 'en')
    """
    return Path(path.name.removesuffix(".gz").removesuffix(".txt")).suffix.removeprefix(".")


def find_aligned(folder: Path) -> Files | None:
    """The files of each split by language; None where no split has more than one file.

    Raises:
        UserError: If a file names two splits, or two files are for the same split and language.
    """
    files: Files = {}
    for split, paths in files_of_splits(folder).items():
        by_language = files.setdefault(split, {})
        for path in paths:
            language = language_of(path)
            if language in by_language:
                raise UserError(
                    f"{folder}: two files for the {split} split in {language or 'one language'}, "
                    f"{by_language[language].name} and {path.name}; expected one"
                )
            by_language[language] = path
    return files if any(len(by_language) > 1 for by_language in files.values()) else None


def read_splits(
    folder: Path, files: Files, languages: Sequence[str]
) -> dict[str, tuple[Pair, ...]]:
    """The pairs of every split in two languages, source and target.

    Raises:
        UserError: If a split lacks a language.
        DataError: As for `read_aligned`.
    """
    for split, by_language in files.items():
        for language in languages:
            if language not in by_language:
                names = ", ".join(path.name for path in by_language.values())
                raise UserError(
                    f"{folder}: the {split} split has no .{language} file; found {names}"
                )
    source, target = languages
    return {
        split: read_aligned(by_language[source], by_language[target])
        for split, by_language in files.items()
    }
