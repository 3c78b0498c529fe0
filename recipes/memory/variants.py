"""What can be compared with a model on a memory task.

A variant is a change of the config: another cell, another start, another clipping rule. A group is
a lesson: the variants that show one thing. Nothing here imports Keras.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from recipes.kit.errors import UserError
from recipes.kit.options import CELLS

if TYPE_CHECKING:
    from recipes.memory.options import Config

#: Cells without a recurrent kernel, which a gain could scale.
UNGAINED = ("lru", "mingru", "minlstm")


def _cell(
    cell: str, options: str = "{}", *, start: str = "orthogonal", gain: float | None = None
) -> dict[str, Any]:
    change = {"cell": cell, "cell_options": options, "recurrent_initializer": start}
    if cell in UNGAINED:
        gain = 1.0
    return change if gain is None else {**change, "recurrent_gain": gain}


def _deep(connection: str) -> dict[str, Any]:
    return {"depth": 8, "connection": connection, "layer_norm": connection != "none"}


def _clipped(**rule: float) -> dict[str, Any]:
    return {"global_clipnorm": None, "clipnorm": None, "clipvalue": None, **rule}


#: From the name of a variant to the options that make it.
VARIANTS: dict[str, dict[str, Any]] = {
    **{cell: _cell(cell) for cell in CELLS},
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


def expand(names: Iterable[str]) -> list[str]:
    """The variants that names of variants and groups stand for, each once.

    Raises:
        UserError: If a name is neither.
    """
    variants: dict[str, None] = {}
    for name in names:
        if name not in VARIANTS and name not in GROUPS:
            raise UserError(
                f"--compare: unknown name {name!r}; expected groups ({', '.join(GROUPS)}) or "
                f"variants ({', '.join(VARIANTS)})."
            )
        variants.update(dict.fromkeys(GROUPS.get(name, (name,))))
    return list(variants)


def chosen(config: Config) -> dict[str, Config]:
    """The configs to compare by their labels, that of the model itself first."""
    variants = {
        label: dataclasses.replace(config, **VARIANTS[label]) for label in expand(config.compare)
    }
    own = next((label for label, variant in variants.items() if variant == config), None)
    if own is None:
        own = _name_of(config)
    return {own: config, **{label: c for label, c in variants.items() if label != own}}


def _name_of(config: Config) -> str:
    """The first variant of a cell that a config already is, or its cell."""
    for label, change in VARIANTS.items():
        if "cell" in change and dataclasses.replace(config, **change) == config:
            return label
    return f"this {config.cell}"
