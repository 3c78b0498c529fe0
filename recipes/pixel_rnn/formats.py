"""Files of images: `.npz` files with the keys of `keras.datasets`, and folders of image files.

Images come out as bytes, uint8, (height, width, 1) where grey and (height, width, 3) where RGB.
"""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from recipes.kit.data.facts import Fact
from recipes.kit.data.readers import Found
from recipes.kit.data.source import SPLITS
from recipes.kit.data.splits import split_of
from recipes.kit.errors import DataError, UserError

Colour = Literal["grey", "rgb"]

#: Ends of the names of image files.
SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".pgm", ".ppm")


def read_npz(path: Path) -> Found[np.ndarray]:
    """Read the arrays x_train, x_valid and x_test of an `.npz` file.

    Raises:
        DataError: If it is broken, has no x_train, or an array does not hold images.
    """
    try:
        with path.open("rb") as raw, np.load(raw, allow_pickle=False) as file:
            arrays = {split: file[f"x_{split}"] for split in SPLITS if f"x_{split}" in file.files}
            names = file.files
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise DataError(
            path, f"expected an .npz file with x_train, or a folder of images ({error})"
        ) from None
    if "train" not in arrays:
        have = ", ".join(names) or "nothing"
        raise DataError(path, f"expected the arrays x_train and x_test, found {have}")
    taken = [f"x_{split}" for split in arrays]
    rest = ", ".join(name for name in names if name not in taken)
    fact = Fact("arrays", ", ".join(taken) + (f"; left out: {rest}" if rest else ""))
    images = {split: [*_bytes(array, path, f"x_{split}")] for split, array in arrays.items()}
    return Found(images, (fact,))


def _bytes(images: np.ndarray, path: Path, name: str) -> np.ndarray:
    """Any of the usual forms as `(count, height, width, channels)` bytes."""
    shape = images.shape
    images = images[..., None] if images.ndim == 3 else images
    if images.ndim != 4 or images.shape[-1] not in (1, 3):
        raise DataError(
            path,
            f"{name}: expected (count, height, width) or (count, height, width, 1 or 3), "
            f"found {shape}",
        )
    if not len(images):
        raise DataError(path, f"{name}: holds no image")
    low, high = images.min(), images.max()
    if np.issubdtype(images.dtype, np.floating) and 0 <= low and high <= 1:
        return np.round(255 * images).astype("uint8")
    if not (0 <= low and high <= 255 and np.array_equal(images, np.floor(images))):
        raise DataError(
            path, f"{name}: expected bytes, or fractions of 1, found {low:g} to {high:g}"
        )
    return images.astype("uint8")


def read_folder(folder: Path, colour: Colour | None) -> Found[np.ndarray]:
    """Read the image files of a folder, searched to the bottom; folders in it that name a split
    hold that one.

    Args:
        folder: The folder.
        colour: Grey or RGB; by default as the first image is.

    Raises:
        UserError: If there is none, or the name of a folder holds two splits.
        DataError: If a file is broken.
    """
    files: dict[str, list[Path]] = {}
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() in SUFFIXES and path.is_file():
            top = path.relative_to(folder).parts[0] if path.parent != folder else ""
            try:
                split = split_of(top) or "train"
            except ValueError as error:
                raise UserError(f"{folder}: {error}; expected one split in a name") from None
            files.setdefault(split, []).append(path)
    if not files:
        raise UserError(f"{folder}: expected image files (.png, .jpg, ...), found none")
    if colour is None:
        first = next(iter(files.values()))[0]
        colour = "rgb" if read_pixels(first, "rgb").std(axis=-1).any() else "grey"
    suffixes = sorted({path.suffix.lower() for paths in files.values() for path in paths})
    fact = Fact("files", f"{sum(map(len, files.values())):,} images ({', '.join(suffixes)})")
    images = {
        split: [read_pixels(path, colour) for path in paths] for split, paths in files.items()
    }
    return Found(images, (fact,))


def read_image(path: Path, shape: Sequence[int]) -> np.ndarray:
    """Read an image file of a given height, width and number of channels.

    Raises:
        DataError: If it is not an image, or of another size.
    """
    image = read_pixels(path, "rgb" if shape[2] == 3 else "grey")
    if image.shape != tuple(shape):
        raise DataError(
            path, f"expected an image {size_of(shape)}, found one {size_of(image.shape)}"
        )
    return image


def read_pixels(path: Path, colour: Colour) -> np.ndarray:
    """Read an image file, upright and in the given colour.

    Raises:
        DataError: If it is not an image.
    """
    try:
        with Image.open(path) as image:
            upright = ImageOps.exif_transpose(image)
            return pixels_of(upright, colour)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        reason = str(getattr(error, "strerror", None) or error)
        if isinstance(error, UnidentifiedImageError):
            reason = "not an image file"
        raise DataError(path, f"cannot be read as an image: {reason}") from None


def pixels_of(image: Image.Image, colour: Colour) -> np.ndarray:
    """The pixels of a picture, (height, width, 1 or 3)."""
    pixels = np.asarray(image.convert("RGB" if colour == "rgb" else "L"))
    return pixels if pixels.ndim == 3 else pixels[..., None]


def size_of(shape: Sequence[int]) -> str:
    """Height, width and channels, for a person."""
    return f"{shape[0]} x {shape[1]}" + (" RGB" if shape[2] == 3 else "")
