"""Files of clips: arrays in `.npz` files, and folders with a folder for each class."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from recipes.kit.data.arrays import read_arrays
from recipes.kit.data.facts import Fact, counted
from recipes.kit.data.images import BrokenImage, Canvas, draw
from recipes.kit.data.intensities import bytes_of
from recipes.kit.data.left_out import LeftOut
from recipes.kit.data.readers import Found
from recipes.kit.data.source import Source
from recipes.kit.data.splits import split_of
from recipes.kit.errors import DataError, UserError
from recipes.video.clips import Clip, is_clip, read_frames, spread
from recipes.video.options import Config

_EXPECTED = "an .npz file with clips, labels and lengths"

#: The size of frames of image and video files.
SIZE = 64

#: Names of UCF101 and HMDB say which video a clip was cut from: `v_Archery_g07_c02.avi`.
_GROUP = re.compile(r"(.+_g\d+)_c\d+")


def canvas_of(config: Config) -> Canvas:
    """What frames of image and video files are drawn on."""
    return Canvas(config.colour, config.size or SIZE, config.background)


def read_files(source: Source, config: Config) -> Found[Clip]:
    """Read the clips of a file or folder, or of one for each part.

    Raises:
        UserError: If there are none.
        DataError: If a file is malformed; names it.
    """
    named: list[tuple[str | None, Path]] = [
        (split, path) for split, paths in source.parts.items() for path in paths
    ]
    splits: dict[str, list[Clip]] = {}
    facts: list[Fact] = []
    for split, path in named or [(None, source.path)]:
        if path.is_dir():
            own, understood = _folder(path, config, split)
        elif path.suffix.lower() == ".npz":
            own, understood = read_npz(path, config, split)
        else:
            raise DataError(path, "expected a folder of clips, or an .npz file")
        facts += understood
        for part, clips in own.items():
            splits.setdefault(part, []).extend(clips)
    return Found(splits, tuple(facts))


def _folder(
    folder: Path, config: Config, split: str | None
) -> tuple[dict[str, list[Clip]], list[Fact]]:
    """The clips of a folder: in a folder for each class, perhaps below one for each part."""
    if config.labels == "frame":
        raise UserError(f"{folder}: classes of frames (--labels frame) are read from .npz files.")
    paths: list[tuple[str, str, Path]] = []
    aside = 0
    for part, root in _parts(folder, split):
        for inside in sorted(path for path in root.iterdir() if path.is_dir()):
            for path in sorted(inside.iterdir()):
                if path.name.startswith((".", "__MACOSX")):
                    continue
                if is_clip(path):
                    paths.append((part, inside.name, path))
                else:
                    aside += 1
    if not paths:
        raise UserError(
            f"{folder}: expected a folder for each class with clips in it (folders of images, "
            ".gif, .webp, .mp4, .avi, ...), found none."
        )
    left_out, canvas = LeftOut("clips", config), canvas_of(config)
    splits: dict[str, list[Clip]] = {}
    sizes, lengths = Counter[str](), list[int]()
    for part, label, path in paths:
        try:
            frames, fps = read_frames(path, canvas, config.every, config.max_frames)
        except BrokenImage as error:
            left_out.add(error)
            continue
        match = _GROUP.fullmatch(path.stem)
        group = match[1] if match else ""
        splits.setdefault(part, []).append(Clip(frames, (label,), str(path), group, fps))
        sizes[path.suffix.lower() if path.is_file() else "folders of images"] += 1
        lengths.append(len(frames))
    left_out.check(len(lengths))
    facts = [
        Fact("files", counted(sizes) + (f"; {aside:,} others left aside" if aside else "")),
        Fact("frames", f"cut to a centred square, {canvas.size} x {canvas.size}, {canvas.colour}"),
        *left_out.facts(),
    ]
    return splits, facts


def _parts(folder: Path, split: str | None) -> Iterator[tuple[str, Path]]:
    """The folders of the parts, each with one for each class."""
    inside = [path for path in sorted(folder.iterdir()) if path.is_dir()]
    named = {path: split_of(path.name) for path in inside}
    if split is None and inside and any(named.values()):
        for path, part in named.items():
            if part is None:
                raise UserError(f"{path}: expected folders named train, valid and test beside it.")
            yield part, path
    else:
        yield split or "train", folder


def read_npz(
    path: Path, config: Config, split: str | None = None, *, labelled: bool = True
) -> tuple[dict[str, list[Clip]], list[Fact]]:
    """The clips of a file of arrays: `clips` (clips, time, height, width[, channels]), `lengths`,
    `labels` (or `frame_labels`, (clips, time)), and where there are any `groups` and `splits`.

    Raises:
        DataError: If an array is missing or does not fit the others.
    """
    arrays = read_arrays(path, _EXPECTED)
    wanted = "labels" if config.labels == "clip" else "frame_labels"
    for name in ("clips", *((wanted,) if labelled else ())):
        if name not in arrays:
            have = ", ".join(arrays) or "none"
            raise DataError(path, f"expected an array {name!r}, found {have}")
    clips = arrays["clips"]
    clips = clips[..., None] if clips.ndim == 4 else clips
    if clips.ndim != 5 or clips.shape[-1] not in (1, 3) or not clips.size:
        expected = "(clips, time, height, width) or (clips, time, height, width, 1 or 3)"
        raise DataError(path, f"clips: expected {expected}, found {arrays['clips'].shape}")
    count, time = clips.shape[:2]
    pixels = bytes_of(clips, path, "clips")
    lengths = arrays.get("lengths", np.full(count, time))
    if lengths.shape != (count,) or lengths.dtype.kind not in "iu":
        raise DataError(path, f"lengths: expected {count} integers, found {lengths.shape}")
    if lengths.min() < 1 or lengths.max() > time:
        message = f"expected 1 to {time}, found {lengths.min()} to {lengths.max()}"
        raise DataError(path, f"lengths: {message}")
    for name in ("labels", "frame_labels", "groups", "splits"):
        if name in arrays and len(arrays[name]) != count:
            raise DataError(path, f"{name}: expected {count}, found {len(arrays[name])}")
    splits: dict[str, list[Clip]] = {}
    canvas = Canvas(config.colour, config.size, config.background)
    for index in range(count):
        chosen = spread(int(lengths[index]), config.max_frames)
        frames = pixels[index, [*chosen]]
        if config.size is not None:
            frames = np.stack([draw(_image(frame), canvas) for frame in frames])
        labels: tuple[str, ...] = ()
        if wanted in arrays:
            values = np.atleast_1d(arrays[wanted][index])
            labels = tuple(str(values[i]) for i in (chosen if len(values) > 1 else [0]))
        part = str(arrays["splits"][index]) if "splits" in arrays else split or "train"
        group = str(arrays["groups"][index]) if "groups" in arrays else ""
        splits.setdefault(split_of(part) or "train", []).append(
            Clip(frames, labels, str(index), group)
        )
    unused = [
        name for name in arrays if name not in ("clips", wanted, "lengths", "groups", "splits")
    ]
    text = f"{path.name}: {count:,} clips {clips.shape[1:]}"
    return splits, [Fact("arrays", text + (f"; left aside: {', '.join(unused)}" if unused else ""))]


def _image(frame: np.ndarray) -> Image.Image:
    return Image.fromarray(frame[..., 0] if frame.shape[-1] == 1 else frame)
