"""The states of an echo state network, chunk by chunk."""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np

from custom_layers import Reservoir

_CHUNK = 2**22
"""About how many inputs of the readout are in memory at once: 16 MB."""

_LENGTH = 1024
"""Largest number of steps of a chunk, so that one compiled program serves series of any length."""


class StateStream:
    """The states of an echo state network, chunk by chunk, in a compiled model.

    Args:
        model: Model of `echo_state_network`.
    """

    def __init__(self, model: keras.Model) -> None:
        self.reservoirs = reservoirs_of(model)
        self.width = model.get_layer("readout").kernel.shape[0]
        self._precision = precision_of(model)
        self._reads_inputs = reads_inputs(model)
        x = keras.Input((None, model.input.shape[-1]), name="x", dtype=self._precision)
        before = [
            keras.Input((r.units,), name=f"before_{r.name}", dtype=self._precision)
            for r in self.reservoirs
        ]
        seen, after = self.states_of(x, before)
        self._model = compiled(keras.Model([x, *before], [seen, *after]))

    def states_of(self, x: Any, before: list[Any] | None = None) -> tuple[Any, list[Any]]:
        """Inputs of the readout for `x`, `(batch, time, features)`, and the states after it."""
        seen = [x] if self._reads_inputs else []
        after, y = [], x
        for index, reservoir in enumerate(self.reservoirs):
            y, state = reservoir(y, initial_state=[before[index]] if before else None)
            # Under a mixed policy states are less precise; NumPy does not know bfloat16.
            seen.append(keras.ops.cast(y, self._precision))
            after.append(keras.ops.cast(state, self._precision))
        if len(seen) == 1:
            return seen[0], after
        return keras.layers.Concatenate(dtype=self._precision)(seen), after

    def chunks(
        self, sequences: Any, pad: bool = True
    ) -> Iterator[tuple[np.ndarray, list[np.ndarray]]]:
        """Inputs of the readout, in chunks of equal length, and the states after each.

        Args:
            sequences: Inputs `(batch, time, features)`.
            pad: Whether to pad the last chunk to the length of the others, which saves a
                compilation. The states after it are then meaningless.
        """
        batch, time, _ = sequences.shape
        pieces = -(-time * batch * self.width // _CHUNK)
        length = -(-time // pieces)
        if pad and time > _LENGTH:
            length = min(length, _LENGTH)
        states = [np.zeros((batch, r.units), self._precision) for r in self.reservoirs]
        for start in range(0, time, length):
            chunk = sequences[:, start : start + length]
            if pad and chunk.shape[1] < length:
                chunk = np.pad(chunk, ((0, 0), (0, length - chunk.shape[1]), (0, 0)))
            seen, *states = self._model.predict_on_batch([chunk, *states])
            yield seen, states


_STREAMS: weakref.WeakKeyDictionary[keras.Model, StateStream] = weakref.WeakKeyDictionary()


def stream_of(model: keras.Model) -> StateStream:
    """The stream of a model, cached so that a second fit with another `alpha` compiles nothing."""
    if model not in _STREAMS:
        _STREAMS[model] = StateStream(model)
    return _STREAMS[model]


def compiled(model: keras.Model) -> keras.Model:
    """The model, compiled by XLA if the backend has it."""
    model.compile(jit_compile=keras.config.backend() != "torch")
    return model


def reservoirs_of(model: keras.Model) -> list[Reservoir]:
    """The reservoirs of a model, in order."""
    return [layer for layer in model.layers if isinstance(layer, Reservoir)]


def reads_inputs(model: keras.Model) -> bool:
    """Whether the readout sees the inputs as well as the states."""
    width = model.get_layer("readout").kernel.shape[0]
    return width > sum(reservoir.units for reservoir in reservoirs_of(model))


def precision_of(model: keras.Model) -> str:
    """The dtype of the inputs."""
    return str(model.input.dtype)


def delayed(y: np.ndarray) -> np.ndarray:
    """The outputs of the step before; zeros before the first step."""
    return np.concatenate([np.zeros_like(y[:1]), y[:-1]])
