"""Labelled series in NumPy's `.npz` files."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from recipes.kit.data.arrays import read_arrays
from recipes.kit.data.facts import Fact, first_values, listed
from recipes.kit.data.splits import split_of
from recipes.kit.errors import DataError
from recipes.series_classification.labelled import (
    LabelledSeries,
    SeriesFile,
    as_float32,
    checked,
    tidy_label,
    without_padding,
)

_NAME = re.compile(r"(x|y|lengths)(?:_?(train|valid|val|validation|dev|test))?", re.IGNORECASE)

#: Arrays by what they hold, "x", "y" or "lengths".
_Arrays = dict[str, tuple[str, np.ndarray]]


def read_npz(path: Path) -> SeriesFile:
    """Read the series of an `.npz` file by split.

    `x_train` (series, steps, channels), or (series, steps) for a single channel, with the classes
    `y_train` (series,) and, where they differ in length, `lengths_train`; likewise `valid` and
    `test`; or `x`, `y` and `lengths`, all of it for training. Without lengths, steps at the end at
    which everything is NaN are padding. Names may be in capitals; other arrays are left aside.

    Raises:
        DataError: If it cannot be read, an array is missing or has another shape, or two have the
            same meaning.
    """
    arrays = read_arrays(path, "an .npz file with x and y")
    parts, aside = _by_part(path, arrays)
    if not any("x" in members for members in parts.values()):
        have = ", ".join(arrays) or "nothing"
        raise DataError(path, f"expected the arrays x and y, or x_train and y_train, found {have}")
    for split, members in parts.items():
        if "x" not in members:
            (name, _) = next(iter(members.values()))
            raise DataError(path, f"{name}: there is no x for the {split} part")
    series = {split: _read(path, members) for split, members in parts.items()}
    taken = (f"{name} {array.shape}" for part in parts.values() for name, array in part.values())
    x = next(iter(parts.values()))["x"][1]
    axes = f"x is {len(x):,} series of {x.shape[1]:,} steps"
    axes += f" of {x.shape[2]:,} channels" if x.ndim == 3 else ", one channel"
    facts = [Fact("arrays", f"{listed(taken)}; {axes}")]
    if aside:
        facts.append(Fact("left aside", f"{listed(aside)} (neither x, y nor lengths)"))
    first = next(iter(series.values()))[0]
    title = f"series 1 ({first.label})" if first.label is not None else "series 1"
    facts.append(first_values(title, [float(value) for value in first.values[:, 0]]))
    return SeriesFile(series, tuple(facts))


def _by_part(path: Path, arrays: dict[str, np.ndarray]) -> tuple[dict[str, _Arrays], list[str]]:
    """The arrays of each part, and the names of the others."""
    parts: dict[str, _Arrays] = {}
    aside = []
    for name, array in arrays.items():
        match = _NAME.fullmatch(name)
        if match is None:
            aside.append(name)
            continue
        split = split_of(match[2]) if match[2] else "train"
        part = parts.setdefault(split or "train", {})
        if (kind := match[1].lower()) in part:
            raise DataError(path, f"both {part[kind][0]} and {name} are {kind} of {split}")
        part[kind] = name, array
    return parts, aside


def _read(path: Path, members: _Arrays) -> tuple[LabelledSeries, ...]:
    name, x = members["x"]
    if x.ndim not in (2, 3) or not len(x) or x.dtype.kind not in "biuf":
        raise DataError(
            path, f"{name}: expected numbers (series, steps, channels), found {x.dtype} {x.shape}"
        )
    try:
        values = as_float32(path, x[..., None] if x.ndim == 2 else x, [None] * len(x))
    except DataError as error:
        raise DataError(path, f"{name}: {error.message}") from None
    for name, array in members.values():
        if array is not x and array.shape != (len(x),):
            raise DataError(path, f"{name}: expected the shape ({len(x)},), found {array.shape}")
    labels, lengths = (members.get(kind, ("", None)) for kind in ("y", "lengths"))
    if lengths[1] is not None:
        _check_lengths(path, *lengths, x.shape[1])
    series = []
    for row, padded in enumerate(values):
        own = without_padding(padded) if lengths[1] is None else padded[: int(lengths[1][row])]
        label = None if labels[1] is None else tidy_label(_text(labels[1][row]))
        series.append(checked(path, own, label, str(row + 1), None))
    return tuple(series)


def _check_lengths(path: Path, name: str, lengths: np.ndarray | None, steps: int) -> None:
    if lengths is None:
        return
    if not (lengths.dtype.kind in "iu" and lengths.min() >= 1 and lengths.max() <= steps):
        raise DataError(
            path,
            f"{name}: expected whole numbers from 1 to {steps}, found {lengths.dtype} from "
            f"{lengths.min()} to {lengths.max()}",
        )


def _text(label: np.generic) -> str:
    value = label.item()
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
