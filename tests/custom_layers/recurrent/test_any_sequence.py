"""Whatever the shape and the mask, each layer computes what `keras.layers.RNN` makes of its cell.

The cells themselves are held against their equations in the tests of each layer.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from layer_checks import disturb_weights
from recurrent_checks import run

import custom_layers
from custom_layers.recurrent import base

pytestmark = pytest.mark.backend

LAYERS: dict[str, Any] = {
    "leaky": lambda n, **k: custom_layers.LeakyRNN(n, adaptive=True, **k),
    "delay": lambda n, **k: custom_layers.DelayRNN(n, delays=(2, 5), **k),
    "reservoir": lambda n, **k: custom_layers.Reservoir(n, leak_rate=0.3, seed=0, **k),
    "legendre memory": lambda n, **k: custom_layers.LegendreMemory(n, order=3, theta=5.0, **k),
    "lru": custom_layers.LRU,
    "mingru": custom_layers.MinGRU,
    "minlstm": custom_layers.MinLSTM,
}

EXAMPLES = 4 if keras.backend.backend() == "jax" else 15  # JAX compiles anew for every shape


@st.composite
def masked_sequences(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    batch, time, features = draw(st.tuples(*(st.integers(1, n) for n in (3, 20, 3))))
    valid = draw(st.lists(st.booleans(), min_size=batch * time, max_size=batch * time))
    rng = np.random.default_rng(draw(st.integers(0, 9)))
    return rng.normal(size=(batch, time, features)), np.reshape(valid, (batch, time))


@pytest.mark.parametrize("name", LAYERS)
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)
@given(sequences=masked_sequences(), units=st.integers(1, 4), go_backwards=st.booleans())
def test_any_shape_and_mask(
    name: str, sequences: tuple[np.ndarray, np.ndarray], units: int, go_backwards: bool
) -> None:
    x, mask = sequences
    options = {"return_sequences": True, "return_state": True, "go_backwards": go_backwards}
    layer = LAYERS[name](units, **options)
    layer.build(x.shape)
    disturb_weights(layer)
    plain = keras.layers.RNN(layer.cell, **options)
    for a, b in zip(run(layer, x, None, mask=mask), run(plain, x, None, mask=mask), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=2e-5)


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("name", LAYERS)
def test_large_sequences(name: str, masked: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Inference may go over them in chunks: 23 steps are two chunks of 10 and the rest."""
    monkeypatch.setattr(base, "_CACHE", 1)
    rng = np.random.default_rng(0)
    x = rng.normal(size=(9, 23, 3))
    mask = rng.random((9, 23)) > 0.3 if masked else None
    layer = LAYERS[name](4, return_sequences=True, return_state=True)
    layer.build(x.shape)
    disturb_weights(layer)
    sizes = layer.cell.state_size
    initial = [rng.normal(size=(9, n)) for n in ([sizes] if isinstance(sizes, int) else sizes)]
    at_once = run(layer, x, initial, mask=mask, training=True)
    for a, b in zip(run(layer, x, initial, mask=mask), at_once, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=2e-5)


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="a function of TensorFlow's")
@pytest.mark.parametrize("jit_compile", [False, True])
@pytest.mark.parametrize("name", LAYERS)
def test_gradients_of_inference(
    name: str, jit_compile: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A layer called with `training=False` is trained through as well, as one that is frozen is."""
    import tensorflow as tf

    monkeypatch.setattr(base, "_CACHE", 1)
    layer = LAYERS[name](4, return_sequences=True)
    layer.build((9, 23, 3))
    disturb_weights(layer)

    def gradients(x: Any, training: bool) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(x)
            loss = tf.reduce_sum(layer(x, training=training) ** 2)
        return tape.gradient(loss, [x, *(w.value for w in layer.trainable_weights)])

    x = tf.constant(np.random.default_rng(0).normal(size=(9, 23, 3)), "float32")
    compiled = tf.function(gradients, jit_compile=jit_compile)
    for a, b in zip(compiled(x, False), gradients(x, True), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-3)


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="a function of TensorFlow's")
@pytest.mark.parametrize("jit_compile", [False, True])
@pytest.mark.parametrize("name", LAYERS)
def test_unknown_sizes(name: str, jit_compile: bool) -> None:
    """One TensorFlow function for all sizes, as batches of a data set call it, which may not know
    the width either; with its gradient, which is traced when a SavedModel is written, too."""
    import tensorflow as tf

    layer = LAYERS[name](4, return_sequences=True)
    layer.build((None, None, 3))
    disturb_weights(layer)

    def function(x: Any, mask: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = layer(x, mask=mask)
            loss = tf.reduce_sum(y * y * tf.cast(mask, y.dtype)[:, :, None])
        return y, *tape.gradient(loss, [x, *(w.value for w in layer.trainable_weights)])

    signature = [tf.TensorSpec((None, None, None)), tf.TensorSpec((None, None), tf.bool)]
    compiled = tf.function(function, signature, jit_compile=jit_compile)
    rng = np.random.default_rng(0)
    for batch, time in ((2, 7), (1, 43))[: 1 if jit_compile else 2]:  # XLA compiles each anew
        x = tf.constant(rng.normal(size=(batch, time, 3)), "float32")
        mask = tf.constant(rng.random((batch, time)) > 0.3)
        for a, b in zip(compiled(x, mask), function(x, mask), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-4)
