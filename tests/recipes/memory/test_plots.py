"""Pictures for a lecture on memory."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from pictures import bars_of, overlapping_labels, unseen_points

from recipes.memory import cliff, plots
from recipes.memory.study import Study
from recipes.memory.tasks import Adding, Copy
from zoo.study.gradient_flow import GradientFlow


def study_of(label: str, epochs: int) -> Study:
    rows = [
        {"epoch": n + 1, "val_mse": 0.2 / (n + 1), "clipped_fraction": 0.3} for n in range(epochs)
    ]
    flows = [GradientFlow(f"layer{n}", 0.9 ** np.arange(30.0)[None]) for n in range(2)]
    return Study(label, rows, flows, flows, {"mse": 0.1}, 100)


@pytest.mark.parametrize("epochs", [1, 5])
def test_a_single_epoch_is_a_visible_point(
    epochs: int, tmp_path: Path, figures: list[Figure]
) -> None:
    studies = [study_of("lstm", epochs), study_of("gru", epochs)]
    plots.learning(studies, "mse", 0.17, 100, tmp_path / "a.png")
    plots.gradients(studies, tmp_path / "b.png")
    plots.layers(studies, tmp_path / "c.png")
    assert not any(unseen_points(axes) for figure in figures for axes in figure.axes)
    assert [overlapping_labels(figure) for figure in figures] == [[]] * 3


@pytest.mark.parametrize("count", [1, 3])
def test_probabilities_of_symbols_have_a_scale(
    count: int, tmp_path: Path, figures: list[Figure]
) -> None:
    for task in (Copy(20), Adding(20)):
        x, y = task.part("test", 0, count=count)
        outputs = np.random.default_rng(0).normal(size=(count, x.shape[1], task.outputs))
        plots.knowledge(task, x, y, outputs, tmp_path / "a.png")
    copied, added = figures
    assert bars_of(copied) == ["probability"] and bars_of(added) == []
    assert copied.axes[0].get_xlim()[0] == 0.5  # steps are counted from 1
    assert not overlapping_labels(copied) and not overlapping_labels(added)


def test_the_landscape_has_a_scale(tmp_path: Path, figures: list[Figure]) -> None:
    cliff.draw(tmp_path / "a.png")
    assert bars_of(figures[0]) == ["loss"]
    assert figures[0].axes[1].get_legend().get_frame_on()  # text on what is dark
