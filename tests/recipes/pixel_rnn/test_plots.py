"""Pictures of images."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from pictures import bars_of, overlapping_labels

from recipes.pixel_rnn import plots


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("count", [1, 10])
def test_surprise_is_on_one_scale(
    count: int, channels: int, tmp_path: Path, figures: list[Figure]
) -> None:
    images = np.random.default_rng(0).integers(0, 256, (count, 4, 4, channels)).astype("uint8")
    plots.surprise(images, np.full(images.shape, 2.0), 255, tmp_path / "a.png")
    (figure,) = figures
    assert bars_of(figure) == ["nats a pixel"]
    shown = [axes.images[0] for axes in figure.axes[count : 2 * count]]
    assert all(image.get_array().max() == 2 * channels == image.norm.vmax for image in shown)
    assert not overlapping_labels(figure)
