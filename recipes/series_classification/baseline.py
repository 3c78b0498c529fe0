"""Classifiers of series without a recurrent network, to compare with."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from recipes.kit.metrics import accuracy_of_commonest, class_metrics
from recipes.series_classification.labelled import LabelledSeries, labels_of

#: Most numbers that a series is resampled to.
_MOST = 2048


def baseline_metrics(
    train: Sequence[LabelledSeries], test: Sequence[LabelledSeries]
) -> dict[str, float]:
    """Metrics of classifiers that take a series as one long row of numbers.

    Series are interpolated to the length of the longest in training, or to as many steps as make
    2,048 numbers; for the regression each number is scaled by its mean and deviation.

    Returns:
        Those of logistic regression; `accuracy_of_nearest`, the class of the nearest training
        series by Euclidean distance; `accuracy_of_commonest`, always the most frequent class.
    """
    steps = min(max(map(len, train)), max(2, _MOST // train[0].channels))
    rows, test_rows = (
        np.stack([_resampled(series.values, steps).ravel() for series in part])
        for part in (train, test)
    )
    known, truth = labels_of(train), labels_of(test)
    linear = make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000))
    shares = linear.fit(rows, known).predict_proba(test_rows)
    labels = [str(label) for label in linear.classes_]
    nearest = KNeighborsClassifier(1).fit(rows, known)
    return {
        **class_metrics(truth, shares, labels),
        "accuracy_of_nearest": float(np.mean(nearest.predict(test_rows) == truth)),
        "accuracy_of_commonest": accuracy_of_commonest(known, truth),
    }


def _resampled(values: np.ndarray, steps: int) -> np.ndarray:
    """A series in so many steps, each channel interpolated between its known values."""
    at = np.linspace(0, len(values) - 1, steps)
    columns = []
    for channel in values.astype("float64").T:
        known = np.flatnonzero(np.isfinite(channel))
        # A channel without any value says nothing.
        columns.append(np.interp(at, known, channel[known]) if len(known) else np.zeros(steps))
    return np.stack(columns, axis=1)
