"""The series_classification recipe, from data to predictions."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import keras_tuner
import numpy as np

import zoo
from recipes.kit.amount import Amount
from recipes.kit.calibration import temperature_of
from recipes.kit.data.batches import steps
from recipes.kit.data.source import Source
from recipes.kit.export import for_serving, save_saved_model
from recipes.kit.output import PLOTS, SAVED_MODEL, write_json
from recipes.kit.plots import confusion
from recipes.kit.recipe import Baseline, Card, History, Recipe, Run
from recipes.kit.space import reservoir_space, stack_space
from recipes.kit.stack import stack_of
from recipes.series_classification import data as series_data
from recipes.series_classification.baseline import baseline_metrics
from recipes.series_classification.data import Data
from recipes.series_classification.labelled import RECORD, LabelledSeries, labels_of
from recipes.series_classification.options import Config, Predict
from recipes.series_classification.plots import Shown, predictions, some_of_each, unfolding
from recipes.series_classification.serve import SeriesClassifier, SeriesPredictor
from recipes.series_classification.train import Training, rounds

CARD = Card(
    task="Says which class a series of numbers belongs to, such as the movement behind the "
    "readings of a sensor.",
    use="Series with the same channels, units and time step as those it was trained on.",
    limits="Series that are sampled or cut differently, other sensors and unseen classes are given "
    "one of its classes anyway, and the probabilities do not show it. Where a baseline is "
    "better, use that.",
)

#: Defaults of reservoirs. Small inputs hardly bend their states, so they remember long; without
#: biases they could not tell a series from its negative but by sign.
_RESERVOIR = {"input_scaling": 0.2, "bias_scaling": 0.2}


#: From so many channels on, little data is met with dropout and a wider layer.
_MANY_CHANNELS = 8


def load_data(source: Source, config: Config) -> Data:
    """Read the series."""
    return series_data.load(source, config)


def amount(data: Data, config: Config) -> Amount:
    """The training series, which an epoch goes through several times where they are few.

    Dropout takes whole values from the input, and a series of few channels has none to spare.
    """
    count = len(data.train)
    narrow = data.train[0].channels < _MANY_CHANNELS

    def updates(batch_size: int) -> int:
        return steps(rounds(count, batch_size) * count, batch_size)

    limits = {"dropout": 0.0, "units": config.units} if narrow else {}
    return Amount(count, "series", updates, limits)


def build(run: Run[Config, Data]) -> keras.Model:
    """The classifier, uncompiled; it knows mean and deviation of the training part."""
    config, data = run.config, run.data
    values = np.concatenate([series.values for series in data.train])
    model = zoo.series_classifier(
        features=data.channels,
        num_classes=len(data.labels),
        missing=bool(np.isnan(values).any()),
        pooling=config.pooled,
        snapshots=config.snapshots,
        scaling=config.scaling,
        **_stack(config),
    )
    model.get_layer("scaling").adapt(values)
    return model


def _stack(config: Config) -> zoo.StackOptions:
    """The stack; the readout of an echo state network sees the inputs and all layers."""
    stack = stack_of(config)
    if config.model == "echo_state":
        stack["connection"] = "dense"
        stack["cell_options"] = {**_RESERVOIR, **stack["cell_options"]}
    return stack


def train(run: Run[Config, Data], model: keras.Model) -> History:
    """Train a model; it is left with the weights of its best epoch (or penalty)."""
    training = Training(run, model)
    return training.solve() if run.config.model == "echo_state" else training.descend()


def baseline(run: Run[Config, Data]) -> Baseline:
    """Logistic regression, the nearest training series, and always the most frequent class."""
    return Baseline(
        "logistic regression on the numbers of a series in one row. `accuracy_of_nearest` is "
        "reached by the class of the nearest training series, `accuracy_of_commonest` by always "
        "answering the most frequent class.",
        baseline_metrics(run.data.train, run.data.test),
    )


def export(run: Run[Config, Data], model: keras.Model) -> None:
    """Write the SavedModel, which takes raw series, and the names of the classes.

    Signature: `classify`, also `serving_default`, of `series` (batch, time, channels) in the data's
    units, NaN where a value is missing, and `lengths` (batch,): whatever lies beyond them is
    padding. Returns `label` (batch,), `probabilities` (batch, classes), `labels` (classes,) and
    with attention pooling `attention` (batch, time). The probabilities are calibrated on the
    validation part.
    """
    labels, calibration = run.data.labels, Training(run, model).calibrate()
    classifier = SeriesClassifier(for_serving(model), labels, calibration.temperature)
    save_saved_model(classifier.endpoints, classifier.resources, run.folder / SAVED_MODEL)
    record = {
        "labels": labels,
        "channels": run.data.channels,
        "names": run.data.known.channels,
        "label_column": run.data.known.label,
        "calibration": calibration.record,
    }
    write_json(run.folder / RECORD, record)


def portable(model: keras.Model, folder: Path) -> keras.Model:
    """What ONNX and LiteRT can hold: series and lengths in, probabilities out."""
    return zoo.class_decoder(for_serving(model), temperature_of(folder / RECORD))


def load_test(source: Source, predictor: SeriesPredictor) -> Sequence[LabelledSeries]:
    """Series to evaluate a classifier on."""
    return series_data.load_test(source, predictor.config, predictor.known)


def draw(run: Run[Config, Data], predictor: SeriesPredictor, answers: Mapping[str, Any]) -> None:
    """Draw which classes are taken for which, some series, and how probable the classes are while
    a series is read."""
    test, plots = run.data.test, run.folder / PLOTS
    rows, truth = answers["model"], labels_of(test)
    predicted = [row["label"].decode() for row in rows]
    confusion(truth, predicted, plots / "confusion.png", what="class")
    chosen = some_of_each(truth, predicted, 12)
    shown = [
        Shown(
            test[index].values,
            truth[index],
            predicted[index],
            float(rows[index]["probabilities"].max()),
            rows[index].get("attention"),
        )
        for index in chosen
    ]
    predictions(shown, plots / "series.png")
    examples = []
    for index in chosen[:4]:
        series = test[index]
        steps = np.unique(np.linspace(1, len(series), min(len(series), 60)).astype(int))
        parts = [dataclasses.replace(series, values=series.values[:step]) for step in steps]
        examples.append((truth[index], steps, predictor.probabilities(parts)))
    unfolding(examples, predictor.labels, plots / "unfolding.png")


def space(hp: keras_tuner.HyperParameters, config: Config) -> Config:
    """The config of a trial: what `rnn-zoo tune` may change."""
    scaling = hp.Choice("scaling", ["train", "series"], default=config.scaling)
    if config.model == "rnn":
        poolings = ["last", "mean", "max", "attention", "snapshots"]
        pooling = hp.Choice("pooling", poolings, default=config.pooled)
        snapshots = config.snapshots if pooling == "snapshots" else Config.snapshots
        return stack_space(hp, config, pooling=pooling, snapshots=snapshots, scaling=scaling)
    # The readout sees units * depth * snapshots numbers: 9,600 at most.
    own = {"units": hp.Int("units", 50, 400, step=2, sampling="log", default=200)}
    if config.pooled == "snapshots":
        own["snapshots"] = hp.Int("snapshots", 1, 8, step=2, sampling="log", default=8)
    return reservoir_space(hp, config, input_scaling=(0.02, 1.0), scaling=scaling, **own)


RECIPE = Recipe(
    config=Config,
    card=CARD,
    load_data=load_data,
    build=build,
    train=train,
    baseline=baseline,
    export=export,
    portable=portable,
    load=SeriesPredictor,
    load_test=load_test,
    draw=draw,
    space=space,
    amount=amount,
    predicting=Predict,
)
