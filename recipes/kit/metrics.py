"""Metrics of classification, as fractions from 0 to 1; and the spread of any metrics."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
from sklearn.metrics import accuracy_score, f1_score, roc_auc_score


def class_metrics(
    truth: Sequence[str], probabilities: np.ndarray, labels: Sequence[str]
) -> dict[str, float]:
    """Metrics of classification.

    Args:
        truth: True label of each example.
        probabilities: (examples, classes).
        labels: Names of the classes. An example with any other label counts as wrong.

    Returns:
        `accuracy`; `macro_f1`, the mean over the classes that are true or predicted anywhere; and
        for two classes, where both occur, `roc_auc` of the second.
    """
    predicted = [labels[best] for best in np.argmax(probabilities, axis=1)]
    metrics = {
        "accuracy": float(accuracy_score(truth, predicted)),
        "macro_f1": float(f1_score(truth, predicted, average="macro", zero_division=0)),
    }
    if len(labels) == 2 and {*truth} == {*labels}:
        second = [label == labels[1] for label in truth]
        metrics["roc_auc"] = float(roc_auc_score(second, probabilities[:, 1]))
    return metrics


def spread_of(several: Sequence[Mapping[str, float]]) -> dict[str, dict[str, float]]:
    """Of each metric of several models its `mean`, its `std` and the number of `models`.

    >>> spread_of([{"cer": 0.5}, {"cer": 1.5}])
    {'cer': {'mean': 1.0, 'std': 0.7071067811865476, 'models': 2}}
    """
    return {
        name: {
            "mean": float(np.mean([metrics[name] for metrics in several])),
            "std": float(np.std([metrics[name] for metrics in several], ddof=1)),
            "models": len(several),
        }
        for name in several[0]
        if all(name in metrics for metrics in several)
    }


def accuracy_of_commonest(train: Sequence[str], test: Sequence[str]) -> float:
    """The accuracy of always answering the most frequent label of training."""
    commonest = Counter(train).most_common(1)[0][0]
    return sum(label == commonest for label in test) / len(test)
