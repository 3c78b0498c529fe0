"""Images as sequences of pixels, each predicted from those before it (PixelRNN)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, get_args

import keras
from keras import ops

from custom_layers import DiagonalBiLSTM, MaskedConv2D, RowLSTM
from custom_layers.engine.checks import (
    require_classes,
    require_example_weights,
    require_integer,
    require_one_of,
)
from zoo._model import ZooModel
from zoo._registry import register_model

_PAPER = "van den Oord et al. 2016"

Body = Literal["diagonal_bilstm", "row_lstm", "masked_conv"]


@register_model("pixel_rnn_diagonal", shape="one-to-many", parameters=12_673, paper=_PAPER)
@register_model(
    "pixel_rnn_row", shape="one-to-many", parameters=13_601, paper=_PAPER, layer="row_lstm"
)
@register_model(
    "pixel_cnn", shape="one-to-many", parameters=27_489, paper=_PAPER, layer="masked_conv", depth=7
)
@register_model(
    "pixel_rnn_diagonal_deep", shape="one-to-many", parameters=66_241, paper=_PAPER, depth=7
)
@register_model(
    "pixel_rnn_row_rgb",
    shape="one-to-many",
    parameters=9_381_651,
    paper=_PAPER,
    layer="row_lstm",
    height=32,
    width=32,
    channels=3,
    levels=256,
    units=126,
    depth=12,
    head_units=1023,
)
def pixel_rnn(
    *,
    height: int = 28,
    width: int = 28,
    channels: int = 1,
    levels: int = 2,
    layer: Body = "diagonal_bilstm",
    units: int | None = None,
    depth: int = 1,
    first_kernel_size: int = 7,
    kernel_size: int = 3,
    head_units: int | None = None,
    name: str = "pixel_rnn",
) -> keras.Model:
    """PixelRNN: the distribution of each pixel (and colour) given all those before it.

    A masked convolution, `depth` layers with residual connections, two masked 1x1 convolutions, and
    a sigmoid or softmax over the levels. Train it with `zoo.PixelLoss()`; `zoo.sample_images` and
    `zoo.complete_images` draw from it.

    Args:
        height: Height of the images.
        width: Width of the images.
        channels: 1 for greyscale, 3 for RGB: red before green before blue.
        levels: Number of values of a pixel, at least 2.
        layer: `"diagonal_bilstm"`, which sees all pixels before; `"row_lstm"`, which sees a
            triangle of them and is faster; or `"masked_conv"`, blocks of masked convolutions
            (PixelCNN), which see a small neighbourhood and are faster still.
        units: Features of each layer; the residual path has twice as many. A multiple of 3 with 3
            channels. Defaults to 16, with 3 channels to 18.
        depth: Number of layers.
        first_kernel_size: Height and width of the first convolution, odd.
        kernel_size: Width of the convolutions in a Row LSTM or a block, odd.
        head_units: Features of the 1x1 convolutions. A multiple of 3 with 3 channels. Defaults to
            32, with 3 channels to 33.
        name: Name of the model.

    Returns:
        A model with the input `images` (batch, height, width, channels), int32 from 0 to levels -
        1; and the output logits (batch, height, width, channels, levels) float32, or, with two
        levels, those of level 1, (batch, height, width, channels).

    Raises:
        ValueError: If an option is invalid.

    Example:
        >>> import zoo
        >>> zoo.pixel_rnn(height=8, width=8, levels=17, layer="row_lstm").output_shape
        (None, 8, 8, 1, 17)
    """
    require_one_of("layer", layer, get_args(Body))
    require_one_of("channels", channels, (1, 3))
    require_integer("levels", levels, least=2)
    require_integer("depth", depth)
    units = {1: 16, 3: 18}[channels] if units is None else units
    head_units = {1: 32, 3: 33}[channels] if head_units is None else head_units
    images = keras.Input((height, width, channels), dtype="int32", name="images")
    outputs = 1 if levels == 2 else levels

    def pointwise(name: str, filters: int, **options: Any) -> MaskedConv2D:
        return MaskedConv2D(filters, 1, "B", channels, name=name, **options)

    def body(name: str) -> keras.layers.Layer:
        if layer == "diagonal_bilstm":
            return DiagonalBiLSTM(units, channel_groups=channels, name=name)
        if layer == "row_lstm":
            return RowLSTM(units, kernel_size, channel_groups=channels, name=name)
        return MaskedConv2D(units, kernel_size, "B", channels, name=name)

    parts: list[keras.layers.Layer] = [
        MaskedConv2D(2 * units, first_kernel_size, "A", channels, name="first"),
        pointwise("head_0", head_units),
        pointwise("head_1", head_units),
        pointwise("logits", channels * outputs, dtype="float32"),
    ]
    for index in range(depth):
        parts += [body(f"body_{index}"), pointwise(f"up_{index}", 2 * units)]
        if layer == "masked_conv":
            parts.append(pointwise(f"down_{index}", units))
    layers = {part.name: part for part in parts}
    x = keras.layers.Rescaling(1 / (levels - 1), name="scaled")(images)
    x = connect(x, lambda name, x: layers[name](x), depth, layer == "masked_conv")
    if levels > 2:
        x = keras.layers.Reshape((height, width, channels, levels), dtype="float32")(x)
    return ZooModel(images, x, name=name)


def connect(x: Any, run: Callable[[str, Any], Any], depth: int, bottleneck: bool) -> Any:
    """How the layers of `pixel_rnn` follow each other, for whole images and for single pixels.

    Args:
        x: Scaled pixels.
        run: Function of a name and a tensor that applies the layer of that name.
        depth: Number of bodies.
        bottleneck: Whether there is a 1x1 convolution before each body as well as after it.
    """
    x = run("first", x)
    for index in range(depth):
        y = ops.relu(run(f"down_{index}", ops.relu(x))) if bottleneck else x
        y = run(f"body_{index}", y)
        x = x + run(f"up_{index}", ops.relu(y) if bottleneck else y)
    for index in range(2):
        x = run(f"head_{index}", ops.relu(x))
    return run("logits", ops.relu(x))


def pixel_nats(images: Any, logits: Any) -> Any:
    """Minus the log-probability of each pixel (and colour), given those before it.

    Args:
        images: Levels (batch, height, width, channels), from 0 to levels - 1.
        logits: Output of `pixel_rnn` for the images.

    Returns:
        Nats (batch, height, width, channels), float32; NaN where there is no such level.
    """
    images, logits = ops.convert_to_tensor(images), ops.cast(logits, "float32")
    count, level = _levels(images, logits), ops.cast(images, "int32")
    known = ops.logical_and(level >= 0, level < count)
    if len(logits.shape) == len(images.shape):
        nats = ops.softplus(logits) - ops.cast(images, "float32") * logits
    else:
        level = ops.where(known, level, 0)
        chosen = ops.take_along_axis(logits, level[..., None], axis=-1)
        nats = ops.logsumexp(logits, axis=-1) - chosen[..., 0]
    return ops.where(known, nats, float("nan"))


def _levels(images: Any, logits: Any) -> int:
    return 2 if len(logits.shape) == len(images.shape) else logits.shape[-1]


def image_nats(images: Any, logits: Any) -> Any:
    """Minus the log-likelihood of each image, (batch,): the sum of `pixel_nats`."""
    return ops.sum(pixel_nats(images, logits), axis=(1, 2, 3))


@keras.saving.register_keras_serializable(package="rnn_zoo")
class PixelLoss(keras.losses.Loss):
    """The mean of `image_nats` over images: `loss(images, logits)`.

    Raises:
        ValueError: If there are other weights than one for each image; if images in NumPy have
            levels that the logits lack. (In tensors these make the loss NaN.)
    """

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        require_classes("y_true", y_true, _levels(y_true, y_pred))
        require_example_weights(sample_weight)
        return super().__call__(y_true, y_pred, sample_weight)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        return image_nats(y_true, y_pred)
