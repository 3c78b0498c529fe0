"""SequenceSnapshots1D against NumPy, with masks anywhere and fewer steps than snapshots."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from layer_checks import CHECKS, LayerCase, to_numpy

from custom_layers import SequenceSnapshots1D

pytestmark = pytest.mark.backend

TIME, FEATURES = 7, 3
# All, on the right, on the left, between, one step, a whole row.
MASK = np.array(
    [
        [1, 1, 1, 1, 1, 1, 1],
        [1, 1, 1, 1, 1, 0, 0],
        [0, 0, 1, 1, 1, 1, 1],
        [1, 0, 1, 0, 1, 1, 0],
        [0, 0, 0, 0, 1, 0, 0],
        [0, 0, 0, 0, 0, 0, 0],
    ],
    bool,
)


@pytest.mark.parametrize("name", CHECKS)
def test_contract(name: str) -> None:
    case = LayerCase(
        SequenceSnapshots1D,
        {"count": 4},
        (2, TIME, FEATURES),
        trainable_weights=0,
        output_shape=(2, 4 * FEATURES),
        masking="any",
    )
    CHECKS[name](case)


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("count", [1, 2, 3, 7, 10])
def test_equals_the_reference(count: int, masked: bool) -> None:
    x = np.random.default_rng(0).normal(size=(len(MASK), TIME, FEATURES)).astype("float32")
    mask = MASK if masked else np.ones_like(MASK)
    wanted = np.zeros((len(x), count, FEATURES))
    for row, (steps, valid) in enumerate(zip(x, mask, strict=True)):
        seen = steps[valid]
        for i in range(1, count + 1):
            if len(seen):
                wanted[row, i - 1] = seen[math.ceil(i * len(seen) / count) - 1]
    found = to_numpy(SequenceSnapshots1D(count)(x, mask=mask if masked else None))
    np.testing.assert_array_equal(found, wanted.reshape(len(x), -1))
    hidden = np.where(mask[:, :, None], x, np.nan)
    np.testing.assert_array_equal(to_numpy(SequenceSnapshots1D(count)(hidden, mask=mask)), found)


@pytest.mark.parametrize("count", [0, 1.5, True])
def test_wrong_count(count: Any) -> None:
    with pytest.raises(ValueError, match="`count` must be a positive integer"):
        SequenceSnapshots1D(count)
