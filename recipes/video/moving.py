"""The embedded clips: handwritten digits that move, in motions that are each other's reverse.

A digit moves over a canvas that has no edges: what leaves it on one side enters on the other, and a
digit that has grown as large as it gets begins again as the smallest. It begins anywhere. A clip of
a motion is a clip of its opposite run backwards, each as likely as the other, so the frame at any
place in a clip, and the set of all its frames, are distributed alike for both: only the order of
the frames tells them apart.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.ndimage import map_coordinates

#: Motions, and what each is backwards.
OPPOSITES = {
    "right": "left",
    "left": "right",
    "down": "up",
    "up": "down",
    "clockwise": "anticlockwise",
    "anticlockwise": "clockwise",
    "growing": "shrinking",
    "shrinking": "growing",
}

#: Motions that two frames tell apart. Two frames of a circle look like two of a straight line.
DIRECTIONS = ("right", "left", "down", "up", "growing", "shrinking")

#: The motions that are drawn; the others are these backwards.
_FORWARDS = ("right", "down", "clockwise", "growing")

#: Height and width of the canvas, and of a digit on it.
SIZE, _DIGIT = 24, 8

#: Frames of a clip, from and to.
SHORTEST, LONGEST = 8, 16

#: Smallest and largest scale of a digit that grows; of one that does not.
_SCALES = (0.6, 2.2)
_SCALE = 1.4

#: Of the circle on which a digit moves clockwise, in pixels.
_RADIUS = 5.0

#: Standard deviation of the noise in each pixel.
_NOISE = 0.05


def moving_digit(digit: np.ndarray, generator: np.random.Generator) -> tuple[np.ndarray, str]:
    """A clip of a digit in one motion.

    Args:
        digit: (8, 8), intensities 0 to 16.
        generator: Draws motion, speed, beginning and length.

    Returns:
        Bytes (time, 24, 24, 1), and the motion.
    """
    motion = _FORWARDS[generator.integers(len(_FORWARDS))]
    times = np.arange(generator.integers(SHORTEST, LONGEST + 1))
    clip = _frames(digit, [motion] * (len(times) - 1), generator)
    if generator.random() < 0.5:
        return clip[::-1].copy(), OPPOSITES[motion]
    return clip, motion


def turning_digit(
    digit: np.ndarray, generator: np.random.Generator
) -> tuple[np.ndarray, tuple[str, ...]]:
    """A clip of a digit whose direction changes, and the direction that leads to each frame; that
    of the first frame leads away from it.

    Args:
        digit: (8, 8), intensities 0 to 16.
        generator: Draws motions, how long each lasts, speeds and the beginning.
    """
    count, motions = generator.integers(SHORTEST, LONGEST + 1), list[str]()
    while len(motions) < count - 1:
        others = [motion for motion in DIRECTIONS if motions[-1:] != [motion]]
        motions += [others[generator.integers(len(others))]] * int(generator.integers(3, 7))
    motions = motions[: count - 1]
    return _frames(digit, motions, generator), (motions[0], *motions)


def _frames(
    digit: np.ndarray, motions: Sequence[str], generator: np.random.Generator
) -> np.ndarray:
    """The frames of a digit before, between and after so many motions."""
    speed, turn, growth = (generator.uniform(*ends) for ends in ((1, 2.5), (0.25, 0.6), (0.1, 0.2)))
    row, column, angle, phase = generator.uniform(0, (SIZE, SIZE, 2 * np.pi, 1))
    if not {*motions} & {"growing", "shrinking"}:
        phase = (_SCALE - _SCALES[0]) / (_SCALES[1] - _SCALES[0])
    state = np.array([row, column, angle, phase])
    change = {
        "right": (0, speed, 0, 0),
        "down": (speed, 0, 0, 0),
        "clockwise": (0, 0, turn, 0),
        "growing": (0, 0, 0, growth),
    }
    steps = [
        np.array(change[motion]) if motion in change else -np.array(change[OPPOSITES[motion]])
        for motion in motions
    ]
    states = state + np.cumsum([np.zeros(4), *steps], axis=0)
    clip = np.stack([_drawn(digit, *state) for state in states])
    noisy = clip / 16 + generator.normal(0, _NOISE, clip.shape)
    return np.round(255 * np.clip(noisy, 0, 1)).astype("uint8")[..., None]


def _drawn(digit: np.ndarray, row: float, column: float, angle: float, phase: float) -> np.ndarray:
    """The canvas with a digit on it, with linear interpolation."""
    scale = _SCALES[0] + (phase % 1) * (_SCALES[1] - _SCALES[0])
    row, column = row + _RADIUS * np.sin(angle), column + _RADIUS * np.cos(angle)
    place, centre = np.arange(SIZE) + 0.5, (_DIGIT - 1) / 2
    y = (place - row + SIZE / 2) % SIZE - SIZE / 2
    x = (place - column + SIZE / 2) % SIZE - SIZE / 2
    places = np.meshgrid(centre + y / scale, centre + x / scale, indexing="ij")
    return map_coordinates(digit, places, order=1, mode="constant")
