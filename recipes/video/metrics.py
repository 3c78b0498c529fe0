"""Metrics of clips, and of the pairs of classes that are each other's reverse."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence

import numpy as np

from recipes.kit.judge import Statistics


def pair_metrics(
    truth: Sequence[str],
    probabilities: np.ndarray,
    labels: Sequence[str],
    opposites: Mapping[str, str],
) -> dict[str, float]:
    """How often the true class is likelier than its reverse: half the time for a model that is
    blind to the order of frames. A tie counts half.

    Args:
        truth: The class of each clip.
        probabilities: (clips, classes).
        labels: The classes.
        opposites: Of a class that which it is backwards; classes without one are left out.

    Returns:
        `pair_accuracy`, and `pair_error`, the standard error of a half in so many clips; nothing
        without pairs.

    >>> shares = np.array([[0.4, 0.1, 0.5], [0.3, 0.3, 0.4]])
    >>> found = pair_metrics(["a", "b"], shares, ["a", "b", "c"], {"a": "b", "b": "a"})
    >>> {name: round(value, 4) for name, value in found.items()}
    {'pair_accuracy': 0.75, 'pair_error': 0.3536}
    """
    ids = {label: index for index, label in enumerate(labels)}
    pairs = [
        (row, ids[label], ids[opposites[label]])
        for row, label in enumerate(truth)
        if label in ids and opposites.get(label) in ids
    ]
    if not pairs:
        return {}
    rows, true, reverse = np.array(pairs).T
    gap = probabilities[rows, true] - probabilities[rows, reverse]
    right = np.where(gap == 0, 0.5, gap > 0)
    return {"pair_accuracy": float(right.mean()), "pair_error": math.sqrt(0.25 / len(pairs))}


def of_frames(metrics: Mapping[str, float]) -> dict[str, float]:
    """Metrics of frames: their accuracy has a name of its own, as clips have one, too.

    >>> of_frames({"accuracy": 0.5, "accuracy_of_commonest": 0.1, "macro_f1": 0.4})
    {'frame_accuracy': 0.5, 'frame_accuracy_of_commonest': 0.1, 'macro_f1': 0.4}
    """
    return {
        f"frame_{name}" if name.startswith("accuracy") else name: value
        for name, value in metrics.items()
    }


def frame_statistics(statistics: Statistics, lengths: Sequence[int]) -> Statistics:
    """What the metrics of frames are computed from, with clips as units: the frames of a clip
    depend on each other.

    Args:
        statistics: Those of `class_statistics`, of the frames of one clip after the other.
        lengths: Frames of each clip.
    """
    metrics = statistics.metrics
    named = dataclasses.replace(statistics, metrics=lambda sums: of_frames(metrics(sums)))
    return named.grouped("clips", np.repeat(np.arange(len(lengths)), lengths))
