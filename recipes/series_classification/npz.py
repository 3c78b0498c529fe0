"""Labelled series in NumPy's `.npz` files."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from recipes.kit.data.arrays import read_arrays
from recipes.kit.data.source import SPLITS
from recipes.kit.errors import DataError
from recipes.series_classification.labelled import (
    LabelledSeries,
    checked,
    tidy_label,
    without_padding,
)


def read_npz(path: Path) -> dict[str, tuple[LabelledSeries, ...]]:
    """Read the series of an `.npz` file by split.

    `x_train` (series, steps, channels), or (series, steps) for a single channel, with the classes
    `y_train` (series,) and, where they differ in length, `lengths_train`; likewise `valid` and
    `test`; or `x`, `y` and `lengths`, all of it for training. Without lengths, steps at the end at
    which everything is NaN are padding.

    Raises:
        DataError: If it cannot be read, or an array is missing or has another shape.
    """
    read = read_arrays(path, "an .npz file with x and y")
    arrays = {name.lower(): array for name, array in read.items()}
    parts = {
        split: _read(path, arrays, suffix)
        for split, suffix in (("train", ""), *((split, f"_{split}") for split in SPLITS))
        if f"x{suffix}" in arrays
    }
    if not parts:
        have = ", ".join(arrays) or "nothing"
        raise DataError(path, f"expected the arrays x and y, or x_train and y_train, found {have}")
    return parts


def _read(path: Path, arrays: dict[str, np.ndarray], suffix: str) -> tuple[LabelledSeries, ...]:
    x = arrays[f"x{suffix}"]
    if x.ndim not in (2, 3) or not len(x) or x.dtype.kind not in "biuf":
        raise DataError(
            path,
            f"x{suffix}: expected numbers (series, steps, channels), found {x.dtype} {x.shape}",
        )
    with np.errstate(over="ignore"):
        values = (x[..., None] if x.ndim == 2 else x).astype("float32")
    if np.isinf(values).any():
        raise DataError(path, f"x{suffix}: expected finite numbers of 32 bits, found infinity")
    labels, lengths = (arrays.get(f"{name}{suffix}") for name in ("y", "lengths"))
    for name, array in (("y", labels), ("lengths", lengths)):
        if array is not None and array.shape != (len(x),):
            raise DataError(
                path, f"{name}{suffix}: expected the shape ({len(x)},), found {array.shape}"
            )
    if lengths is not None:
        ok = lengths.dtype.kind in "iu" and lengths.min() >= 1 and lengths.max() <= x.shape[1]
        if not ok:
            raise DataError(
                path,
                f"lengths{suffix}: expected whole numbers from 1 to {x.shape[1]}, found "
                f"{lengths.dtype} from {lengths.min()} to {lengths.max()}",
            )
    series = []
    for row, padded in enumerate(values):
        own = without_padding(padded) if lengths is None else padded[: int(lengths[row])]
        label = None if labels is None else tidy_label(_text(labels[row]))
        series.append(checked(path, own, label, str(row + 1), None))
    return tuple(series)


def _text(label: np.generic) -> str:
    value = label.item()
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
