"""Pictures of what a model did not expect."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from pictures import bars_of, least_contrast

from recipes.kit.colours import contrast
from recipes.language_model.plots import surprise


@pytest.mark.parametrize(
    ("parts", "what"), [([*"To be, or\nnot"], "character"), (["To", "be", ",", "⏎", "or"], "word")]
)
def test_surprise_has_a_scale_in_nats(
    parts: list[str], what: str, tmp_path: Path, figures: list[Figure]
) -> None:
    nats = np.linspace(0, 9, len(parts)).tolist()
    surprise(parts, nats, tmp_path / "a.png")
    (figure,) = figures
    (label,) = bars_of(figure)
    assert label == f"nats: minus the logarithm of the probability of each {what}"
    axes, bar = figure.axes
    assert bar.get_xlim()[0] == 0 and bar.get_xlim()[1] == pytest.approx(9, abs=0.1)
    assert len(axes.patches) == len(axes.texts) == len(parts)
    for text, patch in zip(axes.texts, axes.patches, strict=True):
        assert contrast(text.get_color(), patch.get_facecolor()) >= 4.5
    assert least_contrast(figure) >= 4.5
