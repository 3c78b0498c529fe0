"""The chaos recipe: series, network, readout, baseline, export, pictures and search, in order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import keras_tuner
import numpy as np

import zoo
from recipes.chaos import data as series_data
from recipes.chaos import plots
from recipes.chaos.baseline import LinearModel, Persistence
from recipes.chaos.data import Data
from recipes.chaos.metrics import answers_of, scored, scores
from recipes.chaos.options import Config, Predict
from recipes.chaos.series import Examples
from recipes.chaos.serve import SERIES, NetworkPredictor, SeriesServer
from recipes.chaos.train import fit_reservoirs, prefixed
from recipes.kit.console import note_facts
from recipes.kit.data.source import Source
from recipes.kit.errors import UserError
from recipes.kit.export import for_serving, save_saved_model
from recipes.kit.output import HISTORY, PLOTS, SAVED_MODEL, write_json
from recipes.kit.recipe import Baseline, Card, History, Recipe, Run

CARD = Card(
    task="Continues a series, or computes the output of a driven system, with a fixed random "
    "reservoir and a linear readout.",
    use="Series of deterministic origin, measured at even intervals; benchmarks; teaching.",
    limits="It knows nothing beyond its training data, least of all values beyond the range of the "
    "training part. Chaos bounds how far any forecast holds: see the valid times. Noise in the "
    "data shortens it further.",
)


def load_data(source: Source, config: Config) -> Data:
    """Generate the series, or read it, and cut it in three."""
    return series_data.load(source, config)


def build(run: Run[Config, Data]) -> keras.Model:
    """The network, its readout not yet fitted."""
    config = run.config
    return zoo.echo_state_network(
        features=len(run.data.columns),
        targets=len(run.data.targets),
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


def train(run: Run[Config, Data], model: keras.Model) -> History:
    """Fit the readouts of one or several reservoirs; the model is left with the best of them."""

    def redrawn(seed: int) -> list[np.ndarray]:
        weights: list[np.ndarray] = build(
            replace(run, config=replace(run.config, seed=seed))
        ).get_weights()
        return weights

    try:
        return fit_reservoirs(run, model, redrawn)
    except ValueError as error:  # states that overflow
        raise UserError(
            f"the readout cannot be fitted: {error} --spectral-radius is "
            f"{run.config.spectral_radius:g}; states without a squashing activation stay finite "
            "below 1."
        ) from None


def baseline(run: Run[Config, Data]) -> Baseline:
    """A linear model on the last inputs; and persistence."""
    data = run.data
    answers = answers_of(LinearModel(data.train, run.config.lags), data.test)
    persistence = scored(Persistence(data.train, data.continues), data.test)
    return Baseline(
        f"a linear model on the last {run.config.lags} inputs; persistence holds the last value, "
        "or of a driven system the mean of its outputs.",
        {**scores(answers, data.test.scoring), **prefixed("persistence_", persistence)},
        {"linear model": answers},
    )


def export(run: Run[Config, Data], model: keras.Model) -> None:
    """Write the SavedModel, which takes series in their own units, and what the columns are.

    Signatures: where the series goes on by itself `continue(series, steps)` (also
    `serving_default`), which returns the `continuation` and the `predictions` one step ahead; and
    `predict(series)`, which returns the latter alone. `series` is `(batch, time, columns)`; answers
    at steps within the washout are not to be relied upon.
    """
    data = run.data
    server = SeriesServer(model, data.scaling, data.continues)
    save_saved_model(server.endpoints, server.resources, run.folder / SAVED_MODEL)
    record = {
        "columns": data.columns,
        "targets": data.targets,
        "first_column": 0,
        "continues": data.continues,
        "run_steps": data.test.scoring.run_steps,
        "scaling": {name: values.tolist() for name, values in vars(data.scaling).items()},
    }
    write_json(run.folder / SERIES, record)


def portable(model: keras.Model, folder: Path) -> keras.Model:
    """What ONNX and LiteRT can hold: the network one step ahead, in float32, between standardised
    values; `series.json` has the means and deviations."""
    plain = for_serving(model)
    inputs = {"x": keras.Input(plain.input_shape[1:], name="x")}
    return keras.Model(inputs, {"predictions": plain(inputs["x"])}, name=model.name)


def load_test(source: Source, predictor: NetworkPredictor) -> Examples:
    """The test part of a source."""
    config = predictor.config
    # A network of a generated series knows no names that a file could have.
    names = () if config.embedded else predictor.columns
    data = series_data.load(source, config, columns=names, first_column=predictor.first_column)
    if source.kind == "files" and source != config.data:
        note_facts(data.understood)
    trained = _kind(len(predictor.columns), len(predictor.targets), predictor.continues)
    kind = _kind(len(data.columns), len(data.targets), data.continues)
    if kind != trained:
        raise UserError(f"--data {source}: expected {trained}, as in training; found {kind}.")
    return data.test


def _kind(columns: int, targets: int, continues: bool) -> str:
    if continues:
        return f"a series that goes on by itself, {columns} columns wide"
    return f"a driven system of {columns} inputs and {targets} outputs"


def draw(run: Run[Config, Data], predictor: NetworkPredictor, answers: Mapping[str, Any]) -> None:
    """Draw forecasts beside the truth, return map, valid times, memory curve and penalties."""
    test, columns, folder = run.data.test, run.data.columns, run.folder / PLOTS
    scoring = test.scoring
    plots.penalties(run.folder / HISTORY, run.data.objective.metric, folder / "ridge.png")
    network, linear = answers["model"], answers["linear model"]
    if scoring.memory:
        models = {"linear model": linear, "network": network}
        plots.memory(models, folder / "memory.png")
    elif not scoring.continues:
        plots.tracking(network, run.data.targets, folder / "outputs.png")
    else:
        models = {"network": network, "linear model": linear}
        plots.forecast(network, scoring, columns, folder / "forecast.png")
        plots.valid_times(models, scoring, folder / "valid_times.png")
        part = test.part
        truth = part.inputs[part.lead :]
        free = predictor.runs(part.inputs, np.array([part.lead]), len(truth) - 1)[0]
        plots.return_map(truth[1:], free, columns, folder / "return_map.png")


def space(hp: keras_tuner.HyperParameters, config: Config) -> Config:
    """The config of a trial: what `rnn-zoo tune` may change. Each trial tries all of --ridge."""

    def between(name: str, low: float, high: float) -> float:
        start: float = getattr(config, name)
        if not start:  # none, and there is nothing around 0
            return start
        return float(
            hp.Float(name, min(low, start), max(high, start), sampling="log", default=start)
        )

    def around(name: str) -> float:
        return between(name, getattr(config, name) / 5, getattr(config, name) * 5)

    return replace(
        config,
        spectral_radius=between("spectral_radius", 0.5, 1.3),
        leak_rate=between("leak_rate", 0.1, 1.0),
        input_scaling=around("input_scaling"),
        bias_scaling=around("bias_scaling"),
    )


RECIPE = Recipe(
    config=Config,
    card=CARD,
    load_data=load_data,
    build=build,
    train=train,
    baseline=baseline,
    export=export,
    portable=portable,
    load=NetworkPredictor,
    load_test=load_test,
    draw=draw,
    space=space,
    predicting=Predict,
)
