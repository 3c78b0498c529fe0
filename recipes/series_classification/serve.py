"""A classifier of series as it is served: raw series in, classes out."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal, NamedTuple

import keras
import numpy as np
import tensorflow as tf

import zoo
from recipes.kit.calibration import Calibration, noted
from recipes.kit.console import note
from recipes.kit.data.batches import Example, pad
from recipes.kit.data.labels import sort_labels
from recipes.kit.data.reading import as_given
from recipes.kit.errors import DataError, UserError
from recipes.kit.export import Endpoint
from recipes.kit.judge import Judgement
from recipes.kit.metrics import class_judgement
from recipes.kit.output import read_record, read_run_config
from recipes.kit.recipe import Field, Predictor
from recipes.kit.serving import Served, answer_each, by_length, rows_of
from recipes.kit.unknown import Unknown, notes_of
from recipes.series_classification.data import FORMATS, known_of, read_file
from recipes.series_classification.labelled import RECORD, LabelledSeries, labels_of
from recipes.series_classification.options import Config, Predict

#: Numbers in a batch that is classified at once, and files read for one.
_NUMBERS, _FILES = 2**17, 16


class SeriesClassifier:
    """A model of class logits with the names of the classes.

    Args:
        model: Of `zoo.series_classifier`.
        labels: Names of the classes.
        temperature: What the logits are divided by.
    """

    def __init__(self, model: keras.Model, labels: Sequence[str], temperature: float = 1.0) -> None:
        self._decoder = zoo.class_decoder(model, temperature)
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
        return {"classify": (self.classify, self._specs)}

    def classify(self, series: tf.Tensor, lengths: tf.Tensor) -> dict[str, tf.Tensor]:
        """Classes of a padded batch."""
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
    """A series as the model takes it, its length padded to a multiple."""
    steps = -(-len(series) // multiple) * multiple
    padded = np.zeros((steps, series.channels), "float32")
    padded[: len(series)] = series.values
    return {"series": padded, "lengths": np.array(len(series), "int32")}


class _File(NamedTuple):
    path: Path
    series: list[LabelledSeries]


class SeriesPredictor(Predictor[Sequence[LabelledSeries]]):
    """An exported classifier, warm."""

    takes: ClassVar[Literal["texts", "files"]] = "files"
    suffixes: ClassVar[Sequence[str]] = FORMATS
    inputs: ClassVar[Sequence[Field]] = (
        Field("path", "series", "A .ts, CSV, TSV or .npz file of one or more series."),
    )
    outputs: ClassVar[Sequence[Field]] = (
        Field("path", "text", "The file."),
        Field(
            "series",
            "table",
            "For each series of the file: `series`, its name there or its number from 1; `label`; "
            "`probabilities` by class; `truth` where the file states it; and with attention "
            "pooling `attention`, the weight of each step.",
        ),
    )

    def __init__(self, folder: Path) -> None:
        record = read_record(folder / RECORD, ("labels", "channels"))
        self.labels: list[str] = record["labels"]
        self.channels: int = record["channels"]
        self.known = known_of(record)
        self.calibration = Calibration.read(record)
        self.config = read_run_config(Config, folder)
        self.served = Served(folder)

    @property
    def table_columns(self) -> Sequence[str]:
        """A row of the table for each series."""
        return ("path", "series", "label", "probabilities", "truth", "attention")

    def table_rows(self, answer: Mapping[str, Any]) -> Iterable[Mapping[str, Any]]:
        """A row for each series of a file."""
        return ({"path": answer["path"], **series} for series in answer["series"])

    def predict(
        self, inputs: Iterable[Path], options: Predict | None = None
    ) -> Iterator[dict[str, Any]]:
        """Classify the series of files; see `outputs` for what an answer holds."""
        chosen = options or Predict()
        config = as_given(self.config, chosen)
        read = functools.partial(self._read, config=config, labelled=chosen.labels)
        return answer_each(inputs, read, self._answers, count=_FILES)

    def unknown(self, examples: Sequence[LabelledSeries]) -> Sequence[Unknown]:
        """Classes that the model does not have."""
        classes = Unknown.among(
            ((label,) for label in labels_of(examples)),
            self.labels,
            unit="series",
            what="have classes unknown to the model",
            decides="--label-column of the training decides which column is read.",
        )
        return (classes,)

    def judge(self, examples: Sequence[LabelledSeries]) -> Judgement:
        """Classify series with known classes."""
        self.check_channels(examples, "the series to evaluate on")
        rows, names = self.classify(examples), [series.name for series in examples]
        probabilities = np.stack([row["probabilities"] for row in rows])
        judgement = class_judgement(
            "series", names, labels_of(examples), probabilities, self.labels
        )
        judgement = dataclasses.replace(judgement, answers=rows)
        return noted(judgement.noting(notes_of(self.unknown(examples))), self.calibration)

    def probabilities(self, series: Sequence[LabelledSeries]) -> np.ndarray:
        """(series, classes)."""
        return np.stack([row["probabilities"] for row in self.classify(series)])

    def classify(self, series: Sequence[LabelledSeries]) -> list[dict[str, Any]]:
        """The row of each series in what the signature returns; the weights of an attention
        without those of padding."""

        def run(batch: list[LabelledSeries]) -> Iterator[dict[str, Any]]:
            lengths = np.array([len(each) for each in batch], "int32")
            padded = pad([each.values for each in batch], 0)
            arrays = self.served("classify", series=padded, lengths=lengths)
            del arrays["labels"]
            for each, row in zip(batch, rows_of(arrays), strict=True):
                if "attention" in row:
                    row["attention"] = row["attention"][: len(each)]
                yield row

        return by_length(series, run, budget=max(1, _NUMBERS // self.channels))

    def check_channels(self, series: Sequence[LabelledSeries], where: str) -> None:
        """Refuse series of other channels than the classifier was trained on."""
        for each in series:
            if each.channels != self.channels:
                raise DataError(
                    where,
                    f"series {each.name} has {each.channels} channels; the model was trained on "
                    f"{self.channels}",
                )

    def check_classes(self, series: Sequence[LabelledSeries], where: str) -> None:
        """Refuse series none of whose classes is one of the model's: they are values, or other
        classes."""
        classes = {each.label for each in series if each.label is not None}
        if classes and classes.isdisjoint(self.labels):
            raise DataError(
                where,
                f"expected the classes {', '.join(self.labels[:10])}, found "
                f"{', '.join(sort_labels(classes)[:10])}; for rows that do not start with their "
                "class use predict --no-labels",
            )
        for label in sort_labels(classes - {*self.labels})[:10]:
            note(f"never seen in training, so never right: {label}")

    def _read(self, path: Path, config: Config, labelled: bool) -> _File:
        if not path.is_file():
            problem = "is a folder" if path.is_dir() else "no such file"
            raise UserError(f"{path}: {problem}; expected a .ts, .csv, .tsv, .txt or .npz file.")
        file = read_file(path, config, labelled=labelled, known=self.known)
        series = [each for part in file.parts.values() for each in part]
        self.check_channels(series, str(path))
        self.check_classes(series, str(path))
        return _File(path, series)

    def _answers(self, files: list[_File]) -> Iterator[dict[str, Any]]:
        rows = iter(self.classify([series for file in files for series in file.series]))
        for path, every in files:
            yield {
                "path": str(path),
                "series": [self._answer(series, next(rows)) for series in every],
            }

    def _answer(self, series: LabelledSeries, row: dict[str, Any]) -> dict[str, Any]:
        shares = zip(self.labels, row["probabilities"].tolist(), strict=True)
        answer: dict[str, Any] = {
            "series": series.name,
            "label": row["label"].decode(),
            "probabilities": {label: round(share, 4) for label, share in shares},
        }
        if series.label is not None:
            answer["truth"] = series.label
        if "attention" in row:
            answer["attention"] = [round(weight, 4) for weight in row["attention"].tolist()]
        return answer
