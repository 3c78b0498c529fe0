"""Models saved by an earlier version predict as they did: see artefacts/996d83d/README.md."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest

import custom_layers  # noqa: F401  registers the layers
import zoo  # noqa: F401

FOLDER = Path(__file__).parent / "artefacts" / "996d83d"
NAMES = sorted(path.stem for path in FOLDER.glob("*.keras"))
FORBIDDEN = -1e20
"""Log potentials of forbidden tags are about -1e30, sums of them included."""


def arrays(name: str, kind: str) -> dict[str, np.ndarray] | np.ndarray:
    """The `input` or `output` of a model: an array, or arrays by name."""
    with np.load(FOLDER / f"{name}.npz") as file:
        if kind in file:
            return file[kind]
        prefix = f"{kind}_"
        return {key.removeprefix(prefix): file[key] for key in file if key.startswith(prefix)}


def assert_same(found: np.ndarray, expected: np.ndarray) -> None:
    assert found.dtype == expected.dtype
    np.testing.assert_array_equal(found < FORBIDDEN, expected < FORBIDDEN)
    found, expected = (np.where(x < FORBIDDEN, 0, x) for x in (found, expected))
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def test_every_saved_model_is_tested():
    assert len(NAMES) == 12
    assert NAMES == sorted(path.stem for path in FOLDER.glob("*.npz"))


@pytest.mark.parametrize("name", NAMES)
def test_saved_model_predicts_as_before(name):
    model = keras.models.load_model(FOLDER / f"{name}.keras")
    found, expected = model.predict(arrays(name, "input"), verbose=0), arrays(name, "output")
    if not isinstance(expected, dict):
        return assert_same(found, expected)
    assert sorted(found) == sorted(expected)
    for key, values in expected.items():
        assert_same(found[key], values)
