"""Sampling and completion of images by PixelRNN, pixel by pixel, with cached states.

Running the whole model for every pixel would take `height * width` forward passes. Here each layer
goes from pixel to pixel (`custom_layers.images.walk.PixelByPixel`): the contribution of the rows
above is computed for all columns at once, and every pixel costs the same.
"""

from __future__ import annotations

import weakref
from typing import Any

import keras
import numpy as np
from keras import ops

from custom_layers.engine.checks import require_number
from custom_layers.engine.loops import in_chunks, side_by_side, split
from custom_layers.engine.tensor import Tensor
from zoo.one_to_many.pixel_rnn import connect


def sample_images(
    model: keras.Model, count: int, *, temperature: float = 1.0, seed: int | None = None
) -> np.ndarray:
    """Draw images from a PixelRNN.

    Args:
        model: Model of `pixel_rnn`.
        count: Number of images.
        temperature: Divisor of the logits, above 0. Values below 1 favour likely pixels.
        seed: Seed of the random numbers; `None` for a random seed.

    Returns:
        (count, height, width, channels), int32.
    """
    images = np.zeros((count, *model.input_shape[1:]), "int32")
    return complete_images(
        model, images, np.zeros(images.shape, bool), temperature=temperature, seed=seed
    )


def complete_images(
    model: keras.Model,
    images: Any,
    known: Any,
    *,
    temperature: float = 1.0,
    seed: int | None = None,
) -> np.ndarray:
    """Draw the unknown pixels of images.

    Pixels are drawn in raster order: a pixel depends on all pixels before it, drawn or known, and
    on none after it.

    Args:
        model: Model of `pixel_rnn`.
        images: Levels (batch, height, width, channels); arbitrary where unknown.
        known: Booleans that broadcast to the shape of `images`.
        temperature: As in `sample_images`.
        seed: As in `sample_images`.

    Returns:
        The completed images, int32.

    Raises:
        ValueError: If a shape or a value is invalid.
    """
    images = np.asarray(images)
    shape = model.input_shape[1:]
    if images.shape[1:] != shape:
        raise ValueError(f"`images` must have shape (batch, {shape}), found {images.shape}.")
    require_number("temperature", temperature, above=0, below=None)
    known = np.broadcast_to(np.asarray(known, bool), images.shape)
    levels = number_of_levels(model)
    if images[known].size and not 0 <= images[known].min() <= images[known].max() < levels:
        raise ValueError(f"`images` must be levels from 0 to {levels - 1} where they are known.")
    uniforms = np.random.default_rng(seed).random(images.shape, "float32")
    if model not in _SAMPLERS:
        _SAMPLERS[model] = pixel_sampler(model)
    answer = _SAMPLERS[model].predict_on_batch(
        {
            "images": np.where(known, images, 0).astype("int32"),
            "known": known,
            "uniforms": uniforms,
            "temperature": np.full((len(images),), temperature, "float32"),
        }
    )
    return np.asarray(answer["images"])


def number_of_levels(model: keras.Model) -> int:
    """The number of levels of a `pixel_rnn`."""
    return 2 if len(model.output_shape) == 4 else model.output_shape[-1]


def pixel_sampler(model: keras.Model) -> keras.Model:
    """A compiled model that draws images, sharing the weights of a `pixel_rnn`.

    Args:
        model: Model of `pixel_rnn`.

    Returns:
        A model with the inputs `images` (batch, height, width, channels) int32; `known` and
        `uniforms` of the same shape, which pixels to keep and numbers in [0, 1) to draw the others
        with; and `temperature` (batch,). Outputs `images`, and the `logits` of `model` for them.
    """
    shape = model.input_shape[1:]
    inputs = {
        "images": keras.Input(shape, dtype="int32", name="images"),
        "known": keras.Input(shape, dtype="bool", name="known"),
        "uniforms": keras.Input(shape, name="uniforms"),
        "temperature": keras.Input((), name="temperature"),
    }
    sampler = keras.Model(inputs, _Sampler(model)(inputs), name=f"{model.name}_sampler")
    sampler.compile(jit_compile=keras.config.backend() != "torch")
    return sampler


_SAMPLERS: weakref.WeakKeyDictionary[keras.Model, keras.Model] = weakref.WeakKeyDictionary()


class _Sampler(keras.layers.Layer):
    """The two loops: over rows, and within a row over columns."""

    def __init__(self, model: keras.Model) -> None:
        super().__init__(dtype="float32")
        # Not the model itself, so that it can be freed.
        self.parts = {layer.name: layer for layer in model.layers}
        self.levels = number_of_levels(model)
        self.outputs = 1 if self.levels == 2 else self.levels
        self.channels = model.input_shape[-1]
        self.logits_shape = model.output_shape[1:]
        self.depth = sum(name.startswith("body_") for name in self.parts)
        self.bottleneck = "down_0" in self.parts
        self.walking = ["first", *(f"body_{index}" for index in range(self.depth))]
        """Layers that see other pixels, in order; the others are 1x1 convolutions."""

    def call(self, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
        images = inputs["images"]
        batch, height, width, channels = ops.shape(images)
        temperature = inputs["temperature"][:, None]
        rows = side_by_side(
            [
                ops.reshape(ops.cast(inputs[name], "float32"), (batch, height, width * channels))
                for name in ("images", "known", "uniforms")
            ]
        )
        memories = [self.parts[name].begin(batch, width) for name in self.walking]
        widths = [memory.shape[-1] for memory in memories]
        n = width * channels

        def row(x: Tensor, states: list[Tensor], _: Any) -> tuple[Tensor, list[Tensor]]:
            memories = [
                ops.reshape(s, (batch, width, w)) for s, w in zip(states, widths, strict=True)
            ]
            pixels = [ops.reshape(p, (batch, width, channels)) for p in split(x[:, 0], [n, n, n])]
            values, logits, memories = self._row(pixels, memories, temperature)
            out = [
                ops.reshape(values, (batch, 1, n)),
                ops.reshape(logits, (batch, 1, n * self.outputs)),
            ]
            flat = [
                ops.reshape(m, (batch, width * w)) for m, w in zip(memories, widths, strict=True)
            ]
            return side_by_side(out), flat

        start = [ops.reshape(m, (batch, width * w)) for m, w in zip(memories, widths, strict=True)]
        outputs, _ = in_chunks(row, rows, start, None, 1)
        values = ops.reshape(outputs[:, :, :n], (batch, height, width, channels))
        logits = ops.reshape(outputs[:, :, n:], (batch, *self.logits_shape))
        return {"images": ops.cast(values, "int32"), "logits": logits}

    def _row(
        self, pixels: list[Tensor], memories: list[Tensor], temperature: Tensor
    ) -> tuple[Tensor, Tensor, list[Tensor]]:
        """Draw a row, `(batch, width, ...)`."""
        batch, channels = ops.shape(pixels[0])[0], self.channels
        above = [
            self.parts[name].above(memory)
            for name, memory in zip(self.walking, memories, strict=True)
        ]
        carries = [self.parts[name].carry(batch) for name in self.walking]
        sizes = [a.shape[-1] for a in above]
        kept_sizes: list[int] = []

        def pixel(x: Tensor, carries: list[Tensor], _: Any) -> tuple[Tensor, list[Tensor]]:
            image, known, uniforms, *above = split(x[:, 0], [channels] * 3 + sizes)
            drawn: list[Tensor] = []
            logits: list[Tensor] = []
            for c in range(channels):
                rest = ops.zeros_like(image[:, c:])
                so_far = side_by_side([*drawn, rest])
                output, new, kept = self._forward(so_far, above, carries)
                output = output[:, c]
                value = self._draw(output / temperature, uniforms[:, c : c + 1])
                drawn.append(ops.where(known[:, c : c + 1] > 0, image[:, c : c + 1], value))
                logits.append(output)
            # The first layer has to keep the complete pixel, including the last colour drawn.
            x = side_by_side(drawn) / (self.levels - 1)
            _, new[0], kept[0] = self.parts["first"].pixel(x, above[0], carries[0])
            kept_sizes[:] = [k.shape[-1] for k in kept]
            return side_by_side([*drawn, *logits, *kept])[:, None], new

        columns = side_by_side([*pixels, *above])
        outputs, _ = in_chunks(pixel, columns, carries, None, 1)
        values, logits, *kept = split(outputs, [channels, channels * self.outputs, *kept_sizes])
        memories = [
            self.parts[name].end_row(memory, k)
            for name, memory, k in zip(self.walking, memories, kept, strict=True)
        ]
        return values, logits, memories

    def _forward(
        self, values: Tensor, above: list[Tensor], carries: list[Tensor]
    ) -> tuple[Tensor, list[Tensor], list[Tensor]]:
        """Run the model at a pixel: logits `(batch, channels, outputs)`, carries, values kept."""
        new: list[Tensor] = []
        kept: list[Tensor] = []

        def run(name: str, x: Tensor) -> Tensor:
            layer = self.parts[name]
            if name not in self.walking:
                return ops.cast(layer(x[:, None, None])[:, 0, 0], "float32")
            x, carry, keep = layer.pixel(x, above[len(new)], carries[len(new)])
            new.append(carry)
            kept.append(keep)
            return x

        logits = connect(values / (self.levels - 1), run, self.depth, self.bottleneck)
        logits = ops.reshape(logits, (ops.shape(values)[0], self.channels, self.outputs))
        return logits, new, kept

    def _draw(self, logits: Tensor, uniforms: Tensor) -> Tensor:
        """Draw a level for each row, by the inverse distribution function."""
        if self.levels == 2:
            return ops.cast(uniforms < ops.sigmoid(logits), "float32")
        passed = uniforms >= ops.cumsum(ops.softmax(logits, axis=-1), axis=-1)[:, :-1]
        return ops.sum(ops.cast(passed, "float32"), axis=-1, keepdims=True)
