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
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import (
    LogFormatterSciNotation,
    LogLocator,
    NullLocator,
    ScalarFormatter,
)
from sklearn.metrics import confusion_matrix

from recipes.kit.data.labels import sort_labels

P = ParamSpec("P")

#: Colours that stay apart for colour-blind readers (Okabe and Ito).
COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00")

#: How all pictures look.
DRESS: Any = {
    "axes.prop_cycle": cycler(color=COLOURS),
    "axes.spines.right": False,
    "axes.spines.top": False,
    "legend.frameon": False,
    "text.parse_math": False,
}

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


@dressed
def curves(history: Sequence[dict[str, float]], monitor: str, path: Path) -> None:
    """Loss, the score that chose the best epoch, and the gradient norm before clipping."""
    epochs = [row["epoch"] for row in history]
    figure = Figure(figsize=(12, 3.4), layout="constrained")
    losses, score, gradient = figure.subplots(1, 3)

    for name, colour in (("loss", COLOURS[0]), ("val_loss", COLOURS[1])):
        if name in history[0]:
            label = {"loss": "training", "val_loss": "validation"}[name]
            losses.plot(epochs, [r[name] for r in history], "o-", color=colour, ms=3, label=label)
    losses.set(title="Loss", xlabel="epoch")
    losses.legend()

    score.plot(epochs, [row[monitor] for row in history], "o-", color=COLOURS[2], ms=3)
    score.set(title=monitor.removeprefix("val_") + " (validation)", xlabel="epoch")

    gradient.plot(
        epochs, [r["gradient_norm"] for r in history], "o-", color=COLOURS[0], ms=3, label="mean"
    )
    gradient.plot(
        epochs, [r["gradient_norm_max"] for r in history], "--", color=COLOURS[0], label="largest"
    )
    gradient.set(title="Gradient norm before clipping", xlabel="epoch", yscale="log")
    gradient.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    gradient.yaxis.set_major_formatter(ScalarFormatter())
    gradient.yaxis.set_minor_locator(NullLocator())
    clipped = gradient.twinx()
    clipped.plot(
        epochs, [100 * r["clipped_fraction"] for r in history], color=COLOURS[5], label="clipped"
    )
    clipped.set(ylim=(-3, 103))
    clipped.set_ylabel("steps clipped, %", color=COLOURS[5])
    clipped.spines["right"].set_visible(True)
    gradient.legend()

    for axes in (losses, score, gradient):
        axes.xaxis.get_major_locator().set_params(integer=True)
    save(figure, path)


@dressed
def confusion(
    truth: Sequence[str], predicted: Sequence[str], path: Path, *, what: str = "tag"
) -> None:
    """Which label, of a `what`, is taken for which: a row a true label, in shares of that row."""
    labels = sort_labels({*truth, *predicted})
    if any(label[1:2] == "-" for label in labels):  # B-PER beside I-PER
        labels = tuple(sorted(labels, key=lambda tag: (tag[2:] or tag, tag)))
    counts = confusion_matrix(truth, predicted, labels=labels)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    size = max(4.0, 0.55 * len(labels) + 2)
    figure = Figure(figsize=(size, size * 0.9), layout="constrained")
    axes = figure.subplots()
    image = axes.imshow(100 * shares, cmap="Blues", vmin=0, vmax=100)
    axes.spines[["top", "right"]].set_visible(True)
    axes.set_xticks(range(len(labels)), labels, rotation=60, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(len(labels)), labels)
    for label in (*axes.get_xticklabels(), *axes.get_yticklabels()):
        label.set_parse_math(False)
    axes.set(xlabel="predicted", ylabel="true", title=f"Share of each true {what}, in %")
    for row, column in np.ndindex(shares.shape):
        if counts[row, column]:
            colour = "white" if shares[row, column] > 0.5 else "black"
            text = f"{100 * shares[row, column]:.0f}" if shares[row, column] >= 0.005 else "<1"
            axes.text(column, row, text, ha="center", va="center", color=colour, fontsize=8)
    figure.colorbar(image, ax=axes, shrink=0.7)
    save(figure, path)


@dressed
def trials(rows: Sequence[dict[str, Any]], objective: str, mode: str, path: Path) -> None:
    """The objective of each trial of a search against depth, direction and clipping threshold."""
    values = [row["objective"] for row in rows]
    best = int(np.argmax(values) if mode == "max" else np.argmin(values))
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
        axes.plot(places[title][best], values[best], "*", ms=16, color=COLOURS[5])
        axes.set(xlabel=title)
    by_title["depth"].set(ylabel=objective)
    by_title["depth"].xaxis.get_major_locator().set_params(integer=True)
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
    best = int(np.argmax(values) if mode == "max" else np.argmin(values))
    figure = Figure(figsize=(3.1 * len(scales), 3.2), layout="constrained")
    panels = figure.subplots(1, len(scales), sharey=True, squeeze=False)[0]
    for axes, (name, scale) in zip(panels, scales.items(), strict=True):
        axes.set_xscale(scale)
        if scale == "log":
            axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            axes.xaxis.set_major_formatter(ScalarFormatter())
            axes.xaxis.set_minor_locator(NullLocator())
        axes.plot([row[name] for row in rows], values, "o", color=COLOURS[0], alpha=0.7)
        axes.plot(rows[best][name], values[best], "*", ms=16, color=COLOURS[5])
        axes.set_xlabel(name.replace("_", " "))
    if min(values) > 0 and max(values) > 20 * min(values):
        panels[0].set_yscale("log")
    panels[0].set_ylabel(objective)
    save(figure, path)
