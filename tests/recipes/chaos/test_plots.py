"""Pictures of chaotic series."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from pictures import overlapping_labels

from recipes.chaos import plots
from recipes.chaos.metrics import Answers
from recipes.chaos.series import Scoring


def answers_of(columns: int) -> Answers:
    steps, scales = np.arange(900)[:, None], np.array([1e-3, 2e4, 1.0])[:columns]
    truth = (np.sin(0.3 * steps + np.arange(columns)) + 0.3 * np.cos(0.77 * steps)) * scales
    starts = np.arange(0, 500, 100)
    true_runs = np.stack([truth[start : start + 200] for start in starts])
    growing = np.exp(np.linspace(-12, 2, 200))[None, :, None]
    runs = true_runs + growing * np.random.default_rng(0).normal(size=true_runs.shape) * scales
    return Answers(truth, truth, starts, true_runs, runs)


@pytest.mark.parametrize("names", [["1"], ["1", "2"], ["x", "y", "z"]])
@pytest.mark.parametrize("lyapunov", [None, 0.02])
def test_labels_do_not_overlap(
    names: list[str], lyapunov: float | None, tmp_path: Path, figures: list[Figure]
) -> None:
    answers = answers_of(len(names))
    scoring = Scoring(True, 50, 200, 5, 0.4, lyapunov, False)
    plots.forecast(answers, scoring, names, tmp_path / "a.png")
    plots.return_map(answers.truth, answers.truth * 1.01, names, tmp_path / "b.png")
    plots.tracking(answers, names, tmp_path / "c.png")
    assert [overlapping_labels(figure) for figure in figures] == [[]] * 3


def test_columns_without_names_are_called_by_their_numbers(
    tmp_path: Path, figures: list[Figure]
) -> None:
    answers = answers_of(1)
    plots.return_map(answers.truth, answers.truth, ["1"], tmp_path / "a.png")
    plots.forecast(answers, Scoring(True, 50, 200, 5, 0.4, None, False), ["1"], tmp_path / "b.png")
    plots.tracking(answers, ["1"], tmp_path / "c.png")
    labels = [figure.axes[0].get_ylabel() for figure in figures]
    assert figures[0].axes[0].get_xlabel() == "column 1, now"
    assert labels[0].startswith("column 1, ") and labels[0].endswith(" steps before")
    assert labels[1:] == ["column 1", "column 1"]
    if len(figures[0].axes) > 2:
        assert figures[0].axes[2].get_xlabel() == "maximum of column 1"
