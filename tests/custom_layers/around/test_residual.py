"""ResidualRNN against float64 NumPy, around every kind of recurrent layer, and in depth."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers
from layer_checks import CHECKS, LayerCase, disturb_weights, to_numpy

from custom_layers.around.initial_state import InitialState
from custom_layers.around.residual import ResidualRNN

UNITS, TIME = 4, 5
MASK = np.array([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0]], bool)


def sequences(features: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(2, TIME, features)).astype("float32")


def simple(units: int = UNITS, **kwargs: Any) -> Any:
    return layers.SimpleRNN(units, return_sequences=True, **kwargs)


def new_layer(inner: Any, features: int, **config: Any) -> ResidualRNN:
    layer = ResidualRNN(inner, **config)
    layer.build((None, None, features))
    disturb_weights(layer)
    return layer


@dataclass
class Reference:
    """Skip connection around a SimpleRNN, in float64."""

    layer: ResidualRNN
    initial_state: np.ndarray

    def __call__(self, x: np.ndarray, mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        x = x.astype("float64")
        kernel, recurrent, bias = (to_numpy(w) for w in self.layer.layer.weights)
        normal, h = x, self.initial_state.astype("float64")
        if self.layer.layer_norm:
            gamma, beta = (to_numpy(w) for w in self.layer.normalization.weights)
            centred = x - x.mean(-1, keepdims=True)
            normal = centred / np.sqrt(x.var(-1, keepdims=True) + 1e-3) * gamma + beta
        outputs = []
        for t in range(x.shape[1]):
            new = np.tanh(normal[:, t] @ kernel + h @ recurrent + bias)
            h = np.where(mask[:, t, None], new, h)  # carried over
            if self.layer.connection == "dense":
                outputs.append(np.concatenate([x[:, t], h], axis=-1))
            elif self.layer.projection is None:
                outputs.append(h + x[:, t])
            else:
                outputs.append(h + x[:, t] @ to_numpy(self.layer.projection.kernel))
        return np.stack(outputs, axis=1), h


@pytest.mark.backend
@pytest.mark.parametrize("features", [UNITS, 3])
@pytest.mark.parametrize("connection", ["residual", "dense"])
@pytest.mark.parametrize("layer_norm", [False, True])
def test_equals_the_reference(features: int, connection: str, layer_norm: bool) -> None:
    inner = simple(return_state=True)
    layer = new_layer(inner, features, connection=connection, layer_norm=layer_norm)
    x, start = sequences(features), sequences(UNITS, seed=1)[:, 0]
    for given in (None, start):
        for mask in (None, MASK):
            expected = Reference(layer, np.zeros_like(start) if given is None else given)(
                x, np.ones_like(MASK) if mask is None else mask
            )
            found = layer(x, mask=mask, initial_state=None if given is None else [given])
            assert isinstance(found, tuple)
            for a, b in zip(found, expected, strict=True):
                np.testing.assert_allclose(to_numpy(a), b, rtol=1e-4, atol=1e-5)


@pytest.mark.backend
def test_there_is_a_projection_only_where_widths_differ() -> None:
    for features, connection, expected in (
        (UNITS, "residual", []),
        (UNITS, "dense", []),
        (3, "dense", []),
        (3, "residual", [(3, UNITS)]),
    ):
        layer = new_layer(simple(), features, connection=connection)
        own = [w for w in layer.weights if not any(w is inner for inner in layer.layer.weights)]
        assert [tuple(w.shape) for w in own] == expected


INNER: dict[str, Callable[..., Any]] = {
    "GRU": lambda **k: layers.GRU(3, return_sequences=True, **k),
    "cells": lambda **k: layers.RNN(
        [layers.SimpleRNNCell(2), layers.LSTMCell(3)], return_sequences=True, **k
    ),
    "Bidirectional": lambda **k: layers.Bidirectional(
        layers.LSTM(2, return_sequences=True, **k), merge_mode="sum"
    ),
    "itself": lambda **k: ResidualRNN(layers.GRU(2, return_sequences=True, **k)),
}


@pytest.mark.backend
@pytest.mark.parametrize("name", INNER)
def test_around_any_recurrent_layer_with_mask_and_states(name: str) -> None:
    """It is what the layer inside gives, plus the inputs; that one is tested elsewhere."""
    inner = INNER[name](return_state=True)
    width = 2 if name in ("Bidirectional", "itself") else 3
    layer = new_layer(inner, width)
    x = sequences(width)
    state_layer = InitialState.for_layer(layer, stddev=0.5, seed=0)
    assert state_layer.state_size == InitialState.for_layer(inner).state_size
    states = state_layer(x)
    # On JAX Keras takes no mask where the output of a cell is not its first state.
    arguments = {"initial_state": states, "mask": None if name == "cells" else MASK}
    y, *expected = inner(x, **arguments)
    found, *last = layer(x, **arguments)
    np.testing.assert_allclose(to_numpy(found), to_numpy(y) + x, rtol=1e-5, atol=1e-6)
    expected, last = keras.tree.flatten(expected), keras.tree.flatten(last)
    for a, b in zip(last, expected, strict=True):
        np.testing.assert_allclose(to_numpy(a), to_numpy(b), rtol=1e-5, atol=1e-6)
    plain = to_numpy(layer(x)[0])
    assert np.abs(plain - to_numpy(found)).max() > 1e-3  # states and mask have had influence
    mask, *others = layer.compute_mask(keras.KerasTensor(x.shape), MASK)
    assert mask is MASK and all(other is None for other in others)
    shapes = keras.tree.flatten([tuple(y.shape) for y in (found, *last)])
    assert keras.tree.flatten(list(layer.compute_output_shape(x.shape))) == shapes


@pytest.mark.backend
def test_training_reaches_the_layer_inside() -> None:
    layer, x = new_layer(simple(dropout=0.5, seed=0), UNITS), sequences(UNITS)
    inference = to_numpy(layer(x))
    np.testing.assert_array_equal(to_numpy(layer(x, training=False)), inference)
    assert np.abs(to_numpy(layer(x, training=True)) - inference).max() > 1e-2


@pytest.mark.backend
def test_mask_that_comes_with_the_input_goes_through_a_stack_that_is_saved(tmp_path: Any) -> None:
    words = keras.Input((None,), dtype="int32")
    x = layers.Embedding(7, 3, mask_zero=True)(words)
    x = ResidualRNN(layers.Bidirectional(simple(3), merge_mode="sum"), layer_norm=True)(x)
    x = ResidualRNN(simple(3))(x)
    model = keras.Model(words, layers.GlobalAveragePooling1D()(x))
    ids = np.array([[1, 2, 3, 4, 5], [4, 2, 6, 0, 0]])
    found, short = to_numpy(model(ids)), to_numpy(model(ids[1:, :3]))
    np.testing.assert_allclose(found[1:], short, rtol=1e-4, atol=1e-5)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(to_numpy(loaded(ids)), found, rtol=1e-5, atol=1e-6)


@pytest.mark.backend
def test_a_layer_of_another_policy_is_used_as_it_is() -> None:
    inner = simple(dtype="float32", return_state=True)
    layer = new_layer(inner, UNITS, dtype="mixed_float16")
    assert layer.layer is inner and inner.compute_dtype == "float32"
    dtypes = [keras.backend.standardize_dtype(y.dtype) for y in layer(sequences(UNITS))]
    assert dtypes == ["float16", "float16"]


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="a SavedModel is TensorFlow's")
def test_exports_with_learned_states(tmp_path: Any) -> None:
    import tensorflow as tf

    inputs = keras.Input((None, 3), name="inputs")
    layer = ResidualRNN(INNER["GRU"](), layer_norm=True)
    states = InitialState.for_layer(layer, stddev=0.5)(inputs)
    model = keras.Model(inputs, layer(inputs, initial_state=states))
    model.export(tmp_path, verbose=False)
    loaded = tf.saved_model.load(tmp_path)
    for x in (sequences(3), sequences(3)[:1, :2]):  # any batch size and length
        np.testing.assert_allclose(loaded.serve(x), model(x), rtol=1e-5, atol=1e-6)


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="one backend is enough")
def test_eight_layers_learn_where_the_plain_stack_does_not() -> None:
    """Repeat the input of the step before, through eight LSTMs: the loss as a share of no skill.

    Gates that are half open quarter the signal in every layer. Over eight seeds the plain stack
    ends above 0.95, and with skip connections below 0.35.
    """
    rng = np.random.default_rng(0)
    x = rng.normal(size=(64, 3, 1)).astype("float32")
    y = np.concatenate([np.zeros((64, 1, 1)), x[:, :-1]], axis=1)
    losses = {}
    for connection in ("none", "residual"):
        keras.utils.set_random_seed(0)
        inputs = keras.Input((3, 1))
        h = layers.Dense(8)(inputs)
        for _ in range(8):
            layer = layers.LSTM(8, return_sequences=True, unroll=True)  # faster to build
            h = layer(h) if connection == "none" else ResidualRNN(layer, connection)(h)
        model = keras.Model(inputs, layers.Dense(1)(h))
        model.compile(keras.optimizers.SGD(0.05), loss="mse")
        many = [np.tile(z, (60, 1, 1)) for z in (x, y)]  # sixty steps, each of all data
        model.fit(*many, batch_size=64, shuffle=False, verbose=0)
        losses[connection] = np.mean((to_numpy(model(x)) - y) ** 2) / np.mean(y**2)
    assert losses["none"] > 0.9
    assert losses["residual"] < 0.5


# The contract of a layer, and errors.


@dataclass(frozen=True)
class ResidualCase(LayerCase):
    """A case in which every new layer has a new layer inside, of the same policy."""

    inner: Callable[..., Any] = simple

    def new_layer(self, **kwargs: Any) -> Any:
        policy = {"dtype": kwargs["dtype"]} if "dtype" in kwargs else {}
        return super().new_layer(layer=self.inner(**policy), **kwargs)


CASES = {
    "normalised and projected": ResidualCase(
        ResidualRNN,
        {"layer_norm": True},
        (2, TIME, 3),
        trainable_weights=3 + 2 + 1,
        output_shape=(2, TIME, UNITS),
        masking="any",
    ),
    "dense with states": ResidualCase(
        ResidualRNN,
        {"connection": "dense"},
        (2, TIME, 3),
        trainable_weights=3,
        output_shape=[(2, TIME, 3 + UNITS), (2, UNITS)],
        masking="any",
        inner=lambda **k: layers.GRU(UNITS, return_sequences=True, return_state=True, **k),
    ),
}


# Dense connections have no weights of their own that a fit could move; lengths are checked once.
SKIPPED = [("dense with states", "fit"), ("dense with states", "variable_length")]
CONTRACT = [(c, n) for c in CASES for n in CHECKS if (c, n) not in SKIPPED]


@pytest.mark.backend
@pytest.mark.parametrize(("case", "name"), CONTRACT)
def test_layer_contract(case: str, name: str) -> None:
    CHECKS[name](CASES[case])


@pytest.mark.parametrize(
    ("layer", "config", "message"),
    [
        ("lstm", {}, "`layer` must be a recurrent keras.layers.Layer, found 'lstm'"),
        (layers.Dense(3), {}, "return_sequences=True: .* found <Dense"),
        (layers.GRU(3), {}, "return_sequences=True: .* found <GRU"),
        (simple(go_backwards=True), {}, "go_backwards=True: its output is reversed in time"),
        (
            layers.Bidirectional(simple(go_backwards=True), backward_layer=simple()),
            {},
            "go_backwards=True: its output is reversed in time",
        ),
        (layers.Bidirectional(simple(), merge_mode=None), {}, "`merge_mode`, found None"),
        (simple(), {"connection": "highway"}, "must be one of 'residual', .* found 'highway'"),
    ],
)
def test_unfit_configuration_is_refused(layer: Any, config: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ResidualRNN(layer, **config)


def test_unfit_calls_are_refused() -> None:
    with pytest.raises(ValueError, match=r"\(batch, time, features\) .* found \(2, 3\)"):
        ResidualRNN(simple())(np.zeros((2, 3), "float32"))
    with pytest.raises(ValueError, match="expected axis -1 of input shape to have value 3"):
        new_layer(simple(), 3)(sequences(4))

    class Stateless(layers.Dense):
        return_sequences = True

    x = sequences(3)
    layer = ResidualRNN(Stateless(3))
    assert layer(x).shape == x.shape
    with pytest.raises(ValueError, match="`initial_state` must be None: .* does not take it"):
        layer(x, initial_state=[x[:, 0]])
