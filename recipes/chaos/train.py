"""Readouts of one or several reservoirs: every penalty from one pass over the states of each."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal

import keras
import numpy as np

import zoo
from recipes.chaos.data import Part, Series
from recipes.chaos.metrics import Forecaster, Scoring, answers, scores
from recipes.chaos.options import Config
from recipes.chaos.serve import FittedNetwork, Scaling
from recipes.kit.console import say

Row = dict[str, Any]


@dataclass(frozen=True)
class Examples:
    """A part to be scored, and what is measured on it."""

    part: Part
    scoring: Scoring


@dataclass(frozen=True)
class Data:
    """A series in three parts, its scaling, and what is measured."""

    series: Series
    scaling: Scaling
    scoring: Scoring
    score: str
    mode: Literal["min", "max"]

    @property
    def description(self) -> str:
        """What the series is, for a person."""
        return self.series.description

    @property
    def licence(self) -> str:
        """Under what licence it stands."""
        return self.series.licence

    @property
    def valid(self) -> Examples:
        """The part before the last, with free runs as long as the score asks for."""
        steps = self.scoring.run_steps if self.score == "valid_time" else self.scoring.horizon
        return Examples(self.series.valid, replace(self.scoring, run_steps=steps))

    @property
    def test(self) -> Examples:
        """The last part."""
        return Examples(self.series.test, self.scoring)


def scored(forecaster: Forecaster, examples: Examples) -> dict[str, float]:
    """Metrics of whatever answers."""
    return scores(answers(forecaster, examples.part, examples.scoring), examples.scoring)


def fit_reservoirs(
    model: keras.Model,
    config: Config,
    data: Data,
    *,
    redrawn: Callable[[int], list[np.ndarray]],
    title: str,
) -> list[Row]:
    """Fit readouts; the model is left with the reservoir and readout that are best on validation.

    Args:
        model: With the first reservoir; the others take its place in turn, so that one compiled
            program serves all.
        config: Penalties, washout, number of reservoirs and first seed.
        data: What to fit and to score on.
        redrawn: From a seed to the weights of the model with another reservoir.
        title: What the lines of progress begin with.

    Returns:
        A row for each reservoir and penalty. Where there are several reservoirs the row of the best
        penalty of each has the metrics on the test part too, for their spread: nothing is chosen by
        them.
    """
    better = max if data.mode == "max" else min
    name = f"val_{data.score}"
    rows: list[Row] = []
    kept: list[tuple[float, list[np.ndarray]]] = []
    for index in range(config.reservoirs):
        seed = config.seed + index
        if index:
            model.set_weights(redrawn(seed))
        tried = [*_fitted(model, config, data)]
        best, weights = better(tried, key=lambda one: one[0][name])
        best["kept"] = 1
        model.get_layer("readout").set_weights(weights)
        if config.reservoirs > 1:
            on_test = FittedNetwork(model, data.scaling, data.test.part.inputs)
            best.update(prefixed("test_", scored(on_test, data.test)))
        say(
            f"{title}, reservoir {index + 1}/{config.reservoirs}: {name} {best[name]:.4g} with "
            f"ridge {best['ridge']:g}, the best of {len(tried)}, "
            f"{sum(row['seconds'] for row, _ in tried):.1f} s"
        )
        rows += [{"reservoir": index + 1, "seed": seed, **row} for row, _ in tried]
        kept.append((best[name], model.get_weights()))
    model.set_weights(better(kept, key=lambda one: one[0])[1])
    names = dict.fromkeys(name for row in rows for name in row)
    return [{name: row.get(name) for name in names} for row in rows]


def _fitted(
    model: keras.Model, config: Config, data: Data
) -> Iterator[tuple[Row, list[np.ndarray]]]:
    """For each penalty a row of figures and the weights of the readout, from one pass over the
    states of the training part and one over those of the validation part."""
    started = time.perf_counter()
    train, scaling = data.series.train, data.scaling
    targets = scaling.targets(train.targets)
    variance = float(targets[config.washout :].var()) or 1.0
    validated = FittedNetwork(model, scaling, data.valid.part.inputs)
    fits = zoo.fit_readouts(
        model,
        scaling.inputs(train.inputs)[None],
        targets[None],
        alphas=config.ridge,
        washout=config.washout,
    )
    for alpha, error in fits:
        found = scored(validated, data.valid)
        found = {name: found[name] for name in ("nrmse", data.score) if name in found}
        now = time.perf_counter()
        row = {
            "ridge": alpha,
            "kept": 0,
            "train_nrmse": float(np.sqrt(error / variance)),
            **prefixed("val_", found),
            "seconds": round(now - started, 3),
        }
        started = now
        yield row, model.get_layer("readout").get_weights()


def over_reservoirs(history: list[Row]) -> dict[str, dict[str, float]]:
    """Mean and standard deviation over the reservoirs of each metric on the test part."""
    kept = [row for row in history if row["kept"]]
    return {
        name.removeprefix("test_"): {
            "mean": float(np.mean([row[name] for row in kept])),
            "std": float(np.std([row[name] for row in kept], ddof=1)),
            "models": len(kept),
        }
        for name in kept[0]
        if name.startswith("test_")
    }


def prefixed(prefix: str, metrics: dict[str, float]) -> dict[str, float]:
    """The same under longer names."""
    return {prefix + name: value for name, value in metrics.items()}
