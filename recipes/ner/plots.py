"""Pictures of tagged sentences."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from recipes.kit.plots import COLOURS, dressed, save


@dressed
def tagged(rows: Sequence[tuple[Sequence[str], dict[str, Sequence[str]]]], path: Path) -> None:
    """Sentences with their entities in colour, as each of several taggers sees them.

    Args:
        rows: Tokens of each sentence, and the IOB2 tags by the name of who gave them.
        path: PNG to write.
    """
    kinds = sorted({t[2:] for _, by in rows for tags in by.values() for t in tags if t != "O"})
    colour = {kind: COLOURS[index % len(COLOURS)] for index, kind in enumerate(kinds)}
    names = list(rows[0][1])
    lines = sum(len(by) + 0.6 for _, by in rows) + 1.2
    left = max(map(len, names)) + 2
    width = left + max(len(" ".join(tokens)) for tokens, _ in rows) + 1
    figure = Figure(figsize=(width * 0.09, lines * 0.27))
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, width), ylim=(lines, 0))
    axes.set_axis_off()
    text: Any = {"family": "monospace", "size": 10.5, "va": "center", "parse_math": False}

    def write(x: float, y: float, token: str, kind: str | None = None) -> None:
        box = {"boxstyle": "square,pad=0.15", "fc": colour[kind], "ec": "none"} if kind else None
        axes.text(x, y, token, color="white" if kind else "black", bbox=box, **text)

    x = float(left)
    for kind in kinds:
        write(x, 0.7, kind, kind)
        x += len(kind) + 2
    y = 1.9
    for tokens, by in rows:
        for name, tags in by.items():
            axes.text(0.5, y, name, color="grey", **text)
            x = float(left)
            for token, tag in zip(tokens, tags, strict=True):
                write(x, y, token, None if tag == "O" else tag[2:])
                x += len(token) + 1
            y += 1
        y += 0.6
    save(figure, path)
