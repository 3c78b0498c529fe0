"""The video recipe, from data to predictions."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import keras_tuner
import numpy as np

import zoo
from recipes.kit.calibration import temperature_of
from recipes.kit.data.source import Source
from recipes.kit.export import for_serving, save_saved_model
from recipes.kit.output import PLOTS, SAVED_MODEL, write_json
from recipes.kit.plots import confusion
from recipes.kit.recipe import Baseline, Card, Comparison, History, Recipe, Run
from recipes.kit.space import clip_space, stack_space
from recipes.kit.stack import stack_of
from recipes.video import data as videos
from recipes.video.baseline import baseline_metrics, frame_baseline_metrics
from recipes.video.clips import Clip
from recipes.video.data import RECORD, Data
from recipes.video.metrics import pair_metrics
from recipes.video.options import Config, Predict
from recipes.video.plots import Shown, strips
from recipes.video.serve import VideoPredictor, VideoServer
from recipes.video.train import Training, example_of

CARD = Card(
    task="Says what a clip of video shows, or each of its frames.",
    use="Clips of the kind, frame rate and size that it was trained on.",
    limits="Other cameras, cuts and frame rates, and classes it has not seen, are given one of its "
    "classes anyway. Not for surveillance or for judging people.",
)


def load_data(source: Source, config: Config) -> Data:
    """Read the clips."""
    return videos.load(source, config)


def build(run: Run[Config, Data]) -> keras.Model:
    """The classifier, uncompiled."""
    config, (height, width, channels) = run.config, run.data.shape
    maps = config.recurrence == "conv_lstm"
    stack = (
        zoo.StackOptions(units=config.units, depth=config.depth, dropout=config.dropout)
        if maps
        else stack_of(config)
    )
    return zoo.video_classifier(
        height=height,
        width=width,
        channels=channels,
        num_classes=len(run.data.labels),
        every_frame=config.labels == "frame",
        filters=[config.filters * 2**stage for stage in range(config.stages)],
        normalization="none",
        frame_dim=config.frame_dim,
        recurrence=config.recurrence,
        pooling=config.pooling,
        **stack,
    )


def train(run: Run[Config, Data], model: keras.Model) -> History:
    """Train the model; it is left with the weights of its best epoch."""
    return Training(run, model).descend()


def baseline(run: Run[Config, Data]) -> Baseline:
    """One frame alone, and always the most frequent class."""
    data = run.data
    if run.config.labels == "frame":
        return Baseline(
            "logistic regression on each frame alone. `frame_accuracy_of_commonest` is reached by "
            "always answering the most frequent class.",
            frame_baseline_metrics(data.train, data.test),
        )
    return Baseline(
        "logistic regression on the frame in the middle of a clip. `accuracy_of_commonest` is "
        "reached by always answering the most frequent class.",
        baseline_metrics(data.train, data.test, data.opposites),
    )


def compare(run: Run[Config, Data], _: keras.Model, __: History) -> Comparison:
    """With `--compare`, the same model trained and tested on shuffled frames."""
    if not run.config.compare:
        return Comparison()
    data = run.data
    model = build(run)
    blind = dataclasses.replace(run, title="shuffled frames")
    Training(blind, model, shuffled=True).descend("shuffled")
    shares = []
    for index, clip in enumerate(data.test):
        generator = np.random.default_rng((run.config.seed, 3, index))
        example = {name: value[None] for name, value in example_of(clip, generator).items()}
        logits = keras.ops.convert_to_numpy(model(example, training=False))[0]
        shares.append(np.exp(logits - logits.max()) / np.exp(logits - logits.max()).sum())
    truth = [clip.label for clip in data.test]
    answers = [data.labels[int(row.argmax())] for row in shares]
    metrics = {
        "accuracy": float(np.mean([a == b for a, b in zip(answers, truth, strict=True)])),
        **pair_metrics(truth, np.stack(shares), data.labels, data.opposites),
    }
    return Comparison({f"shuffled_{name}": value for name, value in metrics.items()})


def export(run: Run[Config, Data], model: keras.Model) -> None:
    """Write the SavedModel, which takes bytes of frames, and the names of the classes.

    Signatures, both of `frames` (batch, time, height, width, channels) uint8 in any size and
    `lengths` (batch,): `classify`, also `serving_default`, answers `label`, `confidence` and
    `probabilities` of each clip; `frames` those after each frame, (batch, time).
    """
    data, calibration = run.data, Training(run, model).calibrate()
    server = VideoServer(for_serving(model), data.labels, calibration.temperature)
    save_saved_model(server.endpoints, server.resources, run.folder / SAVED_MODEL)
    record = {
        "labels": data.labels,
        "shape": data.shape,
        "opposites": data.opposites,
        "calibration": calibration.record,
    }
    write_json(run.folder / RECORD, record)


def portable(model: keras.Model, folder: Path) -> keras.Model:
    """What ONNX and LiteRT can hold: frames and lengths in, probabilities out."""
    plain, temperature = for_serving(model), temperature_of(folder / RECORD)
    probabilities = keras.ops.softmax(plain.output / temperature, axis=-1)
    return keras.Model(plain.input, {"probabilities": probabilities}, name=model.name)


def load_test(source: Source, predictor: VideoPredictor) -> Sequence[Clip]:
    """Clips to evaluate a model on."""
    return videos.load_test(source, predictor.config, predictor.shape)


def draw(run: Run[Config, Data], predictor: VideoPredictor, answers: Mapping[str, Any]) -> None:
    """Draw which classes are taken for which, and strips of frames with the probabilities."""
    test, plots = run.data.test, run.folder / PLOTS
    truth = [label for clip in test for label in clip.labels]
    confusion(truth, answers["model"], plots / "confusion.png", what="class")
    each = {clip.label: clip for clip in reversed(test)}
    chosen = [*dict.fromkeys([*each.values(), *test])][:4]
    if run.config.labels == "clip":
        pairs = zip(test, truth, answers["model"], strict=True)
        wrong = [clip for clip, label, answer in pairs if label != answer]
        chosen = [*dict.fromkeys([*chosen[:3], *wrong[:1], *chosen])][:4]
    shown = [
        Shown(clip.frames, clip.labels, running)
        for clip, running in zip(chosen, predictor.running(chosen), strict=True)
    ]
    strips(shown, predictor.labels, plots / "clips.png")


def space(hp: keras_tuner.HyperParameters, config: Config) -> Config:
    """The config of a trial: what `rnn-zoo tune` may change."""
    own: dict[str, Any] = {"filters": hp.Int("filters", 4, 32, step=2, sampling="log", default=8)}
    if config.labels == "clip":
        poolings = ["last", "mean", "max", "attention"]
        own["pooling"] = hp.Choice("pooling", poolings, default=config.pooling)
    if config.recurrence == "conv_lstm":
        depth = hp.Int("depth", 1, 2, default=min(config.depth, 2))
        return clip_space(hp, config, depth=depth, **own)
    return stack_space(hp, config, **own)


RECIPE = Recipe(
    config=Config,
    card=CARD,
    load_data=load_data,
    build=build,
    train=train,
    baseline=baseline,
    export=export,
    portable=portable,
    load=VideoPredictor,
    load_test=load_test,
    draw=draw,
    space=space,
    predicting=Predict,
    compare=compare,
)
