"""Metrics of classification, as fractions from 0 to 1; and the spread of any metrics."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from recipes.kit.calibration import calibration_error, calibration_terms
from recipes.kit.judge import Judgement, Statistics, Sums, ratio, worst
from recipes.kit.recipe import Row


def class_metrics(
    truth: Sequence[str], probabilities: np.ndarray, labels: Sequence[str]
) -> dict[str, float]:
    """Metrics of classification, see `class_statistics`."""
    return class_statistics("examples", truth, probabilities, labels).values


def class_statistics(
    unit: str, truth: Sequence[str], probabilities: np.ndarray, labels: Sequence[str]
) -> Statistics:
    """What the metrics of classification are computed from.

    Args:
        unit: What the examples are, in the plural.
        truth: True label of each example.
        probabilities: (examples, classes).
        labels: Names of the classes. An example with any other label counts as wrong.

    Returns:
        The statistics of `accuracy`; `calibration_error`, how far the probability of the answers is
        from the share that is right; `macro_f1`, the mean over the classes that are true or
        predicted anywhere; and for two classes, where both occur, `roc_auc` of the second.
    """
    every = [*dict.fromkeys((*labels, *truth))]
    ids = {label: index for index, label in enumerate(every)}
    true = np.array([ids[label] for label in truth])
    best = np.argmax(probabilities, axis=1)
    binary = len(labels) == 2 and {*truth} == {*labels}
    order = np.argsort(probabilities[:, 1], kind="stable") if binary else best
    # Examples of the same probability share a rank.
    starts = np.append(True, np.diff(probabilities[order, 1]) > 0) if binary else best

    def weighted(counts: np.ndarray) -> dict[str, float]:
        right = counts * (true == best)
        hits, trues, answers = (
            np.bincount(classes, weights, len(every))
            for classes, weights in ((true, right), (true, counts), (best, counts))
        )
        seen = trues + answers > 0
        metrics = {
            "macro_f1": float((2 * hits[seen] / (trues + answers)[seen]).mean()),
        }
        if binary:
            second = np.add.reduceat((counts * true)[order], np.flatnonzero(starts))
            first = np.add.reduceat((counts * (1 - true))[order], np.flatnonzero(starts))
            below = np.cumsum(first) - first / 2
            pairs = first.sum() * second.sum()
            metrics["roc_auc"] = float(second @ below / pairs) if pairs else float("nan")
        return metrics

    def metrics(sums: Sums) -> dict[str, float]:
        return {
            "accuracy": ratio(sums["right"], sums["examples"]),
            "calibration_error": calibration_error(sums["calibration"]),
        }

    terms = {
        "right": true == best,
        "examples": np.ones(len(true)),
        "calibration": calibration_terms(probabilities.max(axis=1), true == best),
    }
    return Statistics(unit, terms, metrics, weighted, biased=("calibration_error",))


def class_judgement(
    unit: str,
    inputs: Sequence[Any],
    truth: Sequence[str],
    probabilities: np.ndarray,
    labels: Sequence[str],
) -> Judgement:
    """What a classifier makes of examples with known classes; its `answers` are labels.

    Args:
        unit: What the examples are, in the plural.
        inputs: What identifies each example.
        truth: As for `class_statistics`.
        probabilities: As for `class_statistics`.
        labels: As for `class_statistics`.
    """
    ids = {label: index for index, label in enumerate(labels)}
    best = probabilities.argmax(axis=1)
    answers = [labels[index] for index in best]
    pairs = zip(probabilities, truth, strict=True)
    of_truth = np.array([row[ids[label]] if label in ids else 0.0 for row, label in pairs])
    of_answer = probabilities.max(axis=1)

    def row(index: int) -> Row:
        return {
            "input": inputs[index],
            "truth": truth[index],
            "answer": answers[index],
            "probability_of_truth": float(f"{of_truth[index]:.4g}"),
            "probability_of_answer": float(f"{of_answer[index]:.4g}"),
        }

    return Judgement(
        class_statistics(unit, truth, probabilities, labels),
        worst(row, -of_truth, of_answer),
        len(truth),
        "probability_of_truth, the lowest first",
        answers,
    )


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
    """The accuracy of always answering the most frequent label of training.

    >>> accuracy_of_commonest(["a", "a", "b"], ["a", "a", "a", "b"])
    0.75
    """
    commonest = Counter(train).most_common(1)[0][0]
    return sum(label == commonest for label in test) / len(test)


def macro_f1_of_commonest(train: Sequence[str], test: Sequence[str]) -> float:
    """The macro F1 of always answering the most frequent label of training.

    >>> round(macro_f1_of_commonest(["a", "a", "b"], ["a", "a", "a", "b"]), 4)
    0.4286
    """
    accuracy = accuracy_of_commonest(train, test)
    classes = {*test, Counter(train).most_common(1)[0][0]}
    return 2 * accuracy / (1 + accuracy) / len(classes)
