"""Sequences without their masked steps: the valid steps of every row gathered at its start."""

from __future__ import annotations

from typing import Any

from keras import ops

Tensor = Any


def valid_first(mask: Tensor) -> Tensor:
    """Indices of the valid steps of every row, in order, and after them of the masked ones.

    Args:
        mask: Booleans `(batch, time)`.

    Returns:
        Integers `(batch, time)` for `take_steps`.

    Example:

    >>> import keras, numpy as np
    >>> keras.ops.convert_to_numpy(valid_first(np.array([[False, True, False, True]]))).tolist()
    [[1, 3, 0, 2]]
    """
    time = ops.shape(mask)[1]
    steps = ops.arange(time, dtype="int32")
    return ops.argsort(ops.where(mask, steps, steps + time), axis=1)


def take_steps(x: Tensor, indices: Tensor) -> Tensor:
    """`x[b, indices[b, t]]`: steps of sequences, others for every row.

    Args:
        x: `(batch, time, size)`.
        indices: Integers `(batch, steps)`.

    Returns:
        `(batch, steps, size)`.
    """
    batch, time, size = ops.shape(x)
    rows = time * ops.arange(batch, dtype="int32")
    flat = ops.reshape(x, (-1, size))
    return ops.take(flat, ops.cast(indices, "int32") + rows[:, None], axis=0)
