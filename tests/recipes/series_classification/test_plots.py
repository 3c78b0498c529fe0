"""Pictures of classified series."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from pictures import bars_of, least_contrast, overlapping_labels, unseen_points

from recipes.series_classification.plots import Shown, predictions, unfolding


def shown(channels: int, attention: np.ndarray | None, label: str = "walking") -> Shown:
    values = np.random.default_rng(channels).normal(size=(20, channels))
    return Shown(values, "walking", label, 0.93, attention)


@pytest.mark.parametrize("channels", [1, 2, 30])
def test_attention_and_values_have_scales(
    channels: int, tmp_path: Path, figures: list[Figure]
) -> None:
    near_even = np.full(20, 0.05) + np.linspace(-1e-3, 1e-3, 20)
    one_step = np.eye(20)[3]
    series = [shown(channels, near_even), shown(channels, one_step, "a rather long name " * 3)]
    predictions([*series, *series, series[0]], tmp_path / "a.png")
    (figure,) = figures
    values = ["value"] if channels > 6 else []
    share = "weight in multiples of an even share (1: no attention in particular)"
    assert bars_of(figure) == [*values, share]
    drawn = [axes.images[-1] for axes in figure.axes[:2]]
    even, peak = (image.norm(image.get_array()) for image in drawn)
    assert even.max() < 0.01 and sorted(peak.ravel())[-2:] == [0, 1]
    if channels > 6:
        first, second = (axes.images[0].norm for axes in figure.axes[:2])
        assert (first.vmin, first.vmax) == (second.vmin, second.vmax)
    assert len(figure.legends) == int(1 < channels <= 6)
    assert least_contrast(figure) >= 4.5 and not overlapping_labels(figure)


def test_series_without_attention(tmp_path: Path, figures: list[Figure]) -> None:
    predictions([shown(2, None)], tmp_path / "a.png")
    assert not bars_of(figures[0]) and len(figures[0].axes) == 1


@pytest.mark.parametrize("steps", [1, 9])
def test_a_single_step_is_a_visible_point(
    steps: int, tmp_path: Path, figures: list[Figure]
) -> None:
    shares = np.random.default_rng(0).dirichlet([1, 1], steps)
    unfolding([("a", np.arange(1, steps + 1), shares)] * 2, ["a", "b"], tmp_path / "a.png")
    assert not any(map(unseen_points, figures[0].axes)) and not overlapping_labels(figures[0])
