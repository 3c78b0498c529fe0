"""Pictures of formulas as people have them, made like those that were trained on.

A formula is trained on in type of a few sizes (`recipes.captioning.mathtext`), which says what is a
script and what is not. A picture of one has a margin of any width, and nothing tells how large its
type is: so the margin is cut off, and the picture is read in several sizes. What the model finds
likeliest is the answer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from PIL import Image

from recipes.captioning.mathtext import MARGIN, MOVED

#: By what a picture is scaled besides: type of 10 pixels to that of 64 comes near what is known.
SCALES = (1.26, 0.79, 0.63, 0.5, 0.4, 0.32, 0.25)

#: Pixels that are lighter are paper.
_PAPER = 240.0

#: By how much the score of a reading in another size than that of the picture must be better.
_BETTER = 0.1


def set_in(pixels: tf.Tensor, height: int, width: int) -> tf.Tensor:
    """A picture of a formula on a canvas, as those of the training are set.

    One of that size is left as it is. Else light print on a dark ground is inverted and the margin
    is cut off; what is still too large is made smaller, and nothing is made larger.

    Args:
        pixels: Black is 0 and white 255, (rows, columns, channels), float32.
        height: Of the canvas.
        width: Likewise.
    """
    canvas = tf.constant([height, width])

    def placed() -> tf.Tensor:
        dark = tf.reduce_mean(pixels) < 128
        ink = _cut(tf.where(dark, 255.0 - pixels, pixels))
        old = tf.shape(ink)[:2]
        free = tf.cast(canvas - 2 * MARGIN, tf.float32)
        scale = tf.minimum(1.0, tf.reduce_min(free / tf.cast(old, tf.float32)))
        new = tf.maximum(1, tf.cast(tf.floor(tf.cast(old, tf.float32) * scale), tf.int32))
        ink = tf.cond(scale < 1, lambda: tf.image.resize(ink, new, antialias=True), lambda: ink)
        top = (canvas[0] - new[0]) // 2
        left = tf.minimum(MARGIN + MOVED, canvas[1] - new[1] - MARGIN)
        after = canvas - new - tf.stack([top, left])
        return tf.pad(ink, [[top, after[0]], [left, after[1]], [0, 0]], constant_values=255.0)

    same = tf.reduce_all(tf.shape(pixels)[:2] == canvas)
    return tf.cond(same, lambda: pixels, placed)


def _cut(pixels: tf.Tensor) -> tf.Tensor:
    """The rows and columns from the first to the last that have ink; all of them where none has."""
    ink = tf.reduce_min(pixels, axis=-1) < _PAPER
    for axis in (0, 1):
        used = tf.where(tf.reduce_any(ink, axis=1 - axis))[:, 0]
        every = tf.range(tf.shape(ink, tf.int64)[axis])
        ends = tf.cond(tf.size(used) > 0, lambda u=used: u, lambda e=every: e)
        pixels = tf.gather(pixels, tf.range(ends[0], ends[-1] + 1), axis=axis)
    return pixels


def scaled(pixels: np.ndarray, canvas: tuple[int, int]) -> list[np.ndarray]:
    """A picture (rows, columns, 3) in other sizes; none where it is as large as the canvas."""
    if pixels.shape[:2] == canvas:
        return []
    image, pictures = Image.fromarray(pixels), []
    for scale in SCALES:
        width, height = (max(1, round(each * scale)) for each in image.size)
        way = Image.Resampling.BOX if scale < 1 else Image.Resampling.BILINEAR
        pictures.append(np.asarray(image.resize((width, height), way)))
    return pictures


def likeliest(rows: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """Of the answers to a picture in several sizes, the first as it is, the best one."""

    def worth(index: int) -> float:
        if not rows[index]["sentence"]:
            return -np.inf
        return float(rows[index]["scores"][0]) - (_BETTER if index else 0)

    return rows[max(range(len(rows)), key=worth)]
