"""Convolutions that turn images into vectors a recurrent network reads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, get_args

import keras
import numpy as np
from keras import ops

from custom_layers.engine.checks import require_integer, require_number, require_one_of
from custom_layers.engine.tensor import Tensor
from zoo._parts import LayerOfParts

Normalization = Literal["batch", "group", "none"]

_GROUPS = 8


def convolutional_encoder(
    *,
    channels: int,
    filters: Sequence[int] = (32, 64, 128),
    pools: Sequence[tuple[int, int]] | None = None,
    normalization: Normalization = "batch",
    dropout: float = 0.0,
    name: str = "image_encoder",
) -> keras.Model:
    """A stack of 3 x 3 convolutions, from images of any size to a grid of features.

    A stage is a convolution, a normalization, a ReLU and max pooling::

        x = maxpool(relu(normalize(W * x)))

    Args:
        channels: Colours of an image: 1 where grey, 3 where RGB.
        filters: Features of each stage.
        pools: Height and width of the pooling of each stage. By default (2, 2), which halves
            both. What does not divide a size is rounded up, so that no image is too small.
        normalization: `"batch"`; `"group"` (8 groups, fewer where they do not divide the filters),
            which does not mix images of a batch, so that padded frames do no harm; or `"none"`.
        dropout: Fraction of the features of the grid dropped in training.
        name: Name of the model.

    Returns:
        A model from images (batch, height, width, channels) in [0, 1] to features (batch, rows,
        columns, filters[-1]).

    Raises:
        ValueError: If an option is invalid.

    Example:
        >>> convolutional_encoder(channels=3, filters=(4, 8)).output_shape
        (None, None, None, 8)
    """
    require_one_of("normalization", normalization, get_args(Normalization))
    require_integer("channels", channels, least=1)
    require_number("dropout", dropout, least=0, below=1)
    pools = pools or [(2, 2)] * len(filters)
    if not filters or len(filters) != len(pools):
        raise ValueError(
            f"`filters` and `pools` must have an entry for each stage, found {filters!r} and "
            f"{pools!r}."
        )
    images = keras.Input((None, None, channels), name="images")
    x = images
    for index, (width, pool) in enumerate(zip(filters, pools, strict=True)):
        require_integer("filters", width, least=1)
        x = keras.layers.Conv2D(
            width,
            3,
            padding="same",
            use_bias=normalization == "none",
            kernel_initializer="he_normal",
            name=f"convolution_{index}",
        )(x)
        x = _normalized(x, width, normalization, index)
        x = keras.layers.ReLU(name=f"relu_{index}")(x)
        x = keras.layers.MaxPooling2D(pool, padding="same", name=f"pool_{index}")(x)
    if dropout:
        x = keras.layers.Dropout(dropout, name="dropout")(x)
    return keras.Model(images, x, name=name)


def _normalized(
    x: keras.KerasTensor, width: int, normalization: Normalization, index: int
) -> keras.KerasTensor:
    if normalization == "batch":
        # By default the statistics for use are those of the last thousands of images, too old.
        return keras.layers.BatchNormalization(momentum=0.9, name=f"norm_{index}")(x)
    if normalization == "group":
        groups = next(size for size in range(min(_GROUPS, width), 0, -1) if width % size == 0)
        return keras.layers.GroupNormalization(groups, name=f"norm_{index}")(x)
    return x


@keras.saving.register_keras_serializable(package="rnn_zoo")
class GridPositions(keras.layers.Layer):
    """Adds to a grid of features where each of them is, for grids of any size.

    Half of the features tell the row r, the others the column c, by waves of growing length::

        x_rcj += sin(r / 100^(2i / n))   and   cos(r / 100^(2i / n)),   i = 0, 1, ...

    Input shape:
        `(batch, rows, columns, features)`.

    Output shape:
        The same.

    Reference:
        Vaswani et al. 2017, over two axes; the waves are shorter, as grids are small.
    """

    def call(self, grid: Tensor) -> Tensor:
        _, rows, columns, width = ops.shape(grid)
        above, below = width // 2, width - width // 2
        down = ops.broadcast_to(_waves(rows, above)[:, None], (rows, columns, above))
        across = ops.broadcast_to(_waves(columns, below)[None], (rows, columns, below))
        places = ops.cast(ops.concatenate([down, across], axis=-1), grid.dtype)
        return grid + ops.broadcast_to(places[None], ops.shape(grid))

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape


def _waves(count: Any, width: int) -> Tensor:
    """Sines and cosines of so many places, (count, width)."""
    lengths = 100.0 ** (2 * (np.arange(width) // 2) / max(width, 1))
    angles = ops.cast(ops.arange(count), "float32")[:, None] / ops.convert_to_tensor(
        lengths.astype("float32")
    )
    even = ops.convert_to_tensor(np.arange(width) % 2 == 0)
    return ops.where(even, ops.sin(angles), ops.cos(angles))


@keras.saving.register_keras_serializable(package="rnn_zoo")
class RowEncoder(LayerOfParts):
    """Reads each row of a grid of features by a recurrent stack (Deng et al. 2017).

    Args:
        recurrence: Model from sequences (rows, columns, features) to outputs for each column.
        **kwargs: Keyword arguments of `keras.layers.Layer`.

    Input shape:
        `(batch, rows, columns, features)`.

    Output shape:
        `(batch, rows, columns, width)`.
    """

    parts = ("recurrence",)

    def __init__(self, recurrence: keras.Model, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.recurrence = recurrence

    def call(self, grid: Tensor, training: bool | None = None) -> Tensor:
        batch, rows, columns, width = ops.shape(grid)
        lines = ops.reshape(grid, (batch * rows, columns, width))
        read = self.recurrence(lines, training=training)
        return ops.reshape(read, (batch, rows, columns, read.shape[-1]))

    def compute_output_shape(self, input_shape: Any) -> Any:
        return (*input_shape[:-1], self.recurrence.output.shape[-1])
