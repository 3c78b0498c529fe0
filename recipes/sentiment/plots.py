"""Pictures of classified texts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from matplotlib.cm import ScalarMappable

from recipes.kit.colours import COLOURS, QUIET, SHARES, SHARES_LABEL, even_shares, shades
from recipes.kit.plots import dressed, page, save, write


@dressed
def attention(rows: Sequence[tuple[Sequence[Any], str]], title: str, path: Path) -> None:
    """Texts whose words are the darker the more weight they have, and what was made of them.

    Args:
        rows: Pairs of (word, weight) in order, and a note for the margin.
        title: What the notes are.
        path: PNG to write.
    """
    scale = ScalarMappable(SHARES, shades(COLOURS[0]))
    left = max(len(note) for note in (title, *(note for _, note in rows))) + 2
    width = left + max(sum(len(word) + 1 for word, _ in words) for words, _ in rows) + 1
    axes = page(width, len(rows) + 1.2, scale, SHARES_LABEL)
    write(axes, 0.5, 0.6, title, color=QUIET)
    write(axes, left, 0.6, "weight of each word", color=QUIET)
    for y, (words, note) in enumerate(rows, start=1):
        write(axes, 0.5, y + 0.6, note, color=QUIET)
        x = float(left)
        shares = even_shares([weight for _, weight in words])
        for (word, _), colour in zip(words, scale.to_rgba(shares), strict=True):
            write(axes, x, y + 0.6, word, colour)
            x += len(word) + 1
    save(axes.figure, path)
