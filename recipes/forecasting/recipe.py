"""The forecasting recipe, from data to predictions."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import keras
import keras_tuner
import numpy as np

import zoo
from custom_layers.series.quantiles import checked_quantiles
from recipes.forecasting import data as series_data
from recipes.forecasting import plots as forecast_plots
from recipes.forecasting.backtest import Backtest, fan_panels, write_errors
from recipes.forecasting.future import check_clock, forecasts_after
from recipes.forecasting.metrics import Answers, errors_by_step
from recipes.forecasting.options import SeriesConfig
from recipes.forecasting.serve import Forecaster, SavedForecaster
from recipes.forecasting.train import Training, solve_readout
from recipes.forecasting.windows import Windows
from recipes.kit.card import Card
from recipes.kit.console import note
from recipes.kit.errors import DataError, UserError
from recipes.kit.export import for_serving, save_saved_model
from recipes.kit.fit import fit
from recipes.kit.options import FitConfig, StackConfig
from recipes.kit.output import PLOTS, SAVED_MODEL, read_record, read_run_config, write_json
from recipes.kit.search import stack_space
from zoo import StackOptions

ABOUT = "forecasting.json"
INPUTS = "files"

CARD = Card(
    task="Forecasts the next steps of a time series from a window of its past.",
    use="Series like those it was trained on, in the same steps of time; planning with the "
    "quantiles, not with the middle alone.",
    limits="It knows nothing that is not in the window: what never happened in the training part "
    "is not foreseen, and its quantiles hold only as long as the world goes on as it did then. "
    "Where a baseline is better, use that.",
)


@dataclass(frozen=True)
class Config(SeriesConfig, StackConfig, FitConfig):
    """Options of the forecasting recipe."""

    epochs: int = 40
    """Most passes over the training windows."""
    learning_rate: float = 3e-3
    """Step size, at its highest."""
    schedule: Literal["constant", "cosine", "plateau"] = "cosine"
    """Learning rate over time: constant; cosine = up over the first 5 % of the steps, then down to
    zero along a cosine; plateau = halved after every 2 epochs without improvement."""
    patience: int = 10
    """Stop after this many epochs without improvement; the best epoch's weights are kept."""
    jit_compile: bool = True
    """Compile the training step with XLA, which is several times as fast here."""
    model: Literal["rnn", "echo_state"] = "rnn"
    """rnn = all weights are trained by gradient descent; echo_state = reservoirs (--units, --depth,
    --cell-options '{"spectral_radius": 0.9, "leak_rate": 0.5}') stay as they were drawn, and the
    readout of their states and of the last values is found in closed form."""
    mode: Literal["direct", "recursive"] = "direct"
    """direct = all steps at once; recursive = one step, fed back to get the next."""
    quantiles: tuple[float, ...] = (0.1, 0.5, 0.9)
    """Quantiles to forecast, 0.5 among them; none (`--quantiles` and nothing behind it) for the
    mean, by squared error."""
    scaling: Literal["train", "window", "last"] = "window"
    """Values are scaled by mean and deviation of the training part; by those of the window, which
    follows new levels; or from the last value of the window, by the deviation of the window."""
    anchor: Literal["level", "season"] = "season"
    """What is forecast is a change: against the centre of the scaling, or against the value one
    season before, where there is a season."""
    cell: Literal[
        "simple", "lstm", "gru", "leaky", "delay", "reservoir", "lmu", "lru", "mingru", "minlstm"
    ] = "gru"
    """Recurrent layer."""
    units: int = 64
    """Width of each recurrent layer and direction."""
    bidirectional: bool = False
    """Read the window backwards as well. It lies wholly in the past, so this is no look ahead;
    refused with --mode recursive, whose window grows by its own forecasts."""

    def __post_init__(self) -> None:
        if self.model == "echo_state" and self.cell == "gru":
            object.__setattr__(self, "cell", "reservoir")  # in place of the default
        super().__post_init__()
        try:
            checked_quantiles(self.quantiles)
        except ValueError:
            self.require(False, "quantiles", "ascending, above 0, below 1, with 0.5 among them")
        if self.model == "echo_state":
            self.require(self.cell == "reservoir", "cell", "reservoir with --model echo_state")
            self.require(self.mode == "direct", "mode", "direct with --model echo_state")
            self.require(not self.bidirectional, "bidirectional", "off with --model echo_state")
        if self.mode == "recursive":
            self._check_recursive()

    def _check_recursive(self) -> None:
        if self.bidirectional:
            raise UserError(
                "--bidirectional: a layer that reads backwards would start from forecasts that "
                "are still to be made; expected --no-bidirectional with --mode recursive."
            )
        if self.covariates:
            raise UserError(
                "--covariates: what they will be is not known when the next step is forecast; "
                "expected --known-covariates with --mode recursive, or --mode direct."
            )
        zeros = self.initial_state == "zeros"
        self.require(zeros, "initial_state", "zeros with --mode recursive")

    @property
    def network(self) -> StackOptions:
        """The recurrent stack; that of an echo state network lets the readout see everything."""
        return {**self.stack, "connection": "dense"} if self.model == "echo_state" else self.stack


@dataclass(frozen=True)
class Data:
    """Series, and the windows into them."""

    series: series_data.SeriesData
    window: int
    horizon: int
    stride: int
    periods: tuple[int, ...]
    score: str = "mase"
    mode: Literal["min", "max"] = "min"

    @property
    def description(self) -> str:
        """What the series are, for a person."""
        return f"{self.series.description}; windows of {self.window} steps"

    @property
    def licence(self) -> str:
        """Under what licence they stand."""
        return self.series.licence

    def windows(self, part: Literal["train", "valid", "test"]) -> Windows:
        """The windows of a part; those of the training part lie wholly in it."""
        return Windows(
            self.series.part(part),
            self.window,
            self.horizon,
            stride=self.stride,
            whole=part == "train",
            periods=self.periods,
        )

    def backtest(self, part: Literal["valid", "test"]) -> Backtest:
        """Forecasts to be made over a part, and what their errors are measured in."""
        return Backtest.of(self.windows(part), self.series.training, self.series.season)

    @property
    def test(self) -> Backtest:
        """What `evaluate` is given after the training."""
        return self.backtest("test")


# --- data -----------------------------------------------------------------------------------------


def load_data(config: Config) -> Data:
    """Read the series; choose season, window and calendar by their training part."""
    series = config.read_series(config.data, config.season)
    for line in series.notes:
        note(line)
    window = config.window_of(series)
    if config.anchor == "season" and series.season > 1 and window < series.season:
        raise UserError(
            f"--window {window}: is shorter than a season of {series.season} steps; expected at "
            "least that, another --season, or --anchor level."
        )
    data = Data(series, window, config.horizon, config.stride, config.periods(series))
    for part in ("train", "valid", "test"):
        if not len(data.windows(part)):
            raise UserError(
                f"--data {config.data}: no window of {window} steps and {config.horizon} steps "
                f"after it in the {part} part; expected a smaller --window or --horizon."
            )
    return data


# --- build ----------------------------------------------------------------------------------------


def build(config: Config, data: Data) -> keras.Model:
    """The forecaster, uncompiled; it knows mean and deviation of the training part."""
    season = data.series.season
    model = zoo.forecaster(
        horizon=config.horizon,
        targets=len(data.series.targets),
        covariates=len(data.series.covariates),
        known_covariates=len(data.series.known) + 2 * len(data.periods),
        quantiles=config.quantiles,
        mode=config.mode,
        scaling=config.scaling,
        season=season if config.anchor == "season" and season > 1 else 0,
        **config.network,
    )
    zoo.fit_scaling(model, **data.windows("train").training_values())
    return model


# --- train ----------------------------------------------------------------------------------------


def train(
    config: Config,
    data: Data,
    model: keras.Model,
    *,
    folder: Path | None = None,
    title: str = "forecaster",
) -> list[dict[str, float]]:
    """Train a model; it is left with the weights of its best epoch (or penalty)."""
    windows, valid = data.windows("train"), data.backtest("valid")
    if config.model == "echo_state":
        return solve_readout(model, windows, valid, config.quantiles, folder=folder, title=title)
    training = Training(config, model, config.quantiles, windows, valid, data.series.training)
    return fit(
        model,
        config,
        batches=training.batches,
        steps=training.steps,
        loss=training.loss,
        validate=training.validate,
        monitor=f"val_{data.score}",
        mode=data.mode,
        folder=folder,
        title=title,
    )


# --- evaluate -------------------------------------------------------------------------------------


def evaluate(folder: Path, backtest: Backtest) -> dict[str, float]:
    """Metrics of an exported forecaster by a rolling origin."""
    return backtest.metrics(SavedForecaster(folder / SAVED_MODEL).answers(backtest.windows))


def baseline(
    config: Config, data: Data, folder: Path
) -> tuple[dict[str, float], dict[str, np.ndarray]]:
    """The value one season before, and the last value."""
    test = data.test
    others = {"seasonal naive": test.windows.seasonal_naive(data.series.season)}
    others["naive"] = test.windows.naive()
    seasonal, naive = (test.metrics(Answers(point)) for point in others.values())
    return {**seasonal, **{f"naive_{name}": value for name, value in naive.items()}}, others


def load_test(folder: Path, config: Config, source: str) -> Backtest:
    """Forecasts to be made over the test part of a source: that of the data the model was trained
    on, or of another one with the same columns, cut by the same share."""
    about = _about(folder)
    series = config.read_series(source, about["season"])
    found = {"targets": series.targets, "covariates": series.covariates, "known": series.known}
    for name, names in found.items():
        # Who trained on what we carry has a file with names of another kind.
        alike = len(names) == len(about[name]) and config.data == "embedded"
        if list(names) != about[name] and not alike:
            raise DataError(source, f"expected the {name} {about[name]}, found {list(names)}")
    check_clock(about["step"], series.clock, source)
    data = Data(series, about["window"], config.horizon, config.stride, tuple(about["periods"]))
    if not len(data.windows("test")):
        raise UserError(f"--data {source}: its test part holds nothing to forecast.")
    return data.test


def draw(folder: Path, data: Data, baseline_answers: dict[str, np.ndarray]) -> None:
    """Draw forecasts from three origins, and errors by how far ahead the forecast is."""
    test = data.test
    answers = SavedForecaster(folder / SAVED_MODEL).answers(test.windows)
    plots = folder / PLOTS
    others = dict(baseline_answers)
    if data.series.season == 1:
        del others["seasonal naive"]  # the same
    panels = fan_panels(test, answers, others, data.series.targets)
    forecast_plots.fans(panels, answers.levels, plots / "fan.png")
    points = {"model": answers.point, **others}
    errors = {name: errors_by_step(test.truth, point) for name, point in points.items()}
    scaled = {
        name: np.nanmean(each / np.nanmean(test.scale, axis=0), axis=1)
        for name, each in errors.items()
    }
    forecast_plots.by_step(scaled, "mean absolute scaled error", plots / "by_step.png")
    write_errors(errors, data.series.targets, folder / "errors.csv")


# --- export, predict ------------------------------------------------------------------------------


def export(config: Config, data: Data, model: keras.Model, folder: Path) -> None:
    """Write the SavedModel, which takes raw windows, and what its inputs are.

    Signature: `forecast`, also `serving_default`, of `past` (batch, time, targets), NaN where a
    value is missing; where there are any `covariates` (batch, time, covariates), `known`
    (batch, time + horizon, known), and with a calendar `times` (batch, time + horizon) int64,
    seconds since 1970. Returns `forecast` (batch, horizon, targets), and with quantiles `quantiles`
    (batch, horizon, targets, levels) and `levels`; all in the data's unit.
    """
    forecaster = Forecaster(for_serving(model), config.quantiles, data.periods)
    save_saved_model(forecaster.endpoints, forecaster.resources, folder / SAVED_MODEL)
    series = data.series
    write_json(
        folder / ABOUT,
        {
            "columns": series.columns,
            "targets": series.targets,
            "covariates": series.covariates,
            "known": series.known,
            "window": data.window,
            "horizon": data.horizon,
            "season": series.season,
            "step": None if series.clock is None else [series.clock.unit, series.clock.count],
            "periods": data.periods,
        },
    )


def servable(model: keras.Model) -> keras.Model:
    """What ONNX and LiteRT can hold: windows in the data's unit in, forecasts out. What is known of
    the steps ahead, the calendar with it, comes apart from the window, as `future`."""
    plain = for_serving(model)
    inputs = {
        name: keras.Input(tensor.shape[1:], name=name) for name, tensor in plain.input.items()
    }
    given = dict(inputs)
    if "known" in inputs:
        shape = (plain.output.shape[1], inputs["known"].shape[-1])
        inputs["future"] = keras.Input(shape, name="future")
        given["known"] = keras.ops.concatenate([inputs["known"], inputs["future"]], axis=1)
    return keras.Model(inputs, {"forecast": plain(given)}, name=model.name)


def predict(folder: Path, paths: Iterable[Path]) -> Iterator[dict[str, Any]]:
    """Forecast what comes after the end of CSV files.

    Yields:
        For each series, target and step `path`, `series`, `target`, `step` (1 is the first after
        the end), `time` where there are time stamps, `forecast`, and `quantiles` by level.
    """
    config, about = read_run_config(Config, folder), _about(folder)
    # Who trained on what we carry has a file with names of another kind.
    targets = () if config.data == "embedded" else tuple(about["columns"])
    columns = dataclasses.replace(config.columns, targets=targets)
    served = SavedForecaster(folder / SAVED_MODEL)
    for path in paths:
        read = series_data.read_files([path], columns, separate=config.separate)
        yield from forecasts_after(path, read, served, about)


def _about(folder: Path) -> dict[str, Any]:
    names = ("columns", "targets", "covariates", "known")
    return read_record(folder / ABOUT, (*names, "window", "horizon", "season", "step", "periods"))


# --- search ---------------------------------------------------------------------------------------


def space(hp: keras_tuner.HyperParameters, config: Config) -> Config:
    """The config of a trial: what `rnn-zoo tune` may change."""
    options: dict[str, Any] = {
        "scaling": hp.Choice("scaling", ["train", "window", "last"], default=config.scaling),
        "anchor": hp.Choice("anchor", ["level", "season"], default=config.anchor),
    }
    if config.model == "rnn":
        return stack_space(hp, config, both_ways=config.mode == "direct", **options)
    reservoir = {
        "spectral_radius": hp.Float("spectral_radius", 0.3, 1.3),
        "leak_rate": hp.Float("leak_rate", 0.05, 1.0, sampling="log"),
        "input_scaling": hp.Float("input_scaling", 0.05, 2.0, sampling="log"),
    }
    return dataclasses.replace(
        config,
        **options,
        depth=hp.Int("depth", 1, 3, default=min(config.depth, 3)),
        units=hp.Int("units", 50, 800, step=2, sampling="log", default=config.units),
        cell_options=json.dumps({**json.loads(config.cell_options), **reservoir}),
    )
