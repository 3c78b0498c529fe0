"""Long documents side by side, in pieces of one length: what truncated backpropagation reads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf


class _Part(NamedTuple):
    """Tokens that follow each other: what is read, and what is predicted from it."""

    inputs: np.ndarray
    targets: np.ndarray


class Streams:
    """Documents laid out in rows; a batch takes the next `steps` tokens of each row.

    A boundary stands before the first token of a document and after its last: every token and
    every end is predicted once. A row continues in the next batch where it ended in this one, and
    is marked as fresh where a document starts; pieces are padded at the end of a document, so that
    none holds two.

    Documents so long that rows would stay empty beside them are cut into parts, one for each row; a
    part starts from the token before it, and knows nothing of what came earlier.

    Attributes:
        rows: Documents side by side.
        steps: Tokens of a row in a batch.
        count: Number of batches.

    Args:
        documents: Ids of each document, without boundaries.
        rows: Documents side by side.
        steps: Tokens of a row in a batch.
        boundary: Id of the token between documents.
    """

    def __init__(
        self, documents: Sequence[np.ndarray], rows: int, steps: int, boundary: int
    ) -> None:
        self.rows, self.steps = rows, steps
        longest = -(-sum(len(ids) + 1 for ids in documents) // rows)
        parts = [part for ids in documents for part in _parts(ids, boundary, longest)]
        self._parts: list[list[_Part]] = [[] for _ in range(rows)]
        loads = np.zeros(rows, int)
        for part in sorted(parts, key=lambda part: -len(part.inputs)):
            row = int(np.argmin(loads))
            self._parts[row].append(part)
            loads[row] += -(-len(part.inputs) // steps)
        self.count = int(loads.max())

    def batches(self, order: tuple[int, int] | None = None) -> tf.data.Dataset:
        """Batches `({"tokens", "fresh"}, targets)`, int32, (rows, steps); padding is 0 in tokens
        and -1 in targets; `fresh` is (rows, 1).

        Args:
            order: Seed and epoch, which decide the order of the documents within each row.
        """
        shape = (self.rows, self.count, self.steps)
        tokens, targets = np.zeros(shape, np.int32), np.full(shape, -1, np.int32)
        fresh = np.zeros((self.rows, self.count, 1), np.float32)
        generator = np.random.default_rng(order)
        for row, parts in enumerate(self._parts):
            start = 0
            for index in range(len(parts)) if order is None else generator.permutation(len(parts)):
                part = parts[index]
                stop = start + -(-len(part.inputs) // self.steps)
                fresh[row, start] = 1
                tokens[row, start:stop].flat[: len(part.inputs)] = part.inputs
                targets[row, start:stop].flat[: len(part.inputs)] = part.targets
                start = stop
            fresh[row, start:] = 1  # nothing is left of this row
        arrays = [np.ascontiguousarray(np.swapaxes(a, 0, 1)) for a in (tokens, fresh, targets)]
        inputs = {"tokens": arrays[0], "fresh": arrays[1]}
        return tf.data.Dataset.from_tensor_slices((inputs, arrays[2])).prefetch(4)


def _parts(ids: np.ndarray, boundary: int, longest: int) -> list[_Part]:
    inputs = np.concatenate([[boundary], ids])
    targets = np.concatenate([ids, [boundary]])
    count = -(-len(inputs) // longest)
    pairs = zip(np.array_split(inputs, count), np.array_split(targets, count), strict=True)
    return [_Part(*pair) for pair in pairs]
