"""Labelled texts as they are found in files and folders: which file is which part, or which class.

Files that name a part win over folders beside them; then come folders for each class, then files
for each class.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from recipes.kit.data.facts import Fact, counted, files_fact, listed, shortened
from recipes.kit.data.files import data_files, encoding_fact, is_hidden, read_text
from recipes.kit.data.left_out import LeftOut
from recipes.kit.data.readers import Found
from recipes.kit.data.source import Source
from recipes.kit.data.splits import files_of_splits, split_of
from recipes.kit.errors import DataError, UserError
from recipes.sentiment.columns import Wanted
from recipes.sentiment.formats import Texts, read_file
from recipes.sentiment.labels import LabelledText
from recipes.sentiment.lines import class_files, read_class_file
from recipes.sentiment.options import Config

#: Folders that hold no class: texts without labels.
_UNLABELLED = {"unsup", "unlabelled", "unlabeled"}

#: From a reason and names of options: refuse those that are given.
Refuse = Callable[..., None]


@dataclass(frozen=True)
class _Part:
    """What a part of a set holds.

    Attributes:
        texts: Its examples, and what was understood.
        names: Of the files or folders it was read from.
        files: All files it was read from.
    """

    texts: Texts
    names: Sequence[str]
    files: Sequence[Path]


def read_files(
    source: Source, config: Config, *, training: bool, refuse: Refuse
) -> Found[LabelledText]:
    """The texts of every part there is; those of a single file are train.

    Args:
        source: Files or folders.
        config: Options that say which files and columns, and how they are read.
        training: Whether classes are learned from the train part.
        refuse: Called with what has no effect on files such as these.

    Raises:
        UserError: If there is no telling which file is which.
        DataError: As for `recipes.sentiment.formats.read_file`.
    """
    parts: dict[str, _Part] = {}
    beside: list[str] = []
    like: Wanted | None = None
    for split, paths in _paths_of_parts(source, config, beside, refuse).items():
        part = _read_part(paths, config, like, training=training and split == "train")
        # The other files have the columns of the first.
        like = like or part.texts.like
        parts[split] = part
    first = next(iter(parts.values())).texts
    if not first.columns:
        names = ["text_column"]
        by_class = any(fact.topic == "class files" for fact in first.facts)
        if by_class or config.label_column != 0:
            names.append("label_column")
        what = "a file or folder for each class" if by_class else "lines `label text`"
        refuse(f"with {what}", *names)
    counts = {split: len(part.texts.examples) for split, part in parts.items()}
    facts = [files_fact({split: part.names for split, part in parts.items()}, counts)]
    if beside:
        facts.append(Fact("left aside", f"beside these files: {listed(beside)}"))
    if first.columns:
        facts.append(Fact("columns", first.columns))
    example = first.examples[0]
    facts.append(Fact("first text", f"{shortened(example.text)!r} is {example.label}"))
    every = [fact for part in parts.values() for fact in part.texts.facts]
    every += encoding_fact((file for part in parts.values() for file in part.files), config)
    splits = {split: part.texts.examples for split, part in parts.items()}
    return Found(splits, (*facts, *dict.fromkeys(every)))


def _paths_of_parts(
    source: Source, config: Config, beside: list[str], refuse: Refuse
) -> dict[str, Sequence[Path]]:
    """What each part is read from: a file, a folder of classes, or a file for each class.

    Args:
        source: Files or folders.
        config: Says which of several sets in a folder.
        beside: Takes names of folders that are left aside.
        refuse: See `read_files`.
    """
    if source.parts or len(source.paths) > 1 or source.path.is_file():
        refuse("with files that are named", "subset")
        return {**(source.parts or {"train": source.paths})}
    folder, subset = source.path, config.subset
    by_split = {
        split: [file for file in files if subset is None or subset in file.name]
        for split, files in files_of_splits(folder).items()
    }
    by_split = {split: files for split, files in by_split.items() if files}
    folders = {} if subset is not None else _class_folders(folder)
    if by_split and ("train" in by_split or not folders):
        beside += [f"{sub.name}/" for sub in _folders(folder)]
        for split, files in by_split.items():
            if len(files) > 1 and class_files(files, config) is None:
                raise UserError(
                    f"{folder}: several files for the {split} split: {listed(_names(files), 6)}; "
                    "--subset WORD takes those with the word in their names, and --train, --valid "
                    "and --test FILE choose"
                )
        return {**by_split}
    if folders:
        return folders
    files = [file for file in data_files(folder) if subset is None or subset in file.name]
    if len(files) == 1 or class_files(files, config):
        return {"train": files}
    named = "" if subset is None else f" and have {subset!r} in their names"
    raise UserError(
        f"{folder}: expected files that name a split (train, dev or valid, test){named}, or a file "
        "or a folder of texts for each class (or --train, --valid and --test FILE); found "
        f"{listed(_names(data_files(folder)), 5) or 'no data file'}"
    )


def _class_folders(folder: Path) -> dict[str, Sequence[Path]]:
    """Folders that hold a folder of texts for each class, by their split; nothing without any."""
    named = ((split_of(sub.name), sub) for sub in _folders(folder))
    parents = {split: sub for split, sub in named if split and _classes(sub)}
    if not parents and _classes(folder):
        parents = {"train": folder}
    return {split: (parents[split],) for split in ("train", "valid", "test") if split in parents}


def _classes(folder: Path) -> dict[str, list[Path]]:
    """The texts of each class."""
    classes = {sub.name: _text_files(sub) for sub in _folders(folder)}
    return {label: files for label, files in classes.items() if files}


def _text_files(folder: Path) -> list[Path]:
    if folder.name.lower() in _UNLABELLED:
        return []
    return [file for file in data_files(folder) if file.suffix.lower() in ("", ".txt", ".text")]


def _folders(path: Path) -> list[Path]:
    return [sub for sub in sorted(path.iterdir()) if sub.is_dir() and not is_hidden(sub)]


def _names(paths: Sequence[Path]) -> list[str]:
    return [path.name for path in paths]


def _read_part(
    paths: Sequence[Path], config: Config, like: Wanted | None, *, training: bool
) -> _Part:
    if len(paths) == 1 and paths[0].is_dir():
        return _read_class_folder(paths[0], config)
    if len(paths) == 1:
        return _Part(read_file(paths[0], config, like, training=training), _names(paths), paths)
    classes = None if any(path.is_dir() for path in paths) else class_files(paths, config)
    if classes is None:
        raise UserError(
            f"expected one file for a part, or a file of texts for each class whose names differ "
            f"in one word (reviews.pos, reviews.neg); found {listed(_names(paths), 4)}"
        )
    every = {label: read_class_file(path, label, config) for label, path in classes.items()}
    by_file = ", ".join(f"{path.name} is {label}" for label, path in classes.items())
    facts = [Fact("class files", f"a class each, a text a line: {by_file}")]
    facts += [fact for rows in every.values() for fact in rows.facts()]
    examples = tuple(example for rows in every.values() for example in rows.examples())
    return _Part(Texts(examples, tuple(facts)), _names(paths), paths)


def _read_class_folder(folder: Path, config: Config) -> _Part:
    """The texts of a folder with a folder for each class."""
    classes = _classes(folder)
    if not classes:
        raise UserError(f"{folder}: expected a folder for each class, with .txt files in it")
    left_out = LeftOut("files", config)
    examples = []
    for label, files in classes.items():
        for file in files:
            text = " ".join(read_text(file, config).split())
            if text:
                examples.append(LabelledText(text, label))
            else:
                left_out.add(DataError(file, "expected a text, found nothing"))
    left_out.check(examples)
    shown = counted({f"{label}/": len(files) for label, files in classes.items()}, 10)
    facts = [Fact("class files", f"a folder for each class, a text a file: {shown}")]
    if others := [f"{sub.name}/" for sub in _folders(folder) if sub.name not in classes]:
        facts.append(Fact("left aside", f"no folders of texts with a class: {listed(others)}"))
    facts += left_out.facts()
    every = [file for files in classes.values() for file in files]
    return _Part(Texts(tuple(examples), tuple(facts)), [f"{folder.name}/"], every)
