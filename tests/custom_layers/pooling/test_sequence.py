"""SequencePooling1D against float64 NumPy, with masks anywhere."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from layer_checks import CHECKS, LayerCase, to_numpy

from custom_layers import SequencePooling1D

pytestmark = pytest.mark.backend

MODES = ("last", "ends", "mean", "max")
TIME, FEATURES = 5, 3
# On the right, on the left, between, one step, a whole row.
MASK = np.array([[1, 1, 1, 0, 0], [0, 0, 1, 1, 1], [1, 0, 1, 0, 1], [0, 0, 0, 1, 0], [0] * 5], bool)


@pytest.mark.parametrize("name", CHECKS)
@pytest.mark.parametrize("mode", MODES)
def test_contract(mode: str, name: str) -> None:
    width = 2 * FEATURES if mode == "ends" else FEATURES
    case = LayerCase(
        SequencePooling1D,
        {"mode": mode},
        (2, TIME, FEATURES),
        trainable_weights=0,
        output_shape=(2, width),
        masking="any",
    )
    CHECKS[name](case)


def reference(mode: str, x: np.ndarray, mask: np.ndarray) -> np.ndarray:
    rows = []
    for steps, valid in zip(x.astype("float64"), mask, strict=True):
        seen = steps[valid] if valid.any() else np.zeros((1, FEATURES))
        rows.append(
            {
                "last": seen[-1],
                "ends": np.concatenate([seen[-1], seen[0]]),
                "mean": seen.mean(axis=0),
                "max": seen.max(axis=0),
            }[mode]
        )
    return np.stack(rows)


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("mode", MODES)
def test_equals_the_reference(mode: Any, masked: bool) -> None:
    x = np.random.default_rng(0).normal(size=(len(MASK), TIME, FEATURES)).astype("float32")
    mask = MASK if masked else np.ones_like(MASK)
    found = SequencePooling1D(mode)(x, mask=mask if masked else None)
    np.testing.assert_allclose(to_numpy(found), reference(mode, x, mask), rtol=1e-5, atol=1e-6)
    hidden = np.where(mask[:, :, None], x, np.nan)
    np.testing.assert_array_equal(
        to_numpy(SequencePooling1D(mode)(hidden, mask=mask)), to_numpy(found)
    )


def test_unknown_mode() -> None:
    with pytest.raises(ValueError, match="`mode` must be one of"):
        SequencePooling1D("first")  # type: ignore[arg-type]
