"""Metrics of forecasts. Fractions are 0 to 1, errors in the data's unit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


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
    """Metrics over all windows, steps and targets whose truth is known.

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
        These by name: `mape` where no true value is 0, `rse` where they differ, and where the
        horizon has several steps `rse_last_step`, that of the last step alone, which Lai et al.
        report. With quantiles `quantile_loss`, the mean pinball loss; and for each pair of levels l
        and 1 - l, by its share in percent (`_80` for 0.1 and 0.9), `coverage_80`, how often the
        truth is between them, and `width_80`, their mean distance.
    """
    known = np.isfinite(truth)
    y, f = truth[known], answers.point[known]
    e = y - f
    both = np.abs(y) + np.abs(f)
    metrics = {
        "mae": float(np.abs(e).mean()),
        "rmse": float(np.sqrt(np.square(e).mean())),
        "smape": float(np.mean(2 * np.abs(e) / np.where(both > 0, both, 1))),
        "mase": float(np.mean(np.abs(e) / np.broadcast_to(scale, truth.shape)[known])),
    }
    if (y != 0).all():
        metrics["mape"] = float(np.abs(e / y).mean())
    for name, steps in (("rse", slice(None)), ("rse_last_step", slice(-1, None))):
        part = known[:, steps]
        if name == "rse" or truth.shape[1] > 1:
            metrics |= _rse(name, truth[:, steps][part], answers.point[:, steps][part])
    if answers.quantiles is not None:
        metrics |= _quantile_metrics(y, answers.quantiles[known], list(answers.levels))
    return metrics


def _rse(name: str, truth: np.ndarray, point: np.ndarray) -> dict[str, float]:
    """The root relative squared error, where the true values differ."""
    if not len(truth) or np.ptp(truth) == 0:
        return {}
    ratio = np.square(truth - point).sum() / np.square(truth - truth.mean()).sum()
    return {name: float(np.sqrt(ratio))}


def _quantile_metrics(
    truth: np.ndarray, quantiles: np.ndarray, levels: list[float]
) -> dict[str, float]:
    miss = truth[:, None] - quantiles
    level_of = np.array(levels)
    metrics = {"quantile_loss": float(np.maximum(level_of * miss, (level_of - 1) * miss).mean())}
    for low, level in enumerate(levels):
        high = next((i for i, other in enumerate(levels) if abs(1 - level - other) < 1e-9), None)
        if level >= 0.5 or high is None:
            continue
        share = f"{100 * (levels[high] - level):.3g}"
        inside = (truth >= quantiles[:, low]) & (truth <= quantiles[:, high])
        metrics[f"coverage_{share}"] = float(inside.mean())
        metrics[f"width_{share}"] = float((quantiles[:, high] - quantiles[:, low]).mean())
    return metrics


def errors_by_step(truth: np.ndarray, point: np.ndarray) -> np.ndarray:
    """Mean absolute error by step and target, (horizon, targets); NaN where no truth is known."""
    known = np.isfinite(truth)
    errors = np.where(known, np.abs(truth - point), 0).sum(axis=0)
    return np.where(known.any(axis=0), errors / np.maximum(known.sum(axis=0), 1), np.nan)
