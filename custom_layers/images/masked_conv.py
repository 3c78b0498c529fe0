"""PixelRNN's masked convolution, which does not see later pixels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, get_args

import keras
from keras import ops

from custom_layers.engine.checks import is_integer, require_one_of
from custom_layers.engine.tensor import Tensor
from custom_layers.images.walk import MaskType, PixelByPixel, check_groups, pixel_mask


@keras.saving.register_keras_serializable(package="rnn_zoo")
class MaskedConv2D(PixelByPixel):
    """Convolution that sees only earlier pixels in raster order.

    With the inputs `x`, kernel `K`, and the mask `M` of `pixel_mask`::

        y[i, j] = sum_{a, b} (M * K)[a, b]^T x[i + a - height // 2, j + b - width // 2] + bias

    Args:
        filters: Number of output channels.
        kernel_size: Height and width, one or two odd numbers.
        mask_type: `"A"` for the first layer: of its own pixel, a channel group sees the groups
            before it; or `"B"` for all others: it also sees itself. Defaults to `"B"`.
        channel_groups: 3 for RGB, where a third of the channels each belongs to red, green and
            blue; 1 for greyscale. Defaults to `1`.
        use_bias: Whether to add a bias. Defaults to `True`.
        kernel_initializer: Initialiser of `K`, before masking. Defaults to `"glorot_uniform"`.
        bias_initializer: Initialiser of the bias. Defaults to `"zeros"`.
        **kwargs: Keyword arguments of `keras.layers.Layer`.

    Call arguments:
        images: `(batch, height, width, channels)`.

    Output shape:
        `(batch, height, width, filters)`.

    Raises:
        ValueError: If an argument is invalid.

    Example:

    >>> import numpy as np
    >>> layer = MaskedConv2D(1, 3, mask_type="A", kernel_initializer="ones")
    >>> ones = layer(np.ones((1, 2, 3, 1), dtype="float32"))  # the number of pixels seen
    >>> keras.ops.convert_to_numpy(ones)[0, :, :, 0].tolist()
    [[0.0, 1.0, 1.0], [2.0, 4.0, 3.0]]

    Reference:
        [van den Oord et al., 2016](https://arxiv.org/abs/1601.06759), section 3.4.
    """

    def __init__(
        self,
        filters: int,
        kernel_size: int | Sequence[int],
        mask_type: MaskType = "B",
        channel_groups: int = 1,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        sizes = (kernel_size,) * 2 if isinstance(kernel_size, int) else tuple(kernel_size)
        if len(sizes) != 2 or not all(is_integer(size, 1) and size % 2 for size in sizes):
            raise ValueError(
                f"`kernel_size` must be one or two odd numbers, found {kernel_size!r}."
            )
        require_one_of("mask_type", mask_type, get_args(MaskType))
        check_groups("filters", filters, channel_groups)
        self.filters = filters
        self.kernel_size = sizes
        self.mask_type = mask_type
        self.channel_groups = channel_groups
        self.use_bias = use_bias
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.bias_initializer = keras.initializers.get(bias_initializer)

    def build(self, input_shape: tuple[Any, ...]) -> None:
        channels = input_shape[-1]
        check_groups("channels of the images", channels, self.channel_groups)
        self.kernel = self.add_weight(
            name="kernel",
            shape=(*self.kernel_size, channels, self.filters),
            initializer=self.kernel_initializer,
        )
        self.bias = None
        if self.use_bias:
            self.bias = self.add_weight(
                name="bias", shape=(self.filters,), initializer=self.bias_initializer
            )
        self._mask = pixel_mask(
            self.kernel_size, channels, self.filters, self.mask_type, self.channel_groups
        )

    def call(self, images: Tensor) -> Tensor:
        outputs = self._convolve(images, self._masked_kernel(), padding="same")
        return ops.cast(outputs, self.compute_dtype)  # torch convolves float16 in float32

    def _masked_kernel(self) -> Tensor:
        kernel = ops.convert_to_tensor(self.kernel)
        return kernel * ops.convert_to_tensor(self._mask, kernel.dtype)

    def _convolve(self, images: Tensor, kernel: Tensor, padding: str) -> Tensor:
        outputs = ops.conv(images, kernel, padding=padding, data_format="channels_last")
        return outputs if self.bias is None else outputs + self.bias

    def begin(self, batch: Any, width: int) -> Tensor:
        """The inputs of the rows above that the kernel sees, concatenated."""
        return ops.zeros((batch, width, self.kernel_size[0] // 2 * self.kernel.shape[2]))

    def above(self, memory: Tensor) -> Tensor:
        height, reach = self.kernel_size[0] // 2, self.kernel_size[1] // 2
        batch, width, _ = ops.shape(memory)
        if not height:
            zeros = ops.zeros((batch, width, self.filters), memory.dtype)
            return zeros if self.bias is None else zeros + self.bias
        rows = ops.reshape(memory, (batch, width, height, self.kernel.shape[2]))
        rows = ops.pad(ops.transpose(rows, (0, 2, 1, 3)), ((0, 0), (0, 0), (reach, reach), (0, 0)))
        return self._convolve(rows, self._masked_kernel()[:height], padding="valid")[:, 0]

    def carry(self, batch: Any) -> Tensor:
        """The inputs on the left that the kernel sees, concatenated."""
        return ops.zeros((batch, self.kernel_size[1] // 2 * self.kernel.shape[2]))

    def pixel(self, x: Tensor, above: Tensor, carry: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        height, reach = self.kernel_size[0] // 2, self.kernel_size[1] // 2
        seen = ops.concatenate([carry, x], axis=-1)
        kernel = self._masked_kernel()[height, : reach + 1]
        kernel = ops.reshape(kernel, (seen.shape[-1], self.filters))
        return above + ops.matmul(seen, kernel), seen[:, x.shape[-1] :], x

    def end_row(self, memory: Tensor, kept: Tensor) -> Tensor:
        if self.kernel_size[0] == 1:
            return memory
        return ops.concatenate([memory[:, :, kept.shape[-1] :], kept], axis=-1)

    def get_config(self) -> dict[str, Any]:
        config = {
            "filters": self.filters,
            "kernel_size": list(self.kernel_size),
            "mask_type": self.mask_type,
            "channel_groups": self.channel_groups,
            "use_bias": self.use_bias,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "bias_initializer": keras.initializers.serialize(self.bias_initializer),
        }
        return {**super().get_config(), **config}
