"""Pictures of texts and what a language model expected of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from recipes.kit.plots import COLOURS, dressed, save

#: Characters of a line.
_WIDTH = 100


@dressed
def surprise(parts: Sequence[str], nats: Sequence[float], path: Path) -> None:
    """A text whose characters or words are redder the less a model expected them.

    Args:
        parts: Characters, or words; a line break is a newline character or its sign.
        nats: Minus the log-likelihood of each of them.
        path: PNG to write.
    """
    letters = all(len(part) == 1 for part in parts)
    places: list[tuple[int, int, str, float]] = []
    row, column = 0, 0
    for part, value in zip(parts, nats, strict=False):
        if column and column + len(part) > _WIDTH:
            row, column = row + 1, 0
        shown = "⏎" if part == "\n" else part
        places.append((row, column, shown, float(value)))
        column += len(shown) + (not letters)
        if shown == "⏎":
            row, column = row + 1, 0
    width = max(40, *(start + len(shown) + 1 for _, start, shown, _ in places))
    figure = Figure(figsize=(width * 0.09, (row + 3) * 0.27))
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, width), ylim=(row + 3, 0))
    axes.set_axis_off()
    highest = max(4.0, float(np.quantile([value for *_, value in places], 0.99)))
    text: Any = {"family": "monospace", "size": 10.5, "va": "center"}
    axes.text(0.5, 0.7, "the redder, the less expected", color="grey", **text)
    for line, start, shown, value in places:
        colour: Any = {"fc": COLOURS[5], "alpha": min(1.0, value / highest), "ec": "none"}
        axes.add_patch(Rectangle((start, line + 1.5), len(shown), 1, **colour))
        axes.text(start, line + 2, shown, **text)
    save(figure, path)
