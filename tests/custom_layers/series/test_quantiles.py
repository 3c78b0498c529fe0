"""Quantiles that never cross, and the loss that is least at them."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from compiled import jitted
from layer_checks import CHECKS, LayerCase, to_numpy
from sklearn.metrics import mean_pinball_loss

from custom_layers import ForecastLoss, MonotoneQuantiles

pytestmark = pytest.mark.backend

LEVELS = (0.05, 0.25, 0.5, 0.9)


@pytest.mark.parametrize("name", CHECKS)
def test_contract(name: str) -> None:
    case = LayerCase(
        MonotoneQuantiles,
        {"quantiles": list(LEVELS)},
        (2, 5, 4),
        trainable_weights=0,
        output_shape=(2, 5, 4),
    )
    CHECKS[name](case)


def test_equals_the_reference() -> None:
    x = np.random.default_rng(0).normal(size=(6, 3, 4)).astype("float32") * 5
    gap = np.log1p(np.exp(x.astype("float64")))
    median = x[..., 2]
    wanted = [
        median - gap[..., 1] - gap[..., 0],
        median - gap[..., 1],
        median,
        median + gap[..., 3],
    ]
    found = to_numpy(MonotoneQuantiles(LEVELS)(x))
    np.testing.assert_allclose(found, np.stack(wanted, axis=-1), rtol=1e-5, atol=1e-5)
    assert (np.diff(found, axis=-1) >= 0).all()
    alone = to_numpy(MonotoneQuantiles([0.5])(x[..., :1]))
    np.testing.assert_array_equal(alone, x[..., :1])


def test_loss_is_the_pinball_loss() -> None:
    rng = np.random.default_rng(1)
    y, q = rng.normal(size=(7, 2, 3)), np.sort(rng.normal(size=(7, 2, 3, 4)), axis=-1)
    wanted = np.mean(
        [mean_pinball_loss(y.ravel(), q[..., i].ravel(), alpha=a) for i, a in enumerate(LEVELS)]
    )
    y, q = y.astype("float32"), q.astype("float32")
    assert float(ForecastLoss(LEVELS)(y, q)) == pytest.approx(wanted, rel=1e-5)
    mean = float(ForecastLoss()(y, q[..., :1]))
    assert mean == pytest.approx(np.mean((y - q[..., 0]) ** 2), rel=1e-5)
    weights = rng.uniform(size=(7, 1, 3)).astype("float32")
    weighted = float(ForecastLoss()(y, q[..., :1], sample_weight=weights))
    assert weighted == pytest.approx(np.mean(weights * (y - q[..., 0]) ** 2), rel=1e-5)


@pytest.mark.parametrize("levels", [LEVELS, ()])
def test_missing_truth_weighs_nothing(levels: tuple[float, ...]) -> None:
    rng = np.random.default_rng(2)
    y = rng.normal(size=(3, 2, 1)).astype("float32")
    q = rng.normal(size=(3, 2, 1, len(levels) or 1)).astype("float32")
    missing = y.copy()
    missing[1, 0, 0] = np.nan
    each = to_numpy(jitted(ForecastLoss(levels, reduction=None))(missing, q))
    assert each[1, 0, 0] == 0
    rest = to_numpy(ForecastLoss(levels, reduction=None)(y, q))
    rest[1, 0, 0] = 0
    np.testing.assert_allclose(each, rest, rtol=1e-5)
    inputs = keras.Input((2,))
    outputs = keras.layers.Dense(2 * (len(levels) or 1))(inputs)
    model = keras.Model(inputs, keras.layers.Reshape((2, 1, len(levels) or 1))(outputs))
    model.compile("sgd", ForecastLoss(levels))
    model.fit(np.ones((3, 2), "float32"), missing, verbose=0)
    assert all(np.isfinite(weight).all() for weight in model.get_weights())


def test_trained_outputs_are_the_quantiles() -> None:
    """Of numbers drawn without any input."""
    keras.utils.set_random_seed(0)
    y = np.random.default_rng(3).exponential(size=(4000, 1, 1)).astype("float32")
    inputs = keras.Input((1,))
    x = keras.layers.Dense(4, use_bias=False)(inputs)
    x = MonotoneQuantiles(LEVELS)(keras.layers.Reshape((1, 1, 4))(x))
    model = keras.Model(inputs, x)
    model.compile(keras.optimizers.Adam(0.05), ForecastLoss(LEVELS))
    ones = np.ones((len(y), 1), "float32")
    model.fit(ones, y, batch_size=500, epochs=60, verbose=0)
    found = np.ravel(model.predict(ones[:1], verbose=0))
    np.testing.assert_allclose(found, np.quantile(y, LEVELS), atol=0.05)


@pytest.mark.parametrize("levels", [(0.1, 0.9), (0.5, 0.1), (0.5, 1.0), (0.0, 0.5), (0.5, 0.5)])
def test_wrong_levels(levels: tuple[float, ...]) -> None:
    for thing in (MonotoneQuantiles, ForecastLoss):
        with pytest.raises(ValueError, match="`quantiles` must be ascending"):
            thing(levels)


@pytest.mark.parametrize(("levels", "width"), [((), 2), ((0.1, 0.5, 0.9), 1)])
def test_forecasts_of_other_levels(levels: tuple[float, ...], width: int) -> None:
    with pytest.raises(ValueError, match=f"must have a last axis of {len(levels) or 1}"):
        ForecastLoss(levels)(np.zeros((1, 2, 1)), np.zeros((1, 2, 1, width), "float32"))


def test_wrong_shapes() -> None:
    with pytest.raises(ValueError, match="must include 0.5"):
        MonotoneQuantiles([])
    with pytest.raises(ValueError, match="last axis of 4, one for each quantile"):
        MonotoneQuantiles(LEVELS).build((None, 3))


@pytest.mark.parametrize("reduction", ["sum", "mean_with_sample_weight", "sum_over_batch_size"])
@pytest.mark.parametrize("axes", [1, 2, 3])
@pytest.mark.parametrize("shape", [(3, 3, 3), (4, 2, 1), (1, 3, 3)])
def test_weights_of_windows_steps_and_values(
    shape: tuple[int, ...], axes: int, reduction: str
) -> None:
    """Also where Keras would align the batch with the targets."""
    rng = np.random.default_rng(0)
    y, q = rng.normal(size=shape), rng.normal(size=(*shape, 3))
    weights = rng.uniform(size=shape[:axes])
    levels = np.array([0.1, 0.5, 0.9])
    miss = y[..., None] - q
    each = np.maximum(levels * miss, (levels - 1) * miss).mean(axis=-1)
    whole = np.broadcast_to(weights.reshape(*weights.shape, *[1] * (3 - axes)), shape)
    total = (each * whole).sum()
    divisor = {"sum": 1.0, "mean_with_sample_weight": whole.sum()}.get(reduction, each.size)
    loss = ForecastLoss(levels, reduction=reduction)
    found = loss(*(a.astype("float32") for a in (y, q, weights)))
    assert float(to_numpy(found)) == pytest.approx(total / divisor, rel=1e-5)


def test_weights_of_another_shape_are_refused() -> None:
    y, q = np.zeros((4, 2, 1), "float32"), np.zeros((4, 2, 1, 1), "float32")
    for shape in ((3,), (4, 3), (4, 2, 2), (4, 2, 1, 1)):
        with pytest.raises(ValueError, match=r"`sample_weight` must have shape \(batch,\)"):
            ForecastLoss()(y, q, np.ones(shape, "float32"))
