"""A rolling origin: forecasts from one step after the other, against what came."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from recipes.forecasting.metrics import (
    Answers,
    errors_by_step,
    forecast_metrics,
    forecast_statistics,
)
from recipes.forecasting.season import season_scale
from recipes.forecasting.windows import Windows
from recipes.kit.judge import FEWEST, Judgement, worst
from recipes.kit.recipe import Metrics, Row


@dataclass(frozen=True)
class Backtest:
    """Windows and what followed them.

    Attributes:
        windows: The windows.
        truth: True values, (windows, horizon, targets).
        scale: Mean absolute difference over a season in training, (windows, 1, targets), the unit
            of MASE.
    """

    windows: Windows = field(compare=False)  # what is forecast from does not change the test
    truth: np.ndarray
    scale: np.ndarray

    @classmethod
    def of(cls, windows: Windows, training: Sequence[np.ndarray], season: int) -> Backtest:
        """The backtest of windows into series with these training parts."""
        scales = np.stack([season_scale(values, season) for values in training])
        truth = windows.truth(range(len(windows)))
        return cls(windows, truth, scales[windows.origins[:, 0]][:, None])

    def metrics(self, answers: Answers) -> Metrics:
        """Metrics of forecasts from all the windows."""
        return forecast_metrics(self.truth, answers, self.scale)

    def judge(self, answers: Answers) -> Judgement:
        """What is to be said of forecasts from all the windows.

        Windows of a series overlap, so intervals are of series; where these are few, of stretches
        as long as the horizon.
        """
        series, step = self.windows.origins.T
        unit, keys = "series", series
        if len(np.unique(series)) < FEWEST:
            unit = f"stretches of {self.windows.horizon} steps"
            keys = series * (step.max() + 1) + step // self.windows.horizon
        groups = np.unique(keys, return_inverse=True)[1]
        statistics = forecast_statistics(self.truth, answers, self.scale)
        errors = statistics.terms["mase"] / statistics.terms["known"]

        def row(index: int) -> Row:
            return {
                "input": self._origin(index),
                "truth": _rounded(self.truth[index]),
                "answer": _rounded(answers.point[index]),
                "mase": float(f"{errors[index]:.5g}"),
            }

        return Judgement(
            statistics.grouped(unit, groups),
            worst(row, errors),
            len(self.windows),
            "mase, the highest first",
            answers,
        )

    def _origin(self, index: int) -> Row:
        """The series of a window, and the first step to forecast."""
        series, step = self.windows.origins[index]
        name, clock = self.windows.series[series].name, self.windows.series[series].clock
        time = {} if clock is None else {"time": clock.text(int(clock.at(np.array([step]))[0]))}
        return {"series": name, "step": int(step), **time}

    def scaled_errors(self, point: np.ndarray) -> np.ndarray:
        """Mean absolute scaled error by step, (horizon,)."""
        errors = errors_by_step(self.truth, point)
        return np.nanmean(errors / np.nanmean(self.scale, axis=0), axis=1)

    def error_table(self, points: Mapping[str, np.ndarray], targets: Sequence[str]) -> list[Row]:
        """Mean absolute error of each method by target and step.

        Args:
            points: Forecasts, (windows, horizon, targets), by method.
            targets: Names of the targets.
        """
        errors = {name: errors_by_step(self.truth, point) for name, point in points.items()}
        return [
            {
                "target": target,
                "step": step + 1,
                **{f"mae of {name}": f"{each[step, column]:.6g}" for name, each in errors.items()},
            }
            for column, target in enumerate(targets)
            for step in range(self.windows.horizon)
        ]


def _rounded(values: np.ndarray) -> list[list[float]]:
    """Values of each step, to the precision of float32."""
    return [[float(f"{value:.7g}") for value in step] for step in values]
