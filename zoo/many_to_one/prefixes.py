"""What a pooling layer makes of a sequence so far, at each of its steps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from custom_layers import AttentionPooling1D


def pooled_prefixes(pooling: keras.layers.Layer, states: Any) -> Any:
    """Pool the first step of a sequence, the first two, and so on, up to all.

    Args:
        pooling: `SequencePooling1D` or `AttentionPooling1D`.
        states: (batch, time, width).

    Returns:
        (batch, time, width), or twice the width where `pooling` takes both ends; float32 where
        it is a mean. Memory and work are those of a few copies of the states.
    """
    if isinstance(pooling, AttentionPooling1D):
        scores = pooling.scores(states)
        precise = ops.cast(states, scores.dtype)
        _, total, weighted = _prefixes(_join_weighted, scores, ops.ones_like(scores), precise)
        return weighted / ops.broadcast_to(total[..., None], ops.shape(weighted))
    if pooling.mode == "mean":
        total = ops.cumsum(ops.cast(states, "float32"), axis=1)
        counts = ops.cumsum(ops.ones_like(total), axis=1)
        return total / counts
    if pooling.mode == "max":
        return _prefixes(_join_highest, states)[0]
    if pooling.mode == "ends":
        first = ops.broadcast_to(states[:, :1], ops.shape(states))
        return ops.concatenate([states, first], axis=-1)
    return states


def _join_highest(earlier: tuple[Any], later: tuple[Any]) -> tuple[Any]:
    return (ops.maximum(earlier[0], later[0]),)


def _join_weighted(earlier: tuple[Any, ...], later: tuple[Any, ...]) -> tuple[Any, ...]:
    """Highest score, sum of weights and weighted sum of two parts that follow each other; weights
    are relative to the highest score, so that none overflows."""
    highest = ops.maximum(earlier[0], later[0])
    shares = [ops.exp(part[0] - highest) for part in (earlier, later)]
    total = earlier[1] * shares[0] + later[1] * shares[1]
    before, after = (
        part[2] * ops.broadcast_to(share[..., None], ops.shape(part[2]))
        for part, share in zip((earlier, later), shares, strict=True)
    )
    return highest, total, before + after


def _prefixes(join: Callable[..., tuple[Any, ...]], *steps: Any) -> tuple[Any, ...]:
    """The joined steps up to each step, (batch, time, ...), in log2(time) rounds: after each a step
    has joined twice as many before it (Hillis and Steele 1986)."""
    time = ops.shape(steps[0])[1]
    places = ops.arange(time)

    def double(reach: Any, *values: Any) -> tuple[Any, ...]:
        before = ops.maximum(places - reach, 0)
        joined = join(tuple(ops.take(value, before, axis=1) for value in values), values)
        there = [
            ops.reshape(places >= reach, (1, time, *[1] * (len(value.shape) - 2)))
            for value in values
        ]
        chosen = (ops.where(*each) for each in zip(there, joined, values, strict=True))
        return (2 * reach, *chosen)

    _, *values = ops.while_loop(lambda reach, *_: reach < time, double, (1, *steps))
    return tuple(values)
