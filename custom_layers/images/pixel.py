"""PixelRNN's LSTMs over the rows and the diagonals of images.

Their output at a pixel depends on the pixels before it in raster order and on the pixel itself, of
which a channel group sees itself and the groups before it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from custom_layers.engine.checks import is_integer
from custom_layers.engine.loops import forward_loop
from custom_layers.engine.pixel import lstm_step, pixel_recurrence
from custom_layers.engine.tensor import Tensor
from custom_layers.images.walk import PixelLSTM, check_image, skew, unskew

_CLOSED = 1e4
"""The sigmoid of minus this is 0, even in float16."""


@keras.saving.register_keras_serializable(package="rnn_zoo")
class RowLSTM(PixelLSTM):
    """LSTM over the rows of an image, from the top, all pixels of a row at once.

    With the inputs `x`, at row `i`, where `*` is a convolution along the row::

        [i, f, o] = sigmoid(K * x_i + W * h_{i-1} + b)        K masked ("B"), W not
        g = tanh(K_g * x_i + W_g * h_{i-1} + b_g)
        c_i = f c_{i-1} + i g          h_i = o tanh(c_i)      h_0 and c_0 learned, for all columns

    A pixel sees a triangle of the rows above it, which `kernel_size` widens at each row.

    Args:
        units: Number of features of each pixel.
        kernel_size: Odd width of both convolutions. Defaults to `3`.
        channel_groups: 3 for RGB, 1 for greyscale. Defaults to `1`.
        kernel_initializer: Initialiser of `K`, before masking. Defaults to `"glorot_uniform"`.
        recurrent_initializer: Initialiser of `W`, a matrix `(kernel_size * units, 4 * units)`.
            Defaults to `"orthogonal"`.
        bias_initializer: Initialiser of `b`. Defaults to `"zeros"`.
        unit_forget_bias: Whether to add 1 to the initial bias of the forget gate. Defaults to
            `True`.
        **kwargs: Keyword arguments of `keras.layers.Layer`.

    Call arguments:
        images: `(batch, height, width, channels)`, height and width known.

    Output shape:
        `(batch, height, width, units)`.

    Raises:
        ValueError: If an argument is invalid.

    Example:

    >>> import numpy as np
    >>> tuple(RowLSTM(4)(np.ones((2, 5, 6, 3), dtype="float32")).shape)
    (2, 5, 6, 4)

    Reference:
        [van den Oord et al., 2016](https://arxiv.org/abs/1601.06759), section 3.1.
    """

    def __init__(self, units: int, kernel_size: int = 3, **kwargs: Any) -> None:
        super().__init__(units, **kwargs)
        if not is_integer(kernel_size, 1) or kernel_size % 2 == 0:
            raise ValueError(f"`kernel_size` must be an odd number, found {kernel_size!r}.")
        self.kernel_size = kernel_size

    def build(self, input_shape: tuple[Any, ...]) -> None:
        check_image(input_shape, self.channel_groups)
        self._weights = self.add_walk("", input_shape[-1], self.kernel_size, self.kernel_size)

    def call(self, images: Tensor) -> Tensor:
        weights, reach = self._weights, self.kernel_size // 2
        hidden = pixel_recurrence(
            self.see_inputs(ops.transpose(images, (1, 3, 2, 0)), weights),
            ops.convert_to_tensor(weights.hidden),
            ops.convert_to_tensor(weights.cell),
            ops.convert_to_tensor(weights.recurrent),
            offsets=range(-reach, reach + 1),
            diagonal=False,
        )
        return ops.cast(ops.transpose(hidden, (3, 0, 2, 1)), self.compute_dtype)

    def _neighbours(self, hidden: Tensor) -> Tensor:
        """The hidden states `(batch, width, units)` that each pixel of the next row sees."""
        reach, width = self.kernel_size // 2, hidden.shape[1]
        padded = ops.pad(hidden, ((0, 0), (reach, reach), (0, 0)))
        return ops.concatenate([padded[:, k : k + width] for k in range(self.kernel_size)], axis=-1)

    def begin(self, batch: Any, width: int) -> Tensor:
        """Hidden and cell states of the row above."""
        start = ops.concatenate([self._weights.hidden, self._weights.cell])
        return ops.broadcast_to(start, (batch, width, 2 * self.units))

    def above(self, memory: Tensor) -> Tensor:
        hidden, cell = ops.split(memory, 2, axis=-1)
        z = ops.matmul(self._neighbours(hidden), self._weights.recurrent) + self._weights.bias
        return ops.concatenate([z, cell], axis=-1)

    def carry(self, batch: Any) -> Tensor:
        """The inputs on the left that the kernel sees, concatenated."""
        return ops.zeros((batch, self.kernel_size // 2 * self._weights.kernel.shape[2]))

    def pixel(self, x: Tensor, above: Tensor, carry: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        seen = ops.concatenate([carry, x], axis=-1)
        kernel = self.input_kernel(self._weights)[0, : self.kernel_size // 2 + 1]
        z = above[:, : -self.units] + ops.matmul(
            seen, ops.reshape(kernel, (seen.shape[-1], 4 * self.units))
        )
        hidden, cell = lstm_step(z, above[:, -self.units :])
        return hidden, seen[:, x.shape[-1] :], ops.concatenate([hidden, cell], axis=-1)

    def end_row(self, memory: Tensor, kept: Tensor) -> Tensor:
        return kept

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "kernel_size": self.kernel_size}


@keras.saving.register_keras_serializable(package="rnn_zoo")
class DiagonalBiLSTM(PixelLSTM):
    """Two LSTMs over the diagonals of an image, from the top left and from the top right.

    With the inputs `x`, at pixel `(i, j)`, from the left::

        [i, f, o] = sigmoid(K x_{i,j} + W [h_{i,j-1}, h_{i-1,j}] + b)      K masked ("B")
        g = tanh(K_g x_{i,j} + W_g [h_{i,j-1}, h_{i-1,j}] + b_g)
        c_{i,j} = f c_{i,j-1} + i g          h_{i,j} = o tanh(c_{i,j})

    with learned `h` and `c` outside the image. From the right the same on the mirrored image, with
    weights of its own and shifted down by a row, so that a pixel gets information only from the
    rows above it. The outputs are added. A pixel sees all pixels before it, in
    `height + width - 1` steps.

    Args:
        units: Number of features of each pixel.
        channel_groups: 3 for RGB, 1 for greyscale. Defaults to `1`.
        kernel_initializer: Initialiser of `K`, before masking. Defaults to `"glorot_uniform"`.
        recurrent_initializer: Initialiser of `W`, a matrix `(2 * units, 4 * units)`, whose first
            rows are for the pixel on the left. Defaults to `"orthogonal"`.
        bias_initializer: Initialiser of `b`. Defaults to `"zeros"`.
        unit_forget_bias: Whether to add 1 to the initial bias of the forget gate. Defaults to
            `True`.
        **kwargs: Keyword arguments of `keras.layers.Layer`.

    Call arguments:
        images: `(batch, height, width, channels)`, height and width known.

    Output shape:
        `(batch, height, width, units)`.

    Raises:
        ValueError: If an argument is invalid.

    Example:

    >>> import numpy as np
    >>> tuple(DiagonalBiLSTM(4)(np.ones((2, 5, 6, 3), dtype="float32")).shape)
    (2, 5, 6, 4)

    Reference:
        [van den Oord et al., 2016](https://arxiv.org/abs/1601.06759), section 3.2.
    """

    def build(self, input_shape: tuple[Any, ...]) -> None:
        check_image(input_shape, self.channel_groups)
        self._left = self.add_walk("left_", input_shape[-1], 1, 2)
        self._right = self.add_walk("right_", input_shape[-1], 1, 2)

    def call(self, images: Tensor) -> Tensor:
        x = ops.transpose(images, (3, 2, 1, 0))
        left, right = self._walk_both(x, ops.flip(x, axis=1))
        below = ops.pad(ops.flip(right, axis=1)[:, :, :-1], ((0, 0), (0, 0), (1, 0), (0, 0)))
        return ops.cast(ops.transpose(left + below, (3, 2, 1, 0)), self.compute_dtype)

    def begin(self, batch: Any, width: int) -> Tensor:
        """For the row above: the hidden states from the left and from the right, and the output of
        the latter to the row below, which is zero above the first row."""
        n = self.units
        start = ops.concatenate([self._left.hidden, self._right.hidden, ops.zeros((n,))])
        return ops.broadcast_to(start, (batch, width, 3 * n))

    def above(self, memory: Tensor) -> Tensor:
        hidden, _, right = ops.split(memory, 3, axis=-1)
        z = ops.matmul(hidden, self._left.recurrent[self.units :]) + self._left.bias
        return ops.concatenate([z, right], axis=-1)

    def carry(self, batch: Any) -> Tensor:
        """Hidden and cell states on the left."""
        start = ops.concatenate([self._left.hidden, self._left.cell])
        return ops.broadcast_to(start, (batch, 2 * self.units))

    def pixel(self, x: Tensor, above: Tensor, carry: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        n = self.units
        z = above[:, :-n] + ops.matmul(x, self.input_kernel(self._left)[0, 0])
        z = z + ops.matmul(carry[:, :n], self._left.recurrent[:n])
        hidden, cell = lstm_step(z, carry[:, n:])
        carry = ops.concatenate([hidden, cell], axis=-1)
        return hidden + above[:, -n:], carry, ops.concatenate([hidden, x], axis=-1)

    def end_row(self, memory: Tensor, kept: Tensor) -> Tensor:
        """Goes over the row from the right, now that all of it is known."""
        n = self.units
        before = memory[:, :, n : 2 * n]
        z = ops.matmul(kept[:, :, n:], self.input_kernel(self._right)[0, 0])
        z = z + ops.matmul(before, self._right.recurrent[n:]) + self._right.bias

        def step(states: list[Tensor], z: Tensor) -> list[Tensor]:
            z = z + ops.matmul(states[0], self._right.recurrent[:n])
            return list(lstm_step(z, states[1]))

        batch = ops.shape(kept)[0]
        start = [ops.broadcast_to(w, (batch, n)) for w in (self._right.hidden, self._right.cell)]
        right, _ = forward_loop(step, start, ops.flip(z, axis=1), steps_per_iteration=1)
        right = ops.flip(right, axis=1)
        return ops.concatenate([kept[:, :, :n], right, right], axis=-1)

    def _walk_both(self, *images: Tensor) -> list[Tensor]:
        """Hidden states of both walks from the top left.

        They run together, as one LSTM of twice the units whose kernel is zero between the two. Step
        `t` is at row `t - j` of column `j`. Outside the image, closed gates keep the states at
        zero. What the first row sees of `h` above it is added to its gates.

        Args:
            *images: Two images, `(channels, width, height, batch)`.

        Returns:
            Two tensors `(units, width, height, batch)`.
        """
        n, walks = self.units, (self._left, self._right)
        width, height = images[0].shape[1:3]
        rows = np.arange(height + width - 1)[:, None] - np.arange(width)[None, :]
        first, inside = (
            ops.convert_to_tensor(places[:, None, :, None].astype("float32"), images[0].dtype)
            for places in (rows == 0, (rows >= 0) & (rows < height))
        )
        by_quarter = []
        for x, weights in zip(images, walks, strict=True):
            gates = self.see_inputs(ops.transpose(skew(x), (2, 0, 1, 3)), weights)
            above = ops.convert_to_tensor(weights.recurrent)[n:]
            above = ops.matmul(ops.convert_to_tensor(weights.hidden)[None], above)[0]
            gates = gates + first * above[:, None, None]
            gates = gates * inside - _CLOSED * (1 - inside)
            steps, _, _, batch = ops.shape(gates)
            by_quarter.append(ops.reshape(gates, (steps, 4, n, width, batch)))
        gates = ops.concatenate(by_quarter, axis=2)
        states = pixel_recurrence(
            ops.reshape(gates, (steps, 8 * n, width, batch)),
            ops.concatenate([ops.convert_to_tensor(w.hidden) for w in walks]),
            ops.concatenate([ops.convert_to_tensor(w.cell) for w in walks]),
            _side_by_side([ops.convert_to_tensor(w.recurrent) for w in walks], n),
            offsets=(-1, 0),
            diagonal=True,
        )
        return ops.split(unskew(ops.transpose(states, (1, 2, 0, 3))), 2, axis=0)


def _side_by_side(kernels: Sequence[Tensor], units: int) -> Tensor:
    """The kernel of two independent LSTMs as one: its rows are ordered by neighbour and its columns
    by gate, and among these the first LSTM comes first."""
    left, right = (ops.reshape(w, (2, units, 4, units)) for w in kernels)
    nothing = ops.zeros_like(left)
    whole = [
        ops.concatenate([left, nothing], axis=-1),
        ops.concatenate([nothing, right], axis=-1),
    ]
    return ops.reshape(ops.concatenate(whole, axis=1), (4 * units, 8 * units))
