"""Pictures of captions in any script, and of where each word looked."""

from __future__ import annotations

import numpy as np
import pytest
from pictures import bars_of, least_contrast, overlapping_labels

from recipes.captioning.plots import captioned, enlarged, looks


def image(channels: int, height: int = 24, width: int = 32) -> np.ndarray:
    shape = (height, width, channels)
    return np.random.default_rng(0).integers(0, 255, shape).astype("uint8")


def weights(pieces: int) -> np.ndarray:
    drawn = np.random.default_rng(0).random((pieces, 3, 4))
    return drawn / drawn.sum(axis=(1, 2), keepdims=True)


@pytest.mark.parametrize("count", [1, 3, 6])
def test_captions(tmp_path, figures, count) -> None:
    said = ["a cat", "", "$_$ 東京 नमस्ते", "a long caption of many words, two lines of them"] * 2
    truths = [("a cat", "one cat"), ("a dog",), ("a very long caption of many other words",)] * 3
    images = [image(1 + 2 * (index % 2)) for index in range(count)]
    captioned(images, said[:count], truths[:count], tmp_path / "a.png")
    (figure,) = figures
    titles = [axes.get_title() for axes in figure.axes]
    assert titles[0] == "✓ a cat"
    if count > 1:
        assert titles[1] == "✗ (nothing)\ntrue: a dog"
    assert least_contrast(figure) >= 4.5


def test_where_each_word_looked(tmp_path, figures) -> None:
    rows = [
        (image(3), ["a", "▁cat", ""], weights(3)),
        (image(1), ["$x$", "été", "is", "long", ""], weights(5)),
    ]
    looks(rows, tmp_path / "a.png")
    (figure,) = figures
    titles = [axes.get_title() for axes in figure.axes]
    assert [title for title in titles if title] == [
        *["a", "cat", "end"],
        *["$x$", "été", "is", "long", "end"],
    ]
    assert bars_of(figure) == ["attention (adds up to 1 over the fields)"]
    assert least_contrast(figure) >= 4.5 and not overlapping_labels(figure)


def test_weights_stay_where_they_are() -> None:
    large = enlarged(np.eye(2), 8, 6)
    assert large.shape == (8, 6)
    assert large[0, 0] == large[-1, -1] == 1 and large[0, -1] == large[-1, 0] == 0
    assert (np.diff(large[0]) <= 0).all()
