"""The chaos recipe, from data to predictions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import keras
import keras_tuner
import numpy as np

import zoo
from recipes.chaos import data as chaos_data
from recipes.chaos import plots as chaos_plots
from recipes.chaos.formats import read_columns
from recipes.chaos.metrics import LinearModel, Persistence, Scoring, answers, scores
from recipes.chaos.options import Config
from recipes.chaos.serve import Scaling, SeriesServer, ServedNetwork
from recipes.chaos.train import (
    Data,
    Examples,
    fit_reservoirs,
    over_reservoirs,
    prefixed,
    scored,
)
from recipes.kit.card import Card
from recipes.kit.errors import DataError, UserError
from recipes.kit.export import for_serving, save_saved_model
from recipes.kit.output import PLOTS, SAVED_MODEL, read_record, read_run_config, write_json

SERIES = "series.json"
INPUTS = "files"

CARD = Card(
    task="Continues a series, or computes the output of a driven system, with a fixed random "
    "reservoir and a linear readout.",
    use="Series of deterministic origin, measured at even intervals; benchmarks; teaching.",
    limits="What it was not trained on, above all values outside of the training part's range, it "
    "does not know. Chaos bounds how far any forecast holds: see the valid times. Noise in the "
    "data shortens it further.",
)


@dataclass(frozen=True)
class Predicting:
    """Options of `rnn-zoo predict` for this recipe."""

    steps: int | None = None
    """Steps to go on after the end of a file; by default as many as --run-steps had in training."""
    one_step: bool = False
    """Give the predictions one step ahead along the file as well."""


# --- data -----------------------------------------------------------------------------------------


def load_data(config: Config) -> Data:
    """Generate the series, or read it."""
    series = chaos_data.load(
        config.data,
        task=config.task,
        tau=config.tau,
        delays=config.delays,
        columns=config.names,
        target=config.target,
        train_steps=config.train_steps,
        held_out=config.held_out,
        lead=config.run_up,
        seed=config.seed,
    )
    steps = len(series.train)
    config.require(config.washout < steps, "washout", f"below the {steps} steps to train on")
    run_steps = config.run_steps or max(config.horizon or 1, min(50, len(series.valid) // 2))
    horizon = config.horizon or min(10, run_steps)
    lyapunov = series.lyapunov if config.lyapunov is None else config.lyapunov
    scoring = Scoring(
        continues=series.continues,
        horizon=horizon,
        run_steps=max(run_steps, horizon),
        starts=config.starts,
        threshold=config.threshold,
        lyapunov=lyapunov,
        memory=config.embedded and config.task == "memory_capacity",
    )
    if series.continues and scoring.run_steps >= len(series.test):
        raise UserError(
            f"--run-steps {scoring.run_steps} are too many for the {len(series.test)} steps to "
            "test on; give fewer, or a larger --held-out."
        )
    score, mode = "nrmse", "min"
    if scoring.memory:
        score, mode = "memory_capacity", "max"
    elif lyapunov is not None and series.continues:
        score, mode = "valid_time", "max"
    elif series.continues:
        score = f"nrmse_{horizon}"
    return Data(series, Scaling.of(series.train, series.continues), scoring, score, mode)


# --- build ----------------------------------------------------------------------------------------


def build(config: Config, data: Data) -> keras.Model:
    """The network, its readout not yet fitted."""
    return zoo.echo_state_network(
        features=len(data.series.columns),
        targets=len(data.series.targets),
        units=config.units,
        depth=config.depth,
        spectral_radius=config.spectral_radius,
        leak_rate=config.leak_rate,
        input_scaling=config.input_scaling,
        bias_scaling=config.bias_scaling,
        density=config.density,
        topology=config.topology,
        activation=config.activation,
        seed=config.seed,
        dtype=config.precision,
    )


# --- train ----------------------------------------------------------------------------------------


def train(
    config: Config,
    data: Data,
    model: keras.Model,
    *,
    folder: Path | None = None,
    title: str = "chaos",
) -> list[dict[str, Any]]:
    """Fit the readouts of one or several reservoirs; the model is left with the best of them."""
    try:
        return fit_reservoirs(
            model,
            config,
            data,
            redrawn=lambda seed: build(replace(config, seed=seed), data).get_weights(),
            title=title,
        )
    except ValueError as error:  # states that grow beyond all numbers
        raise UserError(
            f"no readout can be found: {error} --spectral-radius is {config.spectral_radius:g}; "
            "states that are not squashed stay finite below 1."
        ) from None


def spread(history: list[dict[str, Any]]) -> dict[str, dict[str, float]]:
    """Mean and standard deviation of each metric on the test part, over the reservoirs."""
    return over_reservoirs(history)


# --- evaluate -------------------------------------------------------------------------------------


def evaluate(folder: Path, examples: Examples) -> dict[str, float]:
    """Metrics of an exported network on a part of a series."""
    return scored(_served(folder), examples)


def baseline(config: Config, data: Data, folder: Path) -> tuple[dict[str, float], Any]:
    """A linear model on the last `lags` inputs; and persistence, to which nothing changes any more
    (of a driven system, its mean)."""
    series = data.series
    found = answers(LinearModel(series.train, config.lags), series.test, data.scoring)
    same = scored(Persistence(series.train, series.continues), data.test)
    metrics = scores(found, data.scoring)
    return {**metrics, **prefixed("persistence_", same)}, found


def load_test(folder: Path, config: Config, source: str) -> Examples:
    """The test part of a source."""
    data = load_data(replace(config, data=source))
    about = _about(folder)
    if len(data.series.columns) != len(about["columns"]):
        raise DataError(
            source,
            f"expected {len(about['columns'])} columns ({', '.join(about['columns'])}), "
            f"found {len(data.series.columns)}",
        )
    return data.test


def draw(folder: Path, data: Data, baseline_answers: Any) -> None:
    """Forecasts beside the truth, the return map, valid times, the memory curve, the penalties."""
    served, plots = _served(folder), folder / PLOTS
    chaos_plots.penalties(folder / "history.csv", data.score, plots / "ridge.png")
    found = answers(served, data.series.test, data.scoring)
    if data.scoring.memory:
        linear = {"linear model": baseline_answers, "network": found}
        chaos_plots.memory(linear, plots / "memory.png")
        return
    if not data.series.continues:
        chaos_plots.tracking(found, data.series.targets, plots / "outputs.png")
        return
    both = {"network": found, "linear model": baseline_answers}
    chaos_plots.forecast(found, data.scoring, data.series.columns, plots / "forecast.png")
    chaos_plots.valid_times(both, data.scoring, plots / "valid_times.png")
    test = data.series.test
    truth = test.inputs[test.lead :]
    start = np.array([test.lead])
    free = served.runs(test.inputs, start, len(truth) - 1)[0]
    chaos_plots.return_map(truth[1:], free, data.series.columns, plots / "return_map.png")


# --- export, predict ------------------------------------------------------------------------------


def export(config: Config, data: Data, model: keras.Model, folder: Path) -> None:
    """Write the SavedModel, which takes series in their own units, and what the columns are.

    Signatures: where the series goes on by itself `continue(series, steps)` (also
    `serving_default`), with the `continuation` and the `predictions` one step ahead; and
    `predict(series)`, with the latter alone. `series` is `(batch, time, columns)`; what comes
    before the washout is over is not to be relied upon.
    """
    server = SeriesServer(model, data.scaling, data.series.continues)
    save_saved_model(server.endpoints, server.resources, folder / SAVED_MODEL)
    about = {
        "columns": data.series.columns,
        "targets": data.series.targets,
        "continues": data.series.continues,
        "washout": config.washout,
        "run_up": config.run_up,
        "run_steps": data.scoring.run_steps,
        "units": config.units * config.depth,
        "scaling": {name: values.tolist() for name, values in vars(data.scaling).items()},
    }
    write_json(folder / SERIES, about)


def servable(model: keras.Model) -> keras.Model:
    """What ONNX and LiteRT can hold: the network one step ahead, in float32, between standardised
    values; `series.json` has the means and deviations."""
    plain = for_serving(model)
    inputs = {"x": keras.Input(plain.input_shape[1:], name="x")}
    return keras.Model(inputs, {"predictions": plain(inputs["x"])}, name=model.name)


def predict(
    folder: Path, paths: Iterable[Path], options: Predicting | None = None
) -> Iterator[dict[str, Any]]:
    """Go on with the series in files.

    Yields:
        For each file its `path`, the `columns`, and `continuation`, a row of numbers for each step
        after its end; with `one_step`, and of a driven system, `predictions`, a row for each step
        of the file.
    """
    options = options or Predicting()
    about, served = _about(folder), _served(folder)
    steps = about["run_steps"] if options.steps is None else options.steps
    if steps < 0:
        raise UserError(f"--steps must be at least 0, not {steps}.")
    # Who trained on what we carry has a file with names of another kind.
    embedded = read_run_config(Config, folder).data == "embedded"
    wanted = () if embedded else about["columns"]
    for path in paths:
        series = read_columns(path, wanted).values
        if series.shape[1] != len(about["columns"]):
            raise DataError(
                path,
                f"expected {len(about['columns'])} columns of numbers, as the network was trained "
                f"on, found {series.shape[1]}",
            )
        if len(series) <= about["washout"]:
            raise DataError(
                path,
                f"expected more steps than the washout of {about['washout']} that the network "
                f"was trained with, found {len(series)}",
            )
        answer: dict[str, Any] = {"path": str(path), "columns": about["targets"]}
        if about["continues"]:
            last = np.array([len(series) - 1])
            answer["continuation"] = served.runs(series, last, steps)[0].tolist()
        if options.one_step or not about["continues"]:
            answer["predictions"] = served.predictions(series).tolist()
        yield answer


def _served(folder: Path) -> ServedNetwork:
    about = _about(folder)
    return ServedNetwork(folder / SAVED_MODEL, lead=about["run_up"], units=about["units"])


def _about(folder: Path) -> dict[str, Any]:
    fields = ("columns", "targets", "continues", "washout", "run_up", "run_steps", "units")
    return read_record(folder / SERIES, fields)


# --- search ---------------------------------------------------------------------------------------


def space(hp: keras_tuner.HyperParameters, config: Config) -> Config:
    """The config of a trial: what `rnn-zoo tune` may change. Each trial tries all of --ridge."""

    def between(name: str, low: float, high: float) -> float:
        start = getattr(config, name)
        if not start:  # there is nothing around 0, which means none
            return start
        low, high = min(low, start), max(high, start)
        return hp.Float(name, low, high, sampling="log", default=start)

    return replace(
        config,
        spectral_radius=between("spectral_radius", 0.5, 1.3),
        leak_rate=between("leak_rate", 0.1, 1.0),
        input_scaling=between("input_scaling", config.input_scaling / 5, config.input_scaling * 5),
        bias_scaling=between("bias_scaling", config.bias_scaling / 5, config.bias_scaling * 5),
    )
