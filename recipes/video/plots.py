"""Pictures of classified clips."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from recipes.kit.colours import COLOURS, QUIET, WRONG
from recipes.kit.plots import dressed, save

#: Frames of a strip; classes whose probability is drawn.
_FRAMES, _CLASSES = 16, 4


@dataclass(frozen=True)
class Shown:
    """A clip and what is said of it.

    Attributes:
        frames: Bytes (time, height, width, channels).
        truth: The class of the clip, or of each frame.
        running: (time, classes), the probabilities after each frame.
    """

    frames: np.ndarray
    truth: tuple[str, ...]
    running: np.ndarray


@dressed
def strips(shown: Sequence[Shown], labels: Sequence[str], path: Path) -> None:
    """Clips as strips of frames, and under each how probable the classes are after each frame."""
    figure = Figure(figsize=(11, 2.7 * len(shown)), layout="constrained")
    heading = "frames, and below them the probability of the likeliest classes after each frame"
    figure.suptitle(heading, fontsize=9, x=0.01, ha="left", color=QUIET)
    grid = figure.subplots(2 * len(shown), 1, height_ratios=[1, 1.5] * len(shown), squeeze=False)
    for clip, (strip, curve) in zip(shown, grid.reshape(-1, 2), strict=True):
        _strip(strip, clip, labels)
        _confidence(curve, clip, labels)
    grid[-1, 0].set_xlabel("frame", fontsize=9)
    save(figure, path)


def _strip(axes: Axes, clip: Shown, labels: Sequence[str]) -> None:
    count = len(clip.frames)
    chosen = np.unique(np.linspace(0, count - 1, min(count, _FRAMES)).astype(int))
    for place, index in enumerate(chosen):
        frame = clip.frames[index]
        image = frame[..., 0] if frame.shape[-1] == 1 else frame
        extent = (place + 0.03, place + 0.97, 0, 0.94 * frame.shape[0] / frame.shape[1])
        axes.imshow(image, extent=extent, cmap="gray", vmin=0, vmax=255)
        axes.text(place + 0.5, -0.04, f"{index + 1}", fontsize=7, ha="center", va="top")
    axes.set(xlim=(0, _FRAMES), ylim=(-0.25, 1))
    axes.set_aspect("equal", anchor="W")
    axes.set_axis_off()
    if len(clip.truth) == 1:
        answer = labels[int(clip.running[-1].argmax())]
        right = answer == clip.truth[0]
        title = answer if right else f"{answer}, truly {clip.truth[0]}"
        title += f" ({clip.running[-1].max():.0%})"
    else:
        answers = [labels[int(row.argmax())] for row in clip.running]
        hits = sum(a == b for a, b in zip(answers, clip.truth, strict=True))
        right, title = hits == count, f"{hits} of {count} frames right: {_runs(clip.truth)}"
    axes.set_title(title, fontsize=9, loc="left", color="black" if right else WRONG)


def _runs(labels: Sequence[str]) -> str:
    changes = [label for i, label in enumerate(labels) if i == 0 or labels[i - 1] != label]
    return ", ".join(changes)


def _confidence(axes: Axes, clip: Shown, labels: Sequence[str]) -> None:
    frames = np.arange(1, len(clip.running) + 1)
    order = np.argsort(-clip.running.max(axis=0), kind="stable")[:_CLASSES]
    for index, colour, marker in zip(order, COLOURS, "osD^", strict=False):
        axes.plot(
            frames, clip.running[:, index], color=colour, marker=marker, ms=4, label=labels[index]
        )
    axes.set(xlim=(0.5, len(frames) + 0.5), ylim=(-0.03, 1.03))
    axes.set_ylabel("probability", fontsize=8)
    axes.tick_params(labelsize=8)
    axes.legend(fontsize=8, loc="center left", bbox_to_anchor=(1.0, 0.5))
