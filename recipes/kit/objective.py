"""What the best epoch and the best trial of a search are chosen by."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal


@dataclass(frozen=True)
class Objective:
    """What the best epoch and the best trial are chosen by; `val_loss` breaks ties.

    Attributes:
        metric: A metric of the validation part, which `train` logs as `val_METRIC`.
        mode: Whether more or less of it is better.
        shown: The metric for the picture of the training and to compare runs by, where another one
            says more to a person; more of it is better.
        worst: The value of a model that has learned nothing, where there is one. Anything beyond it
            counts as no worse: a character error rate above 1 is as bad as an empty answer.
    """

    metric: str
    mode: Literal["min", "max"]
    shown: str = ""
    worst: float | None = None

    @property
    def name(self) -> str:
        """The column of the history that decides."""
        return f"val_{self.metric}"

    def rank(self, figures: Mapping[str, Any]) -> tuple[float, float]:
        """What the figures of an epoch (or a trial) are compared by; more is better.

        The first number is the metric, the second the loss. What is not a number is the worst.
        """
        score, loss = figures[self.name], figures.get("val_loss")
        score = score if self.mode == "max" else -score
        if self.worst is not None:
            score = max(score, self._lowest)
        loss = math.inf if loss is None or math.isnan(loss) else loss
        return (self._lowest if math.isnan(score) else score), -loss

    def is_worst(self, figures: Mapping[str, Any]) -> bool:
        """Whether the metric is at its worst, and only the loss can tell progress."""
        return self.rank(figures)[0] == self._lowest

    @property
    def _lowest(self) -> float:
        """The lowest first number of a rank."""
        if self.worst is None:
            return -math.inf
        return self.worst if self.mode == "max" else -self.worst
