"""Small clips of light that moves, as arrays, images, GIFs and videos."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image


def frames(count: int, seed: int = 0, size: int = 8) -> list[Image.Image]:
    """A bright column that moves to the right, or with an odd seed to the left."""
    pictures = []
    for step in range(count):
        pixels = np.zeros((size, size), "uint8")
        at = (seed + step) % size
        pixels[:, at if seed % 2 == 0 else size - 1 - at] = 255
        pictures.append(Image.fromarray(pixels))
    return pictures


def write_gif(path: Path, pictures: Sequence[Image.Image], duration: Any = 100) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pictures[0].save(path, save_all=True, append_images=pictures[1:], duration=duration)
    return path


def write_folder(path: Path, pictures: Sequence[Image.Image]) -> Path:
    path.mkdir(parents=True, exist_ok=True)
    for step, picture in enumerate(pictures):
        picture.save(path / f"{step}.png")  # 10 comes after 9
    return path


def write_video(path: Path, pictures: Sequence[Image.Image], codec: str = "mjpeg") -> Path:
    """Ten frames a second."""
    av = pytest.importorskip("av")
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=10)
        stream.width, stream.height = pictures[0].size
        stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        for picture in pictures:
            for packet in stream.encode(av.VideoFrame.from_image(picture.convert("RGB"))):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)
    return path


def npz(path: Path, count: int = 40, **more: np.ndarray) -> Path:
    """Clips of 3 to 6 frames whose padding is not black."""
    clips = np.zeros((count, 6, 8, 8), "uint8")
    lengths = 3 + np.arange(count) % 4
    for row in range(count):
        for step, picture in enumerate(frames(int(lengths[row]), row)):
            clips[row, step] = np.asarray(picture)
        clips[row, lengths[row] :] = 99
        clips[row, 0, 0, 0] = row  # no two are the same
    labels = np.array(["right", "left"])[np.arange(count) % 2]
    np.savez(path, **{"clips": clips, "labels": labels, "lengths": lengths, **more})
    return path
