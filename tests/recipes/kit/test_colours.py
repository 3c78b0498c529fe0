"""Colours of pictures: legible text, and attention on one scale."""

from __future__ import annotations

import numpy as np
import pytest

from recipes.kit.colours import (
    COLOURS,
    QUIET,
    SHARES,
    WRONG,
    colours_of,
    contrast,
    even_shares,
    ink_on,
    shades,
)

#: What WCAG 2 asks of text.
ENOUGH = 4.5


def test_contrast_is_that_of_the_standard() -> None:
    assert contrast("white", "black") == pytest.approx(21)
    assert contrast("#777777", "white") == pytest.approx(4.48, abs=0.01)
    assert contrast("#0000ff", "#ffffff") == pytest.approx(8.59, abs=0.01)


@pytest.mark.parametrize("colour", [QUIET, WRONG])
def test_text_is_legible_on_white(colour: str) -> None:
    assert contrast(colour, "white") >= ENOUGH


def test_text_is_legible_on_every_colour() -> None:
    scale = [tuple(colour) for colour in shades(COLOURS[0])(np.linspace(0, 1, 64))]
    for colour in (*colours_of(18), *scale):
        assert contrast(ink_on(colour), colour) >= ENOUGH


def test_even_weights_are_drawn_in_white_however_many_there_are() -> None:
    for count in (1, 2, 7, 400):
        near = even_shares(1 / count + 1e-3 / count * np.arange(count) / count)
        assert SHARES(near).max() < 0.01
    assert SHARES(even_shares([0.9] + [0.1 / 9] * 9)).tolist()[:2] == [1, 0]
    assert even_shares([]).size == 0
