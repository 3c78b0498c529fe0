"""The forecasting recipe: data, forecaster, training, baseline, export, pictures and search."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras
import keras_tuner
import numpy as np

import zoo
from recipes.forecasting import data as series_data
from recipes.forecasting import plots
from recipes.forecasting.backtest import Backtest
from recipes.forecasting.baseline import naive, seasonal_naive
from recipes.forecasting.data import Data
from recipes.forecasting.metrics import Answers
from recipes.forecasting.options import Config, Predict
from recipes.forecasting.serve import Forecaster, ForecastPredictor
from recipes.forecasting.train import Training, solve_readout
from recipes.kit.amount import Amount
from recipes.kit.data.source import Source
from recipes.kit.export import for_serving, save_saved_model
from recipes.kit.fit import fit
from recipes.kit.output import PLOTS, SAVED_MODEL
from recipes.kit.recipe import Baseline, Card, History, Recipe, Rows, Run
from recipes.kit.space import reservoir_space, stack_space
from recipes.kit.stack import stack_of

CARD = Card(
    task="Forecasts the next steps of a time series from a window of its past.",
    use="Series like those it was trained on, in the same steps of time; planning with the "
    "quantiles, not with the middle alone.",
    limits="It knows only what is in the window: what never happened in the training part is not "
    "foreseen, and its quantiles hold only as long as the world goes on as it did then. Where a "
    "baseline is better, use that.",
)


def load_data(source: Source, config: Config) -> Data:
    """Read the series; choose season, window and calendar by their training part."""
    return series_data.load(source, config)


def amount(data: Data, config: Config) -> Amount:
    """The windows of the training part; batches that would not be full are left out."""
    count = len(data.windows("train"))
    return Amount(count, "windows", updates=lambda batch_size: max(1, count // batch_size))


def build(run: Run[Config, Data]) -> keras.Model:
    """The forecaster, uncompiled; it knows mean and deviation of the training part."""
    config, data = run.config, run.data
    stack = stack_of(config)
    if config.model == "echo_state":
        stack["connection"] = "dense"  # The readout sees the inputs and all layers.
    model = zoo.forecaster(
        horizon=config.horizon,
        targets=len(data.series.targets),
        covariates=len(data.series.covariates),
        known_covariates=len(data.series.known) + 2 * len(data.periods),
        quantiles=config.quantiles,
        mode=config.mode,
        scaling=config.scaling,
        season=data.season if config.anchor == "season" and data.season > 1 else 0,
        **stack,
    )
    zoo.fit_scaling(model, **data.windows("train").training_values())
    return model


def train(run: Run[Config, Data], model: keras.Model) -> History:
    """Train a model; it is left with the weights of its best epoch (or penalty)."""
    if run.config.model == "echo_state":
        return solve_readout(run, model)
    training = Training(run, model)
    return fit(
        run,
        model,
        batches=training.batches,
        steps=training.steps,
        loss=training.loss,
        validate=training.validate,
    )


def baseline(run: Run[Config, Data]) -> Baseline:
    """The value one season before, and the last value."""
    test = run.data.test
    points = {
        "seasonal naive": seasonal_naive(test.windows, run.data.season),
        "naive": naive(test.windows),
    }
    seasonal, last = (test.metrics(Answers(point)) for point in points.values())
    return Baseline(
        "the value one season before (the last value where there is no season); `naive_` is the "
        "last value.",
        {**seasonal, **{f"naive_{name}": value for name, value in last.items()}},
        points,
    )


def export(run: Run[Config, Data], model: keras.Model) -> None:
    """Write the SavedModel, which takes raw windows, and what its inputs are.

    Signature: `forecast`, also `serving_default`, of `past` (batch, time, targets), NaN where a
    value is missing; where there are any `covariates` (batch, time, covariates), `known`
    (batch, time + horizon, known), and with a calendar `times` (batch, time + horizon) int64,
    seconds since 1970. Returns `forecast` (batch, horizon, targets), and with quantiles `quantiles`
    (batch, horizon, targets, levels) and `levels`; all in the data's unit.
    """
    forecaster = Forecaster(for_serving(model), run.config.quantiles, run.data.periods)
    save_saved_model(forecaster.endpoints, forecaster.resources, run.folder / SAVED_MODEL)
    run.data.record.write(run.folder)


def portable(model: keras.Model, folder: Path) -> keras.Model:
    """What ONNX and LiteRT can hold: windows in the data's unit in, forecasts out.

    What is known of the steps ahead, the calendar included, is an input of its own, `future`.
    """
    plain = for_serving(model)
    inputs = {
        name: keras.Input(tensor.shape[1:], name=name) for name, tensor in plain.input.items()
    }
    joined = dict(inputs)
    if "known" in inputs:
        shape = (plain.output.shape[1], inputs["known"].shape[-1])
        inputs["future"] = keras.Input(shape, name="future")
        joined["known"] = keras.ops.concatenate([inputs["known"], inputs["future"]], axis=1)
    return keras.Model(inputs, {"forecast": plain(joined)}, name=model.name)


def load_test(source: Source, predictor: ForecastPredictor) -> Backtest:
    """Forecasts to make over the test part of a source."""
    return series_data.load_test(source, predictor.config, predictor.record)


def draw(run: Run[Config, Data], predictor: ForecastPredictor, answers: Mapping[str, Any]) -> None:
    """Draw forecasts from three origins, and errors by how far ahead the forecast is."""
    test, folder = run.data.test, run.folder / PLOTS
    forecasts, others = answers["model"], _others(run, answers)
    fans = plots.fans_of(test, forecasts, others, run.data.series.targets)
    plots.fans(fans, forecasts.levels, folder / "fan.png")
    errors = {
        name: test.scaled_errors(point)
        for name, point in {"model": forecasts.point, **others}.items()
    }
    plots.by_step(errors, "mean absolute scaled error", folder / "by_step.png")


def tables(
    run: Run[Config, Data], predictor: ForecastPredictor, answers: Mapping[str, Any]
) -> Mapping[str, Rows | str]:
    """Mean absolute errors by target and step."""
    test = run.data.test
    points = {"model": answers["model"].point, **_others(run, answers)}
    return {"errors.csv": test.error_table(points, run.data.series.targets)}


def _others(run: Run[Config, Data], answers: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """Forecasts to compare with; without a season the two baselines are the same."""
    names = ["seasonal naive", "naive"] if run.data.season > 1 else ["naive"]
    return {name: answers[name] for name in names}


def space(hp: keras_tuner.HyperParameters, config: Config) -> Config:
    """The config of a trial: what `rnn-zoo tune` may change."""
    options: dict[str, Any] = {
        "scaling": hp.Choice("scaling", ["train", "window", "last"], default=config.scaling),
        "anchor": hp.Choice("anchor", ["level", "season"], default=config.anchor),
    }
    if config.model == "rnn":
        return stack_space(hp, config, both_ways=config.mode == "direct", **options)
    units = hp.Int("units", 50, 800, step=2, sampling="log", default=config.units)
    return reservoir_space(hp, config, input_scaling=(0.05, 2.0), units=units, **options)


RECIPE = Recipe(
    config=Config,
    card=CARD,
    load_data=load_data,
    build=build,
    train=train,
    baseline=baseline,
    export=export,
    portable=portable,
    load=ForecastPredictor,
    load_test=load_test,
    draw=draw,
    space=space,
    amount=amount,
    predicting=Predict,
    tables=tables,
)
