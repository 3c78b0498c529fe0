"""Metrics of clips, and of the pairs of classes that are each other's reverse."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np


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
