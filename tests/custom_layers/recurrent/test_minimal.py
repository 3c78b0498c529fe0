"""MinGRU and MinLSTM against their equations, one step at a time and all at once."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from layer_checks import CHECKS, LayerCase
from recurrent_checks import RECURRENT_CHECKS, RecurrentCase, cases_and_checks, inputs, masks, run

from custom_layers import MinGRU, MinLSTM

pytestmark = pytest.mark.backend


def sigmoid(x: Any) -> Any:
    return 1 / (1 + np.exp(-x))


def min_gru(w: Any, x: Any, states: Any) -> Any:
    (h,) = states
    z = x @ w["kernel"] + w["bias"]
    n = h.shape[1]
    update = sigmoid(z[:, n:])
    return [(1 - update) * h + update * z[:, :n]]


def min_lstm(w: Any, x: Any, states: Any) -> Any:
    (h,) = states
    z = x @ w["kernel"]
    n = h.shape[1]
    forget, take = sigmoid(z[:, n : 2 * n]), sigmoid(z[:, 2 * n :])
    return [forget / (forget + take) * h + take / (forget + take) * np.tanh(z[:, :n])]


CASES = {
    "MinGRU": RecurrentCase(MinGRU, {"units": 4}, min_gru, dropout_step=False),
    "MinGRU, step by step": RecurrentCase(
        MinGRU, {"units": 1, "parallel": False}, min_gru, dropout_step=False
    ),
    "MinLSTM": RecurrentCase(
        MinLSTM,
        {"units": 4, "activation": "tanh", "use_bias": False},
        min_lstm,
        dropout_step=False,
    ),
}


@pytest.mark.parametrize("name", CHECKS)
def test_contract(name: str) -> None:
    config = {"units": 4, "return_sequences": True, "return_state": True, "dropout": 0.2}
    case = LayerCase(
        MinLSTM,
        config,
        (2, 5, 3),
        trainable_weights=2,
        output_shape=[(2, 5, 4), (2, 4)],
        masking="any",
    )
    CHECKS[name](case)


@pytest.mark.parametrize(("case", "name"), cases_and_checks(CASES))
def test_equation(case: str, name: str) -> None:
    RECURRENT_CHECKS[name](CASES[case])


@pytest.mark.parametrize("case", ["MinGRU", "MinLSTM"])
def test_parallel_is_sequential(case: str) -> None:
    parallel = CASES[case].new_layer()
    sequential = CASES[case].new_layer(parallel=False)
    sequential.set_weights(parallel.get_weights())
    x, mask, states = inputs(), masks()["between"], CASES[case].new_states(parallel)
    for a, b in zip(
        run(parallel, x, states, mask=mask), run(sequential, x, states, mask=mask), strict=True
    ):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


def test_extreme_gates_stay_finite() -> None:
    layer = MinLSTM(2, use_bias=False, return_sequences=True)
    x = inputs()
    layer.build(x.shape)
    layer.set_weights([1e3 * w for w in layer.get_weights()])
    assert np.isfinite(run(layer, x, None)[0]).all()


def test_recurrent_dropout_is_refused() -> None:
    with pytest.raises(ValueError, match="`recurrent_dropout` has nothing to drop in MinGRU"):
        MinGRU(4, recurrent_dropout=0.1)
