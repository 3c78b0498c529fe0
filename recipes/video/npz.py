"""Clips in `.npz` files: `clips` (clips, time, height, width[, channels]), `lengths`, `labels` (or
`frame_labels`, (clips, time)), and where there are any `groups` and `splits`."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from recipes.kit.data.arrays import read_arrays
from recipes.kit.data.facts import Fact
from recipes.kit.data.intensities import bytes_of
from recipes.kit.data.splits import split_of
from recipes.kit.errors import DataError
from recipes.video.clips import Clip, spread
from recipes.video.options import Config
from recipes.video.pixels import Shape, fit_frames

_EXPECTED = "an .npz file with clips, labels and lengths"


def read_npz(
    path: Path,
    config: Config,
    split: str | None = None,
    *,
    shape: Shape | None = None,
    labelled: bool = True,
) -> tuple[dict[str, list[Clip]], list[Fact]]:
    """The clips of a file of arrays.

    Args:
        path: The file.
        config: Says what has a class, how many frames are taken, and of what size.
        split: The part of those that no array says a part of.
        shape: That of a model, to fit the frames in.
        labelled: Whether classes are needed.

    Raises:
        DataError: If an array is missing or does not fit the others.
    """
    arrays = read_arrays(path, _EXPECTED)
    wanted = "labels" if config.labels == "clip" else "frame_labels"
    for name in ("clips", *((wanted,) if labelled else ())):
        if name not in arrays:
            have = ", ".join(arrays) or "none"
            raise DataError(path, f"expected an array {name!r}, found {have}")
    clips = _pixels(path, arrays["clips"])
    count, time = clips.shape[:2]
    lengths = _lengths(path, arrays.get("lengths", np.full(count, time)), count, time)
    for name in ("labels", "groups", "splits"):
        if name in arrays and arrays[name].shape != (count,):
            raise DataError(path, f"{name}: expected {count}, found {arrays[name].shape}")
    classes = arrays.get(wanted)
    if wanted == "frame_labels" and classes is not None and classes.shape != (count, time):
        raise DataError(path, f"{wanted}: expected {(count, time)}, found {classes.shape}")
    sized = shape or ((config.size, config.size, clips.shape[-1]) if config.size else None)
    splits: dict[str, list[Clip]] = {}
    for index in range(count):
        chosen = [*spread(int(lengths[index]), config.max_frames)]
        frames = clips[index, chosen]
        labels: tuple[str, ...] = ()
        if classes is not None:
            row = classes[index]
            labels = (str(row),) if row.ndim == 0 else tuple(map(str, row[chosen]))
        part = _part(path, arrays["splits"][index]) if "splits" in arrays else split or "train"
        group = str(arrays["groups"][index]) if "groups" in arrays else ""
        splits.setdefault(part, []).append(
            Clip(frames if sized is None else fit_frames(frames, sized), labels, str(index), group)
        )
    known = ("clips", wanted, "lengths", "groups", "splits")
    aside = ", ".join(name for name in arrays if name not in known)
    text = f"{path.name}: {count:,} clips {clips.shape[1:]}"
    return splits, [Fact("arrays", text + (f"; left aside: {aside}" if aside else ""))]


def _pixels(path: Path, clips: np.ndarray) -> np.ndarray:
    with_channels = clips[..., None] if clips.ndim == 4 else clips
    if with_channels.ndim != 5 or with_channels.shape[-1] not in (1, 3) or not clips.size:
        expected = "(clips, time, height, width) or (clips, time, height, width, 1 or 3)"
        raise DataError(path, f"clips: expected {expected}, found {clips.shape}")
    return bytes_of(with_channels, path, "clips")


def _lengths(path: Path, lengths: np.ndarray, count: int, time: int) -> np.ndarray:
    if lengths.shape != (count,) or lengths.dtype.kind not in "iu":
        raise DataError(path, f"lengths: expected {count} integers, found {lengths.shape}")
    if lengths.min() < 1 or lengths.max() > time:
        message = f"expected 1 to {time}, found {lengths.min()} to {lengths.max()}"
        raise DataError(path, f"lengths: {message}")
    return lengths


def _part(path: Path, value: object) -> str:
    try:
        part = split_of(str(value))
    except ValueError:
        part = None
    if part is None:
        raise DataError(path, f"splits: expected train, valid or test, found {str(value)!r}")
    return part
