"""SeriesScaling against float64 NumPy, with values missing anywhere."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from layer_checks import CHECKS, LayerCase, to_numpy

from custom_layers import SeriesScaling

pytestmark = pytest.mark.backend

MODES = ("train", "window", "last")


# It stays in float32 whatever the policy is, which the forecaster is tested for.
@pytest.mark.parametrize("name", [name for name in CHECKS if name != "mixed_precision"])
@pytest.mark.parametrize("mode", MODES)
def test_contract(mode: str, name: str) -> None:
    case = LayerCase(
        SeriesScaling,
        {"mode": mode},
        (2, 5, 3),
        trainable_weights=0,
        non_trainable_weights=2,
        output_shape=[(2, 5, 3), (2, 5, 3), (2, 1, 3), (2, 1, 3)],
        output_dtype="float32",
    )
    CHECKS[name](case)


def windows() -> np.ndarray:
    rng = np.random.default_rng(0)
    x = 1e4 + rng.normal(size=(5, 9, 2)) * [1.0, 30.0]
    x[0, 3:5, 0] = np.nan  # between
    x[1, :4, 1] = np.nan  # first
    x[2, -2:] = np.nan  # last
    x[3, :, 0] = np.nan  # all of it
    x[4, :, 1] = 7.0  # no change
    return x.astype("float32")


def reference(mode: str, x: np.ndarray, mean: np.ndarray, deviation: np.ndarray) -> Any:
    x = x.astype("float64")
    centre = np.zeros((len(x), 1, x.shape[2]))
    scale = np.zeros_like(centre)
    for row, column in np.ndindex(len(x), x.shape[2]):
        known = x[row, ~np.isnan(x[row, :, column]), column]
        c, s = mean[column], deviation[column]
        if mode != "train" and len(known):
            c = known.mean() if mode == "window" else known[-1]
            s = max(known.std(), 1e-3 * deviation[column])
        centre[row, 0, column], scale[row, 0, column] = c, s
    return np.nan_to_num((x - centre) / scale), ~np.isnan(x), centre, scale


@pytest.mark.parametrize("mode", MODES)
def test_equals_the_reference(mode: Any) -> None:
    rng = np.random.default_rng(1)
    training = 9e3 + rng.normal(size=(50, 2)) * [3.0, 40.0]
    training[4, 0] = np.nan
    layer = SeriesScaling(mode)
    layer.adapt(training)
    mean, deviation = np.nanmean(training, axis=0), np.nanstd(training, axis=0)
    np.testing.assert_allclose(to_numpy(layer.mean), mean, rtol=1e-6)
    np.testing.assert_allclose(to_numpy(layer.deviation), deviation, rtol=1e-6)
    x = windows()
    found = [to_numpy(part) for part in layer(x)]
    wanted = reference(mode, x, to_numpy(layer.mean), to_numpy(layer.deviation))
    for name, a, b in zip(("scaled", "known", "centre", "scale"), found, wanted, strict=True):
        np.testing.assert_allclose(a, b, rtol=2e-3, atol=2e-3, err_msg=name)
    back = found[2] + found[3] * found[0]
    known = ~np.isnan(x)
    np.testing.assert_allclose(back[known], x[known], rtol=1e-6)


def test_what_never_changes_has_a_scale() -> None:
    layer = SeriesScaling("train")
    layer.adapt(np.array([[3e8, np.nan], [3e8, np.nan]]))
    assert to_numpy(layer.deviation).tolist() == [1, 1]
    assert to_numpy(layer.mean).tolist() == [3e8, 0]


@pytest.mark.parametrize("size", [1e-20, 1e20])
def test_very_small_and_very_large_values(size: float) -> None:
    """Their squares are no numbers of float32."""
    x = np.array([[[1.0], [3.0], [np.inf], [2.0]], [[2.0], [2.0], [2.0], [2.0]]])
    layer, plain = SeriesScaling("window"), SeriesScaling("window")
    layer.adapt(size * x[0])
    plain.adapt(x[0])
    scaled, known, centre, scale = (to_numpy(part) for part in layer(size * x))
    wanted = [to_numpy(part) for part in plain(x)]
    np.testing.assert_allclose(scaled, wanted[0], atol=1e-5)
    assert known[0, :, 0].tolist() == [1, 1, 0, 1]
    np.testing.assert_allclose(centre / np.float32(size), wanted[2], rtol=1e-5)
    np.testing.assert_allclose(scale / np.float32(size), wanted[3], rtol=1e-5)


def test_wrong_arguments() -> None:
    with pytest.raises(ValueError, match="`mode` must be one of"):
        SeriesScaling("mean")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="`epsilon` must be"):
        SeriesScaling(epsilon=0)
    with pytest.raises(ValueError, match="`values` must have shape"):
        SeriesScaling().adapt(np.zeros(3))
    with pytest.raises(ValueError, match="`inputs` must have shape"):
        SeriesScaling().build((None, 3))
