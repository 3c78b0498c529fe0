"""What was read of one file: values with their times, one series below the other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from recipes.kit.data.facts import Fact
from recipes.kit.data.times import Times
from recipes.kit.errors import DataError


@dataclass(frozen=True)
class Names:
    """Names of the columns of numbers.

    Attributes:
        targets: What is forecast.
        covariates: What is known up to the present.
        known: What is known of the future.
    """

    targets: tuple[str, ...]
    covariates: tuple[str, ...] = ()
    known: tuple[str, ...] = ()

    @property
    def all(self) -> tuple[str, ...]:
        """Those of the columns of values."""
        return (*self.targets, *self.covariates, *self.known)


@dataclass(frozen=True)
class Block:
    """Rows of values, each of a series and at a time.

    Attributes:
        path: The file.
        names: Names of the columns of values.
        values: (rows, columns), float64, NaN where one is missing.
        groups: The series of each row; empty where the file holds one.
        times: The time of each row; None where each is the next step.
        lines: The line of each row.
        written: Time stamp of a row as the file has it.
        error: An error about a row.
        naming: Names of the columns that would tell apart rows of the same time.
        facts: What was understood of the file.
    """

    path: Path
    names: Names
    values: np.ndarray
    groups: Sequence[str]
    times: Times | None
    lines: Sequence[int]
    written: Callable[[int], str]
    error: Callable[[int, str], DataError]
    naming: Callable[[], Sequence[str]]
    facts: tuple[Fact, ...]
