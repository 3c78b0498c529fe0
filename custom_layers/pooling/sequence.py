"""A vector for a sequence: its last step, its ends, its mean or its maximum."""

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
    """Last step, both ends, mean or maximum of a sequence over the steps that count.

    With input `x` and the valid steps `V`::

        last   y = x_l                 l = max V
        ends   y = [x_l, x_f]          f = min V, where the backward half of a bidirectional
                                       layer has read all of the sequence
        mean   y = sum_{t in V} x_t / |V|
        max    y = max_{t in V} x_t    for each feature

    Unlike Keras's pooling layers it heeds masks in all modes, and a row without valid steps gives
    zeros.

    Args:
        mode: As above. Defaults to `"last"`.
        **kwargs: Those of `keras.layers.Layer`.

    Call arguments:
        inputs: `(batch, time, features)`, batch and time may be unknown.
        mask: Optional booleans `(batch, time)`, `True` at the steps that count.

    Output shape:
        `(batch, features)`, for `"ends"` `(batch, 2 * features)`, of the compute dtype.

    Masking:
        Steps may be masked anywhere; what they hold, NaN included, has no influence. A row that is
        masked wholly gives zeros. The mask is not passed on.

    Raises:
        ValueError: if the mode is unknown.

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
            # Not in half precision, in which sums over time lose their digits.
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
        """Below every number, and finite: ONNX multiplies it by 0 where it is not taken."""
        return -6e4 if self.compute_dtype == "float16" else -3e38

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> None:
        return None

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        batch, _, features = input_shape
        return (batch, 2 * features if self.mode == "ends" and features else features)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "mode": self.mode}


def _chosen(inputs: Tensor, step: Tensor) -> Tensor:
    """The one step of each row that is marked; zeros where none is."""
    return ops.sum(zero_masked(inputs, step), axis=1)
