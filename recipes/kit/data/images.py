"""Image files as bytes: one function decodes and resizes them, for training and for prediction.

Integers are scaled by their depth, so that white is 255 whether a file has 8, 16 or 32 bits; floats
are fractions of 1. Images come out upright, with what is transparent laid on a background.
"""

from __future__ import annotations

import struct
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from PIL import ExifTags, Image, ImageOps, TiffImagePlugin, UnidentifiedImageError

from recipes.kit.data.arrays import DAMAGED
from recipes.kit.data.intensities import bytes_of, scaled, top_of
from recipes.kit.errors import DataError

Colour = Literal["grey", "rgb"]
Background = Literal["white", "black"]

#: Endings of image files, besides `.npy`.
SUFFIXES = frozenset(
    (
        *(".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".bmp", ".gif", ".tif", ".tiff", ".webp"),
        *(".pbm", ".pgm", ".ppm", ".pnm", ".tga", ".jp2"),
    )
)

#: An image of more pixels is refused before it is decoded: a file of a few kilobytes can claim any.
MOST_PIXELS = 80_000_000

_BROKEN = (OSError, ValueError, SyntaxError, EOFError, IndexError, struct.error, zlib.error)

#: How files say what they hold, by the modes of Pillow.
_KINDS = {
    "1": "1-bit black and white",
    "L": "8-bit grey",
    "LA": "8-bit grey with alpha",
    "P": "palette",
    "PA": "palette with alpha",
    "RGB": "RGB",
    "RGBA": "RGB with alpha",
    "F": "floats",
}

_ARRAYS = "(height, width) or (height, width, 1, 3 or 4)"


@dataclass(frozen=True)
class Canvas:
    """What images are drawn on, so that they are alike.

    Attributes:
        colour: Grey or RGB.
        size: Height and width: a centred square is cut out and scaled to it. None leaves the size.
        background: What is seen through transparent pixels.
    """

    colour: Colour = "rgb"
    size: int | None = None
    background: Background = "white"


@dataclass(frozen=True)
class Header:
    """What an image file says of itself, read without decoding it.

    Attributes:
        height: Rows of pixels, with the image upright.
        width: Columns of pixels.
        kind: Its depth and channels, for a person.
        top: Its greatest possible intensity: 255 for bytes, 65,535 for 16 bits, 1 for floats.
        transparent: Whether it has an alpha channel or a transparent colour.
        animated: Whether it holds more images than the first, which is the one that is read.
    """

    height: int
    width: int
    kind: str
    top: float
    transparent: bool
    animated: bool


class BrokenImage(DataError):
    """A file that cannot be decoded; among many such a file may be left out."""


def read_header(path: Path) -> Header:
    """Read what an image file says of itself.

    Raises:
        BrokenImage: If it is not an image.
        DataError: If it has too many pixels, or is of a kind that is not read.
    """
    if path.suffix.lower() == ".npy":
        array = _mapped(path)
        channels = _channels(array)
        named = {1: "", 3: " RGB", 4: " RGB with alpha"}[channels]
        return Header(
            height=array.shape[0],
            width=array.shape[1],
            kind=f"{array.dtype}{named}",
            top=top_of(array.dtype) or (1 if array.dtype.kind == "f" else 255),
            transparent=channels == 4,
            animated=False,
        )
    with _opened(path) as image:
        height, width = _upright_size(image)
        deep = image.mode == "I" or image.mode.startswith("I;")
        top = _top(image, path)
        kind = f"{_bits(top)}-bit grey" if deep else _KINDS.get(image.mode, image.mode)
        return Header(
            height=height,
            width=width,
            kind=kind,
            top=top,
            transparent=image.has_transparency_data,
            # Phones keep a second view of a photograph in what is a JPEG file otherwise.
            animated=image.format != "MPO" and getattr(image, "is_animated", False),
        )


def read_image(path: Path, canvas: Canvas) -> np.ndarray:
    """Decode an image file and draw it on a canvas.

    The only way from files to pixels: training and prediction see the same.

    Returns:
        Bytes, (height, width, 1) where grey and (height, width, 3) where RGB.

    Raises:
        BrokenImage: If it is not an image, or truncated.
        DataError: If it has too many pixels, or holds values that are not intensities.
    """
    if path.suffix.lower() == ".npy":
        pixels = bytes_of(np.array(_mapped(path)), path)
        if pixels.ndim == 3 and pixels.shape[2] == 1:
            pixels = pixels[..., 0]
        return draw(Image.fromarray(pixels), canvas)
    with _opened(path) as image:
        return draw(_shallow(image, path), canvas)


def draw(image: Image.Image, canvas: Canvas) -> np.ndarray:
    """An image of 8 bits a channel in the colour and size of a canvas, as `read_image` gives it."""
    if image.has_transparency_data:
        background = Image.new("RGBA", image.size, canvas.background)
        image = Image.alpha_composite(background, image.convert("RGBA"))
    image = image.convert("RGB" if canvas.colour == "rgb" else "L")
    if canvas.size is not None:
        image = ImageOps.fit(image, (canvas.size, canvas.size), Image.Resampling.LANCZOS)
    pixels = np.asarray(image)
    return pixels if pixels.ndim == 3 else pixels[..., None]


def has_colour(pixels: np.ndarray) -> bool:
    """Whether an RGB image, (height, width, 3), holds anything but greys."""
    return bool((pixels[..., :1] != pixels[..., 1:]).any())


def image_files(folder: Path) -> tuple[list[Path], list[Path]]:
    """The image files of a folder, searched to the bottom, by name, and the other files.

    What systems leave behind (`._00.png`, `.DS_Store`, `__MACOSX`) is in neither. `.npy` files
    count where there are no others, and each holds one image.
    """
    files = [
        path
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not any(map(_is_left_behind, path.relative_to(folder).parts))
    ]
    pictures = [path for path in files if path.suffix.lower() in SUFFIXES]
    if not pictures:
        arrays = [path for path in files if path.suffix.lower() == ".npy"]
        pictures = arrays if all(_holds_one_image(path) for path in arrays) else []
    images = {*pictures}
    return pictures, [path for path in files if path not in images]


def size_of(height: int, width: int) -> str:
    """Height and width, for a person."""
    return f"{height:,} x {width:,}"


def _is_left_behind(name: str) -> bool:
    # Not `is_hidden`: cameras begin names with an underscore.
    return name.startswith((".", "__MACOSX")) or name.lower() in ("thumbs.db", "desktop.ini")


def _holds_one_image(path: Path) -> bool:
    try:
        _mapped(path)
    except BrokenImage:
        return True  # among others, to be left out
    except DataError:
        return False
    return True


@contextmanager
def _opened(path: Path) -> Iterator[Image.Image]:
    """An image whose header has been read, and whatever goes wrong with it as a `DataError`."""
    try:
        with warnings.catch_warnings():
            # Of bombs, which are refused here, and of broken tags that nobody needs.
            warnings.simplefilter("ignore")
            # By name Pillow maps a TIFF file into memory, and garbles it if it lies on its side.
            with path.open("rb") as file, Image.open(file) as image:
                _check_pixels(*image.size, path)
                yield image
    except Image.DecompressionBombError:  # far too large: Pillow does not even say how large
        raise _too_large(path, f"more than {MOST_PIXELS:,}") from None
    except _BROKEN as error:
        reason = str(getattr(error, "strerror", None) or error)
        if isinstance(error, UnidentifiedImageError):
            reason = "not an image file"
        raise BrokenImage(path, f"cannot be read as an image: {reason}") from None


def _check_pixels(width: int, height: int, path: Path) -> None:
    if width * height > MOST_PIXELS:
        raise _too_large(path, f"{size_of(height, width)}")


def _too_large(path: Path, found: str) -> DataError:
    return DataError(path, f"expected an image of at most {MOST_PIXELS:,} pixels, found {found}")


def _upright_size(image: Image.Image) -> tuple[int, int]:
    width, height = image.size
    if isinstance(image, TiffImagePlugin.TiffImageFile):  # turned already by some versions
        width, height = (
            image.tag_v2[tag] for tag in (TiffImagePlugin.IMAGEWIDTH, TiffImagePlugin.IMAGELENGTH)
        )
    # Pillow looks for tags behind the pixels of a PNG, and would decode these.
    known = image.format != "PNG" or "exif" in image.info
    orientation = image.getexif().get(ExifTags.Base.Orientation, 1) if known else 1
    return (width, height) if orientation >= 5 else (height, width)


def _top(image: Image.Image, path: Path) -> float:
    """The greatest intensity of a channel."""
    if image.mode == "F":
        return 1.0
    if image.mode != "I" and not image.mode.startswith("I;"):
        return 255.0
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        bits = image.tag_v2[TiffImagePlugin.BITSPERSAMPLE][0]
        return 2.0 ** (bits - _is_signed(image)) - 1
    if image.mode == "I" and image.format not in ("PNG", "PPM"):
        raise DataError(path, f"expected 1 to 16 bits, found 32 in a file of type {image.format}")
    return 65535.0


def _bits(top: float) -> int:
    return round(np.log2(top + 1) / 4) * 4  # that of a sign belongs to them


def _is_signed(image: TiffImagePlugin.TiffImageFile) -> bool:
    return image.tag_v2.get(TiffImagePlugin.SAMPLEFORMAT, (1,))[0] == 2


def _shallow(image: Image.Image, path: Path) -> Image.Image:
    """An image upright and with 8 bits a channel: Pillow itself would clip what is deeper."""
    top, upright = _top(image, path), ImageOps.exif_transpose(image)
    if top == 255:
        if upright.mode in ("1", "L", "LA", "P", "PA", "RGB", "RGBA"):
            return upright
        return upright.convert("RGBA" if upright.has_transparency_data else "RGB")
    values = np.asarray(upright)
    if top == 2**32 - 1:  # of which Pillow makes signed ones
        values = values.view("uint32")
    low, high = values.min(), values.max()
    if not (0 <= low and high <= top):
        expected = "floats from 0 to 1" if top == 1 else f"intensities from 0 to {top:,.0f}"
        raise DataError(path, f"expected {expected}, found {low:g} to {high:g}")
    pixels = scaled(values, top)
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        white_is_zero = image.tag_v2.get(TiffImagePlugin.PHOTOMETRIC_INTERPRETATION) == 0
        pixels = 255 - pixels if white_is_zero else pixels  # Pillow does so with 8 bits only
    grey = Image.fromarray(pixels)
    if "transparency" in image.info:
        alpha = np.where(values == image.info["transparency"], 0, 255).astype("uint8")
        grey.putalpha(Image.fromarray(alpha))
    return grey


def _mapped(path: Path) -> np.ndarray:
    """An array that holds one image; only its header has been read."""
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except DAMAGED as error:
        raise BrokenImage(path, f"cannot be read as an array: {error}") from None
    if not isinstance(array, np.ndarray) or array.ndim not in (2, 3) or not array.size:
        shape = getattr(array, "shape", "several arrays")
        raise DataError(path, f"expected an image {_ARRAYS}, found {shape}")
    if _channels(array) not in (1, 3, 4):
        raise DataError(path, f"expected an image {_ARRAYS}, found {array.shape}")
    _check_pixels(array.shape[1], array.shape[0], path)
    return array


def _channels(array: np.ndarray) -> int:
    return int(array.shape[2]) if array.ndim == 3 else 1
