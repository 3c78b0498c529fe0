"""Each recurrent layer against `keras.layers.RNN` around the same cell, on TensorFlow.

    python -m benchmarks.layers                        everything, about an hour on two cores
    python -m benchmarks.layers --grid corners         six points of the grid for each layer
    python -m benchmarks.layers --layers leaky delay

A training step computes the loss and its gradients for weights and inputs. Each runs as a compiled
function, plain (`graph`) and with `jit_compile=True` (`xla`, the default of `fit` where possible).
Above 1, ours is faster.
"""

from __future__ import annotations

import itertools
import math
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import keras
import numpy as np
import tensorflow as tf
import tyro

import custom_layers
from benchmarks._timing import machine, medians, table

LAYERS: dict[str, Callable[..., Any]] = {
    "leaky": custom_layers.LeakyRNN,
    "leaky, T learned": lambda n, **k: custom_layers.LeakyRNN(n, trainable_time_constant=True, **k),
    "leaky, adaptive": lambda n, **k: custom_layers.LeakyRNN(n, adaptive=True, **k),
    "delay 1, 4, 16": custom_layers.DelayRNN,
    "delay 4": lambda n, **k: custom_layers.DelayRNN(n, delays=(4,), **k),
    "reservoir": lambda n, **k: custom_layers.Reservoir(n, seed=0, leak_rate=0.5, **k),
    "lmu": custom_layers.LegendreMemory,
    "lru": custom_layers.LRU,
    "mingru": custom_layers.MinGRU,
    "minlstm": custom_layers.MinLSTM,
}

#: (batch, time, units); there are as many features as units.
FULL = list(itertools.product((1, 32, 64), (100, 400), (32, 128, 256)))
CORNERS = [
    (1, 100, 32),
    (1, 400, 256),
    (32, 100, 32),
    (32, 400, 128),
    (64, 100, 256),
    (64, 400, 128),
]


@dataclass(frozen=True)
class Options:
    """Ratios of the layers' times to those of keras.layers.RNN around the same cell."""

    layers: tuple[str, ...] = tuple(LAYERS)
    """Layers to compare."""
    grid: Literal["full", "corners"] = "full"
    """All 18 combinations of batch, time and units, or six of them."""
    modes: tuple[Literal["graph", "xla"], ...] = ("graph", "xla")
    """How the functions are compiled."""
    seconds: float = 0.5
    """Approximate time for each function."""
    points: bool = False
    """Also print every point, to the error stream."""


def functions(layer: Any, x: tf.Tensor, xla: bool) -> dict[str, Callable[[], Any]]:
    """A training step and an inference that wait for their results."""
    variables = [v.value for v in layer.trainable_variables]

    @tf.function(jit_compile=xla)
    def train(x: tf.Tensor) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = layer(x, training=True)
            loss = tf.reduce_mean(y * y)
        return tape.gradient(loss, [x, *variables])

    @tf.function(jit_compile=xla)
    def infer(x: tf.Tensor) -> Any:
        return layer(x)

    return {
        "train": lambda: [tf.reduce_sum(g).numpy() for g in train(x)[:1]],
        "infer": lambda: infer(x)[0, 0, 0].numpy(),
    }


def ratios(name: str, point: tuple[int, int, int], mode: str, seconds: float) -> dict[str, float]:
    """How many times faster the layer is, in training and in inference."""
    batch, time, units = point
    layer = LAYERS[name](units, return_sequences=True)
    layer.build((None, None, units))
    plain = keras.layers.RNN(layer.cell, return_sequences=True)
    x = tf.constant(np.random.default_rng(0).normal(size=(batch, time, units)), "float32")
    ours, theirs = (functions(tested, x, mode == "xla") for tested in (layer, plain))
    result = {}
    for what in ours:
        times = medians({"ours": ours[what], "keras": theirs[what]}, seconds)
        result[what] = times["keras"] / times["ours"]
        result[f"{what}_ms"] = 1e3 * times["ours"]
    return result


def main(options: Options) -> None:
    grid = FULL if options.grid == "full" else CORNERS
    rows, everything = [], []
    for name in options.layers:
        for mode in options.modes:
            by_kind: dict[str, list[float]] = {"train": [], "infer": []}
            for point in grid:
                result = ratios(name, point, mode, options.seconds)
                for what in by_kind:
                    by_kind[what].append(result[what])
                if options.points:
                    times = f"train {result['train']:.2f} ({result['train_ms']:.2f} ms)"
                    times += f", inference {result['infer']:.2f} ({result['infer_ms']:.2f} ms)"
                    print(f"{name}, {mode}, batch, time, units {point}: {times}", file=sys.stderr)
            everything += by_kind["train"] + by_kind["infer"]
            cells = [f"{_mean(by_kind[w]):.2f} ({min(by_kind[w]):.2f})" for w in ("train", "infer")]
            rows.append([name, mode, *cells])
    print(table(["layer", "compiled", "training step", "inference"], rows))
    print(f"\nGeometric mean (smallest) over {len(grid)} points; of all: {_mean(everything):.2f}.")
    print(machine())


def _mean(values: list[float]) -> float:
    return math.exp(sum(math.log(v) for v in values) / len(values))


if __name__ == "__main__":
    main(tyro.cli(Options, description=__doc__))
