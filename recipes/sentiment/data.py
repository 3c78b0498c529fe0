"""Texts with a class each: reviews and their sentiment, or any other labels.

Sources (`load`):

- `embedded`: generated film reviews in which the words around a word decide what it says
  ("terribly exciting", "terribly dull"). No review of valid or test is in train.
- `tfds:imdb_reviews`, `tfds:glue/sst2`, `tfds:yelp_polarity_reviews` and others that hold a text
  and a class.
- A file, or a folder with train, dev and test files: lines `label text`, TSV, CSV or JSONL (see
  `recipes.sentiment.formats`), any of them gzipped. Where a folder holds several sets, such as
  `binary.train` and `fine.train`, `subset` says which.
- A folder per class with a text in each file, below train and test folders or not, as IMDB has it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from recipes.kit.data import tfds
from recipes.kit.data.labels import sort_labels
from recipes.kit.data.source import (
    SPLITS,
    complete_splits,
    data_files,
    files_of_splits,
    parse_source,
    read_text,
    split_of,
)
from recipes.kit.errors import DataError, UserError
from recipes.sentiment import embedded
from recipes.sentiment.formats import BY_NAME, Columns, LabelledText, read_file

__all__ = ["SIZES", "Columns", "LabelledText", "TextData", "load", "load_test"]

SIZES = {"train": 4000, "valid": 500, "test": 1000}

_Splits = dict[str, tuple[LabelledText, ...]]

_TEXT_FEATURES = ("text", "sentence", "review", "content", "document", "description")
_LABEL_FEATURES = ("label", "sentiment", "class", "stars")

#: Folders that hold no class: texts without labels.
_UNLABELLED = {"unsup", "unlabelled", "unlabeled"}


@dataclass(frozen=True)
class TextData:
    """Texts in three splits; `labels` are those of the training part, sorted."""

    train: tuple[LabelledText, ...]
    valid: tuple[LabelledText, ...]
    test: tuple[LabelledText, ...]
    description: str
    licence: str

    @property
    def labels(self) -> tuple[str, ...]:
        """Every class of train: numbers by size, else by name."""
        return sort_labels({example.label for example in self.train})

    @property
    def unseen_labels(self) -> tuple[str, ...]:
        """Classes of valid or test that train does not have; a model can never get them right."""
        held_out = {example.label for example in (*self.valid, *self.test)}
        return sort_labels(held_out - set(self.labels))


def load(
    source: str,
    *,
    seed: int = 0,
    columns: Columns = BY_NAME,
    subset: str | None = None,
) -> TextData:
    """Load a set of texts.

    Args:
        source: `embedded`, `tfds:NAME[/CONFIG]`, or a path to a folder or file.
        seed: of the generator (embedded) and of the shuffle that makes missing splits.
        columns: which columns or fields hold text and label.
        subset: what the names of the files have in common, beside the split.

    Raises:
        UserError: the source does not exist, cannot be fetched or lacks a train split, or there is
            one class only.
        DataError: a file is malformed; names file and line.
    """
    where = parse_source(source)
    if where.kind == "embedded":
        return TextData(
            **embedded.generate(SIZES, seed),
            description=(
                f"{_sizes(SIZES)} film reviews, generated (seed {seed}); no review of valid or "
                "test is in train"
            ),
            licence="generated: none",
        )
    if where.kind == "tfds":
        raw, licence = _read_tfds(where.name, columns)
        read = f"texts from {where}"
    else:
        raw, licence = (
            _read_path(where.path, columns, subset),
            "as stated by the owner of the files",
        )
        read = f"texts from {where.path}"
    splits, note = complete_splits(raw, seed=seed, where=source, what="texts", key=lambda e: e.text)
    data = TextData(
        **splits,
        description="; ".join(
            part for part in (f"{_sizes({s: len(splits[s]) for s in SPLITS})} {read}", note) if part
        ),
        licence=licence,
    )
    if len(data.labels) < 2:
        raise UserError(
            f"{source}: every training text has the same label, {data.labels[0]!r}; expected two "
            "or more (is it the right label column?)"
        )
    return data


def load_test(
    source: str, *, seed: int = 0, columns: Columns = BY_NAME, subset: str | None = None
) -> tuple[LabelledText, ...]:
    """What to evaluate on: all of a file, the test part of a folder or set.

    A folder needs no training part for this. Arguments and errors as for `load`.
    """
    where = parse_source(source)
    if where.kind == "path":
        if where.path.is_file():
            return read_file(where.path, columns)
        raw = _read_path(where.path, columns, subset)
        if raw.get("test"):
            return raw["test"]
    return load(source, seed=seed, columns=columns, subset=subset).test


def _sizes(sizes: Mapping[str, int]) -> str:
    return ", ".join(f"{sizes[split]:,} {split}" for split in SPLITS)


def _read_path(path: Path, columns: Columns, subset: str | None) -> _Splits:
    if path.is_file():
        return {"train": read_file(path, columns)}
    if subset is None and (classes := _class_folders(path)):
        return classes
    files = _files(path, subset)
    return {split: read_file(file, columns) for split, file in files.items()}


def _files(folder: Path, subset: str | None) -> dict[str, Path]:
    """The file of each split, of the one set that is there or is asked for."""
    found = {
        split: [file for file in files if subset is None or subset in file.name]
        for split, files in files_of_splits(folder).items()
    }
    for split, several in found.items():
        if len(several) > 1:
            names = ", ".join(file.name for file in several)
            raise UserError(
                f"{folder}: several files for the {split} split: {names}; --subset WORD takes "
                "those with the word in their names"
            )
    one = {split: several[0] for split, several in found.items() if several}
    if not one:
        seen = ", ".join(file.name for file in data_files(folder)[:5]) or "no data file"
        named = "" if subset is None else f" and have {subset!r} in their names"
        raise UserError(
            f"{folder}: expected files that name a split (train, dev or valid, test){named}, or a "
            f"folder for each class; found {seen}"
        )
    return one


def _class_folders(folder: Path) -> _Splits:
    """Texts in folders named by their class, below folders named by their split or not."""
    named = ((split_of(sub.name), sub) for sub in _folders(folder))
    below = {split: sub for split, sub in named if split and _folders(sub)}
    if not below and _folders(folder):
        below = {"train": folder}
    splits: _Splits = {}
    for split, parent in below.items():
        examples = [
            LabelledText(_one_text(file), sub.name)
            for sub in _folders(parent)
            if sub.name.lower() not in _UNLABELLED
            for file in data_files(sub, (".txt", ".text"))
        ]
        if not examples:
            raise UserError(f"{parent}: expected a folder for each class, with .txt files in it")
        splits[split] = tuple(examples)
    return splits


def _folders(path: Path) -> list[Path]:
    return [sub for sub in sorted(path.iterdir()) if sub.is_dir() and sub.name[0] not in "._"]


def _one_text(path: Path) -> str:
    text = " ".join(read_text(path).split())
    if not text:
        raise DataError(path, "expected a text, found nothing")
    return text


def _read_tfds(name: str, columns: Columns) -> tuple[_Splits, str]:
    where = f"tfds:{name}"
    builder = tfds.prepared_builder(name)
    features = builder.info.features
    text = _feature(where, features, columns.text, _TEXT_FEATURES, "--text-column")
    label = _feature(where, features, columns.label, _LABEL_FEATURES, "--label-column")
    names = getattr(features[label], "names", None)
    splits: _Splits = {}
    for split, have in tfds.splits(builder).items():
        examples = []
        for example in tfds.decoded(builder, have):
            value = example[label]
            if names is not None and int(value) < 0:
                continue  # a held-out label, as in the test splits of GLUE
            shown = value.decode() if isinstance(value, bytes) else str(value)
            examples.append(
                LabelledText(
                    example[text].decode("utf-8", "replace"),
                    shown if names is None else names[int(value)],
                )
            )
        splits[split] = tuple(examples)
    return splits, tfds.licence(builder)


def _feature(
    where: str,
    features: Mapping[str, object],
    given: int | str | None,
    known: Sequence[str],
    option: str,
) -> str:
    wanted = known if given is None else (str(given),)
    found = next((name for name in wanted if name in features), None)
    if found is None:
        have = ", ".join(sorted(features))
        raise UserError(f"{where}: no feature {' or '.join(wanted)}; {option} names one of {have}")
    return found
