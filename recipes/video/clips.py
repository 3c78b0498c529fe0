"""Clips: their frames, and the class of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from recipes.kit.data.images import SUFFIXES as IMAGES

#: Endings of files of moving images, by Pillow and by PyAV.
ANIMATED = (".gif", ".webp", ".apng")
VIDEOS = (".mp4", ".avi", ".mkv", ".webm", ".mov", ".mpg", ".m4v")


@dataclass(frozen=True, eq=False)
class Clip:
    """Frames and what they show.

    Attributes:
        frames: Bytes (time, height, width, channels).
        labels: The class of the clip, or of each frame; empty where it is not known.
        name: What it is called: a path, or its number from 0.
        group: What it shares with other clips, such as the video it was cut from; "" for nothing.
        fps: Frames a second, as taken; 0 where it is not known.
    """

    frames: np.ndarray
    labels: tuple[str, ...]
    name: str
    group: str = ""
    fps: float = 0.0

    def __len__(self) -> int:
        return len(self.frames)

    @property
    def label(self) -> str:
        """The class of the clip."""
        return self.labels[0]


def is_clip(path: Path) -> bool:
    """Whether a path is one clip: a file of moving images, or a folder that holds images itself."""
    if path.is_dir():
        return bool(frames_of(path))
    return path.suffix.lower() in (*ANIMATED, *VIDEOS)


def frames_of(folder: Path) -> list[Path]:
    """The image files in a folder itself, in the order of the numbers in their names."""
    files = (p for p in folder.iterdir() if p.is_file() and not p.name.startswith("."))
    still = IMAGES - {*ANIMATED}
    return sorted((p for p in files if p.suffix.lower() in still), key=_by_number)


def _by_number(path: Path) -> tuple[str, int, str]:
    text = path.stem.rstrip("0123456789")
    digits = path.stem[len(text) :]
    return text, int(digits or -1), path.name


def spread(count: int, most: int) -> Sequence[int]:
    """Numbers of the frames to take of so many.

    >>> [*spread(3, 8)], [*spread(9, 3)]
    ([0, 1, 2], [0, 4, 8])
    """
    if count <= most:
        return range(count)
    return [int(index) for index in np.round(np.linspace(0, count - 1, most))]
