"""Arrays of images: `.npz` files with the keys of `keras.datasets` or others, and `.npy` files."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from recipes.kit.data.arrays import DAMAGED
from recipes.kit.data.facts import Fact
from recipes.kit.data.intensities import bytes_of, check_bright, top_of
from recipes.kit.data.source import SPLITS
from recipes.kit.data.splits import split_of
from recipes.kit.errors import DataError

#: What can be read besides folders of images.
SUFFIXES = (".npz", ".npy")

#: Words in the names of arrays that hold images.
_IMAGES = {"x", "image", "images", "img", "imgs", "pixels", "data"}

_EXPECTED = "expected an .npz file with x_train, an .npy file, or a folder of images"


def is_stack(path: Path) -> bool:
    """Whether a file of arrays holds many images; labels beside them do not count."""
    if path.suffix.lower() == ".npz":
        return True
    try:
        return _may_hold_images(np.load(path, mmap_mode="r", allow_pickle=False))
    except DAMAGED:
        return True  # Reading it will say what is wrong.


def read_arrays(path: Path, split: str | None) -> tuple[dict[str, np.ndarray], Fact]:
    """Read the images of a file of arrays.

    Args:
        path: The file.
        split: The part that it is; by default as the names of its arrays say, or train.

    Returns:
        Bytes (count, height, width, 1, 3 or 4) by part, and which arrays they are.

    Raises:
        DataError: If it is broken, does not hold images, or it cannot be told which arrays do.
    """
    arrays = _arrays_of(path)
    chosen = _chosen(arrays, path, split)
    images = {part: _stack(arrays[name], path, name) for part, name in chosen.items()}
    deep = any((top_of(arrays[name].dtype) or 0) > 255 for name in chosen.values())
    names = ", ".join(
        (name or path.name) + ("" if name == f"x_{part}" else f" ({part})")
        for part, name in chosen.items()
    )
    rest = ", ".join(name for name in arrays if name not in chosen.values())
    kinds = ", ".join(sorted({str(arrays[name].dtype) for name in chosen.values()}))
    text = f"{names} of {kinds}" + (", scaled to bytes by that depth" if deep else "")
    return images, Fact("arrays", text + (f"; left out: {rest}" if rest else ""))


def _arrays_of(path: Path) -> dict[str, np.ndarray]:
    """The arrays of an `.npz` file by name, or that of an `.npy` file, without a name."""
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise DataError(path, f"{_EXPECTED}, found a file {suffix or 'without a suffix'}")
    try:
        with path.open("rb") as raw:
            file = np.load(raw, allow_pickle=False)
            if isinstance(file, np.ndarray):
                return {"": file}
            return {name: file[name] for name in file.files if _is_plain(file, name)}
    except DAMAGED as error:
        raise DataError(path, f"{_EXPECTED} ({error})") from None


def _is_plain(file: np.lib.npyio.NpzFile, name: str) -> bool:
    """Whether an array can be read without running code: labels may be stored as objects."""
    try:
        return file[name] is not None
    except ValueError:
        return False


def _chosen(arrays: Mapping[str, np.ndarray], path: Path, split: str | None) -> dict[str, str]:
    """Which array holds the images of which part.

    Raises:
        DataError: If that cannot be told.
    """
    candidates = [
        name
        for name, array in arrays.items()
        if _may_hold_images(array) or name in {f"x_{part}" for part in SPLITS}
    ]
    named = {part: [name for name in candidates if _split_in(name) == part] for part in SPLITS}
    if split is not None:
        wanted = {split: named[split] or candidates}
    else:
        wanted = {part: names for part, names in named.items() if names} or {"train": candidates}
    chosen = {part: _images_among(names) for part, names in wanted.items()}
    if None in chosen.values():
        have = ", ".join(f"{name} {array.shape}".lstrip() for name, array in arrays.items())
        expected = f"images for {split}" if split else "the arrays x_train and x_test"
        raise DataError(
            path, f"expected {expected}, or one array of images, found {have or 'nothing'}"
        )
    return {part: str(name) for part, name in chosen.items()}


def _split_in(name: str) -> str | None:
    try:
        return split_of(name)
    except ValueError:
        return None


def _images_among(names: Sequence[str]) -> str | None:
    """The one name, or the one that says images; None if that cannot be told."""
    if len(names) > 1:
        names = [name for name in names if _IMAGES & {*re.split(r"[\W_]+", name.lower())}]
    return names[0] if len(names) == 1 else None


def _may_hold_images(array: np.ndarray) -> bool:
    return array.ndim in (3, 4) and array.dtype.kind in "buif"


def _stack(images: np.ndarray, path: Path, name: str) -> np.ndarray:
    """Any of the usual forms as `(count, height, width, channels)` bytes."""
    shape, where = images.shape, f"{name}: " if name else ""
    images = images[..., None] if images.ndim == 3 else images
    if images.ndim != 4 or images.shape[-1] not in (1, 3, 4):
        raise DataError(
            path,
            f"{where}expected (count, height, width) or (count, height, width, 1, 3 or 4), "
            f"found {shape}",
        )
    if not images.size:
        raise DataError(path, f"{where}holds no image")
    if images.dtype.kind == "f" and 1 < images.max() <= 255:
        if not np.array_equal(images, np.floor(images)):
            low, high = images.min(), images.max()
            raise DataError(
                path,
                f"{where}expected bytes, or fractions of 1, found {low:g} to {high:g}",
            )
        images = images.astype("int16")  # bytes in floats
    pixels = bytes_of(images, path, name)
    if (top_of(images.dtype) or 0) > 255:
        check_bright([pixels], path, str(images.dtype))
    return pixels
