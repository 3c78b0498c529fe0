"""PerGateOrthogonal: every gate is orthogonal, and seeds work as in Keras's own initialisers."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import ops

from custom_layers import PerGateOrthogonal

pytestmark = pytest.mark.backend


def draw(initializer: PerGateOrthogonal, shape: tuple[int, ...], dtype: str = "float32"):
    return np.asarray(ops.convert_to_numpy(initializer(shape, dtype=dtype)))


@pytest.mark.parametrize(("units", "gates"), [(1, 1), (1, 4), (5, 1), (6, 3), (16, 4)])
@pytest.mark.parametrize("gain", [1.0, 0.5])
def test_every_gate_is_orthogonal(units: int, gates: int, gain: float) -> None:
    kernel = draw(PerGateOrthogonal(gain, seed=3), (units, gates * units))
    assert kernel.shape == (units, gates * units)
    for gate in np.split(kernel, gates, axis=1):
        np.testing.assert_allclose(gate.T @ gate, gain**2 * np.eye(units), atol=1e-5)
        np.testing.assert_allclose(gate @ gate.T, gain**2 * np.eye(units), atol=1e-5)


def test_gates_differ_and_keras_orthogonal_is_not_orthogonal_per_gate() -> None:
    first, second = np.split(draw(PerGateOrthogonal(seed=0), (8, 16)), 2, axis=1)
    assert np.abs(first - second).max() > 0.1
    keras_kernel = ops.convert_to_numpy(keras.initializers.Orthogonal(seed=0)((8, 16)))
    gate = np.asarray(keras_kernel)[:, :8]
    assert np.abs(gate.T @ gate - np.eye(8)).max() > 0.1


def test_draw_is_uniform() -> None:
    """Under the Haar measure the mean of Q is 0 and the mean of trace(Q)^2 is 1."""
    gates = draw(PerGateOrthogonal(seed=0), (4, 4 * 2000)).reshape(4, 2000, 4)
    traces = np.einsum("igi->g", gates)
    assert np.abs(gates.mean(axis=1)).max() < 0.05
    assert abs(np.mean(traces**2) - 1) < 0.15
    assert abs(np.mean(np.linalg.det(gates.transpose(1, 0, 2)))) < 0.1


def test_same_seed_same_values_and_none_differs() -> None:
    one, same, other = (
        PerGateOrthogonal(seed=1),
        PerGateOrthogonal(seed=1),
        PerGateOrthogonal(seed=2),
    )
    np.testing.assert_array_equal(draw(one, (3, 9)), draw(same, (3, 9)))
    np.testing.assert_array_equal(draw(one, (3, 9)), draw(one, (3, 9)))
    assert np.abs(draw(one, (3, 9)) - draw(other, (3, 9))).max() > 0.01
    assert (
        np.abs(draw(PerGateOrthogonal(), (3, 9)) - draw(PerGateOrthogonal(), (3, 9))).max() > 0.01
    )


def test_unseeded_follows_the_global_seed() -> None:
    keras.utils.set_random_seed(5)
    first = draw(PerGateOrthogonal(), (3, 9))
    keras.utils.set_random_seed(5)
    np.testing.assert_array_equal(draw(PerGateOrthogonal(), (3, 9)), first)


def test_seed_generator_moves_on() -> None:
    initializer = PerGateOrthogonal(seed=keras.random.SeedGenerator(4))
    assert np.abs(draw(initializer, (3, 6)) - draw(initializer, (3, 6))).max() > 0.01


@pytest.mark.parametrize("seed", [None, 7, "generator"])
def test_serialises(seed: object) -> None:
    seed = keras.random.SeedGenerator(3) if seed == "generator" else seed
    initializer = PerGateOrthogonal(gain=0.7, seed=seed)
    packed = keras.initializers.serialize(initializer)
    again = keras.initializers.deserialize(packed)
    assert packed["registered_name"] == "rnn_zoo>PerGateOrthogonal"
    assert isinstance(again, PerGateOrthogonal)
    assert again.gain == 0.7
    if seed is not None:
        np.testing.assert_array_equal(draw(again, (3, 6)), draw(initializer, (3, 6)))


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
def test_dtype(dtype: str) -> None:
    kernel = PerGateOrthogonal(seed=0)((4, 8), dtype=dtype)
    assert keras.backend.standardize_dtype(kernel.dtype) == dtype
    gate = np.asarray(ops.convert_to_numpy(ops.cast(kernel, "float32")))[:, :4]
    np.testing.assert_allclose(gate.T @ gate, np.eye(4), atol=0.03)


def test_in_a_layer_that_is_saved(tmp_path) -> None:
    inputs = keras.Input((None, 2))
    layer = keras.layers.LSTM(4, recurrent_initializer=PerGateOrthogonal(seed=1))
    model = keras.Model(inputs, layer(inputs))
    kernel = np.asarray(ops.convert_to_numpy(layer.cell.recurrent_kernel))
    np.testing.assert_allclose(kernel[:, 4:8].T @ kernel[:, 4:8], np.eye(4), atol=1e-5)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert isinstance(loaded.layers[1].cell.recurrent_initializer, PerGateOrthogonal)


@pytest.mark.parametrize("shape", [(4, 6), (4, 2), (3,), (2, 2, 4), (0, 0)])
def test_unfit_shape_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"`shape` must be \(units, gates \* units\)"):
        PerGateOrthogonal()(shape)


@pytest.mark.parametrize("seed", ["one", 1.5, True])
def test_unfit_seed_is_refused(seed: object) -> None:
    with pytest.raises(ValueError, match="`seed` must be an integer"):
        PerGateOrthogonal(seed=seed)
