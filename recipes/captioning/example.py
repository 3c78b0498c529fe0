"""What the recipe learns from: an image with its captions."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True, eq=False)
class Example:
    """An image, and what people say of it.

    Attributes:
        image: Bytes (height, width, channels), uint8.
        captions: One or several.
        name: Of its file, or its number.
    """

    image: np.ndarray
    captions: tuple[str, ...]
    name: str = field(default="", compare=False)

    @property
    def content(self) -> bytes:
        """The same for equal images."""
        return self.image.tobytes()
