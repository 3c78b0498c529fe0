"""Masks of sequences: from lengths, the last valid step, valid steps first."""

from __future__ import annotations

from keras import ops

from custom_layers.engine.tensor import Tensor


def first_steps(x: Tensor, count: Tensor) -> Tensor:
    """Booleans of the shape of `x`, `(batch, time)`: `True` at the first `count` of each row.

    Args:
        x: `(batch, time)`. Only its shape matters.
        count: Integers `(batch,)`.
    """
    return ops.cumsum(ops.ones_like(x, dtype="int32"), axis=1) <= ops.expand_dims(count, 1)


def valid_steps(inputs: Tensor, mask: Tensor | None) -> Tensor:
    """The mask as booleans `(batch, time)`; without a mask every step counts."""
    if mask is None:
        return ops.ones_like(inputs[:, :, 0], dtype="bool")
    return ops.cast(mask, "bool")


def right_padded(mask: Tensor) -> Tensor:
    """Whether the valid steps of every sequence come first, and there is at least one: a boolean.

    Args:
        mask: Booleans `(batch, time)`.

    Example:

    >>> import numpy as np
    >>> bool(right_padded(np.array([[True, False], [True, True]])))
    True
    >>> bool(right_padded(np.array([[True, False], [False, False]])))
    False
    """
    mask = ops.cast(mask, "bool")
    resumed = ops.logical_and(mask[:, 1:], ops.logical_not(mask[:, :-1]))
    started = ops.logical_and(ops.all(mask[:, 0]), ops.any(mask))  # the latter for no rows at all
    return ops.logical_and(started, ops.logical_not(ops.any(resumed)))


def zero_masked(x: Tensor, mask: Tensor) -> Tensor:
    """`x` with zeros where the mask is false, even in place of NaN.

    Args:
        x: `(..., size)`.
        mask: Booleans of the shape of `x` without its last axis.
    """
    return ops.where(mask[..., None], x, ops.zeros_like(x))


def last_valid(valid: Tensor) -> Tensor:
    """1 at the last 1 of `valid`, of zeros and ones, along axis 1; 0 elsewhere."""
    passed = ops.cumsum(valid, axis=1)
    # Not `==`, which compares the tensors of a functional model by identity.
    last = ops.equal(passed, ops.max(passed, axis=1, keepdims=True))
    return valid * ops.cast(last, valid.dtype)


def valid_first(mask: Tensor) -> Tensor:
    """Indices of the valid steps of every row, in order, followed by those of the masked ones.

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
    """`x[b, indices[b, t]]`: selected steps of each sequence.

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
