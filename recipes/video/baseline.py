"""Answers that do not need the order of frames: the commonest class, and one frame alone."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from sklearn.linear_model import LogisticRegression

from recipes.kit.metrics import accuracy_of_commonest, class_metrics
from recipes.video.clips import Clip
from recipes.video.metrics import of_frames, pair_metrics

#: Most numbers of a frame that are looked at.
_MOST = 1024


def baseline_metrics(
    train: Sequence[Clip], test: Sequence[Clip], opposites: dict[str, str]
) -> dict[str, float]:
    """Metrics of logistic regression on the frame in the middle of each clip.

    Returns:
        Its metrics, and `accuracy_of_commonest`, of always the most frequent class.
    """
    (x, y), (test_x, truth) = (_middles(part) for part in (train, test))
    shares, labels = _learned(x, y, test_x)
    return {
        **class_metrics(truth, shares, labels),
        **pair_metrics(truth, shares, labels, opposites),
        "accuracy_of_commonest": accuracy_of_commonest(y, truth),
    }


def frame_baseline_metrics(train: Sequence[Clip], test: Sequence[Clip]) -> dict[str, float]:
    """Metrics of logistic regression on each frame alone, learned from one of each clip.

    Returns:
        As `baseline_metrics`.
    """
    x, y = _middles(train)
    step = _step(train[0].frames)
    rows = np.concatenate([_rows(clip.frames, step) for clip in test])
    truth = [label for clip in test for label in clip.labels]
    metrics = class_metrics(truth, *_learned(x, y, rows))
    every = [label for clip in train for label in clip.labels]
    return of_frames({**metrics, "accuracy_of_commonest": accuracy_of_commonest(every, truth)})


def _middles(clips: Sequence[Clip]) -> tuple[np.ndarray, list[str]]:
    """The frame in the middle of each clip, and its class or that of the clip."""
    step = _step(clips[0].frames)
    middles = [len(clip) // 2 for clip in clips]
    rows = [_rows(c.frames[at : at + 1], step) for c, at in zip(clips, middles, strict=True)]
    labels = [c.labels[min(at, len(c.labels) - 1)] for c, at in zip(clips, middles, strict=True)]
    return np.concatenate(rows), labels


def _rows(frames: np.ndarray, step: int) -> np.ndarray:
    return (frames[:, ::step, ::step].reshape(len(frames), -1) / 255).astype("float32")


def _step(frames: np.ndarray) -> int:
    return max(1, int(np.ceil(np.sqrt(frames[0].size / _MOST))))


def _learned(x: np.ndarray, y: list[str], test: np.ndarray) -> tuple[np.ndarray, list[str]]:
    """Probabilities of the classes, and their names."""
    if len({*y}) < 2:
        return np.ones((len(test), 1)), [y[0]]
    model = LogisticRegression(max_iter=200).fit(x, y)
    return model.predict_proba(test), [str(label) for label in model.classes_]
