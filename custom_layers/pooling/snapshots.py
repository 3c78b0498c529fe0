"""Pooling of a sequence: a few of its steps, at equal distances."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from custom_layers.engine.checks import require_integer
from custom_layers.engine.masking import take_steps, valid_first, valid_steps
from custom_layers.engine.tensor import Tensor


@keras.saving.register_keras_serializable(package="rnn_zoo")
class SequenceSnapshots1D(keras.layers.Layer):
    """A fixed number of steps of a sequence, at equal distances up to the last, concatenated.

    With the input `x` and `l` valid steps, numbered from 1::

        y = [x_{t_1}, ..., x_{t_n}],    t_i = ceil(i l / n)

    A state halfway through a sequence still knows what the last one has forgotten, so a linear
    readout of snapshots sees more of the sequence than one of the last state. Sequences of any
    length give vectors of the same width; steps are repeated if `l < n`.

    Args:
        count: Number of snapshots `n`. Defaults to `8`.
        **kwargs: Keyword arguments of `keras.layers.Layer`.

    Call arguments:
        inputs: `(batch, time, features)`; batch and time may be unknown.
        mask: Optional booleans `(batch, time)`, `True` at valid steps.

    Output shape:
        `(batch, count * features)`, in the compute dtype.

    Masking:
        Steps may be masked anywhere; their values, NaN included, have no influence. A fully masked
        row gives zeros. The mask is not passed on.

    Raises:
        ValueError: If `count` is not a positive integer.

    Example:

    >>> import keras, numpy as np
    >>> x = np.arange(1.0, 7.0, dtype="float32").reshape(1, 6, 1)
    >>> keras.ops.convert_to_numpy(SequenceSnapshots1D(3)(x)).tolist()
    [[2.0, 4.0, 6.0]]

    Reference:
        The readout of an echo state network for classification in
        [Jaeger et al., 2007](https://doi.org/10.1016/j.neunet.2007.04.016), section 3.
    """

    def __init__(self, count: int = 8, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.count = require_integer("count", count)
        self.supports_masking = True

    def call(self, inputs: Tensor, mask: Tensor | None = None) -> Tensor:
        mask = valid_steps(inputs, mask)
        length = ops.sum(ops.cast(mask, "int32"), axis=1, keepdims=True)
        snapshot = ops.arange(1, self.count + 1, dtype="int32")[None, :]
        among_valid = ops.maximum((snapshot * length + self.count - 1) // self.count - 1, 0)
        steps = ops.take_along_axis(ops.cast(valid_first(mask), "int32"), among_valid, axis=1)
        chosen = take_steps(inputs, steps)
        chosen = ops.where(length[:, :, None] > 0, chosen, ops.zeros_like(chosen))
        return ops.reshape(chosen, (ops.shape(chosen)[0], self.count * inputs.shape[-1]))

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> None:
        return None

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        batch, _, features = input_shape
        return (batch, self.count * features if features else features)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "count": self.count}
