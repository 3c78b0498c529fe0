"""Readouts of one or several reservoirs: every penalty from one pass over the states of each."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import keras
import numpy as np

import zoo
from recipes.chaos.data import Data
from recipes.chaos.metrics import scored
from recipes.chaos.options import Config
from recipes.chaos.series import Scaling
from recipes.kit.console import say
from recipes.kit.metrics import spread_of
from recipes.kit.recipe import History, Metrics, Row, Run

Weights = list[np.ndarray]


class FittedNetwork:
    """A network in memory as a `Forecaster` of one series. Its states are computed once: a readout
    that is fitted again needs no new ones."""

    def __init__(self, model: keras.Model, scaling: Scaling, inputs: np.ndarray) -> None:
        self._model, self._scaling = model, scaling
        self._seen = zoo.readout_inputs(model, scaling.inputs(inputs)[None])[0]

    def predictions(self, inputs: np.ndarray) -> np.ndarray:
        """The answer at every step of the series the states were computed for."""
        kernel, bias = self._model.get_layer("readout").get_weights()
        return self._scaling.answers(self._seen @ kernel + bias)

    def runs(self, inputs: np.ndarray, starts: np.ndarray, steps: int) -> np.ndarray:
        """Free runs from steps of that series."""
        return self._scaling.answers(zoo.run_on(self._model, self._seen[starts], steps))


def fit_reservoirs(
    run: Run[Config, Data], model: keras.Model, redrawn: Callable[[int], Weights]
) -> History:
    """Fit readouts; the model is left with the reservoir and readout that are best on validation.

    Args:
        run: What to fit and to score on: penalties, washout, number of reservoirs, first seed.
        model: With the first reservoir; the others take its place in turn, so that one compiled
            program serves all.
        redrawn: From a seed to the weights of the model with another reservoir.

    Returns:
        A row for each reservoir and penalty. With several reservoirs the row of the best penalty of
        each has the metrics on the test part too, for their spread: nothing is chosen by them.
    """
    config, data = run.config, run.data
    name = data.objective.name
    rows: list[Row] = []
    kept: list[tuple[Row, Weights]] = []
    for index in range(config.reservoirs):
        seed = config.seed + index
        if index:
            model.set_weights(redrawn(seed))
        fits = [*_fits(model, config, data)]
        best, readout = max(fits, key=lambda fit: data.objective.rank(fit[0]))
        best["kept"] = 1
        model.get_layer("readout").set_weights(readout)
        if config.reservoirs > 1:
            network = FittedNetwork(model, data.scaling, data.test.part.inputs)
            best.update(prefixed("test_", scored(network, data.test)))
        say(
            f"{run.title}, reservoir {index + 1}/{config.reservoirs}: {name} {best[name]:.4g} with "
            f"ridge {best['ridge']:g}, the best of {len(fits)}, "
            f"{sum(row['seconds'] for row, _ in fits):.1f} s"
        )
        rows += [{"reservoir": index + 1, "seed": seed, **row} for row, _ in fits]
        kept.append((best, model.get_weights()))
    model.set_weights(max(kept, key=lambda fit: data.objective.rank(fit[0]))[1])
    columns = dict.fromkeys(column for row in rows for column in row)
    return History(
        [{column: row.get(column) for column in columns} for row in rows],
        spread_of([_tested(best) for best, _ in kept]) if config.reservoirs > 1 else {},
    )


def _fits(model: keras.Model, config: Config, data: Data) -> Iterator[tuple[Row, Weights]]:
    """For each penalty a row of figures and the weights of the readout, from one pass over the
    states of the training part and one over those of the validation part."""
    started = time.perf_counter()
    train, scaling = data.train, data.scaling
    targets = scaling.targets(train.targets)
    variance = float(targets[config.washout :].var()) or 1.0
    network = FittedNetwork(model, scaling, data.valid.part.inputs)
    fits = zoo.fit_readouts(
        model,
        scaling.inputs(train.inputs)[None],
        targets[None],
        alphas=config.ridge,
        washout=config.washout,
    )
    for alpha, error in fits:
        metrics = scored(network, data.valid)
        shown = {n: metrics[n] for n in ("nrmse", data.objective.metric) if n in metrics}
        now = time.perf_counter()
        row = {
            "ridge": alpha,
            "kept": 0,
            "train_nrmse": float(np.sqrt(error / variance)),
            **prefixed("val_", shown),
            "seconds": round(now - started, 3),
        }
        started = now
        yield row, model.get_layer("readout").get_weights()


def _tested(row: Row) -> Metrics:
    """The metrics on the test part in a row."""
    marked = {n: value for n, value in row.items() if n.startswith("test_")}
    return {name.removeprefix("test_"): value for name, value in marked.items()}


def prefixed(prefix: str, metrics: Metrics) -> Metrics:
    """The same metrics under longer names."""
    return {prefix + name: value for name, value in metrics.items()}
