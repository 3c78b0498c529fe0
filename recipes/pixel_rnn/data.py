"""Images of one size, in whole numbers from 0 to their greatest intensity.

Sources (`load`):

- `embedded`: scikit-learn's handwritten digits, 8 x 8, intensities 0 to 16.
- `tfds:mnist`, `tfds:cifar10`, `tfds:binarized_mnist` and others with a feature `image`.
- An `.npz` file with the keys of `keras.datasets`: `x_train`, and `x_test`, `x_valid` where there
  are any; bytes, or fractions of 1.
- A folder of image files (PNG, JPEG and whatever else Pillow reads), searched to the bottom. Where
  its folders are named train, valid or dev, and test, these are the splits.
"""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from recipes.kit.data import tfds
from recipes.kit.data.source import SPLITS, complete_splits, parse_source, split_of
from recipes.kit.errors import DataError, UserError

Colour = Literal["grey", "rgb"]
_SUFFIXES = {".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".pgm", ".ppm"}


@dataclass(frozen=True)
class Images:
    """Images in three splits, `(count, height, width, channels)`, uint8.

    `top` is the greatest intensity there can be: 1 for black and white, 255 for bytes.
    """

    train: np.ndarray
    valid: np.ndarray
    test: np.ndarray
    top: int
    description: str
    licence: str

    @property
    def shape(self) -> tuple[int, int, int]:
        """Height, width and channels."""
        return self.train.shape[1:]


def load(
    source: str,
    *,
    seed: int = 0,
    size: int | None = None,
    colour: Colour | None = None,
    limit: int | None = None,
) -> Images:
    """Load images.

    Args:
        source: `embedded`, `tfds:NAME`, an `.npz` file or a folder.
        seed: of the shuffle that makes missing splits.
        size: Cut each image to a square from its middle and scale it to this height and width. By
            default images stay as they are, and have to be of one size.
        colour: Turn them to grey or RGB; by default as the first image is.
        limit: at most so many training images (the first ones), and a fifth of that of others to
            validate on.

    Raises:
        UserError: the source does not exist or cannot be fetched, or images differ in size.
        DataError: a file is broken; names it.
    """
    where = parse_source(source)
    if where.kind == "embedded":
        raw, licence = _digits(), "CC BY 4.0 (Alpaydin and Kaynak, UCI; in scikit-learn)"
        read = "handwritten digits of scikit-learn"
    elif where.kind == "tfds":
        builder = tfds.prepared_builder(where.name)
        raw, licence = _of_tfds(builder, str(where)), tfds.licence(builder)
        read = f"images from {where}"
    else:
        raw = _of_folder(where.path, colour) if where.path.is_dir() else _of_npz(where.path)
        licence, read = "as stated by the owner of the files", f"images from {where.path}"
    raw = {split: images for split, images in raw.items() if len(images)}
    first = next(iter(raw.values()), [np.zeros((1, 1, 1))])[0]
    colour = colour or ("rgb" if first.shape[-1] == 3 else "grey")
    fitted = {
        split: _fitted(images, size, colour, f"{source} ({split})") for split, images in raw.items()
    }
    if len({images[0].shape for images in fitted.values()}) > 1:
        shapes = ", ".join(f"{split} {images[0].shape}" for split, images in fitted.items())
        raise UserError(f"{source}: images of the splits differ in size: {shapes}; give --size.")
    splits, note = complete_splits(
        fitted, seed=seed, where=source, what="images", key=lambda image: image.tobytes()
    )
    arrays = {split: np.stack(splits[split]) for split in SPLITS}
    if limit is not None:
        arrays["train"] = arrays["train"][:limit]
        arrays["valid"] = arrays["valid"][: max(1, limit // 5)]
    counts = ", ".join(f"{len(arrays[split]):,} {split}" for split in SPLITS)
    height, width, channels = arrays["train"].shape[1:]
    kind = "RGB" if channels == 3 else "grey"
    description = f"{counts}: {read}, {height} x {width}, {kind}" + (f"; {note}" if note else "")
    top = 16 if where.kind == "embedded" else _top(arrays["train"])
    return Images(**arrays, top=top, description=description, licence=licence)


def read_image(path: Path, shape: tuple[int, int, int]) -> np.ndarray:
    """An image file as bytes of a given height, width and number of channels.

    Raises:
        DataError: It is no image, or of another size.
    """
    image = _open(path, "rgb" if shape[2] == 3 else "grey")
    if image.shape != shape:
        raise DataError(path, f"expected an image {_size(shape)}, found one {_size(image.shape)}")
    return image


def _top(images: np.ndarray) -> int:
    """Bytes, or the 0 and 1 of a set that is black and white already."""
    return 1 if images.max() <= 1 else 255


def _digits() -> dict[str, Sequence[np.ndarray]]:
    from sklearn.datasets import load_digits

    return {"train": list(load_digits().images.astype("uint8")[..., None])}


def _of_tfds(builder: Any, where: str) -> dict[str, Sequence[np.ndarray]]:
    features = builder.info.features
    if "image" not in features:
        have = ", ".join(sorted(features))
        raise UserError(f"{where}: expected a feature 'image', found {have}")
    return {
        split: [np.asarray(example["image"], "uint8") for example in tfds.decoded(builder, name)]
        for split, name in tfds.splits(builder).items()
    }


def _of_npz(path: Path) -> dict[str, Sequence[np.ndarray]]:
    try:
        with path.open("rb") as raw, np.load(raw, allow_pickle=False) as file:
            found = {split: file[f"x_{split}"] for split in SPLITS if f"x_{split}" in file.files}
            names = ", ".join(file.files)
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise DataError(
            path, f"expected an .npz file with x_train, or a folder of images ({error})"
        ) from None
    if "train" not in found:
        raise DataError(path, f"expected the arrays x_train and x_test, found {names or 'nothing'}")
    return {split: _bytes(images, path, f"x_{split}") for split, images in found.items()}


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


def _of_folder(folder: Path, colour: Colour | None) -> dict[str, Sequence[np.ndarray]]:
    files: dict[str, list[Path]] = {}
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() in _SUFFIXES and path.is_file():
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
        colour = "rgb" if _open(first, "rgb").std(axis=-1).any() else "grey"
    return {split: [_open(path, colour) for path in paths] for split, paths in files.items()}


def _open(path: Path, colour: Colour) -> np.ndarray:
    try:
        with Image.open(path) as image:
            upright = ImageOps.exif_transpose(image)
            pixels = np.asarray(upright.convert("RGB" if colour == "rgb" else "L"))
    except (OSError, UnidentifiedImageError, ValueError, SyntaxError) as error:
        reason = "not an image file" if isinstance(error, UnidentifiedImageError) else str(error)
        raise DataError(path, f"cannot be read as an image: {reason}") from None
    return pixels if pixels.ndim == 3 else pixels[..., None]


def _fitted(
    images: Sequence[np.ndarray], size: int | None, colour: Colour, where: str
) -> list[np.ndarray]:
    """The images in one size and colour."""
    mode = "RGB" if colour == "rgb" else "L"
    fitted = []
    for image in images:
        if size is not None or (image.shape[-1] == 3) != (colour == "rgb"):
            picture = Image.fromarray(image.squeeze(-1) if image.shape[-1] == 1 else image)
            picture = picture.convert(mode)
            if size is not None:
                picture = ImageOps.fit(picture, (size, size), Image.Resampling.LANCZOS)
            pixels = np.asarray(picture)
            image = pixels if pixels.ndim == 3 else pixels[..., None]
        fitted.append(image)
    for image in fitted:
        if image.shape != fitted[0].shape:
            raise UserError(
                f"{where}: images differ in size: {_size(fitted[0].shape)} and "
                f"{_size(image.shape)}; --size N cuts and scales them to N x N."
            )
    return fitted


def _size(shape: Sequence[int]) -> str:
    return f"{shape[0]} x {shape[1]}" + (" RGB" if shape[2] == 3 else "")


def to_levels(images: np.ndarray, top: int, levels: int) -> np.ndarray:
    """Intensities from 0 to `top` in so many equal steps, int32; two levels are a threshold."""
    return (images.astype("int32") * levels) // (top + 1)


def draw_binary(images: np.ndarray, top: int, generator: np.random.Generator) -> np.ndarray:
    """Each pixel 1 with the probability that its intensity says, int32."""
    return (generator.random(images.shape, "float32") * top < images).astype("int32")
