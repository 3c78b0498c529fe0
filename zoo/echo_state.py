"""Echo state networks: fixed reservoirs, and a readout that is found in closed form.

model = echo_state_network(features=1, targets=1, units=500)
fit_readout(model, x, y, alpha=1e-8, washout=100)      no gradient descent
model.predict(x)                                       an ordinary Keras model

How a fitted network runs on its own predictions is in `zoo.free_running`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import keras
import numpy as np

from custom_layers import Reservoir
from zoo._registry import register_model
from zoo._ridge import RidgeAccumulator
from zoo._state_stream import delayed, precision_of, stream_of

_JAEGER, _GALLICCHIO = "Jaeger 2001", "Gallicchio et al. 2017"

_BATCH = 64
"""Sequences of different lengths that run side by side."""


@register_model("echo_state_small", parameters=4_402, paper=_JAEGER, units=200)
@register_model("echo_state_base", parameters=22_002, paper=_JAEGER, units=1000)
@register_model("deep_echo_state_base", parameters=181_202, paper=_GALLICCHIO, units=200, depth=5)
def echo_state_network(
    *,
    features: int = 1,
    targets: int = 1,
    units: int = 500,
    depth: int = 1,
    spectral_radius: float = 0.9,
    leak_rate: float = 1.0,
    input_scaling: float = 1.0,
    bias_scaling: float = 0.0,
    density: float | None = None,
    topology: str = "random",
    activation: str = "tanh",
    feedback: bool = False,
    feedback_scaling: float = 1.0,
    read_inputs: bool = True,
    seed: int | None = None,
    dtype: str | None = None,
    name: str = "echo_state_network",
) -> keras.Model:
    """Echo state network: reservoirs that do not train, and a linear readout of all their states.

    Args:
        features: Width of the inputs; may be 0 with `feedback=True`.
        targets: Width of the outputs.
        units: Units of each reservoir.
        depth: Number of reservoirs, each driven by the one before; the readout sees all of them.
        spectral_radius: Largest absolute eigenvalue of the recurrent weights.
        leak_rate: Share of the state renewed at a step, above 0 and at most 1.
        input_scaling: Range of the input weights.
        bias_scaling: Range of the biases; 0 = none. Without biases, and with symmetric inputs, a
            reservoir cannot tell a pattern from its negative but by sign.
        density: Share of recurrent weights that are not zero; `None` = ten a unit.
        topology: `"random"`, `"orthogonal"` or `"ring"`.
        activation: Of the units; `"linear"` for the longest memory.
        feedback: Feed the outputs of the step before back into the first reservoir: the inputs are
            then `features` inputs and `targets` earlier outputs side by side. `fit_readout` and
            `free_run` take care of them.
        feedback_scaling: Range of the feedback weights.
        read_inputs: Whether the readout sees the inputs beside the states.
        seed: Seed of the weights; `None` = drawn.
        dtype: `"float32"` or `"float64"`, of weights, states and outputs; `None` = Keras's default.
            The readout is solved in float64 in any case, but states that are rounded to float32
            bound what it can reach: of Mackey-Glass, with 1,000 units, the error 84 steps ahead
            was a tenth in float64. (JAX has it with `jax_enable_x64` only, and on PyTorch Keras's
            products are float32 in any case.)
        name: Name of the model.

    Returns:
        Input `x` (batch, time, features), with feedback (batch, time, features + targets); output
        (batch, time, targets). Only the `Dense` layer `readout` has weights that train.

    Raises:
        ValueError: If there are no inputs and no feedback, or an option does not fit.
    """
    fed_back = targets if feedback else 0
    if features + fed_back < 1 or features < 0:
        raise ValueError(
            f"`features` must be at least 1, or 0 with `feedback=True`, found {features!r}."
        )
    x = keras.Input((None, features + fed_back), name="x", dtype=dtype)
    seeds = _seeds(seed, depth)
    seen = [x] if read_inputs else []
    y = x
    for index in range(depth):
        reservoir = Reservoir(
            units,
            spectral_radius=spectral_radius,
            leak_rate=leak_rate,
            input_scaling=input_scaling,
            bias_scaling=bias_scaling,
            density=density,
            topology=topology,
            activation=activation,
            feedback_units=fed_back if index == 0 else 0,
            feedback_scaling=feedback_scaling,
            seed=seeds[index],
            return_sequences=True,
            return_state=True,
            dtype=dtype,
            name=f"reservoir_{index}",
        )
        y, _ = reservoir(y)
        seen.append(y)
    joined = seen[0]
    if len(seen) > 1:
        joined = keras.layers.Concatenate(name="states", dtype=dtype)(seen)
    outputs = keras.layers.Dense(targets, name="readout", dtype=dtype)(joined)
    return keras.Model(x, outputs, name=name)


def fit_readout(
    model: keras.Model,
    x: Any,
    y: Any,
    *,
    alpha: float = 1e-6,
    washout: int = 0,
) -> float:
    """Find the readout's weights by ridge regression of the targets on the states.

        W, b = argmin sum_t |W s_t + b - y_t|^2 + alpha |W|^2          s_t = [x_t, h_t]

    solved in float64: by products of the states, or by QR and singular values where `alpha` is too
    small for these to be exact. The states are made and folded in chunk by chunk: memory does not
    grow with the data. The readout is an ordinary `Dense` layer, so the model saves, exports and
    predicts like any other.

    Args:
        model: Of `echo_state_network`.
        x: Inputs without fed-back outputs, `(batch, time, features)`, or a sequence of arrays
            `(time, features)` of any lengths.
        y: Targets, in the same form, with `targets` columns. With feedback they are also what is
            fed back, one step later (teacher forcing).
        alpha: Penalty on the squared weights, relative to a sum over all steps, not a mean.
        washout: Steps at the start of each sequence that are left out, while the reservoir forgets
            that it started from zero.

    Returns:
        The mean squared error on the steps used.

    Raises:
        ValueError: If shapes do not fit together, a sequence is not longer than the washout, or
            something is not finite.
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
    """`fit_readout` for several penalties, one after the other, from one pass over the states.

    for alpha, error in fit_readouts(model, x, y, alphas=[1e-9, 1e-6, 1e-3]):
        ...                    the readout of `model` is that of `alpha`: score it, keep its weights

    Args:
        model: As for `fit_readout`, and so are `x`, `y` and `washout`.
        x: Inputs.
        y: Targets.
        alphas: Penalties on the squared weights.
        washout: Steps left out at the start of each sequence.

    Yields:
        Each of `alphas`, in the order given, and its mean squared error on the steps used.

    Raises:
        ValueError: As `fit_readout`, or if there is no penalty.
    """
    if not len(alphas):
        raise ValueError("`alphas` must hold at least one penalty, found none.")
    ridge = _accumulated(model, x, y, min(alphas), washout)
    for alpha in alphas:
        solution = ridge.solve(alpha)
        model.get_layer("readout").set_weights([solution.weights, solution.bias])
        yield alpha, float(np.mean(solution.mean_square))


def _accumulated(
    model: keras.Model, x: Any, y: Any, smallest_alpha: float, washout: int
) -> RidgeAccumulator:
    """The regression of the targets on all that the readout sees after the washout."""
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
    lengths = np.array([len(one) for one in inputs])
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


def _seeds(seed: int | None, count: int) -> list[int | None]:
    if seed is None:
        return [None] * count
    return [int(s) for s in np.random.SeedSequence(seed).generate_state(count)]


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
            f"`x` and `y` must hold as many sequences, at least one: {len(inputs)} are not "
            f"{len(wanted)}."
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
                f"Sequence {row} has {len(a)} steps: `washout` {washout} leaves nothing."
            )


def _similar_lengths(sequences: Sequence[np.ndarray]) -> Iterator[np.ndarray]:
    """Batches of indices, sequences of similar lengths together."""
    order = np.argsort([len(s) for s in sequences], kind="stable")
    for start in range(0, len(order), _BATCH):
        yield order[start : start + _BATCH]
