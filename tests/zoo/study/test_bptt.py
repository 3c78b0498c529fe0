"""Backpropagation through time by hand, against finite differences and against Keras."""

from __future__ import annotations

import dataclasses

import keras
import numpy as np
import pytest

from zoo.study.bptt import Weights, backward, forward, squared_error, truncated

pytestmark = pytest.mark.backend

TIME, INPUTS, UNITS, OUTPUTS = 9, 2, 4, 3
NAMES = ("u", "w", "b", "v")


@pytest.fixture
def weights() -> Weights:
    random = np.random.default_rng(0)
    shapes = {"u": (UNITS, INPUTS), "w": (UNITS, UNITS), "b": (UNITS,), "v": (OUTPUTS, UNITS)}
    return Weights(**{name: random.normal(0, 0.6, shape) for name, shape in shapes.items()})


@pytest.fixture
def sequence() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    random = np.random.default_rng(1)
    target = random.normal(size=(TIME, OUTPUTS))
    target[2] = np.nan  # no loss there
    return random.normal(size=(TIME, INPUTS)), target, random.normal(size=UNITS)


def differences(loss, weights: Weights, name: str) -> np.ndarray:
    """Central differences of a loss of the weights, entry by entry."""
    values, step = getattr(weights, name), 1e-6
    found = np.zeros_like(values)
    for place in np.ndindex(values.shape):
        ends = []
        for sign in (1, -1):
            moved = values.copy()
            moved[place] += sign * step
            ends.append(loss(dataclasses.replace(weights, **{name: moved})))
        found[place] = (ends[0] - ends[1]) / (2 * step)
    return found


@pytest.mark.parametrize("name", NAMES)
def test_against_finite_differences(weights, sequence, name):
    x, target, h0 = sequence

    def loss(changed: Weights) -> float:
        return squared_error(forward(changed, x, h0)[1], target)[0]

    slope = squared_error(forward(weights, x, h0)[1], target)[1]
    found = getattr(backward(weights, x, slope, h0), name)
    np.testing.assert_allclose(found, differences(loss, weights, name), rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("steps", [1, 3])
@pytest.mark.parametrize("name", NAMES)
def test_truncated_knows_nothing_of_how_the_window_began(weights, sequence, name, steps):
    """Its sum is the gradient of losses that each see a fixed state, `steps` before."""
    x, target, h0 = sequence
    h, y = forward(weights, x, h0)

    def loss(changed: Weights) -> float:
        total = 0.0
        for t in range(1, TIME + 1):
            start = max(0, t - steps)
            _, out = forward(changed, x[start:t], h[start])
            total += squared_error(out[-1:], target[t - 1 : t])[0]
        return total

    found = getattr(truncated(weights, x, squared_error(y, target)[1], steps, h0), name)
    np.testing.assert_allclose(found, differences(loss, weights, name), rtol=1e-6, atol=1e-7)


def test_not_truncated_is_whole(weights, sequence):
    x, target, h0 = sequence
    slope = squared_error(forward(weights, x, h0)[1], target)[1]
    whole, cut = backward(weights, x, slope, h0), truncated(weights, x, slope, TIME, h0)
    for name in (*NAMES, "h"):
        np.testing.assert_allclose(getattr(cut, name), getattr(whole, name), rtol=1e-12, atol=1e-14)
    shorter = truncated(weights, x, slope, TIME - 1, h0)
    assert np.abs(shorter.w - whole.w).max() > 1e-6
    with pytest.raises(ValueError, match="`steps` must be a positive integer, found 0"):
        truncated(weights, x, slope, 0)


def test_any_numbers_are_taken_in_float64():
    ones = Weights(
        *(
            np.ones(shape, kind)
            for shape, kind in (((2, 1), int), ((2, 2), "float32"), (2, "float16"), ((1, 2), int))
        )
    )
    x, slope = np.ones((3, 1), int), np.ones((3, 1), int)
    found = backward(ones, x, slope)
    assert {getattr(found, name).dtype for name in (*NAMES, "h")} == {np.dtype("float64")}
    assert found.w.any()


def test_against_keras(weights, sequence):
    """One step of gradient descent at rate 1 leaves minus the gradient."""
    on_tensorflow = keras.backend.backend() == "tensorflow"  # the others compute in float32
    dtype = "float64" if on_tensorflow else "float32"
    x, target, _ = sequence
    target = np.nan_to_num(target)
    inputs = keras.Input((TIME, INPUTS), dtype=dtype)
    recurrent = keras.layers.SimpleRNN(UNITS, return_sequences=True, dtype=dtype)
    readout = keras.layers.Dense(OUTPUTS, use_bias=False, dtype=dtype)
    model = keras.Model(inputs, readout(recurrent(inputs)))
    before = [weights.u.T, weights.w.T, weights.b, weights.v.T]
    model.set_weights(before)
    jit = keras.backend.backend() == "jax"
    model.compile(keras.optimizers.SGD(1.0), keras.losses.MeanSquaredError(), jit_compile=jit)
    model.train_on_batch(x[None].astype(dtype), target[None].astype(dtype))
    loss, slope = squared_error(forward(weights, x)[1], target)
    found = backward(weights, x, slope / target.size)  # Keras's loss is a mean
    rtol = 1e-4 if dtype == "float32" else 1e-6
    for old, new, by_hand in zip(
        before, model.get_weights(), (found.u.T, found.w.T, found.b, found.v.T), strict=True
    ):
        np.testing.assert_allclose(old - new, by_hand, rtol=rtol, atol=rtol / 100)
    assert loss > 1
