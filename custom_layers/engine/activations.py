"""Derivatives of activation functions, as functions of their output."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
from keras import ops

_DERIVATIVES: dict[Callable[..., Any], Callable[[Any], Any]] = {
    keras.activations.linear: ops.ones_like,
    keras.activations.tanh: lambda y: 1 - y * y,
    keras.activations.sigmoid: lambda y: y * (1 - y),
    keras.activations.relu: lambda y: ops.cast(y > 0, y.dtype),
    keras.activations.softsign: lambda y: ops.square(1 - ops.abs(y)),
    keras.activations.softplus: lambda y: 1 - ops.exp(-y),
}


def derivative_from_output(activation: Callable[..., Any]) -> Callable[[Any], Any] | None:
    """f' as a function of y = f(x), for a backward pass that keeps only the states.

    Args:
        activation: A function of `keras.activations`.

    Returns:
        A function of the output of `activation`. `None` where the derivative is unknown, or not a
        function of the output; the backend then differentiates the loop over time.

    Example:

    >>> import keras
    >>> float(derivative_from_output(keras.activations.tanh)(0.5))  # 1 - 0.5^2
    0.75
    >>> derivative_from_output(keras.activations.gelu) is None
    True
    """
    return _DERIVATIVES.get(activation)
