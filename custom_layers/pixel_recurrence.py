"""The LSTM that walks over an image, with its backward pass written out.

At step `t` all positions `p` of a row or of a diagonal are computed at once. `N` puts side by side
what a position sees of the step before, the positions `p + offset`; `m` is 0 where there is no
pixel, and the states stay `h_0` and `c_0` there::

    z_t = p_t + N(h_{t-1}) W                     [i, f, o] = sigmoid(z), g = tanh(z), by quarters
    c = f c_{t-1} + i g                          c_t = c_0 + m (c - c_0)
    h = o tanh(c)                                h_t = h_0 + m (h - h_0)

With `G_t`, `H_t` the gradients that arrive at `c_t` and `h_t` from outside, from the last step to
the first::

    dh = m (H_t + eh_{t+1})                      dc = m (G_t + ec_{t+1}) + dh o (1 - tanh(c)^2)
    dz_t = [dc g i(1-i), dc c_{t-1} f(1-f), dh tanh(c) o(1-o), dc i (1-g^2)]
    ec_t = f dc                                  eh_t = N^T(dz_t W^T)
    dp_t = dz_t                                  dW = sum_t N(h_{t-1})^T dz_t
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from keras import ops

from custom_layers.loops import (
    backward_loop,
    following,
    forward_loop,
    outer,
    previous,
    project,
    side_by_side,
    split,
    time_first,
    with_gradient,
)

Tensor = Any


def lstm_step(z: Tensor, cell: Tensor) -> tuple[Tensor, Tensor]:
    """Hidden and cell states after a step, from the gates before their activations."""
    take, keep, give, candidate = ops.split(z, 4, axis=-1)
    cell = ops.sigmoid(keep) * cell + ops.sigmoid(take) * ops.tanh(candidate)
    return ops.sigmoid(give) * ops.tanh(cell), cell


def pixel_recurrence(
    gates: Tensor,
    hidden: Tensor,
    cell: Tensor,
    kernel: Tensor,
    offsets: Sequence[int],
    fill: bool,
    inside: np.ndarray | None = None,
) -> Tensor:
    """The hidden states of the walk.

    Args:
        gates: `p`, what the gates see of the inputs, `(batch, steps, positions, 4 * units)`.
        hidden: `h_0`, `(units,)`, of every position.
        cell: `c_0`, `(units,)`.
        kernel: `W`, `(len(offsets) * units, 4 * units)`.
        offsets: Which positions of the step before a position sees, relative to itself.
        fill: Whether a position sees `h_0` where there is none, or zeros.
        inside: `m`, booleans `(steps, positions)`; everywhere by default.

    Returns:
        `h`, `(batch, steps, positions, units)`.
    """
    batch, steps, positions, width = ops.shape(gates)
    n = width // 4
    walk = _Walk(positions, n, tuple(offsets), fill, inside)
    args = (ops.reshape(gates, (batch, steps, positions * width)), hidden, cell, kernel)
    states = with_gradient(walk.forward, walk.backward, *args)
    return ops.reshape(states[:, :, : positions * n], (batch, steps, positions, n))


class _Walk:
    """A walk of given sizes; states of all positions lie side by side, hidden before cell."""

    def __init__(
        self,
        positions: int,
        units: int,
        offsets: tuple[int, ...],
        fill: bool,
        inside: np.ndarray | None,
    ) -> None:
        self.positions, self.units = positions, units
        self.offsets, self.fill, self.inside = offsets, fill, inside

    def forward(self, gates: Tensor, hidden: Tensor, cell: Tensor, kernel: Tensor) -> Tensor:
        batch, steps, wide = ops.shape(gates)
        size = self.positions * self.units
        start = [self._everywhere(state, batch) for state in (hidden, cell)]
        known = self._known(gates.dtype)
        inputs = gates
        if known is not None:
            rows = ops.broadcast_to(known[None], (batch, steps, self.positions))
            inputs = side_by_side([gates, rows])

        def step(states: list[Tensor], x: Tensor) -> list[Tensor]:
            before, cells = (self._apart(state) for state in states)
            z = self._apart(x[:, :wide]) + project(self._seen(before, hidden), kernel)
            new = [self._together(s) for s in lstm_step(z, cells)]
            if known is None:
                return new
            keep = ops.reshape(ops.repeat(x[:, wide:, None], self.units, axis=-1), (batch, size))
            return [first + keep * (s - first) for s, first in zip(new, start, strict=True)]

        return side_by_side(forward_loop(step, start, inputs, steps_per_iteration=1))

    def backward(
        self,
        upstream: Tensor,
        states: Tensor,
        gates: Tensor,
        hidden: Tensor,
        cell: Tensor,
        kernel: Tensor,
    ) -> tuple[Tensor, ...]:
        batch = ops.shape(gates)[0]
        size = self.positions * self.units
        upstream_h, upstream_c = (time_first(g) for g in split(upstream, [size, size]))
        after_h, after_c = (time_first(s) for s in split(states, [size, size]))
        start = [self._everywhere(state, batch) for state in (hidden, cell)]
        before_h, before_c = (
            previous(s, after) for s, after in zip(start, (after_h, after_c), strict=True)
        )
        seen = self._seen(self._apart(before_h), hidden)
        z = self._apart(time_first(gates)) + project(seen, kernel)
        take, keep, give, candidate = ops.split(z, 4, axis=-1)
        take, keep, give = (ops.sigmoid(gate) for gate in (take, keep, give))
        candidate, bent = ops.tanh(candidate), ops.tanh(self._apart(after_c))
        slope_c = give * (1 - bent * bent)
        slopes = side_by_side(
            [
                candidate * take * (1 - take),
                self._apart(before_c) * keep * (1 - keep),
                bent * give * (1 - give),
                take * (1 - candidate * candidate),
            ]
        )
        known = self._known(gates.dtype)
        mask = None if known is None else known[:, None, :, None]
        transposed = ops.transpose(kernel)

        def adjoints(e: list[Tensor], g: list[Tensor], xs: list[Tensor]) -> list[Tensor]:
            """`dz` and `dc`, all of `(..., positions, any)`."""
            slope_c, slopes, *mask = xs
            dh, dc = (a + b for a, b in zip(e, g, strict=True))
            if mask:
                dh, dc = dh * mask[0], dc * mask[0]
            dc = dc + dh * slope_c
            return [side_by_side([dc, dc, dh, dc]) * slopes, dc]

        def step(carry: list[Tensor], xs: list[Tensor]) -> list[Tensor]:
            e = [self._apart(c) for c in carry]
            g_h, g_c, keep, *rest = (self._apart(x) for x in xs)
            dz, dc = adjoints(e, [g_h, g_c], rest)
            back = self._unseen(project(dz, transposed))
            return [self._together(back), self._together(keep * dc)]

        given = [keep, slope_c, slopes]
        if mask is not None:
            given.append(ops.broadcast_to(mask, (*ops.shape(keep)[:-1], 1)))
        flat = [
            ops.reshape(x, (ops.shape(x)[0], batch, self.positions * x.shape[-1])) for x in given
        ]
        zeros = ops.zeros_like(start[0])
        e = backward_loop(step, [zeros, zeros], [upstream_h, upstream_c, *flat])
        coming = [self._apart(following(x)) for x in e]
        outside = [self._apart(g) for g in (upstream_h, upstream_c)]
        dz, _ = adjoints(coming, outside, given[1:])
        to_start = [ops.sum(self._apart(x[0]), axis=(0, 1)) for x in e]
        if mask is not None:
            to_start = [
                s + ops.sum((c + g) * (1 - mask), axis=(0, 1, 2))
                for s, c, g in zip(to_start, coming, outside, strict=True)
            ]
        if self.fill:
            to_start[0] = to_start[0] + self._lost(project(dz, transposed))
        by_gates = time_first(ops.reshape(dz, ops.shape(time_first(gates))))
        return by_gates, to_start[0], to_start[1], outer(seen, dz)

    def _apart(self, x: Tensor) -> Tensor:
        """Positions on an axis of their own."""
        return ops.reshape(x, (*ops.shape(x)[:-1], self.positions, x.shape[-1] // self.positions))

    def _together(self, x: Tensor) -> Tensor:
        """Reverse of `_apart`."""
        return ops.reshape(x, (*ops.shape(x)[:-2], self.positions * x.shape[-1]))

    def _everywhere(self, state: Tensor, batch: Any) -> Tensor:
        tiled = ops.tile(state, [self.positions])[None]
        return ops.broadcast_to(tiled, (batch, self.positions * self.units))

    def _known(self, dtype: Any) -> Tensor | None:
        if self.inside is None:
            return None
        return ops.convert_to_tensor(self.inside.astype("float32"), dtype)

    def _seen(self, hidden: Tensor, start: Tensor) -> Tensor:
        """`N(h)`, of `(..., positions, units)`."""
        fill = start if self.fill else ops.zeros_like(start)
        return side_by_side([_shifted(hidden, offset, fill) for offset in self.offsets])

    def _unseen(self, gradient: Tensor) -> Tensor:
        """`N^T`, of `(..., positions, len(offsets) * units)`."""
        parts = ops.split(gradient, len(self.offsets), axis=-1)
        zero = ops.zeros((self.units,), gradient.dtype)
        return sum(
            _shifted(part, -offset, zero) for part, offset in zip(parts, self.offsets, strict=True)
        )

    def _lost(self, gradient: Tensor) -> Tensor:
        """What `N^T` does not give back to a position but to `h_0`, `(units,)`."""
        parts = ops.split(gradient, len(self.offsets), axis=-1)
        total = ops.zeros((self.units,), gradient.dtype)
        for part, offset in zip(parts, self.offsets, strict=True):
            if offset:
                rows = part[..., :-offset, :] if offset < 0 else part[..., -offset:, :]
                total = total + ops.sum(rows, axis=tuple(range(len(rows.shape) - 1)))
        return total


def _shifted(x: Tensor, offset: int, fill: Tensor) -> Tensor:
    """At position `p` what `x` has at `p + offset`, and `fill` where there is no such position."""
    if offset == 0:
        return x
    steps = min(abs(offset), x.shape[-2])
    edge = ops.broadcast_to(fill, (*ops.shape(x)[:-2], steps, x.shape[-1]))
    if offset < 0:
        return ops.concatenate([edge, x[..., : x.shape[-2] - steps, :]], axis=-2)
    return ops.concatenate([x[..., steps:, :], edge], axis=-2)
