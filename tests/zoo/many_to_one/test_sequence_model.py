"""The model of the memory tasks: its inputs, its answers, and that it learns."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from compiled import apply

import zoo

pytestmark = pytest.mark.backend


@pytest.mark.parametrize("bidirectional", [False, True])
def test_an_answer_at_the_end_is_that_of_the_ends(bidirectional):
    keras.utils.set_random_seed(0)
    options = {"features": 2, "outputs": 3, "units": 4, "cell": "gru"}
    model = zoo.sequence_model(**options, bidirectional=bidirectional)
    x = np.random.default_rng(0).normal(size=(2, 6, 2)).astype("float32")
    found = keras.ops.convert_to_numpy(apply(model, {"x": x}))
    states = keras.Model(model.input, model.get_layer("recurrent_0").output)
    h = keras.ops.convert_to_numpy(apply(states, {"x": x}))
    last = np.concatenate([h[:, -1], h[:, 0]], axis=1) if bidirectional else h[:, -1]
    kernel, bias = model.get_layer("readout").get_weights()
    np.testing.assert_allclose(found, last @ kernel + bias, rtol=1e-4, atol=1e-5)
    if not bidirectional:
        always = zoo.sequence_model(**options, every_step=True)
        always.set_weights(model.get_weights())
        everywhere = keras.ops.convert_to_numpy(apply(always, {"x": x}))
        assert everywhere.shape == (2, 6, 3)
        np.testing.assert_allclose(everywhere[:, -1], found, rtol=1e-4, atol=1e-5)


def test_symbols_are_one_hot():
    model = zoo.sequence_model(symbols=5, outputs=2, units=4, cell="simple")
    plain = zoo.sequence_model(features=5, outputs=2, units=4, cell="simple")
    plain.set_weights(model.get_weights())
    ids = np.random.default_rng(0).integers(0, 5, (3, 6)).astype("int32")
    one_hot = np.eye(5, dtype="float32")[ids]
    np.testing.assert_allclose(
        *(
            keras.ops.convert_to_numpy(apply(m, {"x": x}))
            for m, x in ((model, ids), (plain, one_hot))
        ),
        rtol=1e-5,
        atol=1e-6,
    )


def test_it_is_saved(tmp_path):
    model = zoo.sequence_model(symbols=5, outputs=2, every_step=True, units=4, cell="lru")
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    ids = np.arange(5, dtype="int32")[None]
    np.testing.assert_allclose(
        *(keras.ops.convert_to_numpy(apply(m, {"x": ids})) for m in (model, again)), rtol=1e-5
    )


def test_it_learns():
    """The first number, six steps later."""
    keras.utils.set_random_seed(1)
    model = zoo.sequence_model(features=1, units=8, cell="gru")
    x = np.random.default_rng(0).random((3200, 6, 1)).astype("float32")
    jit = keras.backend.backend() == "jax"
    model.compile(keras.optimizers.Adam(0.02), keras.losses.MeanSquaredError(), jit_compile=jit)
    model.fit({"x": x}, x[:, 0], batch_size=32, epochs=3, verbose=0)
    found = keras.ops.convert_to_numpy(apply(model, {"x": x[:50]}))
    assert np.square(found - x[:50, 0]).mean() < 0.3 / 12  # 1/12 knowing nothing


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"features": 0}, "`features` must be a positive integer, found 0"),
        ({"symbols": -1}, "`symbols` must be a non-negative integer, found -1"),
        ({"outputs": 0}, "`outputs` must be a positive integer, found 0"),
    ],
)
def test_wrong_sizes(options, message):
    with pytest.raises(ValueError, match=message):
        zoo.sequence_model(**options)
