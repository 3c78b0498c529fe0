"""Metrics of classification. Fractions are 0 to 1."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

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


def accuracy_of_commonest(train: Sequence[str], test: Sequence[str]) -> float:
    """The accuracy of always answering the most frequent label of training."""
    commonest = Counter(train).most_common(1)[0][0]
    return sum(label == commonest for label in test) / len(test)
