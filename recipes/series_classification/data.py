"""Series of numbers with a class each: of one channel or several, of any lengths.

- `embedded`: scikit-learn's handwritten digits as series: row by row, 8 steps of 8 pixels; or
  pixel by pixel, in a fixed shuffled order.
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

from recipes.kit.data.facts import Fact
from recipes.kit.data.files import data_files
from recipes.kit.data.labels import classes_of, sort_labels
from recipes.kit.data.readers import Found, Readers, Splits
from recipes.kit.data.source import SPLITS, Source
from recipes.kit.data.splits import files_of_splits, find_splits
from recipes.kit.earlier import check_known, read_earlier
from recipes.kit.errors import DataError, UserError
from recipes.kit.objective import Objective
from recipes.kit.option import NoEffect
from recipes.series_classification.labelled import RECORD, LabelledSeries, labels_of
from recipes.series_classification.npz import read_npz
from recipes.series_classification.options import Config
from recipes.series_classification.tables import read_table
from recipes.series_classification.ts import read_ts

_Parts = dict[str, tuple[LabelledSeries, ...]]

#: Where a folder holds a set in several formats, the first of these is read.
FORMATS = (".ts", ".npz", ".csv", ".tsv", ".txt")

#: Shares of the training part that missing parts get; a small one gives more to validate on.
_TEST, _VALID, _VALID_OF_FEW = 0.2, 0.1, 0.2
_SMALL = 1000


@dataclass(frozen=True)
class Data(Splits[LabelledSeries]):
    """Series in three parts.

    Attributes:
        labels: Every class of train, sorted.
    """

    labels: tuple[str, ...]

    @property
    def channels(self) -> int:
        """Values per step."""
        return self.train[0].channels

    @property
    def objective(self) -> Objective:
        """The loss: with few series, the accuracy is the same after many epochs."""
        return Objective("loss", "min", shown="accuracy")


def load(source: Source, config: Config) -> Data:
    """Read a set of series.

    Raises:
        UserError: If the source does not exist or lacks a train part, there is only one class, or
            series differ in their channels.
        DataError: If a file is malformed; names file and line.
    """
    splits = readers(config).load(source, seed=config.seed)
    if source.kind == "files":
        _check_columns(source.path, config)
    earlier = read_earlier(config, RECORD, ("labels", "channels"))
    labels, channels = labels_of(splits.train), splits.train[0].channels
    known = earlier["labels"] if earlier else ()
    check_known(config, "classes", sort_labels({*labels}), known)
    if earlier and channels != earlier["channels"]:
        raise UserError(
            f"--from {config.from_}: its model takes {earlier['channels']} channels; found "
            f"{channels}."
        )
    held_out = labels_of((*splits.valid, *splits.test))
    classes, facts = classes_of(labels, held_out, source=source, what="series", known=known)
    shape = _shape((*splits.train, *splits.valid, *splits.test))
    return Data(
        splits.train,
        splits.valid,
        splits.test,
        understood=(*splits.understood, *shape, *facts),
        licence=splits.licence,
        labels=classes,
    )


def load_test(source: Source, config: Config) -> Sequence[LabelledSeries]:
    """What to evaluate a model on: the test part of the data it was trained on, or that of another
    source, or all of another file."""
    return readers(config).load_test(source, seed=config.seed, trained_on=config.data)


def readers(config: Config) -> Readers[LabelledSeries]:
    """How series are read."""

    def files(source: Source) -> Found[LabelledSeries]:
        path = source.path
        if path.is_dir():
            paths = _files_of(path)
            parts = {split: _whole(file, config) for split, file in paths.items()}
            names = ", ".join(file.name for file in paths.values())
        else:
            parts, names = read_file(path, config), path.name
        _check(parts, source)
        return Found(parts, (Fact("files", names),))

    return Readers(what="series", embedded=lambda: _digits(config), files=files, complete=_complete)


def read_file(path: Path, config: Config, *, labelled: bool = True) -> _Parts:
    """The series of a file by part; "train" where the file does not name one.

    Args:
        path: `.ts`, `.npz`, or a table.
        config: Names of the columns of a table.
        labelled: Whether rows of a table without a header start with a label.
    """
    suffix = _suffix(path)
    if suffix == ".npz":
        return read_npz(path)
    if suffix == ".ts":
        return {"train": read_ts(path)}
    if suffix == ".arff":
        raise DataError(path, "ARFF is not supported; expected .ts, .csv, .tsv, .txt or .npz")
    return {"train": read_table(path, config, labelled=labelled)}


def _check_columns(path: Path, config: Config) -> None:
    """Refuse the options of columns where no file is a table."""
    files = [*_files_of(path).values()] if path.is_dir() else [path]
    if any(_suffix(file) not in (".ts", ".npz") for file in files):
        return
    for name in ("series_column", "label_column", "time_column"):
        if getattr(config, name) is not None:
            raise NoEffect(name, f"on {path}, which is not a table")


def _suffix(path: Path) -> str:
    """The ending of a name in small letters, without that of gzip."""
    return Path(path.name.lower().removesuffix(".gz")).suffix


def _whole(path: Path, config: Config) -> tuple[LabelledSeries, ...]:
    """All series of a file whose name says which part it is."""
    parts = read_file(path, config)
    if [*parts] != ["train"]:
        raise DataError(
            path, f"is one part by its name, but holds {', '.join(parts)}; expected x and y"
        )
    return parts["train"]


def _files_of(folder: Path) -> dict[str, Path]:
    """The file of each part, all in one format."""
    for suffix in FORMATS:
        if files_of_splits(folder, [suffix]):
            return find_splits(folder, [suffix])
    seen = [path.name for path in data_files(folder)]
    seen += [f"{path.name}/" for path in sorted(folder.iterdir()) if path.is_dir()]
    raise UserError(
        f"{folder}: expected files that name a split, such as NAME_TRAIN.ts and NAME_TEST.ts "
        f"({', '.join(FORMATS)}), found {', '.join(seen[:5]) or 'nothing'}"
    )


def _check(parts: Mapping[str, Sequence[LabelledSeries]], source: Source) -> None:
    """Refuse a series without a label, or with other channels than the first."""
    channels = None
    for split, part in parts.items():
        for series in part:
            channels = channels or series.channels
            if series.label is None:
                raise UserError(
                    f"{source}: series {series.name} ({split}) has no label; expected one for each"
                )
            if series.channels != channels:
                raise UserError(
                    f"{source}: series {series.name} ({split}) has {series.channels} channels; "
                    f"expected {channels}, as the first"
                )


def _complete(
    parts: Mapping[str, Sequence[LabelledSeries]], seed: int, source: Source
) -> tuple[_Parts, str]:
    """The three parts, the missing ones split off train class by class, and how."""
    done = {split: tuple(parts.get(split, ())) for split in SPLITS}
    if not done["train"]:
        have = ", ".join(split for split in SPLITS if done[split]) or "nothing"
        raise UserError(f"{source}: no train split; expected train, found {have}")
    made = []
    for split in ("test", "valid"):
        if not done[split]:
            small = len(done["train"]) < _SMALL
            share = _TEST if split == "test" else _VALID_OF_FEW if small else _VALID
            done["train"], done[split] = _split_off(done["train"], share, seed)
            made.append(f"{split} ({share:.0%})")
        if not done["train"] or not done[split]:
            raise UserError(f"{source}: too few distinct series to split off a {split} part")
    how = f"{' and '.join(made)} split off train, class by class, with seed {seed}"
    return done, how if made else ""


def _split_off(
    train: Sequence[LabelledSeries], share: float, seed: int
) -> tuple[tuple[LabelledSeries, ...], tuple[LabelledSeries, ...]]:
    """What is left, and a share of each class, at least one; equal series stay together. A class
    of a single series stays in train."""
    dice, chosen = random.Random(seed), set()
    for label in sort_labels({*labels_of(train)}):
        own = list(dict.fromkeys(each.values.tobytes() for each in train if each.label == label))
        dice.shuffle(own)
        chosen |= {*own[: max(1, round(share * len(own)))]} if len(own) > 1 else set()
    parts: tuple[list[LabelledSeries], list[LabelledSeries]] = ([], [])
    for series in train:
        parts[series.values.tobytes() in chosen].append(series)
    return tuple(parts[0]), tuple(parts[1])


def _shape(every: Sequence[LabelledSeries]) -> list[Fact]:
    """Steps, channels and missing values."""
    lengths = [len(series) for series in every]
    shortest, longest = min(lengths), max(lengths)
    steps = f"{longest}" if shortest == longest else f"{shortest} to {longest}"
    facts = [Fact("steps", steps), Fact("channels", f"{every[0].channels}")]
    if missing := sum(int(np.isnan(series.values).sum()) for series in every):
        facts.append(Fact("missing", f"{missing:,} values"))
    return facts


def _digits(config: Config) -> Found[LabelledSeries]:
    from sklearn.datasets import load_digits

    digits, per_step = load_digits(), config.pixels_per_step
    pixels = digits.data.astype("float32")
    if config.permuted:
        pixels = pixels[:, np.random.default_rng(0).permutation(64)]
    steps = pixels.reshape(len(pixels), -1, per_step)
    series = tuple(
        LabelledSeries(values, str(label), str(row))
        for row, (values, label) in enumerate(zip(steps, digits.target, strict=True), start=1)
    )
    order = "pixel by pixel" if per_step == 1 else f"{per_step} pixels per step"
    if config.permuted:
        order += " in a shuffled order"
    elif per_step == 8:
        order = "row by row"
    return Found(
        {"train": series},
        (Fact("digits", f"handwritten digits of scikit-learn, {order}"),),
        "CC BY 4.0 (Alpaydin and Kaynak, UCI)",
    )
