"""Pictures of classified texts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from recipes.kit.plots import COLOURS, dressed, save


@dressed
def attention(rows: Sequence[tuple[Sequence[Any], str]], title: str, path: Path) -> None:
    """Texts whose words are the darker the more weight they have, and what was made of them.

    Args:
        rows: Pairs of (word, weight) in order, and a note for the margin.
        title: What the notes are.
        path: PNG to write.
    """
    left = max(len(note) for note in (title, *(note for _, note in rows))) + 2
    width = left + max(sum(len(word) + 1 for word, _ in words) for words, _ in rows) + 1
    figure = Figure(figsize=(width * 0.09, (len(rows) + 1.2) * 0.3))
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, width), ylim=(len(rows) + 1.2, 0))
    axes.set_axis_off()
    text: Any = {"family": "monospace", "size": 10.5, "va": "center"}
    axes.text(0.5, 0.6, title, color="grey", **text)
    axes.text(left, 0.6, "weight of each word", color="grey", **text)
    for y, (words, note) in enumerate(rows, start=1):
        axes.text(0.5, y + 0.6, note, color="grey", **text)
        x = float(left)
        highest = max(weight for _, weight in words)
        for word, weight in words:
            share = weight / highest if highest else 0.0
            box = {"boxstyle": "square,pad=0.15", "fc": COLOURS[0], "ec": "none", "alpha": share}
            colour = "white" if share > 0.6 else "black"
            axes.text(x, y + 0.6, word, color=colour, bbox=box, **text)
            x += len(word) + 1
    save(figure, path)
