"""Pictures of tagged sentences."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from recipes.kit.colours import QUIET, colours_of
from recipes.kit.plots import dressed, page, save, write


@dressed
def tagged(rows: Sequence[tuple[Sequence[str], dict[str, Sequence[str]]]], path: Path) -> None:
    """Sentences with their entities in colour, as each of several taggers sees them.

    Args:
        rows: Tokens of each sentence, and the IOB2 tags by the name of who gave them.
        path: PNG to write.
    """
    kinds = sorted({t[2:] for _, by in rows for tags in by.values() for t in tags if t != "O"})
    colour = dict(zip(kinds, colours_of(len(kinds)), strict=True))
    names = list(rows[0][1])
    lines = sum(len(by) + 0.6 for _, by in rows) + 1.2
    left = max(map(len, names)) + 2
    longest = max(len(" ".join(tokens)) for tokens, _ in rows)
    axes = page(left + max(longest, len("  ".join(kinds))) + 1, lines, None)
    x = float(left)
    for kind in kinds:
        write(axes, x, 0.7, kind, colour[kind])
        x += len(kind) + 2
    y = 1.9
    for tokens, by in rows:
        for name, tags in by.items():
            write(axes, 0.5, y, name, color=QUIET)
            x = float(left)
            for token, tag in zip(tokens, tags, strict=True):
                write(axes, x, y, token, None if tag == "O" else colour[tag[2:]])
                x += len(token) + 1
            y += 1
        y += 0.6
    save(axes.figure, path)
