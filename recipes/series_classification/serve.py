"""A classifier of series as it is served: series as they are in, classes out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

import zoo
from recipes.kit.console import note
from recipes.kit.data.batches import Example, pad
from recipes.kit.errors import DataError
from recipes.kit.export import Endpoint, load_saved_model
from recipes.series_classification.labelled import LabelledSeries

#: Numbers in a batch that is classified at once.
_CHUNK = 2**20


class SeriesClassifier:
    """A model of class logits, and the names of the classes.

    Args:
        model: Of `zoo.series_classifier`.
        labels: Names of the classes.
    """

    def __init__(self, model: keras.Model, labels: Sequence[str]) -> None:
        self._decoder = zoo.class_decoder(model)
        self._labels = list(labels)
        features = model.input["series"].shape[-1]
        self._specs = [
            tf.TensorSpec([None, None, features], tf.float32, name="series"),
            tf.TensorSpec([None], tf.int32, name="lengths"),
        ]

    @property
    def resources(self) -> list[Any]:
        """What an export has to keep."""
        return [self._decoder]

    @property
    def endpoints(self) -> dict[str, Endpoint]:
        """The signature of the exported classifier."""
        return {"classify": (self._classify, self._specs)}

    def _classify(self, series: tf.Tensor, lengths: tf.Tensor) -> dict[str, tf.Tensor]:
        # One step of padding more: a batch of empty series would have no step to run over.
        padded = tf.pad(series, [[0, 0], [0, 1], [0, 0]])
        lengths = tf.minimum(lengths, tf.shape(series)[1])
        answer = self._decoder({"series": padded, "lengths": lengths}, training=False)
        best = tf.argmax(answer["probabilities"], axis=-1)
        outputs = {
            "label": tf.gather(tf.constant(self._labels), best),
            "probabilities": answer["probabilities"],
            "labels": tf.constant(self._labels),
        }
        if "attention" in answer:
            outputs["attention"] = answer["attention"][:, :-1]
        return outputs


def example_of(series: LabelledSeries, multiple: int = 1) -> Example:
    """A series as the model takes it, padded to a multiple of so many steps."""
    steps = -(-len(series) // multiple) * multiple
    padded = np.zeros((steps, series.values.shape[1]), "float32")
    padded[: len(series)] = series.values
    return {"series": padded, "lengths": np.int32(len(series))}


class SavedSeriesClassifier:
    """An exported classifier, by its SavedModel alone."""

    def __init__(self, path: Path) -> None:
        self._classify = load_saved_model(path).signatures["serving_default"]
        specs = self._classify.structured_input_signature[1]
        self.channels = int(specs["series"].shape[-1])
        """How many values a step has."""

    def probabilities(self, series: Sequence[LabelledSeries]) -> np.ndarray:
        """(series, classes)."""
        return np.stack([answer["probabilities"] for answer in self.answers(series)])

    def answers(self, series: Sequence[LabelledSeries]) -> Iterator[dict[str, np.ndarray]]:
        """For each series, in their order, its row of what the signature returns; the weights of
        an attention without those of padding."""
        found: dict[int, dict[str, np.ndarray]] = {}
        order = sorted(range(len(series)), key=lambda index: len(series[index]))
        while order:
            # Series of like length go together, as many as are not too much.
            size = max(1, _CHUNK // (len(series[order[-1]]) * self.channels * 8))
            rows, order = order[:size], order[size:]
            batch = pad([series[row].values for row in rows], 0)
            lengths = np.array([len(series[row]) for row in rows], "int32")
            answer = self._classify(series=tf.constant(batch), lengths=tf.constant(lengths))
            arrays = {name: each.numpy() for name, each in answer.items() if name != "labels"}
            for index, row in enumerate(rows):
                one = {name: each[index] for name, each in arrays.items()}
                if "attention" in one:
                    one["attention"] = one["attention"][: lengths[index]]
                found[row] = one
        for row in range(len(series)):
            yield found[row]


def check_channels(
    served: SavedSeriesClassifier, series: Sequence[LabelledSeries], where: str
) -> None:
    """Refuse series of other channels than the classifier was trained on."""
    for one in series:
        if one.values.shape[1] != served.channels:
            raise DataError(
                where,
                f"series {one.name} has {one.values.shape[1]} channels; the model was trained on "
                f"{served.channels}",
            )


def check_classes(series: Sequence[LabelledSeries], labels: Sequence[str], where: str) -> None:
    """Refuse series of which no class is one of the model's: they are values, or other classes."""
    found = {one.label for one in series if one.label is not None}
    if found and found.isdisjoint(labels):
        raise DataError(
            where,
            f"expected the classes {', '.join(labels[:10])}, found "
            f"{', '.join(sorted(found)[:10])}; rows that do not start with their class want "
            "predict --no-labels",
        )
    for label in sorted(found - set(labels))[:10]:
        note(f"never seen in training, so never right: {label}")
