"""LeakyRNN: the contract of layers, the equation in NumPy, the plain network as a special case."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from layer_checks import CHECKS, LayerCase
from recurrent_checks import (
    RECURRENT_CHECKS,
    RecurrentCase,
    cases_and_checks,
    gradients,
    inputs,
    masks,
    run,
)

from custom_layers.recurrent.leaky import LeakyRNN

pytestmark = pytest.mark.backend

CONTRACT = LayerCase(
    LeakyRNN,
    {
        "units": 4,
        "trainable_time_constant": True,
        "return_sequences": True,
        "return_state": True,
        "dropout": 0.1,
        "recurrent_dropout": 0.2,
        "kernel_regularizer": "l2",
    },
    (2, 5, 3),
    trainable_weights=4,
    output_shape=[(2, 5, 4), (2, 4)],
    masking="any",
)


def leaky_step(time_constant: Any, f: Any = np.tanh, mode: str = "fixed") -> Any:
    def step(w: Any, x: Any, states: Any, dropout: Any = 1.0) -> Any:
        (s,) = states
        n = s.shape[1]
        z = x @ w["kernel"] + (s * dropout) @ w["recurrent_kernel"]
        rate = 1 / np.asarray(time_constant, dtype="float64")
        if mode == "adaptive":
            rate = 1 / (1 + np.exp(-z[:, n:] - w["rate_bias"]))
        elif mode == "learned":
            rate = 1 / np.exp(w["log_time_constant"])
        bias = w.get("bias", 0.0)
        return [(1 - rate) * s + rate * f(z[:, :n] + bias)]

    return step


def gelu(x: Any) -> Any:
    return 0.5 * x * (1 + np.vectorize(__import__("math").erf)(x / np.sqrt(2)))


CASES = {
    "leaky": RecurrentCase(LeakyRNN, {"units": 4, "time_constant": 3.0}, leaky_step(3.0)),
    "per unit, relu": RecurrentCase(
        LeakyRNN,
        {"units": 2, "time_constant": [1.0, 5.0], "activation": "relu", "use_bias": False},
        leaky_step([1.0, 5.0], lambda z: np.maximum(z, 0)),
    ),
    "learned": RecurrentCase(
        LeakyRNN,
        {"units": 4, "trainable_time_constant": True},
        leaky_step(2.0, mode="learned"),
    ),
    "adaptive": RecurrentCase(
        LeakyRNN, {"units": 4, "adaptive": True}, leaky_step(2.0, mode="adaptive")
    ),
    "one unit, gelu": RecurrentCase(
        LeakyRNN, {"units": 1, "activation": "gelu"}, leaky_step(2.0, gelu)
    ),
}


@pytest.mark.parametrize("name", CHECKS)
def test_contract(name: str) -> None:
    CHECKS[name](CONTRACT)


@pytest.mark.parametrize(("case", "name"), cases_and_checks(CASES))
def test_equation(case: str, name: str) -> None:
    RECURRENT_CHECKS[name](CASES[case])


def test_a_time_constant_of_one_is_the_plain_network() -> None:
    """Outputs, states and gradients are those of `keras.layers.SimpleRNN`."""
    case = RecurrentCase(LeakyRNN, {"units": 4, "time_constant": 1.0}, leaky_step(1.0))
    leaky = case.new_layer()
    plain = keras.layers.SimpleRNN(4, return_sequences=True, return_state=True)
    plain.build((None, None, 3))
    plain.set_weights(leaky.get_weights())
    x, states = inputs(), case.new_states(leaky)
    for mask in (None, masks()["between"]):
        found, expected = (run(layer, x, states, mask=mask) for layer in (leaky, plain))
        if mask is not None:  # where a row begins masked, Keras has zeros and we the initial state
            found[0], expected[0] = (y[0] * mask[:, :, None] for y in (found, expected))
        for a, b in zip(found, expected, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-6)
        upstream = [np.random.default_rng(3).normal(size=y.shape) * (y != 0) for y in expected]
        found, expected = (gradients(one, x, states, mask, upstream) for one in (leaky, plain))
        for a, b in zip(found.values(), expected.values(), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("options", [{"trainable_time_constant": True}, {"adaptive": True}])
def test_learned_time_constants_start_where_they_are_told(options: dict[str, Any]) -> None:
    """Without recurrent weights, the first step from a state of 1 keeps 1 - 1/T of it."""
    layer = LeakyRNN(
        2, time_constant=[4.0, 10.0], recurrent_initializer="zeros", use_bias=False, **options
    )
    (y,) = run(layer, np.zeros((1, 1, 3)), [np.ones((1, 2))])
    np.testing.assert_allclose(y, [[0.75, 0.9]], rtol=1e-4)


def test_a_learned_time_constant_stays_in_its_bounds() -> None:
    layer = LeakyRNN(2, trainable_time_constant=True, max_time_constant=20.0)
    layer.build((None, None, 3))
    weight = layer.cell.log_time_constant
    for value, bound in ((9.0, np.log(20.0)), (-1.0, 0.0)):
        weight.assign(np.full((2,), value))
        weight.assign(weight.constraint(weight))
        np.testing.assert_allclose(keras.ops.convert_to_numpy(weight), bound, rtol=1e-6)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"time_constant": 0.5}, "`time_constant`"),
        ({"time_constant": [2.0, 3.0]}, "`time_constant`"),
        ({"time_constant": 5.0, "max_time_constant": 4.0, "trainable_time_constant": True}, "max"),
        ({"adaptive": True, "trainable_time_constant": True}, "`adaptive"),
        ({"adaptive": True, "time_constant": 1.0}, "`time_constant` must be above 1"),
        ({"dropout": 1.0}, "`dropout`"),
        ({"units": 0}, "`units`"),
        ({"speed": 3}, "speed"),
    ],
)
def test_wrong_arguments(options: dict[str, Any], message: str) -> None:
    with pytest.raises((ValueError, TypeError), match=message):
        LeakyRNN(**{"units": 4, **options})
