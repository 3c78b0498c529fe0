"""The linear recurrences against a loop in float64, and their gradients against differences."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import ops
from layer_checks import to_numpy

from custom_layers.engine.linear import complex_linear_recurrence, linear_recurrence

pytestmark = pytest.mark.backend

BACKEND = keras.backend.backend()
KINDS = ["real", "constant", "complex"]


def example(kind: str, batch: int, time: int, n: int, seed: int = 0) -> list[np.ndarray]:
    """Arguments of the function of this kind, in float64."""
    rng = np.random.default_rng(seed)
    width = 2 * n if kind == "complex" else n
    b, h0 = rng.normal(size=(batch, time, width)), rng.normal(size=(batch, width))
    if kind == "complex":
        coefficients = np.sqrt(rng.uniform(size=n)) * np.exp(2j * np.pi * rng.uniform(size=n))
        return [coefficients.real, coefficients.imag, b, h0]
    return [rng.uniform(-1, 1, size=b.shape if kind == "real" else n), b, h0]


def function(kind: str, parallel: bool) -> Callable[..., Any]:
    solve = complex_linear_recurrence if kind == "complex" else linear_recurrence
    return lambda *args: solve(*args, parallel=parallel)


def reference(*args: np.ndarray) -> np.ndarray:
    """The recurrence as a loop, with complex numbers where there are four arguments."""
    *a, b, h = args
    if len(a) == 2:
        n = len(a[0])
        h = complex_loop(a[0] + 1j * a[1], b[..., :n] + 1j * b[..., n:], h[:, :n] + 1j * h[:, n:])
        return np.concatenate([h.real, h.imag], axis=-1)
    return complex_loop(a[0], b, h)


def complex_loop(a: np.ndarray, b: np.ndarray, h: np.ndarray) -> np.ndarray:
    states = []
    for t in range(b.shape[1]):
        h = (a[:, t] if a.ndim == 3 else a) * h + b[:, t]
        states.append(h)
    return np.stack(states, axis=1)


def differences(args: list[np.ndarray], weights: np.ndarray) -> list[np.ndarray]:
    """Gradients of the weighted sum of the states by central differences."""
    found = []
    for i, arg in enumerate(args):
        gradient = np.zeros_like(arg)
        for index in np.ndindex(arg.shape):
            values = []
            for change in (1e-6, -1e-6):
                changed = [x.copy() for x in args]
                changed[i][index] += change
                values.append((reference(*changed) * weights).sum())
            gradient[index] = (values[0] - values[1]) / 2e-6
        found.append(gradient)
    return found


def run(
    solve: Callable[..., Any], args: list[np.ndarray], weights: np.ndarray, dtype: str = "float32"
) -> list[Any]:
    """The states, and the gradients of their weighted sum, as tensors."""
    args = [ops.convert_to_tensor(arg, dtype=dtype) for arg in args]
    weights = ops.convert_to_tensor(weights, dtype=dtype)
    if BACKEND == "tensorflow":
        return tensorflow_gradients(solve, weights)(*args)
    if BACKEND == "jax":
        import jax

        def states_and_gradients(*args: Any) -> list[Any]:
            states, pull_back = jax.vjp(solve, *args)
            return [states, *pull_back(weights)]

        return jax.jit(states_and_gradients)(*args)
    args = [arg.requires_grad_() for arg in args]
    states = solve(*args)
    (states * weights).sum().backward()
    return [states.detach(), *(arg.grad for arg in args)]


def tensorflow_gradients(solve: Callable[..., Any], weights: Any) -> Callable[..., list[Any]]:
    import tensorflow as tf

    def states_and_gradients(*args: Any) -> list[Any]:
        with tf.GradientTape() as tape:
            tape.watch(args)
            states = solve(*args)
            value = tf.reduce_sum(states * weights)
        return [states, *tape.gradient(value, args)]

    return states_and_gradients


def assert_agrees(found: list[Any], args: list[np.ndarray], weights: np.ndarray) -> None:
    expected = [reference(*args), *differences(args, weights)]
    for i, (x, y) in enumerate(zip(found, expected, strict=True)):
        np.testing.assert_allclose(to_numpy(x), y, rtol=1e-5, atol=2e-5, err_msg=f"{i}")


@pytest.mark.parametrize(
    ("kind", "time", "parallel"),
    [
        *itertools.product(KINDS, [2, 23], [True, False]),
        ("real", 1, True),
        ("real", 1, False),
        ("real", 51, True),  # 13 blocks of 4 steps, in 2 blocks of 7
    ],
)
def test_states_and_gradients(kind: str, time: int, parallel: bool) -> None:
    args = example(kind, batch=2, time=time, n=3, seed=time)
    weights = np.random.default_rng(1).normal(size=args[-2].shape)
    assert_agrees(run(function(kind, parallel), args, weights), args, weights)


@pytest.mark.skipif(BACKEND == "jax", reason="JAX compiles every shape anew")
@settings(deadline=None, max_examples=20)
@given(
    kind=st.sampled_from(KINDS),
    batch=st.integers(1, 3),
    time=st.integers(1, 70),
    n=st.integers(1, 2),
    parallel=st.booleans(),
)
def test_any_shape(kind: str, batch: int, time: int, n: int, parallel: bool) -> None:
    args = example(kind, batch, time, n, seed=time)
    weights = np.random.default_rng(1).normal(size=args[-2].shape)
    found = run(function(kind, parallel), args, weights)
    np.testing.assert_allclose(to_numpy(found[0]), reference(*args), rtol=1e-5, atol=2e-5)
    # What arrives at the first state, through all the others.
    h0 = args[-1]
    direction = np.random.default_rng(2).normal(size=h0.shape)
    change = reference(*args[:-1], h0 + direction) - reference(*args)
    derivative = (to_numpy(found[-1]) * direction).sum()
    np.testing.assert_allclose(derivative, (change * weights).sum(), rtol=1e-4, atol=1e-4)


def test_agrees_with_associative_scan() -> None:
    a, b, _ = (x.astype("float32") for x in example("real", batch=2, time=13, n=3))

    def combine(x: Any, y: Any) -> Any:
        return x[0] * y[0], y[0] * x[1] + y[1]

    def both(a: Any, b: Any) -> Any:
        return linear_recurrence(a, b), ops.associative_scan(combine, (a, b), axis=1)[1]

    if BACKEND == "jax":
        import jax

        both = jax.jit(both)
    found, expected = both(ops.array(a), ops.array(b))
    np.testing.assert_allclose(to_numpy(found), to_numpy(expected), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("parallel", [True, False])
def test_decays_near_zero_and_one_keep_their_digits(parallel: bool) -> None:
    decays = np.array([0, 1e-38, 1e-20, 1e-3, 0.5, 0.99, 1 - 2.0**-20, 1 - 2.0**-24, 1])
    rng = np.random.default_rng(0)
    b = rng.uniform(0.5, 1.5, size=(1, 200, 9)).astype("float32").astype("float64")
    a = np.broadcast_to(decays.astype("float32").astype("float64"), b.shape)
    args = [a, b, b[:, 0] + 1]
    states, _, by_b, by_h0 = run(function("real", parallel), args, np.ones_like(b))
    np.testing.assert_allclose(to_numpy(states), reference(*args), rtol=3e-6)
    np.testing.assert_array_equal(to_numpy(states)[:, :, 0], b[:, :, 0])
    expected = reference(a, np.ones_like(b), np.zeros_like(b[:, 0]))[:, ::-1]
    np.testing.assert_allclose(to_numpy(by_b), expected, rtol=3e-6)
    expected = decays.astype("float32") * expected[:, 0]
    np.testing.assert_allclose(to_numpy(by_h0), expected, rtol=3e-6, atol=1e-37)


@pytest.mark.parametrize("parallel", [True, False])
@pytest.mark.parametrize(("dtype", "start"), [("float16", 2048), ("bfloat16", 256)])
def test_half_precision_is_summed_in_float32(dtype: str, start: int, parallel: bool) -> None:
    """At `start` the spacing of the dtype becomes 2, so that there adding 1 does nothing."""
    b = np.ones((1, 16, 1))
    args = [b, b, start * b[:, 0]]
    found = run(function("real", parallel), args, b, dtype)
    assert {keras.backend.standardize_dtype(x.dtype) for x in found} == {dtype}
    states, by_a, by_b, by_h0 = (to_numpy(ops.cast(x, "float32")) for x in found)
    assert states[0, -1, 0] == start + 16
    np.testing.assert_array_equal(by_b[0, :, 0], np.arange(16, 0, -1))
    np.testing.assert_allclose(by_a[0, :, 0], np.arange(16, 0, -1) * (start + np.arange(16)), 0.005)
    assert by_h0[0, 0] == 16


@pytest.mark.skipif(BACKEND == "jax", reason="JAX computes in float32 unless told otherwise")
@pytest.mark.parametrize("parallel", [True, False])
@pytest.mark.parametrize("kind", KINDS)
def test_float64(kind: str, parallel: bool) -> None:
    args = example(kind, batch=2, time=30, n=2)
    states, *gradients = run(function(kind, parallel), args, args[-2], "float64")
    np.testing.assert_allclose(to_numpy(states), reference(*args), rtol=1e-12, atol=1e-13)
    for x, y in zip(gradients, differences(args, args[-2]), strict=True):
        np.testing.assert_allclose(to_numpy(x), y, rtol=1e-6, atol=1e-6)


@pytest.mark.skipif(BACKEND != "tensorflow", reason="unknown sizes are a matter of TensorFlow")
@pytest.mark.parametrize("parallel", [True, False])
@pytest.mark.parametrize(
    ("kind", "jit", "times"), [("real", False, (1, 2, 47, 300)), ("complex", True, (23,))]
)
def test_unknown_batch_and_time(kind: str, jit: bool, times: Any, parallel: bool) -> None:
    import tensorflow as tf

    solve = tf.function(
        tensorflow_gradients(function(kind, parallel), 1.0),
        jit_compile=jit,
        input_signature=[
            tf.TensorSpec((None,) * (x.ndim - 1) + x.shape[-1:]) for x in example(kind, 1, 1, 2)
        ],
    )
    for time in times:
        args = example(kind, batch=3, time=time, n=2)
        found = solve(*(tf.constant(x, "float32") for x in args))
        np.testing.assert_allclose(to_numpy(found[0]), reference(*args), rtol=1e-5, atol=2e-5)
        if time < 100:
            assert_agrees(found, args, np.ones_like(args[-2]))


@pytest.mark.skipif(BACKEND != "tensorflow", reason="unknown sizes are a matter of TensorFlow")
@pytest.mark.parametrize("parallel", [True, False])
@pytest.mark.parametrize("time", [None, 47])
def test_known_sizes_stay_known(time: int | None, parallel: bool) -> None:
    import tensorflow as tf

    spec = tf.TensorSpec((None, time, 3))
    solve = tf.function(function("real", parallel)).get_concrete_function(spec, spec)
    assert tuple(solve.output_shapes) == (None, time, 3)


@pytest.mark.parametrize("parallel", [True, False])
def test_compiled_by_xla(parallel: bool) -> None:
    """Known sizes, of which XLA compiles another graph than for unknown ones."""
    if BACKEND != "tensorflow":
        pytest.skip("on JAX everything above is compiled, PyTorch has no XLA")
    import tensorflow as tf

    args = example("real", batch=1, time=11, n=2)
    solve = tf.function(tensorflow_gradients(function("real", parallel), 1.0), jit_compile=True)
    found = solve(*(tf.constant(x, "float32") for x in args))
    assert_agrees(found, args, np.ones_like(args[-2]))


@pytest.mark.parametrize("kind", ["real", "complex"])
def test_starts_from_zeros_unless_told(kind: str) -> None:
    args = [x.astype("float32") for x in example(kind, batch=2, time=2, n=2)]
    found = function(kind, True)(*args[:-1])
    expected = reference(*args[:-1], np.zeros_like(args[-1]))
    np.testing.assert_allclose(to_numpy(found), expected, rtol=1e-5, atol=1e-6)


def zeros(*shape: int) -> np.ndarray:
    return np.zeros(shape, "float32")


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ((zeros(2, 3), zeros(2, 3)), r"`b` must have shape \(None, None, None\).*\(2, 3\)"),
        ((zeros(2, 3, 4), zeros(2, 3, 5)), r"`a` must have shape \(2, 3, 5\).*\(2, 3, 4\)"),
        ((zeros(4), zeros(2, 3, 5)), r"`a` must have shape \(5,\).*found \(4,\)"),
        ((zeros(5), zeros(2, 3, 5), zeros(1, 5)), r"`h0` must have shape \(2, 5\).*\(1, 5\)"),
        ((zeros(5), zeros(2, 0, 5)), r"`b` must have at least one step.*\(2, 0, 5\)"),
    ],
)
def test_unfit_shapes_are_refused(args: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        linear_recurrence(*args)


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ((zeros(2), zeros(3), zeros(1, 2, 4)), r"`re` and `im`.*\(n,\), found \(2,\) and \(3,\)"),
        ((zeros(1, 2), zeros(1, 2), zeros(1, 2, 4)), r"`re` and `im`.*found \(1, 2\)"),
        ((zeros(2), zeros(2), zeros(1, 2, 3)), r"`b` must have shape \(None, None, 4\).*2, 3\)"),
    ],
)
def test_unfit_complex_shapes_are_refused(args: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        complex_linear_recurrence(*args)
