"""Pictures of formulas as people have them: set in like those of the training."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from recipes.captioning import ink
from recipes.captioning.mathtext import CANVAS, MARGIN, MOVED, Style, picture
from recipes.captioning.options import Config
from recipes.captioning.pixels import Drawing, png
from recipes.kit.data.source import Source


@pytest.fixture(scope="module")
def drawing() -> Drawing:
    return Drawing(Config(data=Source("embedded", "formulas")))


@pytest.fixture(scope="module")
def formula() -> np.ndarray:
    drawn = picture(r"\frac { a } { b } = x ^ { 2 }", Style("cm", 14))
    assert drawn is not None
    return drawn


def ink_of(drawn: np.ndarray) -> tuple[np.ndarray, int, int]:
    rows, columns = (np.flatnonzero((drawn < 240).any(axis=axis)) for axis in (1, 0))
    cut = drawn[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return cut, int(rows[0]), int(columns[0])


def draw(drawing: Drawing, pixels: np.ndarray) -> np.ndarray:
    return drawing.one(tf.constant(png(pixels[..., None]))).numpy()[..., 0]


def test_a_picture_of_the_training_stays(drawing: Drawing, formula: np.ndarray) -> None:
    np.testing.assert_array_equal(draw(drawing, formula), formula)


@pytest.mark.parametrize(("around", "inverted"), [((0, 0, 0, 0), False), ((90, 7, 200, 31), True)])
def test_the_margin_has_no_influence(
    drawing: Drawing, formula: np.ndarray, around: tuple[int, ...], inverted: bool
) -> None:
    cut, _, _ = ink_of(formula)
    pixels = np.pad(cut, (around[:2], around[2:]), constant_values=255)
    drawn = draw(drawing, 255 - pixels if inverted else pixels)
    found, top, left = ink_of(drawn)
    np.testing.assert_array_equal(found, cut)
    assert (top, left) == ((CANVAS[0] - len(cut)) // 2, MARGIN + MOVED)


def test_what_is_too_large_is_made_smaller(drawing: Drawing) -> None:
    for size in ((400, 50), (10, 900), (300, 1200)):
        cut, top, left = ink_of(draw(drawing, np.zeros(size, "uint8") + 40))
        assert min(top, left) >= MARGIN
        assert top + cut.shape[0] <= CANVAS[0] - MARGIN
        assert left + cut.shape[1] <= CANVAS[1] - MARGIN
        wanted = min(44 / size[0], 188 / size[1])
        assert cut.shape == pytest.approx(np.multiply(size, wanted), abs=2)


def test_paper_without_ink(drawing: Drawing) -> None:
    assert draw(drawing, np.full((300, 20), 255, "uint8")).min() == 255


def test_a_file_is_read_in_several_sizes(
    drawing: Drawing, formula: np.ndarray, tmp_path: Path
) -> None:
    Image.fromarray(formula).save(tmp_path / "a.png")
    assert drawing.in_sizes(tmp_path / "a.png") == [(tmp_path / "a.png").read_bytes()]
    Image.fromarray(np.pad(formula, 9, constant_values=255)).save(tmp_path / "b.png")
    sizes = drawing.in_sizes(tmp_path / "b.png")
    assert len(sizes) == 1 + len(ink.SCALES)
    widths = [ink_of(drawing.one(tf.constant(each)).numpy()[..., 0])[0].shape[1] for each in sizes]
    wanted = [widths[0] * scale for scale in ink.SCALES]
    assert widths[1:] == pytest.approx(wanted, abs=2)
    scenes = Drawing(Config())
    assert len(scenes.in_sizes(tmp_path / "b.png")) == 1


def test_the_likeliest_reading_is_the_answer() -> None:
    def rows(*answers: tuple[bytes, float]) -> list[dict[str, object]]:
        return [{"sentence": text, "scores": [score]} for text, score in answers]

    first, second = rows((b"a", -0.5), (b"b", -0.45))
    assert ink.likeliest([first, second]) is first  # not so much better
    assert ink.likeliest(rows((b"a", -0.5), (b"b", -0.1), (b"", -0.01)))["sentence"] == b"b"
    (empty,) = rows((b"", -0.1))
    assert ink.likeliest([empty]) is empty
