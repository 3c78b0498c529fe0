"""EveryStep against a loop over the steps."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from layer_checks import CHECKS, LayerCase, to_numpy

from custom_layers import EveryStep

pytestmark = pytest.mark.backend


def convolution() -> keras.layers.Layer:
    return keras.layers.Conv2D(2, 3, padding="same")


class EveryStepCase(LayerCase):
    """A case in which every new layer has a new layer inside, of the same policy."""

    def new_layer(self, **kwargs: Any) -> Any:
        policy = {"dtype": kwargs["dtype"]} if "dtype" in kwargs else {}
        return super().new_layer(layer=keras.layers.Dense(3, "tanh", **policy), **kwargs)


# A layer whose config is plain JSON, unlike that of a convolution.
CASE = EveryStepCase(EveryStep, {}, (2, 4, 5, 2), trainable_weights=2, output_shape=(2, 4, 5, 3))


@pytest.mark.parametrize("name", CHECKS)
def test_layer_contract(name: str) -> None:
    CHECKS[name](CASE)


def test_equals_a_loop() -> None:
    layer = EveryStep(convolution())
    x = np.random.default_rng(0).normal(size=(3, 4, 5, 5, 2)).astype("float32")
    found = to_numpy(layer(x))
    assert found.shape == (3, 4, 5, 5, 2)
    for step in range(4):
        np.testing.assert_allclose(found[:, step], to_numpy(layer.layer(x[:, step])), atol=1e-5)


def test_unknown_batch_and_time_and_saving(tmp_path) -> None:
    frames = keras.Input((None, 4, 4, 1))
    model = keras.Model(frames, EveryStep(convolution())(frames))
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    for batch, time in ((1, 3), (2, 5), (1, 7)):
        x = np.random.default_rng(time).normal(size=(batch, time, 4, 4, 1)).astype("float32")
        found = model.predict(x, verbose=0)
        assert found.shape == (batch, time, 4, 4, 2)
        np.testing.assert_allclose(again.predict(x, verbose=0), found, atol=1e-6)


def test_training_is_passed_on() -> None:
    layer = EveryStep(keras.layers.Dropout(0.5, seed=1))
    x = np.ones((2, 3, 8), "float32")
    np.testing.assert_array_equal(to_numpy(layer(x)), x)
    assert (to_numpy(layer(x, training=True)) == 0).any()


def test_not_a_layer() -> None:
    with pytest.raises(ValueError, match="`layer` must be a Keras layer"):
        EveryStep(3)  # type: ignore[arg-type]
