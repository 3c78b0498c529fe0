"""Pictures of translations: where they look, and how good they are by length."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from recipes.kit.colours import COLOURS, QUIET
from recipes.kit.plots import dressed, fonts, save


@dressed
def alignment(pairs: Sequence[tuple[Sequence[str], Sequence[str], np.ndarray]], path: Path) -> None:
    """Where in the source a translation looks: a row for each piece that was written.

    Args:
        pairs: Up to four triples of source pieces, target pieces, and weights (targets, sources),
            0 to 1. A piece "" is the end of the sentence; a blank is drawn as its sign.
        path: PNG to write.
    """
    columns = min(len(pairs), 2)
    rows = -(-len(pairs) // columns)
    # The widest pair of each column and the tallest of each row: all cells are of one size.
    widths = [max(len(source) for source, _, _ in pairs[c::columns]) for c in range(columns)]
    heights = [
        max(len(target) for _, target, _ in pairs[r * columns : (r + 1) * columns])
        for r in range(rows)
    ]
    cell = min(max(4.0 / max(*widths, *heights), 0.26), 0.42)
    size = (cell * sum(widths) + 1.2 * columns + 0.8, cell * sum(heights) + 0.8 * rows)
    figure = Figure(figsize=size, layout="constrained")
    ratios = {"width_ratios": widths, "height_ratios": heights}
    grid = figure.subplots(rows, columns, squeeze=False, gridspec_kw=ratios)
    families = fonts()
    for index, axes in enumerate(grid.flat):
        axes.spines[:].set_visible(False)
        axes.tick_params(length=0, pad=2)
        axes.xaxis.tick_top()
        if index >= len(pairs):
            axes.set_axis_off()
            continue
        source, target, weights = pairs[index]
        image = axes.pcolormesh(weights, cmap="Blues", vmin=0, vmax=1, edgecolor="0.92", lw=0.4)
        row, column = divmod(index, columns)
        axes.set(xlim=(0, widths[column]), ylim=(heights[row], 0), aspect="equal", anchor="NW")
        signs = {"": "end", " ": "\u2423"}
        across = {"rotation": 60, "ha": "left", "rotation_mode": "anchor"}
        axes.set_xticks(
            np.arange(len(source)) + 0.5, [signs.get(piece, piece) for piece in source], **across
        )
        axes.set_yticks(np.arange(len(target)) + 0.5, [signs.get(piece, piece) for piece in target])
        labels = (*axes.get_xticklabels(), *axes.get_yticklabels())
        for label, piece in zip(labels, (*source, *target), strict=True):
            label.set(family=families, fontsize=9)
            if piece in signs:
                label.set(color=QUIET, style="normal" if piece else "italic")
    bar = figure.colorbar(
        image,
        ax=grid,
        shrink=0.6,
        aspect=25,
        label="attention (a row adds up to 1)",
    )
    bar.outline.set_visible(False)
    save(figure, path)


@dressed
def quality_by_length(
    series: Mapping[str, tuple[Sequence[float], Sequence[float], Sequence[int]]],
    ylabel: str,
    path: Path,
) -> None:
    """How good the translations of short and of long sentences are.

    Args:
        series: By the name of a model, for the same sentences: the edges of the bins, each from an
            edge to below the next; the score in each bin, NaN where there is none; the number of
            sentences in each.
        ylabel: Name of the score.
        path: PNG to write.
    """
    figure = Figure(figsize=(6.4, 3.8), layout="constrained")
    scores = figure.subplots()
    counts = scores.twinx()
    edges, _, numbers = next(iter(series.values()))
    counts.bar(
        edges[:-1], numbers, np.diff(edges), align="edge", color="0.9", edgecolor="white", zorder=0
    )
    counts.set_ylabel("sentences", color=QUIET)
    counts.tick_params(colors=QUIET, length=0)
    counts.yaxis.set_major_locator(MaxNLocator(4, integer=True))
    for index, (name, (edges, values, _)) in enumerate(series.items()):
        middles = (np.asarray(edges[:-1]) + np.asarray(edges[1:])) / 2
        there = np.isfinite(values)
        colour = COLOURS[index % len(COLOURS)]
        scores.plot(middles[there], np.asarray(values)[there], "o-", color=colour, ms=4, label=name)
    scores.set(xlabel="source length, pieces", ylabel=ylabel, xlim=(edges[0], edges[-1]))
    scores.set_ylim(0, 1.05 * scores.get_ylim()[1])
    scores.xaxis.set_major_locator(MaxNLocator(integer=True))
    scores.legend()
    scores.set_zorder(counts.get_zorder() + 1)  # the lines before the bars
    scores.patch.set_visible(False)
    save(figure, path)
