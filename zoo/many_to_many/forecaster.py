"""Forecasters: from a window of the past to the next steps, optionally with quantiles.

With a window x of T steps of the targets, its centre c and scale s, k for known values, covariates
z, and an anchor a (0, or the scaled value one season before the step):

    direct       h = RNN([(x_t - c) / s, k_t, z_t], t = 1..T)         forecasts of all steps at once
                 y_1, ..., y_H = a + W [h_T, z_T+1, ..., z_T+H] + b
    recursive    y_i = a_i + W h_T+i-1 + b                            each step from the one before
                 h_T+i = RNN([y_i, 0, z_T+i+1], h_T+i-1)              with its own forecast fed back

    forecast = c + s y

Both are trained on forecasts of the whole horizon, in the unit of the data; the recursive one
through its own feedback, so that it learns the consequences of its own errors.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, Unpack, get_args

import keras
import numpy as np

from custom_layers import MonotoneQuantiles, SequencePooling1D, SeriesScaling
from custom_layers.engine.checks import require_integer, require_one_of
from custom_layers.engine.tensor import broadcast_sum
from custom_layers.pooling.sequence import PoolingMode
from custom_layers.series.quantiles import checked_quantiles
from custom_layers.series.scaling import ScalingMode
from zoo._model import ZooModel
from zoo._registry import register_model
from zoo.many_to_many.feedback_forecast import SeasonalAnchor, feedback_forecast
from zoo.recurrent import StackOptions, recurrent_stack

Mode = Literal["direct", "recursive"]

_QUANTILES = (0.1, 0.5, 0.9)


@register_model(
    "forecaster_small",
    shape="many-to-many",
    parameters=13_838,
    paper="Hewamalage et al. 2021",
    units=64,
)
@register_model(
    "forecaster_quantiles",
    shape="many-to-many",
    parameters=59_978,
    paper="Wen et al. 2017",
    horizon=24,
    quantiles=_QUANTILES,
    units=128,
)
@register_model(
    "forecaster_recursive",
    shape="many-to-many",
    parameters=32_925,
    paper="Salinas et al. 2020",
    horizon=24,
    quantiles=_QUANTILES,
    mode="recursive",
    cell="lstm",
    units=40,
    depth=3,
)
@register_model(
    "forecaster_echo_state",
    shape="many-to-many",
    parameters=10_238,
    paper="Jaeger 2001",
    horizon=12,
    cell="reservoir",
    connection="dense",
    units=300,
)
def forecaster(
    *,
    horizon: int = 12,
    targets: int = 1,
    covariates: int = 0,
    known_covariates: int = 0,
    quantiles: Sequence[float] = (),
    mode: Mode = "direct",
    scaling: ScalingMode = "window",
    season: int = 0,
    name: str = "forecaster",
    **stack: Unpack[StackOptions],
) -> keras.Model:
    """Recurrent forecaster: from past values in the unit of the data to the next ones.

    Call `fit_scaling` with the training data, then train with
    `custom_layers.ForecastLoss(quantiles)` on targets (batch, horizon, targets). A forecaster that
    consists of reservoirs needs no gradient: `fit_forecast_readout` fits its output layer.

    Args:
        horizon: Steps to forecast, at least 1.
        targets: Number of series to forecast together.
        covariates: Number of other series, known up to now.
        known_covariates: Number of series known up to the end of the horizon, such as the weekday.
        quantiles: Levels, ascending, including 0.5; empty for the mean alone.
        mode: `"direct"` forecasts all steps from the state after the window. `"recursive"`
            forecasts one step, which is fed back to forecast the next one; with quantiles, the
            median is fed back. It takes no `covariates`, as their future is unknown.
        scaling: Centre and scale of the window, see `custom_layers.SeriesScaling`.
        season: Steps of a season. Forecasts are changes from the last known value at the same place
            in the season (the seasonal naive forecast), or from the centre if the window has none.
            0 for changes from the centre.
        name: Name of the model.
        **stack: Options of `zoo.recurrent_stack`. `cell` defaults to `"gru"`. `bidirectional` needs
            `mode="direct"`: the window lies in the past and can be read backwards, but a recursive
            forecaster would have to start from forecasts that do not exist yet.

    Returns:
        A model with the inputs `past` (batch, time, targets), NaN = missing, of any length, and, if
        there are any, `covariates` (batch, time, covariates) and `known` (batch, time + horizon,
        known_covariates), all in their own units; and the output (batch, horizon, targets, n)
        float32, with n the number of quantiles, or 1.

    Raises:
        ValueError: If an option is invalid.

    Example:
        >>> import zoo
        >>> model = zoo.forecaster(horizon=6, targets=2, quantiles=(0.1, 0.5, 0.9), units=16)
        >>> model.output_shape
        (None, 6, 2, 3)
    """
    stack.setdefault("cell", "gru")
    _check(horizon, targets, covariates, known_covariates, mode, season, stack)
    levels = checked_quantiles(quantiles)
    count = len(levels) or 1
    past = keras.Input((None, targets), name="past")
    inputs = {"past": past}
    scaled, valid, centre, scale = SeriesScaling(scaling, name="scaling")(past)
    features = [scaled, valid]
    if covariates:
        inputs["covariates"] = keras.Input((None, covariates), name="covariates")
        features += _scaled("covariates", inputs["covariates"])
    known = None
    if known_covariates:
        inputs["known"] = keras.Input((None, known_covariates), name="known")
        known = keras.layers.Concatenate(name="known_inputs")(_scaled("known", inputs["known"]))
    anchors = SeasonalAnchor(horizon, season, dtype="float32", name="anchor")(scaled, valid)

    if mode == "direct":
        if known is not None:
            features.append(known[:, :-horizon])
        x = recurrent_stack(keras.layers.Concatenate(name="inputs")(features), **stack)
        last: PoolingMode = "ends" if stack.get("bidirectional") else "last"
        x = SequencePooling1D(last, name="pooling")(x)
        if known is not None:
            width = horizon * known.shape[-1]
            future = keras.layers.Reshape((width,), name="future")(known[:, -horizon:])
            x = keras.layers.Concatenate(name="state_and_future")([x, future])
        x = keras.layers.Dense(horizon * targets * count, dtype="float32", name="head")(x)
        x = keras.layers.Reshape((horizon, targets, count), name="steps")(x)
        if levels:
            x = MonotoneQuantiles(levels, dtype="float32", name="quantiles")(x)
        x = broadcast_sum(x, anchors[..., None])
    else:
        if known is not None:
            features.append(known[:, 1 : 1 - horizon] if horizon > 1 else known[:, 1:])
        joined = keras.layers.Concatenate(name="inputs")(features)
        loop = feedback_forecast(joined.shape[-1], horizon, targets, levels, stack)
        future = None if known is None or horizon == 1 else known[:, 1 - horizon :]
        x = loop(joined, anchors, future)
    outputs = broadcast_sum(scale[..., None] * x, centre[..., None])
    return ZooModel(inputs, outputs, name=name)


def fit_scaling(model: keras.Model, **parts: Any) -> None:
    """Set the scaling of a forecaster to mean and deviation of the training data.

    Args:
        model: Model of `forecaster`.
        **parts: Training data `(time, features)` for each input, by name; NaN if missing.

    Raises:
        ValueError: If an input is left out, unknown, or has the wrong width.
    """
    if set(parts) != set(model.input):
        raise ValueError(f"Expected the inputs {sorted(model.input)}, found {sorted(parts)}.")
    for name, values in parts.items():
        layer = model.get_layer("scaling" if name == "past" else f"{name}_scaling")
        values = np.asarray(values, "float64")
        if values.shape[-1] != model.input[name].shape[-1]:
            raise ValueError(
                f"`{name}` must have {model.input[name].shape[-1]} features, found {values.shape}."
            )
        layer.adapt(values)


def _scaled(name: str, values: Any) -> list[Any]:
    """Covariates scaled by the training data, and whether each is known."""
    return list(SeriesScaling("train", name=f"{name}_scaling")(values)[:2])


def _check(
    horizon: int,
    targets: int,
    covariates: int,
    known_covariates: int,
    mode: str,
    season: int,
    stack: StackOptions,
) -> None:
    require_integer("horizon", horizon)
    require_integer("targets", targets)
    require_integer("covariates", covariates, least=0)
    require_integer("known_covariates", known_covariates, least=0)
    require_integer("season", season, least=0)
    require_one_of("mode", mode, get_args(Mode))
    if mode == "direct":
        return
    if covariates:
        raise ValueError(
            "`covariates` must be 0 with `mode='recursive'`, as their future is unknown. If it is "
            "known, use `known_covariates`."
        )
    if stack.get("bidirectional"):
        raise ValueError(
            "`bidirectional` must be false with `mode='recursive'`: a layer that reads backwards "
            "would have to start from forecasts that do not exist yet."
        )
    if stack.get("initial_state", "zeros") != "zeros":
        raise ValueError("`initial_state` must be 'zeros' with `mode='recursive'`.")
