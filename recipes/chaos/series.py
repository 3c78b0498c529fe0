"""A part of a series, how it is scaled, and how forecasts of it are scored."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np


@dataclass(frozen=True)
class Part:
    """A stretch of a series, in its own units.

    Attributes:
        inputs: What the network sees, float64 `(time, features)`.
        targets: What it should answer at each step, `(time, targets)`; where the series goes on by
            itself, its next values.
        lead: Steps at the start that only run the reservoir up; they belong to the part before.
    """

    inputs: np.ndarray
    targets: np.ndarray
    lead: int

    def __len__(self) -> int:
        return len(self.inputs) - self.lead


@dataclass(frozen=True)
class Scoring:
    """What is measured on a part.

    Attributes:
        continues: Whether the series goes on by itself, and free runs are scored.
        horizon: Steps ahead at which `nrmse_HORIZON` and `median_error_HORIZON` are taken.
        run_steps: Length of the free runs, at least `horizon`.
        starts: Number of free runs, spread evenly.
        threshold: Error at which a forecast is no longer valid, see `metrics.valid_steps`.
        lyapunov: Largest Lyapunov exponent per step, if known.
        memory: Whether the targets are the inputs of earlier steps.
    """

    continues: bool
    horizon: int
    run_steps: int
    starts: int
    threshold: float
    lyapunov: float | None
    memory: bool


class Examples(NamedTuple):
    """A part to be scored, and what is measured on it."""

    part: Part
    scoring: Scoring


@dataclass(frozen=True)
class Scaling:
    """Means and standard deviations of the training part, a number for each column."""

    input_mean: np.ndarray
    input_deviation: np.ndarray
    target_mean: np.ndarray
    target_deviation: np.ndarray

    @classmethod
    def of(cls, train: Part, continues: bool) -> Scaling:
        """The scaling of a training part; what is fed back has to be scaled as the inputs are."""
        inputs = _moments(train.inputs)
        return cls(*inputs, *(inputs if continues else _moments(train.targets)))

    def inputs(self, values: Any) -> Any:
        """Inputs as the network sees them."""
        return (values - self.input_mean) / self.input_deviation

    def targets(self, values: np.ndarray) -> np.ndarray:
        """Targets as the network should answer them."""
        return (values - self.target_mean) / self.target_deviation

    def answers(self, values: Any) -> Any:
        """What the network answers, in the unit of the targets."""
        return values * self.target_deviation + self.target_mean


def _moments(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    deviation = values.std(axis=0)
    return values.mean(axis=0), np.where(deviation > 0, deviation, 1.0)
