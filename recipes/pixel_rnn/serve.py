"""A PixelRNN as it is served: intensities in, intensities out."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

import zoo
from recipes.kit.export import Endpoint


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
