"""The LSTM that walks over an image, with its backward pass written out.

A step `t` computes all positions `p` of a row or of a diagonal at once. `N` concatenates the hidden
states that a position sees of the step before, those of the positions `p + offset`. `S` moves cell
states from each position to the next one, or leaves them::

    z_t = p_t + W^T N(h_{t-1})                [i, f, o] = sigmoid(z), g = tanh(z), by quarters
    c_t = f S(c_{t-1}) + i g                  h_t = o tanh(c_t)

With `G_t` and `H_t` the upstream gradients of `c_t` and `h_t`, from the last step to the first::

    dh = H_t + eh_{t+1}                       dc = G_t + ec_{t+1} + dh o (1 - tanh(c_t)^2)
    dz_t = [dc g i(1-i), dc S(c_{t-1}) f(1-f), dh tanh(c_t) o(1-o), dc i (1-g^2)]
    ec_t = S^T(f dc)                          eh_t = N^T(W dz_t)
    dp_t = dz_t                               dW = sum_t N(h_{t-1}) dz_t^T

Tensors are stored as `(time, features, positions, batch)`: gates, neighbours and states are then
split and joined in whole blocks of memory, and elementwise operations run along the batch.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from custom_layers.engine.gradients import with_gradient
from custom_layers.engine.loops import Iteration, following, previous, time_first
from custom_layers.engine.tensor import Tensor


def lstm_step(z: Tensor, cell: Tensor, axis: int = -1) -> tuple[Tensor, Tensor]:
    """Hidden and cell states after a step, from the pre-activations of the gates."""
    take, keep, give, candidate = ops.split(z, 4, axis=axis)
    cell = ops.sigmoid(keep) * cell + ops.sigmoid(take) * ops.tanh(candidate)
    return ops.sigmoid(give) * ops.tanh(cell), cell


def pixel_recurrence(
    gates: Tensor,
    hidden: Tensor,
    cell: Tensor,
    kernel: Tensor,
    offsets: Sequence[int],
    diagonal: bool,
) -> Tensor:
    """The hidden states of the walk.

    Args:
        gates: `p`, the contribution of the inputs, `(steps, 4 * units, positions, batch)`.
        hidden: `h_0`, `(units,)`.
        cell: `c_0`, `(units,)`.
        kernel: `W`, `(len(offsets) * units, 4 * units)`.
        offsets: The positions of the step before that a position sees, relative to itself.
        diagonal: If false, `h_0` and `c_0` are the states of all positions before the first step;
            beyond the edges there are zeros, and cell states stay at their position. If true, they
            are the states in front of the first position at all steps; before the first step there
            are zeros, and cell states move to the next position.

    Returns:
        `h`, `(steps, units, positions, batch)`.
    """
    walk = _Walk(kernel.shape[1] // 4, tuple(offsets), diagonal)
    states = with_gradient(
        walk.forward, walk.backward, gates=gates, hidden=hidden, cell=cell, kernel=kernel
    )
    return states[:, : walk.units]


def neighbours(x: Tensor, offsets: Sequence[int], fill: Tensor) -> Tensor:
    """At each position `p`, the concatenated features of the positions `p + offset`.

    Args:
        x: `(..., features, positions, batch)`.
        offsets: Relative to each position.
        fill: Features of positions that do not exist, of a shape that broadcasts.

    Returns:
        `(..., len(offsets) * features, positions, batch)`.
    """
    parts = [_shifted(x, offset, fill) for offset in offsets]
    return parts[0] if len(parts) == 1 else ops.concatenate(parts, axis=-3)


def times(matrix: Tensor, x: Tensor) -> Tensor:
    """`matrix` times the features of `(..., features, positions, batch)`."""
    *leading, features, positions, batch = ops.shape(x)
    flat = ops.reshape(x, (*leading, features, positions * batch))
    return ops.reshape(ops.matmul(matrix, flat), (*leading, matrix.shape[0], positions, batch))


class _Walk:
    """A walk over an image. Its state is the hidden and cell states in one tensor."""

    def __init__(self, units: int, offsets: tuple[int, ...], diagonal: bool) -> None:
        self.units, self.offsets, self.diagonal = units, offsets, diagonal

    def forward(self, gates: Tensor, hidden: Tensor, cell: Tensor, kernel: Tensor) -> Tensor:
        """All states, `(steps, 2 * units, positions, batch)`."""
        steps, _, positions, batch = ops.shape(gates)
        start = self._before_first(hidden, cell, positions, batch)
        transposed = ops.transpose(kernel)

        def iteration(x: Tensor, states: Sequence[Tensor]) -> tuple[Tensor, list[Tensor]]:
            x = ops.reshape(x, (4 * self.units, positions, batch))
            before, cells = _halves(ops.reshape(states[0], ops.shape(start)))
            z = x + times(transposed, self._seen(before, hidden))
            new = lstm_step(z, self._moved(cells, cell), axis=0)
            state = ops.reshape(ops.concatenate(new, axis=0), (2 * self.units, positions * batch))
            return state, [state]

        # `keras.layers.RNN` takes the features for the batch.
        inputs = ops.reshape(time_first(gates), (4 * self.units, steps, positions * batch))
        first = ops.reshape(start, (2 * self.units, positions * batch))
        loop = keras.layers.RNN(Iteration(iteration, [1]), return_sequences=True, name="walk")
        _, states, _ = loop.inner_loop(inputs, [first], mask=None)
        return time_first(ops.reshape(states, (2 * self.units, steps, positions, batch)))

    def backward(
        self,
        upstream: Tensor,
        states: Tensor,
        gates: Tensor,
        hidden: Tensor,
        cell: Tensor,
        kernel: Tensor,
    ) -> dict[str, Tensor]:
        _, _, positions, batch = ops.shape(gates)
        start = self._before_first(hidden, cell, positions, batch)
        before_h, before_c = _halves(previous(start, states), axis=1)
        seen, before_c = self._seen(before_h, hidden), self._moved(before_c, cell)
        z = gates + times(ops.transpose(kernel), seen)
        take, keep, give, candidate = ops.split(z, 4, axis=1)
        take, keep, give = (ops.sigmoid(gate) for gate in (take, keep, give))
        candidate, bent = ops.tanh(candidate), ops.tanh(_halves(states, axis=1)[1])
        slope_c = give * (1 - bent * bent)
        slopes = ops.concatenate(
            [
                candidate * take * (1 - take),
                before_c * keep * (1 - keep),
                bent * give * (1 - give),
                take * (1 - candidate * candidate),
            ],
            axis=1,
        )

        def adjoints(
            e: Tensor, slope_c: Tensor, slopes: Tensor, axis: int = 0
        ) -> tuple[Tensor, Tensor]:
            """`dz` and `dc` from `e`, the whole gradient of the hidden and cell states."""
            dh, dc = _halves(e, axis)
            dc = dc + dh * slope_c
            return ops.concatenate([dc, dc, dh, dc], axis=axis) * slopes, dc

        def step(e: Tensor, xs: tuple[Tensor, ...]) -> tuple[Tensor, Tensor]:
            g, keep, slope_c, slopes = xs
            dz, dc = adjoints(e + g, slope_c, slopes)
            back = self._unseen(times(kernel, dz))
            e = ops.concatenate([back, self._moved_back(keep * dc)], axis=0)
            return e, e

        inputs = (upstream, keep, slope_c, slopes)
        _, e = ops.scan(step, ops.zeros_like(start), inputs, reverse=True)
        dz, dc = adjoints(following(e) + upstream, slope_c, slopes, axis=1)
        if self.diagonal:
            by_hidden = self._lost(times(kernel, dz))
            by_cell = ops.sum((keep * dc)[:, :, 0], axis=(0, 2))
        else:
            by_hidden, by_cell = _halves(ops.sum(e[0], axis=(1, 2)))
        return {"gates": dz, "hidden": by_hidden, "cell": by_cell, "kernel": _outer(seen, dz)}

    def _before_first(self, hidden: Tensor, cell: Tensor, positions: Any, batch: Any) -> Tensor:
        both = ops.concatenate([hidden, cell])[:, None, None]
        if self.diagonal:
            both = ops.zeros_like(both)
        return ops.broadcast_to(both, (2 * self.units, positions, batch))

    def _seen(self, hidden: Tensor, start: Tensor) -> Tensor:
        """`N(h)` of hidden states `(..., units, positions, batch)`."""
        beside = start if self.diagonal else ops.zeros_like(start)
        return neighbours(hidden, self.offsets, beside[:, None, None])

    def _unseen(self, gradient: Tensor) -> Tensor:
        """`N^T` of a gradient `(..., len(offsets) * units, positions, batch)`."""
        parts = ops.split(gradient, len(self.offsets), axis=-3)
        zero = ops.zeros((1, 1, 1), gradient.dtype)
        total = ops.zeros_like(parts[0])
        for part, offset in zip(parts, self.offsets, strict=True):
            total = total + _shifted(part, -offset, zero)
        return total

    def _lost(self, gradient: Tensor) -> Tensor:
        """The part of `N^T` that belongs to `h_0` instead of a position, `(units,)`."""
        parts = ops.split(gradient, len(self.offsets), axis=-3)
        lost = [
            ops.sum(part[..., :-offset, :], axis=(0, 2, 3))
            for part, offset in zip(parts, self.offsets, strict=True)
            if offset < 0
        ]
        return sum(lost)

    def _moved(self, cells: Tensor, start: Tensor) -> Tensor:
        """`S(c)`."""
        return _shifted(cells, -1, start[:, None, None]) if self.diagonal else cells

    def _moved_back(self, gradient: Tensor) -> Tensor:
        """`S^T`."""
        zero = ops.zeros((1, 1, 1), gradient.dtype)
        return _shifted(gradient, 1, zero) if self.diagonal else gradient


def _halves(states: Tensor, axis: int = 0) -> list[Tensor]:
    return ops.split(states, 2, axis=axis)


def _outer(left: Tensor, right: Tensor) -> Tensor:
    """Sum over time, positions and batch of the outer products of features."""
    steps, _, positions, batch = ops.shape(left)
    left, right = (ops.reshape(x, (steps, x.shape[1], positions * batch)) for x in (left, right))
    return ops.sum(ops.matmul(left, ops.transpose(right, (0, 2, 1))), axis=0)


def _shifted(x: Tensor, offset: int, fill: Tensor) -> Tensor:
    """`x` shifted so that position `p` holds `p + offset`, or `fill` beyond the edge."""
    if offset == 0:
        return x
    steps = min(abs(offset), x.shape[-2])
    *leading, positions, batch = ops.shape(x)
    edge = ops.broadcast_to(fill, (*leading, steps, batch))
    if offset < 0:
        return ops.concatenate([edge, x[..., : positions - steps, :]], axis=-2)
    return ops.concatenate([x[..., steps:, :], edge], axis=-2)
