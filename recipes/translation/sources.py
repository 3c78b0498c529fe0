"""Parallel corpora as they are found: which files or features, and which side is the source."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from recipes.kit.data import tfds
from recipes.kit.data.facts import Fact, files_fact, listed
from recipes.kit.data.files import data_files, encoding_fact
from recipes.kit.data.readers import OWNERS_LICENCE
from recipes.kit.data.source import Source
from recipes.kit.data.splits import files_of_splits, find_splits
from recipes.kit.errors import UserError
from recipes.translation.formats import Pair, Pairs, Wanted, clean, read_aligned, read_pairs
from recipes.translation.languages import ends_in_language, is_language, language_of
from recipes.translation.options import Config

#: From a part to its files by language.
Files = dict[str, dict[str, Path]]


@dataclass(frozen=True)
class Raw:
    """What was read, before anything is reversed, left out or split.

    Attributes:
        splits: Pairs, which may lack a side.
        sides: What to call source and target.
        how: How it was decided which is which, where nobody asked.
        facts: What was understood of the files.
        licence: That of the pairs.
    """

    splits: Mapping[str, Sequence[Pair]]
    sides: tuple[str, str]
    how: str = ""
    facts: Sequence[Fact] = ()
    licence: str = OWNERS_LICENCE


def read_files(source: Source, config: Config) -> Raw:
    """The pairs of every part there is; those of a file or of two aligned ones are train.

    Raises:
        UserError, DataError: As for `recipes.translation.data.load`.
    """
    if not source.parts and len(source.paths) == 1 and source.path.is_dir():
        return _read_folder(source.path, config)
    parts = source.parts or {"train": source.paths}
    for split, paths in parts.items():
        if len(paths) > 2 or not all(path.is_file() for path in paths):
            option = f"--{split}" if source.parts else "--data"
            given = ",".join(map(str, paths))
            raise UserError(f"{option} {given}: expected two files, source and target, or one")
    if {len(paths) for paths in parts.values()} == {1}:
        return _read_rows({split: paths[0] for split, paths in parts.items()}, config)
    if {len(paths) for paths in parts.values()} != {2}:
        raise UserError(f"--data {source}: expected one file for each part, or two for each")
    return _read_given(str(source), parts, config)


def _read_given(where: str, parts: Mapping[str, Sequence[Path]], config: Config) -> Raw:
    """Two line-aligned files for each part, source first, unless languages are asked for."""
    named = {split: _names(paths) for split, paths in parts.items()}
    sides = named["train"]
    if all(map(language_of, parts["train"])) or _names_a_language(config):
        sides = _direction(where, sides, sides, config)
    files: Files = {}
    for split, names in named.items():
        same = {*names} == {*sides}
        if not same and all(map(is_language, (*names, *sides))):
            raise UserError(
                f"--{split}: expected files in {' and '.join(sides)}, found {' and '.join(names)}"
            )
        # In the order in which they are given, unless their names say otherwise.
        files[split] = dict(zip(names if same else sides, parts[split], strict=True))
    return _read_aligned_files(where, files, sides, config)


def _names(paths: Sequence[Path]) -> tuple[str, str]:
    """What to call two files: their languages, else their names, else those of their folders."""
    first, second = paths
    if first == second:
        raise UserError(f"{first}: is given as source and as target; expected two files")
    ways = (
        (language_of(first), language_of(second)),
        (first.name, second.name),
        (first.parent.name, second.parent.name),
    )
    return next(((a, b) for a, b in ways if a and b and a != b), (str(first), str(second)))


def _read_folder(folder: Path, config: Config) -> Raw:
    files = find_aligned(folder)
    if files is None:
        return _read_rows(find_splits(folder), config)
    languages = sorted({language for by_language in files.values() for language in by_language})
    sides = _direction(str(folder), languages, languages, config)
    raw = _read_aligned_files(str(folder), files, sides, config)
    how = "" if _names_a_language(config) else "by the order of their names"
    return Raw(raw.splits, sides, how, raw.facts)


def _read_aligned_files(where: str, files: Files, sides: tuple[str, str], config: Config) -> Raw:
    """The pairs of every part in two languages.

    Raises:
        UserError: If a part lacks a language.
        DataError: As for `recipes.translation.formats.read_aligned`.
    """
    splits: dict[str, Sequence[Pair]] = {}
    for split, by_language in files.items():
        for language in sides:
            if language not in by_language:
                found = ", ".join(path.name for path in by_language.values())
                raise UserError(
                    f"{where}: the {split} split has no .{language} file; found {found}"
                )
        splits[split] = read_aligned(by_language[sides[0]], by_language[sides[1]], config)
    used = {split: [each[side] for side in sides] for split, each in files.items()}
    names = {split: [path.name for path in paths] for split, paths in used.items()}
    counts = {split: len(pairs) for split, pairs in splits.items()}
    encoding = encoding_fact((path for paths in used.values() for path in paths), config)
    return Raw(splits, sides, facts=(files_fact(names, counts), *encoding))


def _read_rows(files: Mapping[str, Path], config: Config) -> Raw:
    """A table or a JSON file for each part."""
    wanted = Wanted(config.columns, config.source_language, config.target_language)
    read: dict[str, Pairs] = {}
    for split, path in files.items():
        read[split] = read_pairs(path, wanted, config)
        wanted = replace(wanted, like=wanted.like or read[split].sides)
    splits = {split: each.pairs for split, each in read.items()}
    counts = {split: len(pairs) for split, pairs in splits.items()}
    sides = next(iter(read.values())).sides
    for split, each in read.items():
        if each.sides != sides and not any(side.startswith("column ") for side in each.sides):
            found = f"{listed(sides)} and {listed(each.sides)} in {files[split].name}"
            raise UserError(
                f"expected the same languages in every part, found {found}; --source-language and "
                "--target-language say which are source and target"
            )
    facts = [files_fact({split: [path.name] for split, path in files.items()}, counts)]
    facts += dict.fromkeys(fact for each in read.values() for fact in each.facts)
    return Raw(splits, sides, facts=[*facts, *encoding_fact(files.values(), config)])


def find_aligned(folder: Path) -> Files | None:
    """The files of each split by language; None where no split has more than one file.

    Raises:
        UserError: If a file names two splits, two files are for the same split and language, or
            each language has a folder of its own.
    """
    files: Files = {}
    by_split = files_of_splits(folder)
    if not by_split:
        pair = [path for path in data_files(folder) if ends_in_language(path)]
        if len({*map(language_of, pair)}) == len(pair) > 1:
            return {"train": {language_of(path): path for path in pair}}
        _refuse_folders_of_languages(folder)
    for split, paths in by_split.items():
        by_language = files.setdefault(split, {})
        for path in paths:
            language = language_of(path)
            if language in by_language:
                raise UserError(
                    f"{folder}: two files for the {split} split in {language or 'one language'}, "
                    f"{by_language[language].name} and {path.name}; expected one (--train, --valid "
                    "and --test FILE choose, or FILE,FILE for source and target)"
                )
            by_language[language] = path
    return files if any(len(by_language) > 1 for by_language in files.values()) else None


def _refuse_folders_of_languages(folder: Path) -> None:
    languages = [sub for sub in sorted(folder.iterdir()) if sub.is_dir() and is_language(sub.name)]
    if len(languages) > 1:
        first, second = languages[:2]
        raise UserError(
            f"{folder}: a folder for each language is not read; --train {first.name}/FILE,"
            f"{second.name}/FILE names two files, source and target"
        )


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
