"""Parallel corpora as they are found: which files or features, and which side is the source."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from recipes.kit.data import tfds
from recipes.kit.data.readers import OWNERS_LICENCE
from recipes.kit.data.source import Source
from recipes.kit.data.splits import find_splits
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
from recipes.translation.options import Config


@dataclass(frozen=True)
class Raw:
    """What was read, before anything is reversed, left out or split.

    Attributes:
        splits: Pairs, which may lack a side.
        sides: What to call source and target.
        how: How it was decided which is which, where nobody asked.
        files: Names of the files.
        licence: That of the pairs.
    """

    splits: Mapping[str, Sequence[Pair]]
    sides: tuple[str, str]
    how: str = ""
    files: Sequence[str] = ()
    licence: str = OWNERS_LICENCE


def read_files(source: Source, config: Config) -> Raw:
    """The pairs of every part there is; those of a file or of two aligned ones are train.

    Raises:
        UserError, DataError: As for `recipes.translation.data.load`.
    """
    if len(source.paths) > 1:
        return _read_two_files(source, config)
    if source.path.is_dir():
        return _read_folder(source.path, config)
    return _read_tsv_files(source.path, {"train": source.path}, config)


def _read_two_files(source: Source, config: Config) -> Raw:
    if len(source.paths) != 2 or not all(path.is_file() for path in source.paths):
        raise UserError(f"--data {source}: expected two files, source and target")
    first, second = source.paths
    named = {language_of(file) or file.name: file for file in source.paths}
    sides = (first.name, second.name)
    if len(named) == 2 or _names_a_language(config):
        sides = _direction(str(source), list(named), list(named), config)
        first, second = (named[side] for side in sides)
    return Raw({"train": read_aligned(first, second)}, sides, files=(first.name, second.name))


def _read_folder(folder: Path, config: Config) -> Raw:
    files = find_aligned(folder)
    if files is None:
        return _read_tsv_files(folder, find_splits(folder), config)
    languages = sorted({language for by_language in files.values() for language in by_language})
    sides = _direction(str(folder), languages, languages, config)
    how = "" if _names_a_language(config) else "by the order of their names"
    splits = read_splits(folder, files, sides)
    names = [by_language[side].name for by_language in files.values() for side in sides]
    return Raw(splits, sides, how, names)


def _read_tsv_files(where: Path, files: Mapping[str, Path], config: Config) -> Raw:
    if _names_a_language(config):
        raise UserError(
            f"{where}: TSV files lack language names; --columns or --reverse says which column is "
            "the source"
        )
    splits = {split: read_tsv(file, config.columns) for split, file in files.items()}
    first, second = config.columns
    names = [file.name for file in files.values()]
    return Raw(splits, (f"column {first}", f"column {second}"), files=names)


def read_tfds(name: str, config: Config) -> Raw:
    """The pairs of a dataset of tensorflow-datasets with a text in each of two languages."""
    where = f"tfds:{name}"
    builder = tfds.prepared_builder(name)
    features = list(builder.info.features)
    usual = [key for key in builder.info.supervised_keys or () if key in features]
    sides = _direction(where, features, usual or sorted(features), config)

    def text(example: Mapping[str, object], language: str) -> str:
        value = example[language]
        if not isinstance(value, bytes):
            raise UserError(
                f"{where}: {language} holds no text; expected a text in each of two languages"
            )
        return clean(tfds.text_of(value))

    splits = {
        split: tuple(
            Pair(*(text(example, language) for language in sides))
            for example in tfds.decoded(builder, part)
        )
        for split, part in tfds.splits(builder).items()
    }
    return Raw(splits, sides, licence=tfds.licence(builder))


def _names_a_language(config: Config) -> bool:
    return not (config.source_language is None and config.target_language is None)


def _direction(
    where: str, languages: Sequence[str], usual: Sequence[str], config: Config
) -> tuple[str, str]:
    """The languages of source and target: those asked for, the rest as usual."""
    asked = (config.source_language, config.target_language)
    for language in asked:
        if language is not None and language not in languages:
            raise UserError(f"{where}: no language {language!r}; has {', '.join(languages)}")
    rest = [language for language in usual if language not in asked]
    if len(rest) != asked.count(None) and None in asked:
        raise UserError(
            f"{where}: expected two languages, found {', '.join(languages)}; --source-language and "
            "--target-language say which two"
        )
    source, target = (rest.pop(0) if language is None else language for language in asked)
    return source, target
