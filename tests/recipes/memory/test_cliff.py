"""The cliff: its slope, the steps taken there, and clipping as Keras does it."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from recipes.memory import cliff


def test_the_slope_of_the_cliff() -> None:
    for w, b in ((2.0, -0.4), (1.6, -0.24), (1.3, 0.1)):
        found, step = cliff.slope(w, b), 1e-7
        for name, dw, db in (("w", step, 0.0), ("b", 0.0, step)):
            ends = [cliff.loss(np.array(w + s * dw), np.array(b + s * db)) for s in (1, -1)]
            assert found[name].item() == pytest.approx((ends[0] - ends[1]) / (2 * step), rel=1e-4)


def test_one_step_off_the_cliff_and_clipped() -> None:
    free = cliff.descend(lambda gradient: gradient)
    held = cliff.descend(lambda gradient: cliff.globally(gradient, 1.0))
    assert np.linalg.norm(np.diff(free, axis=0), axis=1).max() > 1
    assert np.linalg.norm(np.diff(held, axis=0), axis=1).max() <= cliff.RATE * 1.001
    assert cliff.loss(*free[-1]) > 0.05 and cliff.loss(*held[-1]) < 1e-6


@pytest.mark.parametrize(
    ("rule", "option", "limit"),
    [
        (cliff.by_value, "clipvalue", 0.1),
        (cliff.by_norm, "clipnorm", 1.0),
        (cliff.globally, "global_clipnorm", 1.0),
    ],
)
def test_clipping_is_that_of_keras(rule, option: str, limit: float) -> None:
    gradient = cliff.large_gradient()
    clipped = rule(gradient, limit)
    weights = [keras.Variable(np.zeros(g.shape, "float32")) for g in gradient.values()]
    optimizer = keras.optimizers.SGD(1.0, **{option: limit})
    optimizer.apply([keras.ops.convert_to_tensor(g, "float32") for g in gradient.values()], weights)
    for weight, expected in zip(weights, clipped.values(), strict=True):
        np.testing.assert_allclose(-weight.numpy(), expected, rtol=1e-4, atol=1e-6)
    assert any(np.abs(clipped[name] - gradient[name]).max() > 0.1 for name in gradient)
