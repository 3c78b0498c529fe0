"""Pictures of music are legible."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from pictures import bars_of, least_contrast, overlapping_labels

from recipes.music import plots


def roll(frames: int) -> np.ndarray:
    made = (np.random.default_rng(0).random((frames, 88)) < 0.05).astype("uint8")
    made[:, :20] = made[:, 70:] = 0
    return made


@pytest.mark.parametrize("frames", [3, 68, 300])
@pytest.mark.parametrize("step", [1.0, 0.25])
def test_pieces(tmp_path: Path, figures: list[Figure], frames: int, step: float) -> None:
    plots.pieces_picture([roll(frames)] * 2, [1, 4], step, tmp_path / "a.png", ["one", "two"])
    (figure,) = figures
    assert not overlapping_labels(figure) and least_contrast(figure) > 4.5
    first, second = figure.axes
    assert first.get_title(loc="left").startswith("one: the first frame given (orange)")
    assert "the first 4 frames given" in second.get_title(loc="left")
    assert ("of 300 frames" in first.get_title(loc="left")) == (frames == 300)
    assert {"C4", "C5"} <= {label.get_text() for label in first.get_yticklabels()}


@pytest.mark.parametrize("frames", [3, 68, 300])
def test_probabilities(tmp_path: Path, figures: list[Figure], frames: int) -> None:
    shares = np.random.default_rng(1).random((frames, 88))
    plots.probabilities_picture(
        roll(frames), shares, shares.sum(axis=1), 1.0, tmp_path / "a.png", "bwv 1"
    )
    (figure,) = figures
    assert not overlapping_labels(figure) and least_contrast(figure) > 4.5
    assert bars_of(figure) == ["probability"]


def test_silence(tmp_path: Path) -> None:
    plots.piece_picture(np.zeros((4, 88)), 0, 1.0, tmp_path / "a.png", "silence")
    assert (tmp_path / "a.png").is_file()
