"""Reservoir: the equation in NumPy, the spectral radius, seeds, and weights that stay."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from layer_checks import CHECKS, LayerCase, to_numpy
from recurrent_checks import RECURRENT_CHECKS, RecurrentCase, cases_and_checks, inputs

from custom_layers import Reservoir

pytestmark = pytest.mark.backend


def reservoir(leak: float, f: Any = np.tanh) -> Any:
    def step(w: Any, x: Any, states: Any, dropout: Any = 1.0) -> Any:
        (h,) = states
        fed_back = w.get("feedback_kernel", np.zeros((0, h.shape[1])))
        n = x.shape[1] - len(fed_back)
        z = x[:, :n] @ w["kernel"] + x[:, n:] @ fed_back + (h * dropout) @ w["recurrent_kernel"]
        return [(1 - leak) * h + leak * f(z + w.get("bias", 0.0))]

    return step


def dense_kernel(layer: Any) -> np.ndarray:
    """From the entries of every column and their rows."""
    values, sources = (to_numpy(layer.cell.weights[i]) for i in (1, 2))
    kernel = np.zeros((layer.units, layer.units), values.dtype)
    np.put_along_axis(kernel, sources, values, axis=0)
    np.testing.assert_array_equal(kernel, to_numpy(layer.cell.recurrent_kernel))
    return kernel


CASES = {
    "plain": RecurrentCase(Reservoir, {"units": 12, "seed": 1}, reservoir(1.0)),
    "leaky, fed back": RecurrentCase(
        Reservoir,
        {
            "units": 5,
            "leak_rate": 0.3,
            "bias_scaling": 0.5,
            "feedback_units": 1,
            "topology": "ring",
            "seed": 2,
        },
        reservoir(0.3),
    ),
    "sparse": RecurrentCase(
        Reservoir,
        {"units": 40, "density": 0.05, "leak_rate": 0.7, "seed": 3},
        reservoir(0.7),
        weights_of=lambda layer: {
            **{w.name: to_numpy(w).astype("float64") for w in layer.weights},
            "recurrent_kernel": dense_kernel(layer).astype("float64"),
        },
    ),
}


@pytest.mark.parametrize("name", CHECKS)
def test_contract(name: str) -> None:
    config = {"units": 6, "density": 0.8, "bias_scaling": 0.1, "leak_rate": 0.5, "seed": 4}
    case = LayerCase(
        Reservoir,
        config,
        (2, 5, 3),
        trainable_weights=0,
        non_trainable_weights=3,
        output_shape=(2, 6),
        masking="any",
    )
    CHECKS[name](case)


@pytest.mark.parametrize(("case", "name"), cases_and_checks(CASES))
def test_equation(case: str, name: str) -> None:
    RECURRENT_CHECKS[name](CASES[case])


def weights(**options: Any) -> dict[str, np.ndarray]:
    layer = Reservoir(**{"units": 40, "bias_scaling": 0.2, **options})
    layer.build((None, None, 3))
    names = [w.name for w in layer.weights if "recurrent" not in w.name]
    return {name: to_numpy(getattr(layer.cell, name)) for name in [*names, "recurrent_kernel"]}


@pytest.mark.parametrize("topology", ["random", "orthogonal", "ring"])
@pytest.mark.parametrize("radius", [0.5, 1.25])
def test_spectral_radius_is_what_was_asked_for(topology: str, radius: float) -> None:
    found = weights(topology=topology, spectral_radius=radius, seed=0)["recurrent_kernel"]
    largest = np.abs(np.linalg.eigvals(found.astype("float64"))).max()
    assert largest == pytest.approx(radius, rel=1e-4)


def test_density_and_scalings() -> None:
    found = weights(units=200, density=0.05, input_scaling=0.3, input_density=0.5, seed=0)
    assert np.mean(found["recurrent_kernel"] != 0) == pytest.approx(0.05)
    assert np.mean(found["kernel"] != 0) == pytest.approx(0.5, abs=0.06)
    assert 0.28 < np.abs(found["kernel"]).max() <= 0.3
    assert 0.18 < np.abs(found["bias"]).max() <= 0.2
    ten = weights(units=200, seed=0)["recurrent_kernel"]
    assert np.mean(ten != 0) * 200 == pytest.approx(10)


def test_seeds() -> None:
    first, again, other = weights(seed=1), weights(seed=1), weights(seed=2)
    for name in first:
        np.testing.assert_array_equal(first[name], again[name])
        assert not np.array_equal(first[name], other[name])
    keras.utils.set_random_seed(3)
    drawn = [weights()["kernel"] for _ in range(2)]
    keras.utils.set_random_seed(3)
    np.testing.assert_array_equal(drawn[0], weights()["kernel"])
    assert not np.array_equal(drawn[0], drawn[1])


def test_fit_trains_what_is_around_it_and_not_the_reservoir() -> None:
    x = keras.Input((None, 3))
    first = keras.layers.Dense(3, name="before")
    layer = Reservoir(10, seed=0)
    model = keras.Model(x, keras.layers.Dense(1)(layer(first(x))))
    model.compile("sgd", "mse")
    fixed = [to_numpy(w).copy() for w in layer.weights]
    kernel = to_numpy(first.kernel).copy()
    model.fit(inputs(8).astype("float32"), np.ones((8, 1), "float32"), epochs=2, verbose=0)
    for before, after in zip(fixed, layer.weights, strict=True):
        np.testing.assert_array_equal(before, to_numpy(after))
    assert not np.allclose(kernel, to_numpy(first.kernel))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"leak_rate": 0.0}, "`leak_rate`"),
        ({"feedback_units": -1}, "`feedback_units`"),
        ({"topology": "star"}, "`topology`"),
        ({"spectral_radius": -1.0}, "`radius`|`spectral_radius`"),
        ({"kernel_regularizer": "l2"}, "kernel_regularizer"),
    ],
)
def test_wrong_arguments(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Reservoir(4, **options)


def test_more_feedback_than_inputs() -> None:
    with pytest.raises(ValueError, match="at least `feedback_units` 4 features, found 3"):
        Reservoir(4, feedback_units=4).build((None, None, 3))
