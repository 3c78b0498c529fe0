"""Pictures of formulas that were read: where each token looked."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from recipes.captioning.grammar import compact
from recipes.captioning.plots import enlarged
from recipes.kit.colours import COLOURS, QUIET, WRONG
from recipes.kit.plots import dressed, fonts, save

#: Panels in a row, and the width of one in inches.
_COLUMNS, _WIDTH = 6, 1.9

#: Nothing where a token does not look, else colour behind the ink.
_GLOW = LinearSegmentedColormap.from_list("glow", ["#FFFFFF", COLOURS[1]])


@dressed
def readings(
    formulas: Sequence[tuple[np.ndarray, str, str, Sequence[str], np.ndarray]], path: Path
) -> None:
    """Where each token looked, on a panel for each; the first has the whole formula.

    Args:
        formulas: For each its picture (height, width, 1), its LaTeX, the answer, the tokens of the
            answer ("" is the end) and their weights (tokens, rows, columns).
        path: PNG to write.
    """
    shown = [-(-(1 + len(tokens)) // _COLUMNS) for *_, tokens, _ in formulas]
    height, width = formulas[0][0].shape[:2]
    right = min(width, max(_right_end(image) for image, *_ in formulas))
    size = (_COLUMNS * _WIDTH, sum(shown) * (_WIDTH * height / right + 0.42) + 0.1)
    figure = Figure(figsize=size, layout="constrained")
    grid = figure.subplots(sum(shown), _COLUMNS, squeeze=False)
    for axes in grid.flat:
        axes.set_axis_off()
    rows = np.split(grid, np.cumsum(shown)[:-1])
    for panels, (image, truth, answer, tokens, weights) in zip(rows, formulas, strict=True):
        first, *others = panels.flat
        first.imshow(image[:, :right, 0], cmap="gray", vmin=0, vmax=255)
        first.set_title(
            "✓ read as" if answer == truth else f"✗ true: {compact(truth)}",
            fontsize=9,
            color="black" if answer == truth else WRONG,
            family=fonts(),
        )
        for axes, token, weight in zip(others, tokens, weights, strict=False):
            ink = 1 - image[:, :right, 0] / 255
            where = enlarged(weight, height, width)[:, :right]
            glow = _GLOW(where / max(float(where.max()), 1e-9))[..., :3]
            axes.imshow(glow * (1 - ink[..., None]))
            axes.set_title(
                token or "end",
                fontsize=10,
                color="black" if token else QUIET,
                style="normal" if token else "italic",
                family="DejaVu Sans Mono" if token else fonts(),
            )
    save(figure, path)


def _right_end(image: np.ndarray) -> int:
    """The columns of a picture up to the last with ink, and a few more."""
    return int(np.flatnonzero((image < 255).any(axis=(0, 2)))[-1]) + 8
