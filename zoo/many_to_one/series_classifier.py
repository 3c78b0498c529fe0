"""Series classifier: a class for a series of numbers."""

from __future__ import annotations

from typing import Literal, Unpack, get_args

import keras

from custom_layers import SequenceSnapshots1D, SeriesScaling
from custom_layers.engine.checks import require_integer, require_one_of
from custom_layers.engine.masking import first_steps
from zoo._registry import register_model
from zoo.many_to_one.classes import pool
from zoo.recurrent import StackOptions, recurrent_stack

SeriesPooling = Literal["last", "mean", "max", "attention", "snapshots"]
SeriesScalingMode = Literal["train", "series"]


@register_model(
    "series_classifier_small",
    shape="many-to-one",
    parameters=12_996,
    paper="Cho et al. 2014",
    units=64,
)
@register_model(
    "series_classifier_base",
    shape="many-to-one",
    parameters=527_876,
    paper="Graves et al. 2005",
    cell="lstm",
    units=128,
    depth=2,
    bidirectional=True,
    pooling="mean",
)
@register_model(
    "series_classifier_deep",
    shape="many-to-one",
    parameters=63_206,
    paper="He et al. 2016",
    cell="lstm",
    units=32,
    depth=8,
    connection="residual",
    layer_norm=True,
)
@register_model(
    "series_classifier_dilated",
    shape="many-to-one",
    parameters=12_548,
    paper="Chang et al. 2017",
    cell="delay",
    units=64,
)
@register_model(
    "series_classifier_echo_state",
    shape="many-to-one",
    parameters=11_420,
    paper="Jaeger et al. 2007",
    cell="reservoir",
    cell_options={"input_scaling": 0.2, "bias_scaling": 0.2},
    units=300,
    connection="dense",
    pooling="snapshots",
)
def series_classifier(
    *,
    features: int = 1,
    num_classes: int = 2,
    pooling: SeriesPooling = "last",
    snapshots: int = 8,
    scaling: SeriesScalingMode = "train",
    missing: bool = False,
    name: str = "series_classifier",
    **stack: Unpack[StackOptions],
) -> keras.Model:
    """Recurrent classifier of series of numbers, of any length, with one channel or several.

    Tell its scaling the training part with `model.get_layer("scaling").adapt(values)`, (steps,
    features), then train with `keras.losses.SparseCategoricalCrossentropy(from_logits=True)`. A
    classifier of reservoirs alone needs no gradient: `fit_class_readout` finds its output layer.
    `class_decoder` makes probabilities of the logits and shows the attention.

    Args:
        features: Channels of a series.
        num_classes: Number of classes, at least 2.
        pooling: As for `text_classifier`; or `"snapshots"`, states at equal distances up to the
            last, side by side (`custom_layers.SequenceSnapshots1D`).
        snapshots: How many, with `pooling="snapshots"`.
        scaling: Each channel minus a centre, divided by a scale: `"train"`, mean and standard
            deviation of the training part; `"series"`, those of the series itself, where neither
            level nor size say anything of the class (`custom_layers.SeriesScaling`).
        missing: Show the network which values are missing (NaN), beside the values. Without, they
            are taken for the centre.
        name: Name of the model.
        **stack: Options of `zoo.recurrent_stack`. `cell` is `"gru"` unless given.

    Returns:
        Inputs `series` (batch, time, features), in the data's units, NaN = missing, and `lengths`
        (batch,) int32: what is behind them is padding, and may be anything. Output float32 logits
        (batch, num_classes).

    Raises:
        ValueError: If an option does not fit.

    Example:
        >>> import zoo
        >>> zoo.create_model("series_classifier_small", features=6, num_classes=4).output_shape
        (None, 4)
    """
    require_integer("num_classes", num_classes, least=2)
    require_integer("features", features)
    require_one_of("scaling", scaling, get_args(SeriesScalingMode))
    require_one_of("pooling", pooling, get_args(SeriesPooling))
    stack.setdefault("cell", "gru")
    series = keras.Input((None, features), name="series")
    lengths = keras.Input((), dtype="int32", name="lengths")
    mask = first_steps(series[:, :, 0], lengths)
    mode: Literal["train", "window"] = "train" if scaling == "train" else "window"
    x, known, _, _ = SeriesScaling(mode, name="scaling")(series, mask=mask)
    if missing:
        x = keras.layers.Concatenate(name="values_and_known")([x, known])
    x = recurrent_stack(x, mask=mask, **stack)
    if pooling == "snapshots":
        x = SequenceSnapshots1D(snapshots, name="pooling")(x, mask=mask)
    else:
        x = pool(x, mask, pooling, both_ends=stack.get("bidirectional", False))
    logits = keras.layers.Dense(num_classes, dtype="float32", name="logits")(x)
    return keras.Model({"series": series, "lengths": lengths}, logits, name=name)
