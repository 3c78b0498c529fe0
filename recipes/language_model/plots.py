"""Pictures of texts and what a language model expected of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.patches import Rectangle

from recipes.kit.colours import COLOURS, ink_on, shades
from recipes.kit.plots import dressed, page, save, write

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
    width = max(start + len(shown) + 1 for _, start, shown, _ in places)
    highest = max(4.0, float(np.quantile([value for *_, value in places], 0.99)))
    scale = ScalarMappable(Normalize(0, highest, clip=True), shades(COLOURS[5]))
    what = "character" if letters else "word"
    label = f"nats: minus the logarithm of the probability of each {what}"
    axes = page(width, places[-1][0] + 1.5, scale, label)
    colours = scale.to_rgba(np.array([value for *_, value in places]))
    for (line, start, shown, _), colour in zip(places, colours, strict=True):
        axes.add_patch(Rectangle((start, line + 0.5), len(shown), 1, fc=colour, ec="none"))
        write(axes, start, line + 1, shown, color=ink_on(colour))
    save(axes.figure, path)
