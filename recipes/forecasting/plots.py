"""Pictures of forecasts: fans against the truth, and errors by steps ahead."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure

from recipes.forecasting.backtest import Backtest
from recipes.forecasting.metrics import Answers
from recipes.kit.colours import COLOURS
from recipes.kit.plots import dressed, marker_of, save, whole_steps

_TRUTH, _MODEL = "0.25", COLOURS[0]
_OTHERS = (COLOURS[1], COLOURS[3], COLOURS[2])

#: Panels of a picture of forecasts.
_PANELS = 3


@dataclass(frozen=True)
class Fan:
    """A forecast, and what came before and after its origin.

    Attributes:
        title: What is forecast, and from when on.
        before: Times and values before the origin.
        after: Times and true values after it.
        forecast: Values of the model.
        quantiles: (steps, levels), or None.
        others: Values of other forecasts by name.
    """

    title: str
    before: tuple[np.ndarray, np.ndarray]
    after: tuple[np.ndarray, np.ndarray]
    forecast: np.ndarray
    quantiles: np.ndarray | None
    others: Mapping[str, np.ndarray]


def fans_of(
    backtest: Backtest, answers: Answers, others: Mapping[str, np.ndarray], targets: Sequence[str]
) -> list[Fan]:
    """Forecasts to draw: from three origins, or from one origin each of several targets or series.

    Args:
        backtest: What was forecast.
        answers: Forecasts of the model.
        others: Other forecasts by name, (windows, horizon, targets).
        targets: Names of the targets.
    """
    windows, count = backtest.windows, len(backtest.windows)
    several = np.unique(windows.origins[:, 0])
    if len(targets) > 1:
        chosen = [(count // 2, column) for column in range(min(_PANELS, len(targets)))]
    elif len(several) > 1:
        of_each = [np.flatnonzero(windows.origins[:, 0] == index) for index in several[:_PANELS]]
        chosen = [(int(rows[len(rows) // 2]), 0) for rows in of_each]
    else:
        chosen = [(int(row), 0) for row in np.linspace(0, count - 1, min(_PANELS, count))]
    return [_fan(backtest, answers, others, targets, row, column) for row, column in chosen]


def _fan(
    backtest: Backtest,
    answers: Answers,
    others: Mapping[str, np.ndarray],
    targets: Sequence[str],
    row: int,
    column: int,
) -> Fan:
    windows = backtest.windows
    index, origin = windows.origins[row]
    series, horizon = windows.series[index], windows.horizon
    shown = min(origin, max(3 * horizon, min(windows.window, 5 * horizon)))
    steps = np.arange(origin - shown, origin + horizon)
    times, start = steps, f"step {origin}"
    if series.clock is not None:
        times = series.clock.at(steps)
        start = series.clock.text(int(times[shown]))
        if series.clock.unit != "number":
            times = times.astype("M8[s]")
    several = len(windows.series) > 1 and series.name != targets[column]
    name = f"{series.name}: {targets[column]}" if several else targets[column]
    quantiles = answers.quantiles
    return Fan(
        title=f"{name}, from {start}",
        before=(times[:shown], series.values[origin - shown : origin, column]),
        after=(times[shown:], backtest.truth[row, :, column]),
        forecast=answers.point[row, :, column],
        quantiles=None if quantiles is None else quantiles[row, :, column],
        others={other: point[row, :, column] for other, point in others.items()},
    )


@dressed
def fans(panels: Sequence[Fan], levels: Sequence[float], path: Path) -> None:
    """Draw forecasts with the bands between their quantiles, a panel for each.

    No line runs over missing values; a value between two of them is a point.
    """
    figure = Figure(figsize=(10, 2.5 * len(panels) + 0.4), layout="constrained")
    for axes, fan in zip(np.ravel(figure.subplots(len(panels), 1)), panels, strict=True):
        past, values = fan.before
        future, truth = fan.after
        joined = np.concatenate([past[-1:], future])
        axes.plot(past, values, color=_TRUTH, lw=1.2)
        alone = _alone(values)
        axes.plot(past[alone], values[alone], "o", color=_TRUTH, ms=2.5)
        axes.plot(
            joined,
            np.concatenate([values[-1:], truth]),
            "o-",
            color=_TRUTH,
            lw=1.2,
            ms=2.5,
            label="truth",
        )
        quantiles = np.empty((len(future), 0)) if fan.quantiles is None else fan.quantiles
        for index in range(quantiles.shape[1] // 2):
            high = len(levels) - 1 - index
            label = f"from quantile {levels[index]:g} to {levels[high]:g}"
            low, top = quantiles[:, index], quantiles[:, high]
            shade = 0.18 + 0.14 * index
            axes.fill_between(future, low, top, color=_MODEL, alpha=shade, lw=0, label=label)
        for (name, other), colour in zip(fan.others.items(), _OTHERS, strict=False):
            axes.plot(future, other, "--", color=colour, lw=1.2, label=name)
        axes.plot(future, fan.forecast, "o-", color=_MODEL, lw=1.6, ms=2.5, label="forecast")
        axes.axvline(past[-1], color="0.7", lw=0.8, ls=":")
        axes.set_title(fan.title, fontsize=10, loc="left")
        _label_time(axes, past)
    first = figure.axes[0]
    first.legend(fontsize=8, ncols=5, loc="lower left", bbox_to_anchor=(0, 1.1))
    save(figure, path)


def _alone(values: np.ndarray) -> np.ndarray:
    """Which values have a missing one, or none, on both sides, so that no line shows them."""
    there = np.pad(np.isfinite(values), 1)
    return there[1:-1] & ~there[:-2] & ~there[2:]


def _label_time(axes: Axes, times: np.ndarray) -> None:
    if times.dtype.kind == "M":
        locator = AutoDateLocator()
        axes.xaxis.set_major_locator(locator)
        axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))  # with the year
    else:
        axes.set_xlabel("step" if times.dtype.kind == "i" else "time")


@dressed
def by_step(errors: Mapping[str, np.ndarray], ylabel: str, path: Path) -> None:
    """Draw the errors of each method by how many steps ahead the forecast is."""
    figure = Figure(figsize=(6.4, 3.6), layout="constrained")
    axes = figure.subplots()
    colours = [_MODEL, *_OTHERS]
    for (name, values), colour in zip(errors.items(), colours, strict=False):
        style = "-" if colour == _MODEL else "--"
        steps = np.arange(1, len(values) + 1)
        points = marker_of(steps) if colour == _MODEL or len(steps) == 1 else {}
        axes.plot(steps, values, style, color=colour, label=name, **points)
    axes.set(xlabel="steps ahead", ylabel=ylabel)
    axes.set_ylim(0, 1.05 * axes.get_ylim()[1])
    whole_steps(axes, steps)
    axes.legend()
    save(figure, path)
