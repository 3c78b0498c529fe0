"""Intensities of any depth as bytes, and what is refused because it is not an intensity."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from recipes.kit.errors import DataError


def top_of(dtype: np.dtype[Any]) -> int | None:
    """The greatest intensity of an array by its depth; None where only its contents can tell."""
    if dtype.kind == "b":
        return 1
    return int(np.iinfo(dtype).max) if dtype.kind == "u" else None


def scaled(values: np.ndarray, top: float) -> np.ndarray:
    """Intensities up to `top` as bytes."""
    return values if values.dtype == "uint8" else np.round(values * (255 / top)).astype("uint8")


def bytes_of(values: np.ndarray, path: Path, name: str = "") -> np.ndarray:
    """Intensities as bytes: those of unsigned integers by their depth, floats as fractions of 1,
    and signed integers as the bytes they are.

    Args:
        values: An array of any shape.
        path: The file it is from, for messages.
        name: Its name in that file, for messages.

    Raises:
        DataError: If they are not intensities, with what was found.
    """
    depth = top_of(values.dtype)
    if depth is not None:
        return scaled(values, depth)
    where = f"{name}: " if name else ""
    if values.dtype.kind not in "if":
        raise DataError(path, f"{where}expected intensities, found values of type {values.dtype}")
    low, high = values.min(), values.max()
    top = 1 if values.dtype.kind == "f" else 255
    if not (0 <= low and high <= top):
        expected = "floats from 0 to 1" if top == 1 else "bytes from 0 to 255"
        raise DataError(path, f"{where}expected {expected}, found {low:g} to {high:g}")
    return scaled(values, top)


def check_bright(images: Iterable[np.ndarray], path: Path, kind: str) -> None:
    """Refuse images that are black once they are scaled by their depth: small numbers, such as
    bytes or labels, in a type that could hold large ones.

    Args:
        images: All bytes that were made of deeper intensities.
        path: Where the first of them is from.
        kind: What they were made of.

    Raises:
        DataError: If all are black.
    """
    if max(int(pixels.max()) for pixels in images) <= 1:
        raise DataError(
            path,
            f"{kind}, but scaled by that depth all images are black; expected intensities that "
            "make use of it, or images saved with 8 bits",
        )
