"""Windows of series and what follows them; naive forecasts of what follows."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from recipes.forecasting.formats import Series

Arrays = dict[str, np.ndarray]


@dataclass(frozen=True)
class Part:
    """Series, and of each the steps from which to which forecasts are made."""

    series: Sequence[Series]
    spans: Sequence[tuple[int, int]]


class Windows:
    """Windows before origins, and the steps after them.

    An origin is the first step that is forecast; all that is forecast lies within the part, and the
    window before it may reach back into what came before the part.

    Args:
        part: Series and spans.
        window: Steps of a window. What a series does not reach back to is missing.
        horizon: Steps that are forecast.
        stride: Steps from origin to origin.
        whole: Whether windows must lie within their series.
        periods: Seconds after which the calendar repeats, for `known`.
        after: Make one origin of each series, behind its last step, instead.
    """

    def __init__(
        self,
        part: Part,
        window: int,
        horizon: int,
        *,
        stride: int = 1,
        whole: bool = False,
        periods: Sequence[int] = (),
        after: bool = False,
    ) -> None:
        self.series = part.series
        self.spans = tuple(part.spans)
        self.window, self.horizon = window, horizon
        self.periods = tuple(periods)
        self.values = [_wide(s.values, window, horizon) for s in part.series]
        self._covariates = [_wide(s.covariates, window, horizon) for s in part.series]
        known = [s.known[: len(s) + horizon] for s in part.series]
        self._known = [
            _wide(one, window, len(s) + horizon - len(one))
            for one, s in zip(known, part.series, strict=True)
        ]
        origins = []
        for index, (one, (start, end)) in enumerate(zip(part.series, part.spans, strict=True)):
            first = max(start, window) if whole else max(start, 1)
            steps = np.arange(first, end - horizon + 1, stride)
            steps = np.array([len(one)]) if after else steps[self._useful(index, steps)]
            origins.append(np.stack([np.full_like(steps, index), steps], axis=1))
        self.origins = np.concatenate(origins)

    def __len__(self) -> int:
        return len(self.origins)

    def _useful(self, index: int, steps: np.ndarray) -> np.ndarray:
        """Whether anything is known before each origin, and of what follows it."""
        known = np.isfinite(self.values[index]).any(axis=1)
        so_far = np.concatenate([[0], np.cumsum(known)])
        start, origin, end = (
            so_far[steps + k] for k in (0, self.window, self.window + self.horizon)
        )
        return (origin > start) & (end > origin)

    def truth(self, rows: Sequence[int] | np.ndarray) -> np.ndarray:
        """What follows, (rows, horizon, targets), float64, NaN where it is missing."""
        steps = np.arange(self.window, self.window + self.horizon)
        return self._cut(self.values, rows, steps)

    def raw(self, rows: Sequence[int] | np.ndarray) -> Arrays:
        """Windows as an exported forecaster takes them: `past`, and where there are any
        `covariates`, `known`, and `times`, seconds since 1970."""
        before, all_steps = np.arange(self.window), np.arange(self.window + self.horizon)
        found = {"past": self._cut(self.values, rows, before)}
        if self._covariates[0].shape[1]:
            found["covariates"] = self._cut(self._covariates, rows, before)
        if self._known[0].shape[1]:
            found["known"] = self._cut(self._known, rows, all_steps)
        found = {name: array.astype("float32") for name, array in found.items()}
        if self.periods:
            found["times"] = self.times(rows)
        return found

    def inputs(self, rows: Sequence[int] | np.ndarray) -> Arrays:
        """Windows as a model of `zoo.forecaster` takes them."""
        found = self.raw(rows)
        if self.periods:
            phases = calendar(found.pop("times"), self.periods)
            known = [found["known"], phases] if "known" in found else [phases]
            found["known"] = np.concatenate(known, axis=-1)
        return found

    def times(self, rows: Sequence[int] | np.ndarray) -> np.ndarray:
        """Of the steps of windows and of what follows them, (rows, window + horizon)."""
        steps = np.arange(-self.window, self.horizon)
        return np.stack(
            [
                self.series[index].clock.at(step + steps)  # type: ignore[union-attr]
                for index, step in self.origins[np.asarray(rows)]
            ]
        )

    def _cut(
        self, arrays: Sequence[np.ndarray], rows: Sequence[int] | np.ndarray, steps: np.ndarray
    ) -> np.ndarray:
        chosen = self.origins[np.asarray(rows)]
        return np.stack([arrays[index][step + steps] for index, step in chosen])

    @functools.cached_property
    def _filled(self) -> list[np.ndarray]:
        return [_filled(series.values) for series in self.series]

    def training_values(self) -> Arrays:
        """All steps of the parts, by the names of the inputs, for `zoo.fit_scaling`."""
        found = []
        for index, (start, end) in enumerate(self.spans):
            steps = np.arange(start, end)
            place = steps + self.window
            known = [self._known[index][place]]
            if self.periods:
                times = self.series[index].clock.at(steps)  # type: ignore[union-attr]
                known.append(calendar(times, self.periods))
            found.append(
                {
                    "past": self.values[index][place],
                    "covariates": self._covariates[index][place],
                    "known": np.concatenate(known, axis=1),
                }
            )
        joined = {name: np.concatenate([one[name] for one in found]) for name in found[0]}
        return {name: array for name, array in joined.items() if array.shape[1]}

    def naive(self) -> np.ndarray:
        """The last known value of each target for all steps, (origins, horizon, targets)."""
        last = [self._filled[index][step - 1] for index, step in self.origins]
        return np.repeat(np.stack(last)[:, None], self.horizon, axis=1)

    def seasonal_naive(self, season: int) -> np.ndarray:
        """The last known value at the same place in the season; the naive forecast where there is
        none."""
        ahead = np.arange(self.horizon)
        back = season * (ahead // season + 1)
        found = np.full((len(self), self.horizon, self.values[0].shape[1]), np.nan)
        while (back <= max(len(s) for s in self.series)).any() and np.isnan(found).any():
            for row, (index, step) in enumerate(self.origins):
                steps = step + ahead - back
                there = steps >= 0
                own = np.full(found.shape[1:], np.nan)
                own[there] = self.series[index].values[steps[there]]
                found[row] = np.where(np.isnan(found[row]), own, found[row])
            back = back + season
        return np.where(np.isnan(found), self.naive(), found)


def calendar(times: np.ndarray, periods: Sequence[int]) -> np.ndarray:
    """Sine and cosine of the place of each time in each period, (..., 2 * periods), float32."""
    angles = [2 * np.pi * ((times % period) / period) for period in periods]
    return np.stack([f(angle) for angle in angles for f in (np.sin, np.cos)], -1).astype("float32")


def season_scale(values: np.ndarray, season: int) -> np.ndarray:
    """Mean absolute difference of a season, by target: the error that MASE is measured in. Of one
    step where a season is longer than the values."""
    for lag in (season, 1):
        if lag < len(values):
            gaps = np.abs(values[lag:] - values[:-lag])
            if np.isfinite(gaps).any(axis=0).all():
                return np.nanmean(gaps, axis=0)
    return np.zeros(values.shape[1])


def seasonal_error(values: np.ndarray, season: int, horizon: int) -> float:
    """Mean absolute error of seasonal naive forecasts of so many steps, in standard deviations."""
    lags, counts = np.unique(season * (np.arange(horizon) // season + 1), return_counts=True)
    if season == 1:
        lags, counts = np.arange(1, horizon + 1), np.ones(horizon, int)
    total = 0.0
    for lag, count in zip(lags, counts, strict=True):
        gaps = np.abs(values[lag:] - values[:-lag]) / np.nanstd(values, axis=0)
        known = np.isfinite(gaps)
        total += count * float(np.where(known, gaps, 0).sum() / max(known.sum(), 1))
    return total / horizon


def _wide(values: np.ndarray, before: int, after: int) -> np.ndarray:
    return np.pad(values, ((before, after), (0, 0)), constant_values=np.nan)


def _filled(values: np.ndarray) -> np.ndarray:
    """Missing values replaced by the last known one; what is missing first, by the first known."""
    known = np.isfinite(values)
    steps = np.where(known, np.arange(len(values))[:, None], -1)
    last = np.maximum.accumulate(steps, axis=0)
    first = np.argmax(known, axis=0)
    last = np.where(last < 0, first, last)
    return np.take_along_axis(values, last, axis=0)
