"""Series of numbers with a class each: of one channel or several, of any lengths.

- `embedded`: scikit-learn's handwritten digits as series: row by row, 8 steps of 8 pixels; or
  pixel by pixel, in a fixed shuffled order.
- A `.ts` file of the UCR and UEA archives (`recipes.series_classification.ts`), CSV, TSV or text
  (`recipes.series_classification.tables`), or `.npz` (`recipes.series_classification.npz`), all but
  the last gzipped or not; or a folder whose files name train and test, such as `GunPoint_TRAIN.ts`;
  or a file for each part (`--train`, `--valid`, `--test`).
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from recipes.kit.data.facts import Fact, merged, understood_first
from recipes.kit.data.files import data_files, suffix_of
from recipes.kit.data.labels import classes_of, sort_labels
from recipes.kit.data.readers import Found, Readers, Splits
from recipes.kit.data.source import SPLITS, Source
from recipes.kit.data.splits import files_of_splits, find_splits, split_files
from recipes.kit.earlier import check_known, read_earlier
from recipes.kit.errors import DataError, UserError
from recipes.kit.objective import Objective
from recipes.kit.option import NoEffect, options_of
from recipes.series_classification.labelled import (
    RECORD,
    Known,
    LabelledSeries,
    SeriesFile,
    labels_of,
)
from recipes.series_classification.npz import read_npz
from recipes.series_classification.options import TABLE_OPTIONS, Config
from recipes.series_classification.tables import read_table
from recipes.series_classification.ts import read_ts

_Parts = dict[str, tuple[LabelledSeries, ...]]

#: Where a folder holds a set in several formats, the first of these is read.
FORMATS = (".ts", ".npz", ".csv", ".tsv", ".txt")

#: Shares of the training part that missing parts get; a small one gives more to validate on.
_TEST, _VALID, _VALID_OF_FEW = 0.2, 0.1, 0.2
_SMALL = 1000

#: More classes than this are refused where they are fractions, and where most occur only once.
_MOST_CLASSES = 20


@dataclass(frozen=True)
class Data(Splits[LabelledSeries]):
    """Series in three parts.

    Attributes:
        labels: Every class of train, sorted.
        known: What its files say of further ones.
    """

    labels: tuple[str, ...]
    known: Known = Known()

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
    earlier = read_earlier(config, RECORD, ("labels", "channels"))
    reader = _Reader(config, known_of(earlier) if earlier else Known())
    splits = reader.readers().load(source, seed=config.seed)
    labels, channels = labels_of(splits.train), splits.train[0].channels
    known = earlier["labels"] if earlier else ()
    held_out = labels_of((*splits.valid, *splits.test))
    with understood_first(splits.understood):
        check_known(config, "classes", sort_labels({*labels}), known)
        if earlier and channels != earlier["channels"]:
            raise UserError(
                f"--from {config.from_}: its model takes {earlier['channels']} channels; found "
                f"{channels}."
            )
        classes, facts = classes_of(labels, held_out, source=source, what="series", known=known)
    shape = _shape((*splits.train, *splits.valid, *splits.test))
    return Data(
        splits.train,
        splits.valid,
        splits.test,
        understood=(*splits.understood, *shape, *facts),
        licence=splits.licence,
        labels=classes,
        known=reader.known,
    )


def load_test(source: Source, config: Config, known: Known | None = None) -> list[LabelledSeries]:
    """What to evaluate a model on: the test part of the data it was trained on, or that of another
    source, or all of another file.

    Args:
        source: The source.
        config: Of the training.
        known: What the model knows of classes and channels.
    """
    readers = _Reader(config, known or Known(), other=source != config.data).readers()
    return [*readers.load_test(source, seed=config.seed, trained_on=config.data)]


def known_of(record: Mapping[str, Any]) -> Known:
    """What the record of a model says of further files; those of earlier versions say less."""
    return Known(
        tuple(record["labels"]),
        tuple(record.get("names", ())),
        record.get("label_column"),
        record["channels"],
    )


class _Reader:
    """Reads series, and knows afterwards what belongs to them.

    Args:
        config: How files are read.
        known: What a model knows of classes and channels.
        other: Whether the files are others than those the config was made for.

    Attributes:
        known: What the first file says of further ones.
    """

    def __init__(self, config: Config, known: Known, *, other: bool = False) -> None:
        self._config, self._other = config, other
        self.known = known

    def readers(self) -> Readers[LabelledSeries]:
        """How each kind of source is read."""
        return Readers(
            what="series",
            embedded=lambda: _digits(self._config),
            files=self._files,
            complete=_complete,
        )

    def _files(self, source: Source) -> Found[LabelledSeries]:
        paths = _paths(source)
        if not self._other:
            _check_options([*paths.values()], source, self._config)
        parts: _Parts = {}
        facts: list[tuple[str, Sequence[Fact]]] = []
        sizes, known = [], self.known
        for split, path in paths.items():
            file = read_file(path, self._config, known=known)
            own = file.parts if [*paths] == ["train"] else {split: _whole(path, file)}
            counts = ", ".join(f"{len(series):,} {part}" for part, series in own.items())
            sizes.append(f"{path.name}: {counts}")
            facts.append((path.name, file.facts))
            parts.update(own)
            # What the first file says of classes and channels holds for the others.
            labels = {each.label for each in next(iter(own.values())) if each.label is not None}
            known = Known(
                known.labels or tuple(labels),
                known.channels or file.channels,
                known.label or file.label,
                known.count,
            )
        self.known = known
        _check(parts, source)
        if not self._other:
            _check_labels(labels_of(parts.get("train", ())), source)
        return Found(parts, (Fact("files", "; ".join(sizes)), *merged(facts)))


def read_file(
    path: Path, config: Config, *, labelled: bool = True, known: Known | None = None
) -> SeriesFile:
    """The series of a file.

    Args:
        path: `.ts`, `.npz`, or a table.
        config: Names of the columns of a table, and how files are read.
        labelled: Whether a table without a column named like one has a column of classes.
        known: What a model says of classes and channels.
    """
    suffix = suffix_of(path)
    if suffix == ".npz":
        return read_npz(path)
    if suffix == ".ts":
        return read_ts(path, config)
    if suffix == ".arff":
        raise DataError(path, "ARFF is not supported; expected .ts, .csv, .tsv, .txt or .npz")
    return read_table(path, config, labelled=labelled, known=known)


def _check_options(files: Sequence[Path], source: Source, config: Config) -> None:
    """Refuse the options of tables, and of text, where no file is one."""
    suffixes = {suffix_of(file) for file in files}
    defaults = {option.name: option.default for option in options_of(Config)}
    idle = () if suffixes - {".ts", ".npz"} else TABLE_OPTIONS
    for name in (*idle, *(("encoding",) if suffixes == {".npz"} else ())):
        if getattr(config, name) != defaults[name]:
            what = "not text" if name == "encoding" else "not a table"
            raise NoEffect(name, f"on {source}, which is {what}")


def _whole(path: Path, file: SeriesFile) -> tuple[LabelledSeries, ...]:
    """All series of a file that is one of the parts."""
    if [*file.parts] != ["train"]:
        raise DataError(
            path, f"is one of several parts, but holds {', '.join(file.parts)}; expected x and y"
        )
    return file.parts["train"]


def _paths(source: Source) -> dict[str, Path]:
    """The file of each part; those of a folder all in one format."""
    if source.parts or not source.path.is_dir():
        return split_files(source)
    folder = source.path
    for suffix in FORMATS:
        if files_of_splits(folder, [suffix]):
            return find_splits(folder, [suffix])
    alone = data_files(folder, FORMATS)
    if len(alone) == 1:
        return {"train": alone[0]}
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
                    f"{source}: series {series.name} ({split}) has no label; expected one for "
                    "each (in a table, --label-column names the column of classes)"
                )
            if series.channels != channels:
                raise UserError(
                    f"{source}: series {series.name} ({split}) has {series.channels} channels; "
                    f"expected {channels}, as the first"
                )


def _check_labels(labels: Sequence[str], source: Source) -> None:
    """Refuse numbers to be estimated, and names, in place of classes."""
    counts = Counter(labels)
    if len(counts) <= _MOST_CLASSES:
        return
    once = sum(count == 1 for count in counts.values())
    fractions = sum("." in label for label in counts)
    what = "fractions" if 2 * fractions > len(counts) else "of one series each"
    if 2 * max(fractions, once) > len(counts):
        raise UserError(
            f"{source}: {len(counts):,} different labels ({', '.join([*counts][:3])}, ...), most "
            f"of them {what}; expected classes, which repeat (in a table, --label-column names "
            "their column; numbers to be estimated are not classes)"
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
