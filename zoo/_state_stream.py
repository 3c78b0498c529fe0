"""The states of an echo state network, chunk by chunk."""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np

from custom_layers import Reservoir

_CHUNK = 2**22
"""About how many numbers that the readout sees are in memory at once: 16 MB."""


class StateStream:
    """The states of an echo state network, chunk by chunk, in a compiled model.

    Args:
        model: Of `echo_state_network`.
    """

    def __init__(self, model: keras.Model) -> None:
        self.reservoirs = reservoirs_of(model)
        self.width = model.get_layer("readout").kernel.shape[0]
        x = keras.Input((None, model.input.shape[-1]), name="x")
        before = [keras.Input((r.units,), name=f"before_{r.name}") for r in self.reservoirs]
        seen = [x] if reads_inputs(model) else []
        after, y = [], x
        for reservoir, state in zip(self.reservoirs, before, strict=True):
            y, state = reservoir(y, initial_state=[state])
            seen.append(y)
            after.append(state)
        joined = seen[0] if len(seen) == 1 else keras.layers.Concatenate()(seen)
        self._model = compiled(keras.Model([x, *before], [joined, *after]))

    def chunks(
        self, sequences: Any, pad: bool = True
    ) -> Iterator[tuple[np.ndarray, list[np.ndarray]]]:
        """What the readout sees, in chunks of equal length, and the states after each.

        Args:
            sequences: `(batch, time, features)`.
            pad: Make the last chunk as long as the others, which spares a compilation; the states
                after it are then of no use.
        """
        batch, time, _ = sequences.shape
        pieces = -(-time * batch * self.width // _CHUNK)
        length = -(-time // pieces)
        states = [np.zeros((batch, r.units), "float32") for r in self.reservoirs]
        for start in range(0, time, length):
            chunk = sequences[:, start : start + length]
            if pad and chunk.shape[1] < length:
                chunk = np.pad(chunk, ((0, 0), (0, length - chunk.shape[1]), (0, 0)))
            seen, *states = self._model.predict_on_batch([chunk, *states])
            yield seen, states


_STREAMS: weakref.WeakKeyDictionary[keras.Model, StateStream] = weakref.WeakKeyDictionary()


def stream_of(model: keras.Model) -> StateStream:
    """The stream of a model, compiled once: a second fit with another `alpha` compiles nothing."""
    if model not in _STREAMS:
        _STREAMS[model] = StateStream(model)
    return _STREAMS[model]


def compiled(model: keras.Model) -> keras.Model:
    """The model, to be run by XLA where the backend has it."""
    model.compile(jit_compile=keras.config.backend() != "torch")
    return model


def reservoirs_of(model: keras.Model) -> list[Reservoir]:
    """The reservoirs, the first one first."""
    return [layer for layer in model.layers if isinstance(layer, Reservoir)]


def reads_inputs(model: keras.Model) -> bool:
    """Whether the readout sees the inputs beside the states."""
    width = model.get_layer("readout").kernel.shape[0]
    return width > sum(reservoir.units for reservoir in reservoirs_of(model))
