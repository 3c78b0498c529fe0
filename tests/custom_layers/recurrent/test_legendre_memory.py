"""LegendreMemory: the contract of layers, the equations in NumPy, the window of past steps."""

from __future__ import annotations

import math
from typing import Any

import keras
import numpy as np
import pytest
import scipy.linalg
import scipy.signal
import scipy.special
from keras import ops
from layer_checks import CHECKS, LayerCase, to_numpy
from recurrent_checks import RECURRENT_CHECKS, RecurrentCase, gradients, inputs, masks

from custom_layers.engine import legendre_memory
from custom_layers.engine.legendre_memory import (
    expm1,
    legendre_matrix,
    trained_zero_order_hold,
    zero_order_hold,
)
from custom_layers.recurrent.legendre_memory import LegendreMemory

pytestmark = pytest.mark.backend

CONTRACT = LayerCase(
    LegendreMemory,
    {
        "units": 4,
        "order": 3,
        "theta": 6.0,
        "trainable_theta": True,
        "encoder_regularizer": "l2",
        "return_sequences": True,
        "return_state": True,
        "dropout": 0.1,
        "recurrent_dropout": 0.2,
    },
    (2, 5, 3),
    trainable_weights=8,
    output_shape=[(2, 5, 4), (2, 4), (2, 3)],
    masking="any",
)


def continuous(order: int) -> tuple[np.ndarray, np.ndarray]:
    """A' and B', entry by entry as in the paper."""
    a = np.zeros((order, order))
    for i in range(order):
        for j in range(order):
            a[i, j] = (2 * i + 1) * (-1 if i < j else (-1) ** (i - j + 1))
    return a, np.array([[(2 * i + 1) * (-1.0) ** i] for i in range(order)])


def legendre_step(theta: float, f: Any = np.tanh) -> Any:
    def step(w: Any, x: Any, states: Any, dropout: Any = 1.0) -> Any:
        h, m = states
        length = np.exp(w["log_theta"]) if "log_theta" in w else theta
        a, b = continuous(m.shape[1])
        held = scipy.linalg.expm(a / length)
        b = np.linalg.solve(a, (held - np.eye(len(a))) @ b)
        h = h * dropout
        u = x @ w["encoder"]
        u = u + h @ w["hidden_encoder"] if "hidden_encoder" in w else u
        u = u + m @ w["memory_encoder"] if "memory_encoder" in w else u
        m = m @ held.T + u @ b.T
        z = h @ w["recurrent_kernel"] + m @ w["memory_kernel"]
        z = z + x @ w["kernel"] if "kernel" in w else z
        return [f(z + w.get("bias", 0.0)), m]

    return step


def silu(z: np.ndarray) -> np.ndarray:
    return z / (1 + np.exp(-z))


CASES = {
    "full": RecurrentCase(
        LegendreMemory, {"units": 4, "order": 3, "theta": 6.5}, legendre_step(6.5)
    ),
    "learned": RecurrentCase(
        LegendreMemory,
        {
            "units": 4,
            "order": 3,
            "theta": 4,
            "trainable_theta": True,
            "activation": "softplus",
            "use_bias": False,
            "hidden_to_memory": False,
        },
        legendre_step(4, lambda z: np.logaddexp(z, 0)),
    ),
    "order 1, inputs alone": RecurrentCase(
        LegendreMemory,
        {
            "units": 4,
            "order": 1,
            "theta": 3.0,
            "activation": "silu",  # no derivative from the output
            "input_to_hidden": False,
            "hidden_to_memory": False,
            "memory_to_memory": False,
        },
        legendre_step(3.0, silu),
    ),
}


@pytest.mark.parametrize("name", CHECKS)
def test_contract(name: str) -> None:
    CHECKS[name](CONTRACT)


@pytest.mark.parametrize(
    "case, name",
    [(case, name) for case in ("full", "learned") for name in RECURRENT_CHECKS]
    + [("order 1, inputs alone", name) for name in ("saved", "gradients")],
)
def test_equation(case: str, name: str) -> None:
    RECURRENT_CHECKS[name](CASES[case])


def test_dropout_gradients(monkeypatch: pytest.MonkeyPatch) -> None:
    """With factors on the hidden states and a mask, the gradients are those of the backend."""
    layer = CASES["full"].new_layer()
    x, states, mask = inputs(), CASES["full"].new_states(layer), masks()["between"]
    rng = np.random.default_rng(4)
    factors = rng.choice([0.0, 2.0], size=(len(x), layer.units)).astype("float32")
    upstream = [rng.normal(size=(*x.shape[:2], 4)), *(rng.normal(size=s.shape) for s in states)]
    scan, drop = layer.cell.scan, {"recurrent_dropout_mask": factors}
    layer.cell.scan = lambda *args, **kwargs: scan(*args, **{**kwargs, **drop})
    found = gradients(layer, x, states, mask, upstream)
    monkeypatch.setattr(legendre_memory, "derivative_from_output", lambda f: None)
    for name, expected in gradients(layer, x, states, mask, upstream).items():
        np.testing.assert_allclose(found[name], expected, rtol=1e-4, atol=1e-5, err_msg=name)


@pytest.mark.parametrize("order", [1, 2, 7, 64])
@pytest.mark.parametrize("theta", [1.0, 30.0, 1000.0])
def test_discretisation(order: int, theta: float) -> None:
    """Zero-order hold is SciPy's, in float64; where theta is learned, in float32."""
    a, b = continuous(order)
    empty = np.zeros((1, order)), np.zeros((1, 1))
    held, added, *_ = scipy.signal.cont2discrete((a / theta, b / theta, *empty), 1.0, method="zoh")
    found = zero_order_hold(order, theta).T
    np.testing.assert_allclose(found, held - np.eye(order), rtol=0, atol=1e-12)
    np.testing.assert_allclose(-found[:, :1], added, rtol=0, atol=1e-12)
    log_theta = ops.convert_to_tensor(math.log(theta), "float32")
    learned = to_numpy(trained_zero_order_hold(log_theta, order)).T
    np.testing.assert_allclose(learned, found, rtol=0, atol=3e-6 * abs(found).max())


def test_exponential() -> None:
    rng = np.random.default_rng(0)
    for scale, squarings in ((1e-3, 0), (1.0, 6), (20.0, 11)):
        x = rng.normal(size=(6, 6)) * scale / 6
        expected = scipy.linalg.expm(x)
        np.testing.assert_allclose(
            expm1(x, squarings), expected - np.eye(6), rtol=1e-10, atol=1e-13
        )
    tiny = np.diag([1e-12, -3e-9])
    np.testing.assert_allclose(np.diag(expm1(tiny, 4)), np.expm1(np.diag(tiny)), rtol=1e-15)
    assert abs(legendre_matrix(9)).sum(axis=0) == pytest.approx(81)  # what squarings count on


def test_window() -> None:
    """The memory is the polynomial through the last theta steps of a band-limited signal."""
    order, theta, time = 16, 40, 160
    layer = LegendreMemory(
        1,
        order=order,
        theta=theta,
        hidden_to_memory=False,
        encoder_initializer="ones",
        return_state=True,
    )
    rng = np.random.default_rng(0)
    periods = rng.uniform(16, 80, size=(3, 5, 1))
    phases = rng.uniform(0, 2 * np.pi, size=(3, 5, 1))
    signal = np.sin(2 * np.pi * np.arange(time) / periods + phases).mean(axis=1)
    _, _, memory = layer(ops.convert_to_tensor(signal[:, :, None].astype("float32")))
    delay = np.arange(theta)
    polynomials = scipy.special.eval_legendre(
        np.arange(order)[:, None], (2 * delay + 1) / theta - 1
    )
    found = to_numpy(ops.stop_gradient(memory)) @ polynomials
    past = signal[:, ::-1][:, :theta]
    assert np.sqrt(np.mean((found - past) ** 2) / np.mean(past**2)) < 0.02
    np.testing.assert_allclose(found, past, atol=0.1)


def test_theta_is_learned() -> None:
    """With a readout of the window's far end, theta becomes the delay of the targets."""
    delay, order = 9, 6
    layer = LegendreMemory(
        1,
        order=order,
        theta=6.0,
        trainable_theta=True,
        activation="linear",
        use_bias=False,
        input_to_hidden=False,
        hidden_to_memory=False,
        memory_to_memory=False,
        encoder_initializer="ones",
        kernel_initializer="ones",  # P_i(1) = 1
        recurrent_initializer="zeros",
        return_sequences=True,
    )
    layer.build((None, None, 1))
    for weight in layer.weights:
        weight.trainable = weight.name == "log_theta"
    rng = np.random.default_rng(0)
    periods = rng.uniform(10, 60, size=(8, 4, 1))
    phases = rng.uniform(0, 2 * np.pi, size=(8, 4, 1))
    x = np.sin(2 * np.pi * np.arange(60) / periods + phases).mean(axis=1)[:, :, None]
    y = np.concatenate([np.zeros((8, delay, 1)), x[:, :-delay]], axis=1)
    model = keras.Sequential([layer])
    decay = keras.optimizers.schedules.CosineDecay(0.04, 80)
    jit_compile = keras.backend.backend() == "jax"
    model.compile(keras.optimizers.Adam(decay), loss="mse", jit_compile=jit_compile)
    model.fit(x, y, batch_size=8, epochs=80, verbose=0, shuffle=False)
    theta = float(np.exp(to_numpy(layer.cell.log_theta)))
    assert abs(theta - delay - 0.5) < 0.25  # half a step more: an input is held for a step
    assert float(layer.cell.log_theta.constraint(ops.convert_to_tensor(-0.5))) == 0


def test_initial_weights() -> None:
    """Of one shape and kind, weights are drawn apart; the encoder of the memory starts at zero."""
    layer = LegendreMemory(8, order=8)
    layer.build((None, None, 8))
    weights = {w.name: to_numpy(w) for w in layer.weights}
    assert set(weights) == {
        *("encoder", "hidden_encoder", "memory_encoder"),
        *("kernel", "memory_kernel", "recurrent_kernel", "bias"),
    }
    assert not weights["memory_encoder"].any() and not weights["bias"].any()
    assert not np.allclose(weights["kernel"], weights["memory_kernel"])
    assert not np.allclose(weights["encoder"], weights["hidden_encoder"])
    assert abs(weights["hidden_encoder"]).max() <= math.sqrt(3 / 8)


@pytest.mark.parametrize(
    "argument, value",
    [("order", 0), ("order", 2.0), ("theta", 0.5), ("theta", math.inf), ("theta", "9")],
)
def test_errors(argument: str, value: Any) -> None:
    with pytest.raises(ValueError, match=f"`{argument}` must be .* found {value!r}"):
        LegendreMemory(4, **{argument: value})
