"""From a folder of images, an animated image or a video to the frames that are taken of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageOps, ImageSequence, UnidentifiedImageError

from recipes.kit.data.images import Background, BrokenImage, Canvas, draw, read_image
from recipes.kit.errors import DataError
from recipes.video.clips import VIDEOS, frames_of, spread
from recipes.video.options import Config
from recipes.video.pixels import Shape, fit_frames

if TYPE_CHECKING:
    import av

#: Most frames of a file that are kept while it is read; then every second one is dropped.
_KEPT = 512

#: Height and width of the frames of files, unless the options or a model say otherwise.
SIZE = 64

#: A frame, and for how many seconds it is shown; 0 where the file does not say.
_Shown = tuple[Image.Image, float]


@dataclass(frozen=True)
class Taking:
    """Which frames of a clip are taken, and in what shape.

    Attributes:
        shape: Height, width and channels of a frame.
        background: What is seen through transparent pixels.
        every: Each so many-th frame is taken.
        fps: Or so many a second.
        most: Most frames; of more, as many at equal distances.
    """

    shape: Shape
    background: Background
    every: int
    fps: float | None
    most: int

    @classmethod
    def of(cls, config: Config, shape: Shape | None = None) -> Taking:
        """What the options say; `shape` is that of a model, if there is one."""
        size, channels = config.size or SIZE, 3 if config.colour == "rgb" else 1
        usual = (size, size, channels)
        background = config.background
        return cls(shape or usual, background, config.every, config.fps, config.max_frames)

    @property
    def canvas(self) -> Canvas:
        """What a frame is drawn on before it is scaled."""
        return Canvas("grey" if self.shape[2] == 1 else "rgb", None, self.background)


@dataclass(frozen=True)
class Taken:
    """What was taken of a clip.

    Attributes:
        frames: Bytes (time, height, width, channels).
        numbers: The number of each in the clip.
        count: How many frames the clip has.
        fps: Frames a second of what was taken; 0 where it is not known.
    """

    frames: np.ndarray
    numbers: tuple[int, ...]
    count: int
    fps: float


def read_frames(path: Path, taking: Taking) -> Taken:
    """Read a clip: a folder of frames, an animated image or a video.

    A file is decoded frame by frame, of which at most 512 are kept at a time.

    Raises:
        BrokenImage: If it cannot be decoded, holds no frame, or does not say how long a frame is
            shown where that is needed.
        DataError: If frames a second are asked of images in a folder.
    """
    if path.is_dir():
        return _read_folder(path, taking)
    decode = _video if path.suffix.lower() in VIDEOS else _animation
    try:
        return _read_shown(path, decode(path), taking)
    except UnidentifiedImageError:
        raise BrokenImage(path, "cannot be decoded: not an image file") from None
    except (OSError, ValueError, SyntaxError, EOFError, Image.DecompressionBombError) as error:
        raise BrokenImage(path, f"cannot be decoded: {error}") from None


def _read_folder(folder: Path, taking: Taking) -> Taken:
    if taking.fps is not None:
        message = "holds images, which have no times: --every chooses among them, --fps cannot"
        raise DataError(folder, message)
    files = frames_of(folder)
    every = range(0, len(files), taking.every)
    numbers = [every[index] for index in spread(len(every), taking.most)]
    pixels = [_fit(read_image(files[number], taking.canvas), taking) for number in numbers]
    return Taken(_stacked(folder, pixels), (*numbers,), len(files), 0.0)


def _read_shown(path: Path, shown: Iterator[_Shown], taking: Taking) -> Taken:
    kept, step, last = list[tuple[int, np.ndarray]](), 1, (-1, np.empty(0))
    lengths = list[float]()

    def watched() -> Iterator[_Shown]:
        for image, seconds in shown:
            lengths.append(seconds)
            yield image, seconds

    chosen = _by_count(watched(), taking.every)
    if taking.fps is not None:
        chosen = _by_time(watched(), taking.fps, path)
    for place, (number, image) in enumerate(chosen):
        if place % step == 0:
            if last[0] != number:  # A frame that is shown for long is taken again and again.
                last = (number, _fit(draw(image, taking.canvas), taking))
            kept.append(last)
            if len(kept) > max(_KEPT, 2 * taking.most):
                kept, step = kept[::2], 2 * step
    kept = [kept[index] for index in spread(len(kept), taking.most)]
    seconds = sum(lengths) if all(lengths) else 0.0
    return Taken(
        _stacked(path, (pixels for _, pixels in kept)),
        tuple(number for number, _ in kept),
        len(lengths),
        len(kept) / seconds if seconds else 0.0,
    )


def _by_count(shown: Iterable[_Shown], every: int) -> Iterator[tuple[int, Image.Image]]:
    for number, (image, _) in enumerate(shown):
        if number % every == 0:
            yield number, image


def _by_time(shown: Iterable[_Shown], fps: float, path: Path) -> Iterator[tuple[int, Image.Image]]:
    """The frame that is seen at each of so many times a second, with its number."""
    taken, end = 0, 0.0
    for number, (image, seconds) in enumerate(shown):
        if not seconds:
            message = f"does not say how long frame {number} is shown, as --fps needs"
            raise BrokenImage(path, f"{message}; --every takes frames by their number")
        end += seconds
        while taken / fps < end - 1e-6:
            yield number, image
            taken += 1


def _fit(pixels: np.ndarray, taking: Taking) -> np.ndarray:
    return fit_frames(pixels[None], taking.shape)[0]


def _stacked(path: Path, frames: Iterable[np.ndarray]) -> np.ndarray:
    every = [*frames]
    if not every:
        raise BrokenImage(path, "holds no frame")
    return np.stack(every)


def _animation(path: Path) -> Iterator[_Shown]:
    """The frames as they are shown, one drawn over the other where the file says so, upright."""
    with Image.open(path) as image:
        for frame in ImageSequence.Iterator(image):
            shown = ImageOps.exif_transpose(frame.convert("RGBA"))
            yield shown, frame.info.get("duration", 0) / 1000  # which WebP has once it is decoded


def _video(path: Path) -> Iterator[_Shown]:
    """The frames of the first video stream, upright."""
    import av

    try:
        with av.open(str(path)) as container:
            if not container.streams.video:
                raise BrokenImage(path, "holds no video")
            stream = container.streams.video[0]
            usual = float(1 / stream.average_rate) if stream.average_rate else 0.0
            before = None
            for frame in container.decode(stream):
                if before is not None:
                    yield _upright(before), _seconds(before, frame) or usual
                before = frame
            if before is not None:
                yield _upright(before), usual
    except av.error.FFmpegError as error:
        raise BrokenImage(path, f"cannot be decoded: {error.strerror}") from None


def _seconds(frame: av.VideoFrame, following: av.VideoFrame) -> float:
    """For how long a frame is shown; 0 where that is not known."""
    if frame.pts is None or following.pts is None:
        return 0.0
    return max(0.0, float((following.pts - frame.pts) * Fraction(frame.time_base or 0)))


def _upright(frame: av.VideoFrame) -> Image.Image:
    image = frame.to_image()
    return image.rotate(frame.rotation, expand=True) if frame.rotation else image
