"""Colours of pictures: apart for colour-blind readers, and legible as text and below it."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.colors import Colormap, LinearSegmentedColormap, Normalize, to_rgb

#: Colours that stay apart for colour-blind readers (Okabe and Ito).
COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00")

#: Text in the background, and text about what is wrong: dark enough to be read on white.
QUIET, WRONG = "#595959", "#B04A00"

#: How `even_shares` of attention are drawn, in every picture alike: near-even weights stay white,
#: however they compare with the largest of them.
SHARES = Normalize(1, 5, clip=True)
SHARES_LABEL = "weight in multiples of an even share (1: no attention in particular)"


def colours_of(count: int) -> list[str]:
    """So many colours that differ: `COLOURS`, then lighter and darker ones; then all again.

    >>> len({*colours_of(18)}), colours_of(2) == [*COLOURS[:2]]
    (18, True)
    """
    lighter = [_mixed(colour, "white", 0.55) for colour in COLOURS]
    darker = [_mixed(colour, "black", 0.45) for colour in COLOURS]
    every = [*COLOURS, *lighter, *darker]
    return [every[index % len(every)] for index in range(count)]


def contrast(first: Any, second: Any) -> float:
    """The contrast of two colours, from 1 to 21; text needs 4.5 (WCAG 2).

    >>> round(contrast("black", "white"), 2)
    21.0
    """
    dark, light = sorted(map(_luminance, (first, second)))
    return (light + 0.05) / (dark + 0.05)


def ink_on(colour: Any) -> str:
    """The colour of text on a background: black or white, whichever is easier to read.

    >>> ink_on("#0072B2"), ink_on("#E69F00")
    ('white', 'black')
    """
    return max(("black", "white"), key=lambda ink: contrast(ink, colour))


def shades(colour: str) -> Colormap:
    """A scale from white to a colour."""
    return LinearSegmentedColormap.from_list(colour, ["white", colour])


def even_shares(weights: Any) -> np.ndarray:
    """Weights in multiples of an even share of their sum.

    >>> print(even_shares([0.2, 0.2, 0.6, 0.2]))
    [0.66666667 0.66666667 2.         0.66666667]
    """
    values = np.asarray(weights, "float64")
    return values / max(float(values.mean()), 1e-12) if values.size else values


def _mixed(colour: str, other: str, share: float) -> str:
    parts = zip(to_rgb(colour), to_rgb(other), strict=True)
    return "#" + "".join(f"{round(255 * ((1 - share) * a + share * b)):02x}" for a, b in parts)


def _luminance(colour: Any) -> float:
    values = np.array(to_rgb(colour))
    linear = np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)
    return float(linear @ (0.2126, 0.7152, 0.0722))
