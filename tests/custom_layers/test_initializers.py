"""Initialisers: what they promise of their matrices, and seeds as in Keras's own initialisers."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import ops

from custom_layers import PerGateOrthogonal, initializers
from custom_layers.initializers import SparseUniform, SpectralRadius

pytestmark = pytest.mark.backend


def draw(initializer: keras.Initializer, shape: tuple[int, ...], dtype: str = "float32"):
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


def radius_of(kernel: np.ndarray) -> float:
    return float(np.abs(np.linalg.eigvals(kernel.astype("float64"))).max())


@pytest.mark.parametrize("units", [2, 10, 60])
@pytest.mark.parametrize(
    ("topology", "density"),
    [("random", 0.3), ("random", 1.0), ("orthogonal", 0.1), ("ring", 0.1)],
)
@pytest.mark.parametrize("radius", [0.9, 1.3])
def test_spectral_radius_is_exact(units: int, topology: str, density: float, radius: float) -> None:
    """Exact but for float32; of sparse matrices too, where a circular law only estimates it."""
    kernel = draw(SpectralRadius(radius, density, topology, seed=4), (units, units))
    assert kernel.dtype == np.float32
    assert radius_of(kernel) == pytest.approx(radius, rel=2e-5)


def test_random_kernel_keeps_normal_values_at_the_density() -> None:
    kernel = draw(SpectralRadius(1.0, 0.2, seed=0), (200, 200))
    kept = kernel[kernel != 0]
    assert abs(kept.size / kernel.size - 0.2) < 0.01  # standard deviation 0.002
    kept = kept / kept.std()
    assert abs(kept.mean()) < 0.05  # 0.011
    assert abs((np.abs(kept) < 1).mean() - 0.6827) < 0.03  # 0.005
    assert np.abs(kernel - kernel.T).max() > 0.1


def test_orthogonal_kernel() -> None:
    kernel = draw(SpectralRadius(0.7, topology="orthogonal", seed=0), (20, 20))
    np.testing.assert_allclose(kernel.T @ kernel, 0.49 * np.eye(20), atol=1e-6)
    traces = [
        np.trace(draw(SpectralRadius(1.0, topology="orthogonal", seed=seed), (3, 3)))
        for seed in range(300)
    ]
    # Under the Haar measure 0 and 1; without its correction of signs, QR has a mean of about -1.
    assert abs(np.mean(traces)) < 0.2
    assert abs(np.mean(np.square(traces)) - 1) < 0.35


def test_ring_hands_the_state_on_to_the_next_unit() -> None:
    kernel = draw(SpectralRadius(0.5, topology="ring"), (4, 4))
    np.testing.assert_allclose(np.array([1.0, 2.0, 3.0, 4.0]) @ kernel, [2.0, 0.5, 1.0, 1.5])
    np.testing.assert_allclose(draw(SpectralRadius(0.5, topology="ring"), (1, 1)), [[0.5]])


def test_radius_only_scales() -> None:
    one, half = (draw(SpectralRadius(radius, seed=1), (30, 30)) for radius in (1.0, 0.5))
    np.testing.assert_allclose(half, one / 2)
    assert not draw(SpectralRadius(0, seed=1), (30, 30)).any()


def test_search_over_radii_computes_eigenvalues_once(monkeypatch) -> None:
    initializers._unit_radius.cache_clear()
    calls = []
    eigenvalues = np.linalg.eigvals
    monkeypatch.setattr(np.linalg, "eigvals", lambda a: calls.append(1) or eigenvalues(a))
    first = draw(SpectralRadius(0.9, seed=1), (20, 20))
    for radius in (0.5, 0.7, 0.9):
        again = draw(SpectralRadius(radius, seed=1), (20, 20))
    np.testing.assert_array_equal(again, first)
    assert len(calls) == 1
    for other in (SpectralRadius(seed=2), SpectralRadius(density=0.3, seed=1)):
        assert np.abs(draw(other, (20, 20)) - first).max() > 0.01
    assert len(calls) == 3
    with pytest.raises(ValueError, match="read-only"):
        initializers._unit_radius(20, 0.1, (1, 0))[0, 0] = 1.0


@pytest.mark.parametrize(
    ("units", "density", "connections"), [(1, 0.1, 1), (4, 0.1, 1), (30, 0.1, 3)]
)
def test_every_unit_has_as_many_connections(units: int, density: float, connections: int) -> None:
    for seed in range(5):
        kernel = draw(SpectralRadius(0.9, density, seed=seed), (units, units))
        np.testing.assert_array_equal((kernel != 0).sum(axis=0), connections)
        assert radius_of(kernel) == pytest.approx(0.9, rel=1e-4)


@pytest.mark.parametrize("shape", [(7,), (40, 50), (3, 4, 5)])
def test_sparse_uniform(shape: tuple[int, ...]) -> None:
    full = draw(SparseUniform(0.5, seed=3), shape)
    assert full.shape == shape
    assert np.abs(full).max() <= 0.5
    sparse = draw(SparseUniform(0.5, 0.3, seed=3), shape)
    np.testing.assert_array_equal(sparse[sparse != 0], full[sparse != 0])
    if shape == (40, 50):
        assert abs(full.mean()) < 0.03  # standard deviation 0.006
        assert abs(full.std() - 0.5 / np.sqrt(3)) < 0.02
        assert abs((sparse != 0).mean() - 0.3) < 0.05  # 0.01
        np.testing.assert_allclose(draw(SparseUniform(1.0, seed=3), shape), 2 * full, rtol=1e-6)


FIXED = [SpectralRadius, SparseUniform]


@pytest.mark.parametrize("cls", FIXED)
def test_seeds_of_fixed_kernels(cls: type) -> None:
    one = draw(cls(seed=1), (8, 8))
    np.testing.assert_array_equal(draw(cls(seed=1), (8, 8)), one)
    for other in (cls(seed=2), cls(seed=-1), cls(seed=2**32 + 1), cls()):
        assert np.abs(draw(other, (8, 8)) - one).max() > 0.01
    assert np.abs(draw(cls(), (8, 8)) - draw(cls(), (8, 8))).max() > 0.01
    unseeded, moving = cls(), cls(seed=keras.random.SeedGenerator(4))
    np.testing.assert_array_equal(draw(unseeded, (8, 8)), draw(unseeded, (8, 8)))
    assert np.abs(draw(moving, (8, 8)) - draw(moving, (8, 8))).max() > 0.01
    keras.utils.set_random_seed(5)
    first = draw(cls(), (8, 8))
    keras.utils.set_random_seed(5)
    np.testing.assert_array_equal(draw(cls(), (8, 8)), first)


@pytest.mark.parametrize("seed", [11, "generator"])
def test_values_of_a_seed_come_from_numpy(seed: object) -> None:
    """So they are the same under every backend."""
    seed = keras.random.SeedGenerator(11) if seed == "generator" else seed
    expected = np.random.default_rng((11, 0, 1)).uniform(-1, 1, (5, 5))
    np.testing.assert_array_equal(draw(SparseUniform(seed=seed), (5, 5)), np.float32(expected))
    seed = seed if seed == 11 else keras.random.SeedGenerator(11)
    generator = np.random.default_rng((11, 0))
    places = generator.random((5, 5)).argpartition(4, axis=0)
    expected = np.zeros((5, 5))
    np.put_along_axis(expected, places, generator.normal(size=(5, 5)), axis=0)
    expected /= np.abs(np.linalg.eigvals(expected)).max()
    kernel = draw(SpectralRadius(0.9, density=1.0, seed=seed), (5, 5))
    np.testing.assert_allclose(kernel, 0.9 * expected, rtol=1e-6)


@pytest.mark.parametrize("seed", [None, 7, "generator"])
@pytest.mark.parametrize(
    "make",
    [
        lambda seed: SpectralRadius(0.7, 0.4, "random", seed),
        lambda seed: SpectralRadius(topology="orthogonal", seed=seed),
        lambda seed: SparseUniform(0.3, 0.8, seed),
    ],
)
def test_fixed_kernels_serialise(make, seed: object) -> None:
    seed = keras.random.SeedGenerator(3) if seed == "generator" else seed
    initializer = make(seed)
    packed = keras.initializers.serialize(initializer)
    again = keras.initializers.deserialize(packed)
    assert packed["registered_name"] == f"rnn_zoo>{type(initializer).__name__}"
    assert again.get_config() == initializer.get_config()
    if seed is not None:
        np.testing.assert_array_equal(draw(again, (6, 6)), draw(initializer, (6, 6)))


@pytest.mark.parametrize("cls", FIXED)
@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
def test_dtype_of_fixed_kernels(cls: type, dtype: str) -> None:
    kernel = cls(seed=0)((6, 6), dtype=dtype)
    assert keras.backend.standardize_dtype(kernel.dtype) == dtype
    kernel = np.asarray(ops.convert_to_numpy(ops.cast(kernel, "float32")))
    np.testing.assert_allclose(kernel, draw(cls(seed=0), (6, 6)), rtol=0.01)


def test_fixed_kernel_in_a_layer_is_saved(tmp_path) -> None:
    cls = keras.layers.SimpleRNN
    layer = cls(4, recurrent_initializer=SpectralRadius(0.6, 0.5, seed=1))
    inputs = keras.Input((None, 2))
    model = keras.Model(inputs, layer(inputs))
    kernel = np.asarray(ops.convert_to_numpy(layer.cell.recurrent_kernel))
    assert radius_of(kernel) == pytest.approx(0.6, rel=1e-5)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras").layers[1].cell
    assert isinstance(loaded.recurrent_initializer, SpectralRadius)
    np.testing.assert_array_equal(ops.convert_to_numpy(loaded.recurrent_kernel), kernel)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: SpectralRadius(-0.1), "`radius` must be at least 0, found -0.1"),
        (lambda: SpectralRadius(float("nan")), "`radius` must be at least 0, found nan"),
        (lambda: SpectralRadius(float("inf")), "`radius` must be at least 0 and finite, found inf"),
        (lambda: SpectralRadius("0.9"), "`radius` must be a number"),
        (lambda: SpectralRadius(True), "`radius` must be a number"),
        (lambda: SpectralRadius(density=0), "`density` must be above 0 and at most 1, found 0"),
        (lambda: SpectralRadius(density=1.1), "`density` must be above 0"),
        (lambda: SpectralRadius(topology="star"), r"`topology` must be one of .*'ring'.*'star'"),
        (lambda: SpectralRadius(seed=1.5), "`seed` must be an integer"),
        (lambda: SparseUniform(-1.0), "`scale` must be at least 0, found -1.0"),
        (lambda: SparseUniform(density=float("nan")), "`density` must be above 0"),
        (lambda: SparseUniform(seed="one"), "`seed` must be an integer"),
        (lambda: SpectralRadius()((3, 4)), r"`shape` must be \(units, units\), found \(3, 4\)"),
        (lambda: SpectralRadius()((3,)), "`shape` must be"),
        (lambda: SpectralRadius()((0, 0)), "`shape` must be"),
    ],
)
def test_unfit_arguments_of_fixed_kernels_are_refused(make, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()
