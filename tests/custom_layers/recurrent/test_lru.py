"""LRU against its equation in complex numbers, one step at a time and all at once."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from keras import ops
from layer_checks import CHECKS, LayerCase
from recurrent_checks import RECURRENT_CHECKS, RecurrentCase, cases_and_checks, inputs, masks, run

from custom_layers import LRU

pytestmark = pytest.mark.backend


def lru(f: Any) -> Any:
    def step(w: Any, x: Any, states: Any) -> Any:
        _, state = states
        n = state.shape[1] // 2
        eigenvalues = np.exp(-np.exp(w["nu_log"]) + 1j * np.exp(w["theta_log"]))
        b = w["input_kernel"][:, :n] + 1j * w["input_kernel"][:, n:]
        # Re(C s) with C = re - i im, as the rows of the kernel stand.
        c = w["output_kernel"][:n] - 1j * w["output_kernel"][n:]
        s = eigenvalues * (state[:, :n] + 1j * state[:, n:]) + np.exp(w["gamma_log"]) * (x @ b)
        y = f((s @ c).real + x @ w["kernel"] + w.get("bias", 0.0))
        return [y, np.concatenate([s.real, s.imag], axis=1)]

    return step


CASES = {
    "linear": RecurrentCase(
        LRU, {"units": 4, "r_min": 0.5}, lru(lambda z: z), dropout_step=False, tolerance=5e-5
    ),
    "step by step": RecurrentCase(
        LRU,
        {
            "units": 2,
            "state_units": 3,
            "activation": "tanh",
            "use_bias": False,
            "parallel": False,
            "max_phase": 0.5,
        },
        lru(np.tanh),
        dropout_step=False,
        tolerance=5e-5,
    ),
}


@pytest.mark.parametrize("name", CHECKS)
def test_contract(name: str) -> None:
    config = {"units": 4, "state_units": 5, "activation": "gelu", "return_state": True}
    case = LayerCase(
        LRU,
        config,
        (2, 5, 3),
        trainable_weights=7,
        output_shape=[(2, 4), (2, 4), (2, 10)],
        masking="any",
    )
    CHECKS[name](case)


@pytest.mark.parametrize(("case", "name"), cases_and_checks(CASES))
def test_equation(case: str, name: str) -> None:
    RECURRENT_CHECKS[name](CASES[case])


def test_parallel_is_sequential() -> None:
    case = CASES["linear"]
    parallel, sequential = case.new_layer(), case.new_layer(parallel=False)
    sequential.set_weights(parallel.get_weights())
    x, mask, states = inputs(), masks()["between"], case.new_states(parallel)
    for a, b in zip(
        run(parallel, x, states, mask=mask), run(sequential, x, states, mask=mask), strict=True
    ):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


def test_eigenvalues_start_on_the_ring() -> None:
    layer = LRU(500, r_min=0.8, r_max=0.95, max_phase=1.0)
    layer.build((None, None, 2))
    re, im = (ops.convert_to_numpy(part) for part in layer.cell._eigenvalues())
    radius, phase = np.hypot(re, im), np.arctan2(im, re)
    assert radius.min() >= 0.8 - 1e-5 and radius.max() <= 0.95 + 1e-5
    assert phase.min() >= 0 and phase.max() <= 1
    # Uniform on the ring's area: the median of the squared radius is the middle.
    assert abs(np.median(radius**2) - (0.8**2 + 0.95**2) / 2) < 0.03
    gamma = np.exp(ops.convert_to_numpy(layer.cell.gamma_log))
    np.testing.assert_allclose(gamma, np.sqrt(1 - radius**2), rtol=1e-3)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"r_min": 0.9, "r_max": 0.5}, "`r_min` and `r_max`"),
        ({"r_max": 1.5}, "`r_min` and `r_max`"),
        ({"max_phase": 0.0}, "`max_phase`"),
        ({"state_units": 0}, "`state_units`"),
        ({"recurrent_dropout": 0.5}, "`recurrent_dropout` has nothing to drop"),
    ],
)
def test_wrong_arguments(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        LRU(4, **options)
