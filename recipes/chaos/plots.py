"""Pictures of chaotic series and of what reservoirs make of them."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator

from recipes.chaos.metrics import Answers, inside, recalled, run_errors, valid_steps
from recipes.chaos.series import Scoring
from recipes.kit.colours import COLOURS
from recipes.kit.plots import dressed, log_ticks, save, whole_steps

TRUTH, MODEL, OTHER = "0.25", COLOURS[0], COLOURS[1]

#: An error is drawn up to here: states of an attractor that have nothing in common are about 1.4
#: apart, and what lies beyond has diverged.
_LARGEST_ERROR = 10.0

#: A return map of fewer maxima shows nothing.
_FEWEST_MAXIMA = 10


@dressed
def forecast(answers: Answers, scoring: Scoring, columns: Sequence[str], path: Path) -> None:
    """The free run whose valid time is the median, beside the truth, and its error below."""
    valid = valid_steps(answers, scoring.threshold)
    row = int(np.argsort(valid, kind="stable")[len(valid) // 2])
    shown = min(answers.runs.shape[1], max(3 * int(valid[row]) // 2, 2 * scoring.horizon))
    unit = scoring.lyapunov or 1.0
    time = unit * np.arange(1, shown + 1)
    names = list(columns)[:3]
    figure = Figure(figsize=(10, 1.5 * len(names) + 1.9), layout="constrained")
    panels = figure.subplots(len(names) + 1, 1, sharex=True)
    for column, (axes, name) in enumerate(zip(panels, names, strict=False)):
        axes.plot(time, answers.true_runs[row, :shown, column], color=TRUTH, lw=2.2, label="truth")
        axes.plot(time, answers.runs[row, :shown, column], color=OTHER, lw=1.1, label="free run")
        axes.set(ylabel=label_of(name), ylim=_range(answers.truth[:, column]))
        axes.yaxis.set_major_locator(MaxNLocator(3))
    panels[0].legend(ncols=2, loc="lower right", bbox_to_anchor=(1, 1))
    panels[0].set_title(
        f"Free run of median valid time, of {len(valid)} starts in the test part", loc="left"
    )
    panels[-1].semilogy(time, np.maximum(run_errors(answers)[row, :shown], 1e-16), color=MODEL)
    panels[-1].set_ylim(top=min(panels[-1].get_ylim()[1], _LARGEST_ERROR))
    panels[-1].axhline(scoring.threshold, color=COLOURS[5], lw=1, ls="--")
    panels[-1].yaxis.set_major_locator(LogLocator(numticks=4))
    log_ticks(panels[-1].yaxis)
    figure.align_ylabels(panels)
    for axes in panels:
        axes.axvline(unit * valid[row], color=COLOURS[5], lw=1, ls=":")
    panels[-1].set(ylabel="error", xlim=(0, time[-1]))
    panels[-1].set_xlabel("Lyapunov times" if scoring.lyapunov else "steps ahead")
    if not scoring.lyapunov:
        whole_steps(panels[-1], time)
    save(figure, path)


@dressed
def return_map(truth: np.ndarray, free: np.ndarray, columns: Sequence[str], path: Path) -> None:
    """The attractor and the map of successive maxima, of the test part and of a free run.

    Long after the forecast is wrong a good network still runs on the right attractor: the points of
    its map lie on the same curve. A run that diverges is drawn up to there.

    Args:
        truth: The test part, `(time, columns)`.
        free: The network's own run, as long.
        columns: Names of the columns.
        path: PNG to write.
    """
    column = truth.shape[1] - 1
    names = [*map(label_of, columns)]
    on_it = inside(free, truth)
    free = free if on_it.all() else free[: on_it.argmin()]
    true_maxima, own_maxima = (maxima(series[:, column]) for series in (truth, free))
    enough = len(true_maxima) >= _FEWEST_MAXIMA
    figure = Figure(figsize=(11 if enough else 7.4, 3.9), layout="constrained")
    panels = figure.subplots(1, 3 if enough else 2)
    delay = _delay(truth[:, column])
    for axes, series, title, colour in zip(
        panels, (truth, free), ("truth", "free run"), (TRUTH, MODEL), strict=False
    ):
        if truth.shape[1] == 1:
            axes.plot(series[delay:, 0], series[:-delay, 0], color=colour, lw=0.4)
            axes.set_xlabel(f"{names[0]}, now")
            axes.set_ylabel(f"{names[0]}, {delay} steps before")
        else:
            axes.plot(series[:, 0], series[:, column], color=colour, lw=0.4)
            axes.set_xlabel(names[0])
            axes.set_ylabel(names[column])
        axes.set_title(title, loc="left")
    limits = [panels[0].get_xlim(), panels[0].get_ylim()]
    for axes in panels[:2]:
        axes.set(xlim=limits[0], ylim=limits[1])
    if enough:
        axes = panels[2]
        axes.plot(true_maxima[:-1], true_maxima[1:], "o", ms=5, color="0.75", label="truth")
        axes.plot(own_maxima[:-1], own_maxima[1:], "o", ms=2, color=MODEL, label="free run")
        axes.set_xlabel(f"maximum of {names[column]}")
        span = _range(true_maxima)
        axes.set(ylabel="next maximum", title="Return map", xlim=span, ylim=span)
        axes.legend()
    for axes in panels:
        axes.xaxis.set_major_locator(MaxNLocator(4))
    save(figure, path)


def label_of(column: str) -> str:
    """The name of a column for a person: one without a name is called by its number.

    >>> label_of("x"), label_of("1")
    ('x', 'column 1')
    """
    return f"column {column}" if column.isdecimal() else column


def _range(truth: np.ndarray) -> tuple[float, float]:
    """Limits of an axis: the range of the truth and a fifth more on both sides."""
    low, high = float(truth.min()), float(truth.max())
    margin = 0.2 * (high - low or 1.0)
    return low - margin, high + margin


def maxima(values: np.ndarray) -> np.ndarray:
    """The maxima of a series between its steps: the tops of parabolas through three steps each.

    >>> print(np.round(maxima(np.array([0.0, 0.75, 1.0, 0.75, 0.0, 0.75])), 3))
    [1.]
    """
    before, at, after = values[:-2], values[1:-1], values[2:]
    top = (at > before) & (at >= after)
    bend = before[top] - 2 * at[top] + after[top]
    return at[top] - (after[top] - before[top]) ** 2 / (8 * bend)


def _delay(values: np.ndarray) -> int:
    """Steps until a series no longer resembles itself: its correlation falls below 0.3."""
    centred = values - values.mean()
    power = (centred**2).sum() or 1.0
    for delay in range(1, len(values) // 4):
        if (centred[delay:] * centred[:-delay]).sum() / power < 0.3:
            return delay
    return 1


@dressed
def valid_times(models: Mapping[str, Answers], scoring: Scoring, path: Path) -> None:
    """How long the free runs hold, over all starts: a histogram for each model."""
    unit = scoring.lyapunov or 1.0
    figure = Figure(figsize=(6.4, 3.6), layout="constrained")
    axes = figure.subplots()
    longest = unit * scoring.run_steps
    bins = np.linspace(0, longest, 31).tolist()
    for (name, answers), colour in zip(models.items(), (MODEL, OTHER), strict=False):
        times = unit * valid_steps(answers, scoring.threshold)
        label = f"{name}: mean {times.mean():.3g}"
        axes.hist(times, bins, color=colour, alpha=0.75, label=label)
        axes.axvline(times.mean(), color=colour, lw=1.2, ls="--")
    axes.set(xlim=(0, longest), ylabel="starts")
    what = "Lyapunov times" if scoring.lyapunov else "steps"
    axes.set_xlabel(f"{what} until the error passes {scoring.threshold:g} (the end: never)")
    axes.legend()
    save(figure, path)


@dressed
def tracking(answers: Answers, targets: Sequence[str], path: Path, steps: int = 200) -> None:
    """The outputs of a driven system beside the truth, at the start of the test part."""
    names = list(targets)[:4]
    figure = Figure(figsize=(10, 1.9 * len(names) + 0.8), layout="constrained")
    panels = np.atleast_1d(figure.subplots(len(names), 1, sharex=True))
    for column, (axes, name) in enumerate(zip(panels, names, strict=True)):
        axes.plot(answers.truth[:steps, column], color=TRUTH, lw=2.2, label="truth")
        axes.plot(answers.predictions[:steps, column], color=OTHER, lw=1.1, label="network")
        axes.set(ylabel=label_of(name), ylim=_range(answers.truth[:steps, column]))
        axes.yaxis.set_major_locator(MaxNLocator(3))
    panels[0].legend(ncols=2, loc="lower right", bbox_to_anchor=(1, 1))
    panels[-1].set(xlabel="step of the test part", xlim=(0, min(steps, len(answers.truth)) - 1))
    save(figure, path)


@dressed
def memory(models: Mapping[str, Answers], path: Path) -> None:
    """How much of each earlier input is known: the memory capacity is the area under the curve."""
    figure = Figure(figsize=(6.8, 3.6), layout="constrained")
    axes = figure.subplots()
    for (name, answers), colour in zip(models.items(), (OTHER, MODEL), strict=False):
        curve = recalled(answers)
        delays = np.arange(1, len(curve) + 1)
        axes.plot(delays, curve, color=colour, label=f"{name}: {curve.sum():.1f} inputs")
    axes.fill_between(delays, curve, color=colour, alpha=0.15)
    axes.set(xlabel="delay, steps", ylabel="squared correlation", ylim=(0, 1.03))
    axes.set_xlim(1, len(curve))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.legend()
    save(figure, path)


@dressed
def penalties(history: Path, score: str, path: Path) -> None:
    """The score on the validation part, and the error in training, of each penalty."""
    with history.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    if len({row["ridge"] for row in rows}) < 2:
        return
    figure = Figure(figsize=(6.4, 3.6), layout="constrained")
    axes = figure.subplots()
    reservoirs = sorted({int(row["reservoir"]) for row in rows})
    for reservoir in reservoirs:
        own = [row for row in rows if int(row["reservoir"]) == reservoir]
        own.sort(key=lambda row: float(row["ridge"]))
        positive = [row for row in own if float(row["ridge"]) > 0]
        ridges, values = (
            [float(row[name]) for row in positive] for name in ("ridge", f"val_{score}")
        )
        colour = COLOURS[(reservoir - 1) % len(COLOURS)]
        label = f"reservoir {reservoir}" if len(reservoirs) <= len(COLOURS) else None
        axes.plot(ridges, values, "o-", ms=4, color=colour, label=label)
        for row in positive:
            if row["kept"] == "1":
                place = (float(row["ridge"]), float(row[f"val_{score}"]))
                axes.plot(*place, "*", ms=13, color=colour, mec="white")
    axes.set(xscale="log", xlabel="ridge penalty", ylabel=f"{score} (validation)")
    if "nrmse" in score:
        axes.set_yscale("log")
    if 1 < len(reservoirs) <= len(COLOURS):
        axes.legend()
    save(figure, path)
