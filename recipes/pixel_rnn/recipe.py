"""The pixel_rnn recipe: images, model, training, baseline, export, pictures and search."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras
import keras_tuner
import numpy as np
import tensorflow as tf

import zoo
from recipes.kit.amount import Amount
from recipes.kit.data.batches import array_batches, steps
from recipes.kit.data.source import Source
from recipes.kit.export import for_serving, save_saved_model
from recipes.kit.fit import fit
from recipes.kit.output import PLOTS, SAVED_MODEL, write_json
from recipes.kit.recipe import Baseline, Card, History, Recipe, Run
from recipes.kit.space import clip_space
from recipes.pixel_rnn import data as images
from recipes.pixel_rnn import plots
from recipes.pixel_rnn.data import IMAGES, Data
from recipes.pixel_rnn.metrics import likelihood_metrics
from recipes.pixel_rnn.options import Config
from recipes.pixel_rnn.serve import COUNT, PixelPredictor, PixelServer, upper_half

CARD = Card(
    task="Says how likely an image is, draws images, and completes partly known images.",
    use="Images of the size and kind it was trained on; teaching; likelihoods and anomaly scores.",
    limits="Images are drawn one pixel after the other, and the ones it draws are like its "
    "training images, flaws included. Not for judging whether an image is genuine.",
)


def load_data(source: Source, config: Config) -> Data:
    """Read the images."""
    return images.load(source, config)


def amount(data: Data, config: Config) -> Amount:
    """The training images; batches that would not be full are left out."""
    count = len(data.train)
    return Amount(count, "images", updates=lambda batch_size: max(1, count // batch_size))


def build(run: Run[Config, Data]) -> keras.Model:
    """The model, uncompiled."""
    config, (height, width, channels) = run.config, run.data.shape
    return zoo.pixel_rnn(
        height=height,
        width=width,
        channels=channels,
        levels=run.data.levels,
        layer=config.layer,
        units=config.units,
        depth=config.depth,
        head_units=config.head_units,
    )


def train(run: Run[Config, Data], model: keras.Model) -> History:
    """Train the model; it is left with the weights of its best epoch."""
    config, data = run.config, run.data
    valid = data.to_levels(data.valid)
    # Batches of one size, as XLA compiles again for another.
    whole = config.batch_size * (len(data.train) // config.batch_size)

    def batches(epoch: int) -> tf.data.Dataset:
        levels = data.train_levels(epoch)
        order = np.random.default_rng((config.seed, epoch)).permutation(len(levels))
        rows = order[:whole] if whole else order
        return array_batches(levels[rows], levels[rows], config.batch_size)

    def validate() -> dict[str, float]:
        nats = model.evaluate(valid, valid, batch_size=COUNT, verbose=0)
        return {"val_loss": nats, "val_nats_per_image": nats}

    return fit(
        run,
        model,
        batches=batches,
        steps=steps(whole or len(data.train), config.batch_size),
        loss=zoo.PixelLoss(),
        validate=validate,
    )


def baseline(run: Run[Config, Data]) -> Baseline:
    """Each pixel by itself, and no knowledge at all."""
    data = run.data
    known, test = data.train_levels(0), data.to_levels(data.test)
    nats = np.zeros(len(test))
    for level in range(data.levels):
        share = ((known == level).sum(axis=0) + 1) / (len(known) + data.levels)
        nats -= ((test == level) * np.log(share)).sum(axis=(1, 2, 3))
    uniform = float(np.prod(data.shape) * np.log(data.levels))
    return Baseline(
        "each pixel by itself, with each level as often as in training, plus one; "
        "uniform_nats_per_image takes every level for as likely as every other.",
        {**likelihood_metrics(nats, data.shape), "uniform_nats_per_image": uniform},
    )


def export(run: Run[Config, Data], model: keras.Model) -> None:
    """Write the SavedModel, which takes and gives intensities, and what the images are.

    Signatures: `log_likelihood(images)` (also `serving_default`), `sample(count, temperature,
    seed)` and `complete(images, known, temperature, seed)`.
    """
    data = run.data
    server = PixelServer(for_serving(model), data.top)
    save_saved_model(server.endpoints, server.resources, run.folder / SAVED_MODEL)
    record = {"shape": data.shape, "top": data.top, "levels": data.levels}
    write_json(run.folder / IMAGES, record)


def portable(model: keras.Model, folder: Path) -> keras.Model:
    """What ONNX and LiteRT can hold: levels in, logits out."""
    plain = for_serving(model)
    inputs = {"images": keras.Input(plain.input_shape[1:], dtype="int32", name="images")}
    return keras.Model(inputs, {"logits": plain(inputs["images"])}, name=model.name)


def load_test(source: Source, predictor: PixelPredictor) -> np.ndarray:
    """Images to evaluate a model on, in intensities."""
    return images.load_test(source, predictor.config, predictor.shape, predictor.top)


def draw(run: Run[Config, Data], predictor: PixelPredictor, answers: Mapping[str, Any]) -> None:
    """Draw images from the model, completions of half images, and where an image surprises it."""
    top, folder = run.data.top, run.folder / PLOTS
    drawn = predictor.sample(run.config.samples)
    plots.grid(drawn, top, folder / "samples.png", "drawn from the model")
    originals = run.data.test[:10]
    known = upper_half(originals.shape)
    rows = {"original": originals, "known": np.where(known, originals, top // 2)}
    for seed in range(4):
        rows[f"completed {seed + 1}"] = predictor.complete(originals, known, seed)
    plots.rows(rows, top, folder / "completions.png")
    nats = predictor.likelihood(originals)["nats_per_pixel"]
    plots.surprise(originals, nats, top, folder / "likelihood.png")


def space(hp: keras_tuner.HyperParameters, config: Config) -> Config:
    """The config of a trial: what `rnn-zoo tune` may change."""
    layers = [*dict.fromkeys(("diagonal_bilstm", "row_lstm", config.layer))]
    return clip_space(
        hp,
        config,
        layer=hp.Choice("layer", layers, default=config.layer),
        depth=hp.Int("depth", 1, 4, default=min(config.depth, 4)),
        units=config.units * hp.Int("width", 1, 3),
    )


RECIPE = Recipe(
    config=Config,
    card=CARD,
    load_data=load_data,
    build=build,
    train=train,
    baseline=baseline,
    export=export,
    portable=portable,
    load=PixelPredictor,
    load_test=load_test,
    draw=draw,
    space=space,
    amount=amount,
)
