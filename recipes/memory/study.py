"""What can be compared with a model on a task of memory, and what is found out about each.

A variant is a change of the config: another cell, another start, other clipping. A group is a
lesson: the variants that show one thing.
"""

from __future__ import annotations

import csv
import dataclasses
import typing
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np

import zoo
from recipes.kit.errors import UserError
from recipes.kit.options import Cell
from recipes.memory.data import Task

#: Sequences over which gradients are averaged.
_EXAMPLES = 64


def _cell(
    cell: str, options: str = "{}", *, start: str = "orthogonal", gain: float | None = None
) -> dict[str, Any]:
    change = {"cell": cell, "cell_options": options, "recurrent_initializer": start}
    return change if gain is None else {**change, "recurrent_gain": gain}


def _deep(connection: str) -> dict[str, Any]:
    return {"depth": 8, "connection": connection, "layer_norm": connection != "none"}


def _clipped(**rule: float) -> dict[str, Any]:
    return {"global_clipnorm": None, "clipnorm": None, "clipvalue": None, **rule}


#: From the name of a variant to the options that make it.
VARIANTS: dict[str, dict[str, Any]] = {
    **{cell: _cell(cell) for cell in typing.get_args(Cell)},
    "irnn": _cell("simple", start="identity"),
    "simple-glorot": _cell("simple", start="glorot"),
    "simple-half": _cell("simple", gain=0.5),
    "simple-double": _cell("simple", gain=2.0),
    "irnn-1.3": _cell("simple", start="identity", gain=1.3),
    "leaky-4": _cell("leaky", '{"time_constant": 4}'),
    "leaky-16": _cell("leaky", '{"time_constant": 16}'),
    "leaky-64": _cell("leaky", '{"time_constant": 64}'),
    "delay-4": _cell("delay", '{"delays": [1, 4]}'),
    "delay-16": _cell("delay", '{"delays": [1, 16]}'),
    "delay-64": _cell("delay", '{"delays": [1, 64]}'),
    "deep-plain": _deep("none"),
    "deep-residual": _deep("residual"),
    "deep-dense": _deep("dense"),
    "unclipped": _clipped(),
    "clip-global": _clipped(global_clipnorm=1.0),
    "clip-norm": _clipped(clipnorm=1.0),
    "clip-value": _clipped(clipvalue=0.1),
}

#: From the name of a lesson to its variants.
GROUPS: dict[str, tuple[str, ...]] = {
    "cells": ("simple", "irnn", "gru", "lstm", "leaky-64", "delay", "lmu", "lru"),
    "initialisation": (
        "simple-half",
        "simple",
        "simple-glorot",
        "simple-double",
        "irnn",
        "irnn-1.3",
    ),
    "leaks": ("simple", "leaky-4", "leaky-16", "leaky-64"),  # clearest with --recurrent-gain 0.5
    "delays": ("simple", "delay-4", "delay-16", "delay-64"),  # likewise
    "depth": ("deep-plain", "deep-residual", "deep-dense"),
    "clipping": ("unclipped", "clip-global", "clip-norm", "clip-value"),
}


@dataclass(frozen=True)
class Study:
    """What was found out about one model.

    Attributes:
        label: Its name among those compared.
        history: Rows of its training; none where it diverged.
        initial: Gradients before the training, one for each layer.
        trained: Gradients after it; none where it diverged.
        test: Metrics on the test part, likewise.
        parameters: Its weights.
    """

    label: str
    history: list[dict[str, float]]
    initial: list[zoo.GradientFlow]
    trained: list[zoo.GradientFlow]
    test: Mapping[str, float]
    parameters: int


def expand(names: Iterable[str]) -> list[str]:
    """The variants that names of variants and groups stand for, each once.

    Raises:
        UserError: If a name is neither.
    """
    found: dict[str, None] = {}
    for name in names:
        if name not in VARIANTS and name not in GROUPS:
            raise UserError(
                f"--compare: there is no {name!r}; expected groups ({', '.join(GROUPS)}) or "
                f"variants ({', '.join(VARIANTS)})."
            )
        found.update(dict.fromkeys(GROUPS.get(name, (name,))))
    return list(found)


def chosen(config: Any) -> dict[str, Any]:
    """The configs to compare by their labels, that of the model itself first."""
    others = {
        label: dataclasses.replace(config, **VARIANTS[label]) for label in expand(config.compare)
    }
    own = next((label for label, other in others.items() if other == config), None)
    if own is None:
        cells = ((label, change) for label, change in VARIANTS.items() if "cell" in change)
        same = (name for name, change in cells if dataclasses.replace(config, **change) == config)
        own = next(same, f"this {config.cell}")
    return {own: config, **{label: c for label, c in others.items() if label != own}}


def flows(model: keras.Model, task: Task, loss: keras.losses.Loss, seed: int) -> list[Any]:
    """The gradients of the answer's loss through time, on sequences of the test part."""
    x, y = task.part("test", seed, count=_EXAMPLES)
    weights = task.loss_weights(len(x))
    return zoo.gradient_flow(model, {"x": x}, y, loss, sample_weight=weights)


def write(studies: Sequence[Study], score: str, folder: Path) -> None:
    """Write what was found: `comparison.csv`, a row a model, and `gradients.csv`, a row a step."""
    rows = []
    for study in studies:
        best = min(study.history, key=lambda row: row[f"val_{score}"], default={})
        row = {
            "model": study.label,
            "parameters": study.parameters,
            score: f"{study.test[score]:.6g}" if study.test else "diverged",
            "accuracy": f"{study.test['accuracy']:.6g}" if study.test else "diverged",
            "best_epoch": f"{best['epoch']:.0f}" if best else "",
            "seconds": f"{sum(r['seconds'] for r in study.history):.1f}",
            "clipped_fraction": _mean([r["clipped_fraction"] for r in study.history]),
        }
        for when, found in (("initial", study.initial), ("trained", study.trained)):
            if found:
                row[f"span_{when}"] = found[-1].span()
                row[f"vanishing_share_{when}"] = float(found[-1].vanishing().mean())
                row[f"exploding_share_{when}"] = float(found[-1].exploding().mean())
        rows.append(row)
    _write_csv(folder / "comparison.csv", rows)
    _write_csv(
        folder / "gradients.csv",
        [
            {"model": s.label, "when": when, "layer": flow.layer, "step": step + 1, "norm": norm}
            for s in studies
            for when, found in (("initial", s.initial), ("trained", s.trained))
            for flow in found
            for step, norm in enumerate(flow.norms)
        ],
    )


def _mean(values: Sequence[float]) -> str:
    return f"{np.mean(values):.4f}" if values else ""


def _write_csv(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    names = dict.fromkeys(name for row in rows for name in row)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(names))
        writer.writeheader()
        writer.writerows(rows)
