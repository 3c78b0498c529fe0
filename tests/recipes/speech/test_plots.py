"""Pictures of sound and of what is heard in it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from pictures import bars_of, least_contrast, overlapping_labels

from recipes.speech.plots import Heard, alignment


def heard(truth: str, letters: str) -> Heard:
    generator = np.random.default_rng(0)
    return Heard(
        log_mel=np.log(10.0) * np.tile(np.linspace(-5, 0, 8), (100, 1)),
        seconds_per_frame=0.01,
        probabilities=generator.dirichlet(np.ones(4), 33),
        seconds_per_step=0.03,
        symbols=["", "a", "b", " "],
        letters=[(letter, 0.1 + 0.2 * n, 0.2 + 0.2 * n) for n, letter in enumerate(letters)],
        truth=truth,
    )


def test_energies_are_in_decibels_on_a_scale(tmp_path: Path, figures: list[Figure]) -> None:
    alignment([heard("ab a", "ab a"), heard("ab", "b")], tmp_path / "a.png")
    (figure,) = figures
    assert bars_of(figure) == ["energy, dB"] * 2
    sound, steps = figure.axes[:2]
    shown = sound.images[0].get_array()
    assert (shown.min(), shown.max()) == pytest.approx((-50, 0))
    # Seconds stand below each other.
    assert sound.get_position().x1 == pytest.approx(steps.get_position().x1)
    assert sound.get_xlim() == steps.get_xlim()
    assert least_contrast(figure) >= 4.5 and not overlapping_labels(figure)
