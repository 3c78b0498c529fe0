"""Metrics of forecasts. Fractions are 0 to 1, errors in the data's unit."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from recipes.kit.judge import Statistics, Sums, ratio


@dataclass(frozen=True)
class Answers:
    """Forecasts of windows, in the data's unit.

    Attributes:
        point: (windows, horizon, targets).
        quantiles: (windows, horizon, targets, levels), or None.
        levels: Levels of the quantiles, ascending.
    """

    point: np.ndarray
    quantiles: np.ndarray | None = None
    levels: Sequence[float] = ()


def forecast_metrics(truth: np.ndarray, answers: Answers, scale: np.ndarray) -> dict[str, float]:
    """Metrics of forecasts, see `forecast_statistics`."""
    return forecast_statistics(truth, answers, scale).values


def forecast_statistics(truth: np.ndarray, answers: Answers, scale: np.ndarray) -> Statistics:
    """What the metrics of forecasts are computed from, window by window: over all windows, steps
    and targets whose truth is known.

    With truth y, forecast f, and e = y - f::

        mae    mean |e|                     rmse    sqrt(mean e^2)
        mape   mean |e / y|                 smape   mean 2 |e| / (|y| + |f|), 0 to 2
        mase   mean |e| / q, q the mean absolute difference of a season in the training part
        rse    sqrt(sum e^2 / sum (y - mean y)^2): root relative squared error (Lai et al. 2018)

    Args:
        truth: (windows, horizon, targets), NaN where missing.
        answers: The forecasts.
        scale: The q of each window and target, (windows, 1, targets).

    Returns:
        The statistics of these by name: `mape` where no true value is 0, `rse` where they differ,
        and where the horizon has several steps `rse_last_step`, that of the last step alone, which
        Lai et al. report. With quantiles `quantile_loss`, the mean pinball loss; and for each pair
        of levels l and 1 - l, by its share in percent (`_80` for 0.1 and 0.9), `coverage_80`, how
        often the truth is between them, and `width_80`, their mean distance.
    """
    known = np.isfinite(truth)

    def of(values: np.ndarray, steps: slice = slice(None)) -> np.ndarray:
        summed: np.ndarray = np.where(known, values, 0)[:, steps].sum(axis=(1, 2))
        return summed

    y = np.where(known, truth, 0)
    e = y - answers.point
    both = np.abs(y) + np.abs(answers.point)
    terms = {
        "known": of(known),
        "mae": of(np.abs(e)),
        "rmse": of(np.square(e)),
        "smape": of(2 * np.abs(e) / np.where(both > 0, both, 1)),
        "mase": of(np.abs(e) / scale),
    }
    means = ["mae", "rmse", "smape", "mase"]
    if (y[known] != 0).all():
        means.append("mape")
        terms["mape"] = of(np.abs(e) / np.where(known, np.abs(y), 1))
    shares = []
    for name, steps in (("rse", slice(None)), ("rse_last_step", slice(-1, None))):
        values = truth[:, steps][known[:, steps]]
        if (name == "rse" or truth.shape[1] > 1) and len(values) and np.ptp(values) > 0:
            shares.append(name)
            # From the mean of all, so that little is lost in the difference of large sums.
            centred = y - values.mean()
            summed = [of(part, steps) for part in (known, centred, centred**2, e**2)]
            terms[name] = np.stack(summed, axis=1)
    if answers.quantiles is not None:
        for name, values in _quantile_terms(y, answers.quantiles, list(answers.levels)).items():
            terms[name] = of(values)
            means.append(name)

    def metrics(sums: Sums) -> dict[str, float]:
        found = {name: ratio(sums[name], sums["known"], math.nan) for name in means}
        found["rmse"] = math.sqrt(found["rmse"])
        for name in shares:
            count, centred, square, error = sums[name]
            variation = square - ratio(centred**2, count)
            found[name] = math.sqrt(error / variation) if variation > 0 else math.nan
        return found

    return Statistics("windows", terms, metrics)


def _quantile_terms(
    truth: np.ndarray, quantiles: np.ndarray, levels: list[float]
) -> dict[str, np.ndarray]:
    """What each step adds to the metrics of quantiles, (windows, horizon, targets) by name."""
    miss = truth[..., None] - quantiles
    level_of = np.array(levels)
    terms = {"quantile_loss": np.maximum(level_of * miss, (level_of - 1) * miss).mean(axis=-1)}
    for low, level in enumerate(levels):
        high = next((i for i, other in enumerate(levels) if abs(1 - level - other) < 1e-9), None)
        if level >= 0.5 or high is None:
            continue
        share = f"{100 * (levels[high] - level):.3g}"
        lower, upper = quantiles[..., low], quantiles[..., high]
        terms[f"coverage_{share}"] = (truth >= lower) & (truth <= upper)
        terms[f"width_{share}"] = upper - lower
    return terms


def errors_by_step(truth: np.ndarray, point: np.ndarray) -> np.ndarray:
    """Mean absolute error by step and target, (horizon, targets); NaN where no truth is known."""
    known = np.isfinite(truth)
    errors = np.where(known, np.abs(truth - point), 0).sum(axis=0)
    return np.where(known.any(axis=0), errors / np.maximum(known.sum(axis=0), 1), np.nan)
