"""Many-to-one: an answer for a whole sequence."""

from __future__ import annotations

from typing import Any, Literal, Unpack

import keras
from keras import ops

from custom_layers import (
    AttentionPooling1D,
    SequencePooling1D,
    SequenceSnapshots1D,
    SeriesScaling,
)
from custom_layers.engine.masking import first_steps
from zoo._registry import register_model
from zoo._tokens import TokenStackOptions, split_options, token_features
from zoo.decoding import require_integer
from zoo.recurrent import StackOptions, recurrent_stack

Pooling = Literal["last", "mean", "max", "attention"]
POOLINGS = ("last", "mean", "max", "attention")

SeriesPooling = Literal["last", "mean", "max", "attention", "snapshots"]
SERIES_POOLINGS = (*POOLINGS, "snapshots")
SeriesScalingMode = Literal["train", "series"]

_YANG, _CONNEAU = "Yang et al. 2016", "Conneau et al. 2017"


@register_model("text_classifier_small", parameters=575_778, paper=_YANG, word_dim=50, units=64)
@register_model("text_classifier_base", parameters=1_643_202, paper=_YANG, word_dim=100, units=200)
@register_model(
    "text_classifier_max", parameters=1_482_402, paper=_CONNEAU, pooling="max", units=200
)
def text_classifier(
    *,
    num_classes: int = 2,
    pooling: Pooling = "attention",
    name: str = "text_classifier",
    **options: Unpack[TokenStackOptions],
) -> keras.Model:
    """Recurrent text classifier: words, a recurrent stack, and one vector pooled from its states.

    Train it with `keras.losses.SparseCategoricalCrossentropy(from_logits=True)`; `class_decoder`
    makes probabilities of the logits and shows the attention.

    Args:
        num_classes: Number of classes, at least 2.
        pooling: `"last"`, the states after all has been read (of both directions where there are
            two); `"mean"` or `"max"` over time; or `"attention"`, a learned weighted mean.
        name: Name of the model.
        **options: Those of `zoo.TokenOptions`, of which `character_vocabulary_size` is 0 unless
            given, and of `zoo.recurrent_stack`, of which `bidirectional` is true unless given.

    Returns:
        Inputs `words` (batch, time) and, where there are characters, `characters`
        (batch, time, letters), int32, 0 = padding on the right; output float32 logits
        (batch, num_classes).

    Raises:
        ValueError: If an option does not fit.

    Example:
        >>> import zoo
        >>> zoo.create_model("text_classifier_small", num_classes=5).output_shape
        (None, 5)
    """
    _check_classes(num_classes)
    tokens, stack = split_options(
        {"bidirectional": True, "character_vocabulary_size": 0, **options}
    )
    inputs, x, mask = token_features(**tokens)
    x = recurrent_stack(x, mask=mask, **stack)
    x = pool(x, mask, pooling, both_ends=stack["bidirectional"])
    logits = keras.layers.Dense(num_classes, dtype="float32", name="logits")(x)
    return keras.Model(inputs, logits, name=name)


@register_model("series_classifier_small", parameters=12_996, paper="Cho et al. 2014", units=64)
@register_model(
    "series_classifier_base",
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
    parameters=12_548,
    paper="Chang et al. 2017",
    cell="delay",
    units=64,
)
@register_model(
    "series_classifier_echo_state",
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
    _check_classes(num_classes)
    require_integer("features", features, 1)
    if scaling not in ("train", "series"):
        raise ValueError(f"`scaling` must be 'train' or 'series', not {scaling!r}.")
    if pooling not in SERIES_POOLINGS:
        raise ValueError(f"`pooling` must be one of {SERIES_POOLINGS}, not {pooling!r}.")
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


def pool(x: Any, mask: Any, pooling: Pooling, *, both_ends: bool) -> Any:
    """One vector of a sequence of states, by a layer named `pooling`.

    Args:
        x: (batch, time, width).
        mask: (batch, time), true where a step counts.
        pooling: As for `text_classifier`.
        both_ends: Whether `"last"` takes the first step too, where a layer that reads backwards
            has read everything.

    Raises:
        ValueError: If there is no such pooling.
    """
    if pooling not in POOLINGS:
        raise ValueError(f"`pooling` must be one of {POOLINGS}, not {pooling!r}.")
    if pooling == "attention":
        layer = AttentionPooling1D(return_attention_scores=True, name="pooling")
        return layer(x, mask=mask)[0]
    mode = "ends" if pooling == "last" and both_ends else pooling
    return SequencePooling1D(mode, name="pooling")(x, mask=mask)


def class_decoder(model: keras.Model) -> keras.Model:
    """Turn a model of class logits into one of probabilities, sharing its weights.

    Args:
        model: From `text_classifier` or `series_classifier`.

    Returns:
        A model of the same inputs with outputs `probabilities` (batch, num_classes) float32 and,
        where the model pools by attention, `attention` (batch, time) float32, the weight of each
        step, which sum to 1.
    """
    outputs = {"probabilities": ops.softmax(model.output, axis=-1)}
    pooled = model.get_layer("pooling").output
    if isinstance(pooled, (list, tuple)):
        outputs["attention"] = ops.cast(pooled[1], "float32")
    return keras.Model(model.input, outputs, name=f"{model.name}_decoder")


def _check_classes(num_classes: int) -> None:
    if num_classes < 2:
        raise ValueError(f"`num_classes` must be at least 2, not {num_classes!r}.")
