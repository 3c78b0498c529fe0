"""Checks of arguments, each of which raises a `ValueError` that names the argument."""

from __future__ import annotations

import math
import operator
from collections.abc import Iterable, Sequence
from numbers import Integral, Real
from typing import Any

import numpy as np


def is_integer(value: Any, least: int | None = None) -> bool:
    """Whether a value is an integer, of Python or NumPy, of at least `least`. A bool is not."""
    if isinstance(value, bool) or not isinstance(value, Integral):
        return False
    return least is None or int(value) >= least


def require_integer(name: str, value: Any, least: int = 1) -> int:
    """Check that an argument is an integer of at least `least`.

    Returns:
        The argument as an `int`, which a NumPy integer is not.

    Example:

    >>> require_integer("units", True)
    Traceback (most recent call last):
    ValueError: `units` must be a positive integer, found True.
    """
    if not is_integer(value, least):
        expected = {0: "a non-negative integer", 1: "a positive integer"}.get(
            least, f"an integer of at least {least}"
        )
        raise ValueError(f"`{name}` must be {expected}, found {value!r}.")
    return int(value)


def require_number(
    name: str,
    value: Any,
    *,
    least: float | None = None,
    above: float | None = None,
    most: float | None = None,
    below: float | None = math.inf,
) -> float:
    """Check that an argument is a number, not NaN, within bounds.

    Args:
        name: Name of the argument.
        value: The argument.
        least: Lower bound, included.
        above: Lower bound, excluded.
        most: Upper bound, included.
        below: Upper bound, excluded. Defaults to infinity.

    Returns:
        The argument as an `int` or a `float`, which a NumPy number is not.

    Example:

    >>> require_number("dropout", 1.0, least=0, below=1)
    Traceback (most recent call last):
    ValueError: `dropout` must be at least 0 and below 1, found 1.0.
    """
    if isinstance(value, bool) or not isinstance(value, Real):
        raise ValueError(f"`{name}` must be a number, found {value!r}.")
    bounds = [
        (text, holds, bound)
        for text, holds, bound in (
            ("at least", operator.ge, least),
            ("above", operator.gt, above),
            ("at most", operator.le, most),
            ("below", operator.lt, below),
        )
        if bound is not None
    ]
    if not all(holds(value, bound) for _, holds, bound in bounds):
        expected = [f"{text} {bound}" for text, _, bound in bounds if bound != math.inf]
        if value == math.inf:
            expected.append("finite")
        raise ValueError(f"`{name}` must be {' and '.join(expected)}, found {value!r}.")
    return int(value) if isinstance(value, Integral) else float(value)


def require_one_of(name: str, value: Any, known: Iterable[Any]) -> None:
    """Check that an argument is one of the known values.

    Example:

    >>> require_one_of("mode", "first", ("last", "mean"))
    Traceback (most recent call last):
    ValueError: `mode` must be one of 'last', 'mean', found 'first'.
    """
    known = tuple(known)
    if value not in known:
        raise ValueError(f"`{name}` must be one of {', '.join(map(repr, known))}, found {value!r}.")


def require_sequences(shape: Sequence[int | None]) -> int:
    """Check that inputs are sequences, and return their number of features."""
    if len(shape) != 3 or shape[-1] is None:
        raise ValueError(
            "`inputs` must have shape (batch, time, features) with known features, "
            f"found {tuple(shape)}."
        )
    return shape[-1]


def require_normalizable(name: str, features: int) -> None:
    """Check that layer normalisation of so many features leaves something of them.

    Of one feature it leaves a constant, and of two only their order.

    Example:

    >>> require_normalizable("units", 2)
    Traceback (most recent call last):
    ValueError: `units` must be at least 3 with `layer_norm=True`, found 2: layer normalisation ...
    """
    if features < 3:
        raise ValueError(
            f"`{name}` must be at least 3 with `layer_norm=True`, found {features}: layer "
            "normalisation leaves a constant of one feature, and of two only their order."
        )


def require_example_weights(weights: Any) -> None:
    """Check that weights are one for each example, `(batch,)` or `(batch, 1)`.

    Weights for each step, `(batch, time)`, would be broadcast wrongly where batch equals time.
    """
    shape = tuple(getattr(weights, "shape", ()))
    if len(shape) > 1 and shape[1:] != (1,):
        raise ValueError(
            f"`sample_weight` must have a weight for each example, shape (batch,), found {shape}."
        )


def require_classes(name: str, labels: Any, classes: int) -> None:
    """Check that labels are below a number of classes, where they are a NumPy array or a list.

    The values of a tensor may be unknown, or on a device that would have to be waited for.
    """
    if isinstance(labels, np.ndarray | list | tuple) and np.max(labels, initial=-1) >= classes:
        raise ValueError(f"`{name}` must be below {classes}, found {np.max(labels)}.")


def require_mask(mask: Any) -> None:
    """Check that a mask has an entry for each step of each sequence."""
    if len(mask.shape) != 2:
        raise ValueError(f"`mask` must have shape (batch, time), found {tuple(mask.shape)}.")
