"""Series in even steps, as they are read and before they are cut."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from recipes.forecasting.clock import Clock
from recipes.kit.data.facts import Fact
from recipes.kit.data.readers import OWNERS_LICENCE


@dataclass(frozen=True)
class Series:
    """A series in even steps; NaN is a missing value.

    Attributes:
        name: The file, or the name in the column of series.
        values: Targets, (steps, targets), float64.
        covariates: (steps, covariates).
        known: (steps, known); more steps than `values` has where the file goes on after the last
            value.
        clock: Times of the steps; None where there are no time stamps.
    """

    name: str
    values: np.ndarray
    covariates: np.ndarray
    known: np.ndarray
    clock: Clock | None

    def __len__(self) -> int:
        return len(self.values)

    def times(self, steps: np.ndarray) -> np.ndarray:
        """The times of steps, in seconds since 1970.

        Raises:
            ValueError: If the series has no time stamps.
        """
        if self.clock is None:
            raise ValueError(f"The series {self.name!r} has no time stamps.")
        return self.clock.at(steps)


@dataclass(frozen=True)
class SeriesSet:
    """Series of the same columns.

    Attributes:
        series: The series.
        columns: Names of the columns to forecast.
        targets: What is forecast of each series: the columns, or where each is a series of its own
            its "value".
        covariates: Names of the columns known up to the present.
        known: Names of the columns whose future is known.
        understood: What was understood of the source.
        licence: Under what licence it stands.
    """

    series: tuple[Series, ...]
    columns: tuple[str, ...]
    targets: tuple[str, ...]
    covariates: tuple[str, ...] = ()
    known: tuple[str, ...] = ()
    understood: tuple[Fact, ...] = ()
    licence: str = OWNERS_LICENCE

    @property
    def clock(self) -> Clock | None:
        """That of the first series; all have the same steps."""
        return self.series[0].clock
