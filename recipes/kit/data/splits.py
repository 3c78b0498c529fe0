"""Training, validation and test parts: which files are which, and those that are missing."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Hashable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from recipes.kit.data.files import data_files
from recipes.kit.data.source import SPLITS, Source
from recipes.kit.errors import UserError

T = TypeVar("T")

#: Share of train that each missing split gets, at least one item.
_FRACTION = 0.1

_SPLIT_WORDS = {
    "train": r"train(?:ing)?",
    "valid": r"dev(?![-_.]?test)|devel|development|valid|val|validation|testa",
    "test": r"(?:news)?test|testing|tst|dev[-_.]?test|eval|evaluation|testb",
}
_SPLIT_PATTERNS = {
    split: re.compile(rf"(?<![a-z])(?:{words})(?:set|data)?(?![a-z])")
    for split, words in _SPLIT_WORDS.items()
}


def split_of(name: str) -> str | None:
    """The split a file or folder name stands for, or None.

    The words (train; dev, valid, val, validation; test, tst, devtest, eval; and CoNLL-2003's testa
    and testb) count where no letter touches them, so `wnut17train.conll` is train and `latest.txt`
    nothing.

    Raises:
        ValueError: If the name holds words of two splits.
    """
    found = [split for split, pattern in _SPLIT_PATTERNS.items() if pattern.search(name.lower())]
    if len(found) > 1:
        raise ValueError(f"{name} names two splits: {' and '.join(found)}")
    return found[0] if found else None


def files_of_splits(
    directory: Path, suffixes: Sequence[str] | None = None
) -> dict[str, list[Path]]:
    """The files of a directory that name "train", "valid" or "test", by name; the others are left.

    Raises:
        UserError: If a file names two splits.
    """
    found: dict[str, list[Path]] = {}
    for path in data_files(directory, suffixes):
        try:
            split = split_of(path.name)
        except ValueError as error:
            raise UserError(f"{directory}: {error}; expected one split in a file's name") from None
        if split is not None:
            found.setdefault(split, []).append(path)
    return {split: found[split] for split in SPLITS if split in found}


def split_files(source: Source, suffixes: Sequence[str] | None = None) -> dict[str, Path]:
    """The file of each split of a source of files: those the user named; else by the names of the
    files in a folder (`find_splits`); a file that is alone is "train".

    Raises:
        UserError: If a part has several files; or as for `find_splits`.
    """
    for split, paths in source.parts.items():
        if len(paths) > 1:
            raise UserError(f"--{split}: expected one file, found {len(paths)}.")
    if source.parts:
        return {split: paths[0] for split, paths in source.parts.items()}
    path = source.path
    return find_splits(path, suffixes) if path.is_dir() else {"train": path}


def find_splits(directory: Path, suffixes: Sequence[str] | None = None) -> dict[str, Path]:
    """Match the files of a directory to "train", "valid" and "test" by their names.

    Only splits that are there are keys; see `split_of` for the names and `data_files` for what is
    looked at. A file that is alone is "train", whatever its name.

    Raises:
        UserError: If it is not a directory, none of several files names a split, two files name the
            same one, or one file names two.
    """
    if not directory.is_dir():
        raise UserError(f"{directory}: expected a directory, found a file")
    found = files_of_splits(directory, suffixes)
    for split, paths in found.items():
        if len(paths) > 1:
            raise UserError(
                f"{directory}: two files for the {split} split, {paths[0].name} and "
                f"{paths[1].name}; expected one (--train, --valid and --test FILE choose)"
            )
    if not found:
        files = data_files(directory, suffixes)
        if len(files) == 1:
            return {"train": files[0]}
        seen = ", ".join(path.name for path in files[:5])
        kinds = f" ({', '.join(suffixes)})" if suffixes else ""
        raise UserError(
            f"{directory}: no file{kinds} names a split; expected train, dev or valid, and test "
            f"in the file names (or --train, --valid and --test FILE), found "
            f"{seen or 'no data file'}"
        )
    return {split: paths[0] for split, paths in found.items()}


def complete_splits(
    splits: Mapping[str, Sequence[T]],
    *,
    seed: int,
    where: str,
    what: str,
    key: Callable[[T], Hashable] | None = None,
) -> tuple[dict[str, tuple[T, ...]], str]:
    """Split off what is missing of train, valid and test from train, by a seeded shuffle.

    Args:
        splits: "train" and what else there is. An absent or empty split counts as missing.
        seed: Of the shuffle.
        where: The source, for messages.
        what: The name of the items, for messages.
        key: Items with an equal key go to the same split, so that no duplicate leaks. By default
            the item itself.

    Returns:
        The three splits (order kept within each), and a sentence that says what was done, empty
        when nothing was missing.

    Raises:
        UserError: If there is no train split, or too few distinct items to split.
    """
    train = tuple(splits.get("train", ()))
    if not train:
        have = ", ".join(split for split in SPLITS if splits.get(split)) or "nothing"
        raise UserError(f"{where}: no train split; expected train, found {have}")
    missing = [split for split in ("valid", "test") if not splits.get(split)]
    done = {split: tuple(splits.get(split, ())) for split in SPLITS}
    if not missing:
        return done, ""

    groups = list(dict.fromkeys((key or _identity)(item) for item in train))
    if len(groups) <= len(missing):
        raise UserError(
            f"{where}: too few distinct {what} to split off {' and '.join(missing)}: expected at "
            f"least {len(missing) + 1}, found {len(groups)}"
        )
    random.Random(seed).shuffle(groups)
    count = max(1, min(round(_FRACTION * len(groups)), (len(groups) - 1) // len(missing)))
    owner = {group: missing[i // count] for i, group in enumerate(groups[: count * len(missing)])}
    for split in SPLITS:
        if split == "train" or split in missing:
            done[split] = tuple(
                item for item in train if owner.get((key or _identity)(item), "train") == split
            )
    note = f"{' and '.join(missing)} split off train by a shuffle of its {what} with seed {seed}"
    return done, note


def _identity(item: T) -> Hashable:
    return item
