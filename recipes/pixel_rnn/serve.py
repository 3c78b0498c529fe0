"""A PixelRNN as it is served: intensities in, intensities out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal

import keras
import numpy as np
import tensorflow as tf

import zoo
from recipes.kit.data.images import SUFFIXES, Canvas, Colour, read_image
from recipes.kit.errors import DataError
from recipes.kit.export import Endpoint
from recipes.kit.judge import Judgement, worst
from recipes.kit.output import read_record, read_run_config
from recipes.kit.recipe import Field, Predictor
from recipes.kit.serving import Served, answer_each
from recipes.pixel_rnn.data import IMAGES, described
from recipes.pixel_rnn.metrics import likelihood_metrics, likelihood_statistics
from recipes.pixel_rnn.options import Config

#: Images whose likelihood is computed at once.
COUNT = 256


class PixelServer:
    """A model of levels, and how levels and intensities become each other.

    Args:
        model: Of `zoo.pixel_rnn`.
        top: The greatest intensity.
    """

    def __init__(self, model: keras.Model, top: int) -> None:
        self._model = model
        self._sampler = zoo.pixel_sampler(model)
        self._levels = zoo.number_of_levels(model)
        self._top = top
        self._shape = model.input_shape[1:]

    @property
    def resources(self) -> list[Any]:
        """What an export has to keep."""
        return [self._model, self._sampler]

    @property
    def endpoints(self) -> dict[str, Endpoint]:
        """The signatures of the exported model."""
        images = tf.TensorSpec([None, *self._shape], tf.uint8, name="images")
        known = tf.TensorSpec([None, *self._shape], tf.bool, name="known")
        temperature = tf.TensorSpec([], tf.float32, name="temperature")
        seed = tf.TensorSpec([], tf.int32, name="seed")
        count = tf.TensorSpec([], tf.int32, name="count")
        return {
            "log_likelihood": (self._log_likelihood, [images]),
            "sample": (self._sample, [count, temperature, seed]),
            "complete": (self._complete, [images, known, temperature, seed]),
        }

    def _log_likelihood(self, images: tf.Tensor) -> dict[str, tf.Tensor]:
        levels = self._to_levels(images)
        nats = zoo.pixel_nats(levels, self._model(levels, training=False))
        total = tf.reduce_sum(nats, axis=[1, 2, 3])
        return {"log_likelihood": -total, "nats": total, "nats_per_pixel": nats}

    def _sample(
        self, count: tf.Tensor, temperature: tf.Tensor, seed: tf.Tensor
    ) -> dict[str, tf.Tensor]:
        images = tf.zeros([count, *self._shape], tf.uint8)
        return self._complete(images, tf.zeros_like(images, tf.bool), temperature, seed)

    def _complete(
        self, images: tf.Tensor, known: tf.Tensor, temperature: tf.Tensor, seed: tf.Tensor
    ) -> dict[str, tf.Tensor]:
        shape = tf.shape(images)
        inputs = {
            "images": self._to_levels(images),
            "known": known,
            "uniforms": tf.random.stateless_uniform(shape, seed=tf.stack([seed, 0])),
            "temperature": tf.fill(shape[:1], temperature),
        }
        levels = tf.cast(self._sampler(inputs, training=False)["images"], tf.float32)
        drawn = tf.cast(tf.round(levels * self._top / (self._levels - 1)), tf.uint8)
        return {"images": tf.where(known, images, drawn)}

    def _to_levels(self, images: tf.Tensor) -> tf.Tensor:
        return tf.cast(images, tf.int32) * self._levels // (self._top + 1)


class PixelPredictor(Predictor[np.ndarray]):
    """An exported PixelRNN, warm."""

    takes: ClassVar[Literal["texts", "files"]] = "files"
    suffixes: ClassVar[Sequence[str]] = (*sorted(SUFFIXES), ".npy")
    inputs: ClassVar[Sequence[Field]] = (
        Field(
            "path",
            "image",
            "An image file, read as for the training, with its --size.",
        ),
    )
    outputs: ClassVar[Sequence[Field]] = (
        Field("path", "text", "The file."),
        Field("nats_per_image", "number", "Negative log likelihood of the image, in nats."),
        Field("bits_per_dim", "number", "The same in bits for each pixel and colour."),
        Field(
            "completion",
            "image",
            "The image with its lower half drawn given the upper one: intensities, (height, width) "
            "or (height, width, 3).",
        ),
    )

    def __init__(self, folder: Path) -> None:
        record = read_record(folder / IMAGES, ("shape", "top", "levels"))
        self.config = read_run_config(Config, folder)
        self.shape: tuple[int, ...] = tuple(record["shape"])
        self.top: int = record["top"]
        self.served = Served(folder)

    def predict(self, inputs: Iterable[Path], options: Any = None) -> Iterator[dict[str, Any]]:
        """How likely image files are; see `outputs` for what an answer holds."""
        # One at a time: what is drawn for an image does not depend on those beside it.
        return answer_each(inputs, self._read, self._answers, count=1)

    def judge(self, examples: np.ndarray) -> Judgement:
        """How likely images are, in intensities."""
        starts = range(0, len(examples), COUNT)
        parts = [self.likelihood(examples[start : start + COUNT])["nats"] for start in starts]
        nats = np.concatenate(parts)

        def row(index: int) -> dict[str, Any]:
            return {"input": index, "nats_per_image": round(float(nats[index]), 4)}

        return Judgement(
            likelihood_statistics(nats, self.shape),
            worst(row, nats),
            len(nats),
            "nats_per_image, the highest first; `input` is the number of the image, from 0",
            nats,
        )

    def likelihood(self, images: np.ndarray) -> dict[str, np.ndarray]:
        """`nats` of each image, and `nats_per_pixel`, of the shape of the images."""
        return self.served("log_likelihood", images=images)

    def sample(self, count: int, seed: int = 0) -> np.ndarray:
        """Images drawn from the model, in intensities."""
        return self.served("sample", count=count, temperature=1.0, seed=seed)["images"]

    def complete(self, images: np.ndarray, known: np.ndarray, seed: int = 0) -> np.ndarray:
        """Images whose pixels that are not known are drawn given the others."""
        inputs = {"images": images, "known": known, "temperature": 1.0, "seed": seed}
        return self.served("complete", **inputs)["images"]

    def _read(self, path: Path) -> tuple[Path, np.ndarray]:
        config = self.config
        colour: Colour = "rgb" if self.shape[2] == 3 else "grey"
        image = read_image(path, Canvas(colour, config.size, config.background))
        if image.shape != self.shape:
            expected, found = described(self.shape), described(image.shape)
            raise DataError(path, f"expected an image {expected}, found one {found}")
        # Black and white as 0 and 1 needs no scaling.
        if self.top != 255 and (self.top != 1 or image.max() > 1):
            image = np.round(image / 255 * self.top).astype("uint8")
        return path, image

    def _answers(self, batch: list[tuple[Path, np.ndarray]]) -> Iterator[dict[str, Any]]:
        images = np.stack([image for _, image in batch])
        nats = self.likelihood(images)["nats"]
        completed = self.complete(images, upper_half(images.shape))
        for (path, _), cost, image in zip(batch, nats, completed, strict=True):
            rows = image[..., 0] if self.shape[-1] == 1 else image
            metrics = likelihood_metrics(cost, self.shape)
            yield {"path": str(path), **metrics, "completion": rows.tolist()}


def upper_half(shape: Sequence[int]) -> np.ndarray:
    """Images (count, height, width, channels) that are true in their upper half."""
    half = np.zeros(shape, bool)
    half[:, : shape[1] // 2] = True
    return half
