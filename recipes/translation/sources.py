"""Parallel corpora as they are found: which files or features, and which side is the source."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from recipes.kit.data import tfds
from recipes.kit.data.source import find_splits, parse_source
from recipes.kit.errors import UserError
from recipes.translation.formats import (
    Pair,
    clean,
    find_aligned,
    language_of,
    read_aligned,
    read_splits,
    read_tsv,
)


@dataclass(frozen=True)
class Options:
    """How a corpus is read.

    Attributes:
        columns: which columns of a TSV file hold source and target, counted from 0.
        source_language: of the languages that line-aligned files or a TFDS set hold.
        target_language: likewise.
        reverse: swap source and target, after everything else that decides which is which.
        limit: at most so many pairs of each split that is given (of all pairs where none is), those
            with the shortest sources; of equally long ones the first.

    Raises:
        UserError: a value is out of range.
    """

    columns: tuple[int, int] = (0, 1)
    source_language: str | None = None
    target_language: str | None = None
    reverse: bool = False
    limit: int | None = None

    def __post_init__(self) -> None:
        if self.limit is not None and self.limit < 1:
            raise UserError(f"limit: expected at least 1, found {self.limit}")
        if len({*self.columns}) != 2 or len(self.columns) != 2 or min(self.columns) < 0:
            found = ", ".join(map(str, self.columns))
            raise UserError(f"columns: expected two different numbers from 0, found {found}")
        if self.names_a_language and self.source_language == self.target_language:
            raise UserError(f"source and target language are the same, {self.source_language}")

    @property
    def names_a_language(self) -> bool:
        """Whether source, target or both are asked for by name."""
        return not (self.source_language is None and self.target_language is None)


AS_FOUND = Options()


@dataclass(frozen=True)
class Raw:
    """What was read, before anything is turned round, left out or split.

    `sides` is what to call source and target. Pairs may lack a side.
    """

    splits: dict[str, tuple[Pair, ...]]
    sides: tuple[str, str]
    where: str
    licence: str = "as stated by the owner of the files"
    note: str = ""


def read(source: str, options: Options) -> Raw:
    """The pairs of every split there is; those of a file or of two aligned ones are train.

    Raises:
        UserError, DataError: as for `recipes.translation.data.load`.
    """
    aligned = two_files(source)
    if aligned is not None:
        return _read_two_files(source, aligned, options)
    where = parse_source(source)
    if where.kind == "tfds":
        return _read_tfds(where.name, options)
    if where.path.is_dir():
        return _read_folder(where.path, options)
    return _read_tsv_files(where.path, {"train": where.path}, options)


def two_files(source: str) -> tuple[Path, Path] | None:
    """The files of `FIRST,SECOND`; None for anything else, such as one path with a comma in it.

    Raises:
        UserError: they are not two files.
    """
    if (
        "," not in source
        or source.strip().startswith("tfds:")
        or Path(source).expanduser().exists()
    ):
        return None
    names = source.split(",")
    files = [where.path for where in map(parse_source, names) if where.path.is_file()]
    if len(names) != 2 or len(files) != 2:
        raise UserError(f"--data {source}: expected two files, source and target")
    return files[0], files[1]


def _read_two_files(source: str, files: tuple[Path, Path], options: Options) -> Raw:
    named = {language_of(file) or file.name: file for file in files}
    if len(named) == 2 or options.names_a_language:
        sides = _direction(source, list(named), list(named), options)
        files = (named[sides[0]], named[sides[1]])
    else:
        sides = (files[0].name, files[1].name)
    where = " and ".join(map(str, files))
    return Raw({"train": read_aligned(*files)}, sides, where)


def _read_folder(folder: Path, options: Options) -> Raw:
    files = find_aligned(folder)
    if files is None:
        return _read_tsv_files(folder, find_splits(folder), options)
    languages = sorted({language for have in files.values() for language in have})
    sides = _direction(str(folder), languages, languages, options)
    note = "" if options.names_a_language else "by the order of their names"
    return Raw(read_splits(folder, files, sides), sides, str(folder), note=note)


def _read_tsv_files(where: Path, files: Mapping[str, Path], options: Options) -> Raw:
    if options.names_a_language:
        raise UserError(
            f"{where}: TSV files name no languages; --columns or --reverse says which column is "
            "the source"
        )
    splits = {split: read_tsv(file, options.columns) for split, file in files.items()}
    first, second = options.columns
    return Raw(splits, (f"column {first}", f"column {second}"), str(where))


def _read_tfds(name: str, options: Options) -> Raw:
    where = f"tfds:{name}"
    builder = tfds.prepared_builder(name)
    have = list(builder.info.features)
    usual = [key for key in builder.info.supervised_keys or () if key in have] or sorted(have)
    sides = _direction(where, have, usual, options)

    def text(example: Mapping[str, object], language: str) -> str:
        value = example[language]
        if not isinstance(value, bytes):
            raise UserError(
                f"{where}: {language} holds no text; expected a text in each of two languages"
            )
        return clean(value.decode("utf-8", "replace"))

    splits = {
        split: tuple(
            Pair(*(text(example, language) for language in sides))
            for example in tfds.decoded(builder, found)
        )
        for split, found in tfds.splits(builder).items()
    }
    return Raw(splits, sides, where, tfds.licence(builder))


def _direction(
    where: str, have: Sequence[str], usual: Sequence[str], options: Options
) -> tuple[str, str]:
    """The languages of source and target: as asked for, the rest as usual."""
    given = (options.source_language, options.target_language)
    for language in given:
        if language is not None and language not in have:
            raise UserError(f"{where}: no language {language!r}; has {', '.join(have)}")
    rest = [language for language in usual if language not in given]
    if len(rest) != given.count(None) and None in given:
        raise UserError(
            f"{where}: expected two languages, found {', '.join(have)}; --source-language and "
            "--target-language say which two"
        )
    source, target = (rest.pop(0) if language is None else language for language in given)
    return source, target
