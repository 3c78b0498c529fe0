"""The Legendre memory in discrete time, and its recurrence with the backward pass written out.

**Discretisation.** If the input is constant within each step, `theta dm/dt = A' m + B' u` is
exactly `m_t = m_{t-1} + E m_{t-1} + B u_t` with `E = exp(A' / theta) - 1`. The first column of `A'`
is `-B'`, so `B = A'^{-1} E B' = -E e_1` is minus the first column of `E`. We keep `E` rather than
`A = 1 + E`: its entries are of the order of 1 / theta, and rounding them shortens the memory by far
less than rounding `A` would.

**Recurrence.** With `m_t` substituted into the equation of `h_t`, one matrix product serves both.
With the states side by side, `s = [h | m]`, and an optional factor `r` on them (dropout)::

    z_t = p_t + (r * s_{t-1}) K                               p and K: see `LegendreMemoryCell`
    s_t = [0 | m_{t-1}] + [f(z_t's first part) | its second part]

A masked step carries `s` over: with `v_t` 1 or 0, `k_t = [1 - v_t | 1]` and `g_t = dL/ds_t` from
outside, backpropagation through time is, from the last step to the first::

    s_t = k_t * s_{t-1} + v_t [f(..) | ..]
    d_t = g_t + e_{t+1}                                       the whole gradient of s_t
    dz_t = d_t * v_t [f' | 1]
    e_t = k_t * d_t + r * (dz_t K^T)                          passed on to s_{t-1}
    dp_t = dz_t     dK = sum_t (r * s_{t-1})^T dz_t
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
from keras import ops

from custom_layers.engine.activations import derivative_from_output
from custom_layers.engine.gradients import with_gradient
from custom_layers.engine.loops import (
    backward_loop,
    following,
    forward_loop,
    outer,
    previous,
    time_first,
)
from custom_layers.engine.tensor import Tensor

_TERMS = 10
"""Terms of the Taylor series. For a norm of at most 1/8, more change nothing in float64."""


def legendre_matrix(order: int) -> np.ndarray:
    """`A'` of the Legendre memory, `(order, order)`; `B'` is minus its first column."""
    i = np.arange(order)
    distance = i[:, None] - i[None, :]
    signs = np.where(distance < 0, -1.0, (-1.0) ** (distance + 1))
    return (2.0 * i[:, None] + 1) * signs


def expm1(x: Any, squarings: int) -> Any:
    """`exp(x) - 1` of a square matrix, an array or a tensor, by scaling and squaring.

    Args:
        x: The matrix.
        squarings: How often to halve it first, to reach a norm of at most 1/8.

    Returns:
        A matrix of the type of `x`; its small entries are accurate, too.
    """
    x = x * 0.5**squarings
    result = x / _TERMS
    for k in reversed(range(1, _TERMS)):
        result = (x + x @ result) / k
    for _ in range(squarings):  # (1 + y)^2 - 1
        result = 2 * result + result @ result
    return result


def zero_order_hold(order: int, theta: float) -> np.ndarray:
    """`E^T` of a memory of `theta` steps, in float64."""
    return expm1(legendre_matrix(order).T / theta, _squarings(order, theta))


def trained_zero_order_hold(log_theta: Tensor, order: int) -> Tensor:
    """`E^T` of a memory of `exp(log_theta)` steps, at least one, with its exact gradient.

    `E` and `A'` commute: `dE / d log theta = -(A' / theta) (1 + E)`.
    """
    matrix = ops.convert_to_tensor(legendre_matrix(order).T, log_theta.dtype)

    def forward(log_theta: Tensor) -> Tensor:
        return expm1(matrix * ops.exp(-log_theta), _squarings(order, 1.0))

    def backward(upstream: Tensor, result: Tensor, log_theta: Tensor) -> dict[str, Tensor]:
        derivative = matrix + ops.matmul(matrix, result)
        return {"log_theta": -ops.exp(-log_theta) * ops.sum(upstream * derivative)}

    return with_gradient(forward, backward, log_theta=log_theta)


def _squarings(order: int, theta: float) -> int:
    """Squarings for `expm1`: the 1-norm of `A'` is the square of the order."""
    return max(0, math.ceil(math.log2(8 * order**2 / theta)))


def legendre_recurrence(
    projected: Tensor,
    initial: Tensor,
    kernel: Tensor,
    activation: Callable[[Tensor], Tensor],
    units: int,
    mask: Tensor | None = None,
    recurrent_dropout_mask: Tensor | None = None,
) -> Tensor:
    """All states of the recurrence, `[h | m]`, of width `units + order`.

    Args:
        projected: `p`, `(batch, time, width)`.
        initial: `s_0`, `(batch, width)`.
        kernel: `K`, `(width, width)`.
        activation: `f`. If its derivative is not a known function of its output, the backend
            differentiates the loop.
        units: Width of `h`.
        mask: Booleans `(batch, time)`.
        recurrent_dropout_mask: `r`, `(batch, units)`.

    Returns:
        `s_1..s_T`, `(batch, time, width)`.
    """
    valid = None if mask is None else ops.cast(mask[:, :, None], projected.dtype)
    dropout = None
    if recurrent_dropout_mask is not None:
        dropout = ops.concatenate(
            [recurrent_dropout_mask, ops.ones_like(initial[:, units:])], axis=-1
        )
    derivative = derivative_from_output(activation)
    forward = functools.partial(_forward, activation=activation, units=units)
    if derivative is None:
        return forward(projected, initial, kernel, valid=valid, dropout=dropout)
    return with_gradient(
        forward,
        functools.partial(_backward, derivative=derivative, units=units),
        projected=projected,
        initial=initial,
        kernel=kernel,
        valid=valid,
        dropout=dropout,
    )


def _forward(
    projected: Tensor,
    initial: Tensor,
    kernel: Tensor,
    *,
    activation: Callable[[Tensor], Tensor],
    units: int,
    valid: Tensor | None = None,
    dropout: Tensor | None = None,
) -> Tensor:
    width = projected.shape[-1]
    replaced = _replaced(units, width, projected.dtype)
    kept = 1 - replaced
    inputs = projected if valid is None else ops.concatenate([projected, valid], axis=-1)

    def step(states: list[Tensor], x: Tensor) -> list[Tensor]:
        (state,) = states
        seen = state if dropout is None else state * dropout
        hidden, change = ops.split(x[:, :width] + ops.matmul(seen, kernel), [units], axis=-1)
        new = ops.concatenate([activation(hidden), change], axis=-1)
        if valid is None:
            return [state * kept + new]
        return [state + x[:, width:] * (new - state * replaced)]

    return forward_loop(step, [initial], inputs)[0]


def _replaced(units: int, width: int, dtype: Any) -> Tensor:
    """1 for the states that a step replaces, 0 for those it adds to: `1 - k`."""
    return ops.cast(np.arange(width) < units, dtype)


def _backward(
    upstream: Tensor,
    states: Tensor,
    *,
    derivative: Callable[[Tensor], Tensor],
    units: int,
    projected: Tensor,
    initial: Tensor,
    kernel: Tensor,
    valid: Tensor | None = None,
    dropout: Tensor | None = None,
) -> dict[str, Tensor]:
    """The gradients of the arguments, by name: see the equations at the top of this file."""
    upstream, states = time_first(upstream), time_first(states)
    before = previous(initial, states)
    seen = before if dropout is None else before * dropout
    hidden, memory = states[..., :units], states[..., units:]
    if valid is not None:
        valid = time_first(valid)
        hidden = hidden * valid  # at a masked step it is not an output of f
    slope = ops.concatenate([derivative(hidden), ops.ones_like(memory)], axis=-1)
    slope = slope if valid is None else slope * valid
    replaced = _replaced(units, projected.shape[-1], projected.dtype)
    transposed = ops.transpose(kernel)

    def step(carry: list[Tensor], xs: list[Tensor]) -> list[Tensor]:
        d = carry[0] + xs[0]
        back = ops.matmul(d * xs[1], transposed)
        if dropout is not None:
            back = back * dropout
        return [d * (1 - (replaced if valid is None else replaced * xs[2])) + back]

    inputs = [upstream, slope] if valid is None else [upstream, slope, valid]
    (e,) = backward_loop(step, [ops.zeros_like(initial)], inputs)
    dz = (upstream + following(e)) * slope
    return {"projected": time_first(dz), "initial": e[0], "kernel": outer(seen, dz)}
