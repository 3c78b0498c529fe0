"""Pooling of a sequence: its last step, both ends, its mean or its maximum."""

from __future__ import annotations

from typing import Any, Literal, get_args

import keras
from keras import ops

from custom_layers.engine.checks import require_one_of
from custom_layers.engine.masking import last_valid, valid_steps, zero_masked
from custom_layers.engine.precision import at_least_float32
from custom_layers.engine.tensor import Tensor

PoolingMode = Literal["last", "ends", "mean", "max"]


@keras.saving.register_keras_serializable(package="rnn_zoo")
class SequencePooling1D(keras.layers.Layer):
    """Last step, both ends, mean or maximum of a sequence over its valid steps.

    With the input `x` and the valid steps `V`::

        last   y = x_l                 l = max V
        ends   y = [x_l, x_f]          f = min V, where the backward half of a bidirectional
                                       layer has read the whole sequence
        mean   y = sum_{t in V} x_t / |V|
        max    y = max_{t in V} x_t    for each feature

    Unlike Keras's pooling layers it respects masks in all modes, and a row without valid steps
    gives zeros.

    Args:
        mode: `"last"`, `"ends"`, `"mean"` or `"max"`. Defaults to `"last"`.
        **kwargs: Keyword arguments of `keras.layers.Layer`.

    Call arguments:
        inputs: `(batch, time, features)`; batch and time may be unknown.
        mask: Optional booleans `(batch, time)`, `True` at valid steps.

    Output shape:
        `(batch, features)`, or `(batch, 2 * features)` for `"ends"`, in the compute dtype.

    Masking:
        Steps may be masked anywhere; their values, NaN included, have no influence. A fully masked
        row gives zeros. The mask is not passed on.

    Raises:
        ValueError: If the mode is unknown.

    Example:

    >>> import keras, numpy as np
    >>> x = np.array([[[1.0], [3.0], [9.0]]], dtype="float32")
    >>> mask = np.array([[True, True, False]])
    >>> keras.ops.convert_to_numpy(SequencePooling1D("ends")(x, mask=mask)).tolist()
    [[3.0, 1.0]]
    """

    def __init__(self, mode: PoolingMode = "last", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        require_one_of("mode", mode, get_args(PoolingMode))
        self.mode = mode
        self.supports_masking = True

    def call(self, inputs: Tensor, mask: Tensor | None = None) -> Tensor:
        mask = valid_steps(inputs, mask)
        inputs = zero_masked(inputs, mask)
        if self.mode == "max":
            lowest = ops.where(mask[:, :, None], inputs, ops.full_like(inputs, self._lowest))
            highest = ops.max(lowest, axis=1)
            return zero_masked(highest, ops.any(mask, axis=1))
        valid = ops.cast(mask, "int32")
        if self.mode == "mean":
            # Not in half precision, where sums over time lose digits.
            precise = at_least_float32(self.compute_dtype)
            total = ops.sum(ops.cast(inputs, precise), axis=1)
            count = ops.maximum(ops.sum(valid, axis=1, keepdims=True), 1)
            return ops.cast(total / ops.cast(count, precise), self.compute_dtype)
        last = ops.cast(last_valid(valid), "bool")
        if self.mode == "last":
            return _chosen(inputs, last)
        first = mask & ops.equal(ops.cumsum(valid, axis=1), 1)
        return ops.concatenate([_chosen(inputs, last), _chosen(inputs, first)], axis=-1)

    @property
    def _lowest(self) -> float:
        """Less than any value, and finite, as ONNX multiplies it by 0 where it is not used."""
        return -6e4 if self.compute_dtype == "float16" else -3e38

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> None:
        return None

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        batch, _, features = input_shape
        return (batch, 2 * features if self.mode == "ends" and features else features)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "mode": self.mode}


def _chosen(inputs: Tensor, step: Tensor) -> Tensor:
    """The marked step of each row, or zeros if there is none."""
    return ops.sum(zero_masked(inputs, step), axis=1)
