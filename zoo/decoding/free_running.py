"""Echo state networks that run on their own predictions.

free_run(model, x, steps=200)              from the end of a series
seen = readout_inputs(model, x)            the inputs of the readout at every step
run_on(model, seen[:, 300], steps=200)     from any step, without running up to it again
continuation_model(model)                  a Keras model of both, for export
"""

from __future__ import annotations

import weakref
from typing import Any

import keras
import numpy as np
from keras import ops

from custom_layers.engine.checks import require_integer
from custom_layers.engine.loops import forward_loop
from zoo._model import ZooModel
from zoo.closed_form.state_stream import (
    compiled,
    delayed,
    precision_of,
    reads_inputs,
    reservoirs_of,
    stream_of,
)


def readout_inputs(model: keras.Model, x: Any) -> np.ndarray:
    """The inputs of the readout: the states, and the inputs of the network if it reads them.

    Args:
        model: Model of `echo_state_network`.
        x: Inputs `(batch, time, features)`; with feedback including the outputs of the step before.

    Returns:
        `(batch, time, width)`. Multiplied by the readout's kernel, plus its bias, these are the
        outputs.

    Raises:
        ValueError: If `x` has another shape, or no steps.
    """
    x = _checked("x", x, (None, None, model.input.shape[-1]), precision_of(model))
    steps = x.shape[1]
    if steps < 1:
        raise ValueError(f"`x` must have at least one step, found shape {x.shape}.")
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

    Without feedback, the network must predict its own next input (as many targets as features):
    each output becomes the next input. With feedback, each output is fed back, and external inputs,
    if there are any, continue.

    Args:
        model: Fitted model of `echo_state_network`.
        warmup: Inputs that bring the states to the start of the run, `(batch, time, features)` or
            `(time, features)`.
        steps: Number of steps to predict.
        inputs: With feedback and `features > 0`, the inputs of the steps to predict,
            `(batch, steps, features)`.
        outputs: With feedback, the true outputs of the steps of `warmup`.

    Returns:
        Predictions `(batch, steps, targets)`, without a batch axis if `warmup` has none. The first
        one is for the step after `warmup`.

    Raises:
        ValueError: If the network cannot run freely, or shapes are inconsistent.
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
        raise ValueError(f"`warmup` must have at least one step, found shape {warmup.shape}.")
    if fed_back:
        outputs = _checked("outputs", outputs, (batch, time, targets), precision)
        warmup = np.concatenate([warmup, np.stack([delayed(y) for y in outputs])], axis=-1)
    for seen, _ in stream_of(model).chunks(warmup, pad=False):
        last = seen[:, -1]
    if not fed_back:
        predictions = run_on(model, last, steps)
    else:
        driving = np.zeros((batch, steps, 0), precision)
        if features:
            driving = _checked("inputs", inputs, (batch, steps, features), precision)
        predictions = _run(model, driving, _states(model, last), outputs[:, -1])
    return predictions[0] if single else predictions


def run_on(model: keras.Model, seen: Any, steps: int) -> np.ndarray:
    """Let a network without feedback run on its own predictions, from known states.

    Args:
        model: Fitted model of `echo_state_network`, with as many targets as features.
        seen: Inputs of the readout at the step before, `(batch, width)`: rows of `readout_inputs`.
        steps: Number of steps to predict.

    Returns:
        Predictions `(batch, steps, targets)`.

    Raises:
        ValueError: If the network cannot run freely, or shapes are inconsistent.
    """
    require_integer("steps", steps)
    fed_back, targets, features = _widths(model)
    if fed_back:
        raise ValueError("A network with feedback needs its last outputs: use `free_run`.")
    _check_runs_on_itself(features, targets)
    readout, precision = model.get_layer("readout"), precision_of(model)
    seen = _checked("seen", seen, (None, readout.kernel.shape[0]), precision)
    first = ops.convert_to_numpy(ops.cast(readout(ops.convert_to_tensor(seen)), precision))
    driving = np.zeros((len(seen), steps, 0), seen.dtype)
    later = _run(model, driving, _states(model, seen), first)
    return np.concatenate([first[:, None], later[:, :-1]], axis=1)[:, :steps]


def continuation_model(model: keras.Model) -> keras.Model:
    """A model of the predictions along a series and of the free run after it, for `export`.

    It shares the weights of `model` and cannot be saved itself: save `model` instead.

    Args:
        model: Model of `echo_state_network`, with as many targets as features and without feedback.
            As the weights are shared, it may be fitted later.

    Returns:
        A model with the inputs `x`, `(batch, time, features)`, and `ahead`, `(batch, steps, 1)`, of
        which only the number of steps matters. Outputs `predictions`, `(batch, time, targets)`, of
        the step after each, and `continuation`, `(batch, steps, targets)`, after the last step.

    Raises:
        ValueError: If the network cannot run freely.
    """
    fed_back, targets, features = _widths(model)
    if fed_back:
        raise ValueError("A network with feedback needs its earlier outputs: use `free_run`.")
    _check_runs_on_itself(features, targets)
    precision = precision_of(model)
    x = keras.Input((None, features), name="x", dtype=precision)
    ahead = keras.Input((None, 1), name="ahead", dtype=precision)
    seen, states = stream_of(model).states_of(x)
    predictions = model.get_layer("readout")(seen)
    continuation = _FreeRun(model, 0, first_too=True)(ahead, states, predictions[:, -1])
    outputs = {"predictions": predictions, "continuation": continuation}
    return ZooModel({"x": x, "ahead": ahead}, outputs, name="continuation")


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
        # The loop runs in the precision of the network, which is less than that of its inputs under
        # a mixed policy.
        precision = self.readout.compute_dtype
        driving, last, *states = (ops.cast(x, precision) for x in (driving, last, *states))

        def step(states: list[Any], x: Any) -> list[Any]:
            *hidden, y = states
            z = ops.concatenate([x, y], axis=-1) if self.outside else y
            seen = [z] if self.reads_inputs else []
            for index, reservoir in enumerate(self.reservoirs):
                z, (hidden[index],) = reservoir.cell(z, [hidden[index]])
                seen.append(z)
            return [*hidden, self.readout(ops.concatenate(seen, axis=-1))]

        outputs = forward_loop(step, [*states, last], driving)[-1]
        if self.first_too:
            outputs = ops.concatenate([last[:, None], outputs], axis=1)[:, : ops.shape(driving)[1]]
        return ops.cast(outputs, self.compute_dtype)

    def compute_output_shape(
        self, driving_shape: Any, states_shape: Any, last_shape: Any
    ) -> tuple[int | None, ...]:
        return (*driving_shape[:2], last_shape[-1])


_RUNS: weakref.WeakKeyDictionary[keras.Model, tuple[list[Any], keras.Model]] = (
    weakref.WeakKeyDictionary()
)
"""A compiled run of each model, and the variables of the readout it was compiled with: `quantize`
and `enable_lora` make others."""


def _run(
    model: keras.Model, driving: np.ndarray, states: list[np.ndarray], last: np.ndarray
) -> np.ndarray:
    """The outputs after `last`, by a model that is compiled once for each shape."""
    precision = precision_of(model)
    outside = driving.shape[-1]
    if not outside:  # the loop needs inputs to iterate over
        driving = np.zeros((*driving.shape[:2], 1), precision)
    variables = model.get_layer("readout").variables
    known, run = _RUNS.get(model, ([], None))
    if run is None or list(map(id, known)) != list(map(id, variables)):
        inputs = keras.Input((None, driving.shape[-1]), dtype=precision)
        before = [keras.Input(s.shape[1:], dtype=precision) for s in (*states, last)]
        outputs = _FreeRun(model, outside)(inputs, before[:-1], before[-1])
        run = compiled(keras.Model([inputs, *before], outputs))
        _RUNS[model] = variables, run
    return run.predict_on_batch([driving, *states, last])


def _states(model: keras.Model, seen: np.ndarray) -> list[np.ndarray]:
    """The states of the reservoirs, from the inputs of the readout at a step."""
    reservoirs = reservoirs_of(model)
    ends = np.cumsum([r.units for r in reservoirs])
    hidden = seen[:, -ends[-1] :]
    return [
        np.ascontiguousarray(hidden[:, end - r.units : end])
        for end, r in zip(ends, reservoirs, strict=True)
    ]


def _widths(model: keras.Model) -> tuple[int, int, int]:
    """The numbers of outputs fed back, of outputs, and of external inputs."""
    fed_back = model.get_layer("reservoir_0").cell.feedback_units
    targets = model.get_layer("readout").kernel.shape[1]
    return fed_back, targets, model.input.shape[-1] - fed_back


def _check_runs_on_itself(features: int, targets: int) -> None:
    if features != targets:
        raise ValueError(
            "A network without feedback needs as many targets as features to run freely, found "
            f"{targets} targets and {features} features."
        )


def _checked(name: str, values: Any, shape: tuple[int | None, ...], precision: str) -> np.ndarray:
    """The array, after a check of its shape; `None` is any size."""
    array = None if values is None else np.asarray(values, precision)
    if (
        array is None
        or array.ndim != len(shape)
        or any(size not in (None, n) for size, n in zip(shape, array.shape, strict=True))
    ):
        expected = str(shape).replace("None", "any")
        raise ValueError(
            f"`{name}` must have shape {expected}, found {None if array is None else array.shape}."
        )
    return array
