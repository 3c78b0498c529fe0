"""Pictures of texts: what a model marks in them, expects of them, and looks at."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import font_manager
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from recipes.kit.plots import COLOURS, save

#: Characters of a line in pictures of text.
_WIDTH = 100

#: Fonts of many scripts, as Linux, macOS and Windows have them.
_FALLBACKS = {
    "Arial Unicode MS",
    "Malgun Gothic",
    "Microsoft YaHei",
    "Nirmala UI",
    "Noto Sans CJK JP",
    "Noto Sans Devanagari",
    "Noto Sans Thai",
    "Yu Gothic",
}


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
    text = {"family": "monospace", "size": 10.5, "va": "center", "parse_math": False}

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
    text = {"family": "monospace", "size": 10.5, "va": "center", "parse_math": False}
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


def surprise(parts: Sequence[str], nats: Sequence[float], path: Path) -> None:
    """A text whose characters or words are the redder the less a model expected them.

    Args:
        parts: Characters, or words; a line break is "\n" or its sign.
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
    text = {"family": "monospace", "size": 10.5, "va": "center", "parse_math": False}
    axes.text(0.5, 0.7, "the redder, the less expected", color="grey", **text)
    for line, start, shown, value in places:
        colour = {"fc": COLOURS[5], "alpha": min(1.0, value / highest), "ec": "none"}
        axes.add_patch(Rectangle((start, line + 1.5), len(shown), 1, **colour))
        axes.text(start, line + 2, shown, **text)
    save(figure, path)


def alignment(pairs: Sequence[tuple[Sequence[str], Sequence[str], np.ndarray]], path: Path) -> None:
    """Where in the source a translation looks: a row for each piece that was written.

    Args:
        pairs: Up to four of source pieces, target pieces, and weights (targets, sources), 0 to 1.
            A piece "" is the end of the sentence, a blank is drawn as its sign.
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
    fonts = _fonts()
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
            label.set(parse_math=False, family=fonts, fontsize=9)
            if piece in signs:
                label.set(color="grey", style="normal" if piece else "italic")
    bar = figure.colorbar(image, ax=grid, shrink=0.6, aspect=25, label="weight")
    bar.outline.set_visible(False)
    save(figure, path)


def _fonts() -> list[str]:
    """The font of all pictures, and those of `_FALLBACKS` that this machine has."""
    return ["DejaVu Sans", *sorted({*font_manager.get_font_names()} & _FALLBACKS)]
