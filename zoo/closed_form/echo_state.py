"""Readouts of echo state networks, by ridge regression of the targets on the states."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import keras
import numpy as np

from zoo.closed_form.readout import check_plain, set_readout
from zoo.closed_form.ridge import RidgeAccumulator
from zoo.closed_form.state_stream import delayed, precision_of, stream_of

_BATCH = 64
"""Number of sequences of different lengths that run as a batch."""


def fit_readout(
    model: keras.Model,
    x: Any,
    y: Any,
    *,
    alpha: float = 1e-6,
    washout: int = 0,
) -> float:
    """Fit the readout by ridge regression of the targets on the states.

        W, b = argmin sum_t |W s_t + b - y_t|^2 + alpha |W|^2          s_t = [x_t, h_t]

    solved in float64: by products of the states, or by QR and singular values if `alpha` is too
    small for products to be accurate. The states are computed and accumulated chunk by chunk, so
    memory does not grow with the data. The readout is an ordinary `Dense` layer: the model saves,
    exports and predicts like any other.

    Args:
        model: Model of `echo_state_network`.
        x: Inputs without fed-back outputs, `(batch, time, features)`, or a sequence of arrays
            `(time, features)` of any lengths.
        y: Targets, in the same form, with `targets` columns. With feedback, they are also fed back
            one step later (teacher forcing).
        alpha: Penalty on the squared weights, relative to a sum over all steps, not a mean.
        washout: Steps to skip at the start of each sequence, while the reservoir forgets its
            initial state.

    Returns:
        The mean squared error on the steps used.

    Raises:
        ValueError: If shapes are inconsistent, a sequence is not longer than the washout, a number
            is not finite, or the readout is quantized or has LoRA: fit it before.
    """
    ((_, error),) = fit_readouts(model, x, y, alphas=[alpha], washout=washout)
    return error


def fit_readouts(
    model: keras.Model,
    x: Any,
    y: Any,
    *,
    alphas: Sequence[float],
    washout: int = 0,
) -> Iterator[tuple[float, float]]:
    """`fit_readout` for several penalties in turn, from one pass over the states.

    for alpha, error in fit_readouts(model, x, y, alphas=[1e-9, 1e-6, 1e-3]):
        ...                     the readout of `model` is that of `alpha`: score it, keep the best

    Args:
        model: As in `fit_readout`.
        x: As in `fit_readout`.
        y: As in `fit_readout`.
        alphas: Penalties on the squared weights.
        washout: As in `fit_readout`.

    Yields:
        Each of `alphas`, in order, and its mean squared error on the steps used.

    Raises:
        ValueError: As in `fit_readout`, or if there are no penalties.
    """
    if not len(alphas):
        raise ValueError("`alphas` must hold at least one penalty, found none.")
    readout = model.get_layer("readout")
    check_plain(readout)
    ridge = _accumulated(model, x, y, min(alphas), washout)
    for alpha in alphas:
        solution = ridge.solve(alpha)
        set_readout(readout, solution.weights, solution.bias)
        yield alpha, float(np.mean(solution.mean_square))


def _accumulated(
    model: keras.Model, x: Any, y: Any, smallest_alpha: float, washout: int
) -> RidgeAccumulator:
    """The regression of the targets on the inputs of the readout after the washout."""
    width, targets = model.get_layer("readout").kernel.shape
    fed_back = model.get_layer("reservoir_0").cell.feedback_units
    precision = precision_of(model)
    inputs, wanted = _sequences("x", x, precision), _sequences("y", y, precision)
    _check_pairs(inputs, wanted, model.input.shape[-1] - fed_back, targets, washout)
    if fed_back:
        inputs = [
            np.concatenate([a, delayed(b)], axis=1) for a, b in zip(inputs, wanted, strict=True)
        ]
    ridge = RidgeAccumulator(width, targets, smallest_alpha=smallest_alpha)
    stream = stream_of(model)
    lengths = np.array([len(sequence) for sequence in inputs])
    for rows in _similar_lengths(inputs):
        longest = len(inputs[rows[-1]])
        batch = np.stack([np.pad(inputs[r], ((0, longest - len(inputs[r])), (0, 0))) for r in rows])
        start = 0
        for seen, _ in stream.chunks(batch):
            stop = start + seen.shape[1]
            steps = np.arange(start, stop)
            used = (steps >= washout) & (steps < lengths[rows, None])
            outputs = np.concatenate([wanted[r][max(start, washout) : stop] for r in rows])
            ridge.add(seen[used], outputs)
            start = stop
    return ridge


def _sequences(name: str, values: Any, precision: str) -> list[np.ndarray]:
    if isinstance(values, np.ndarray) and values.ndim != 3:
        raise ValueError(
            f"`{name}` must be an array (batch, time, width) or a list of arrays (time, width), "
            f"found shape {values.shape}."
        )
    return [np.asarray(value, precision) for value in values]


def _check_pairs(
    inputs: Sequence[np.ndarray],
    wanted: Sequence[np.ndarray],
    features: int,
    targets: int,
    washout: int,
) -> None:
    if len(inputs) != len(wanted) or not inputs:
        raise ValueError(
            "`x` and `y` must hold the same number of sequences, at least one, found "
            f"{len(inputs)} and {len(wanted)}."
        )
    for row, (a, b) in enumerate(zip(inputs, wanted, strict=True)):
        if a.ndim != 2 or b.ndim != 2 or (a.shape[1], b.shape[1]) != (features, targets):
            raise ValueError(
                f"Sequence {row} must have shapes (time, {features}) and (time, {targets}), "
                f"found {a.shape} and {b.shape}."
            )
        if len(a) != len(b):
            raise ValueError(f"Sequence {row} has {len(a)} inputs and {len(b)} targets.")
        if len(a) <= washout:
            raise ValueError(
                f"Sequence {row} has {len(a)} steps, of which `washout` {washout} leaves none."
            )


def _similar_lengths(sequences: Sequence[np.ndarray]) -> Iterator[np.ndarray]:
    """Batches of indices of sequences of similar lengths."""
    order = np.argsort([len(s) for s in sequences], kind="stable")
    for start in range(0, len(order), _BATCH):
        yield order[start : start + _BATCH]
