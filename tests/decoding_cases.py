"""A step to decode with, and what decoding must find: by enumeration and in plain Python."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from compiled import jitted
from keras import ops
from layer_checks import to_numpy

from zoo.decoding.beam import beam_search
from zoo.decoding.greedy import greedy_search

START, END = 2, 1
Row = list[tuple[tuple[int, ...], float, float]]
"""Hypotheses of a row: tokens without the end, score, log-probability; the best first."""


class Tiny:
    """A recurrent step with attention over a context, in NumPy and in Keras.

    States of rank 1 (int32), 2 and 3; a context of rank 3 and its mask.
    """

    def __init__(self, vocabulary: int = 4, seed: int = 0, units: int = 5, width: int = 3) -> None:
        rng = np.random.default_rng(seed)
        self.vocabulary, self.units, self.width = vocabulary, units, width
        shapes = {
            "embedding": (vocabulary, units),
            "recurrent": (units, units),
            "query": (units, width),
            "value": (width, units),
            "output": (units, vocabulary),
            "by_time": (3, vocabulary),
        }
        self.weights = {name: rng.normal(size=shape) for name, shape in shapes.items()}
        self.weights["output"] *= 0.6
        self.steps = 0

    def inputs(self, batch: int, seed: int = 1, time: int = 4) -> list[np.ndarray]:
        rng = np.random.default_rng(seed)
        state = rng.normal(size=(batch, self.units)).astype("float32")
        context = rng.normal(size=(batch, time, self.width)).astype("float32")
        return [state, context, np.arange(time) < rng.integers(1, time + 1, (batch, 1))]

    def states(self, state: Any) -> list[Any]:
        return [
            ops.zeros(ops.shape(state)[:1], dtype="int32"),
            state,
            ops.stack([state, 2 * state], axis=1),
        ]

    def step(self, tokens: Any, states: list[Any], context: list[Any]) -> Any:
        self.steps += 1
        w = {name: ops.convert_to_tensor(x.astype("float32")) for name, x in self.weights.items()}
        clock, h, past = states
        keys, mask = context
        scores = ops.einsum("rw,rtw->rt", ops.matmul(h, w["query"]), keys)
        seen = ops.einsum("rt,rtw->rw", ops.softmax(ops.where(mask, scores, -1e30)), keys)
        new = ops.take(w["embedding"], tokens, axis=0) + ops.matmul(h, w["recurrent"])
        new = ops.tanh(new + ops.matmul(seen, w["value"]))
        logits = ops.matmul(new + past[:, 0], w["output"]) + ops.take(w["by_time"], clock % 3, 0)
        return logits, [clock + 1, new, ops.stack([past[:, 1], new], axis=1)]

    def reference(self, inputs: Sequence[np.ndarray], row: int) -> Callable[..., np.ndarray]:
        """The log-probabilities after a sequence of tokens, from the first step on."""
        w = self.weights
        state, keys, mask = (x[row] for x in inputs)
        state, keys = state.astype("float64"), keys.astype("float64")[mask]

        def log_p(tokens: Sequence[int]) -> np.ndarray:
            h, past = state, [state, 2 * state]
            for clock, token in enumerate([START, *tokens]):
                scores = keys @ (h @ w["query"])
                weights = np.exp(scores - scores.max())
                seen = weights @ keys / weights.sum()
                h = np.tanh(w["embedding"][token] + h @ w["recurrent"] + seen @ w["value"])
                logits = (h + past[0]) @ w["output"] + w["by_time"][clock % 3]
                past = [past[1], h]
            return logits - np.log(np.exp(logits).sum())

        return log_p


def run_greedy(model: Tiny, inputs: Sequence[Any], **options: Any) -> list[np.ndarray]:
    return _run(greedy_search, model, inputs, **options)


def run_beam(model: Tiny, inputs: Sequence[Any], **options: Any) -> list[np.ndarray]:
    return _run(beam_search, model, inputs, **options)


def _run(search: Any, model: Tiny, inputs: Sequence[Any], **options: Any) -> list[np.ndarray]:
    options = {"start_id": START, "end_id": END, **options}

    @jitted
    def decode(state: Any, *context: Any) -> Any:
        return search(model.step, model.states(state), context=context, **options)

    return [to_numpy(x) for x in decode(*(ops.convert_to_tensor(x) for x in inputs))]


def normalised(log_p: float, length: int, alpha: float) -> float:
    return log_p / ((5 + length) / 6) ** alpha


def every_sequence(log_p: Any, vocabulary: int, max_length: int, alpha: float) -> Row:
    """All that end within `max_length` and all that do not, the best first."""
    found: Row = []
    words = [token for token in range(vocabulary) if token != END]
    for length in range(max_length + 1):
        for tokens in itertools.product(words, repeat=length):
            whole = (*tokens, END)[:max_length]
            total = sum(log_p(whole[:i])[token] for i, token in enumerate(whole))
            found.append((tokens, normalised(total, len(whole), alpha), total))
    return sorted(found, key=lambda one: -one[1])


def of_table(table: Any) -> Any:
    """A step whose logits are those of the row of `table` for the token before."""
    table = ops.convert_to_tensor(np.asarray(table, "float32"))
    return lambda tokens, states, context: (ops.take(table, tokens, axis=0), states)


def probabilities(rows: dict[int, dict[int, float]], vocabulary: int) -> np.ndarray:
    """Log-probabilities, impossible where nothing is given; the end follows the end."""
    table = np.full((vocabulary, vocabulary), -np.inf)
    table[:, END] = 0.0
    for before, row in rows.items():
        table[before, END] = -np.inf
        for token, p in row.items():
            table[before, token] = np.log(p)
    return table
