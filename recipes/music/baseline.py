"""What is reached without a model: how often keys sound, and the frame before repeated."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from recipes.kit.recipe import Metrics
from recipes.music.metrics import frame_nats, music_statistics


def frequencies(train: Sequence[np.ndarray], test: Sequence[np.ndarray]) -> Metrics:
    """Each key by itself, as often as in training (plus one frame with it and one without)."""
    frames = np.concatenate(train).astype(int)
    share = (frames.sum(axis=0) + 1) / (len(frames) + 2)
    shares = [np.broadcast_to(share, roll.shape) for roll in test]
    return _metrics(test, shares, [each > 0.5 for each in shares])


def repetition(train: Sequence[np.ndarray], test: Sequence[np.ndarray]) -> Metrics:
    """The frame before: a key sounds as often as one that sounded, or one that did not, sounds in
    the next frame of the training. For the accuracy, the notes before are expected once more."""
    counts = np.ones((2, 2))  # from silent or sounding, to the same
    for roll in train:
        before, after = _before(roll), roll.astype(int)
        for was in (0, 1):
            for now in (0, 1):
                counts[was, now] += ((before == was) & (after == now)).sum()
    share = counts[:, 1] / counts.sum(axis=1)
    before_each = [_before(roll) for roll in test]
    return _metrics(test, [share[before] for before in before_each], before_each)


def _before(roll: np.ndarray) -> np.ndarray:
    """Of each frame the one before; of the first silence."""
    return np.concatenate([np.zeros_like(roll[:1]), roll[:-1]]).astype(int)


def _metrics(
    test: Sequence[np.ndarray], shares: Sequence[np.ndarray], predicted: Sequence[np.ndarray]
) -> Metrics:
    nats = [frame_nats(roll, share) for roll, share in zip(test, shares, strict=True)]
    return music_statistics(test, nats, predicted).values
