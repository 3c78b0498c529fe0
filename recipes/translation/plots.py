"""Pictures of translations: where they look."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from recipes.kit.colours import QUIET
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
