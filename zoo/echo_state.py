"""Echo state networks: fixed reservoirs, and a readout that is found in closed form.

model = echo_state_network(features=1, targets=1, units=500)
fit_readout(model, x, y, alpha=1e-8, washout=100)      no gradient descent
model.predict(x)                                       an ordinary Keras model
free_run(model, x, steps=200)                          predictions fed back as inputs
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from custom_layers import Reservoir
from custom_layers.loops import forward_loop
from zoo._registry import register_model
from zoo._ridge import RidgeAccumulator
from zoo._state_stream import compiled, reads_inputs, reservoirs_of, stream_of

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
    feedback: bool = False,
    feedback_scaling: float = 1.0,
    read_inputs: bool = True,
    seed: int | None = None,
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
        feedback: Feed the outputs of the step before back into the first reservoir: the inputs are
            then `features` inputs and `targets` earlier outputs side by side. `fit_readout` and
            `free_run` take care of them.
        feedback_scaling: Range of the feedback weights.
        read_inputs: Whether the readout sees the inputs beside the states.
        seed: Seed of the weights; `None` = drawn.
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
    x = keras.Input((None, features + fed_back), name="x")
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
            feedback_units=fed_back if index == 0 else 0,
            feedback_scaling=feedback_scaling,
            seed=seeds[index],
            return_sequences=True,
            return_state=True,
            name=f"reservoir_{index}",
        )
        y, _ = reservoir(y)
        seen.append(y)
    joined = seen[0] if len(seen) == 1 else keras.layers.Concatenate(name="states")(seen)
    outputs = keras.layers.Dense(targets, name="readout")(joined)
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
    readout = model.get_layer("readout")
    width, targets = readout.kernel.shape
    fed_back = model.get_layer("reservoir_0").cell.feedback_units
    inputs, wanted = _sequences("x", x), _sequences("y", y)
    _check_pairs(inputs, wanted, model.input.shape[-1] - fed_back, targets, washout)
    if fed_back:
        inputs = [
            np.concatenate([a, _delayed(b)], axis=1) for a, b in zip(inputs, wanted, strict=True)
        ]
    ridge = RidgeAccumulator(width, targets, smallest_alpha=alpha)
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
    solution = ridge.solve(alpha)
    readout.set_weights([solution.weights, solution.bias])
    return float(np.mean(solution.mean_square))


def free_run(
    model: keras.Model,
    warmup: Any,
    steps: int,
    *,
    inputs: Any = None,
    outputs: Any = None,
) -> np.ndarray:
    """Let the network run on its own predictions.

    Without feedback the network has to be one that predicts its own next input (as many targets as
    features): each output is the next input. With feedback each output is fed back, and inputs from
    outside go on if there are any.

    Args:
        model: Of `echo_state_network`, fitted.
        warmup: `(batch, time, features)` or `(time, features)`, inputs that bring the states to
            where the run begins.
        steps: Number of steps to predict.
        inputs: With feedback and `features > 0`: the inputs of the steps to predict,
            `(batch, steps, features)`.
        outputs: With feedback: the true outputs of the steps of `warmup`.

    Returns:
        Predictions `(batch, steps, targets)`; without a batch axis if `warmup` has none. The first
        is that of the step after the last of `warmup`.

    Raises:
        ValueError: If the network cannot run freely, or shapes do not fit.
    """
    warmup = np.asarray(warmup, "float32")
    single = warmup.ndim == 2
    if single:
        warmup = warmup[None]
        inputs, outputs = (None if a is None else np.asarray(a)[None] for a in (inputs, outputs))
    fed_back = model.get_layer("reservoir_0").cell.feedback_units
    targets = model.get_layer("readout").kernel.shape[1]
    features = model.input.shape[-1] - fed_back
    if not fed_back and features != targets:
        raise ValueError(
            f"A network without feedback runs freely on its outputs as inputs: {targets} targets "
            f"are not {features} features."
        )
    if warmup.ndim != 3 or warmup.shape[-1] != features or warmup.shape[1] < 1:
        raise ValueError(
            f"`warmup` must have shape (batch, time, {features}), found {warmup.shape}."
        )
    batch = len(warmup)
    if fed_back:
        outputs = _expected("outputs", outputs, (batch, warmup.shape[1], targets))
        warmup = np.concatenate([warmup, np.stack([_delayed(y) for y in outputs])], axis=-1)
    outside = features if fed_back else 0
    driving = np.zeros((batch, steps, 0), "float32")
    if outside:
        driving = _expected("inputs", inputs, (batch, steps, features))
    stream = stream_of(model)
    for seen, states in stream.chunks(warmup, pad=False):
        last_seen, last_states = seen[:, -1], states
    if fed_back:
        found = _run_freely(model, driving, last_states, outputs[:, -1])
    else:
        kernel, bias = model.get_layer("readout").get_weights()
        first = last_seen @ kernel + bias
        later = _run_freely(model, driving, last_states, first)
        found = np.concatenate([first[:, None], later[:, :-1]], axis=1)
    return found[0] if single else found


class _FreeRun(keras.layers.Layer):
    """The loop of a network that sees its own outputs."""

    def __init__(self, model: keras.Model, outside: int) -> None:
        super().__init__()
        self.reservoirs = reservoirs_of(model)
        self.readout = model.get_layer("readout")
        self.reads_inputs = reads_inputs(model)
        self.outside = outside

    def call(self, driving: Any, states: list[Any]) -> Any:
        def step(states: list[Any], x: Any) -> list[Any]:
            *hidden, y = states
            z = ops.concatenate([x, y], axis=-1) if self.outside else y
            seen = [z] if self.reads_inputs else []
            for index, reservoir in enumerate(self.reservoirs):
                z, (hidden[index],) = reservoir.cell(z, [hidden[index]])
                seen.append(z)
            return [*hidden, self.readout(ops.concatenate(seen, axis=-1))]

        return forward_loop(step, states, driving)[-1]


def _run_freely(
    model: keras.Model, driving: np.ndarray, states: list[np.ndarray], last: np.ndarray
) -> np.ndarray:
    outside = driving.shape[-1]
    if not outside:  # the loop wants something to walk along
        driving = np.zeros((*driving.shape[:2], 1), "float32")
    inputs = keras.Input(driving.shape[1:])
    before = [keras.Input(s.shape[1:]) for s in (*states, last)]
    outputs = _FreeRun(model, outside)(inputs, before)
    return compiled(keras.Model([inputs, *before], outputs)).predict_on_batch(
        [driving, *states, last]
    )


def _seeds(seed: int | None, count: int) -> list[int | None]:
    if seed is None:
        return [None] * count
    return [int(s) for s in np.random.SeedSequence(seed).generate_state(count)]


def _sequences(name: str, values: Any) -> list[np.ndarray]:
    if isinstance(values, np.ndarray) and values.ndim != 3:
        raise ValueError(
            f"`{name}` must be an array (batch, time, width) or a list of arrays (time, width), "
            f"found shape {values.shape}."
        )
    return [np.asarray(value, "float32") for value in values]


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


def _expected(name: str, values: Any, shape: tuple[int, ...]) -> np.ndarray:
    found = None if values is None else np.asarray(values, "float32")
    if found is None or found.shape != shape:
        raise ValueError(
            f"`{name}` must have shape {shape}, found {None if found is None else found.shape}."
        )
    return found


def _delayed(y: np.ndarray) -> np.ndarray:
    """The outputs of the step before; nothing before the first."""
    return np.concatenate([np.zeros_like(y[:1]), y[:-1]])


def _similar_lengths(sequences: Sequence[np.ndarray]) -> Iterator[np.ndarray]:
    """Batches of indices, sequences of similar lengths together."""
    order = np.argsort([len(s) for s in sequences], kind="stable")
    for start in range(0, len(order), _BATCH):
        yield order[start : start + _BATCH]
