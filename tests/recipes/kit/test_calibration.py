"""Temperatures on made-up logits whose right temperature is known."""

from __future__ import annotations

import numpy as np
import pytest

from recipes.kit.calibration import (
    Calibration,
    Confidence,
    calibrate,
    calibration_error,
    calibration_terms,
    softmax_confidence,
)


def made(count: int, factor: float) -> tuple[np.ndarray, np.ndarray]:
    """Logits that are `factor` times those the true classes were drawn by."""
    generator = np.random.default_rng(0)
    logits = generator.normal(0, 2, (count, 4))
    shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    truth = (generator.random((count, 1)) > shares.cumsum(axis=1)).sum(axis=1)
    return factor * logits, np.minimum(truth, 3)


@pytest.mark.parametrize("factor", [0.3, 1.0, 4.0])
def test_the_temperature_is_found(factor: float) -> None:
    found = calibrate(4000, "texts", softmax_confidence(*made(4000, factor)))
    assert found.temperature == pytest.approx(factor, rel=0.06)
    assert found.error_before is not None and found.error_after is not None
    assert found.error_after < 0.02
    if factor != 1:
        assert found.error_before > 0.1
    if found.temperature != 1:
        assert "calibrated on 4,000 validation texts: temperature" in found.note
    assert Calibration.read({"calibration": found.record}) == found


def test_a_temperature_that_does_not_help_is_left_out() -> None:
    """Likeliest at 2, but the answers are as sure as they are right at 1."""
    right = np.arange(200) < 150

    def confidence(temperature: float) -> Confidence:
        of_truth = np.full(200, 0.9 - 0.1 * np.log(temperature / 2) ** 2)
        return Confidence(np.full(200, 0.75 - 0.05 * np.log(temperature)), of_truth, right)

    found = calibrate(200, "texts", confidence)
    assert found.temperature == 1 and found.error_before == pytest.approx(0)
    assert found.error_after is not None and found.error_after > 0.03
    assert "left as they are" in found.note and "0.0000" in found.note


def test_no_answer_changes() -> None:
    confidence = softmax_confidence(*made(500, 3.0))
    assert (confidence(0.1).right == confidence(10.0).right).all()


def test_too_little_to_go_by() -> None:
    few = calibrate(99, "sentences", softmax_confidence(*made(99, 4.0)))
    assert (few.temperature, few.error_before) == (1.0, None)
    assert few.note == (
        "Probabilities are not calibrated: 99 validation sentences are too few; 100 are needed."
    )
    logits, _ = made(500, 1.0)
    perfect = calibrate(500, "texts", softmax_confidence(logits, logits.argmax(axis=1)))
    assert perfect.temperature == 1.0 and "makes no error in 500 validation texts" in perfect.note
    assert Calibration.read({"labels": []}) is None


def test_the_calibration_error_by_hand() -> None:
    """Three answers of about 0.95 of which two are right, one of 0.5 that is right."""
    confidence, right = np.array([0.94, 0.95, 0.96, 0.5]), np.array([True, True, False, True])
    expected = (3 * abs(0.95 - 2 / 3) + abs(0.5 - 1)) / 4
    sums = calibration_terms(confidence, right).sum(axis=0)
    assert calibration_error(sums) == pytest.approx(expected)
    certain = calibration_terms(np.ones(3), np.ones(3, bool)).sum(axis=0)
    assert calibration_error(certain) == 0
