"""An echo state network between series in their own units, in memory and as it is served."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

import zoo
from recipes.chaos.data import Part
from recipes.kit.export import Endpoint, load_saved_model

_CHUNK = 2**25
"""About how many states a served model has in memory at once: 256 MB in float64."""


@dataclass(frozen=True)
class Scaling:
    """Means and standard deviations of the training part, a number a column."""

    input_mean: np.ndarray
    input_deviation: np.ndarray
    target_mean: np.ndarray
    target_deviation: np.ndarray

    @classmethod
    def of(cls, train: Part, continues: bool) -> Scaling:
        """What is fed back has to be scaled as the inputs are."""
        inputs = _moments(train.inputs)
        return cls(*inputs, *(inputs if continues else _moments(train.targets)))

    def inputs(self, values: np.ndarray) -> np.ndarray:
        """Inputs as the network has them."""
        return (values - self.input_mean) / self.input_deviation

    def targets(self, values: np.ndarray) -> np.ndarray:
        """Targets as the network has them."""
        return (values - self.target_mean) / self.target_deviation

    def answers(self, values: Any) -> Any:
        """What the network answers, in the unit of the targets."""
        return values * self.target_deviation + self.target_mean


def _moments(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    deviation = values.std(axis=0)
    return values.mean(axis=0), np.where(deviation > 0, deviation, 1.0)


class FittedNetwork:
    """A network in memory as a `Forecaster` of one series, whose states are made once: a readout
    that is fitted anew needs no new ones."""

    def __init__(self, model: keras.Model, scaling: Scaling, inputs: np.ndarray) -> None:
        self._model, self._scaling = model, scaling
        self._seen = zoo.readout_inputs(model, scaling.inputs(inputs)[None])[0]

    def predictions(self, inputs: np.ndarray) -> np.ndarray:
        kernel, bias = self._model.get_layer("readout").get_weights()
        return self._scaling.answers(self._seen @ kernel + bias)

    def runs(self, inputs: np.ndarray, starts: np.ndarray, steps: int) -> np.ndarray:
        return self._scaling.answers(zoo.run_on(self._model, self._seen[starts], steps))


class SeriesServer:
    """A network between raw series and raw answers, for export."""

    def __init__(self, model: keras.Model, scaling: Scaling, continues: bool) -> None:
        self._model = zoo.continuation_model(model) if continues else model
        self._scaling, self._continues = scaling, continues
        shape = [None, None, model.input_shape[-1]]
        self._series = tf.TensorSpec(shape, model.input.dtype, name="series")

    @property
    def resources(self) -> list[Any]:
        """What an export has to keep."""
        return [self._model]

    @property
    def endpoints(self) -> dict[str, Endpoint]:
        """The signatures: of a series that goes on by itself `continue` and `predict`, else
        `predict` alone."""
        predict: dict[str, Endpoint] = {"predict": (self._predict, [self._series])}
        if not self._continues:
            return predict
        steps = tf.TensorSpec([], tf.int32, name="steps")
        return {"continue": (self._go_on, [self._series, steps]), **predict}

    def _go_on(self, series: tf.Tensor, steps: tf.Tensor) -> dict[str, tf.Tensor]:
        ahead = tf.zeros([tf.shape(series)[0], tf.maximum(steps, 1), 1], series.dtype)
        found = self._model({"x": self._scaling.inputs(series), "ahead": ahead}, training=False)
        return {
            "continuation": self._scaling.answers(found["continuation"][:, : tf.maximum(steps, 0)]),
            "predictions": self._scaling.answers(found["predictions"]),
        }

    def _predict(self, series: tf.Tensor) -> dict[str, tf.Tensor]:
        if self._continues:
            return {"predictions": self._go_on(series, tf.constant(0))["predictions"]}
        found = self._model(self._scaling.inputs(series), training=False)
        return {"predictions": self._scaling.answers(found)}


class ServedNetwork:
    """An exported network as a `Forecaster`, by its SavedModel alone."""

    def __init__(self, path: Path, *, lead: int, units: int) -> None:
        self._signatures = load_saved_model(path).signatures
        self._lead = lead
        self._units = units
        spec = self._signatures["predict"].structured_input_signature[1]["series"]
        self._dtype = spec.dtype

    def predictions(self, inputs: np.ndarray) -> np.ndarray:
        series = tf.constant(inputs[None], self._dtype)
        return self._signatures["predict"](series=series)["predictions"].numpy()[0]

    def runs(self, inputs: np.ndarray, starts: np.ndarray, steps: int) -> np.ndarray:
        known = min(self._lead, int(starts.min())) + 1
        chunk = max(1, _CHUNK // (self._units * (known + steps)))
        found = []
        for first in range(0, len(starts), chunk):
            some = starts[first : first + chunk]
            series = np.stack([inputs[start + 1 - known : start + 1] for start in some])
            answer = self._signatures["continue"](
                series=tf.constant(series, self._dtype), steps=tf.constant(steps)
            )
            found.append(answer["continuation"].numpy())
        return np.concatenate(found)
