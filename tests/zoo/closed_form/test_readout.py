"""A readout that is quantized or has LoRA is not fitted, and the error says so."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
from layer_checks import to_numpy

import zoo

pytestmark = [
    pytest.mark.backend,
    pytest.mark.filterwarnings("ignore:.*does not have a `quantize`"),
]

RESERVOIR: dict[str, Any] = {"cell": "reservoir", "units": 8}


def _echo_state(model: keras.Model) -> None:
    x = np.random.default_rng(0).normal(size=(2, 30, 1))
    zoo.fit_readout(model, x, x)


def _classes(model: keras.Model) -> None:
    x = np.random.default_rng(0).normal(size=(6, 5, 1)).astype("float32")
    batch = {"series": x, "lengths": np.full(6, 5, "int32")}, np.arange(6) % 2
    zoo.fit_class_readout(model, [batch], [batch])


def _forecasts(model: keras.Model) -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(6, 12, 1)), rng.normal(size=(6, 3, 1))
    batch = {"past": x.astype("float32")}, y.astype("float32")
    zoo.fit_forecast_readout(model, [batch], [batch])


CASES: dict[str, tuple[str, Callable[[], keras.Model], Callable[[keras.Model], None]]] = {
    "echo state": ("readout", lambda: zoo.echo_state_network(units=8, seed=0), _echo_state),
    "classes": (
        "logits",
        lambda: zoo.series_classifier(num_classes=2, **RESERVOIR),
        _classes,
    ),
    "forecasts": (
        "head",
        lambda: zoo.forecaster(horizon=3, scaling="window", **RESERVOIR),
        _forecasts,
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_it_is_fitted_before_it_is_changed(name: str) -> None:
    layer, build, fit = CASES[name]
    for change, found in (("quantize", "int8"), ("enable_lora", "LoRA")):
        model = build()
        readout = model.get_layer(layer)
        old = to_numpy(readout.kernel).copy()
        fit(model)
        fitted = to_numpy(readout.kernel).copy()
        assert (fitted != old).any()
        getattr(readout, change)("int8" if change == "quantize" else 2)
        weights = model.get_weights()
        with pytest.raises(ValueError, match=f"'{layer}' must be fitted before.*with {found}"):
            fit(model)
        for a, b in zip(model.get_weights(), weights, strict=True):
            np.testing.assert_array_equal(a, b)
