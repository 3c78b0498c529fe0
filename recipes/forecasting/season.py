"""The season of a training part, and the errors of seasonal naive forecasts on it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from recipes.forecasting.clock import Clock

#: The longest season to try where the calendar suggests none.
_LONGEST_SEASON = 400

#: An error up to this factor above the smallest is about as good.
_AS_GOOD = 1.1


def likely_season(training: Sequence[np.ndarray], clock: Clock | None, horizon: int) -> int:
    """The season by which seasonal naive forecasts of the training parts are best; 1 is none.

    Those of the calendar are tried; all up to 400 where it suggests none, as for years and without
    time stamps. A shorter season that is about as good is preferred: 7, not 70.

    Args:
        training: Targets of the training part of each series.
        clock: Times of the steps.
        horizon: Steps to forecast.
    """
    shortest = min(len(values) for values in training)
    candidates = (clock.seasons if clock else []) or range(2, _LONGEST_SEASON + 1)
    errors = {
        season: sum(_seasonal_error(values, season, horizon) for values in training)
        for season in (1, *candidates)
        if season == 1 or season + horizon <= shortest // 2
    }
    good_enough = _AS_GOOD * min(errors.values())
    return next(season for season, error in errors.items() if error <= good_enough)


def season_scale(values: np.ndarray, season: int) -> np.ndarray:
    """Mean absolute difference over a season, by target: the unit of MASE. Over one step where a
    season is longer than the values."""
    for lag in (season, 1):
        if lag < len(values):
            gaps = np.abs(values[lag:] - values[:-lag])
            if np.isfinite(gaps).any(axis=0).all():
                return np.nanmean(gaps, axis=0)
    return np.zeros(values.shape[1])


def _seasonal_error(values: np.ndarray, season: int, horizon: int) -> float:
    """Mean absolute error of seasonal naive forecasts over a horizon, in standard deviations."""
    lags, counts = np.unique(season * (np.arange(horizon) // season + 1), return_counts=True)
    total = 0.0
    for lag, count in zip(lags, counts, strict=True):
        gaps = np.abs(values[lag:] - values[:-lag]) / np.nanstd(values, axis=0)
        known = np.isfinite(gaps)
        total += count * float(np.where(known, gaps, 0).sum() / max(known.sum(), 1))
    return total / horizon
