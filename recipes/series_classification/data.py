"""Series of numbers with a class each: of one channel or several, of any lengths.

Sources (`load`):

- `embedded`: scikit-learn's handwritten digits as series: row by row, 8 steps of 8 pixels; or
  pixel by pixel, in an order that is shuffled once and for all.
- A `.ts` file of the UCR and UEA archives (`recipes.series_classification.ts`), CSV, TSV or text
  (`recipes.series_classification.tables`), or `.npz` (`recipes.series_classification.npz`), all but
  the last gzipped or not; or a folder whose files name train and test, such as `GunPoint_TRAIN.ts`.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from recipes.kit.data.labels import sort_labels
from recipes.kit.data.source import (
    SPLITS,
    data_files,
    files_of_splits,
    find_splits,
    parse_source,
)
from recipes.kit.errors import DataError, UserError
from recipes.series_classification.labelled import LabelledSeries
from recipes.series_classification.npz import read_npz
from recipes.series_classification.tables import BY_NAME, Columns, read_table
from recipes.series_classification.ts import read_ts

__all__ = ["Columns", "Digits", "LabelledSeries", "SeriesSet", "load", "load_test", "read_file"]

_Splits = dict[str, tuple[LabelledSeries, ...]]

#: Where a folder holds a set in several formats, the first of these is read.
_FORMATS = (".ts", ".npz", ".csv", ".tsv", ".txt")

#: Shares of the training part that missing splits get; of few series more to validate on.
_TEST, _VALID, _VALID_OF_FEW = 0.2, 0.1, 0.2
_SMALL = 1000


@dataclass(frozen=True)
class Digits:
    """How the embedded digits are read.

    Attributes:
        pixels: Pixels at a step, a divisor of 64; 8 is a row.
        permuted: Whether in a shuffled order, always the same.
    """

    pixels: int = 8
    permuted: bool = False


@dataclass(frozen=True)
class SeriesSet:
    """Series in three splits; `labels` are those of the training part, sorted."""

    train: tuple[LabelledSeries, ...]
    valid: tuple[LabelledSeries, ...]
    test: tuple[LabelledSeries, ...]
    description: str
    licence: str

    @property
    def labels(self) -> tuple[str, ...]:
        """Every class of train: numbers by size, else by name."""
        return sort_labels({str(one.label) for one in self.train})

    @property
    def unseen_labels(self) -> tuple[str, ...]:
        """Classes of valid or test that train does not have; a model can never get them right."""
        held_out = {str(one.label) for one in (*self.valid, *self.test)}
        return sort_labels(held_out - set(self.labels))

    @property
    def channels(self) -> int:
        """Values at a step."""
        return self.train[0].values.shape[1]


def load(
    source: str, *, seed: int = 0, digits: Digits | None = None, columns: Columns = BY_NAME
) -> SeriesSet:
    """Load a set of series.

    Args:
        source: `embedded`, or a path to a file or folder.
        seed: of the shuffle that makes missing splits, class by class.
        digits: how the embedded ones are read.
        columns: which columns of a table are what.

    Raises:
        UserError: the source does not exist or lacks a train split, there is one class only, or
            series differ in their channels.
        DataError: a file is malformed; names file and line.
    """
    where = parse_source(source)
    if where.kind == "tfds":
        raise UserError(f"--data {source}: series are read from files; expected embedded or a path")
    if where.kind == "embedded":
        raw, licence = _digits(digits or Digits()), "CC BY 4.0 (Alpaydin and Kaynak, UCI)"
        read = "handwritten digits of scikit-learn" + _said(digits or Digits())
    else:
        raw, licence = _read_path(where.path, columns), "as stated by the owner of the files"
        read = f"series from {where.path}"
    _check(raw, source)
    splits, note = _completed(raw, seed, source)
    counts = ", ".join(f"{len(splits[split]):,} {split}" for split in SPLITS)
    shape = _shape([one for split in SPLITS for one in splits[split]])
    description = "; ".join(part for part in (f"{counts}: {read}", shape, note) if part)
    data = SeriesSet(**splits, description=description, licence=licence)
    if len(data.labels) < 2:
        raise UserError(
            f"{source}: every training series has the same label, {data.labels[0]!r}; expected two "
            "or more"
        )
    return data


def load_test(
    source: str, *, seed: int = 0, digits: Digits | None = None, columns: Columns = BY_NAME
) -> tuple[LabelledSeries, ...]:
    """What to evaluate on: all of a file, the test part of a folder or of an `.npz` file.

    A folder needs no training part for this. Arguments and errors as for `load`.
    """
    where = parse_source(source)
    if where.kind == "path":
        raw = _read_path(where.path, columns)
        if set(raw) == {"train"} and where.path.is_file():
            raw = {"test": raw["train"]}
        if "test" in raw:
            _check(raw, source)
            return raw["test"]
    return load(source, seed=seed, digits=digits, columns=columns).test


def read_file(
    path: Path, columns: Columns = BY_NAME, *, labelled: bool = True
) -> dict[str, tuple[LabelledSeries, ...]]:
    """The series of a file by split; "train" where it is not said.

    Args:
        path: `.ts`, `.npz`, or a table.
        columns: Which columns of a table are what.
        labelled: Whether rows of a table without a header start with a label.
    """
    suffix = Path(path.name.lower().removesuffix(".gz")).suffix
    if suffix == ".npz":
        return read_npz(path)
    if suffix == ".ts":
        return {"train": read_ts(path)}
    if suffix == ".arff":
        raise DataError(path, "ARFF is not read; expected .ts, .csv, .tsv, .txt or .npz")
    return {"train": read_table(path, columns, labelled=labelled)}


def _read_path(path: Path, columns: Columns) -> _Splits:
    if path.is_file():
        return read_file(path, columns)
    for suffix in _FORMATS:
        if files_of_splits(path, [suffix]):
            break
    else:
        seen = [p.name for p in data_files(path)] + [
            f"{p.name}/" for p in sorted(path.iterdir()) if p.is_dir()
        ]
        raise UserError(
            f"{path}: expected files that name a split, such as NAME_TRAIN.ts and NAME_TEST.ts "
            f"({', '.join(_FORMATS)}), found {', '.join(seen[:5]) or 'nothing'}"
        )
    files = find_splits(path, [suffix])
    return {split: read_file(file, columns)["train"] for split, file in files.items()}


def _check(raw: Mapping[str, Sequence[LabelledSeries]], source: str) -> None:
    """Every series has a label, and all have the same channels."""
    channels = None
    for split, several in raw.items():
        for one in several:
            found = one.values.shape[1]
            channels = channels or found
            if one.label is None:
                raise UserError(
                    f"{source}: series {one.name} ({split}) has no label; expected one for each"
                )
            if found != channels:
                raise UserError(
                    f"{source}: series {one.name} ({split}) has {found} channels; expected "
                    f"{channels}, as the first"
                )


def _completed(raw: _Splits, seed: int, where: str) -> tuple[_Splits, str]:
    """The three splits, and what was split off the training part."""
    done = {split: tuple(raw.get(split, ())) for split in SPLITS}
    if not done["train"]:
        have = ", ".join(split for split in SPLITS if done[split]) or "nothing"
        raise UserError(f"{where}: no train split; expected train, found {have}")
    notes = []
    for split in ("test", "valid"):
        if not done[split]:
            small = len(done["train"]) < _SMALL
            share = _TEST if split == "test" else _VALID_OF_FEW if small else _VALID
            done["train"], done[split] = _split_off(done["train"], share, seed)
            notes.append(f"{split} ({share:.0%})")
        if not done["train"] or not done[split]:
            raise UserError(f"{where}: too few distinct series to split off a {split} part")
    said = f"{' and '.join(notes)} split off train, class by class, with seed {seed}"
    return done, said if notes else ""


def _split_off(
    train: Sequence[LabelledSeries], share: float, seed: int
) -> tuple[tuple[LabelledSeries, ...], tuple[LabelledSeries, ...]]:
    """What is left, and a share of each class, at least one; equal series stay together. A class
    of one series stays where it is."""
    dice, chosen = random.Random(seed), set()
    for label in sort_labels({str(one.label) for one in train}):
        own = list(dict.fromkeys(one.values.tobytes() for one in train if one.label == label))
        dice.shuffle(own)
        chosen |= {*own[: max(1, round(share * len(own)))]} if len(own) > 1 else set()
    parts: tuple[list[LabelledSeries], list[LabelledSeries]] = ([], [])
    for one in train:
        parts[one.values.tobytes() in chosen].append(one)
    return tuple(parts[0]), tuple(parts[1])


def _shape(every: Sequence[LabelledSeries]) -> str:
    """Steps, channels and classes, for a person."""
    lengths = [len(one) for one in every]
    shortest, longest = min(lengths), max(lengths)
    steps = f"{longest}" if shortest == longest else f"{shortest} to {longest}"
    channels = every[0].values.shape[1]
    classes = len({one.label for one in every})
    missing = sum(int(np.isnan(one.values).sum()) for one in every)
    said = f"{steps} steps of {channels} channel{'s' if channels > 1 else ''}, {classes} classes"
    return said + (f", {missing:,} values missing" if missing else "")


def _digits(how: Digits) -> _Splits:
    from sklearn.datasets import load_digits

    found = load_digits()
    pixels = found.data.astype("float32")
    if how.permuted:
        pixels = pixels[:, np.random.default_rng(0).permutation(64)]
    steps = pixels.reshape(len(pixels), -1, how.pixels)
    return {
        "train": tuple(
            LabelledSeries(values, str(label), str(row))
            for row, (values, label) in enumerate(zip(steps, found.target, strict=True), start=1)
        )
    }


def _said(how: Digits) -> str:
    if how.pixels == 8 and not how.permuted:
        return ", row by row"
    pixels = "pixel by pixel" if how.pixels == 1 else f"{how.pixels} pixels at a step"
    return f", {pixels}" + (" in a shuffled order" if how.permuted else "")
