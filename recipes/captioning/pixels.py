"""Encoded images to pixels, by one TensorFlow function: in training, and in the served graph."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import tensorflow as tf
from PIL import ExifTags, Image

from recipes.captioning import ink
from recipes.captioning.options import Config
from recipes.kit.data.images import BrokenImage, Canvas, read_header, read_image

#: What TensorFlow decodes as Pillow shows it: formats, and modes of Pillow in them.
_PLAIN = {
    "PNG": {"L", "LA", "RGB", "RGBA", "P"},
    "JPEG": {"L", "RGB"},
    "GIF": {"L", "P", "RGB"},
    "BMP": {"RGB"},
}

_LUMA = (0.299, 0.587, 0.114)


class Drawing:
    """Draws encoded images in one size and colour.

    The image is laid on the background, turned to grey if asked, scaled with its proportions kept
    (bilinear, antialiased), and set in the middle of the size. A formula is set in without its
    margin and made no larger, as the size of its type says what is a script.

    Args:
        config: Says size, colour and background.
    """

    def __init__(self, config: Config) -> None:
        self.height, self.width = config.size
        self.channels = 3 if config.colour == "rgb" else 1
        self._formulas = config.formulas
        self._canvas = Canvas("rgb", None, config.background)
        self._background = 255.0 if config.background == "white" else 0.0
        self.one = tf.function(self.draw, input_signature=[tf.TensorSpec([], tf.string)])

    def draw(self, encoded: tf.Tensor) -> tf.Tensor:
        """Bytes (height, width, channels), uint8, of an encoded PNG, JPEG, GIF or BMP."""
        pixels = tf.io.decode_image(encoded, channels=0, expand_animations=False)
        pixels = tf.cast(tf.ensure_shape(pixels, [None, None, None]), tf.float32)
        depth = tf.shape(pixels)[-1]
        has_alpha = tf.equal(depth % 2, 0)
        alpha = tf.where(has_alpha, pixels[..., -1:] / 255, 1.0)
        colours = pixels[..., : depth - tf.cast(has_alpha, tf.int32)]
        pixels = tf.repeat(colours, 3 // tf.shape(colours)[-1], axis=-1)
        pixels = pixels * alpha + self._background * (1 - alpha)
        if self.channels == 1:
            pixels = tf.reduce_sum(pixels * tf.constant(_LUMA), axis=-1, keepdims=True)
        if self._formulas:
            pixels = ink.set_in(pixels, self.height, self.width)
        else:
            pixels = self._fitted(pixels)
        drawn = tf.cast(tf.round(tf.clip_by_value(pixels, 0.0, 255.0)), tf.uint8)
        return tf.ensure_shape(drawn, [self.height, self.width, self.channels])

    def _fitted(self, pixels: tf.Tensor) -> tf.Tensor:
        size = tf.constant([self.height, self.width])
        old = tf.shape(pixels)[:2]
        scale = tf.reduce_min(tf.cast(size, tf.float32) / tf.cast(old, tf.float32))
        scaled = tf.cast(tf.round(tf.cast(old, tf.float32) * scale), tf.int32)
        new = tf.clip_by_value(scaled, 1, size)
        pixels = tf.image.resize(pixels, new, antialias=True)
        before = (size - new) // 2
        after = size - new - before
        around = tf.stack([[before[0], after[0]], [before[1], after[1]], [0, 0]])
        return tf.pad(pixels, around, constant_values=self._background)

    def read(self, path: Path) -> np.ndarray:
        """The pixels of a file.

        Raises:
            BrokenImage: If it is not an image, or truncated.
            DataError: As for `encoded`.
        """
        encoded = self.encoded(path)
        try:
            return self.one(tf.constant(encoded)).numpy()
        except tf.errors.InvalidArgumentError as error:
            reason = str(error.message).splitlines()[0][:120]
            raise BrokenImage(path, f"cannot be read as an image: {reason}") from None

    def encoded(self, path: Path) -> bytes:
        """A file as the served model takes it: as it is where TensorFlow reads it as people see it,
        else (TIFF, 16 bits, turned by its tags, ...) drawn upright and encoded as PNG.

        Raises:
            BrokenImage: If it is not an image.
            DataError: If it has too many pixels, or is of a kind that is not read.
        """
        read_header(path)
        if path.suffix.lower() != ".npy":
            with path.open("rb") as file, Image.open(file) as image:
                # Pillow looks for tags behind the pixels of a PNG, and would decode these.
                tagged = image.format != "PNG" or "exif" in image.info
                turned = tagged and image.getexif().get(ExifTags.Base.Orientation, 1) != 1
                if not turned and image.mode in _PLAIN.get(image.format or "", ()):
                    return path.read_bytes()
        return png(read_image(path, self._canvas))

    def in_sizes(self, path: Path) -> list[bytes]:
        """A file as the served model takes it; of a formula, whose size of type nobody knows, in
        several sizes.

        Raises:
            BrokenImage, DataError: As for `encoded`.
        """
        encoded = self.encoded(path)
        if not self._formulas:
            return [encoded]
        pixels = read_image(path, self._canvas)
        return [encoded, *map(png, ink.scaled(pixels, (self.height, self.width)))]


def png(pixels: np.ndarray) -> bytes:
    """Pixels (height, width, 1 or 3), uint8, as an encoded PNG."""
    image = Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels)
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()
