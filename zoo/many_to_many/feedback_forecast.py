"""Parts of forecasters: seasonal anchors, and the loop that feeds forecasts back."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from custom_layers import MonotoneQuantiles
from custom_layers.engine.loops import forward_loop, pad
from custom_layers.engine.masking import last_valid
from custom_layers.engine.tensor import Tensor
from zoo._parts import LayerOfParts
from zoo.recurrent import StackOptions, recurrence_model


@keras.saving.register_keras_serializable(package="rnn_zoo")
class SeasonalAnchor(keras.layers.Layer):
    """The values that forecasts are changes from: the last known ones of each season, or 0.

        a_i = x_{T + i - k season}, the least k >= i / season at which it is known; else 0

    Args:
        horizon: Steps to forecast.
        season: Steps of a season. Defaults to `0`, with which all values are zero.
        **kwargs: Keyword arguments of `keras.layers.Layer`.

    Call arguments:
        inputs: `(batch, time, features)`.
        known: 1 where an input is known, otherwise 0, of the same shape.

    Output shape:
        `(batch, horizon, features)`.
    """

    def __init__(self, horizon: int, season: int = 0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.horizon = horizon
        self.season = season

    def call(self, inputs: Tensor, known: Tensor) -> Tensor:
        if not self.season:
            return ops.repeat(ops.zeros_like(inputs[:, :1]), self.horizon, axis=1)
        values, valid = self._by_season(inputs), self._by_season(known)
        last = ops.sum(last_valid(valid) * values, axis=1)
        times = -(-self.horizon // self.season)
        return ops.concatenate([last] * times, axis=1)[:, : self.horizon]

    def _by_season(self, x: Tensor) -> Tensor:
        """(batch, seasons, season, features). An incomplete first season starts with zeros."""
        batch, time, features = ops.shape(x)
        lacking = (self.season - time % self.season) % self.season  # no negative modulo, for ONNX
        x = pad(x, lacking, axis=1, front=True)
        return ops.reshape(x, (batch, (time + lacking) // self.season, self.season, features))

    def compute_output_spec(self, inputs: Any, known: Any) -> keras.KerasTensor:
        shape = (inputs.shape[0], self.horizon, inputs.shape[-1])
        return keras.KerasTensor(shape, dtype=self.compute_dtype)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "horizon": self.horizon, "season": self.season}


@keras.saving.register_keras_serializable(package="rnn_zoo")
class FeedbackForecast(LayerOfParts):
    """Forecasts step by step, feeding each forecast back as an input of the next step.

    The loop is that of `keras.layers.RNN`: it has a gradient on every backend and can be exported.
    Dropout applies to the window only. Changes and their sums with the anchors are float32 under
    every policy.

    Args:
        recurrence: Model from `x` (batch, time, features) and the states `state_0`, ... to
            `outputs` and the states after them.
        head: Model from outputs (batch, width) to (batch, targets * levels).
        horizon: Steps to forecast.
        targets: Number of targets.
        middle: Index of the level that is fed back. Defaults to `0`.
        **kwargs: Keyword arguments of `keras.layers.Layer`.

    Call arguments:
        inputs: Window, `(batch, time, features)`: scaled targets, whether they are known, and the
            known covariates of the next step.
        anchors: Values that the outputs are added to, `(batch, horizon, targets)`.
        future: Known covariates from the second step on, `(batch, horizon - 1, ...)`, or `None`.

    Output shape:
        `(batch, horizon, targets, levels)`, float32.
    """

    parts = ("recurrence", "head")

    def __init__(
        self,
        recurrence: keras.Model,
        head: keras.Model,
        horizon: int,
        targets: int,
        middle: int = 0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**{"autocast": False, **kwargs})  # keeps the digits of the anchors
        self.recurrence = recurrence
        self.head = head
        self.horizon = horizon
        self.targets = targets
        self.middle = middle
        self.state_names = [name for name in recurrence.input if name != "x"]
        self.levels = head.output.shape[-1] // targets

    def call(
        self,
        inputs: Tensor,
        anchors: Tensor,
        future: Tensor | None = None,
        training: bool | None = None,
    ) -> Tensor:
        batch = ops.shape(inputs)[0]
        states = [
            ops.zeros((batch, self.recurrence.input[name].shape[-1]), dtype=self.compute_dtype)
            for name in self.state_names
        ]
        after_window = self._run(inputs, states, training)
        states = [after_window[name] for name in self.state_names]
        each = ops.repeat(ops.cast(anchors, "float32"), self.levels, axis=-1)
        first = self._forecast(after_window["outputs"][:, -1], each[:, 0])
        if self.horizon == 1:
            return self._by_step(first[:, None])

        def step(before: list[Tensor], driving: Tensor) -> list[Tensor]:
            *states, last = before
            anchor, known = driving[:, : last.shape[-1]], driving[:, last.shape[-1] :]
            fed = last[:, self.middle :: self.levels]
            x = ops.concatenate([fed, ops.zeros_like(fed), known], axis=-1)
            after_step = self._run(x[:, None], states, False)
            after = [after_step[name] for name in self.state_names]
            return [*after, self._forecast(after_step["outputs"][:, 0], anchor)]

        driving = each[:, 1:]
        if future is not None:
            driving = ops.concatenate([driving, ops.cast(future, driving.dtype)], axis=-1)
        # One step per iteration, as each step contains the loops of the layers.
        later = forward_loop(step, [*states, first], driving, steps_per_iteration=1)[-1]
        return self._by_step(ops.concatenate([first[:, None], later], axis=1))

    def _run(self, x: Tensor, states: list[Tensor], training: bool | None) -> dict[str, Tensor]:
        x = ops.cast(x, self.compute_dtype)
        named = {"x": x, **dict(zip(self.state_names, states, strict=True))}
        return self.recurrence(named, training=training)

    def _forecast(self, outputs: Tensor, anchor: Tensor) -> Tensor:
        return ops.cast(self.head(outputs), anchor.dtype) + anchor

    def _by_step(self, flat: Tensor) -> Tensor:
        shape = (ops.shape(flat)[0], self.horizon, self.targets, self.levels)
        return ops.reshape(flat, shape)

    def compute_output_spec(self, inputs: Any, *_: Any, **__: Any) -> keras.KerasTensor:
        shape = (inputs.shape[0], self.horizon, self.targets, self.levels)
        return keras.KerasTensor(shape, dtype="float32")

    def get_config(self) -> dict[str, Any]:
        names = ("horizon", "targets", "middle")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}


def feedback_forecast(
    features: int, horizon: int, targets: int, levels: tuple[float, ...], stack: StackOptions
) -> FeedbackForecast:
    """A `FeedbackForecast` with the parts for a recurrent stack.

    Args:
        features: Width of the inputs.
        horizon: Steps to forecast.
        targets: Number of series.
        levels: Quantiles, or none for the mean.
        stack: Options of `zoo.recurrent_stack`, except `bidirectional` and `initial_state`.
    """
    count = len(levels) or 1
    recurrence = recurrence_model(features, **stack)
    state = keras.Input((recurrence.output["outputs"].shape[-1],), name="state")
    y = keras.layers.Dense(targets * count, dtype="float32", name="head")(state)
    if levels:
        y = keras.layers.Reshape((targets, count), name="levels")(y)
        y = MonotoneQuantiles(levels, dtype="float32", name="quantiles")(y)
        y = keras.layers.Flatten(name="flat")(y)
    head = keras.Model(state, y, name="head")
    middle = levels.index(0.5) if levels else 0
    return FeedbackForecast(recurrence, head, horizon, targets, middle, name="feedback")
