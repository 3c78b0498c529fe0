"""The leaky recurrence over whole sequences, with its backward pass written out.

    z_t = p_t + (r * s_{t-1}) W          c_t = f(z_t)          s_t = s_{t-1} + k_t (c_t - s_{t-1})

`p` is the projected input, `r` an optional factor on the state (recurrent dropout), and the rate
`k_t` is 1 (the plain RNN), one number per unit, or the logistic of the second half of `z_t`.
A masked step has rate 0. With `g_t = dL/ds_t` from outside, backpropagation through
time is, from the last step to the first::

    d_t = g_t + e_{t+1}                                  the whole gradient of s_t
    dz_t = d_t k_t f'(z_t)                               and d_t (c_t - s_{t-1}) k_t (1 - k_t)
    e_t = (1 - k_t) d_t + r * (dz_t W^T)                 passed on to s_{t-1}
    dp_t = dz_t     dW = sum_t (r * s_{t-1})^T dz_t      dk_t = d_t (c_t - s_{t-1})
"""

from __future__ import annotations

import functools
from collections.abc import Callable

from keras import ops

from custom_layers.engine.activations import derivative_from_output
from custom_layers.engine.gradients import with_gradient
from custom_layers.engine.loops import (
    STEPS_PER_ITERATION,
    backward_loop,
    following,
    forward_loop,
    outer,
    previous,
    time_first,
)
from custom_layers.engine.tensor import Tensor


def leaky_step(
    state: Tensor, z: Tensor, rate: Tensor | None, activation: Callable[[Tensor], Tensor]
) -> Tensor:
    """`s + k (f(z) - s)`. A `rate` of `None` is 1; a second half of `z` gives the rate."""
    units = state.shape[-1]
    if z.shape[-1] == 2 * units:
        gate = ops.sigmoid(z[..., units:])
        z, rate = z[..., :units], gate if rate is None else rate * gate
    candidate = activation(z)
    return candidate if rate is None else state + rate * (candidate - state)


def leaky_recurrence(
    projected: Tensor,
    initial: Tensor,
    kernel: Tensor,
    activation: Callable[[Tensor], Tensor],
    rate: Tensor | None = None,
    mask: Tensor | None = None,
    recurrent_dropout_mask: Tensor | None = None,
    product: Callable[[Tensor], Tensor] | None = None,
) -> Tensor:
    """All states of the leaky recurrence.

    Args:
        projected: `p`, `(batch, time, units)`, or `(batch, time, 2 units)` if the rate is chosen
            at each step.
        initial: `s_0`, `(batch, units)`.
        kernel: `W`, `(units, units)` or `(units, 2 units)`.
        activation: `f`. If its derivative is not a known function of its output, the backend
            differentiates the loop.
        rate: `k`, `(units,)`. `None` for 1, or if it is chosen at each step.
        mask: Booleans `(batch, time)`.
        recurrent_dropout_mask: `r`, `(batch, units)`.
        product: Optional function that multiplies a state by `W`, for a sparse `W`.

    Returns:
        `s_1..s_T`, `(batch, time, units)`.
    """
    valid = None if mask is None else ops.cast(mask[:, :, None], projected.dtype)
    derivative = derivative_from_output(activation)
    forward = functools.partial(_forward, activation=activation, product=product)
    if derivative is None:
        return forward(
            projected, initial, kernel, rate=rate, valid=valid, dropout=recurrent_dropout_mask
        )
    return with_gradient(
        forward,
        functools.partial(_backward, activation=activation, derivative=derivative),
        projected=projected,
        initial=initial,
        kernel=kernel,
        rate=rate,
        valid=valid,
        dropout=recurrent_dropout_mask,
    )


def _forward(
    projected: Tensor,
    initial: Tensor,
    kernel: Tensor,
    *,
    activation: Callable[[Tensor], Tensor],
    product: Callable[[Tensor], Tensor] | None,
    rate: Tensor | None = None,
    valid: Tensor | None = None,
    dropout: Tensor | None = None,
) -> Tensor:
    width = projected.shape[-1]
    inputs = projected if valid is None else ops.concatenate([projected, valid], axis=-1)

    def step(states: list[Tensor], x: Tensor) -> list[Tensor]:
        (state,) = states
        seen = state if dropout is None else state * dropout
        driven = ops.matmul(seen, kernel) if product is None else product(seen)
        z = x[:, :width] + driven
        return [leaky_step(state, z, _rate(rate, x[:, width:]), activation)]

    steps = STEPS_PER_ITERATION if product is None else 1
    return forward_loop(step, [initial], inputs, steps)[0]


def _rate(rate: Tensor | None, valid: Tensor) -> Tensor | None:
    """The rate at a step, 0 if it is masked. Without a mask, `valid` has width 0."""
    if valid.shape[-1] == 0:
        return rate
    return valid if rate is None else rate * valid


def _backward(
    upstream: Tensor,
    states: Tensor,
    *,
    activation: Callable[[Tensor], Tensor],
    derivative: Callable[[Tensor], Tensor],
    projected: Tensor,
    initial: Tensor,
    kernel: Tensor,
    rate: Tensor | None = None,
    valid: Tensor | None = None,
    dropout: Tensor | None = None,
) -> dict[str, Tensor]:
    """The gradients of the arguments, by name: see the equations at the top of this file."""
    units = initial.shape[-1]
    adaptive = kernel.shape[-1] == 2 * units
    upstream = time_first(upstream)
    before = previous(initial, time_first(states))
    seen = before if dropout is None else before * dropout
    k = rate if valid is None else _rate(rate, time_first(valid))
    if k is None and not adaptive:
        candidate = time_first(states)
    else:
        z = time_first(projected) + ops.matmul(seen, kernel)
        candidate = activation(z[..., :units])
    slope = derivative(candidate)
    if adaptive:
        gate = ops.sigmoid(z[..., units:])
        k = gate if k is None else k * gate
        gate_slope = (candidate - before) * k * (1 - gate)
        slope = ops.concatenate([k * slope, gate_slope], axis=-1)
    elif k is not None:
        slope = k * slope
    per_step = k is not None and len(k.shape) == 3
    transposed = ops.transpose(kernel)

    def step(carry: list[Tensor], xs: list[Tensor]) -> list[Tensor]:
        (e,) = carry
        g, slope = xs[:2]
        d = e + g
        dz = (ops.concatenate([d, d], axis=-1) if adaptive else d) * slope
        back = ops.matmul(dz, transposed)
        if dropout is not None:
            back = back * dropout
        if k is None:
            return [back]
        return [(1 - (xs[2] if per_step else k)) * d + back]

    inputs = [upstream, slope]
    if k is not None and per_step:
        inputs.append(k)
    (e,) = backward_loop(step, [ops.zeros_like(initial)], inputs)
    d = upstream + following(e)
    dz = (ops.concatenate([d, d], axis=-1) if adaptive else d) * slope
    grads = {"projected": time_first(dz), "initial": e[0], "kernel": outer(seen, dz)}
    if rate is not None:
        change = d * (candidate - before)
        change = change if valid is None else change * time_first(valid)
        grads["rate"] = ops.sum(change, axis=(0, 1))
    return grads
