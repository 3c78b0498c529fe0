"""Frames in the shape that a model takes: one function, for files and in the served graph.

A frame of another size is cut to the centred part that has the proportions of the shape, and scaled
(bilinear, antialiased); RGB becomes grey as Pillow does it.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np
import tensorflow as tf

Shape = tuple[int, int, int]

#: Shares of red, green and blue in a grey, of 65,536.
_LUMA = (19595, 38470, 7471)


def fitted(frames: tf.Tensor, shape: Shape) -> tf.Tensor:
    """Frames in a shape; those that have it are left as they are.

    Args:
        frames: Bytes (frames, height, width, 1 or 3).
        shape: Height, width and channels.

    Returns:
        Bytes (frames, *shape).
    """
    *size, channels = shape
    coloured = _in_grey(frames) if channels == 1 else _in_colour(frames)
    alike = tf.reduce_all(tf.equal(tf.shape(coloured)[1:3], size))
    sized = tf.cond(alike, lambda: coloured, lambda: _scaled(coloured, *size))
    return tf.ensure_shape(sized, [None, *shape])


def fit_frames(frames: np.ndarray, shape: Shape) -> np.ndarray:
    """The same of an array."""
    if frames.shape[1:] == tuple(shape):
        return frames
    return _fitting(tuple(shape))(tf.constant(frames)).numpy()


@functools.cache
def _fitting(shape: Shape) -> Callable[[tf.Tensor], tf.Tensor]:
    any_frames = tf.TensorSpec([None] * 4, tf.uint8)
    return tf.function(lambda frames: fitted(frames, shape), input_signature=[any_frames])


def _in_grey(frames: tf.Tensor) -> tf.Tensor:
    def weighed() -> tf.Tensor:
        parts = tf.cast(frames, tf.int32) * tf.constant(_LUMA)
        total = tf.reduce_sum(parts, axis=-1, keepdims=True) + 2**15
        return tf.cast(tf.bitwise.right_shift(total, 16), tf.uint8)

    return tf.cond(tf.equal(tf.shape(frames)[-1], 1), lambda: frames, weighed)


def _in_colour(frames: tf.Tensor) -> tf.Tensor:
    return tf.repeat(frames, 3 // tf.shape(frames)[-1], axis=-1)


def _scaled(frames: tf.Tensor, height: int, width: int) -> tf.Tensor:
    size = tf.constant([height, width])
    found = tf.shape(frames)[1:3]
    ratio = tf.reduce_min(tf.cast(found, tf.float32) / tf.cast(size, tf.float32))
    whole = tf.cast(tf.round(ratio * tf.cast(size, tf.float32)), tf.int32)
    part = tf.clip_by_value(whole, 1, found)
    top, left = tf.unstack((found - part) // 2)
    cut = frames[:, top : top + part[0], left : left + part[1]]
    pixels = tf.image.resize(cut, size, antialias=True)
    return tf.cast(tf.round(tf.clip_by_value(pixels, 0.0, 255.0)), tf.uint8)
