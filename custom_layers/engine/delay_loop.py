"""A loop over time whose steps read outputs of several steps ago, without a shifting buffer.

A step depends on outputs at least `min(delays)` steps back, so that many steps can be computed at
once, in one matrix product: a stage. Likewise a longer delay can be applied to as many steps at
once as it is long: with delays 1 and 4, four steps take one product with the kernel of 4 and four
with that of 1. An iteration of the loop computes a block of several stages, and later blocks read
the outputs from the block that wrote them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
from keras import ops

from custom_layers.engine.loops import Iteration, pad, side_by_side, split
from custom_layers.engine.tensor import Tensor

FEWEST, MOST = 5, 16
"""Stages per iteration of the loop. More would cost more in XLA compilation than they gain, unless
a long delay would make the loop carry many blocks."""

BLOCKS_KEPT = 4
"""Blocks that the loop carries, as far as `MOST` allows."""

AT_ONCE = 32
"""Most steps in a stage if the length is unknown, as sequences are padded to whole stages."""


def delay_loop(
    inputs: Tensor,
    extra: Tensor | None,
    past: Tensor,
    kernels: Mapping[int, Tensor],
    product: Callable[[Tensor, Tensor, int], Tensor],
    finish: Callable[..., Tensor],
) -> Tensor:
    """`y_t = finish(inputs_t + sum_d product(y_{t-d}, kernels[d]), extra_t)`, t = 1..T.

    Args:
        inputs: `(batch, time, units)`.
        extra: `None`, or a tensor of the shape of `inputs`.
        past: `y` before the first step, in the order of time, `(batch, max(kernels), units)`.
        kernels: Kernels by delay.
        product: Function of `(batch, steps * units)`, a kernel and the number of steps.
        finish: Elementwise function of one tensor or, with `extra`, of two.

    Returns:
        `(batch, time, units)`.
    """
    depth, units = past.shape[1:]
    tensors = [inputs] if extra is None else [inputs, extra]
    batch, time = ops.shape(inputs)[0], ops.shape(inputs)[1]
    widths, block, blocks = _plan(sorted(kernels), inputs.shape[1], time)

    def iteration(x: Tensor, history: Sequence[Tensor]) -> Tensor:
        parts = split(x, [block * units] * len(tensors))
        return _block(parts, history, block, widths, kernels, product, finish)

    tensors = [pad(x, blocks * block - time) for x in tensors]
    if isinstance(blocks, int) and blocks == 1:
        x = side_by_side([ops.reshape(x, (batch, block * units)) for x in tensors])
        after = iteration(x, [ops.reshape(past, (batch, depth * units))])
    else:
        kept = -(-depth // block)
        past = pad(past, kept * block - depth, front=True)
        carry = [
            ops.reshape(past[:, i * block : (i + 1) * block], (batch, block * units))
            for i in range(kept)
        ]

        def step(x: Tensor, carry: Sequence[Tensor]) -> tuple[Tensor, list[Tensor]]:
            y = iteration(x, carry)
            return y, [*carry[1:], y]

        x = side_by_side([ops.reshape(x, (batch, blocks, block * units)) for x in tensors])
        cell = Iteration(step, [block * units] * kept)
        loop = keras.layers.RNN(cell, return_sequences=True, name="loop")
        _, after, _ = loop.inner_loop(x, carry, mask=None)
    return ops.reshape(after, (batch, blocks * block, units))[:, :time]


def _block(
    parts: list[Tensor],
    history: Sequence[Tensor],
    steps: int,
    widths: list[tuple[int, int]],
    kernels: Mapping[int, Tensor],
    product: Callable[[Tensor, Tensor, int], Tensor],
    finish: Callable[..., Tensor],
) -> Tensor:
    """The outputs of a block of steps, numbered from its first step.

    Args:
        parts: Inputs and any other argument of `finish`, `(batch, steps * units)`.
        history: Outputs up to step -1, in the order of time, `(batch, any * units)`.
        steps: Number of steps.
        widths: Each delay, longest first, and the number of steps it is applied to at once.
        kernels: As in `delay_loop`.
        product: As in `delay_loop`.
        finish: As in `delay_loop`.
    """
    units = next(iter(kernels.values())).shape[-1]
    chunks: list[tuple[int, int, Tensor]] = []  # first step, the step after the last, outputs
    for values in reversed(history):
        first = chunks[0][0] if chunks else 0
        chunks.insert(0, (first - values.shape[-1] // units, first, values))

    def outputs(start: int, stop: int) -> Tensor:
        pieces = []
        for first, last, values in chunks:
            a, b = max(start, first), min(stop, last)
            if (a, b) == (first, last):
                pieces.append(values)
            elif a < b:
                pieces.append(values[:, (a - first) * units : (b - first) * units])
        return side_by_side(pieces)

    def advance(remaining: list[tuple[int, int]], parts: list[Tensor], a: int, b: int) -> None:
        """Compute steps `a..b-1` from `parts`, their inputs with the longer delays added."""
        if not remaining:
            chunks.append((a, b, finish(*parts)))
            return
        delay, width = remaining[0]
        starts = range(a, b, width)
        pieces = [split(part, [width * units] * len(starts)) for part in parts]
        for start, (z, *rest) in zip(starts, zip(*pieces, strict=True), strict=True):
            stop = min(start + width, b)
            seen = product(outputs(start - delay, stop - delay), kernels[delay], stop - start)
            advance(remaining[1:], [z + seen, *rest], start, stop)

    advance(widths, parts, 0, steps)
    return outputs(0, steps)


def _plan(
    delays: Sequence[int], static_time: int | None, time: Any
) -> tuple[list[tuple[int, int]], int, Any]:
    """Each delay, longest first, with its steps at once; steps per block; number of blocks."""
    if static_time is None:
        at_once = min(delays[0], AT_ONCE)
    else:
        at_once = -(-static_time // -(-static_time // delays[0]))
    widths = [(delays[0], at_once)]
    for delay in delays[1:]:
        # A multiple of the next shorter delay's width, so that both end at the same step.
        width = widths[-1][1]
        widths.append((delay, delay // width * width))
    stages = min(max(FEWEST, -(-delays[-1] // (BLOCKS_KEPT * at_once))), MOST)
    longest = max(width for _, width in widths if width <= stages * at_once)
    block = stages * at_once // longest * longest
    blocks = (time + block - 1) // block
    if static_time is not None:
        block = -(-static_time // blocks)
    return widths[::-1], block, blocks


def product_per_step(x: Tensor, kernel: Tensor, steps: int) -> Tensor:
    """Each of the steps in `x`, `(batch, steps * units)`, times the kernel."""
    if steps == 1:
        return ops.matmul(x, kernel)
    units = kernel.shape[-1]
    product = ops.matmul(ops.reshape(x, (-1, units)), kernel)
    return ops.reshape(product, (ops.shape(x)[0], steps * units))


def times_per_step(x: Tensor, factor: Tensor | None, steps: int) -> Tensor:
    """Each of the steps in `x`, `(batch, steps * units)`, times a factor `(batch, units)`."""
    if factor is None:
        return x
    return x * (factor if steps == 1 else ops.tile(factor, (1, steps)))
