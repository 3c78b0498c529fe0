"""The pixel_rnn recipe, from data to predictions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import keras
import keras_tuner
import numpy as np
import tensorflow as tf

import zoo
from recipes.kit.card import Card
from recipes.kit.data.batches import array_batches, steps
from recipes.kit.errors import DataError
from recipes.kit.export import for_serving, load_saved_model, save_saved_model
from recipes.kit.fit import fit
from recipes.kit.options import FitConfig
from recipes.kit.output import PLOTS, SAVED_MODEL, read_record, write_json
from recipes.kit.search import clip_space
from recipes.pixel_rnn import data as image_data
from recipes.pixel_rnn import plots as pictures
from recipes.pixel_rnn.serve import PixelServer

IMAGES = "images.json"
INPUTS = "files"

CARD = Card(
    task="Says how likely an image is, draws images, and completes those of which a part is known.",
    use="Images of the size and kind it was trained on; teaching; likelihoods and anomaly scores.",
    limits="Images are drawn one pixel after the other, and the ones it draws are like its "
    "training images, whatever was wrong with them. Not for judging whether an image is genuine.",
)

#: Images whose likelihood is found at once.
_CHUNK = 256


@dataclass(frozen=True)
class Config(FitConfig):
    """Options of the pixel_rnn recipe."""

    epochs: int = 40
    """Most passes over the training images."""
    learning_rate: float = 3e-3
    """Step size, at its highest."""
    schedule: Literal["constant", "cosine", "plateau"] = "cosine"
    """Learning rate over time: constant; cosine = up over the first 5 % of the steps, then down to
    zero along a cosine; plateau = halved after every 2 epochs without improvement."""
    global_clipnorm: float | None = 100.0
    """Clip the gradient (of nats an image) when the norm over all weights passes this. None = no
    clipping."""
    jit_compile: bool = True
    """Compile the training step with XLA, which is several times as fast here."""
    layer: Literal["diagonal_bilstm", "row_lstm", "masked_conv"] = "diagonal_bilstm"
    """The layers: diagonal_bilstm sees all pixels before, row_lstm a triangle of them, masked_conv
    (PixelCNN) a neighbourhood; the later the faster."""
    units: int = 16
    """Features of each layer; a multiple of 3 for RGB."""
    depth: int = 1
    """Number of layers."""
    head_units: int = 32
    """Features of the two layers before the output; a multiple of 3 for RGB."""
    binarize: Literal["none", "threshold", "sample"] = "none"
    """Make pixels black or white: threshold at half; sample = white as often as the pixel is
    bright, drawn anew for the training images in each epoch, and once for the others."""
    levels: int | None = None
    """Levels of a pixel; by default as many as the images have (256 of bytes)."""
    size: int | None = None
    """Cut each image to a square and scale it to this height and width. None = as it is."""
    colour: Literal["grey", "rgb"] | None = None
    """Turn images to grey or RGB. By default as the first image is."""
    limit: int | None = None
    """At most this many training images, and a fifth as many to validate on."""
    samples: int = 64
    """Images to draw for the picture."""

    def __post_init__(self) -> None:
        super().__post_init__()
        for field in ("units", "depth", "head_units"):
            self.require(getattr(self, field) >= 1, field, "at least 1")
        for field in ("size", "limit", "samples"):
            value = getattr(self, field)
            self.require(value is None or value >= 1, field, "at least 1")
        levels = self.levels
        self.require(levels is None or 2 <= levels <= 256, "levels", "from 2 to 256")
        both = levels not in (None, 2) and self.binarize != "none"
        self.require(not both, "levels", "2, or left out, with --binarize")


@dataclass(frozen=True)
class Data:
    """Images, and how their intensities become levels."""

    images: image_data.Images
    levels: int
    sampled: bool
    seed: int
    score: str = "nats_per_image"
    mode: Literal["min", "max"] = "min"

    @property
    def description(self) -> str:
        """What the images are, for a person."""
        return f"{self.images.description}; {self.levels} levels" + (
            ", white as often as a pixel is bright" if self.sampled else ""
        )

    @property
    def licence(self) -> str:
        """Under what licence they stand."""
        return self.images.licence

    @property
    def test(self) -> np.ndarray:
        """Test images as the model is given them, in intensities."""
        return self._fixed("test")

    @property
    def valid(self) -> np.ndarray:
        """Levels of the validation images."""
        return image_data.to_levels(self._fixed("valid"), self.images.top, self.levels)

    def train(self, epoch: int) -> np.ndarray:
        """Levels of the training images in an epoch."""
        images = self.images.train
        if not self.sampled:
            return image_data.to_levels(images, self.images.top, self.levels)
        generator = np.random.default_rng((self.seed, epoch))
        return image_data.draw_binary(images, self.images.top, generator)

    def _fixed(self, split: Literal["valid", "test"]) -> np.ndarray:
        images = getattr(self.images, split)
        return drawn_once(images, self.images.top, self.seed) if self.sampled else images


def drawn_once(images: np.ndarray, top: int, seed: int) -> np.ndarray:
    """Sampled binarisation for evaluation, the same every time, in intensities: 0 or `top`."""
    generator = np.random.default_rng((seed, 2**31))
    return (top * image_data.draw_binary(images, top, generator)).astype("uint8")


# --- data -----------------------------------------------------------------------------------------


def load_data(config: Config) -> Data:
    """Read the images."""
    images = image_data.load(
        config.data,
        seed=config.seed,
        size=config.size,
        colour=config.colour,
        limit=config.limit,
    )
    binary = config.binarize != "none" or images.top == 1
    levels = 2 if binary else config.levels or images.top + 1
    channels = images.shape[-1]
    for field in ("units", "head_units"):
        fits = getattr(config, field) % channels == 0
        config.require(fits, field, "a multiple of 3, as the images are RGB")
    return Data(images, levels, sampled=config.binarize == "sample", seed=config.seed)


# --- build ----------------------------------------------------------------------------------------


def build(config: Config, data: Data) -> keras.Model:
    """The model, uncompiled."""
    height, width, channels = data.images.shape
    return zoo.pixel_rnn(
        height=height,
        width=width,
        channels=channels,
        levels=data.levels,
        layer=config.layer,
        units=config.units,
        depth=config.depth,
        head_units=config.head_units,
    )


# --- train ----------------------------------------------------------------------------------------


def train(
    config: Config,
    data: Data,
    model: keras.Model,
    *,
    folder: Path | None = None,
    title: str = "pixel_rnn",
) -> list[dict[str, float]]:
    """Train a model; it is left with the weights of its best epoch."""
    valid = data.valid
    whole = config.batch_size * (len(data.images.train) // config.batch_size)

    def batches(epoch: int) -> tf.data.Dataset:
        images = data.train(epoch)
        order = np.random.default_rng((config.seed, epoch)).permutation(len(images))
        # Batches of one size: XLA compiles anew for another.
        rows = order[:whole] if whole else order
        return array_batches(images[rows], images[rows], config.batch_size)

    def validate() -> dict[str, float]:
        nats = model.evaluate(valid, valid, batch_size=_CHUNK, verbose=0)
        return {"val_loss": nats, "val_nats_per_image": nats}

    return fit(
        model,
        config,
        batches=batches,
        steps=steps(whole or len(data.images.train), config.batch_size),
        loss=zoo.PixelLoss(),
        validate=validate,
        monitor="val_nats_per_image",
        mode="min",
        folder=folder,
        title=title,
    )


# --- evaluate -------------------------------------------------------------------------------------


def evaluate(folder: Path, images: np.ndarray) -> dict[str, float]:
    """Metrics of an exported model on images, in intensities."""
    nats = [
        _served(folder)["log_likelihood"](images=tf.constant(images[start : start + _CHUNK]))
        for start in range(0, len(images), _CHUNK)
    ]
    return _scores(np.concatenate([answer["nats"].numpy() for answer in nats]), images.shape[1:])


def baseline(config: Config, data: Data, folder: Path) -> tuple[dict[str, float], None]:
    """Each pixel on its own: how often it has each level in training, one more of each; and,
    knowing nothing at all, every level as likely as every other."""
    images, test = data.train(0), image_data.to_levels(data.test, data.images.top, data.levels)
    nats = np.zeros(len(test))
    for level in range(data.levels):
        share = ((images == level).sum(axis=0) + 1) / (len(images) + data.levels)
        nats -= ((test == level) * np.log(share)).sum(axis=(1, 2, 3))
    uniform = float(np.prod(data.images.shape) * np.log(data.levels))
    return {**_scores(nats, data.images.shape), "uniform_nats_per_image": uniform}, None


def _scores(nats: np.ndarray, shape: tuple[int, ...]) -> dict[str, float]:
    mean = float(np.mean(nats))
    return {"nats_per_image": mean, "bits_per_dim": mean / float(np.prod(shape)) / np.log(2)}


def load_test(folder: Path, config: Config, source: str) -> np.ndarray:
    """Images to evaluate on: the test part of a source, as the model was trained to see them."""
    about = _about(folder)
    images = image_data.load(source, seed=config.seed, size=config.size, colour=config.colour)
    if list(images.shape) != about["shape"] or images.top != about["top"]:
        raise DataError(
            source,
            f"expected images {about['shape']} with intensities to {about['top']}, found "
            f"{list(images.shape)} to {images.top}",
        )
    if config.binarize == "sample":
        return drawn_once(images.test, images.top, config.seed)
    return images.test


def draw(folder: Path, data: Data, baseline_answers: None) -> None:
    """Draw images from the model, completions of half images, and where an image surprises it."""
    served, top = _served(folder), data.images.top
    count = int(_about(folder)["samples"])
    drawn = served["sample"](
        count=tf.constant(count), temperature=tf.constant(1.0), seed=tf.constant(0)
    )["images"].numpy()
    plots = folder / PLOTS
    pictures.grid(drawn, top, plots / "samples.png", "drawn from the model")
    some = data.test[:10]
    known = np.zeros(some.shape, bool)
    known[:, : some.shape[1] // 2] = True
    completed = [
        served["complete"](
            images=tf.constant(some),
            known=tf.constant(known),
            temperature=tf.constant(1.0),
            seed=tf.constant(seed),
        )["images"].numpy()
        for seed in range(4)
    ]
    rows = {"original": some, "known": np.where(known, some, top // 2)}
    rows |= {f"completed {index + 1}": images for index, images in enumerate(completed)}
    pictures.rows(rows, top, plots / "completions.png")
    nats = served["log_likelihood"](images=tf.constant(some))["nats_per_pixel"].numpy()
    pictures.surprise(some, nats, top, plots / "likelihood.png")


# --- export, predict ------------------------------------------------------------------------------


def export(config: Config, data: Data, model: keras.Model, folder: Path) -> None:
    """Write the SavedModel, which takes and gives intensities, and what the images are.

    Signatures: `log_likelihood(images)` (also `serving_default`), `sample(count, temperature,
    seed)` and `complete(images, known, temperature, seed)`.
    """
    server = PixelServer(for_serving(model), data.images.top)
    save_saved_model(server.endpoints, server.resources, folder / SAVED_MODEL)
    about = {"shape": list(data.images.shape), "top": data.images.top, "levels": data.levels}
    write_json(folder / IMAGES, {**about, "samples": config.samples})


def servable(model: keras.Model) -> keras.Model:
    """What ONNX and LiteRT can hold: levels in, logits out."""
    plain = for_serving(model)
    inputs = {"images": keras.Input(plain.input_shape[1:], dtype="int32", name="images")}
    return keras.Model(inputs, {"logits": plain(inputs["images"])}, name=model.name)


def predict(folder: Path, paths: Iterable[Path]) -> Iterator[dict[str, Any]]:
    """How likely image files are.

    Yields:
        For each file its `path`, `nats_per_image` and `bits_per_dim`, and `completion`: the image
        with its lower half drawn given the upper one, in intensities.
    """
    about, served = _about(folder), _served(folder)
    shape = tuple(about["shape"])
    for path in paths:
        image = image_data.read_image(path, shape)[None]
        if about["top"] != 255:
            image = np.round(image / 255 * about["top"]).astype("uint8")
        known = np.zeros(image.shape, bool)
        known[:, : shape[0] // 2] = True
        nats = served["log_likelihood"](images=tf.constant(image))["nats"].numpy()
        completed = served["complete"](
            images=tf.constant(image),
            known=tf.constant(known),
            temperature=tf.constant(1.0),
            seed=tf.constant(0),
        )["images"].numpy()[0]
        rows = completed[..., 0] if shape[-1] == 1 else completed
        yield {"path": str(path), **_scores(nats, shape), "completion": rows.tolist()}


def _served(folder: Path) -> Mapping[str, Any]:
    return load_saved_model(folder / SAVED_MODEL).signatures


def _about(folder: Path) -> dict[str, Any]:
    return read_record(folder / IMAGES, ("shape", "top", "levels", "samples"))


# --- search ---------------------------------------------------------------------------------------


def space(hp: keras_tuner.HyperParameters, config: Config) -> Config:
    """The config of a trial: what `rnn-zoo tune` may change."""
    return clip_space(
        hp,
        config,
        layer=hp.Choice("layer", ["diagonal_bilstm", "row_lstm"], default=config.layer),
        depth=hp.Int("depth", 1, 4, default=min(config.depth, 4)),
        units=config.units * hp.Int("width", 1, 3),
    )
