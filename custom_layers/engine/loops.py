"""Loops over time with several steps per iteration, for recurrences with written-out gradients.

A recurrence is computed as `states = forward_loop(step, initial, inputs)`. Its gradient is another
recurrence, from the last step to the first, computed by `backward_loop`. Everything else is done
for all steps at once: the gradient of a kernel is one matrix product over batch and time. This is
faster than differentiating the loop, because

* the backward pass neither accumulates gradients nor stores intermediate results at each step;
* an iteration of a TensorFlow loop costs tens of microseconds whatever it computes, so
  `STEPS_PER_ITERATION` steps share one.

For large sequences that are not differentiated, `in_chunks` works on a piece at a time:
intermediate results stay in the cache, and only outputs and last states are kept.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import keras
from keras import ops

from custom_layers.engine.tensor import Tensor

STEPS_PER_ITERATION = 5
"""More gain little in a TensorFlow graph, and cost time under XLA, which copies finished blocks."""


def forward_loop(
    step: Callable[[list[Tensor], Tensor], list[Tensor]],
    initial: Sequence[Tensor],
    inputs: Tensor,
    steps_per_iteration: int = STEPS_PER_ITERATION,
) -> list[Tensor]:
    """All states of `states = step(states, inputs[:, t])`, t = 1..T.

    Uses the loop of `keras.layers.RNN`, which also converts to ONNX and LiteRT.

    Args:
        step: Function of the list of states, each `(batch, size)`, and the input of a step
            `(batch, features)`; returns the next states, of the same shapes and dtypes.
        initial: States before the first step.
        inputs: `(batch, time, features)`.
        steps_per_iteration: Steps per iteration. XLA may recompute a step for each later one in
            the same iteration, unless there is a matrix product between them.

    Returns:
        For each state, its values after every step, `(batch, time, size)`.
    """
    batch, time, features = ops.shape(inputs)
    sizes = [state.shape[-1] for state in initial]
    block, blocks = _blocks(inputs.shape[1], time, steps_per_iteration)
    inputs = pad(inputs, blocks * block - time, axis=1)

    def iteration(x: Tensor, states: Sequence[Tensor]) -> tuple[Tensor, list[Tensor]]:
        states, after = list(states), []
        for i in range(block):
            states = step(states, x[:, i * features : (i + 1) * features])
            after.extend(states)
        return side_by_side(after), states

    inputs = ops.reshape(inputs, (batch, blocks, block * features))
    if isinstance(blocks, int) and blocks == 1:
        after, _ = iteration(inputs[:, 0], list(initial))
    else:
        loop = keras.layers.RNN(Iteration(iteration, sizes), return_sequences=True, name="loop")
        _, after, _ = loop.inner_loop(inputs, list(initial), mask=None)
    after = ops.reshape(after, (batch, blocks * block, sum(sizes)))[:, :time]
    return split(after, sizes)


def backward_loop(
    step: Callable[[list[Tensor], list[Tensor]], list[Tensor]],
    initial: Sequence[Tensor],
    inputs: Sequence[Tensor],
) -> list[Tensor]:
    """All states of `states = step(states, [x[t] for x in inputs])`, t = T..1, time first.

    Args:
        step: As in `forward_loop`, but with a list of inputs. Because the time axis is padded, it
            must map zero states and zero inputs to zeros, as the adjoint of any recurrence does.
        initial: States after the last step: zeros.
        inputs: Tensors of shape `(time, batch, size)`.

    Returns:
        For each state, its values after every step, `(time, batch, size)`, in the order of time:
        the last one computed is at index 0.
    """
    time, batch = ops.shape(inputs[0])[0], ops.shape(inputs[0])[1]
    block, blocks = _blocks(inputs[0].shape[0], time, STEPS_PER_ITERATION)

    sizes = [x.shape[-1] for x in inputs]
    if inputs[0].shape[0] is None:  # TensorFlow's scan takes only one tensor of unknown length
        inputs = [side_by_side(inputs)]

    def iteration(carry: Sequence[Tensor], xs: Sequence[Tensor]) -> Any:
        states = [c[0] for c in carry]
        after: list[list[Tensor]] = []
        for i in reversed(range(block)):
            values = [x[i] for x in xs]
            states = step(states, values if len(values) == len(sizes) else split(values[0], sizes))
            after.insert(0, states)
        stacked = [ops.stack(state) for state in zip(*after, strict=True)]
        return stacked, stacked  # of the same structure, as TensorFlow's scan requires

    xs = [
        ops.reshape(pad(x, blocks * block - time, axis=0), (blocks, block, batch, x.shape[-1]))
        for x in inputs
    ]
    carry = [ops.broadcast_to(s[None], (block, batch, s.shape[-1])) for s in initial]
    if isinstance(blocks, int) and blocks == 1:
        after = [a[None] for a in iteration(carry, [x[0] for x in xs])[1]]
    else:
        _, after = ops.scan(iteration, carry, xs, reverse=True)
    return [ops.reshape(a, (blocks * block, batch, a.shape[-1]))[:time] for a in after]


def in_chunks(
    run: Callable[[Tensor, list[Tensor], Tensor | None], tuple[Tensor, list[Tensor]]],
    inputs: Tensor,
    initial: Sequence[Tensor],
    mask: Tensor | None,
    steps: int,
) -> tuple[Tensor, list[Tensor]]:
    """The result of `run` for a whole sequence, computed `steps` steps at a time.

    Args:
        run: Function of inputs `(batch, any, features)`, the list of states before them and their
            mask; returns outputs `(batch, any, units)` and the states after them.
        inputs: `(batch, time, features)`, with a known time.
        initial: States before the first step.
        mask: Optional booleans `(batch, time)`.
        steps: Length of a chunk; the last one may be shorter.

    Returns:
        Outputs `(batch, time, units)`, and the states after the last step.
    """
    batch, time, features = ops.shape(inputs)
    whole = time // steps * steps
    if whole <= steps:
        return run(inputs, list(initial), mask)
    width = features if mask is None else features + 1
    columns = [inputs] if mask is None else [inputs, ops.cast(mask[:, :, None], inputs.dtype)]
    chunks = ops.reshape(side_by_side(columns)[:, :whole], (batch, whole // steps, steps * width))

    def iteration(x: Tensor, states: Sequence[Tensor]) -> tuple[Tensor, list[Tensor]]:
        x = ops.reshape(x, (batch, steps, width))
        valid = None if mask is None else x[:, :, features] > 0
        outputs, states = run(x[:, :, :features], list(states), valid)
        return ops.reshape(outputs, (batch, steps * outputs.shape[-1])), states

    sizes = [state.shape[-1] for state in initial]
    loop = keras.layers.RNN(Iteration(iteration, sizes), return_sequences=True, name="chunks")
    _, outputs, states = loop.inner_loop(chunks, list(initial), mask=None)
    outputs = ops.reshape(outputs, (batch, whole, outputs.shape[-1] // steps))
    if whole == time:
        return outputs, states
    rest = None if mask is None else mask[:, whole:]
    last, states = run(inputs[:, whole:], states, rest)
    return ops.concatenate([outputs, last], axis=1), states


def assumed_batch(inputs: Tensor) -> int:
    """Rows of the batch; if unknown 32, the default of `fit` and `predict`."""
    return inputs.shape[0] or 32


def time_first(x: Tensor) -> Tensor:
    """`(batch, time, ...)` to `(time, batch, ...)` and back."""
    return ops.transpose(x, (1, 0, *range(2, len(x.shape))))


def previous(initial: Tensor, states: Tensor) -> Tensor:
    """The states before every step from those after it, time first."""
    return ops.concatenate([initial[None], states[:-1]], axis=0)


def following(states: Tensor) -> Tensor:
    """The values of the step after every step, time first; zero for the last one."""
    return ops.concatenate([states[1:], ops.zeros_like(states[:1])], axis=0)


def project(inputs: Tensor, kernel: Tensor, bias: Tensor | None = None) -> Tensor:
    """`inputs @ kernel + bias` for all steps in one matrix product."""
    features, units = kernel.shape
    flat = ops.matmul(ops.reshape(inputs, (-1, features)), kernel)
    if bias is not None:
        flat = flat + bias
    return ops.reshape(flat, (*ops.shape(inputs)[:-1], units))


def outer(left: Tensor, right: Tensor) -> Tensor:
    """Sum of the outer products over all leading axes: the gradient of a kernel."""
    left = ops.reshape(left, (-1, left.shape[-1]))
    return ops.matmul(ops.transpose(left), ops.reshape(right, (-1, right.shape[-1])))


class Iteration:
    """A cell, as `keras.layers.RNN` needs it, of a function and the sizes of its states."""

    def __init__(self, function: Callable[..., Any], state_size: list[int]) -> None:
        self.call = function
        self.state_size = state_size

    def __call__(self, inputs: Tensor, states: Sequence[Tensor]) -> Any:
        return self.call(inputs, states)


def _blocks(static_time: int | None, time: Any, block: int) -> tuple[int, Any]:
    """Steps per iteration, and the number of iterations."""
    block = block if static_time is None else min(block, static_time)
    return block, (time + block - 1) // block


def pad(x: Tensor, steps: Any, axis: int = 1, front: bool = False) -> Tensor:
    """`x` with that many zeros at the end, or at the front, of the time axis."""
    if isinstance(steps, int) and steps == 0:
        return x
    shape = list(ops.shape(x))
    shape[axis] = steps
    zeros = ops.zeros(shape, dtype=x.dtype)
    return ops.concatenate([zeros, x] if front else [x, zeros], axis=axis)


def side_by_side(parts: Sequence[Tensor]) -> Tensor:
    """`parts` concatenated on the last axis."""
    return parts[0] if len(parts) == 1 else ops.concatenate(parts, axis=-1)


def split(x: Tensor, sizes: Sequence[int]) -> list[Tensor]:
    """Reverse of `side_by_side`. The last part takes the rest."""
    bounds = [sum(sizes[: i + 1]) for i in range(len(sizes) - 1)]
    return ops.split(x, bounds, axis=-1) if bounds else [x]
