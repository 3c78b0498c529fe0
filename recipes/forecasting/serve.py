"""A forecaster as it is served: raw windows in, forecasts out, in the data's unit."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from recipes.forecasting.metrics import Answers
from recipes.forecasting.windows import Windows
from recipes.kit.export import Endpoint, load_saved_model

#: Windows forecast at once.
_CHUNK = 256


class Forecaster:
    """A model of `zoo.forecaster` behind the calendar.

    Args:
        model: The model.
        quantiles: Its levels; empty for the mean alone.
        periods: Seconds after which the calendar repeats, which end its `known` inputs.
    """

    def __init__(
        self, model: keras.Model, quantiles: Sequence[float], periods: Sequence[int]
    ) -> None:
        self._model = model
        self._quantiles = tuple(quantiles)
        self._periods = tuple(periods)

    @property
    def resources(self) -> list[Any]:
        """What an export has to keep."""
        return [self._model]

    @property
    def endpoints(self) -> dict[str, Endpoint]:
        """The signature of the exported forecaster."""
        shapes = {name: tensor.shape[1:] for name, tensor in self._model.input.items()}
        own = shapes.get("known", (None, 0))[1] - 2 * len(self._periods)
        if not own:
            shapes.pop("known", None)
        else:
            shapes["known"] = (None, own)
        specs = [
            tf.TensorSpec([None, *shape], tf.float32, name=name) for name, shape in shapes.items()
        ]
        if self._periods:
            specs.append(tf.TensorSpec([None, None], tf.int64, name="times"))
        names = [spec.name for spec in specs]

        def forecast(*arrays: tf.Tensor) -> dict[str, tf.Tensor]:
            return self._forecast(dict(zip(names, arrays, strict=True)))

        return {"forecast": (forecast, specs)}

    def _forecast(self, given: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        if self._periods:
            times = given.pop("times")
            known = [given["known"]] if "known" in given else []
            for period in self._periods:
                part = tf.cast(tf.math.floormod(times, period), tf.float32) / period
                known += [f(2 * np.pi * part)[..., None] for f in (tf.sin, tf.cos)]
            given["known"] = tf.concat(known, axis=-1)
        found = self._model(given, training=False)
        if not self._quantiles:
            return {"forecast": found[..., 0]}
        return {
            "forecast": found[..., self._quantiles.index(0.5)],
            "quantiles": found,
            "levels": tf.constant(self._quantiles, tf.float32),
        }


class SavedForecaster:
    """An exported forecaster, by its SavedModel alone."""

    def __init__(self, path: Path) -> None:
        self._forecast = load_saved_model(path).signatures["serving_default"]

    def answers(self, windows: Windows) -> Answers:
        """Forecasts of windows."""
        found = []
        for start in range(0, len(windows), _CHUNK):
            raw = windows.raw(range(start, min(start + _CHUNK, len(windows))))
            answer = self._forecast(**{name: tf.constant(one) for name, one in raw.items()})
            found.append({name: tensor.numpy() for name, tensor in answer.items()})
        point = np.concatenate([one["forecast"] for one in found]).astype("float64")
        if "quantiles" not in found[0]:
            return Answers(point)
        quantiles = np.concatenate([one["quantiles"] for one in found]).astype("float64")
        levels = [round(float(level), 6) for level in found[0]["levels"]]
        return Answers(point, quantiles, levels)


def model_answers(model: keras.Model, windows: Windows, quantiles: Sequence[float]) -> Answers:
    """The same of a model in training."""
    found = [
        model.predict_on_batch(windows.inputs(range(start, min(start + _CHUNK, len(windows)))))
        for start in range(0, len(windows), _CHUNK)
    ]
    every = np.concatenate(found).astype("float64")
    if not quantiles:
        return Answers(every[..., 0])
    return Answers(every[..., list(quantiles).index(0.5)], every, quantiles)
