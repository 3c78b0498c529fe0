"""The series_classification recipe, from data to predictions."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import keras
import keras_tuner
import numpy as np

import zoo
from recipes.kit import plots as kit_plots
from recipes.kit.card import Card
from recipes.kit.console import note
from recipes.kit.errors import UserError
from recipes.kit.export import for_serving, save_saved_model
from recipes.kit.fit import fit
from recipes.kit.metrics import class_metrics
from recipes.kit.options import Cell, FitConfig, StackConfig
from recipes.kit.output import PLOTS, SAVED_MODEL, read_record, read_run_config, write_json
from recipes.kit.search import stack_space
from recipes.series_classification import data as series_data
from recipes.series_classification import plots as series_plots
from recipes.series_classification.baseline import baseline_metrics
from recipes.series_classification.data import LabelledSeries
from recipes.series_classification.serve import (
    SavedSeriesClassifier,
    SeriesClassifier,
    check_channels,
    check_classes,
)
from recipes.series_classification.train import Training

ABOUT = "series.json"
INPUTS = "files"

CARD = Card(
    task="Says which class a series of numbers belongs to, such as the movement behind those of a "
    "sensor.",
    use="Series of the same channels, units and steps of time as those it was trained on.",
    limits="Series that are sampled or cut otherwise, other sensors and classes it has not seen "
    "are given one of its classes all the same, and the probabilities do not tell. Where a "
    "baseline is better, use that.",
)

#: Options of reservoirs that are not given. Small inputs hardly bend their states, so they remember
#: long; without biases they could not tell a series from its negative but by sign.
_RESERVOIR = {"input_scaling": 0.2, "bias_scaling": 0.2}


@dataclass(frozen=True)
class Config(StackConfig, FitConfig):
    """Options of the series_classification recipe."""

    data: str = "embedded"
    """`embedded` (handwritten digits; no network), or the path of your own: a .ts, CSV, TSV or .npz
    file, or a folder with two of them, NAME_TRAIN and NAME_TEST."""
    model: Literal["rnn", "echo_state"] = "rnn"
    """rnn = trained by gradient descent; echo_state = reservoirs, with a readout in closed form;
    --cell-options '{"input_scaling": 0.2, "bias_scaling": 0.2, "leak_rate": 1}' are theirs."""
    epochs: int = 40
    """Most passes over the training data; of few series a pass is several, to make 32 steps."""
    learning_rate: float = 3e-3
    """Step size, at its highest."""
    schedule: Literal["constant", "cosine", "plateau"] = "cosine"
    """Learning rate over time: constant; cosine = up over the first 5 % of the steps, then down to
    zero along a cosine; plateau = halved after every 2 epochs without improvement."""
    patience: int = 15
    """Stop after this many epochs without improvement; the best epoch's weights are kept."""
    jit_compile: bool = True
    """Compile the training step with XLA; lengths that differ are then padded in steps of 16."""
    cell: Cell = "gru"
    """Recurrent layer; reservoir with --model echo_state."""
    units: int = 64
    """Width of each recurrent layer and direction."""
    bidirectional: bool = False
    """Read the series backwards as well."""
    pooling: Literal["last", "mean", "max", "attention", "snapshots"] | None = None
    """The vector that decides: last = the states after the whole series has been read; mean, max
    over its steps; attention = a learned weighted mean; snapshots = states at equal distances, side
    by side. By default last, with --model echo_state snapshots."""
    snapshots: int = 8
    """How many states, with --pooling snapshots."""
    scaling: Literal["train", "series"] = "train"
    """Centre and scale of each channel: those of the training part, or of the series itself, where
    its level and size do not matter."""
    permuted: bool = False
    """Embedded digits: pixel by pixel, in an order that is shuffled once and for all."""
    pixels: int | None = None
    """Embedded digits: pixels at a step; by default 8, a row, and 1 with --permuted."""
    series_column: str | None = None
    """Of a table with a row a step: the column that says which series a row belongs to. By default
    found by its name (series, id, ...); without it a row is a series."""
    label_column: str | None = None
    """The column of the classes. By default found by its name (label, class, ...); without a header
    the first."""
    time_column: str | None = None
    """The column of time stamps, which are checked for their order and not read further."""

    def __post_init__(self) -> None:
        if self.model == "echo_state" and self.cell == "gru":
            object.__setattr__(self, "cell", "reservoir")  # in place of the default
        super().__post_init__()
        self.require(self.snapshots >= 1, "snapshots", "at least 1")
        fits = self.pixels is None or (self.pixels >= 1 and 64 % self.pixels == 0)
        self.require(fits, "pixels", "a divisor of 64")
        for field in ("permuted", "pixels"):
            ok = not getattr(self, field) or self.data == "embedded"
            self.require(ok, field, "left out but for the embedded digits")
        if self.model == "echo_state":
            self.require(self.cell == "reservoir", "cell", "reservoir with --model echo_state")
            trains = self.pooling == "attention" or self.initial_state == "learned"
            option = "pooling" if self.pooling == "attention" else "initial_state"
            self.require(not trains, option, "one without weights with --model echo_state")

    @property
    def network(self) -> dict[str, Any]:
        """Options of `zoo.series_classifier`; the readout of an echo state network sees the inputs
        and all layers."""
        echo = self.model == "echo_state"
        pooling = self.pooling or ("snapshots" if echo else "last")
        options = {**self.stack, "pooling": pooling, "snapshots": self.snapshots}
        if echo:
            options["connection"] = "dense"
            options["cell_options"] = {**_RESERVOIR, **options["cell_options"]}
        return {**options, "scaling": self.scaling}

    @property
    def columns(self) -> series_data.Columns:
        """What is where in a table."""
        return series_data.Columns(self.series_column, self.label_column, self.time_column)

    @property
    def digits(self) -> series_data.Digits:
        """How the embedded digits are read."""
        return series_data.Digits(self.pixels or (1 if self.permuted else 8), self.permuted)


@dataclass(frozen=True)
class Data:
    """Series with their classes."""

    series: series_data.SeriesSet
    score: str = "loss"  # of few series accuracies are alike in many epochs
    mode: Literal["min", "max"] = "min"
    curve: str = "accuracy"

    @property
    def description(self) -> str:
        """What the series are, for a person."""
        return self.series.description

    @property
    def licence(self) -> str:
        """Under what licence they stand."""
        return self.series.licence

    @property
    def test(self) -> Sequence[LabelledSeries]:
        """What `evaluate` is given after the training."""
        return self.series.test


# --- data -----------------------------------------------------------------------------------------


def load_data(config: Config) -> Data:
    """Read the series."""
    series = series_data.load(
        config.data, seed=config.seed, digits=config.digits, columns=config.columns
    )
    if series.unseen_labels:
        note(f"never seen in training, so never right: {', '.join(series.unseen_labels)}")
    return Data(series)


# --- build ----------------------------------------------------------------------------------------


def build(config: Config, data: Data) -> keras.Model:
    """The classifier, uncompiled; it knows mean and deviation of the training part."""
    values = np.concatenate([one.values for one in data.series.train])
    model = zoo.series_classifier(
        features=data.series.channels,
        num_classes=len(data.series.labels),
        missing=bool(np.isnan(values).any()),
        **config.network,
    )
    model.get_layer("scaling").adapt(values)
    return model


# --- train ----------------------------------------------------------------------------------------


def train(
    config: Config,
    data: Data,
    model: keras.Model,
    *,
    folder: Path | None = None,
    title: str = "classifier",
) -> list[dict[str, float]]:
    """Train a model; it is left with the weights of its best epoch (or penalty)."""
    series = data.series
    training = Training(config, model, series.labels, series.train, series.valid)
    if config.model == "echo_state":
        return training.solve(folder=folder, title=title)
    return fit(
        model,
        config,
        batches=training.batches,
        steps=training.steps,
        loss=training.loss,
        validate=training.validate,
        monitor=f"val_{data.score}",
        mode=data.mode,
        folder=folder,
        title=title,
    )


# --- evaluate -------------------------------------------------------------------------------------


def evaluate(folder: Path, series: Sequence[LabelledSeries]) -> dict[str, float]:
    """Metrics of an exported classifier on series with known classes."""
    served = SavedSeriesClassifier(folder / SAVED_MODEL)
    check_channels(served, series, "the series to evaluate on")
    shares = served.probabilities(series)
    return class_metrics([str(one.label) for one in series], shares, _about(folder)["labels"])


def baseline(config: Config, data: Data, folder: Path) -> tuple[dict[str, float], None]:
    """Logistic regression, the nearest training series, and always the most frequent class."""
    return baseline_metrics(data.series.train, data.test), None


def load_test(folder: Path, config: Config, source: str) -> Sequence[LabelledSeries]:
    """Series to evaluate on: the test part of the data the model was trained on, the test part of
    another source, or all of another file."""
    options = {"seed": config.seed, "digits": config.digits, "columns": config.columns}
    if source == config.data:
        series = series_data.load(source, **options).test
    else:
        series = series_data.load_test(source, **options)
    check_classes(series, _about(folder)["labels"], source)
    return series


def draw(folder: Path, data: Data, baseline_answers: None) -> None:
    """Draw which classes are taken for which, some series, and what is believed of a series while
    it is read."""
    served, labels = SavedSeriesClassifier(folder / SAVED_MODEL), _about(folder)["labels"]
    answers, plots = list(served.answers(data.test)), folder / PLOTS
    predicted = [answer["label"].decode() for answer in answers]
    truth = [str(one.label) for one in data.test]
    kit_plots.confusion(truth, predicted, plots / "confusion.png", what="class")
    chosen = series_plots.some_of_each(truth, predicted, 12)
    shown = [
        series_plots.Shown(
            data.test[row].values,
            truth[row],
            predicted[row],
            float(answers[row]["probabilities"].max()),
            answers[row].get("attention"),
        )
        for row in chosen
    ]
    series_plots.predictions(shown, plots / "series.png")
    examples = []
    for row in chosen[:4]:
        series = data.test[row]
        steps = np.unique(np.linspace(1, len(series), min(len(series), 60)).astype(int))
        parts = [dataclasses.replace(series, values=series.values[:step]) for step in steps]
        examples.append((truth[row], steps, served.probabilities(parts)))
    series_plots.unfolding(examples, labels, plots / "unfolding.png")


# --- export, predict ------------------------------------------------------------------------------


def export(config: Config, data: Data, model: keras.Model, folder: Path) -> None:
    """Write the SavedModel, which takes series as they are, and the names of the classes.

    Signature: `classify`, also `serving_default`, of `series` (batch, time, channels) in the data's
    units, NaN where a value is missing, and `lengths` (batch,): what is behind them is padding, and
    may be anything. Returns `label` (batch,), `probabilities` (batch, classes), `labels` (classes,)
    and with attention pooling `attention` (batch, time).
    """
    classifier = SeriesClassifier(for_serving(model), data.series.labels)
    save_saved_model(classifier.endpoints, classifier.resources, folder / SAVED_MODEL)
    write_json(
        folder / ABOUT, {"labels": list(data.series.labels), "channels": data.series.channels}
    )


def servable(model: keras.Model) -> keras.Model:
    """What ONNX and LiteRT can hold: series and lengths in, probabilities out."""
    return zoo.class_decoder(for_serving(model))


@dataclass(frozen=True)
class Predicting:
    """Options of `predict` for this recipe."""

    labels: bool = True
    """Whether rows of a table without a header start with their class (which is not used)."""


def predict(
    folder: Path, paths: Iterable[Path], options: Predicting | None = None
) -> Iterator[dict[str, Any]]:
    """Classify the series of files with an exported classifier.

    Yields:
        For each series `path`, `series` (its name there, or its number), `label`, `probabilities`
        by class, `truth` where the file says it, and with attention pooling `attention`, the weight
        of each step.
    """
    served, labels = SavedSeriesClassifier(folder / SAVED_MODEL), _about(folder)["labels"]
    columns = read_run_config(Config, folder).columns
    labelled = options is None or options.labels
    for path in paths:
        if not path.is_file():
            found = "is a folder" if path.is_dir() else "no such file"
            raise UserError(f"{path}: {found}; expected a .ts, .csv, .tsv, .txt or .npz file.")
        for several in series_data.read_file(path, columns, labelled=labelled).values():
            check_channels(served, several, str(path))
            check_classes(several, labels, str(path))
            for one, answer in zip(several, served.answers(several), strict=True):
                shares = zip(labels, answer["probabilities"].tolist(), strict=True)
                found: dict[str, Any] = {
                    "path": str(path),
                    "series": one.name,
                    "label": answer["label"].decode(),
                    "probabilities": {label: round(share, 4) for label, share in shares},
                }
                if one.label is not None:
                    found["truth"] = one.label
                if "attention" in answer:
                    found["attention"] = [
                        round(weight, 4) for weight in answer["attention"].tolist()
                    ]
                yield found


def _about(folder: Path) -> dict[str, Any]:
    return read_record(folder / ABOUT, ("labels", "channels"))


# --- search ---------------------------------------------------------------------------------------


def space(hp: keras_tuner.HyperParameters, config: Config) -> Config:
    """The config of a trial: what `rnn-zoo tune` may change."""
    scaling = hp.Choice("scaling", ["train", "series"], default=config.scaling)
    if config.model == "rnn":
        poolings = ["last", "mean", "max", "attention", "snapshots"]
        pooling = hp.Choice("pooling", poolings, default=config.pooling or "last")
        return stack_space(hp, config, pooling=pooling, scaling=scaling)
    reservoir = {
        "spectral_radius": hp.Float("spectral_radius", 0.3, 1.3),
        "leak_rate": hp.Float("leak_rate", 0.05, 1.0, sampling="log"),
        "input_scaling": hp.Float("input_scaling", 0.02, 1.0, sampling="log"),
    }
    return dataclasses.replace(
        config,
        scaling=scaling,
        depth=hp.Int("depth", 1, 3, default=min(config.depth, 3)),
        # The readout sees units * depth * snapshots numbers: 9,600 at most.
        units=hp.Int("units", 50, 400, step=2, sampling="log", default=200),
        snapshots=hp.Int("snapshots", 1, 8, step=2, sampling="log", default=8),
        cell_options=json.dumps({**json.loads(config.cell_options), **reservoir}),
    )
