"""Convolutions that turn images into vectors a recurrent network reads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, get_args

import keras

from custom_layers.engine.checks import require_integer, require_number, require_one_of

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
        return keras.layers.BatchNormalization(name=f"norm_{index}")(x)
    if normalization == "group":
        groups = next(size for size in range(min(_GROUPS, width), 0, -1) if width % size == 0)
        return keras.layers.GroupNormalization(groups, name=f"norm_{index}")(x)
    return x
