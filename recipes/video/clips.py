"""Clips: their frames, the class of each, and how image and video files become frames."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageSequence

from recipes.kit.data.images import SUFFIXES as IMAGES
from recipes.kit.data.images import BrokenImage, Canvas, draw, read_image
from recipes.kit.errors import DataError

#: Endings of files of moving images, by Pillow and by PyAV.
ANIMATED = (".gif", ".webp", ".apng")
VIDEOS = (".mp4", ".avi", ".mkv", ".webm", ".mov", ".mpg", ".m4v")

#: Most frames of a file that are kept while it is read; then every second one is dropped.
_KEPT = 512


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


def read_frames(path: Path, canvas: Canvas, every: int, most: int) -> tuple[np.ndarray, float]:
    """Read a clip: a folder of frames, an animated image or a video.

    A video is decoded frame by frame, of which at most 512 are kept at a time.

    Args:
        path: The clip.
        canvas: What its frames are drawn on.
        every: Each so many-th frame is taken.
        most: Most frames; of more, as many at equal distances.

    Returns:
        Bytes (time, height, width, channels), and the frames a second of what was taken, 0 where
        that is not known.

    Raises:
        BrokenImage: If it cannot be decoded, or holds no frame.
    """
    if path.is_dir():
        files = frames_of(path)[::every]
        count = len(files)
        pixels = [read_image(files[index], canvas) for index in spread(count, most)]
        sizes = {frame.shape for frame in pixels}
        if len(sizes) > 1:
            raise DataError(path, f"frames differ in size: {sorted(sizes)}; --size scales them")
        return _stacked(path, pixels), 0.0
    kept, step, count, rate = list[np.ndarray](), every, 0, 0.0
    decode = _video if path.suffix.lower() in VIDEOS else _animation
    try:
        for image, rate in decode(path):  # noqa: B007 - the rate is used below
            count += 1
            if (count - 1) % step == 0:
                kept.append(draw(image, canvas))
                if len(kept) > max(_KEPT, 2 * most):
                    kept, step = kept[::2], 2 * step
    except (OSError, ValueError, SyntaxError, EOFError) as error:
        raise BrokenImage(path, f"cannot be decoded: {error}") from None
    chosen = [kept[index] for index in spread(len(kept), most)]
    return _stacked(path, chosen), rate * len(chosen) / max(count, 1)


def spread(count: int, most: int) -> Sequence[int]:
    """Numbers of the frames to take of so many.

    >>> [*spread(3, 8)], [*spread(9, 3)]
    ([0, 1, 2], [0, 4, 8])
    """
    if count <= most:
        return range(count)
    return [int(index) for index in np.round(np.linspace(0, count - 1, most))]


def _stacked(path: Path, frames: Iterable[np.ndarray]) -> np.ndarray:
    every = [*frames]
    if not every:
        raise BrokenImage(path, "holds no frame")
    return np.stack(every)


def _animation(path: Path) -> Iterator[tuple[Image.Image, float]]:
    """The frames as they are shown, one drawn over the other where the file says so."""
    with Image.open(path) as image:
        seconds = image.info.get("duration", 0) / 1000
        for frame in ImageSequence.Iterator(image):
            yield frame.convert("RGBA"), 1 / seconds if seconds else 0.0


def _video(path: Path) -> Iterator[tuple[Image.Image, float]]:
    """The frames of the first video stream, upright."""
    import av

    try:
        with av.open(str(path)) as container:
            if not container.streams.video:
                raise BrokenImage(path, "holds no video")
            stream = container.streams.video[0]
            rate = float(stream.average_rate or 0)
            for frame in container.decode(stream):
                image = frame.to_image()
                turn = getattr(frame, "rotation", 0)
                yield image.rotate(turn, expand=True) if turn else image, rate
    except av.error.FFmpegError as error:
        raise BrokenImage(path, f"cannot be decoded: {error.strerror}") from None
