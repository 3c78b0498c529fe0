"""Pictures that recipes share. Drawn without a screen, written as PNG."""

from __future__ import annotations

import functools
import re
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ParamSpec

import numpy as np
from cycler import cycler
from matplotlib import font_manager, rc_context
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LogNorm, Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import (
    FuncFormatter,
    LogFormatterSciNotation,
    LogLocator,
    MaxNLocator,
    NullLocator,
)
from sklearn.metrics import confusion_matrix

from recipes.kit.colours import COLOURS, QUIET, WRONG, ink_on
from recipes.kit.data.labels import sort_labels

P = ParamSpec("P")

#: How all pictures look.
DRESS: Any = {
    "axes.prop_cycle": cycler(color=COLOURS),
    "axes.spines.right": False,
    "axes.spines.top": False,
    "legend.frameon": False,
    "text.parse_math": False,
}

#: Characters of labels that fit below the cells of a confusion matrix without leaning.
_UPRIGHT = 3

#: Fonts of many scripts, as Linux, macOS and Windows have them.
_FALLBACKS = {
    "Arial Unicode MS",
    "Malgun Gothic",
    "Microsoft YaHei",
    "Nirmala UI",
    "Noto Sans CJK JP",
    "Noto Sans Devanagari",
    "Noto Sans Thai",
    "Yu Gothic",
}


def dressed(draw: Callable[P, None]) -> Callable[P, None]:
    """Have a function draw its pictures in `DRESS`, whatever matplotlib's own settings are."""

    @functools.wraps(draw)
    def drawing(*args: P.args, **kwargs: P.kwargs) -> None:
        with rc_context(DRESS):
            draw(*args, **kwargs)

    return drawing


def fonts() -> list[str]:
    """The font of all pictures, and those of other scripts that this machine has."""
    return ["DejaVu Sans", *sorted({*font_manager.get_font_names()} & _FALLBACKS)]


class PowersOfTen(LogFormatterSciNotation):
    """Labels of a log axis in plain text: matplotlib's own are mathematics, off in `DRESS`.

    >>> PowersOfTen()(1e-3), PowersOfTen()(20)
    ('10⁻³', '2 × 10¹')
    """

    def __call__(self, x: float, pos: int | None = None) -> str:
        label = super().__call__(x, pos).removeprefix(r"$\mathdefault{").removesuffix("}$")
        label = label.replace(r"\times", " × ")
        return re.sub(r"\^\{(-?\d+)\}", lambda power: power[1].translate(_SUPERSCRIPTS), label)


_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def save(figure: Figure, path: Path) -> None:
    """Write a figure, making its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    for axis in (axis for axes in figure.axes for axis in (axes.xaxis, axes.yaxis)):
        if type(axis.get_major_formatter()) is LogFormatterSciNotation:
            axis.set_major_formatter(PowersOfTen())
        if type(axis.get_minor_formatter()) is LogFormatterSciNotation:
            axis.set_minor_formatter(PowersOfTen())
    FigureCanvasAgg(figure)
    with warnings.catch_warnings():
        # A script that no font of this machine has is drawn as boxes.
        warnings.filterwarnings("ignore", r"Glyph .* missing from", UserWarning)
        figure.savefig(path, dpi=130, bbox_inches="tight")


def whole_steps(axes: Axes, steps: Sequence[float] | np.ndarray) -> None:
    """Have an axis of whole numbers, such as epochs, labelled by these alone."""
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    if len({*steps}) == 1:
        axes.set_xlim(steps[0] - 0.5, steps[0] + 0.5)


def marker_of(steps: Sequence[float] | np.ndarray) -> dict[str, Any]:
    """How to mark the points of a line: a single one has to be seen without a line."""
    return {"marker": "o", "ms": 7 if len(steps) == 1 else 3}


def log_ticks(axis: Axis) -> None:
    """Label a log axis whose limits are known: 1, 2 and 5 of few decades, of more their powers."""
    low, high = axis.get_view_interval()
    if high < 300 * low:
        axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_locator(NullLocator())


def page(columns: float, lines: float, scale: ScalarMappable | None, label: str = "") -> Any:
    """Axes for text in a monospaced font: a character is 1 wide, a line 1 high, from the top.

    Args:
        columns: Width in characters; with a scale at least as wide as that needs.
        lines: Height in lines.
        scale: The colours behind the text, to be explained by a bar below it.
        label: What the colours mean.
    """
    foot = 2.8 if scale is not None else 0.0
    columns, rows = max(columns, 75.0 if foot else 0.0), lines + foot
    figure = Figure(figsize=(columns * 0.09, rows * 0.28))
    axes = figure.add_axes((0, foot / rows, 1, lines / rows))
    axes.set(xlim=(0, columns), ylim=(lines, 0))
    axes.set_axis_off()
    if scale is not None:
        place = figure.add_axes((1 / columns, (foot - 0.9) / rows, 40 / columns, 0.5 / rows))
        bar = figure.colorbar(scale, cax=place, orientation="horizontal", extend="max")
        bar.set_label(label, fontsize=9)
        place.tick_params(labelsize=8)
    return axes


def write(axes: Axes, x: float, y: float, text: str, background: Any = None, **style: Any) -> None:
    """Write on a `page`, on a coloured background in the ink that is easiest to read there."""
    if background is not None:
        style["color"] = ink_on(background)
        style["bbox"] = {"boxstyle": "square,pad=0.15", "fc": background, "ec": "none"}
    font: Any = {"family": "monospace", "size": 10.5, "va": "center", "parse_math": False}
    axes.text(x, y, text, **font, **style)


@dressed
def curves(history: Sequence[dict[str, float]], monitor: str, path: Path) -> None:
    """Loss, the score that chose the best epoch, and the gradient norm before clipping."""
    epochs = [row["epoch"] for row in history]
    points = marker_of(epochs)
    figure = Figure(figsize=(12, 3.4), layout="constrained")
    losses, score, gradient = figure.subplots(1, 3)

    for name, colour in (("loss", COLOURS[0]), ("val_loss", COLOURS[1])):
        if name in history[0]:
            label = {"loss": "training", "val_loss": "validation"}[name]
            losses.plot(epochs, [r[name] for r in history], color=colour, label=label, **points)
    losses.set(title="Loss", xlabel="epoch")
    losses.legend()

    score.plot(epochs, [row[monitor] for row in history], color=COLOURS[2], **points)
    score.set(title=monitor.removeprefix("val_") + " (validation)", xlabel="epoch")

    for name, label, style in (
        ("gradient_norm", "mean", {"ls": "-"}),
        ("gradient_norm_max", "largest", {"ls": "--", "mfc": "white"}),
    ):
        norms = [row[name] for row in history]
        gradient.plot(epochs, norms, color=COLOURS[0], label=label, **{**points, **style})
    gradient.set(title="Gradient norm before clipping", xlabel="epoch", yscale="log")
    log_ticks(gradient.yaxis)
    clipped = gradient.twinx()
    clipped.plot(
        epochs,
        [100 * r["clipped_fraction"] for r in history],
        color=COLOURS[5],
        marker="s" if len(epochs) == 1 else None,
    )
    clipped.set(ylim=(-3, 103))
    clipped.set_ylabel("steps clipped, %", color=WRONG)
    clipped.spines["right"].set_visible(True)
    gradient.legend()

    for axes in (losses, score, gradient):
        whole_steps(axes, epochs)
    save(figure, path)


@dressed
def by_length(
    series: Mapping[str, tuple[Sequence[float], Sequence[float], Sequence[int]]],
    path: Path,
    *,
    score: str,
    length: str,
    counted: str,
    top: float | None = None,
) -> None:
    """How good the answers to short and to long inputs are.

    Args:
        series: By the name of a model, for the same inputs: the edges of the bins, each from an
            edge to below the next; the score in each bin, NaN where there is none; the number of
            inputs in each.
        path: PNG to write.
        score: Name of the score.
        length: What the length is.
        counted: What the inputs are.
        top: Upper end of the scores; by default a little above the best one.
    """
    figure = Figure(figsize=(6.4, 3.8), layout="constrained")
    scores = figure.subplots()
    counts = scores.twinx()
    edges, _, numbers = next(iter(series.values()))
    counts.bar(
        edges[:-1], numbers, np.diff(edges), align="edge", color="0.9", edgecolor="white", zorder=0
    )
    counts.set_ylabel(counted, color=QUIET)
    counts.tick_params(colors=QUIET, length=0)
    counts.yaxis.set_major_locator(MaxNLocator(4, integer=True))
    for index, (name, (edges, values, _)) in enumerate(series.items()):
        middles = (np.asarray(edges[:-1]) + np.asarray(edges[1:])) / 2
        there = np.isfinite(values)
        colour = COLOURS[index % len(COLOURS)]
        scores.plot(middles[there], np.asarray(values)[there], "o-", color=colour, ms=4, label=name)
    scores.set(xlabel=length, ylabel=score, xlim=(edges[0], edges[-1]))
    scores.set_ylim(0, top or 1.05 * scores.get_ylim()[1])
    scores.xaxis.set_major_locator(MaxNLocator(integer=True))
    scores.legend()
    scores.set_zorder(counts.get_zorder() + 1)  # the lines before the bars
    scores.patch.set_visible(False)
    save(figure, path)


@dressed
def confusion(
    truth: Sequence[str],
    predicted: Sequence[str],
    path: Path,
    *,
    what: str = "tag",
    in_counts: bool = False,
) -> None:
    """Which label, of a `what`, is taken for which: a row a true label, in shares of that row, or
    in counts where a row is not a whole."""
    labels = sort_labels({*truth, *predicted})
    if any(label[1:2] == "-" for label in labels):  # B-PER beside I-PER
        labels = tuple(sorted(labels, key=lambda tag: (tag[2:] or tag, tag)))
    counts = confusion_matrix(truth, predicted, labels=labels)
    shares = 100 * counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    norm: Normalize
    if in_counts:
        values, norm = counts, LogNorm(1, max(counts.max(), 2))  # few among many of each
        title, unit = f"How often each true {what} is taken for which", "count"
    else:
        values, norm = shares, Normalize(0, 100)
        title, unit = f"Share of each true {what}, in %", f"% of the true {what}"
    size = max(4.0, 0.55 * len(labels) + 2)
    figure = Figure(figsize=(size, size * 0.9), layout="constrained")
    axes = figure.subplots()
    image = axes.imshow(np.ma.masked_equal(values, 0), cmap="Blues", norm=norm)
    axes.spines[["top", "right"]].set_visible(True)
    leaning: dict[str, Any] = {"rotation": 60, "ha": "right", "rotation_mode": "anchor"}
    short = max(map(len, labels)) <= _UPRIGHT
    axes.set_xticks(range(len(labels)), labels, **({} if short else leaning))
    axes.set_yticks(range(len(labels)), labels)
    for label in (*axes.get_xticklabels(), *axes.get_yticklabels()):
        label.set_parse_math(False)
    axes.set(xlabel="predicted", ylabel="true", title=title)
    for row, column in zip(*np.nonzero(counts), strict=True):
        value = values[row, column]
        text = f"{value:,.0f}" if value >= 0.5 else "<1"
        ink = ink_on(image.to_rgba(value)[:3])
        axes.text(column, row, text, ha="center", va="center", color=ink, fontsize=8)
    bar = figure.colorbar(image, ax=axes, shrink=0.7, label=unit)
    if in_counts:
        log_ticks(bar.ax.yaxis)
    save(figure, path)


@dressed
def trials(rows: Sequence[dict[str, Any]], objective: str, mode: str, path: Path) -> None:
    """The objective of each trial of a search against depth, direction and clipping threshold."""
    values = [row["objective"] for row in rows]
    best = _best(values, mode)
    thresholds = [row.get("global_clipnorm") for row in rows]
    logs = np.log10([t for t in thresholds if t is not None] or [1.0])
    decades = [10.0**k for k in range(int(np.floor(logs.min())), int(np.ceil(logs.max())) + 1)]
    none_at = 5 * decades[-1]  # beyond the largest threshold, on a log scale
    places = {
        "depth": [row["depth"] for row in rows],
        "clipping threshold": [none_at if t is None else t for t in thresholds],
    }
    if "bidirectional" in rows[0]:
        places["direction"] = [float(row["bidirectional"]) for row in rows]
    figure = Figure(figsize=(3.7 * len(places), 3.4), layout="constrained")
    by_title = dict(zip(places, figure.subplots(1, len(places), sharey=True), strict=True))
    for title, axes in by_title.items():
        axes.plot(places[title], values, "o", color=COLOURS[0], alpha=0.7)
        if best is not None:
            _star(axes, places[title][best], values[best])
        axes.set(xlabel=title)
    by_title["depth"].set(ylabel=objective)
    whole_steps(by_title["depth"], places["depth"])
    if "direction" in by_title:
        by_title["direction"].set_xticks([0, 1], ["forward", "both"])
        by_title["direction"].set_xlim(-0.5, 1.5)
    clip = by_title["clipping threshold"]
    clip.set(xscale="log", xlim=(decades[0] / 1.5, none_at * 1.8))
    clip.set_xticks([*decades, none_at], [*(f"{decade:g}" for decade in decades), "none"])
    clip.xaxis.set_minor_locator(NullLocator())
    clip.axvline(2.2 * decades[-1], color="grey", lw=0.8, ls=":")
    save(figure, path)


@dressed
def trials_by(
    scales: Mapping[str, str],
    rows: Sequence[dict[str, Any]],
    objective: str,
    mode: str,
    path: Path,
) -> None:
    """The objective of each trial of a search against each option that was searched.

    Args:
        scales: "linear" or "log", by the name of an option.
        rows: With the options and `objective`.
        objective: Its name.
        mode: Whether more ("max") or less ("min") of it is better.
        path: PNG to write.
    """
    values = [row["objective"] for row in rows]
    best = _best(values, mode)
    figure = Figure(figsize=(3.1 * len(scales), 3.2), layout="constrained")
    panels = figure.subplots(1, len(scales), sharey=True, squeeze=False)[0]
    for axes, (name, scale) in zip(panels, scales.items(), strict=True):
        axes.set_xscale(scale)
        places = [row[name] for row in rows]
        axes.plot(places, values, "o", color=COLOURS[0], alpha=0.7)
        if best is not None:
            _star(axes, places[best], values[best])
        if scale == "log":
            log_ticks(axes.xaxis)
        elif all(isinstance(place, int) for place in places):
            whole_steps(axes, places)
        axes.set_xlabel(name.replace("_", " "))
    if min(values) > 0 and max(values) > 20 * min(values):
        panels[0].set_yscale("log")
    panels[0].set_ylabel(objective)
    save(figure, path)


def _best(values: Sequence[float], mode: str) -> int | None:
    """The place of the best value; None where all are as good."""
    if len({*values}) == 1:
        return None
    return int(np.argmax(values) if mode == "max" else np.argmin(values))


def _star(axes: Axes, x: float, y: float) -> None:
    axes.plot(x, y, "*", ms=16, color=COLOURS[5], clip_on=False)
