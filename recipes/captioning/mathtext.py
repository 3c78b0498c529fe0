r"""Pictures of formulas, drawn by matplotlib's mathtext without a figure or a window."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from recipes.captioning.grammar import compact
from recipes.captioning.options import FORMULA

if TYPE_CHECKING:
    from matplotlib.mathtext import MathTextParser

#: Names of mathtext's fonts: Computer Modern, as in papers, and one like Times.
FONTS = ("cm", "stix")

#: Sizes of the type, in pixels: capital letters are 7 to 11 high, in scripts 0.7 of that.
SIZES = (12, 14, 16)

#: Times that half of the formulas are drawn larger, to be made smaller then. As in pictures from
#: elsewhere, their letters begin between pixels.
_LARGER = 4

#: Height and width of a picture.
CANVAS = FORMULA

#: Free pixels around the formula on each side, at least.
MARGIN = 2

#: Pixels by which it is moved at most, down and to the right.
MOVED = 3


@dataclass(frozen=True)
class Style:
    """How a formula is drawn.

    Attributes:
        font: Of `FONTS`.
        size: Of `SIZES`.
        down: Pixels that it is moved down, from the middle.
        right: Pixels that it is moved to the right, from the left edge.
        smaller: Whether it is drawn larger and then made smaller. Else letters begin at whole
            pixels, and thin lines are crisp.
        offset: In that case, fractions of a pixel that it is moved down and to the right besides,
            in fourths.
    """

    font: str
    size: float
    down: int = 0
    right: int = 0
    smaller: bool = False
    offset: tuple[int, int] = (0, 0)

    @classmethod
    def draw(cls, rng: np.random.Generator) -> Style:
        """One of the styles."""
        down, right = rng.integers(-MOVED, MOVED, endpoint=True), rng.integers(0, 2 * MOVED)
        font, size = str(rng.choice(FONTS)), int(rng.choice(SIZES))
        first, second = rng.integers(0, _LARGER, 2).tolist()
        return cls(font, size, int(down), int(right), rng.random() < 0.5, (first, second))


def picture(formula: str, style: Style, canvas: tuple[int, int] = CANVAS) -> np.ndarray | None:
    r"""A formula in black on white.

    Fractions are drawn in full size, as LaTeX does on a line of their own.

    Args:
        formula: Its LaTeX.
        style: Font, size and place.
        canvas: Height and width.

    Returns:
        Bytes (height, width); None if the formula is too large for the canvas.

    Raises:
        ValueError: If mathtext cannot read the formula.
    """
    from matplotlib.font_manager import FontProperties

    font = FontProperties(size=style.size, math_fontfamily=style.font)
    displayed = compact(formula).replace(r"\frac", r"\dfrac")
    dpi = 72 * (_LARGER if style.smaller else 1)
    drawn = np.asarray(_parser().parse(f"${displayed}$", dpi=dpi, prop=font).image)
    rows, columns = np.flatnonzero(drawn.any(axis=1)), np.flatnonzero(drawn.any(axis=0))
    ink = drawn[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    if style.smaller:
        ink = _smaller(ink, style.offset)
    height, width = ink.shape
    free = canvas[0] - height, canvas[1] - width
    if min(free) < 2 * MARGIN:
        return None
    top = int(np.clip(free[0] // 2 + style.down, MARGIN, free[0] - MARGIN))
    left = int(np.clip(MARGIN + style.right, MARGIN, free[1] - MARGIN))
    whole = np.full(canvas, 255, dtype="uint8")
    whole[top : top + height, left : left + width] = 255 - ink
    return whole


def _smaller(ink: np.ndarray, offset: tuple[int, int]) -> np.ndarray:
    """Each pixel the mean of 4 x 4, the first of which begin beyond the ink by the offset."""
    margins = [(o, -(length + o) % _LARGER) for o, length in zip(offset, ink.shape, strict=True)]
    padded = np.pad(ink, margins)
    rows, columns = (length // _LARGER for length in padded.shape)
    blocks = padded.reshape(rows, _LARGER, columns, _LARGER)
    return np.round(blocks.mean(axis=(1, 3))).astype("uint8")


def pictures(formulas: Sequence[str], styles: Sequence[Style]) -> list[np.ndarray | None]:
    """The picture of each formula, see `picture`."""
    return [picture(*pair) for pair in zip(formulas, styles, strict=True)]


@cache
def _parser() -> MathTextParser:
    from matplotlib.mathtext import MathTextParser

    return MathTextParser("agg")
