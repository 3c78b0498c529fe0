"""Pictures of music: piano rolls, and how probable a model finds the keys."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.ticker import MultipleLocator

from recipes.kit.colours import COLOURS, QUIET, shades
from recipes.kit.plots import dressed, save
from recipes.music.rolls import LOWEST, key_name

#: Quarter notes of a bar in pictures; rolls do not say how many there are.
_BAR = 4

#: Most frames that are drawn of a piece.
_SHOWN = 128


@dressed
def piece_picture(roll: np.ndarray, given: int, step: float, path: Path, title: str) -> None:
    """The piano roll of a piece.

    Args:
        roll: (frames, keys).
        given: How many of its first frames the model was given.
        step: Length of a frame in quarter notes.
        path: PNG to write.
        title: Its name.
    """
    _pieces([roll], [given], step, path, [title])


@dressed
def pieces_picture(
    rolls: Sequence[np.ndarray],
    given: Sequence[int],
    step: float,
    path: Path,
    titles: Sequence[str],
) -> None:
    """The piano rolls of several pieces below each other; see `piece_picture`."""
    _pieces(rolls, given, step, path, titles)


def _pieces(
    rolls: Sequence[np.ndarray],
    given: Sequence[int],
    step: float,
    path: Path,
    titles: Sequence[str],
) -> None:
    longest = min(max(map(len, rolls)), _SHOWN)
    low, high = _range(rolls)
    height = max(1.6, 0.075 * (high - low + 1)) + 0.5
    width = max(6.0, 0.09 * longest + 1.2)
    figure = Figure(figsize=(width, height * len(rolls) + 0.3), layout="constrained")
    every = figure.subplots(len(rolls), 1, squeeze=False)[:, 0]
    for axes, roll, first, title in zip(every, rolls, given, titles, strict=True):
        shown = roll[:_SHOWN]
        values = shown.astype(float)
        values[:first] *= 2
        colours = ListedColormap(["white", COLOURS[0], COLOURS[1]])
        _roll(axes, values, low, high, step, cmap=colours, vmin=0, vmax=2)
        about = f"{title}: {_frames(first)} given (orange), the rest written by the model (blue)"
        cut = f", the first {_SHOWN} of {len(roll):,} frames" if len(roll) > _SHOWN else ""
        axes.set_title(about + cut, loc="left", fontsize=10)
        axes.axvline(first - 0.5, color=QUIET, lw=1.2)
    every[-1].set_xlabel(f"bars of {_BAR} quarter notes")
    save(figure, path)


@dressed
def probabilities_picture(
    roll: np.ndarray,
    probabilities: np.ndarray,
    nats: np.ndarray,
    step: float,
    path: Path,
    title: str,
) -> None:
    """A piece, how probable the model found each key of each frame, and what each frame cost it."""
    roll, probabilities, nats = roll[:_SHOWN], probabilities[:_SHOWN], nats[:_SHOWN]
    low, high = _range([roll])
    height = max(1.6, 0.075 * (high - low + 1))
    width = max(6.0, 0.09 * len(roll) + 2.2)
    figure = Figure(figsize=(width, 2 * height + 2.2), layout="constrained")
    ratios = [height, height, 1.1]
    played, expected, cost = figure.subplots(3, 1, sharex=True, height_ratios=ratios)
    _roll(played, roll, low, high, step, cmap=ListedColormap(["white", COLOURS[0]]), vmin=0, vmax=1)
    played.set_title(f"{title}: the keys that sound", loc="left", fontsize=10)
    image = _roll(expected, probabilities, low, high, step, cmap=shades(COLOURS[0]), vmin=0, vmax=1)
    expected.set_title("How probable each was, given those before", loc="left", fontsize=10)
    figure.colorbar(image, ax=expected, label="probability", aspect=12)
    cost.bar(np.arange(len(nats)), nats, width=0.9, color=COLOURS[1])
    cost.set_ylabel("nats")
    cost.set_xlabel(f"bars of {_BAR} quarter notes")
    save(figure, path)


def _frames(count: int) -> str:
    return "the first frame" if count == 1 else f"the first {count} frames"


def _range(rolls: Sequence[np.ndarray]) -> tuple[int, int]:
    """Lowest and highest key to draw: whole octaves around those that sound."""
    used = np.flatnonzero(np.concatenate(rolls).any(axis=0))
    low, high = (used[0], used[-1]) if len(used) else (27, 51)
    low = (low + LOWEST) // 12 * 12 - LOWEST
    high = -(-(high + LOWEST + 1) // 12) * 12 - LOWEST
    return max(0, int(low)), min(87, int(high))


def _roll(axes: Axes, values: np.ndarray, low: int, high: int, step: float, **colours: Any) -> Any:
    """Draw the keys of a roll with their names at each C and a line at each bar."""
    image = axes.imshow(values.T, origin="lower", aspect="auto", interpolation="nearest", **colours)
    axes.set_ylim(low - 0.5, high + 0.5)
    cs = [key for key in range(low, high + 1) if (key + LOWEST) % 12 == 0]
    axes.set_yticks(cs, [key_name(key) for key in cs], fontsize=8)
    for key in cs:
        axes.axhline(key - 0.5, color="0.88", lw=0.6, zorder=0.5)
    frames = round(_BAR / step)
    bars = len(values) // frames + 1
    every = max(1, bars // 16)
    axes.set_xticks(
        [bar * frames - 0.5 for bar in range(0, bars, every)],
        [str(bar + 1) for bar in range(0, bars, every)],
        fontsize=8,
    )
    axes.xaxis.set_minor_locator(MultipleLocator(frames, offset=-0.5))
    axes.grid(axis="x", which="both", color="0.8", lw=0.5)
    return image
