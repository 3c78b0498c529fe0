"""The sentiment recipe: data, classifier, training, baseline, export, pictures and search."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import keras_tuner
import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

import zoo
from recipes.kit.calibration import calibrate_classes, temperature_of
from recipes.kit.data.batches import (
    class_weights,
    padded_batches,
    shuffled_batches,
    steps,
    weighted,
)
from recipes.kit.data.source import Source
from recipes.kit.export import for_serving, save_saved_model
from recipes.kit.fit import fit
from recipes.kit.metrics import accuracy_of_commonest, class_metrics
from recipes.kit.output import PLOTS, SAVED_MODEL, write_json
from recipes.kit.plots import confusion
from recipes.kit.recipe import Baseline, Card, History, Recipe, Run
from recipes.kit.space import stack_space
from recipes.kit.stack import stack_of
from recipes.kit.text import split_texts
from recipes.kit.words import with_vectors, word_dropout, word_options
from recipes.sentiment import data as texts
from recipes.sentiment.data import LABELS, Data
from recipes.sentiment.labels import LabelledText
from recipes.sentiment.options import Config, Predict
from recipes.sentiment.plots import attention
from recipes.sentiment.serve import ClassifierPredictor, TextClassifier

CARD = Card(
    task="Says which class a text belongs to, such as whether a review is positive.",
    use="Texts like those it was trained on, in the same language and of the same kind.",
    limits="Irony, other subjects and other languages are classified worse, and the probabilities "
    "do not show it. Only the first words of long texts are read. Not for decisions about people.",
)

_LOSS = keras.losses.SparseCategoricalCrossentropy(from_logits=True)


def load_data(source: Source, config: Config) -> Data:
    """Read the texts; collect classes and vocabulary from their training part."""
    return texts.load(source, config)


def build(run: Run[Config, Data]) -> keras.Model:
    """The classifier, uncompiled."""
    config, data = run.config, run.data
    model = zoo.text_classifier(
        num_classes=len(data.labels),
        pooling=config.pooling,
        **word_options(config, data.vocabulary, data.vectors),
        **stack_of(config),
    )
    return with_vectors(model, data.vocabulary, data.vectors, config.seed)


def train(run: Run[Config, Data], model: keras.Model) -> History:
    """Train the model; it is left with the weights of its best epoch."""
    config, data = run.config, run.data
    inputs, targets = _encoded(run, model, data.train)
    weights = class_weights(config, targets, len(data.labels))
    valid = _valid_batches(run, model)

    def validate() -> dict[str, float]:
        loss = model.evaluate(weighted(valid, weights), verbose=0)
        truth: list[str] = []
        logits = []
        for batch, classes in valid:
            truth += [data.labels[index] for index in classes]
            logits.append(model.predict_on_batch(batch))
        probabilities = keras.ops.convert_to_numpy(keras.ops.softmax(np.concatenate(logits)))
        metrics = class_metrics(truth, probabilities, data.labels)
        chosen = {f"val_{name}": metrics[name] for name in ("accuracy", "macro_f1")}
        return {"val_loss": loss, **chosen}

    return fit(
        run,
        model,
        batches=shuffled_batches(
            config,
            inputs,
            targets,
            change=word_dropout(inputs, config.word_dropout),
            weights=weights,
        ),
        steps=steps(len(targets), config.batch_size),
        loss=_LOSS,
        validate=validate,
    )


def _encoded(
    run: Run[Config, Data], model: keras.Model, examples: Sequence[LabelledText]
) -> tuple[list[Any], list[Any]]:
    data = run.data
    classifier = TextClassifier(model, data.vocabulary, data.labels, run.config.max_tokens)
    ids = {label: np.int32(index) for index, label in enumerate(data.labels)}
    inputs = classifier.encode([example.text for example in examples])
    return inputs, [ids[example.label] for example in examples]


def _valid_batches(run: Run[Config, Data], model: keras.Model) -> Any:
    """The validation texts whose class occurs in training."""
    known = [example for example in run.data.valid if example.label in run.data.labels]
    return padded_batches(
        *_encoded(run, model, known),
        run.config.batch_size,
        pad_multiple=run.config.pad_multiple,
    )


def baseline(run: Run[Config, Data]) -> Baseline:
    """A bag of words, which does not know their order."""
    train, test = run.data.train, run.data.test
    bags, test_bags = (
        split_texts([example.text for example in part], normalized=True) for part in (train, test)
    )
    known, truth = ([example.label for example in part] for part in (train, test))
    model = make_pipeline(TfidfVectorizer(analyzer=list), LogisticRegression(max_iter=1000))
    probabilities = model.fit(bags, known).predict_proba(test_bags)
    metrics = class_metrics(truth, probabilities, [str(label) for label in model.classes_])
    return Baseline(
        "logistic regression on how often each word occurs, whatever the order; "
        "accuracy_of_commonest is that of always answering the most frequent class of training.",
        {**metrics, "accuracy_of_commonest": accuracy_of_commonest(known, truth)},
    )


def export(run: Run[Config, Data], model: keras.Model) -> None:
    """Write the SavedModel, which takes raw texts, and the lists behind the ids.

    Signature: `classify(texts: (batch,))`, also `serving_default`, returns `label` (batch,),
    `probabilities` (batch, classes), `labels` (classes,), `tokens` (batch, time) with "" at
    padding, and with attention pooling `attention` (batch, time). The probabilities are calibrated
    on the validation part.
    """
    data, calibration = run.data, calibrate_classes("texts", model, _valid_batches(run, model))
    classifier = TextClassifier(
        for_serving(model),
        data.vocabulary,
        data.labels,
        run.config.max_tokens,
        calibration.temperature,
    )
    save_saved_model(classifier.endpoints, classifier.resources, run.folder / SAVED_MODEL)
    lists = {"labels": data.labels, **dataclasses.asdict(data.vocabulary)}
    write_json(run.folder / LABELS, {**lists, "calibration": calibration.record})


def portable(model: keras.Model, folder: Path) -> keras.Model:
    """What ONNX and LiteRT can hold: ids in, probabilities out."""
    return zoo.class_decoder(for_serving(model), temperature_of(folder / LABELS))


def load_test(source: Source, predictor: ClassifierPredictor) -> Sequence[LabelledText]:
    """Texts to evaluate a classifier on."""
    return texts.load_test(source, predictor.config)


def draw(
    run: Run[Config, Data], predictor: ClassifierPredictor, answers: Mapping[str, Any]
) -> None:
    """Draw which classes are taken for which, and where the attention goes."""
    test, plots = run.data.test, run.folder / PLOTS
    truth = [example.label for example in test]
    confusion(truth, answers["model"], plots / "confusion.png", what="class")
    short = [example for example in test if len(example.text) < 100][:12]
    rows = [
        (answer["attention"], f"{answer['label']} ({example.label})")
        for answer, example in zip(predictor.predict(e.text for e in short), short, strict=True)
        if "attention" in answer
    ]
    if rows:
        attention(rows, "predicted (true)", plots / "attention.png")


def space(hp: keras_tuner.HyperParameters, config: Config) -> Config:
    """The config of a trial: what `rnn-zoo tune` may change."""
    pooling = hp.Choice("pooling", ["last", "mean", "max", "attention"], default=config.pooling)
    return stack_space(hp, config, pooling=pooling)


RECIPE = Recipe(
    config=Config,
    card=CARD,
    load_data=load_data,
    build=build,
    train=train,
    baseline=baseline,
    export=export,
    portable=portable,
    load=ClassifierPredictor,
    load_test=load_test,
    predicting=Predict,
    draw=draw,
    space=space,
)
