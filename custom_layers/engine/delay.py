"""The recurrence with delayed connections over whole sequences, and its backward pass.

    h_t = f(p_t + sum_d (r * h_{t-d}) W_d)

`p` is the projected input and `r` an optional factor on the states (recurrent dropout). With `g_t =
dL/dh_t` from outside, backpropagation through time is the same recurrence from the last step to the
first, only linear::

    dp_t = f'(h_t) * (g_t + r * sum_d dp_{t+d} W_d^T)          dW_d = sum_t (r * h_{t-d})^T dp_t
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence

from keras import ops

from custom_layers.engine.activations import derivative_from_output
from custom_layers.engine.delay_loop import delay_loop, product_per_step, times_per_step
from custom_layers.engine.gradients import with_gradient
from custom_layers.engine.loops import outer, project
from custom_layers.engine.tensor import Tensor


def delay_recurrence(
    projected: Tensor,
    past: Tensor,
    kernel: Tensor,
    delays: Sequence[int],
    activation: Callable[[Tensor], Tensor],
    valid: Tensor | None = None,
    recurrent_dropout_mask: Tensor | None = None,
) -> Tensor:
    """All states of the recurrence.

    Args:
        projected: `p`, `(batch, time, units)`.
        past: States before the first step, in the order of time, `(batch, max(delays), units)`.
        kernel: `W_d`, stacked in the order of `delays`, `(len(delays) * units, units)`.
        delays: The delays `d`.
        activation: `f`. If its derivative is not a known function of its output, the backend
            differentiates the loop.
        valid: Optional booleans `(batch, time)`; where `False` the state is zero.
        recurrent_dropout_mask: `r`, `(batch, units)`.

    Returns:
        `h_1..h_T`, `(batch, time, units)`.
    """
    valid = None if valid is None else ops.cast(valid[:, :, None], projected.dtype)
    derivative = derivative_from_output(activation)
    forward = functools.partial(
        _forward, delays=delays, activation=activation, zero_at_once=derivative is None
    )
    if derivative is None:
        return forward(projected, past, kernel, valid=valid, dropout=recurrent_dropout_mask)
    return with_gradient(
        forward,
        functools.partial(_backward, delays=delays, derivative=derivative),
        projected=projected,
        past=past,
        kernel=kernel,
        valid=valid,
        dropout=recurrent_dropout_mask,
    )


def _forward(
    projected: Tensor,
    past: Tensor,
    kernel: Tensor,
    *,
    delays: Sequence[int],
    activation: Callable[[Tensor], Tensor],
    zero_at_once: bool,
    valid: Tensor | None = None,
    dropout: Tensor | None = None,
) -> Tensor:
    """The states. With `zero_at_once`, those of invalid steps are set to zero inside the loop.

    That is slower, but needed where the backend differentiates the loop: nothing may overflow.
    """

    def product(states: Tensor, kernel: Tensor, steps: int) -> Tensor:
        return product_per_step(times_per_step(states, dropout, steps), kernel, steps)

    def finish(z: Tensor, *valid: Tensor) -> Tensor:
        return activation(z) * valid[0] if valid else activation(z)

    kernels = _by_delay(kernel, delays)
    if valid is None:
        return delay_loop(projected, None, past, kernels, product, finish)
    valid = ops.broadcast_to(valid, ops.shape(projected))
    if zero_at_once:
        return delay_loop(projected, valid, past, kernels, product, finish)
    states = delay_loop(projected, None, past, kernels, product, finish)
    return ops.where(valid > 0, states, ops.zeros_like(states))


def _backward(
    upstream: Tensor,
    states: Tensor,
    *,
    delays: Sequence[int],
    derivative: Callable[[Tensor], Tensor],
    projected: Tensor,
    past: Tensor,
    kernel: Tensor,
    valid: Tensor | None = None,
    dropout: Tensor | None = None,
) -> dict[str, Tensor]:
    """The gradients of the arguments, by name: see the equations at the top of this file."""
    depth = past.shape[1]
    slope = derivative(states) if valid is None else derivative(states) * valid
    transposed = {d: ops.transpose(w) for d, w in _by_delay(kernel, delays).items()}

    def product(dz: Tensor, kernel: Tensor, steps: int) -> Tensor:
        return times_per_step(product_per_step(dz, kernel, steps), dropout, steps)

    def finish(z: Tensor, slope: Tensor) -> Tensor:
        return slope * z

    nothing = ops.zeros_like(past)
    upstream, slope = ops.flip(upstream, axis=1), ops.flip(slope, axis=1)
    dz = ops.flip(delay_loop(upstream, slope, nothing, transposed, product, finish), axis=1)

    before = ops.concatenate([past, states], axis=1)
    before = before if dropout is None else before * dropout[:, None]
    grads = {
        "projected": dz,
        "kernel": ops.concatenate([outer(before[:, depth - d : -d], dz) for d in delays]),
    }
    first = ops.concatenate([dz[:, :depth], nothing], axis=1)
    back = sum(
        ops.concatenate([nothing[:, d:], project(first[:, :d], w)], axis=1)
        for d, w in transposed.items()
    )
    grads["past"] = back if dropout is None else back * dropout[:, None]
    return grads


def _by_delay(kernel: Tensor, delays: Sequence[int]) -> dict[int, Tensor]:
    units = kernel.shape[-1]
    return {d: kernel[i * units : (i + 1) * units] for i, d in enumerate(delays)}
