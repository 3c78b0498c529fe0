"""Forecasts without a model: the last value, and that of the last season."""

from __future__ import annotations

import numpy as np

from recipes.forecasting.windows import Windows


def naive(windows: Windows) -> np.ndarray:
    """The last known value of each target for all steps, (origins, horizon, targets)."""
    filled = [_filled(series.values) for series in windows.series]
    last = [filled[index][step - 1] for index, step in windows.origins]
    return np.repeat(np.stack(last)[:, None], windows.horizon, axis=1)


def seasonal_naive(windows: Windows, season: int) -> np.ndarray:
    """The last known value at the same place in the season; where there is none, the last value."""
    ahead = np.arange(windows.horizon)
    back = season * (ahead // season + 1)
    longest = max(len(series) for series in windows.series)
    forecasts = np.full((len(windows), windows.horizon, windows.values[0].shape[1]), np.nan)
    while (back <= longest).any() and np.isnan(forecasts).any():
        for row, (index, step) in enumerate(windows.origins):
            steps = step + ahead - back
            inside = steps >= 0
            values = np.full(forecasts.shape[1:], np.nan)
            values[inside] = windows.series[index].values[steps[inside]]
            forecasts[row] = np.where(np.isnan(forecasts[row]), values, forecasts[row])
        back = back + season
    return np.where(np.isnan(forecasts), naive(windows), forecasts)


def _filled(values: np.ndarray) -> np.ndarray:
    """Missing values replaced by the last known one; those at the start by the first known."""
    known = np.isfinite(values)
    steps = np.where(known, np.arange(len(values))[:, None], -1)
    last = np.maximum.accumulate(steps, axis=0)
    first = np.argmax(known, axis=0)
    last = np.where(last < 0, first, last)
    return np.take_along_axis(values, last, axis=0)
