"""Parts of the PixelRNN layers: masks, the LSTM that walks over an image, diagonals.

Pixels are ordered row by row from the left, and within a pixel by channel group (red, green, blue).
Feature `c` of `n` belongs to group `c * groups // n`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import keras
import numpy as np
from keras import ops

from custom_layers.engine.checks import require_one_of
from custom_layers.engine.pixel import neighbours, times
from custom_layers.engine.tensor import Tensor
from custom_layers.initializers import fresh_copy

MaskType = Literal["A", "B"]


def pixel_mask(
    kernel_size: Sequence[int],
    inputs: int,
    filters: int,
    mask_type: MaskType,
    channel_groups: int = 1,
) -> np.ndarray:
    """1 where a kernel may look, 0 at later pixels, `(height, width, inputs, filters)`."""
    height, width = kernel_size
    mask = np.zeros((height, width, inputs, filters), "float32")
    mask[: height // 2] = 1
    mask[height // 2, : width // 2] = 1
    source = np.arange(inputs)[:, None] * channel_groups // inputs
    target = np.arange(filters)[None, :] * channel_groups // filters
    mask[height // 2, width // 2] = source < target if mask_type == "A" else source <= target
    return mask


class WalkWeights(NamedTuple):
    """Weights of a walk over the image. Gates are in the order input, forget, output, candidate."""

    kernel: Any
    recurrent: Any
    bias: Any
    hidden: Any
    cell: Any


class PixelByPixel(keras.layers.Layer):
    """A layer that can also run pixel by pixel, which is how images are sampled.

    The contribution of the rows above is computed before the first pixel of a row, for all columns
    at once; that of the pixels on the left is a carry. So every pixel costs the same. In the order
    of the calls, with `x` the inputs of a pixel::

        memory = begin(batch, width)                              (batch, width, ...)
        for each row:    above, carry = above(memory), carry(batch)
        for each pixel:      y, carry, kept = pixel(x, above[:, j], carry)
                         memory = end_row(memory, kept of all its pixels)
    """

    def begin(self, batch: Any, width: int) -> Tensor:
        """The memory before the first row, `(batch, width, any)`."""
        raise NotImplementedError

    def above(self, memory: Tensor) -> Tensor:
        """The contribution of the rows above to each pixel of a row, `(batch, width, any)`."""
        raise NotImplementedError

    def carry(self, batch: Any) -> Tensor:
        """The carry before the first pixel of a row, `(batch, any)`."""
        raise NotImplementedError

    def pixel(self, x: Tensor, above: Tensor, carry: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The outputs at a pixel, the carry to the next one, and what to keep for `end_row`."""
        raise NotImplementedError

    def end_row(self, memory: Tensor, kept: Tensor) -> Tensor:
        """The memory for the next row, from what the pixels kept, `(batch, width, any)`."""
        raise NotImplementedError


class PixelLSTM(PixelByPixel):
    """An LSTM that walks over an image, one row or diagonal per step, all its pixels at once."""

    def __init__(
        self,
        units: int,
        channel_groups: int = 1,
        kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal",
        bias_initializer: Any = "zeros",
        unit_forget_bias: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        check_groups("units", units, channel_groups)
        self.units = units
        self.channel_groups = channel_groups
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.recurrent_initializer = keras.initializers.get(recurrent_initializer)
        self.bias_initializer = keras.initializers.get(bias_initializer)
        self.unit_forget_bias = unit_forget_bias

    def add_walk(self, prefix: str, channels: int, width: int, neighbours: int) -> WalkWeights:
        """The weights of a walk over the image."""
        n = self.units
        kernel = self.add_weight(
            name=f"{prefix}kernel",
            shape=(1, width, channels, 4 * n),
            initializer=fresh_copy(self.kernel_initializer),
        )
        recurrent = self.add_weight(
            name=f"{prefix}recurrent_kernel",
            shape=(neighbours * n, 4 * n),
            initializer=fresh_copy(self.recurrent_initializer),
        )
        bias = self.add_weight(
            name=f"{prefix}bias", shape=(4 * n,), initializer=self._bias_initializer
        )
        start = [
            self.add_weight(name=f"{prefix}{name}", shape=(n,), initializer="zeros")
            for name in ("initial_hidden", "initial_cell")
        ]
        return WalkWeights(kernel, recurrent, bias, *start)

    def _bias_initializer(self, shape: tuple[int, ...], dtype: Any = None) -> Tensor:
        values = self.bias_initializer(shape, dtype=dtype)
        if not self.unit_forget_bias:
            return values
        forget = np.repeat([0.0, 1.0, 0.0, 0.0], self.units)
        return values + ops.cast(ops.convert_to_tensor(forget), values.dtype)

    def input_kernel(self, weights: WalkWeights) -> Tensor:
        """The kernel of the inputs with mask "B", for the channel groups of each gate."""
        kernel = ops.convert_to_tensor(weights.kernel)
        _, width, channels, _ = kernel.shape
        mask = pixel_mask((1, width), channels, self.units, "B", self.channel_groups)
        return kernel * ops.convert_to_tensor(np.tile(mask, 4), kernel.dtype)

    def see_inputs(self, x: Tensor, weights: WalkWeights) -> Tensor:
        """The contribution of the inputs to the gates, including the bias.

        Args:
            x: `(steps, channels, positions, batch)`.
            weights: Result of `add_walk`.

        Returns:
            `(steps, 4 * units, positions, batch)`.
        """
        kernel = self.input_kernel(weights)[0]
        # The mask is zero for everything on the right.
        width, channels, gates = kernel.shape[0] // 2 + 1, kernel.shape[1], kernel.shape[2]
        matrix = ops.transpose(ops.reshape(kernel[:width], (width * channels, gates)))
        seen = neighbours(x, range(1 - width, 1), ops.zeros((1, 1, 1), kernel.dtype))
        return times(matrix, seen) + ops.convert_to_tensor(weights.bias)[:, None, None]

    def get_config(self) -> dict[str, Any]:
        config = {
            "units": self.units,
            "channel_groups": self.channel_groups,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "recurrent_initializer": keras.initializers.serialize(self.recurrent_initializer),
            "bias_initializer": keras.initializers.serialize(self.bias_initializer),
            "unit_forget_bias": self.unit_forget_bias,
        }
        return {**super().get_config(), **config}


def skew(images: Tensor) -> Tensor:
    """Shift row `i` to the right by `i`: diagonals become columns.

    Args:
        images: `(any, height, width, any)`.

    Returns:
        `(any, height, height + width - 1, any)`, zeros beside the rows.

    Example:

    >>> import numpy as np
    >>> rows = skew(np.array([[1.0, 2.0], [3.0, 4.0]])[None, :, :, None])
    >>> keras.ops.convert_to_numpy(rows)[0, :, :, 0].tolist()
    [[1.0, 2.0, 0.0], [0.0, 3.0, 4.0]]
    """
    batch, height, width, channels = ops.shape(images)
    wide = ops.pad(images, ((0, 0), (0, 0), (0, height), (0, 0)))
    flat = ops.reshape(wide, (batch, height * (width + height), channels))
    cut = flat[:, : height * (width + height - 1)]
    return ops.reshape(cut, (batch, height, width + height - 1, channels))


def unskew(images: Tensor) -> Tensor:
    """Reverse of `skew`."""
    batch, height, length, channels = ops.shape(images)
    flat = ops.reshape(images, (batch, height * length, channels))
    flat = ops.pad(flat, ((0, 0), (0, height), (0, 0)))
    wide = ops.reshape(flat, (batch, height, length + 1, channels))
    return wide[:, :, : length + 1 - height]


def check_image(shape: tuple[Any, ...], groups: int) -> None:
    if len(shape) != 4 or None in shape[1:]:
        raise ValueError(
            "`images` must have shape (batch, height, width, channels), all but the batch known, "
            f"found {tuple(shape)}."
        )
    check_groups("channels of the images", shape[-1], groups)


def check_groups(name: str, width: int, groups: int) -> None:
    require_one_of("channel_groups", groups, (1, 3))
    if width < 1 or width % groups:
        raise ValueError(f"`{name}` must be a multiple of {groups} groups, found {width!r}.")
