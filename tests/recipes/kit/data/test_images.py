"""Image files of every kind of depth, colour and transparency become the same bytes."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from recipes.kit.data.images import (
    MOST_PIXELS,
    BrokenImage,
    Canvas,
    has_colour,
    read_header,
    read_image,
)
from recipes.kit.errors import DataError

GREY = Canvas("grey")

#: From black to white in 16 steps, as every file of `DEPTHS` shows them.
RAMP = (17 * np.arange(16)).reshape(4, 4).astype("uint8")


def saved(path: Path, pixels: np.ndarray | Image.Image, **options: Any) -> Path:
    image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    image.save(path, **options)
    return path


def tiff(path: Path, values: np.ndarray, *, kind: int = 1, white_is_zero: bool = False) -> Path:
    """An uncompressed grey TIFF: Pillow writes neither unsigned 32 bits nor white as zero."""
    body, (height, width) = values.astype(values.dtype.newbyteorder("<")).tobytes(), values.shape
    tags = {
        256: width,
        257: height,
        258: 8 * values.dtype.itemsize,
        259: 1,
        262: 0 if white_is_zero else 1,
        273: 8,
        277: 1,
        278: height,
        279: len(body),
        339: kind,
    }
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags.items())
    head = struct.pack("<2sHI", b"II", 42, 8 + len(body))
    path.write_bytes(head + body + struct.pack("<H", len(tags)) + entries + bytes(4))
    return path


def array(path: Path, values: np.ndarray) -> Path:
    np.save(path, values)
    return path


#: Files that show `RAMP`, and what their headers say.
DEPTHS: dict[str, tuple[Callable[[Path], Path], str]] = {
    "l.png": (lambda p: saved(p, RAMP), "8-bit grey"),
    "rgb.png": (lambda p: saved(p, np.dstack([RAMP] * 3)), "RGB"),
    "p.png": (lambda p: saved(p, Image.fromarray(RAMP).convert("P")), "palette"),
    "i16.png": (lambda p: saved(p, RAMP.astype("uint16") * 257), "16-bit grey"),
    "i16.pgm": (lambda p: saved(p, RAMP.astype("uint16") * 257), "16-bit grey"),
    "i16.tif": (lambda p: saved(p, RAMP.astype("uint16") * 257), "16-bit grey"),
    "zero.tif": (
        lambda p: tiff(p, (255 - RAMP).astype("uint16") * 257, white_is_zero=True),
        "16-bit grey",
    ),
    "i32.tif": (lambda p: tiff(p, RAMP.astype("uint32") * 16_843_009), "32-bit grey"),
    "s32.tif": (lambda p: tiff(p, RAMP.astype("int32") * 8_421_504, kind=2), "32-bit grey"),
    "f.tif": (lambda p: saved(p, RAMP.astype("float32") / 255), "floats"),
    "cmyk.tif": (lambda p: saved(p, Image.fromarray(RAMP).convert("RGB").convert("CMYK")), "CMYK"),
    "u16.npy": (lambda p: array(p, RAMP.astype("uint16") * 257), "uint16"),
    "f64.npy": (lambda p: array(p, RAMP / 255), "float64"),
    "i64.npy": (lambda p: array(p, RAMP.astype("int64")[..., None]), "int64"),
    "rgb.npy": (lambda p: array(p, np.dstack([RAMP] * 3)), "uint8 RGB"),
}


@pytest.mark.parametrize("name", DEPTHS)
def test_intensities_are_scaled_by_depth(name: str, tmp_path: Path) -> None:
    write, kind = DEPTHS[name]
    path = write(tmp_path / name)
    header = read_header(path)
    assert (header.kind, header.height, header.width) == (kind, 4, 4)
    assert not header.transparent and not header.animated
    np.testing.assert_array_equal(read_image(path, GREY)[..., 0], RAMP)
    in_colour = read_image(path, Canvas("rgb"))
    np.testing.assert_array_equal(in_colour, np.dstack([RAMP] * 3))
    assert not has_colour(in_colour)


def test_one_bit(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.png", RAMP > 100)
    assert read_header(path).kind == "1-bit black and white"
    np.testing.assert_array_equal(read_image(path, GREY)[..., 0], 255 * (RAMP > 100))


HALF = np.full((4, 4), 128, "uint8")


@pytest.mark.parametrize(
    ("write", "white", "black"),
    [
        (lambda p: saved(p, np.dstack([RAMP, HALF])), 127 + RAMP // 2, RAMP // 2),
        (lambda p: saved(p, np.dstack([RAMP] * 3 + [HALF])), 127 + RAMP // 2, RAMP // 2),
        (
            lambda p: saved(p, RAMP.astype("uint16") * 257, transparency=17 * 257),
            np.where(RAMP == 17, 255, RAMP),
            np.where(RAMP == 17, 0, RAMP),
        ),
        (
            lambda p: saved(p, Image.fromarray(RAMP).convert("P"), transparency=17),
            np.where(RAMP == 17, 255, RAMP),
            np.where(RAMP == 17, 0, RAMP),
        ),
    ],
    ids=["grey", "rgb", "sixteen bits", "palette"],
)
def test_what_is_transparent_is_laid_on_a_background(
    write: Callable[[Path], Path], white: np.ndarray, black: np.ndarray, tmp_path: Path
) -> None:
    path = write(tmp_path / "a.png")
    assert read_header(path).transparent
    for background, expected in (("white", white), ("black", black)):
        pixels = read_image(path, Canvas("grey", background=background))[..., 0]
        np.testing.assert_allclose(pixels, expected, atol=1)


def test_alpha_of_an_array(tmp_path: Path) -> None:
    path = array(tmp_path / "a.npy", np.dstack([RAMP] * 3 + [0 * RAMP]))
    assert read_header(path).transparent
    assert read_image(path, GREY).min() == 255
    assert read_image(path, Canvas("grey", background="black")).max() == 0


def test_size_is_cut_and_scaled(tmp_path: Path) -> None:
    wide = np.zeros((8, 24), "uint16")
    wide[:, 8:16] = 65535  # the middle third
    path = saved(tmp_path / "a.png", wide)
    assert read_image(path, GREY).shape == (8, 24, 1)
    pixels = read_image(path, Canvas("rgb", 4))
    assert pixels.shape == (4, 4, 3) and pixels[:, 1:3].min() == 255


def test_images_are_upright(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[274] = 6  # to be turned by a quarter, clockwise
    for name in ("a.png", "a.tif", "a.webp"):
        path = saved(tmp_path / name, RAMP[:2], exif=exif, lossless=True)
        assert (read_header(path).height, read_header(path).width) == (4, 2)
        np.testing.assert_array_equal(read_image(path, GREY)[..., 0], np.rot90(RAMP[:2], -1))


def test_only_the_first_image_of_several(tmp_path: Path) -> None:
    more = [Image.fromarray(255 - RAMP)]
    path = saved(tmp_path / "a.tif", RAMP, save_all=True, append_images=more)
    assert read_header(path).animated
    np.testing.assert_array_equal(read_image(path, GREY)[..., 0], RAMP)


@pytest.mark.parametrize(
    ("write", "message"),
    [
        (
            lambda p: saved(p / "a.tif", RAMP.astype("float32")),
            "floats from 0 to 1, found 0 to 255",
        ),
        (lambda p: tiff(p / "a.tif", RAMP.astype("int32") - 9, kind=2), "found -9 to 246"),
        (lambda p: array(p / "a.npy", RAMP * 2.0), "floats from 0 to 1, found 0 to 510"),
        (lambda p: array(p / "a.npy", np.full((2, 2), np.nan)), "found nan"),
        (lambda p: array(p / "a.npy", RAMP.astype(int) * 2), "bytes from 0 to 255, found 0 to 510"),
        (lambda p: array(p / "a.npy", RAMP.astype(complex)), "found values of type complex128"),
        (lambda p: array(p / "a.npy", np.zeros((3, 4, 5))), r"found \(3, 4, 5\)"),
        (lambda p: array(p / "a.npy", np.zeros((2, 3, 4, 1))), r"found \(2, 3, 4, 1\)"),
    ],
)
def test_values_that_are_not_intensities(
    write: Callable[[Path], Path], message: str, tmp_path: Path
) -> None:
    with pytest.raises(DataError, match=message) as refused:
        read_image(write(tmp_path), GREY)
    assert not isinstance(refused.value, BrokenImage)  # never left out


def test_bombs_are_refused_by_their_headers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def decoded(self: Image.Image) -> None:
        raise AssertionError("decoded")

    large = saved(tmp_path / "a.png", Image.new("1", (10_000, MOST_PIXELS // 10_000 + 1)))
    larger = saved(tmp_path / "b.png", Image.new("1", (20_000, 20_000)))
    monkeypatch.setattr(Image.Image, "load", decoded)
    for path, found in ((large, "8,001 x 10,000"), (larger, "more than 80,000,000")):
        message = f"{path.name}: expected an image of at most 80,000,000 pixels, found {found}"
        for read in (read_header, lambda path: read_image(path, GREY)):
            with pytest.raises(DataError, match=message):
                read(path)


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".gif", ".bmp", ".tif", ".webp", ".npy"])
def test_broken_files(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"a{suffix}"
    pixels = np.random.default_rng(0).integers(0, 256, (32, 32, 3)).astype("uint8")
    np.save(path, pixels) if suffix == ".npy" else saved(path, pixels)
    whole = path.read_bytes()
    for content in (b"", b"text", whole[:20], whole[: len(whole) // 2]):
        path.write_bytes(content)
        with pytest.raises(BrokenImage, match=r"a\.\w+: cannot be read as an (image|array)"):
            read_image(path, GREY)
