"""The output layer of an echo state classifier, fitted in closed form."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import keras
import numpy as np

from zoo.closed_form.readout import Batches, check_alone, set_readout
from zoo.closed_form.ridge import RidgeAccumulator

ALPHAS = tuple(10.0**power for power in range(-6, 4))
"""Penalties to choose from."""

_SHARPNESS = 10.0 ** np.linspace(-1, 3, 81)


def fit_class_readout(
    model: keras.Model,
    batches: Batches,
    validation: Batches,
    *,
    alphas: Sequence[float] = ALPHAS,
) -> list[dict[str, float]]:
    """Fit the output layer of an echo state classifier by ridge regression.

        W, b = argmin sum |W s + b - e_y|^2 + alpha |W|^2        logits = beta (W s + b)

    over the examples, with the pooled states s and the one-hot vector e_y of the class; solved in
    float64. The chosen `alpha` has the best accuracy on the validation examples, and among equals
    the smallest cross-entropy. `beta` calibrates the probabilities: it minimises the cross-entropy
    on the validation examples, with targets smoothed by one more example of every class, so that it
    stays finite if all of them are right. Then W and b are solved again on the training and
    validation examples together.

    Args:
        model: Model of `zoo.series_classifier` with `cell="reservoir"` and adapted scaling.
        batches: Inputs by name and classes (batch,) of the training examples.
        validation: Inputs and classes of the validation examples, likewise.
        alphas: Penalties to choose from, relative to a sum over examples.

    Returns:
        For each penalty `alpha`: `mean_square` (the squared error of W s + b on the training
        examples), `val_loss` (the cross-entropy), `val_accuracy` and `sharpness`, its `beta`.

    Raises:
        ValueError: If the model has other trainable layers, the output layer is quantized or has
            LoRA, or there are no examples.
    """
    readout = model.get_layer("logits")
    check_alone(model, readout)
    seen = keras.Model(model.input, readout.input)
    width, classes = (int(size) for size in readout.kernel.shape)
    ridge = RidgeAccumulator(width, classes, smallest_alpha=min(alphas))
    for states, truth in _rows(seen, batches):
        ridge.add(states, np.eye(classes)[truth])
    held = list(_rows(seen, validation))
    if not ridge.rows or not sum(len(truth) for _, truth in held):
        raise ValueError("`batches` and `validation` must each hold an example, found none.")
    states, truth = (np.concatenate(part) for part in zip(*held, strict=True))
    rows = []
    for alpha in alphas:
        solution = ridge.solve(alpha)
        scores = states @ solution.weights + solution.bias
        sharpness = _best_sharpness(scores, truth)
        nats = -_log_softmax(sharpness * scores)[np.arange(len(truth)), truth]
        rows.append(
            {
                "alpha": float(alpha),
                "mean_square": float(np.mean(solution.mean_square)),
                "val_loss": float(nats.mean()),
                "val_accuracy": float((scores.argmax(axis=1) == truth).mean()),
                "sharpness": sharpness,
            }
        )
    best = max(rows, key=lambda row: (row["val_accuracy"], -row["val_loss"]))
    ridge.add(states, np.eye(classes)[truth])
    beta, solution = best["sharpness"], ridge.solve(best["alpha"])
    set_readout(readout, beta * solution.weights, beta * solution.bias)
    return rows


def _rows(seen: keras.Model, batches: Batches) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """The inputs of the readout for each example, and the class."""
    for inputs, truth in batches:
        states = keras.ops.convert_to_numpy(seen.predict_on_batch(dict(inputs)))
        yield np.asarray(states, "float64"), np.asarray(truth)


def _best_sharpness(scores: np.ndarray, truth: np.ndarray) -> float:
    """The factor of the scores with the smallest cross-entropy, see `fit_class_readout`."""
    count, classes = scores.shape
    wanted = (count * np.eye(classes)[truth] + 1) / (count + classes)
    nats = [-np.sum(wanted * _log_softmax(beta * scores)) for beta in _SHARPNESS]
    return float(_SHARPNESS[int(np.argmin(nats))])


def _log_softmax(logits: np.ndarray) -> np.ndarray:
    shifted = logits - logits.max(axis=1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
