"""A rolling origin: forecasts from one step after the other, against what came."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from recipes.forecasting.metrics import Answers, forecast_metrics
from recipes.forecasting.plots import Fan
from recipes.forecasting.windows import Windows, season_scale

#: Origins drawn.
_DRAWN = 3


@dataclass(frozen=True)
class Backtest:
    """Windows, what followed them, and the mean absolute difference of a season in training that
    errors are measured in, (windows, 1, targets)."""

    windows: Windows
    truth: np.ndarray
    scale: np.ndarray

    @classmethod
    def of(cls, windows: Windows, training: Sequence[np.ndarray], season: int) -> Backtest:
        """The backtest of windows into series with these training parts."""
        scales = np.stack([season_scale(values, season) for values in training])
        truth = windows.truth(range(len(windows)))
        return cls(windows, truth, scales[windows.origins[:, 0]][:, None])

    def metrics(self, answers: Answers) -> dict[str, float]:
        """Those of forecasts of all the windows."""
        return forecast_metrics(self.truth, answers, self.scale)


def fan_panels(
    backtest: Backtest, answers: Answers, others: Mapping[str, np.ndarray], targets: Sequence[str]
) -> list[Fan]:
    """Forecasts to draw: from three origins, or of several targets or series from one each."""
    windows, count = backtest.windows, len(backtest.windows)
    several = np.unique(windows.origins[:, 0])
    if len(targets) > 1:
        chosen = [(count // 2, column) for column in range(min(_DRAWN, len(targets)))]
    elif len(several) > 1:
        of_each = [np.flatnonzero(windows.origins[:, 0] == index) for index in several[:_DRAWN]]
        chosen = [(int(rows[len(rows) // 2]), 0) for rows in of_each]
    else:
        chosen = [(int(row), 0) for row in np.linspace(0, count - 1, min(_DRAWN, count))]
    return [_panel(backtest, answers, others, targets, row, column) for row, column in chosen]


def _panel(
    backtest: Backtest,
    answers: Answers,
    others: Mapping[str, np.ndarray],
    targets: Sequence[str],
    row: int,
    column: int,
) -> Fan:
    windows = backtest.windows
    index, origin = windows.origins[row]
    series, horizon = windows.series[index], windows.horizon
    shown = min(origin, max(3 * horizon, min(windows.window, 5 * horizon)))
    steps = np.arange(origin - shown, origin + horizon)
    times, start = steps, f"step {origin}"
    if series.clock is not None:
        times = series.clock.at(steps)
        start = series.clock.text(int(times[shown]))
        if series.clock.unit != "number":
            times = times.astype("M8[s]")
    several = len(windows.series) > 1 and series.name != targets[column]
    name = f"{series.name}: {targets[column]}" if several else targets[column]
    quantiles = answers.quantiles
    return Fan(
        title=f"{name}, from {start}",
        before=(times[:shown], series.values[origin - shown : origin, column]),
        after=(times[shown:], backtest.truth[row, :, column]),
        forecast=answers.point[row, :, column],
        quantiles=None if quantiles is None else quantiles[row, :, column],
        others={other: point[row, :, column] for other, point in others.items()},
    )


def write_errors(errors: Mapping[str, np.ndarray], targets: Sequence[str], path: Path) -> None:
    """Write the mean absolute error of each method by target and step as CSV."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["target", "step", *(f"mae of {name}" for name in errors)])
        for column, target in enumerate(targets):
            for step in range(len(next(iter(errors.values())))):
                values = [f"{each[step, column]:.6g}" for each in errors.values()]
                writer.writerow([target, step + 1, *values])
