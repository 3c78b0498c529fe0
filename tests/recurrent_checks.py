"""What every recurrent layer is held against: its equation in NumPy, in float64, step by step.

A `RecurrentCase` names the layer and one step of the reference; `RECURRENT_CHECKS` maps names to
the checks, to parametrise a test over with `cases_and_checks`.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import keras
import numpy as np
from compiled import apply
from keras import ops
from layer_checks import disturb_weights, require, to_numpy

BATCH, TIME, FEATURES = 4, 7, 3

Step = Callable[[dict[str, np.ndarray], np.ndarray, list[np.ndarray]], list[np.ndarray]]


@dataclass(frozen=True)
class RecurrentCase:
    """A recurrent layer and its independent reference.

    Attributes:
        layer_class: The layer.
        config: Arguments of its constructor.
        step: One step in float64: weights by name, inputs `(batch, features)` and states; returns
            the next states, the first of which is the output. Where `dropout_step` is set it takes
            factors on the state as a fourth argument.
        dropout_step: Whether the cell's `scan` takes a `recurrent_dropout_mask`.
        tolerance: Largest difference, relative and absolute.
    """

    layer_class: type[keras.layers.Layer]
    config: Mapping[str, Any]
    step: Callable[..., list[np.ndarray]]
    dropout_step: bool = True
    tolerance: float = 2e-5
    weights_of: Callable[[Any], dict[str, np.ndarray]] = field(
        default=lambda layer: {w.name: to_numpy(w).astype("float64") for w in layer.weights}
    )

    def new_layer(self, **kwargs: Any) -> Any:
        """A built layer with random, distinct weights."""
        options = {"return_sequences": True, "return_state": True, **self.config, **kwargs}
        layer = self.layer_class(**options)
        layer.build((None, None, FEATURES))
        disturb_weights(layer)
        return layer

    def new_states(self, layer: Any, batch: int = BATCH) -> list[np.ndarray]:
        rng = np.random.default_rng(5)
        return [rng.normal(size=(batch, n)) * 0.5 for n in layer.state_size]

    def reference(
        self,
        layer: Any,
        x: np.ndarray,
        states: list[np.ndarray],
        mask: np.ndarray | None = None,
        reverse: bool = False,
        weights: dict[str, np.ndarray] | None = None,
        dropout: np.ndarray | None = None,
    ) -> list[np.ndarray]:
        """Outputs `(batch, time, units)` and the last states."""
        weights = self.weights_of(layer) if weights is None else weights
        extra = [] if dropout is None else [dropout]
        outputs = []
        for t in reversed(range(x.shape[1])) if reverse else range(x.shape[1]):
            new = self.step(weights, x[:, t], states, *extra)
            if mask is not None:
                new = [np.where(mask[:, t, None], a, b) for a, b in zip(new, states, strict=True)]
            states = new
            outputs.append(states[0])
        return [np.stack(outputs, axis=1), *states]


def inputs(batch: int = BATCH, time: int = TIME, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(batch, time, FEATURES))


def masks(batch: int = BATCH, time: int = TIME) -> dict[str, np.ndarray]:
    steps = np.arange(time)
    right = steps < np.array([time, time - 3, 1, 0] * batch)[:batch, None]
    between = np.random.default_rng(2).random((batch, time)) > 0.4
    return {"right": right, "left": right[:, ::-1].copy(), "between": between}


def run(layer: Any, x: np.ndarray, states: list[np.ndarray] | None, **kwargs: Any) -> list[Any]:
    """The layer's outputs, in its dtype, as arrays."""
    dtype = layer.compute_dtype
    given = {name: value for name, value in kwargs.items() if value is not None}
    if "mask" in given:
        given["mask"] = ops.convert_to_tensor(given["mask"])
    if states is not None:
        given["initial_state"] = [ops.convert_to_tensor(s.astype(dtype)) for s in states]
    found = apply(layer, ops.convert_to_tensor(x.astype(dtype)), **given)
    return [to_numpy(ops.stop_gradient(y)) for y in keras.tree.flatten(found)]


def close(case: RecurrentCase, where: str, found: Any, expected: Any) -> None:
    require(len(found) == len(expected), where, f"{len(found)} outputs, not {len(expected)}")
    for i, (a, b) in enumerate(zip(found, expected, strict=True)):
        require(a.shape == b.shape, where, f"output {i} has shape {a.shape}, expected {b.shape}")
        excess = np.abs(a - b) - case.tolerance * (1 + np.abs(b))
        require(bool((excess <= 0).all()), where, f"output {i} is off by {np.abs(a - b).max():.3g}")


def check_reference(case: RecurrentCase) -> None:
    """Outputs and all states are the reference's: with masks, both directions, initial states."""
    x = inputs()
    for reverse in (False, True):
        layer = case.new_layer(go_backwards=reverse)
        states = case.new_states(layer)
        for name, mask in {"no": None, **masks()}.items():
            expected = case.reference(layer, x, states, mask, reverse)
            where = f"reference ({name} mask, reverse={reverse})"
            junk = x if mask is None else np.where(mask[:, :, None], x, np.nan)
            close(case, where, run(layer, junk, states, mask=mask), expected)
        zeros = [np.zeros_like(s) for s in states]
        expected = case.reference(layer, x, zeros, None, reverse)
        close(case, "reference (zero states)", run(layer, x, None), expected)


def check_saved(case: RecurrentCase) -> None:
    """What comes back from a `.keras` file still computes the reference."""
    layer = case.new_layer()
    x, states = inputs(), case.new_states(layer)
    sequences = keras.Input((None, FEATURES))
    initial = [keras.Input((n,)) for n in layer.state_size]
    model = keras.Model([sequences, *initial], layer(sequences, initial_state=initial))
    with tempfile.TemporaryDirectory() as folder:
        model.save(Path(folder) / "model.keras")
        loaded = keras.saving.load_model(Path(folder) / "model.keras").get_layer(layer.name)
    for a, b in zip(layer.weights, loaded.weights, strict=True):
        require(np.array_equal(to_numpy(a), to_numpy(b)), "saved", f"{a.path} is not restored")
    close(case, "saved", run(loaded, x, states), case.reference(layer, x, states))


def check_gradients(case: RecurrentCase) -> None:
    """Gradients for inputs, states and weights are the reference's, by finite differences."""
    layer = case.new_layer()
    x, states, mask = inputs(), case.new_states(layer), masks()["between"]
    rng = np.random.default_rng(3)
    weights = case.weights_of(layer)
    for m in (None, mask):
        upstream = [rng.normal(size=y.shape) for y in case.reference(layer, x, states, m)]

        def loss(
            x: np.ndarray,
            states: list[np.ndarray],
            weights: dict[str, np.ndarray],
            m: Any = m,
            upstream: list[np.ndarray] = upstream,
        ) -> float:
            found = case.reference(layer, x, states, m, weights=weights)
            return sum((y * u).sum() for y, u in zip(found, upstream, strict=True))

        found = gradients(layer, x, states, m, upstream)
        step = 1e-6
        for name, gradient in found.items():
            values = {"x": x, **{f"state {i}": s for i, s in enumerate(states)}, **weights}[name]
            direction = rng.normal(size=values.shape)

            def along(size: float, name: str = name, direction: np.ndarray = direction) -> float:
                moved_states = [
                    s + size * direction if name == f"state {i}" else s
                    for i, s in enumerate(states)
                ]
                moved_weights = {
                    k: w + size * direction if k == name else w for k, w in weights.items()
                }
                return loss(x + size * direction if name == "x" else x, moved_states, moved_weights)

            expected = (along(step) - along(-step)) / (2 * step)
            scale = np.sqrt((gradient.astype("float64") ** 2).sum()) + 1e-3
            error = abs((gradient * direction).sum() - expected)
            require(
                error <= 1e-3 * scale,
                f"gradients (masked={m is not None})",
                f"{name}: derivative {(gradient * direction).sum():.6g}, not {expected:.6g}",
            )


def gradients(
    layer: Any,
    x: np.ndarray,
    states: list[np.ndarray],
    mask: np.ndarray | None,
    upstream: list[np.ndarray],
) -> dict[str, np.ndarray]:
    """Gradients of `sum(outputs * upstream)` by the backend, by name; a layer without states is
    given neither states nor a mask."""

    def given(states: Any) -> dict[str, Any]:
        return {"initial_state": states, "mask": mask} if states else {}

    dtype = layer.compute_dtype
    values = [x.astype(dtype), *(s.astype(dtype) for s in states)]
    names = ["x", *(f"state {i}" for i in range(len(states)))]
    names += [w.name for w in layer.trainable_weights]

    def total(found: Any) -> Any:
        return sum(
            ops.sum(y * ops.convert_to_tensor(u.astype(dtype)))
            for y, u in zip(keras.tree.flatten(found), upstream, strict=True)
        )

    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        tensors = [tf.constant(v) for v in values]
        with tf.GradientTape() as tape:
            tape.watch(tensors)
            loss = total(layer(tensors[0], **given(tensors[1:])))
        found = tape.gradient(
            loss,
            tensors + [w.value for w in layer.trainable_weights],
            unconnected_gradients=tf.UnconnectedGradients.ZERO,
        )
    elif keras.backend.backend() == "jax":
        import jax

        def compute(tensors: Any, weights: Any) -> Any:
            fixed = [w.value for w in layer.non_trainable_variables]
            result, _ = layer.stateless_call(weights, fixed, tensors[0], **given(tensors[1:]))
            return total(result)

        by_tensor, by_weight = jax.jit(jax.grad(compute, argnums=(0, 1)))(
            [ops.convert_to_tensor(v) for v in values], [w.value for w in layer.trainable_weights]
        )
        found = [*by_tensor, *by_weight]
    else:
        import torch

        tensors = [torch.tensor(v, requires_grad=True) for v in values]
        weights = [w.value for w in layer.trainable_weights]
        loss = total(layer(tensors[0], **given(tensors[1:])))
        sources = tensors + weights
        found = torch.autograd.grad(loss, sources, allow_unused=True)
        found = [
            torch.zeros_like(s) if g is None else g for g, s in zip(found, sources, strict=True)
        ]
    return {name: to_numpy(ops.stop_gradient(g)) for name, g in zip(names, found, strict=True)}


def check_keras(case: RecurrentCase) -> None:
    """`keras.layers.RNN` around the cell computes the same."""
    layer = case.new_layer()
    plain = keras.layers.RNN(layer.cell, return_sequences=True, return_state=True)
    x, mask = inputs(), masks()["between"]
    close(case, "keras.layers.RNN", run(plain, x, None), run(layer, x, None))
    masked = run(layer, x, None, mask=mask)
    close(case, "keras.layers.RNN (masked)", run(plain, x, None, mask=mask), masked)


def check_stepwise(case: RecurrentCase) -> None:
    """Step by step, and in two parts, with the states handed on, gives the whole sequence."""
    layer = case.new_layer()
    x, states = inputs(), case.new_states(layer)
    whole = run(layer, x, states)
    for lengths in ([1] * TIME, [4, 3]):
        outputs, carried, start = [], states, 0
        for length in lengths:
            y, *carried = run(layer, x[:, start : start + length], carried)
            outputs.append(y)
            start += length
        found = [np.concatenate(outputs, axis=1), *carried]
        close(case, f"stepwise (parts of {lengths[0]})", found, whole)


def check_bidirectional(case: RecurrentCase) -> None:
    """Inside `Bidirectional` both directions are the reference's, each with its own weights."""
    layer = case.layer_class(**{**case.config, "return_sequences": True, "return_state": True})
    both = keras.layers.Bidirectional(layer)
    x, mask = inputs(), masks()["left"]
    both.build((None, None, FEATURES))
    disturb_weights(both.forward_layer)
    disturb_weights(both.backward_layer)
    found = run(both, x, None, mask=mask)
    zeros = [np.zeros((BATCH, n)) for n in layer.state_size]
    ahead = case.reference(both.forward_layer, x, zeros, mask)
    back = case.reference(both.backward_layer, x, zeros, mask, reverse=True)
    valid = mask[:, :, None]
    merged = np.concatenate([ahead[0] * valid, back[0][:, ::-1] * valid], axis=-1)
    close(case, "bidirectional", found, [merged, *ahead[1:], *back[1:]])


def check_recurrent_dropout(case: RecurrentCase) -> None:
    """The factors on the state are those of the reference, at every step, and have gradients."""
    if not case.dropout_step:
        return
    layer = case.new_layer()
    x, states, mask = inputs(), case.new_states(layer), masks()["between"]
    dropout = np.random.default_rng(4).choice([0.0, 2.0], size=(BATCH, layer.units))
    outputs, last = layer.cell.scan(
        ops.convert_to_tensor(x.astype("float32")),
        [ops.convert_to_tensor(s.astype("float32")) for s in states],
        mask=ops.convert_to_tensor(mask),
        recurrent_dropout_mask=ops.convert_to_tensor(dropout.astype("float32")),
    )
    expected = case.reference(
        layer, np.where(mask[:, :, None], x, 0), states, mask, dropout=dropout
    )
    found = [to_numpy(ops.stop_gradient(y)) for y in (outputs, *last)]
    close(case, "recurrent dropout", found, expected)
    noisy = case.new_layer(recurrent_dropout=0.5, seed=3)
    a = run(noisy, x, states, training=True)
    require(not np.allclose(a[0], run(noisy, x, states, training=True)[0]), "dropout", "is fixed")
    close(case, "dropout (inference)", run(noisy, x, states), case.reference(noisy, x, states))


RECURRENT_CHECKS: dict[str, Callable[[RecurrentCase], None]] = {
    "reference": check_reference,
    "saved": check_saved,
    "gradients": check_gradients,
    "keras": check_keras,
    "stepwise": check_stepwise,
    "bidirectional": check_bidirectional,
    "recurrent_dropout": check_recurrent_dropout,
}
"""The checks by name."""


def cases_and_checks(cases: Mapping[str, RecurrentCase]) -> list[tuple[str, str]]:
    """Names of what to run: every check of every case. On JAX, which compiles each anew, the cases
    of a layer after its first one are held against the reference and its gradients only."""
    names, seen = [], set()
    for name, case in cases.items():
        first = case.layer_class not in seen or keras.backend.backend() != "jax"
        checks = RECURRENT_CHECKS if first else ("reference", "gradients")
        names += [(name, check) for check in checks]
        seen.add(case.layer_class)
    return names
