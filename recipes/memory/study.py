"""What is found out about each model that is compared: its training, its gradients, its score."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import keras
import numpy as np

import zoo
from recipes.kit.recipe import Metrics, Row
from recipes.memory.tasks import Task

#: Sequences over which gradients are averaged.
_EXAMPLES = 64


@dataclass(frozen=True)
class Study:
    """What was found out about one model.

    Attributes:
        label: Its name among those compared.
        history: Rows of its training; empty where it diverged.
        initial: Gradients before the training, one for each layer.
        trained: Gradients after it; empty where it diverged.
        test: Metrics on the test part; empty where it diverged.
        parameters: Number of its weights.
    """

    label: str
    history: Sequence[Row]
    initial: Sequence[zoo.GradientFlow]
    trained: Sequence[zoo.GradientFlow]
    test: Metrics
    parameters: int

    @property
    def flows(self) -> Mapping[str, Sequence[zoo.GradientFlow]]:
        """The gradients by when they were taken."""
        return {"initial": self.initial, "trained": self.trained}


def flows(model: keras.Model, task: Task, seed: int) -> list[zoo.GradientFlow]:
    """The gradients of the answer's loss through time, on sequences of the test part."""
    x, y = task.part("test", seed, count=_EXAMPLES)
    weights = task.loss_weights(len(x))
    return zoo.gradient_flow(model, {"x": x}, y, task.loss, sample_weight=weights)


def comparison(studies: Sequence[Study], score: str) -> list[Row]:
    """The rows of `comparison.csv`, one for each model."""
    return [dict(_row(study, score)) for study in studies]


def _row(study: Study, score: str) -> Iterator[tuple[str, object]]:
    yield "model", study.label
    yield "parameters", study.parameters
    for metric in (score, "accuracy"):
        yield metric, f"{study.test[metric]:.6g}" if study.test else "diverged"
    best = min(study.history, key=lambda row: row[f"val_{score}"], default={})
    yield "best_epoch", f"{best['epoch']:.0f}" if best else ""
    yield "seconds", f"{sum(row['seconds'] for row in study.history):.1f}"
    clipped = [row["clipped_fraction"] for row in study.history]
    yield "clipped_fraction", f"{np.mean(clipped):.4f}" if clipped else ""
    for when, layers in study.flows.items():
        if layers:
            yield f"span_{when}", layers[-1].span()
            yield f"vanishing_share_{when}", float(layers[-1].vanishing().mean())
            yield f"exploding_share_{when}", float(layers[-1].exploding().mean())


def gradients(studies: Sequence[Study]) -> list[Row]:
    """The rows of `gradients.csv`, one for each step of each layer."""
    return [
        {"model": study.label, "when": when, "layer": flow.layer, "step": step, "norm": norm}
        for study in studies
        for when, layers in study.flows.items()
        for flow in layers
        for step, norm in enumerate(flow.norms, start=1)
    ]
