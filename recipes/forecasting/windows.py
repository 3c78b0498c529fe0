"""Windows of series, and the steps after them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from recipes.forecasting.series import Series

Arrays = dict[str, np.ndarray]
Rows = Sequence[int] | np.ndarray


@dataclass(frozen=True)
class Part:
    """Series, and for each the span of steps, first and end, to forecast."""

    series: Sequence[Series]
    spans: Sequence[tuple[int, int]]


class Windows:
    """Windows before origins, and the steps after them.

    An origin is the first step to forecast. All steps to forecast lie within the part; the window
    before them may reach back to before the part.

    Args:
        part: Series and spans.
        window: Steps of a window. Steps before the start of a series are missing.
        horizon: Steps to forecast.
        stride: Steps from origin to origin.
        whole: Whether windows must lie within their series.
        periods: Seconds after which the calendar repeats, for `known`.
        after: Instead, one origin for each series, after its last step.
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
        self._known = []
        for series in part.series:
            known = series.known[: len(series) + horizon]
            self._known.append(_wide(known, window, len(series) + horizon - len(known)))
        origins = []
        for index, (series, (start, end)) in enumerate(zip(part.series, part.spans, strict=True)):
            first = max(start, window) if whole else max(start, 1)
            steps = np.arange(first, end - horizon + 1, stride)
            steps = np.array([len(series)]) if after else steps[self._useful(index, steps)]
            origins.append(np.stack([np.full_like(steps, index), steps], axis=1))
        self.origins = np.concatenate(origins)

    def __len__(self) -> int:
        return len(self.origins)

    def chunks(self, count: int) -> Iterator[range]:
        """The rows of all windows, so many at once."""
        for start in range(0, len(self), count):
            yield range(start, min(start + count, len(self)))

    def _useful(self, index: int, steps: np.ndarray) -> np.ndarray:
        """Whether any value is known in the window before each origin, and in the steps after."""
        known = np.isfinite(self.values[index]).any(axis=1)
        so_far = np.concatenate([[0], np.cumsum(known)])
        start, origin, end = (
            so_far[steps + k] for k in (0, self.window, self.window + self.horizon)
        )
        return (origin > start) & (end > origin)

    def truth(self, rows: Rows) -> np.ndarray:
        """The true values to forecast, (rows, horizon, targets), float64, NaN where missing."""
        steps = np.arange(self.window, self.window + self.horizon)
        return self._cut(self.values, rows, steps)

    def raw(self, rows: Rows) -> Arrays:
        """Windows as an exported forecaster takes them: `past`, and where there are any
        `covariates`, `known`, and `times`, seconds since 1970."""
        before, all_steps = np.arange(self.window), np.arange(self.window + self.horizon)
        inputs = {"past": self._cut(self.values, rows, before)}
        if self._covariates[0].shape[1]:
            inputs["covariates"] = self._cut(self._covariates, rows, before)
        if self._known[0].shape[1]:
            inputs["known"] = self._cut(self._known, rows, all_steps)
        inputs = {name: array.astype("float32") for name, array in inputs.items()}
        if self.periods:
            inputs["times"] = self.times(rows)
        return inputs

    def inputs(self, rows: Rows) -> Arrays:
        """Windows as a model of `zoo.forecaster` takes them."""
        inputs = self.raw(rows)
        if self.periods:
            phases = calendar(inputs.pop("times"), self.periods)
            known = [inputs["known"], phases] if "known" in inputs else [phases]
            inputs["known"] = np.concatenate(known, axis=-1)
        return inputs

    def times(self, rows: Rows) -> np.ndarray:
        """Times of the steps of windows and of those to forecast, (rows, window + horizon)."""
        steps = np.arange(-self.window, self.horizon)
        return np.stack(
            [
                self.series[index].times(step + steps)
                for index, step in self.origins[np.asarray(rows)]
            ]
        )

    def _cut(self, arrays: Sequence[np.ndarray], rows: Rows, steps: np.ndarray) -> np.ndarray:
        chosen = self.origins[np.asarray(rows)]
        return np.stack([arrays[index][step + steps] for index, step in chosen])

    def training_values(self) -> Arrays:
        """All steps of the parts, by the names of the inputs, for `zoo.fit_scaling`."""
        parts = []
        for index, (start, end) in enumerate(self.spans):
            steps = np.arange(start, end)
            place = steps + self.window
            known = [self._known[index][place]]
            if self.periods:
                known.append(calendar(self.series[index].times(steps), self.periods))
            parts.append(
                {
                    "past": self.values[index][place],
                    "covariates": self._covariates[index][place],
                    "known": np.concatenate(known, axis=1),
                }
            )
        joined = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
        return {name: array for name, array in joined.items() if array.shape[1]}


def calendar(times: np.ndarray, periods: Sequence[int]) -> np.ndarray:
    """Sine and cosine of the place of each time in each period, (..., 2 * periods), float32."""
    angles = [2 * np.pi * ((times % period) / period) for period in periods]
    return np.stack([f(angle) for angle in angles for f in (np.sin, np.cos)], -1).astype("float32")


def _wide(values: np.ndarray, before: int, after: int) -> np.ndarray:
    return np.pad(values, ((before, after), (0, 0)), constant_values=np.nan)
