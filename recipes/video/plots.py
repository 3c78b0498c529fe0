"""Pictures of classified clips."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from recipes.kit.colours import COLOURS, QUIET, WRONG
from recipes.kit.plots import dressed, save, whole_steps

#: Frames that are drawn of a clip, at most about; classes whose probability is drawn.
_FRAMES, _CLASSES = 16, 5

#: In inches: width of the frames, height of a curve, space for a title, and below a curve; beside
#: the frames; and a letter in a curve.
_WIDTH, _CURVE, _TITLE, _BELOW = 8.6, 1.15, 0.25, 0.3
_LEFT, _LEGEND, _LETTER = 0.7, 1.9, 0.062


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
    """Clips as strips of frames, and below each frame how probable the classes are after it."""
    slots = max(len(clip.frames) for clip in shown)
    strides = [-(-len(clip.frames) // _FRAMES) for clip in shown]
    slot = _WIDTH / slots
    heights = [
        slot * stride * clip.frames.shape[1] / clip.frames.shape[2]
        for clip, stride in zip(shown, strides, strict=True)
    ]
    total = sum(heights) + (_CURVE + _TITLE + _BELOW) * len(shown) + 0.3
    figure = Figure(figsize=(_LEFT + _WIDTH + _LEGEND, total))

    def axes_at(top: float, width: float, height: float) -> Axes:
        place = (_LEFT, total - top - height, width, height)
        size = (figure.get_figwidth(), total) * 2
        return figure.add_axes(tuple(p / s for p, s in zip(place, size, strict=True)))

    heading = "frames, and below each of them the probability of the classes after it"
    figure.text(_LEFT / figure.get_figwidth(), 1, heading, va="top", fontsize=9, color=QUIET)
    top = 0.3
    for clip, stride, height in zip(shown, strides, heights, strict=True):
        width = slot * len(clip.frames)
        strip = axes_at(top + _TITLE, width, height)
        _strip(strip, clip, labels, stride)
        curve = axes_at(top + _TITLE + height, width, _CURVE)
        _confidence(curve, clip, labels, slot)
        top += _TITLE + height + _CURVE + _BELOW
    curve.set_xlabel("frame", fontsize=9)
    save(figure, path)


def _strip(axes: Axes, clip: Shown, labels: Sequence[str], stride: int) -> None:
    count = len(clip.frames)
    for index in range(0, count, stride):
        frame = clip.frames[index]
        image = frame[..., 0] if frame.shape[-1] == 1 else frame
        # Of several frames the first is drawn, as wide as all of them.
        extent = (index + 0.53, index + stride + 0.47, 0.03, 0.97)
        axes.imshow(image, extent=extent, cmap="gray", vmin=0, vmax=255, aspect="auto")
    axes.set(xlim=(0.5, count + 0.5), ylim=(0, 1))
    axes.set_axis_off()
    answers = [labels[int(row.argmax())] for row in clip.running]
    if len(clip.truth) == 1:
        right = answers[-1] == clip.truth[0]
        title = answers[-1] if right else f"{answers[-1]}, truly {clip.truth[0]}"
        title += f" ({clip.running[-1].max():.0%})"
    else:
        hits = sum(a == b for a, b in zip(answers, clip.truth, strict=True))
        right, title = hits == count, f"{hits} of {count} frames right"
    axes.set_title(title, fontsize=9, loc="left", pad=3, color="black" if right else WRONG)


def _confidence(axes: Axes, clip: Shown, labels: Sequence[str], slot: float) -> None:
    count = len(clip.running)
    classes = _drawn(clip, labels)
    colours = dict(zip(classes, COLOURS, strict=False))
    for index, marker in zip(classes, "osD^vP*", strict=False):
        true = labels[index] in clip.truth
        axes.plot(
            np.arange(1, count + 1),
            clip.running[:, index],
            color=colours[index],
            marker=marker,
            ms=3.5,
            lw=2.2 if true else 1.1,
            label=f"{labels[index]} (true)" if true else labels[index],
        )
    if len(clip.truth) > 1:
        for label, first, last in _runs(clip.truth):
            known = labels.index(label) if label in labels else -1
            colour = colours.get(known, QUIET)
            axes.axvspan(first + 0.5, last + 0.5, color=colour, alpha=0.15, lw=0)
            if _LETTER * len(label) < slot * (last - first):
                axes.text((first + last) / 2 + 0.5, 1.07, label, fontsize=7, ha="center")
    axes.set(xlim=(0.5, count + 0.5), ylim=(-0.04, 1.18 if len(clip.truth) > 1 else 1.06))
    axes.set_yticks([0, 0.5, 1])
    whole_steps(axes, range(1, count + 1))
    axes.set_ylabel("probability", fontsize=8)
    axes.tick_params(labelsize=8)
    axes.legend(fontsize=8, loc="upper left", bbox_to_anchor=(1.01, 1.05), borderaxespad=0)


def _drawn(clip: Shown, labels: Sequence[str]) -> list[int]:
    """Classes to draw: the true ones, then those that are likeliest anywhere."""
    true = [labels.index(label) for label in dict.fromkeys(clip.truth) if label in labels]
    likely = np.argsort(-clip.running.max(axis=0), kind="stable").tolist()
    most = min(max(_CLASSES, len(true)), len(COLOURS)) if len(clip.truth) > 1 else _CLASSES - 1
    return [*dict.fromkeys((*true, *likely))][:most]


def _runs(labels: Sequence[str]) -> Iterator[tuple[str, int, int]]:
    """Each label with the number of the first frame of its run, from 0, and that behind it."""
    first = 0
    for label, run in groupby(labels):
        last = first + len([*run])
        yield label, first, last
        first = last
