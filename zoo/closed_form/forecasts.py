"""The output layer of an echo state forecaster, fitted in closed form."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import keras
import numpy as np

from custom_layers import MonotoneQuantiles
from zoo.closed_form.readout import Batches, check_alone, set_readout
from zoo.closed_form.ridge import RidgeAccumulator

ALPHAS = tuple(10.0**power for power in range(-6, 5))
"""Penalties to choose from."""

_LEAST_GAP = 1e-6


def fit_forecast_readout(
    model: keras.Model,
    batches: Batches,
    validation: Batches,
    *,
    alphas: Sequence[float] = ALPHAS,
) -> list[dict[str, float]]:
    """Fit the output layer of an echo state forecaster by ridge regression.

        W, b = argmin sum |W s + b + a - (y - c) / s'|^2 + alpha |W|^2

    over the windows, with the states s after a window (and known covariates of the future), the
    anchors a, and the centre c and scale s' of the window; solved in float64. The chosen `alpha`
    has the smallest squared error on the validation windows. Quantiles are the median plus the
    quantiles of the errors on the validation windows, for each step and target, in units of s'.

    Args:
        model: Model of `zoo.forecaster` with `cell="reservoir"`, `mode="direct"` and fitted
            scaling.
        batches: Inputs by name and targets (batch, horizon, targets) of the training windows.
            Windows with missing targets are skipped.
        validation: Inputs and targets of the validation windows, likewise.
        alphas: Penalties to choose from, relative to a sum over windows.

    Returns:
        For each penalty: `alpha`, and `loss` and `val_loss`, the mean squared errors in units of
        s'.

    Raises:
        ValueError: If the model has other trainable layers, the output layer is quantized or has
            LoRA, or all windows have missing targets.
    """
    _check(model)
    head = model.get_layer("head")
    levels = _levels(model)
    seen = keras.Model(
        model.input,
        [
            head.input,
            model.get_layer("anchor").output,
            *model.get_layer("scaling").output[2:],
        ],
    )
    horizon, targets = model.output.shape[1:3]
    ridge = RidgeAccumulator(
        int(head.input.shape[-1]), horizon * targets, smallest_alpha=min(alphas)
    )
    for states, wanted in _rows(seen, batches):
        ridge.add(states, wanted)
    if not ridge.rows:
        raise ValueError("`batches` must hold a window without missing targets, found none.")
    held = list(_rows(seen, validation))
    if not sum(len(rows) for rows, _ in held):
        raise ValueError("`validation` must hold a window without missing targets, found none.")
    states, wanted = (np.concatenate(part) for part in zip(*held, strict=True))
    rows, best = [], None
    for alpha in alphas:
        solution = ridge.solve(alpha)
        errors = wanted - (states @ solution.weights + solution.bias)
        row = {
            "alpha": alpha,
            "loss": float(np.mean(solution.mean_square)),
            "val_loss": float(np.mean(errors**2)),
        }
        rows.append(row)
        if best is None or row["val_loss"] < best[0]:
            best = (row["val_loss"], solution, errors)
    if best is not None:
        _, solution, errors = best
        errors = errors.reshape(-1, horizon, targets)
        weights = np.zeros((len(solution.weights), horizon, targets, len(levels) or 1))
        bias = np.zeros((horizon, targets, len(levels) or 1))
        middle = levels.index(0.5) if levels else 0
        weights[..., middle] = solution.weights.reshape(-1, horizon, targets)
        bias[:] = _gaps(errors, levels)
        bias[..., middle] = solution.bias.reshape(horizon, targets)
        set_readout(head, weights.reshape(len(weights), -1), bias.reshape(-1))
    return rows


def _rows(seen: keras.Model, batches: Batches) -> Iterable[tuple[np.ndarray, np.ndarray]]:
    """States and scaled targets of windows without missing targets."""
    for inputs, truth in batches:
        states, anchors, centre, scale = (
            np.asarray(keras.ops.convert_to_numpy(part), "float64")
            for part in seen.predict_on_batch(dict(inputs))
        )
        wanted = (np.asarray(truth, "float64") - centre) / scale - anchors
        wanted = wanted.reshape(len(wanted), -1)
        whole = np.isfinite(wanted).all(axis=1)
        yield states[whole], wanted[whole]


def _gaps(errors: np.ndarray, levels: Sequence[float]) -> np.ndarray:
    """Inputs of `MonotoneQuantiles` that reproduce the quantiles of the errors."""
    if not levels:
        return np.zeros((*errors.shape[1:], 1))
    middle = list(levels).index(0.5)
    offsets = np.quantile(errors, levels, axis=0)
    offsets[:middle] = np.minimum(offsets[:middle], 0)
    offsets[middle] = 0
    offsets[middle + 1 :] = np.maximum(offsets[middle + 1 :], 0)
    between = np.maximum(np.diff(offsets, axis=0), _LEAST_GAP)
    gaps = np.concatenate([between[:middle], np.ones_like(between[:1]), between[middle:]])
    # The inverse of softplus, which is the identity for large values.
    return np.moveaxis(np.where(gaps > 20, gaps, np.log(np.expm1(np.minimum(gaps, 20)))), 0, -1)


def _levels(model: keras.Model) -> list[float]:
    layers = [layer for layer in model.layers if isinstance(layer, MonotoneQuantiles)]
    return list(layers[0].quantiles) if layers else []


def _check(model: keras.Model) -> None:
    if "head" not in {layer.name for layer in model.layers}:
        raise ValueError(
            "A readout in closed form needs a model of `zoo.forecaster` with `mode='direct'`."
        )
    check_alone(model, model.get_layer("head"))
