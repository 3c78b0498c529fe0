"""Pictures of formulas that were read: where each token looked."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from recipes.captioning.grammar import compact
from recipes.captioning.plots import enlarged
from recipes.kit.colours import COLOURS, QUIET, WRONG
from recipes.kit.pieces import MARK
from recipes.kit.plots import dressed, fonts, save

#: Panels in a row, and the width of one in inches.
_COLUMNS, _WIDTH = 6, 1.9

#: Height of the line above the panels of a formula, in inches.
_HEADING = 0.4

#: Nothing where a token does not look, else colour behind the ink.
_GLOW = LinearSegmentedColormap.from_list("glow", ["#FFFFFF", COLOURS[1]])


@dressed
def readings(
    formulas: Sequence[tuple[np.ndarray, str, str, Sequence[str], np.ndarray]], path: Path
) -> None:
    """Where each token looked, on a panel for each, below the formula that was read.

    Args:
        formulas: For each its picture (height, width, 1), its LaTeX, the answer, the tokens of the
            answer ("" is the end) and their weights (tokens, rows, columns).
        path: PNG to write.
    """
    shown = [-(-len(tokens) // _COLUMNS) for *_, tokens, _ in formulas]
    height, width = formulas[0][0].shape[:2]
    right = min(width, max(_right_end(image) for image, *_ in formulas))
    heights = [_HEADING + rows * (_WIDTH * height / right + 0.36) for rows in shown]
    figure = Figure(figsize=(_COLUMNS * _WIDTH, sum(heights)), layout="constrained")
    parts = figure.subfigures(len(formulas), 1, height_ratios=heights, squeeze=False)[:, 0]
    for part, rows, (image, truth, answer, tokens, weights) in zip(
        parts, shown, formulas, strict=True
    ):
        _heading(part, truth, answer)
        panels = np.ravel(part.subplots(rows, _COLUMNS, squeeze=False))
        for axes in panels:
            axes.set_axis_off()
        for axes, token, weight in zip(panels, tokens, weights, strict=False):
            ink = 1 - image[:, :right, 0] / 255
            where = enlarged(weight, height, width)[:, :right]
            glow = _GLOW(where / max(float(where.max()), 1e-9))[..., :3]
            axes.imshow(glow * (1 - ink[..., None]))
            axes.set_title(
                token.replace(MARK, "") or "end",
                fontsize=10,
                color="black" if token else QUIET,
                style="normal" if token else "italic",
                family="DejaVu Sans Mono" if token else fonts(),
            )
    save(figure, path)


def _heading(part: Any, truth: str, answer: str) -> None:
    """What was read, and where that is wrong, what is right."""
    good = answer == truth
    said = f"✓ {compact(answer)}" if good else f"✗ {compact(answer)}      true: {compact(truth)}"
    part.suptitle(
        said.replace("$", r"\$"),
        x=0.01,
        horizontalalignment="left",
        fontsize=11,
        color="black" if good else WRONG,
        family="DejaVu Sans Mono",
    )


def _right_end(image: np.ndarray) -> int:
    """The columns of a picture up to the last with ink, and a few more."""
    return int(np.flatnonzero((image < 255).any(axis=(0, 2)))[-1]) + 8
