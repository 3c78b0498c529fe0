"""The recurrent layers that `cell=` names, and how a stack creates them."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable, Mapping
from typing import Any, Literal

import keras
import numpy as np

from custom_layers import (
    LRU,
    AnyMaskGRU,
    AnyMaskLSTM,
    DelayRNN,
    LeakyRNN,
    LegendreMemory,
    MinGRU,
    MinLSTM,
    PerGateOrthogonal,
    Reservoir,
)
from custom_layers.engine.checks import require_one_of

RecurrentInitializer = Literal["orthogonal", "glorot", "identity"]

#: Layers by the names for `cell=`. Keras's own if it has one, as they use cuDNN where possible:
#: `AnyMaskLSTM` and `AnyMaskGRU` are these, whatever the mask.
CELLS: dict[str, Callable[..., keras.layers.Layer]] = {
    "simple": keras.layers.SimpleRNN,
    "lstm": AnyMaskLSTM,
    "gru": AnyMaskGRU,
    "leaky": LeakyRNN,
    "delay": DelayRNN,
    "reservoir": Reservoir,
    "lmu": LegendreMemory,
    "lru": LRU,
    "mingru": MinGRU,
    "minlstm": MinLSTM,
}

#: Options of a cell in a stack. The LRU is linear, and so would a stack of them be without these.
CELL_DEFAULTS: dict[str, Mapping[str, Any]] = {"lru": {"activation": "silu"}}


def register_cell(name: str, layer: Callable[..., keras.layers.Layer]) -> None:
    """Make a recurrent layer available as `cell=name` in every model of the zoo.

    Args:
        name: Name for the `cell` option.
        layer: Function that is called as `layer(units, return_sequences=True,
            recurrent_initializer=..., recurrent_dropout=..., kernel_regularizer=...,
            recurrent_regularizer=..., name=...)` and returns a layer. That layer maps
            (batch, time, features) and a mask to (batch, time, units).

    Raises:
        ValueError: If the name is taken.
    """
    if name in CELLS:
        raise ValueError(f"Cell name {name!r} is taken by {CELLS[name]!r}.")
    CELLS[name] = layer


def recurrent_layer(
    cell: str,
    units: int,
    *,
    recurrent_dropout: float = 0.0,
    recurrent_initializer: RecurrentInitializer = "orthogonal",
    l2: float = 0.0,
    cell_options: Mapping[str, Any] | None = None,
    return_state: bool = False,
    name: str | None = None,
) -> keras.layers.Layer:
    """One recurrent layer of a stack, with the arguments of `recurrent_stack`.

    Raises:
        ValueError: If the layer of the cell does not take an option, or refuses its value.
    """
    known = _cell_options(cell)
    for option in cell_options or {}:
        if option not in known:
            near = difflib.get_close_matches(option, known, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else "."
            raise ValueError(
                f"`cell_options` of {cell!r} are {', '.join(known)}, not {option!r}{hint}"
            )
    return CELLS[cell](
        units,
        return_sequences=True,
        name=name,
        **({"return_state": True} if return_state else {}),
        **_weights(cell, recurrent_initializer, l2),
        **({"recurrent_dropout": recurrent_dropout} if recurrent_dropout else {}),
        **{**CELL_DEFAULTS.get(cell, {}), **(cell_options or {})},
    )


_SET_BY_THE_STACK = {
    "units",
    "name",
    "return_sequences",
    "return_state",
    "go_backwards",
    "stateful",
    "unroll",
    "dropout",
    "recurrent_dropout",
    "recurrent_initializer",
    "kernel_regularizer",
    "recurrent_regularizer",
}


def _cell_options(cell: str) -> list[str]:
    """Arguments of the layer of a cell that the stack does not set."""
    require_one_of("cell", cell, CELLS)
    layer = CELLS[cell]
    parameters = inspect.signature(layer).parameters.values()
    return [
        p.name
        for p in parameters
        if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY) and p.name not in _SET_BY_THE_STACK
    ]


def _weights(cell: str, initializer: RecurrentInitializer, l2: float) -> dict[str, Any]:
    """Initialiser and regularisers for the kinds of weights that the layer has."""
    own = getattr(CELLS[cell], "cell_class", None)
    kinds = ("kernel", "recurrent") if own is None else tuple(own.default_initializers)
    options: dict[str, Any] = {}
    if l2:
        options = {
            f"{kind}_regularizer": keras.regularizers.L2(l2)
            for kind in ("kernel", "recurrent")
            if kind in kinds
        }
    if initializer == "identity":
        return {**options, "recurrent_initializer": "identity", "activation": "relu"}
    if initializer == "glorot":
        if "recurrent" not in kinds:
            raise ValueError(
                f"`recurrent_initializer='glorot'` needs a trainable recurrent kernel, which "
                f"{cell!r} does not have."
            )
        return {**options, "recurrent_initializer": "glorot_uniform"}
    if own is None:
        options["recurrent_initializer"] = PerGateOrthogonal()
    return options  # orthogonal is the default of the layers of this package


def layer_seeds(seed: int | None, count: int) -> list[int | None]:
    """A seed for each layer of a stack, derived from one; `None` for each if it is `None`."""
    if seed is None:
        return [None] * count
    return [int(s) for s in np.random.SeedSequence(seed).generate_state(count)]
