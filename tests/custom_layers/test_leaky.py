"""LeakyRNN: the contract of layers, the equation in NumPy, the plain network as a special case."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from layer_checks import CHECKS, LayerCase
from recurrent_checks import RECURRENT_CHECKS, RecurrentCase

from custom_layers.leaky import LeakyRNN

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


@pytest.mark.parametrize("name", RECURRENT_CHECKS)
@pytest.mark.parametrize("case", CASES)
def test_equation(case: str, name: str) -> None:
    RECURRENT_CHECKS[name](CASES[case])
