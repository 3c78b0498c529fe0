"""Quantile forecasts that never cross, and the loss to train them."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from custom_layers.engine.tensor import Tensor


@keras.saving.register_keras_serializable(package="rnn_zoo")
class MonotoneQuantiles(keras.layers.Layer):
    """Maps arbitrary numbers to ordered quantiles.

    With the levels `l_1 < ... < l_n`, the middle one `l_m = 0.5`, and inputs `x_1, ..., x_n`::

        q_m = x_m
        q_i = q_{i-1} + softplus(x_i)     for i > m
        q_i = q_{i+1} - softplus(x_i)     for i < m

    so the median depends on its own input only.

    Args:
        quantiles: The levels, ascending, each above 0 and below 1, including 0.5.
        **kwargs: Keyword arguments of `keras.layers.Layer`.

    Call arguments:
        inputs: `(..., levels)`.

    Output shape:
        That of the inputs.

    Raises:
        ValueError: If the levels are invalid, or their number is not the size of the last axis.

    Example:

    >>> import keras, numpy as np
    >>> layer = MonotoneQuantiles([0.1, 0.5, 0.9])
    >>> y = layer(np.array([[3.0, 1.0, -3.0]], "float32"))
    >>> print(np.round(keras.ops.convert_to_numpy(y), 2))
    [[-2.05  1.    1.05]]
    """

    def __init__(self, quantiles: Sequence[float], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.quantiles = checked_quantiles(quantiles)
        if not self.quantiles:
            raise ValueError("`quantiles` must include 0.5, found no quantiles.")
        self.middle = self.quantiles.index(0.5)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        if input_shape[-1] != len(self.quantiles):
            raise ValueError(
                f"`inputs` must have a last axis of {len(self.quantiles)}, one for each quantile, "
                f"found shape {tuple(input_shape)}."
            )
        self.built = True

    def call(self, inputs: Tensor) -> Tensor:
        median = inputs[..., self.middle : self.middle + 1]
        gaps = ops.softplus(inputs)
        below = ops.flip(gaps[..., : self.middle], axis=-1)
        below = median - ops.flip(ops.cumsum(below, axis=-1), axis=-1)
        above = median + ops.cumsum(gaps[..., self.middle + 1 :], axis=-1)
        return ops.concatenate([below, median, above], axis=-1)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "quantiles": list(self.quantiles)}


@keras.saving.register_keras_serializable(package="rnn_zoo")
class ForecastLoss(keras.losses.Loss):
    """The loss of quantile forecasts, or of forecasts of the mean. It is 0 where truth is missing.

    With the truth `y` and the forecast `q_i` of level `l_i`, the pinball loss::

        L = mean_i max(l_i (y - q_i), (l_i - 1) (y - q_i))

    is minimal in expectation if `q_i` is the `l_i` quantile; for 0.5 alone it is half the absolute
    error. Without levels `L = (y - q)^2`, minimal at the mean.

    Args:
        quantiles: The levels. Defaults to `()`, the mean.
        **kwargs: Keyword arguments of `keras.losses.Loss`.

    Call arguments:
        y_true: `(batch, horizon, targets)`, NaN where the truth is missing.
        y_pred: `(batch, horizon, targets, levels)`; without levels the last axis has size 1.
        sample_weight: Optional weights of the windows, `(batch,)`, of their steps, `(batch,
            horizon)`, or of every value, `(batch, horizon, targets)`.

    Raises:
        ValueError: If a level is invalid, or their number is not the size of the last axis; if
            weights have another shape.

    Reference:
        [Koenker and Bassett, 1978](https://doi.org/10.2307/1913643);
        [Wen et al., 2017](https://arxiv.org/abs/1711.11053) for forecasts by recurrent networks.
    """

    def __init__(self, quantiles: Sequence[float] = (), **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.quantiles = checked_quantiles(quantiles)

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        if sample_weight is not None:
            sample_weight = _for_every_value(sample_weight, ops.convert_to_tensor(y_true))
        return super().__call__(y_true, y_pred, sample_weight)

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        if y_pred.shape[-1] != (len(self.quantiles) or 1):
            raise ValueError(
                f"`y_pred` must have a last axis of {len(self.quantiles) or 1}, one for each "
                f"quantile, found shape {tuple(y_pred.shape)}."
            )
        y_true = ops.cast(ops.convert_to_tensor(y_true), y_pred.dtype)[..., None]
        known = ops.logical_not(ops.isnan(y_true))
        miss = ops.where(known, y_true, y_pred) - y_pred  # 0 where missing, as is its gradient
        if not self.quantiles:
            return ops.square(miss)[..., 0]
        levels = ops.convert_to_tensor(np.asarray(self.quantiles, "float32"), dtype=miss.dtype)
        return ops.mean(ops.maximum(levels * miss, (levels - 1) * miss), axis=-1)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "quantiles": list(self.quantiles)}


def _for_every_value(weights: Any, values: Tensor) -> Tensor:
    """Weights of windows, of their steps or of values, as one for each value.

    Keras would align `(batch,)` with the last axis of the values.
    """
    weights = ops.convert_to_tensor(weights)
    leading, whole = tuple(weights.shape), tuple(values.shape)
    if len(leading) > len(whole) or any(
        None not in (a, b) and a not in (1, b) for a, b in zip(leading, whole, strict=False)
    ):
        raise ValueError(
            "`sample_weight` must have shape (batch,), (batch, horizon) or (batch, horizon, "
            f"targets) for values of shape {whole}, found {leading}."
        )
    for _ in whole[len(leading) :]:
        weights = ops.expand_dims(weights, -1)
    return ops.broadcast_to(weights, ops.shape(values))


def checked_quantiles(quantiles: Sequence[float]) -> tuple[float, ...]:
    """Check that levels are ascending, above 0 and below 1, and include 0.5, unless there are none.

    Raises:
        ValueError: If they are not.
    """
    levels = tuple(float(level) for level in quantiles)
    ascending = all(a < b for a, b in itertools.pairwise(levels))
    if levels and not (ascending and 0 < levels[0] and levels[-1] < 1 and 0.5 in levels):
        raise ValueError(
            f"`quantiles` must be ascending, above 0 and below 1, and include 0.5, found {levels}."
        )
    return levels
