"""Pictures that recipes share. Drawn without a screen, written as PNG."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import LogLocator, NullLocator, ScalarFormatter
from sklearn.metrics import confusion_matrix

#: Characters of a line in pictures of text.
_WIDTH = 100

#: Colours that stay apart for colour-blind readers (Okabe and Ito).
COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00")


def save(figure: Figure, path: Path) -> None:
    """Write a figure, making its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    FigureCanvasAgg(figure)
    figure.savefig(path, dpi=130, bbox_inches="tight")


def curves(history: Sequence[dict[str, float]], monitor: str, path: Path) -> None:
    """Loss, the score that chose the best epoch, and the gradient norm before clipping."""
    epochs = [row["epoch"] for row in history]
    figure = Figure(figsize=(12, 3.4), layout="constrained")
    losses, score, gradient = figure.subplots(1, 3)

    for name, colour in (("loss", COLOURS[0]), ("val_loss", COLOURS[1])):
        if name in history[0]:
            label = {"loss": "training", "val_loss": "validation"}[name]
            losses.plot(epochs, [r[name] for r in history], "o-", color=colour, ms=3, label=label)
    losses.set(title="Loss", xlabel="epoch")
    losses.legend(frameon=False)

    score.plot(epochs, [row[monitor] for row in history], "o-", color=COLOURS[2], ms=3)
    score.set(title=monitor.removeprefix("val_") + " (validation)", xlabel="epoch")

    gradient.plot(
        epochs, [r["gradient_norm"] for r in history], "o-", color=COLOURS[0], ms=3, label="mean"
    )
    gradient.plot(
        epochs, [r["gradient_norm_max"] for r in history], "--", color=COLOURS[0], label="largest"
    )
    gradient.set(title="Gradient norm before clipping", xlabel="epoch", yscale="log")
    gradient.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    gradient.yaxis.set_major_formatter(ScalarFormatter())
    gradient.yaxis.set_minor_locator(NullLocator())
    clipped = gradient.twinx()
    clipped.plot(
        epochs, [100 * r["clipped_fraction"] for r in history], color=COLOURS[5], label="clipped"
    )
    clipped.set(ylim=(-3, 103))
    clipped.set_ylabel("steps clipped, %", color=COLOURS[5])
    gradient.legend(frameon=False)

    for axes in (losses, score, gradient):
        axes.spines[["top"]].set_visible(False)
        axes.xaxis.get_major_locator().set_params(integer=True)
    save(figure, path)


def confusion(truth: Sequence[str], predicted: Sequence[str], path: Path) -> None:
    """Which label is taken for which: a row a true label, in shares of that row."""
    labels = sorted({*truth, *predicted}, key=lambda tag: (tag[2:] or tag, tag))
    counts = confusion_matrix(truth, predicted, labels=labels)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    size = max(4.0, 0.55 * len(labels) + 2)
    figure = Figure(figsize=(size, size * 0.9), layout="constrained")
    axes = figure.subplots()
    image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    axes.set_xticks(range(len(labels)), labels, rotation=60, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(len(labels)), labels)
    for label in (*axes.get_xticklabels(), *axes.get_yticklabels()):
        label.set_parse_math(False)
    axes.set(xlabel="predicted", ylabel="true", title="Share of each true tag, in %")
    for row, column in np.ndindex(shares.shape):
        if counts[row, column]:
            colour = "white" if shares[row, column] > 0.5 else "black"
            text = f"{100 * shares[row, column]:.0f}" if shares[row, column] >= 0.005 else "<1"
            axes.text(column, row, text, ha="center", va="center", color=colour, fontsize=8)
    figure.colorbar(image, ax=axes, shrink=0.7)
    save(figure, path)


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
    figure = Figure(figsize=(_WIDTH * 0.09, (row + 3) * 0.27))
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, _WIDTH), ylim=(row + 3, 0))
    axes.set_axis_off()
    highest = max(4.0, float(np.quantile([value for *_, value in places], 0.99)))
    text = {"family": "monospace", "size": 10.5, "va": "center", "parse_math": False}
    axes.text(0.5, 0.7, "the redder, the less expected", color="grey", **text)
    for line, start, shown, value in places:
        colour = {"fc": COLOURS[5], "alpha": min(1.0, value / highest), "ec": "none"}
        axes.add_patch(Rectangle((start, line + 1.5), len(shown), 1, **colour))
        axes.text(start, line + 2, shown, **text)
    save(figure, path)


def trials(rows: Sequence[dict[str, Any]], objective: str, mode: str, path: Path) -> None:
    """The objective of each trial of a search against depth, direction and clipping threshold."""
    values = [row["objective"] for row in rows]
    best = int(np.argmax(values) if mode == "max" else np.argmin(values))
    thresholds = [row.get("global_clipnorm") for row in rows]
    none_at = 30.0  # beyond the largest threshold of the space, on a log scale
    places = {
        "depth": [row["depth"] for row in rows],
        "clipping threshold": [none_at if t is None else t for t in thresholds],
    }
    if "bidirectional" in rows[0]:
        places["direction"] = [float(row["bidirectional"]) for row in rows]
    figure = Figure(figsize=(3.7 * len(places), 3.4), layout="constrained")
    by_title = dict(zip(places, figure.subplots(1, len(places), sharey=True), strict=True))
    for title, axes in by_title.items():
        axes.plot(places[title], values, "o", color=COLOURS[0], alpha=0.7)
        axes.plot(places[title][best], values[best], "*", ms=16, color=COLOURS[5])
        axes.set(xlabel=title)
        axes.spines[["top", "right"]].set_visible(False)
    by_title["depth"].set(ylabel=objective)
    by_title["depth"].xaxis.get_major_locator().set_params(integer=True)
    if "direction" in by_title:
        by_title["direction"].set_xticks([0, 1], ["forward", "both"])
        by_title["direction"].set_xlim(-0.5, 1.5)
    clip = by_title["clipping threshold"]
    clip.set(xscale="log", xlim=(0.08, 50))
    clip.set_xticks([0.1, 0.3, 1, 3, 10, none_at], ["0.1", "0.3", "1", "3", "10", "none"])
    clip.xaxis.set_minor_locator(NullLocator())
    clip.axvline(17, color="grey", lw=0.8, ls=":")
    save(figure, path)
