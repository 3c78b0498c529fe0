"""Echo state networks that run on their own predictions.

free_run(model, x, steps=200)              from the end of a series
seen = readout_inputs(model, x)            all that the readout sees, at every step
run_on(model, seen[:, 300], steps=200)     from any step of it, without running up to it again
continuation_model(model)                  a Keras model of both, to be exported
"""

from __future__ import annotations

import weakref
from typing import Any

import keras
import numpy as np
from keras import ops

from custom_layers.engine.checks import require_integer
from custom_layers.engine.loops import forward_loop
from zoo.closed_form.state_stream import (
    compiled,
    delayed,
    precision_of,
    reads_inputs,
    reservoirs_of,
    stream_of,
)


def readout_inputs(model: keras.Model, x: Any) -> np.ndarray:
    """All that the readout sees of some sequences: the inputs, where it reads them, and the states.

    Args:
        model: Of `echo_state_network`.
        x: `(batch, time, features)`, with feedback the outputs of the step before among them.

    Returns:
        `(batch, time, width)`; times the readout's kernel, plus its bias, they are the outputs.

    Raises:
        ValueError: If `x` has another shape, or no step.
    """
    x = _checked("x", x, (None, None, model.input.shape[-1]), precision_of(model))
    steps = x.shape[1]
    if steps < 1:
        raise ValueError(f"`x` must have a step at least, found shape {x.shape}.")
    parts = [seen for seen, _ in stream_of(model).chunks(x)]
    return np.concatenate(parts, axis=1)[:, :steps]


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
    require_integer("steps", steps)
    precision = precision_of(model)
    warmup = np.asarray(warmup, precision)
    single = warmup.ndim == 2
    if single:
        warmup = warmup[None]
        inputs, outputs = (None if a is None else np.asarray(a)[None] for a in (inputs, outputs))
    fed_back, targets, features = _widths(model)
    if not fed_back:
        _check_runs_on_itself(features, targets)
    warmup = _checked("warmup", warmup, (None, None, features), precision)
    batch, time, _ = warmup.shape
    if time < 1:
        raise ValueError(f"`warmup` must have a step at least, found shape {warmup.shape}.")
    if fed_back:
        outputs = _checked("outputs", outputs, (batch, time, targets), precision)
        warmup = np.concatenate([warmup, np.stack([delayed(y) for y in outputs])], axis=-1)
    for seen, _ in stream_of(model).chunks(warmup, pad=False):
        last = seen[:, -1]
    if not fed_back:
        found = run_on(model, last, steps)
    else:
        driving = np.zeros((batch, steps, 0), precision)
        if features:
            driving = _checked("inputs", inputs, (batch, steps, features), precision)
        found = _run(model, driving, _states(model, last), outputs[:, -1])
    return found[0] if single else found


def run_on(model: keras.Model, seen: Any, steps: int) -> np.ndarray:
    """Let a network without feedback run on its own predictions, from known states.

    Args:
        model: Of `echo_state_network`, fitted, with as many targets as features.
        seen: `(batch, width)`, what the readout sees at the step before: rows of `readout_inputs`.
        steps: Number of steps to predict.

    Returns:
        Predictions `(batch, steps, targets)`.

    Raises:
        ValueError: If the network cannot run freely, or shapes do not fit.
    """
    require_integer("steps", steps)
    fed_back, targets, features = _widths(model)
    if fed_back:
        raise ValueError("A network with feedback runs from its last outputs: use `free_run`.")
    _check_runs_on_itself(features, targets)
    kernel, bias = model.get_layer("readout").get_weights()
    seen = _checked("seen", seen, (None, len(kernel)), precision_of(model))
    first = seen @ kernel + bias
    driving = np.zeros((len(seen), steps, 0), seen.dtype)
    later = _run(model, driving, _states(model, seen), first)
    return np.concatenate([first[:, None], later[:, :-1]], axis=1)[:, :steps]


def continuation_model(model: keras.Model) -> keras.Model:
    """One model of the predictions along a series and of the free run after it, for `export`.

    It has the weights of another model and no config of its own: save that one instead.

    Args:
        model: Of `echo_state_network`, with as many targets as features and without feedback. The
            weights are shared: what is fitted later is in this model too.

    Returns:
        Inputs `x`, `(batch, time, features)`, and `ahead`, `(batch, steps, 1)`, of which only the
        number of steps counts. Outputs `predictions`, `(batch, time, targets)`, of the step after
        each, and `continuation`, `(batch, steps, targets)`, from the step after the last.

    Raises:
        ValueError: If the network cannot run freely.
    """
    fed_back, targets, features = _widths(model)
    if fed_back:
        raise ValueError("A network with feedback wants its earlier outputs: use `free_run`.")
    _check_runs_on_itself(features, targets)
    precision = precision_of(model)
    x = keras.Input((None, features), name="x", dtype=precision)
    ahead = keras.Input((None, 1), name="ahead", dtype=precision)
    seen, states = stream_of(model).states_of(x)
    predictions = model.get_layer("readout")(seen)
    continuation = _FreeRun(model, 0, first_too=True)(ahead, states, predictions[:, -1])
    outputs = {"predictions": predictions, "continuation": continuation}
    return keras.Model({"x": x, "ahead": ahead}, outputs, name="continuation")


class _FreeRun(keras.layers.Layer):
    """The loop of a network that sees its own outputs."""

    def __init__(self, model: keras.Model, outside: int, first_too: bool = False) -> None:
        super().__init__(dtype=precision_of(model))
        self.reservoirs = reservoirs_of(model)
        self.readout = model.get_layer("readout")
        self.reads_inputs = reads_inputs(model)
        self.outside = outside
        self.first_too = first_too

    def call(self, driving: Any, states: list[Any], last: Any) -> Any:
        def step(states: list[Any], x: Any) -> list[Any]:
            *hidden, y = states
            z = ops.concatenate([x, y], axis=-1) if self.outside else y
            seen = [z] if self.reads_inputs else []
            for index, reservoir in enumerate(self.reservoirs):
                z, (hidden[index],) = reservoir.cell(z, [hidden[index]])
                seen.append(z)
            return [*hidden, self.readout(ops.concatenate(seen, axis=-1))]

        found = forward_loop(step, [*states, last], driving)[-1]
        if self.first_too:
            found = ops.concatenate([last[:, None], found], axis=1)[:, : ops.shape(driving)[1]]
        return found

    def compute_output_shape(
        self, driving_shape: Any, states_shape: Any, last_shape: Any
    ) -> tuple[int | None, ...]:
        return (*driving_shape[:2], last_shape[-1])


_RUNS: weakref.WeakKeyDictionary[keras.Model, keras.Model] = weakref.WeakKeyDictionary()


def _run(
    model: keras.Model, driving: np.ndarray, states: list[np.ndarray], last: np.ndarray
) -> np.ndarray:
    """What follows the outputs `last`, in a model compiled once for each shape."""
    precision = precision_of(model)
    outside = driving.shape[-1]
    if not outside:  # the loop wants something to walk along
        driving = np.zeros((*driving.shape[:2], 1), precision)
    if model not in _RUNS:
        inputs = keras.Input((None, driving.shape[-1]), dtype=precision)
        before = [keras.Input(s.shape[1:], dtype=precision) for s in (*states, last)]
        outputs = _FreeRun(model, outside)(inputs, before[:-1], before[-1])
        _RUNS[model] = compiled(keras.Model([inputs, *before], outputs))
    return _RUNS[model].predict_on_batch([driving, *states, last])


def _states(model: keras.Model, seen: np.ndarray) -> list[np.ndarray]:
    """The states of the reservoirs in what the readout sees at a step."""
    reservoirs = reservoirs_of(model)
    ends = np.cumsum([r.units for r in reservoirs])
    hidden = seen[:, -ends[-1] :]
    return [
        np.ascontiguousarray(hidden[:, end - r.units : end])
        for end, r in zip(ends, reservoirs, strict=True)
    ]


def _widths(model: keras.Model) -> tuple[int, int, int]:
    """How many outputs are fed back, how many there are, and how many inputs from outside."""
    fed_back = model.get_layer("reservoir_0").cell.feedback_units
    targets = model.get_layer("readout").kernel.shape[1]
    return fed_back, targets, model.input.shape[-1] - fed_back


def _check_runs_on_itself(features: int, targets: int) -> None:
    if features != targets:
        raise ValueError(
            f"A network without feedback runs freely on its outputs as inputs: {targets} targets "
            f"are not {features} features."
        )


def _checked(name: str, values: Any, shape: tuple[int | None, ...], precision: str) -> np.ndarray:
    """The array, if it is of that shape; `None` is any length."""
    found = None if values is None else np.asarray(values, precision)
    if (
        found is None
        or found.ndim != len(shape)
        or any(wanted not in (None, size) for wanted, size in zip(shape, found.shape, strict=True))
    ):
        wanted = str(shape).replace("None", "any")
        raise ValueError(
            f"`{name}` must have shape {wanted}, found {None if found is None else found.shape}."
        )
    return found
