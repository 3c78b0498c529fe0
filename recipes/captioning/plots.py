"""Pictures of captions: images with what was said of them, and where each word looked."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from textwrap import fill
from typing import Any

import numpy as np
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LinearSegmentedColormap, Normalize, to_rgba
from matplotlib.figure import Figure

from recipes.kit.colours import COLOURS, QUIET, WRONG
from recipes.kit.pieces import MARK
from recipes.kit.plots import dressed, fonts, save

#: Characters in a line above an image.
_WIDE = 30
#: Nothing where a piece does not look, else colour over the image.
_GLOW = LinearSegmentedColormap.from_list(
    "glow", [to_rgba(COLOURS[1], 0.0), to_rgba(COLOURS[1], 0.8)]
)


@dressed
def captioned(
    images: Sequence[np.ndarray],
    answers: Sequence[str],
    truths: Sequence[Sequence[str]],
    path: Path,
) -> None:
    """Images with their captions; a wrong one is marked, with a true one below."""
    columns = min(4, len(images))
    rows = -(-len(images) // columns)
    right = [answer in truth for answer, truth in zip(answers, truths, strict=True)]
    titles = [
        fill(f"{'✓' if good else '✗'} {answer or '(nothing)'}", _WIDE)
        + ("" if good else "\n" + fill(f"true: {truth[0]}", _WIDE))
        for answer, truth, good in zip(answers, truths, right, strict=True)
    ]
    lines = max(title.count("\n") for title in titles) + 1
    shape = max(image.shape[0] / image.shape[1] for image in images)
    size = (3 * columns, rows * (3 * shape + 0.18 * lines + 0.2))
    figure = Figure(figsize=size, layout="constrained")
    every = np.ravel(figure.subplots(rows, columns, squeeze=False))
    for axes in every:
        axes.set_axis_off()
    for axes, image, title, good in zip(every, images, titles, right, strict=False):
        _show(axes, image)
        axes.set_title(title, fontsize=10, color="black" if good else WRONG, family=fonts())
    save(figure, path)


@dressed
def looks(rows: Sequence[tuple[np.ndarray, Sequence[str], np.ndarray]], path: Path) -> None:
    """Where each word looked: a row for each image, with a heat map over it for each piece.

    Args:
        rows: Triples of image (height, width, channels), pieces ("" is the end) and weights
            (pieces, rows, columns), which add up to 1 for each piece.
        path: PNG to write.
    """
    columns = 1 + max(len(pieces) for _, pieces, _ in rows)
    figure = Figure(figsize=(1.25 * columns + 0.8, 1.5 * len(rows) + 0.2), layout="constrained")
    grid = figure.subplots(len(rows), columns, squeeze=False)
    most = max(float(weights.max()) for _, _, weights in rows)
    scale = ScalarMappable(Normalize(0, most), _GLOW)
    for row_axes, (image, pieces, weights) in zip(grid, rows, strict=True):
        for axes in row_axes:
            axes.set_axis_off()
        _show(row_axes[0], image)
        for axes, piece, weight in zip(row_axes[1:], pieces, weights, strict=False):
            _show(axes, image)
            axes.imshow(scale.to_rgba(enlarged(weight, *image.shape[:2])))
            text = piece.replace(MARK, "").strip() or "end"
            style: dict[str, Any] = {"color": QUIET, "style": "italic"} if not piece else {}
            axes.set_title(text, fontsize=10, family=fonts(), **style)
    bar = figure.colorbar(
        scale, ax=grid, shrink=0.8, label="attention (adds up to 1 over the fields)"
    )
    bar.outline.set_visible(False)
    save(figure, path)


def enlarged(weight: np.ndarray, height: int, width: int) -> np.ndarray:
    """Weights (rows, columns) at each pixel of the image that they are fields of."""
    from scipy.ndimage import zoom

    scale = height / weight.shape[0], width / weight.shape[1]
    large = zoom(weight.astype(float), scale, order=1, grid_mode=True, mode="nearest")
    return np.clip(large, 0, None)


def _show(axes: Any, image: np.ndarray) -> None:
    if image.shape[-1] == 3:
        axes.imshow(image)
    else:
        axes.imshow(image[..., 0], cmap="gray", vmin=0, vmax=255)
