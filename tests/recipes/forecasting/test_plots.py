"""Pictures of forecasts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from pictures import overlapping_labels, unseen_points

from recipes.forecasting.plots import Fan, by_step, fans

HOURS = np.datetime64("2020-01-01T00:00:00") + np.arange(60) * np.timedelta64(3600, "s")


def fan_of(times: np.ndarray, values: np.ndarray) -> Fan:
    forecast = np.linspace(0, 1, 12)
    return Fan(
        title="sold, from then",
        before=(times[:48], values[:48]),
        after=(times[48:], values[48:]),
        forecast=forecast,
        quantiles=forecast[:, None] + [-0.5, 0, 0.5],
        others={"naive": 0 * forecast},
    )


@pytest.mark.parametrize("times", [HOURS, np.arange(60), np.arange(60) / 4])
def test_lines_break_at_missing_values(
    times: np.ndarray, tmp_path: Path, figures: list[Figure]
) -> None:
    values = np.sin(np.arange(60.0))
    missing = [10, 11, 12, 20, 22, 47, 50, 51]  # 21 is alone, 47 the last known step
    values[missing] = np.nan
    fans([fan_of(times, values)], [0.1, 0.5, 0.9], tmp_path / "a.png")
    axes = figures[0].axes[0]
    past, alone, future = axes.lines[:3]
    assert np.flatnonzero(np.isnan(past.get_ydata())).tolist() == [10, 11, 12, 20, 22, 47]
    assert alone.get_ydata().tolist() == [values[21]] and alone.get_linestyle() == "None"
    assert np.flatnonzero(np.isnan(future.get_ydata())).tolist() == [0, 3, 4]
    assert not unseen_points(axes) and not overlapping_labels(figures[0])
    unit = {"M": "", "i": "step", "f": "time"}[times.dtype.kind]
    assert axes.get_xlabel() == unit
    figures[0].canvas.draw()
    assert times.dtype.kind != "M" or "2020" in axes.xaxis.get_offset_text().get_text()


@pytest.mark.parametrize("steps", [1, 24])
def test_errors_by_step(steps: int, tmp_path: Path, figures: list[Figure]) -> None:
    errors = {"model": np.linspace(0.5, 1, steps), "naive": np.linspace(0.8, 1, steps)}
    by_step(errors, "mean absolute scaled error", tmp_path / "a.png")
    axes = figures[0].axes[0]
    assert not unseen_points(axes) and not overlapping_labels(figures[0])
    low, high = axes.get_xlim()
    assert all(place == round(place) for place in axes.get_xticks() if low <= place <= high)
