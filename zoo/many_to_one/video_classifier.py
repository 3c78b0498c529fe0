"""Classifiers of video clips, and of their frames."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, Unpack, get_args

import keras
from keras import ops

from custom_layers import EveryStep
from custom_layers.engine.checks import require_integer, require_one_of
from custom_layers.engine.masking import first_steps
from zoo._images import Normalization, convolutional_encoder
from zoo._model import ZooModel
from zoo._registry import register_model
from zoo.many_to_one.classes import Pooling, pool
from zoo.many_to_one.prefixes import pooled_prefixes
from zoo.recurrent import StackOptions, recurrent_stack

Recurrence = Literal["stack", "conv_lstm"]

#: Options of the stack that a ConvLSTM has, too.
_OF_BOTH = {"units", "depth", "dropout"}


@register_model(
    "video_classifier_small",
    shape="many-to-one",
    parameters=49_530,
    paper="Donahue et al. 2015",
    units=64,
)
@register_model(
    "video_classifier_base",
    shape="many-to-one",
    parameters=701_538,
    paper="Donahue et al. 2015",
    height=64,
    width=64,
    channels=3,
    filters=(32, 64, 128, 128),
    cell="lstm",
    units=256,
    pooling="mean",
)
@register_model(
    "video_classifier_deep",
    shape="many-to-one",
    parameters=9_989_730,
    paper="Ng et al. 2015",
    height=64,
    width=64,
    channels=3,
    filters=(32, 64, 128, 128),
    cell="lstm",
    units=512,
    depth=5,
    connection="residual",
    layer_norm=True,
)
@register_model(
    "video_classifier_conv_lstm",
    shape="many-to-one",
    parameters=79_866,
    paper="Shi et al. 2015",
    recurrence="conv_lstm",
    units=32,
)
@register_model(
    "video_classifier_frames",
    shape="many-to-many",
    parameters=90_746,
    paper="Singh et al. 2016",
    every_frame=True,
    cell="lstm",
    units=64,
    bidirectional=True,
)
def video_classifier(
    *,
    height: int = 24,
    width: int = 24,
    channels: int = 1,
    num_classes: int = 2,
    every_frame: bool = False,
    filters: Sequence[int] = (8, 16, 32),
    normalization: Normalization = "group",
    frame_dim: int = 64,
    recurrence: Recurrence = "stack",
    pooling: Pooling = "last",
    name: str = "video_classifier",
    **stack: Unpack[StackOptions],
) -> keras.Model:
    """Convolutions on each frame, a recurrent stack over the frames, and a class.

        f_t = ReLU(W CNN(x_t) + b)           the frame at time t as a vector
        h = stack(f)                         logits = V pool(h) + c, or V h_t + c for each frame

    or, with `recurrence="conv_lstm"`, whose states are maps of the image::

        m = ConvLSTM(CNN(x))                 h_t = the mean of m_t over the image

    Train it with `keras.losses.SparseCategoricalCrossentropy(from_logits=True)`, with
    `ignore_class=-1` for frames. `class_decoder` turns the logits of clips into probabilities.

    Args:
        height: Rows of a frame.
        width: Columns of a frame.
        channels: Colours of a frame: 1 where grey, 3 where RGB.
        num_classes: Number of classes, at least 2.
        every_frame: Whether each frame has a class (many-to-many), or the clip (many-to-one).
        filters: Features of each stage of convolutions; each stage halves the size of the frame.
        normalization: As in `convolutional_encoder`. `"batch"` also sees frames of padding.
        frame_dim: Width of the vector of a frame. Not used with `"conv_lstm"`.
        recurrence: `"stack"`, or `"conv_lstm"` (`keras.layers.ConvLSTM2D`, 3 x 3), which has of the
            options of the stack only `units` (its filters), `depth` and `dropout`.
        pooling: As for `text_classifier`. Not used with `every_frame`.
        name: Name of the model.
        **stack: Options of `zoo.recurrent_stack`. `cell` defaults to `"gru"`.

    Returns:
        A model with the inputs `frames` (batch, time, height, width, channels) float32 in [0, 1]
        and `lengths` (batch,) int32, after which frames are arbitrary padding; and the output
        logits (batch, num_classes), or (batch, time, num_classes), float32.

    Raises:
        ValueError: If an option is invalid.

    Example:
        >>> import zoo
        >>> zoo.create_model("video_classifier_small", num_classes=8).output_shape
        (None, 8)

    Reference:
        [Donahue et al., 2015](https://arxiv.org/abs/1411.4389), with a network of our own in place
        of CaffeNet. [Ng et al., 2015](https://arxiv.org/abs/1503.08909), whose five layers have no
        skip connections. [Shi et al., 2015](https://arxiv.org/abs/1506.04214), without peepholes.
    """
    require_integer("num_classes", num_classes, least=2)
    require_integer("height", height)
    require_integer("width", width)
    require_integer("frame_dim", frame_dim)
    require_one_of("recurrence", recurrence, get_args(Recurrence))
    if recurrence == "conv_lstm" and (others := sorted({*stack} - _OF_BOTH)):
        raise ValueError(
            f"`recurrence='conv_lstm'` takes of the stack {', '.join(sorted(_OF_BOTH))}, found "
            f"{', '.join(others)}."
        )
    frames = keras.Input((None, height, width, channels), name="frames")
    lengths = keras.Input((), dtype="int32", name="lengths")
    mask = first_steps(frames[:, :, 0, 0, 0], lengths)
    x = ops.where(mask[:, :, None, None, None], frames, 0.0)
    encoder = convolutional_encoder(channels=channels, filters=filters, normalization=normalization)
    x = EveryStep(encoder, name="encoder")(x)
    if recurrence == "conv_lstm":
        x = _conv_lstm(x, stack.get("units", 32), stack.get("depth", 1), stack.get("dropout", 0.0))
    else:
        x = keras.layers.Reshape((-1, x.shape[2] * x.shape[3] * x.shape[4]), name="grid")(x)
        x = keras.layers.Dense(frame_dim, activation="relu", name="frame")(x)
        stack.setdefault("cell", "gru")
        x = recurrent_stack(x, mask=mask, **stack)
    if not every_frame:
        x = pool(x, mask, pooling, both_ends=stack.get("bidirectional", False))
    logits = keras.layers.Dense(num_classes, dtype="float32", name="logits")(x)
    return ZooModel({"frames": frames, "lengths": lengths}, logits, name=name)


def _conv_lstm(x: Any, units: int, depth: int, dropout: float) -> Any:
    """Maps (batch, time, units), each the mean over the image.

    There is no mask: Keras's masks are for states that are vectors, and padding on the right comes
    after all that is read of a clip.
    """
    require_integer("units", units)
    require_integer("depth", depth)
    for index in range(depth):
        layer = keras.layers.ConvLSTM2D(
            units, 3, padding="same", return_sequences=True, name=f"conv_lstm_{index}"
        )
        x = layer(x)
    x = ops.mean(x, axis=(2, 3))
    return keras.layers.Dropout(dropout, name="dropout")(x) if dropout else x


def video_states(model: keras.Model) -> keras.Model:
    """The states of a classifier of clips, and its logits, sharing its weights.

    Args:
        model: Model of `video_classifier` with classes of clips.

    Returns:
        A model with the same inputs and the outputs `states` (batch, time, width) and `logits`.
    """
    states = keras.tree.flatten(model.get_layer("pooling").input)[0]
    return ZooModel(model.input, {"states": states, "logits": model.output}, name="video_states")


def running_logits(model: keras.Model, states: Any) -> Any:
    """What a classifier of clips says after each frame: the states so far, pooled as those of a
    whole clip are.

    In a bidirectional model these states have read the frames to come as well: the logits then say
    from which frames the answer is made, not what was known at the time.

    Args:
        model: Model of `video_classifier` with classes of clips.
        states: Those of `video_states`.

    Returns:
        Logits (batch, time, num_classes).
    """
    return model.get_layer("logits")(pooled_prefixes(model.get_layer("pooling"), states))
