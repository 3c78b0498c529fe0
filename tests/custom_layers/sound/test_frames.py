"""Normalising, stacking and blotting out frames, against float64 NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from compiled import apply
from layer_checks import CHECKS, LayerCase, to_numpy

from custom_layers import SequenceNormalization, SpecAugment, StackFrames

pytestmark = pytest.mark.backend

SHAPE = (2, 7, 3)
CASES = {
    "normalization": LayerCase(
        SequenceNormalization,
        {"epsilon": 1e-2},
        SHAPE,
        trainable_weights=0,
        output_shape=SHAPE,
        masking="any",
    ),
    "stack": LayerCase(
        StackFrames, {"factor": 3}, SHAPE, trainable_weights=0, output_shape=(2, 3, 9)
    ),
    "augment": LayerCase(
        SpecAugment,
        {"time_masks": 1, "time_width": 2, "feature_masks": 1, "feature_width": 1, "seed": 3},
        SHAPE,
        trainable_weights=0,
        output_shape=SHAPE,
    ),
}


@pytest.mark.parametrize("name", CHECKS)
@pytest.mark.parametrize("case", CASES)
def test_contract(case: str, name: str) -> None:
    CHECKS[name](CASES[case])


def test_normalization_over_the_valid_steps() -> None:
    x = np.random.default_rng(0).normal(3.0, 2.0, size=(3, 6, 4))
    mask = np.array([[1] * 6, [1, 1, 1, 0, 0, 0], [0] * 6], bool)
    x[~mask] = np.nan
    found = to_numpy(apply(SequenceNormalization(1e-3), x.astype("float32"), mask=mask))
    for row, valid in enumerate(mask):
        if valid.any():
            steps = x[row, valid]
            want = (steps - steps.mean(axis=0)) / np.sqrt(steps.var(axis=0) + 1e-3)
            np.testing.assert_allclose(found[row, valid], want, rtol=1e-4, atol=1e-5)
        assert (found[row, ~valid] == 0).all()


@pytest.mark.parametrize("factor", [1, 2, 3, 9])
def test_stacks(factor: int) -> None:
    x = np.random.default_rng(0).normal(size=(2, 7, 3)).astype("float32")
    mask = np.arange(7) < np.array([[7], [4]])
    found = to_numpy(apply(StackFrames(factor), np.where(mask[:, :, None], x, np.nan), mask=mask))
    count = -(-7 // factor)
    want = np.zeros((2, count * factor, 3), "float32")
    want[:, :7] = np.where(mask[:, :, None], x, 0)
    np.testing.assert_array_equal(found, want.reshape(2, count, factor * 3))
    left = StackFrames(factor).compute_mask(None, mask)
    assert left.sum(axis=1).tolist() == [-(-7 // factor), -(-4 // factor)]


def test_spec_augment_blots_out_stretches_and_bands() -> None:
    x = np.ones((200, 40, 20), "float32")
    layer = SpecAugment(1, 8, 1, 5, seed=0)
    assert (to_numpy(layer(x, training=False)) == 1).all()
    found = to_numpy(layer(x, training=True))
    assert {*np.unique(found)} == {0.0, 1.0}
    steps = (found == 0).all(axis=2).sum(axis=1)
    bands = (found == 0).all(axis=1).sum(axis=1)
    assert steps.max() == 8 and steps.min() == 0 and bands.max() == 5 and bands.min() == 0
    assert 2.5 < steps.mean() < 4.5 and 1.5 < bands.mean() < 3
    for row in found:  # of one piece each
        for gone in ((row == 0).all(axis=1), (row == 0).all(axis=0)):
            assert np.abs(np.diff(gone.astype(int))).sum() <= 2
        whole = row[~(row == 0).all(axis=1)][:, ~(row == 0).all(axis=0)]
        assert (whole == 1).all()
    again = to_numpy(layer(x, training=True))
    assert (again != found).any()
    nothing = to_numpy(SpecAugment(0, 8, 0, 5)(x, training=True))
    assert (nothing == 1).all()


def test_spec_augment_hits_all_steps_alike_within_the_clip() -> None:
    x = np.ones((4000, 30, 2), "float32")
    mask = np.arange(30) < np.where(np.arange(4000) % 2, 30, 12)[:, None]
    found = to_numpy(SpecAugment(1, 6, 0, 0, seed=0)(x, mask=mask, training=True))
    gone = (found == 0).all(axis=2)
    short, long = gone[::2], gone[1::2]
    assert not short[:, 12:].any()
    # Of 6 in 30 steps on average 3; those at the very ends are in fewer places of a stretch.
    for rows, length in ((short, 12), (long, 30)):
        assert rows.sum(axis=1).mean() == pytest.approx(3, abs=0.15)
        inner = rows[:, 6 : length - 6].mean(axis=0) if length == 30 else rows[:, 5:7].mean(axis=0)
        assert np.ptp(inner) < 0.06
        assert rows[:, 0].mean() == pytest.approx(rows[:, length - 1].mean(), abs=0.03)


@pytest.mark.parametrize(
    ("layer", "arguments", "message"),
    [
        (SequenceNormalization, {"epsilon": 0}, "`epsilon` must be above 0"),
        (StackFrames, {"factor": 0}, "`factor` must be a positive integer"),
        (SpecAugment, {"time_masks": -1}, "`time_masks` must be a non-negative integer"),
        (SpecAugment, {"feature_width": 1.5}, "`feature_width` must be a non-negative integer"),
    ],
)
def test_wrong_arguments(layer: Any, arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        layer(**arguments)
