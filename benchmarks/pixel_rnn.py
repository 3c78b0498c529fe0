"""Sampling images by PixelRNN with cached states, against the whole model for every pixel.

    python -m benchmarks.pixel_rnn

Both are compiled with XLA. One forward pass of the whole model is timed and multiplied by the
number of pixels, without the time for drawing. Above 1, the cached states are faster.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf
import tyro

import zoo
from benchmarks._timing import machine, medians, table


@dataclass(frozen=True)
class Options:
    """Times of sampling with and without cached states."""

    layers: tuple[str, ...] = ("diagonal_bilstm", "row_lstm", "masked_conv")
    """Layers of the body."""
    sizes: tuple[int, ...] = (14, 28)
    """Heights and widths of the images."""
    batches: tuple[int, ...] = (1, 16)
    """Images drawn at once."""
    seconds: float = 3.0
    """Approximate time for each."""


def compare(layer: Any, size: int, batch: int, seconds: float) -> list[Any]:
    """A row of the table."""
    keras.utils.set_random_seed(0)
    model = zoo.pixel_rnn(height=size, width=size, layer=layer)
    images = np.zeros((batch, size, size, 1), "int32")
    inputs = {
        "images": images,
        "known": images > 0,
        "uniforms": np.random.default_rng(0).random(images.shape, "float32"),
        "temperature": np.ones((batch,), "float32"),
    }
    sampler = zoo.pixel_sampler(model)
    whole = tf.function(lambda x: model(x), jit_compile=True)
    constant = tf.constant(images)
    times = medians(
        {
            "cached": lambda: sampler.predict_on_batch(inputs),
            "whole": lambda: whole(constant).numpy(),
        },
        seconds,
    )
    every = times["whole"] * size**2
    return [
        layer,
        size,
        batch,
        f"{1e3 * times['cached']:.0f}",
        f"{1e6 * times['cached'] / size**2:.0f}",
        f"{1e3 * every:.0f}",
        f"{every / times['cached']:.0f}",
    ]


def main(options: Options) -> None:
    rows = [
        compare(layer, size, batch, options.seconds)
        for layer in options.layers
        for size in options.sizes
        for batch in options.batches
    ]
    header = ["layer", "size", "images", "cached ms", "us a pixel", "whole model ms", "ratio"]
    print(table(header, rows))
    print(machine())


if __name__ == "__main__":
    main(tyro.cli(Options, description=__doc__))
