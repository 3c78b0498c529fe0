"""A series with its class, and how its numbers are read."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from recipes.kit.data.facts import Fact
from recipes.kit.data.marks import Marks
from recipes.kit.errors import DataError

#: Classes and channels, beside the model.
RECORD = "series.json"

#: What stands where a class is missing; "none" and "-" may be classes.
_NO_LABEL = {"", "nan", "na", "n/a", "#n/a", "null", "?"}


@dataclass(frozen=True, eq=False)
class LabelledSeries:
    """A series of numbers and its class.

    Attributes:
        values: (steps, channels) float32, NaN where a value is missing.
        label: None where it is not known.
        name: Its name in the file, or its number there, from 1.
    """

    values: np.ndarray
    label: str | None
    name: str

    def __len__(self) -> int:
        return len(self.values)

    @property
    def channels(self) -> int:
        """Values per step."""
        return int(self.values.shape[1])


@dataclass(frozen=True)
class Known:
    """What a model, or the part to train on, says of further files.

    Attributes:
        labels: The classes.
        channels: The names of the channels, in order, where they have names.
        label: The column of classes: its name, or without a header `column 0` or `last`.
        count: The number of channels; 0 where it is not known.
    """

    labels: tuple[str, ...] = ()
    channels: tuple[str, ...] = ()
    label: str | None = None
    count: int = 0


@dataclass(frozen=True)
class SeriesFile:
    """What a file holds.

    Attributes:
        parts: Series by part; "train" where the file does not name one.
        facts: How it was understood.
        channels: Names of the channels, where they have names.
        label: The column of classes, as in `Known`.
    """

    parts: dict[str, tuple[LabelledSeries, ...]]
    facts: tuple[Fact, ...] = ()
    channels: tuple[str, ...] = ()
    label: str | None = None


def labels_of(series: Iterable[LabelledSeries]) -> list[str]:
    """The class of each series, all of which are known."""
    return [str(each.label) for each in series]


def numbers(path: Path, cells: Sequence[str], line: int | None) -> np.ndarray:
    """The values of cells, float32, NaN where one is missing.

    Raises:
        DataError: If a cell is not a finite number; names file and line.
    """
    try:
        values = np.array(cells, "float64")
    except ValueError:
        values = np.array([_number(path, cell, line) for cell in cells])
    return as_float32(path, values, [line] * len(cells))


def as_float32(path: Path, values: np.ndarray, lines: Sequence[int | None]) -> np.ndarray:
    """Numbers of 32 bits.

    Args:
        path: The file, for messages.
        values: Numbers of 64 bits, a row for each line.
        lines: The line of each row.

    Raises:
        DataError: If a number is infinite or too large; names file and line.
    """
    with np.errstate(over="ignore"):
        small = values.astype("float32")
    if np.isinf(small).any():
        row = int(np.argwhere(np.isinf(small))[0][0])
        value = values[row][np.isinf(small[row])].flat[0]
        message = f"expected finite numbers of 32 bits, found {value:g}"
        raise DataError(path, message, line=lines[row])
    return small


def _number(path: Path, cell: str, line: int | None) -> float:
    value = Marks().number(cell)
    if value is None:
        raise DataError(path, f"expected a number, found {cell.strip()[:40]!r}", line=line)
    return value


def checked(
    path: Path, values: np.ndarray, label: str | None, name: str, line: int | None
) -> LabelledSeries:
    """A series, after the checks common to all formats.

    Raises:
        DataError: If it has no step, no value or an empty label; names file and line.
    """
    if not len(values):
        raise DataError(path, f"series {name} has no steps", line=line)
    if not np.isfinite(values).any():
        raise DataError(path, f"series {name} has no values: all are missing", line=line)
    if label is not None and label.lower() in _NO_LABEL:
        raise DataError(path, f"series {name} has no label", line=line)
    return LabelledSeries(values, label, name)


def tidy_label(label: str) -> str:
    """A label as it is shown: whole numbers without a fraction.

    >>> tidy_label("1.0000000e+00"), tidy_label(" walking "), tidy_label("07")
    ('1', 'walking', '07')
    """
    label = label.strip()
    if "." in label or "e" in label.lower():
        try:
            value = float(label)
        except ValueError:
            return label
        if math.isfinite(value) and value == int(value):
            return str(int(value))
    return label


def without_padding(values: np.ndarray) -> np.ndarray:
    """The values without the steps at the end at which all channels are missing."""
    known = np.flatnonzero(np.isfinite(values).any(axis=1))
    return values[: known[-1] + 1] if len(known) else values[:0]
