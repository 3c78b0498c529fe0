"""Pictures of classified series."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from recipes.kit.colours import COLOURS, QUIET, SHARES, SHARES_LABEL, WRONG, even_shares, shades
from recipes.kit.plots import dressed, marker_of, save, whole_steps

_COLUMNS = 4

#: Characters of a title.
_TITLE = 36

#: Of the weights of steps: light enough for the lines before it.
_GREYS = shades("#8C8C8C")


@dataclass(frozen=True)
class Shown:
    """A series and how it was classified.

    Attributes:
        values: (steps, channels).
        truth: Its class.
        predicted: The predicted class.
        probability: Probability of that class.
        attention: Weights of the steps, or None.
    """

    values: np.ndarray
    truth: str
    predicted: str
    probability: float
    attention: np.ndarray | None


def some_of_each(truth: Sequence[str], predicted: Sequence[str], count: int) -> list[int]:
    """Rows of series to show: some of each class in turn, and up to a third of them wrong."""
    right = [row for row in range(len(truth)) if truth[row] == predicted[row]]
    wrong = [row for row in range(len(truth)) if truth[row] != predicted[row]]
    seen: dict[str, int] = {}
    turn = []
    for row in right:
        seen[truth[row]] = seen.get(truth[row], 0) + 1
        turn.append((seen[truth[row]], truth[row], row))
    ordered = [row for _, _, row in sorted(turn)]
    errors = wrong[: max(count // 3, count - len(ordered))]
    return [*ordered[: count - len(errors)], *errors]


@dressed
def predictions(shown: Sequence[Shown], path: Path) -> None:
    """Series in a grid, with what was predicted; grey is where the attention is."""
    columns = min(_COLUMNS, len(shown))
    rows = -(-len(shown) // columns)
    channels = shown[0].values.shape[1]
    few = channels <= len(COLOURS)
    height = 2.1 if few else 2.6
    figure = Figure(figsize=(3.2 * columns + 0.8, height * rows + 0.4), layout="constrained")
    heading = "predicted class (its probability), orange where it is wrong"
    figure.suptitle(heading, fontsize=9, x=0.01, ha="left", color=QUIET)
    grid = figure.subplots(rows, columns, squeeze=False, sharey=few)
    values = np.concatenate([each.values for each in shown])
    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    for axes in grid.flat[len(shown) :]:
        axes.set_axis_off()
    for axes, series in zip(grid.flat, shown, strict=False):
        (_lines if few else _image)(axes, series, low, high)
        _title(axes, series)
        axes.tick_params(labelsize=8)
    for axes in grid.flat[max(len(shown) - columns, 0) : len(shown)]:
        axes.set_xlabel("step" if few else "channel", fontsize=8)
    if not few:
        for axes in grid[:, 0]:
            axes.set_ylabel("step", fontsize=8)
        figure.colorbar(grid[0, 0].images[0], ax=grid, label="value", aspect=30, pad=0.01)
    elif channels > 1:
        names = [f"channel {number + 1}" for number in range(channels)]
        figure.legend(
            grid[0, 0].lines, names, loc="outside upper right", fontsize=8, ncols=channels
        )
    if shown[0].attention is not None:
        scale = ScalarMappable(SHARES, _GREYS)
        figure.colorbar(
            scale,
            ax=grid,
            label=SHARES_LABEL,
            location="bottom",
            aspect=50,
            shrink=0.6,
            extend="max",
        )
    save(figure, path)


def _title(axes: Axes, series: Shown) -> None:
    right = series.predicted == series.truth
    title = series.predicted if right else f"{series.predicted}, truly {series.truth}"
    title = title if len(title) <= _TITLE else f"{title[: _TITLE - 1]}…"
    color = "black" if right else WRONG
    axes.set_title(f"{title} ({series.probability:.0%})", fontsize=9, loc="left", color=color)


def _lines(axes: Axes, series: Shown, low: float, high: float) -> None:
    """A line per channel, and behind them the attention."""
    margin = 0.05 * max(high - low, 1e-9)
    limits = low - margin, high + margin
    steps = np.arange(1, len(series.values) + 1)
    for channel, colour in zip(series.values.T, COLOURS, strict=False):
        axes.plot(steps, channel, lw=1.1, color=colour, marker="." if len(steps) <= 30 else None)
    if series.attention is not None:
        _weights(axes, series.attention[None], (0.5, len(steps) + 0.5, *limits))
    axes.set_ylim(limits)
    axes.xaxis.set_major_locator(MaxNLocator(4, integer=True))


def _image(axes: Axes, series: Shown, low: float, high: float) -> None:
    """Many channels: a row per step, a column per channel, and the attention at the left edge."""
    count, channels = series.values.shape
    scale: Any = {"cmap": "viridis", "vmin": low, "vmax": high, "aspect": "auto"}
    axes.imshow(series.values, extent=(0.5, channels + 0.5, count + 0.5, 0.5), **scale)
    axes.spines[["top", "right"]].set_visible(True)
    if series.attention is not None:
        left = 0.5 - 0.12 * channels
        _weights(axes, series.attention[:, None], (left, 0.5, count + 0.5, 0.5))
        axes.set_xlim(left, channels + 0.5)
    axes.xaxis.set_major_locator(MaxNLocator(4, integer=True))
    axes.yaxis.set_major_locator(MaxNLocator(4, integer=True))


def _weights(axes: Axes, weights: np.ndarray, extent: tuple[float, float, float, float]) -> None:
    style: Any = {"cmap": _GREYS, "norm": SHARES, "aspect": "auto", "zorder": 0}
    axes.imshow(even_shares(weights), extent=extent, **style)


@dressed
def unfolding(
    examples: Sequence[tuple[str, np.ndarray, np.ndarray]], labels: Sequence[str], path: Path
) -> None:
    """How probable each class is after each step of a series.

    Args:
        examples: For each series its class, the numbers of steps that were read, and the
            probabilities (numbers, classes) after them.
        labels: Names of the classes.
        path: PNG to write.
    """
    figure = Figure(figsize=(3.4 * len(examples), 2.6), layout="constrained")
    panels = figure.subplots(1, len(examples), squeeze=False, sharey=True)[0]
    # Only classes that are ever likely have a line in colour and a name.
    highest = np.max([shares.max(axis=0) for _, _, shares in examples], axis=0)
    named = sorted(np.argsort(-highest)[: len(COLOURS)])
    colours: Mapping[int, str] = dict(zip(named, COLOURS, strict=False))
    for axes, (truth, steps, shares) in zip(panels, examples, strict=True):
        for index, label in enumerate(labels):
            width = 2.2 if label == truth else 1.1
            name = label if index in colours else None
            axes.plot(
                steps,
                shares[:, index],
                color=colours.get(index, "0.8"),
                lw=width,
                label=name,
                zorder=2 if index in colours else 1,
                **(marker_of(steps) if len(steps) == 1 else {}),
            )
        axes.set_title(f"truly {truth}", fontsize=9, loc="left")
        axes.set(xlabel="steps read", ylim=(-0.03, 1.03))
        whole_steps(axes, steps)
    panels[0].set_ylabel("probability")
    panels[-1].legend(fontsize=8, loc="center left", bbox_to_anchor=(1, 0.5))
    save(figure, path)
