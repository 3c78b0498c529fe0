"""Answers that do not need the order of frames: the commonest class, and one frame alone."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from sklearn.linear_model import LogisticRegression

from recipes.kit.metrics import accuracy_of_commonest, class_metrics
from recipes.video.clips import Clip
from recipes.video.metrics import pair_metrics

#: Most numbers of a frame that are looked at.
_MOST = 1024


def baseline_metrics(
    train: Sequence[Clip], test: Sequence[Clip], opposites: dict[str, str], *, frames: bool
) -> dict[str, float]:
    """Metrics of logistic regression on one frame, the middle one of a clip or each with its class.

    Returns:
        Its metrics, and `accuracy_of_commonest`, of always the most frequent class.
    """
    (x, y), (test_x, truth) = (_rows(part, frames) for part in (train, test))
    if len({*y}) < 2:
        return {"accuracy_of_commonest": accuracy_of_commonest(y, truth)}
    model = LogisticRegression(max_iter=200).fit(x, y)
    shares, labels = model.predict_proba(test_x), [str(label) for label in model.classes_]
    return {
        **class_metrics(truth, shares, labels),
        **pair_metrics(truth, shares, labels, opposites),
        "accuracy_of_commonest": accuracy_of_commonest(y, truth),
    }


def _rows(clips: Sequence[Clip], frames: bool) -> tuple[np.ndarray, list[str]]:
    step = max(1, int(np.ceil(np.sqrt(clips[0].frames[0].size / _MOST))))
    rows, labels = [], []
    for clip in clips:
        # Of classified frames one of each clip is enough to learn from.
        at = len(clip) // 2
        rows.append(clip.frames[at, ::step, ::step].ravel() / 255)
        labels.append(clip.labels[at] if frames else clip.label)
    return np.stack(rows).astype("float32"), labels
