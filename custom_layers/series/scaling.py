"""Scaling of time series inside the model, by the training data or by the window itself."""

from __future__ import annotations

from typing import Any, Literal, get_args

import keras
import numpy as np
from keras import ops

from custom_layers.engine.checks import require_number, require_one_of, require_sequences
from custom_layers.engine.masking import last_valid
from custom_layers.engine.tensor import Tensor

ScalingMode = Literal["train", "window", "last"]

_LARGEST = 3e38


@keras.saving.register_keras_serializable(package="rnn_zoo")
class SeriesScaling(keras.layers.Layer):
    """Scales each feature of a window; values may be missing (NaN or infinite).

    With `K` the steps at which a feature `x` of a window is known::

        train    c = mean of the training data       s = its standard deviation
        window   c = mean_{t in K} x_t               s = sqrt(mean_{t in K} (x_t - c)^2)
        last     c = x_l, l = max K                  s as for "window"

        y_t = (x_t - c) / s at known steps, 0 at missing ones

    Results computed from `y` return to the unit of the data as `c + s y`. `"window"` and `"last"`
    can follow levels that the training data never reached, and treat series of different sizes
    alike. With these, `s` is at least `epsilon` times the standard deviation of the training data,
    and `c` and `s` are those of the training data if no value is known.

    Pass the training data to `adapt`; its mean and deviation are non-trainable weights.

    Args:
        mode: `"train"`, `"window"` or `"last"`. Defaults to `"window"`.
        epsilon: Smallest scale of a window, relative to the deviation of the training data.
            Defaults to `1e-3`.
        **kwargs: Keyword arguments of `keras.layers.Layer`. `dtype` defaults to `"float32"`: half
            precision is too coarse for large values with small changes.

    Call arguments:
        inputs: `(batch, time, features)`, NaN or infinite where a value is missing.
        mask: Booleans `(batch, time)`; where `False`, every value counts as missing.

    Returns:
        Scaled values `(batch, time, features)`; 1 or 0 for known or missing, of the same shape; `c`
        and `s`, both `(batch, 1, features)`.

    Raises:
        ValueError: If an argument, or one of `adapt`, is invalid.

    Example:

    >>> import keras, numpy as np
    >>> x = np.array([[[1.0], [np.nan], [3.0]]])
    >>> scaled, known, centre, scale = SeriesScaling("window")(x)
    >>> keras.ops.convert_to_numpy(scaled)[0, :, 0].astype(int).tolist(), float(centre[0, 0, 0])
    ([-1, 0, 1], 2.0)

    Reference:
        `"window"` is the instance normalisation of
        [Kim et al., 2022](https://openreview.net/forum?id=cGDAkQo1C0p) without its trained shift
        and factor.
    """

    def __init__(self, mode: ScalingMode = "window", epsilon: float = 1e-3, **kwargs: Any) -> None:
        super().__init__(**{"dtype": "float32", **kwargs})
        require_one_of("mode", mode, get_args(ScalingMode))
        self.mode = mode
        self.epsilon = require_number("epsilon", epsilon, above=0)
        self.supports_masking = True

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        shape = (require_sequences(input_shape),)
        self.mean = self.add_weight(name="mean", shape=shape, initializer="zeros", trainable=False)
        self.deviation = self.add_weight(
            name="deviation", shape=shape, initializer="ones", trainable=False
        )
        self.built = True

    def adapt(self, values: Any) -> None:
        """Set mean and standard deviation of the training data, computed in float64.

        The deviation of a feature that never changes, or is never known, is set to 1.

        Args:
            values: `(time, features)`, NaN or infinite where a value is missing.
        """
        values = np.asarray(values, "float64")
        if values.ndim != 2 or not len(values):
            raise ValueError(f"`values` must have shape (time, features), found {values.shape}.")
        if not self.built:
            self.build((None, None, values.shape[1]))
        known = np.isfinite(values)
        count = np.maximum(known.sum(axis=0), 1)
        mean = np.where(known, values, 0).sum(axis=0) / count
        deviation = np.sqrt((np.where(known, values - mean, 0) ** 2).sum(axis=0) / count)
        # Rounding errors of equal values are not a change.
        changing = deviation > 1e-9 * np.abs(mean)
        self.mean.assign(mean)
        self.deviation.assign(np.where(changing, deviation, 1.0))

    def call(
        self, inputs: Tensor, mask: Tensor | None = None
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        known = ops.abs(inputs) < float("inf")
        if mask is not None:
            known = ops.logical_and(known, mask[:, :, None])
        valid = ops.cast(known, inputs.dtype)
        # ONNX multiplies the side of a `where` that is not taken by 0, except for `isnan`.
        filled = ops.where(ops.isnan(inputs), ops.zeros_like(inputs), inputs)
        filled = valid * ops.clip(filled, -_LARGEST, _LARGEST)
        each = ops.zeros_like(inputs[:, :1])  # of the shape (batch, 1, features)
        mean, deviation = (each + ops.cast(w, inputs.dtype) for w in (self.mean, self.deviation))
        centre, scale = mean, deviation
        if self.mode != "train":
            count = ops.sum(valid, axis=1, keepdims=True)
            any_known, divisor = count > 0, ops.maximum(count, 1)
            # Sums of deviations from a rough centre, so that a large level costs no digits.
            rough = _first(filled, valid)
            within = rough + ops.sum(valid * (filled - rough), axis=1, keepdims=True) / divisor
            # In units of the deviation: squares of huge values overflow, those of tiny ones vanish.
            units = valid * (filled - within) / deviation
            spread = ops.sum(ops.square(units), axis=1, keepdims=True) / divisor
            scale = deviation * ops.sqrt(ops.maximum(spread, self.epsilon**2))
            level = within if self.mode == "window" else _last(filled, valid)
            centre = ops.where(any_known, level, mean)
            scale = ops.where(any_known, scale, deviation)
        return valid * (filled - centre) / scale, valid, centre, scale

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> None:
        return None

    def compute_output_spec(self, inputs: Any, mask: Any = None) -> tuple[Any, ...]:
        batch, time, features = inputs.shape
        shapes = [(batch, time, features)] * 2 + [(batch, 1, features)] * 2
        return tuple(keras.KerasTensor(shape, dtype=self.compute_dtype) for shape in shapes)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "mode": self.mode, "epsilon": self.epsilon}


def _first(values: Tensor, valid: Tensor) -> Tensor:
    """The first known value of each feature, or 0 if there is none."""
    passed = ops.cumsum(valid, axis=1)
    chosen = valid * ops.cast(passed == 1, values.dtype)
    return ops.sum(chosen * values, axis=1, keepdims=True)


def _last(values: Tensor, valid: Tensor) -> Tensor:
    """The last known value of each feature, or 0 if there is none."""
    return ops.sum(last_valid(valid) * values, axis=1, keepdims=True)
