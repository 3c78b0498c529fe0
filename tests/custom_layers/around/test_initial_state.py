"""InitialState: its values, and in front of every kind of recurrent layer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers
from layer_checks import CHECKS, LayerCase, to_numpy

from custom_layers.around.initial_state import InitialState

pytestmark = pytest.mark.backend

RECURRENT: dict[str, tuple[Callable[..., Any], list[Any]]] = {
    "SimpleRNN": (lambda **k: layers.SimpleRNN(3, **k), [3]),
    "GRU": (lambda **k: layers.GRU(3, **k), [3]),
    "LSTM": (lambda **k: layers.LSTM(3, **k), [3, 3]),
    "Bidirectional": (lambda **k: layers.Bidirectional(layers.LSTM(3, **k), **k), [3] * 4),
}


def cells(**kwargs: Any) -> list[Any]:
    return [layers.SimpleRNNCell(3, **kwargs), layers.LSTMCell(4, **kwargs)]


# The values.


def test_a_learned_state_is_its_weight_for_every_row() -> None:
    layer = InitialState([3, 2], stddev=0.5, seed=7)
    states = layer(np.zeros((4, 6), "float32"))
    assert type(states) is list
    for state, weight in zip(states, layer.trainable_weights, strict=True):
        np.testing.assert_array_equal(to_numpy(state), np.tile(to_numpy(weight), (4, 1)))
    assert [w.shape for w in layer.weights] == [(3,), (2,)]


def test_learned_states_start_from_seeded_normal_values_that_differ() -> None:
    def start(**kwargs: Any) -> list[np.ndarray]:
        layer = InitialState([2000, 2000], **kwargs)
        layer.build((None, 3))
        return layer.get_weights()

    h, c = start(stddev=0.2, seed=7)
    for values in (h, c):
        np.testing.assert_allclose([values.mean(), values.std()], [0, 0.2], atol=0.02)
    assert np.abs(h - c).max() > 0.1
    again = start(stddev=0.2, seed=7)
    np.testing.assert_array_equal(again, [h, c])
    assert np.abs(start(stddev=0.2)[0] - h).max() > 0.1
    np.testing.assert_array_equal(start(stddev=0), 0)


def test_noise_is_drawn_anew_while_training_and_is_zero_at_inference() -> None:
    x = np.zeros((500, 2), "float32")

    def draws(layer: InitialState) -> list[np.ndarray]:
        return [to_numpy(state) for _ in range(2) for state in layer(x, training=True)]

    layer = InitialState([4, 4], mode="random", stddev=0.3, seed=5)
    found = draws(layer)
    for i, values in enumerate(found):
        np.testing.assert_allclose([values.mean(), values.std()], [0, 0.3], atol=0.03)
        assert np.abs(values[0] - values[1]).max() > 1e-3  # rows differ
        assert all(np.abs(values - other).max() > 0.1 for other in found[:i])
    same = draws(InitialState([4, 4], mode="random", stddev=0.3, seed=5))
    np.testing.assert_array_equal(same, found)
    for state in layer(x) + layer(x, training=False):
        np.testing.assert_array_equal(to_numpy(state), 0)
    silent = InitialState(4, mode="random", stddev=0)
    np.testing.assert_array_equal(to_numpy(silent(x, training=True)[0]), 0)
    assert not silent.variables


def test_zeros_and_any_input() -> None:
    layer = InitialState([3, 2], mode="zeros")
    for x in (np.zeros(4, "int32"), np.zeros((4, 1, 2, 5), "float32")):
        states = [to_numpy(state) for state in layer(x)]
        assert [state.shape for state in states] == [(4, 3), (4, 2)]
        assert not any(state.any() for state in states)


# In front of recurrent layers.


@pytest.mark.parametrize("name", RECURRENT)
def test_sizes_are_found(name: str) -> None:
    new, sizes = RECURRENT[name]
    states = InitialState.for_layer(new(), mode="random", stddev=0.5, seed=3, name="start")
    assert states.state_size == sizes
    config = states.get_config()
    assert [config[k] for k in ("mode", "stddev", "seed", "name")] == ["random", 0.5, 3, "start"]


@pytest.mark.parametrize(
    ("layer", "sizes"),
    [
        (layers.RNN(layers.LSTMCell(4)), [4, 4]),
        (layers.RNN(cells()), [3, [4, 4]]),
        (layers.RNN([layers.LSTMCell(4)]), [[4, 4]]),
        (layers.Bidirectional(layers.GRU(2), backward_layer=layers.GRU(5, go_backwards=True)), 0),
        (layers.Bidirectional(layers.RNN(cells())), [3, [4, 4], 3, [4, 4]]),
    ],
)
def test_sizes_of_cells_and_both_directions(layer: Any, sizes: Any) -> None:
    assert InitialState.for_layer(layer).state_size == (sizes or [2, 5])


def test_states_of_stacked_cells_are_nested_as_the_layer_takes_them() -> None:
    layer = layers.RNN(cells())
    states = InitialState.for_layer(layer, stddev=0.5)
    inputs = keras.Input((None, 2))
    model = keras.Model(inputs, layer(inputs, initial_state=states(inputs)))
    x = np.random.default_rng(0).normal(size=(2, 4, 2)).astype("float32")
    s, h, c = (np.tile(to_numpy(w), (2, 1)) for w in states.weights)
    expected = to_numpy(layer(x, initial_state=[s, [h, c]]))
    np.testing.assert_allclose(to_numpy(model(x)), expected, rtol=1e-5, atol=1e-6)
    assert np.abs(expected - to_numpy(layer(x))).max() > 1e-3


def recurrent_model(name: str, mode: str, **kwargs: Any) -> tuple[Any, Any, Any]:
    layer = RECURRENT[name][0](**kwargs)
    states = InitialState.for_layer(layer, mode=mode, stddev=0.5, seed=1, name="start", **kwargs)
    inputs = keras.Input((None, 2), name="inputs")
    outputs = layer(inputs, initial_state=states(inputs))
    return keras.Model(inputs, outputs), layer, states


@pytest.mark.parametrize("name", RECURRENT)
def test_a_learned_state_is_used_trained_saved_and_exported(name: str, tmp_path: Any) -> None:
    model, layer, states = recurrent_model(name, "learned")
    x = np.random.default_rng(0).normal(size=(4, 5, 2)).astype("float32")
    first = [np.tile(to_numpy(w), (4, 1)) for w in states.weights]
    expected = to_numpy(layer(x, initial_state=first))
    np.testing.assert_allclose(to_numpy(model(x)), expected, rtol=1e-5, atol=1e-6)
    assert np.abs(expected - to_numpy(layer(x))).max() > 1e-3

    model.compile(keras.optimizers.SGD(0.1), loss="mse")
    before = states.get_weights()
    model.fit(x, np.ones_like(expected), batch_size=2, verbose=0)
    for new, old in zip(states.get_weights(), before, strict=True):
        assert np.abs(new - old).min() > 0

    after = to_numpy(model(x))
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(to_numpy(loaded(x)), after, rtol=1e-5, atol=1e-6)
    if keras.backend.backend() == "tensorflow" and name == "LSTM":
        assert_exported(model, x, after, tmp_path)


def assert_exported(model: Any, x: np.ndarray, expected: np.ndarray, folder: Any) -> None:
    import tensorflow as tf

    model.export(folder / "saved_model", verbose=False)
    loaded = tf.saved_model.load(folder / "saved_model")
    for rows in (slice(None), slice(1)):  # any batch size
        np.testing.assert_allclose(loaded.serve(x[rows]), expected[rows], rtol=1e-5, atol=1e-6)


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="a SavedModel is TensorFlow's")
@pytest.mark.parametrize("mode", ["zeros", "random"])
def test_without_weights_exports_as_the_plain_layer(mode: str, tmp_path: Any) -> None:
    model, layer, _ = recurrent_model("SimpleRNN", mode)
    x = np.random.default_rng(0).normal(size=(3, 5, 2)).astype("float32")
    assert_exported(model, x, to_numpy(layer(x)), tmp_path)


def test_noise_in_fit_is_new_at_every_step() -> None:
    """With weights that stand still, only the noise tells one step from another."""
    model, _, _ = recurrent_model("SimpleRNN", "random")
    model.compile(keras.optimizers.SGD(0.0), loss="mse")
    x, y = np.ones((2, 3, 2), "float32"), np.ones((2, 3), "float32")
    losses = model.fit(x, y, epochs=3, verbose=0).history["loss"]
    assert len(set(losses)) == 3 and np.ptp(losses) > 1e-4
    assert model.evaluate(x, y, verbose=0) == model.evaluate(x, y, verbose=0)


def test_in_half_precision() -> None:
    model, _, states = recurrent_model("LSTM", "learned", dtype="mixed_float16")
    full, _, _ = recurrent_model("LSTM", "learned", dtype="float32")
    full.set_weights(model.get_weights())
    assert [w.dtype for w in states.weights] == ["float32"] * 2
    x = np.random.default_rng(0).normal(size=(4, 5, 2)).astype("float32")
    found = model(x)
    assert keras.backend.standardize_dtype(found.dtype) == "float16"
    np.testing.assert_allclose(to_numpy(found), to_numpy(full(x)), atol=5e-3)
    model.compile(keras.optimizers.SGD(0.1), loss="mse")
    before = states.get_weights()
    model.fit(x, np.ones((4, 3), "float32"), verbose=0)
    assert all((new != old).all() for new, old in zip(states.get_weights(), before, strict=True))


def test_with_a_mask_that_is_passed_as_an_argument() -> None:
    _, layer, states = recurrent_model("LSTM", "learned")
    x = np.random.default_rng(0).normal(size=(2, 5, 2)).astype("float32")
    mask = np.arange(5) < [[3], [5]]
    masked = to_numpy(layer(x, initial_state=states(x), mask=mask))
    short = to_numpy(layer(x[:1, :3], initial_state=states(x[:1])))
    np.testing.assert_allclose(masked[:1], short, rtol=1e-5, atol=1e-6)


# The contract of a layer, and errors. There is no check of masking: the layer takes no mask, and no
# step of the input has any influence. Nor is there one of fit where there are no weights to move,
# and that other lengths do not matter is checked once.

CASES = {
    "learned": LayerCase(
        InitialState,
        {"state_size": [3, 4], "stddev": 0.1, "seed": 3},
        (2, 5, 3),
        trainable_weights=2,
        output_shape=[(2, 3), (2, 4)],
    ),
    "random": LayerCase(
        InitialState,
        {"state_size": 3, "mode": "random"},
        (2, 5, 3),
        trainable_weights=0,
        output_shape=[(2, 3)],
    ),
    "nested zeros": LayerCase(
        InitialState,
        {"state_size": [3, [4, 4]], "mode": "zeros"},
        (2, 5, 3),
        trainable_weights=0,
        output_shape=[(2, 3), (2, 4), (2, 4)],
    ),
}
CONTRACT = [("learned", name) for name in CHECKS if name != "masking"]
CONTRACT += [
    (case, name)
    for case in ("random", "nested zeros")
    for name in ("config", "build", "symbolic", "saving", "mixed_precision")
]


@pytest.mark.parametrize(("case", "name"), CONTRACT)
def test_layer_contract(case: str, name: str) -> None:
    CHECKS[name](CASES[case])


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"state_size": 0}, "`state_size` must be a positive integer or a list .* found 0"),
        ({"state_size": []}, r"`state_size` must be .* found \[\]"),
        ({"state_size": [3, [4, 2.0]]}, r"`state_size` must be .* found \[3, \[4, 2.0\]\]"),
        ({"state_size": 3, "mode": "ones"}, "`mode` must be one of .* found 'ones'"),
        ({"state_size": 3, "stddev": -1}, "`stddev` must be at least 0, found -1"),
        ({"state_size": 3, "stddev": np.nan}, "`stddev` must be at least 0, found nan"),
        ({"state_size": 3, "seed": 1.5}, "`seed` must be an integer or None, found 1.5"),
    ],
)
def test_unfit_configuration_is_refused(config: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        InitialState(**config)


@pytest.mark.parametrize(
    "layer",
    [
        "lstm",
        layers.Dense(3),
        layers.LSTMCell(3),
        layers.TimeDistributed(layers.Dense(3)),
        layers.ConvLSTM1D(3, 2),
    ],
)
def test_layers_without_states_that_are_vectors_are_refused(layer: Any) -> None:
    with pytest.raises(ValueError, match="`layer` must be a recurrent layer"):
        InitialState.for_layer(layer)
