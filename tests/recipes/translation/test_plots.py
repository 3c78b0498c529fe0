"""Pictures of translations in any script, of any length."""

from __future__ import annotations

import numpy as np
import pytest
from pictures import bars_of, least_contrast

from recipes.translation.plots import alignment


def weights_of(targets: int, sources: int) -> np.ndarray:
    distance = np.abs(np.linspace(0, sources - 1, targets)[:, None] - np.arange(sources))
    weights = np.exp(-distance)
    return weights / weights.sum(axis=1, keepdims=True)


def aligned(source: str, target: str) -> tuple[list[str], list[str], np.ndarray]:
    sources, targets = [*source.split(), ""], [*target.split(), ""]
    return sources, targets, weights_of(len(targets), len(sources))


PAIRS = [
    aligned("▁Das ▁ist ▁gut .", "▁This ▁is ▁good ."),
    aligned(
        " ".join("$a_$ ein{ langer} Satz".split() * 8), " ".join("a\\b long $sentence".split() * 7)
    ),
    aligned("▁東京 に ▁行く 。 नमस्ते สวัสดี", "مرحبا בעולם \U0001f600 e\u0301"),
    ([*"no way", ""], [*"ja !", ""], weights_of(5, 7)),
    aligned("", ""),
]


@pytest.mark.parametrize("pairs", [PAIRS[:1], PAIRS[:2], PAIRS[1:4], PAIRS[:4], PAIRS[4:]])
def test_alignment_of_any_script_and_length(tmp_path, pairs, figures):
    alignment(pairs, tmp_path / "alignment.png")
    assert (tmp_path / "alignment.png").read_bytes().startswith(b"\x89PNG")
    assert bars_of(figures[0]) == ["attention (a row adds up to 1)"]
    meshes = [axes.collections[0] for axes in figures[0].axes[: len(pairs)]]
    assert {mesh.get_clim() for mesh in meshes} == {(0, 1)}
    assert least_contrast(figures[0]) >= 4.5
