"""Classifiers of series of numbers."""

from __future__ import annotations

from typing import Literal, Unpack, get_args

import keras

from custom_layers import SequenceSnapshots1D, SeriesScaling
from custom_layers.engine.checks import require_integer, require_one_of
from custom_layers.engine.masking import first_steps
from zoo._model import ZooModel
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
    parameters=63_204,
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

    Call `model.get_layer("scaling").adapt(values)` with the training data, (steps, features), then
    train with `keras.losses.SparseCategoricalCrossentropy(from_logits=True)`. A classifier that
    consists of reservoirs needs no gradient: `fit_class_readout` fits its output layer.
    `class_decoder` turns the logits into probabilities and returns the attention.

    Args:
        features: Number of channels of a series.
        num_classes: Number of classes, at least 2.
        pooling: As for `text_classifier`; or `"snapshots"`, states at equal distances up to the
            last one, concatenated (`custom_layers.SequenceSnapshots1D`).
        snapshots: Number of snapshots with `pooling="snapshots"`.
        scaling: Centre and scale of each channel: `"train"`, mean and standard deviation of the
            training data; or `"series"`, those of the series itself, if neither its level nor its
            size depends on the class (`custom_layers.SeriesScaling`).
        missing: Whether the network also sees which values are missing (NaN). Missing values
            themselves are replaced by the centre.
        name: Name of the model.
        **stack: Options of `zoo.recurrent_stack`. `cell` defaults to `"gru"`.

    Returns:
        A model with the inputs `series` (batch, time, features), in the units of the data, NaN =
        missing, and `lengths` (batch,) int32, after which the values are arbitrary padding; and the
        output logits (batch, num_classes) float32.

    Raises:
        ValueError: If an option is invalid.

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
    return ZooModel({"series": series, "lengths": lengths}, logits, name=name)
