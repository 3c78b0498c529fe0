"""Probabilities that mean what they say: a temperature fitted on the validation part.

Networks trained to the end are surer than they are right. Dividing their logits by one number, the
temperature, mends most of it and changes no answer (Guo et al. 2017, On Calibration of Modern
Neural Networks).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np
from scipy.optimize import minimize_scalar

from recipes.kit.config_file import read_json
from recipes.kit.judge import Judgement

#: Fewest validation examples that a temperature is fitted on.
FEWEST = 100

#: Bins of the calibration error, as Guo et al. have them.
_BINS = 15

#: Between these temperatures the best is looked for.
_LOWEST, _HIGHEST = 0.01, 10.0


class Confidence(NamedTuple):
    """Answers of a model at some temperature.

    Attributes:
        of_answer: The probability of each answer.
        of_truth: The probability of each true answer.
        right: Whether each answer is right.
    """

    of_answer: np.ndarray
    of_truth: np.ndarray
    right: np.ndarray


@dataclass(frozen=True)
class Calibration:
    """What was found on the validation part.

    Attributes:
        examples: Its size.
        unit: What the examples are, in the plural.
        temperature: What scores are divided by; 1 where nothing was fitted, or where the best one
            does not lower the calibration error.
        error_before: Expected calibration error on the validation part as the model is; None where
            nothing was fitted.
        error_after: The same with the best temperature.
    """

    examples: int
    unit: str
    temperature: float = 1.0
    error_before: float | None = None
    error_after: float | None = None

    @property
    def note(self) -> str:
        """What should be said of the probabilities of the model."""
        if self.error_before is not None and self.temperature == 1:
            return (
                f"Probabilities are left as they are: on {self.examples:,} validation {self.unit} "
                f"their calibration error is {self.error_before:.4f}, and the best temperature "
                f"does not lower it ({self.error_after:.4f})."
            )
        if self.error_before is not None:
            return (
                f"Probabilities are calibrated on {self.examples:,} validation {self.unit}: "
                f"temperature {self.temperature:.3g}, where the calibration error is "
                f"{self.error_before:.4f} without and {self.error_after:.4f} with it."
            )
        if self.examples < FEWEST:
            return (
                f"Probabilities are not calibrated: {self.examples:,} validation {self.unit} are "
                f"too few; {FEWEST} are needed."
            )
        return (
            f"Probabilities are not calibrated: the model makes no error in {self.examples:,} "
            f"validation {self.unit}."
        )

    @property
    def record(self) -> dict[str, Any]:
        """As it is written beside the model; `read` takes it."""
        return dataclasses.asdict(self)

    @classmethod
    def read(cls, record: Mapping[str, Any]) -> Calibration | None:
        """That of a folder; None where an earlier version wrote it."""
        return cls(**record["calibration"]) if "calibration" in record else None


def noted(judgement: Judgement, calibration: Calibration | None) -> Judgement:
    """A judgement that also says how the probabilities were calibrated."""
    if calibration is None:
        return judgement
    return dataclasses.replace(
        judgement,
        notes=(*judgement.notes, calibration.note),
        facts={**judgement.facts, "calibration": calibration.record},
    )


def calibrate(examples: int, unit: str, confidence: Callable[[float], Confidence]) -> Calibration:
    """The temperature by which the true answers of the validation part are likeliest.

    Args:
        examples: Its size.
        unit: What the examples are, in the plural.
        confidence: From a temperature to the probabilities on the validation part.

    Returns:
        The temperature, and the expected calibration error without and with it. The temperature
        is 1 where that error does not fall; with few examples, or none that is answered wrongly,
        there is nothing to fit.
    """
    if examples < FEWEST or (before := confidence(1.0)).right.all():
        return Calibration(examples, unit)

    def nats(log_temperature: float) -> float:
        of_truth = confidence(float(np.exp(log_temperature))).of_truth
        return float(-np.log(np.maximum(of_truth, 1e-30)).mean())

    bounds = (np.log(_LOWEST), np.log(_HIGHEST))
    best = minimize_scalar(nats, bounds=bounds, method="bounded", options={"xatol": 1e-3})
    temperature = float(f"{np.exp(best.x):.6g}")
    error, lowest = (
        calibration_error(calibration_terms(c.of_answer, c.right).sum(axis=0))
        for c in (before, confidence(temperature))
    )
    return Calibration(examples, unit, temperature if lowest < error else 1.0, error, lowest)


def softmax_confidence(logits: np.ndarray, truth: np.ndarray) -> Callable[[float], Confidence]:
    """From a temperature to the probabilities of classes.

    Args:
        logits: (examples, classes).
        truth: Number of the true class of each example.
    """
    best, rows = logits.argmax(axis=1), np.arange(len(logits))

    def confidence(temperature: float) -> Confidence:
        scaled = logits.astype("float64") / temperature
        shares = np.exp(scaled - scaled.max(axis=1, keepdims=True))
        shares /= shares.sum(axis=1, keepdims=True)
        return Confidence(shares[rows, best], shares[rows, truth], best == truth)

    return confidence


def calibration_terms(confidence: np.ndarray, right: np.ndarray) -> np.ndarray:
    """What each answer adds to the calibration error: (answers, 3, bins), the number of answers in
    each bin of confidence, their confidence, and how many are right."""
    bins = np.minimum((confidence * _BINS).astype(int), _BINS - 1)
    inside = np.eye(_BINS)[bins]
    return np.stack([inside, inside * confidence[:, None], inside * right[:, None]], axis=1)


def calibration_error(sums: np.ndarray) -> float:
    """The expected calibration error, 0 to 1: how far the mean confidence of answers is from the
    share that is right, in the mean over 15 bins of confidence, weighed by their answers.

    Args:
        sums: Of `calibration_terms`, (3, bins).
    """
    count, confidence, right = sums
    return float(np.abs(confidence - right).sum() / count.sum())


def calibrate_classes(unit: str, model: keras.Model, batches: Iterable[Any]) -> Calibration:
    """The calibration of a model of class logits.

    Args:
        unit: What the examples are, in the plural.
        model: The model.
        batches: Of the validation part, inputs and numbers of the true classes.
    """
    pairs = [(model.predict_on_batch(x), np.asarray(truth)) for x, truth in batches]
    logits, truth = (np.concatenate(part) for part in zip(*pairs, strict=True))
    return calibrate(len(logits), unit, softmax_confidence(logits, truth))


def temperature_of(record: Path) -> float:
    """The temperature in what was written beside a model; 1 where an earlier version wrote it."""
    calibration = Calibration.read(read_json(record))
    return 1.0 if calibration is None else calibration.temperature
