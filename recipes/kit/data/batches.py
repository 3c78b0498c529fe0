"""Batches: of arrays, and of sequences of unequal length, those of like length together, padded."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from recipes.kit.options import ClassWeightConfig, FitConfig

#: A batch is cut from this many batches of shuffled examples, sorted by length.
_WINDOW = 50

Example = dict[str, np.ndarray]
Change = Callable[[Example, np.random.Generator], Example]


def steps(examples: int, batch_size: int) -> int:
    """Number of batches that so many examples make."""
    return -(-examples // batch_size)


def padded_batches(
    inputs: Sequence[Example],
    targets: Sequence[np.ndarray],
    batch_size: int,
    *,
    shuffle: tuple[int, int] | None = None,
    pad_multiple: int = 1,
    target_multiple: int | None = None,
    change: Change | None = None,
) -> tf.data.Dataset:
    """Batches `(inputs, targets)`, every array padded to the longest of its batch.

    Args:
        inputs: Named arrays of each example; axis 0 is time where an array has one. Padding is 0.
        targets: An array for each example, or a number. Padding is -1.
        batch_size: Examples per batch; the last one may be smaller.
        shuffle: Seed and epoch, which decide the order; None keeps examples sorted by length.
        pad_multiple: Round every padded length up to a multiple, so that fewer shapes occur.
        target_multiple: The multiple of targets, where it is another one.
        change: Changes the inputs of a padded batch (noise, word dropout), given a generator that
            depends on `shuffle`.
    """
    lengths = np.array([max(len(a) for a in example.values() if a.ndim) for example in inputs])
    generator = np.random.default_rng(shuffle)
    multiple = target_multiple or pad_multiple

    def order() -> list[np.ndarray]:
        if shuffle is None:
            by_length = np.argsort(lengths, kind="stable")
            return [by_length[i : i + batch_size] for i in range(0, len(lengths), batch_size)]
        permutation = generator.permutation(len(lengths))
        window = batch_size * _WINDOW
        batches = []
        for start in range(0, len(permutation), window):
            part = permutation[start : start + window]
            part = part[np.argsort(lengths[part], kind="stable")]
            batches += [part[i : i + batch_size] for i in range(0, len(part), batch_size)]
        return [batches[i] for i in generator.permutation(len(batches))]

    def generate() -> Any:
        for rows in order():
            batch = {
                name: pad([inputs[row][name] for row in rows], 0, pad_multiple)
                for name in inputs[0]
            }
            if change is not None:
                batch = change(batch, generator)
            yield batch, pad([targets[row] for row in rows], -1, multiple)

    def spec(array: np.ndarray) -> tf.TensorSpec:
        return tf.TensorSpec([None] * (array.ndim + 1), array.dtype)

    signature = ({name: spec(array) for name, array in inputs[0].items()}, spec(targets[0]))
    dataset = tf.data.Dataset.from_generator(generate, output_signature=signature)
    count = steps(len(targets), batch_size)
    return dataset.apply(tf.data.experimental.assert_cardinality(count)).prefetch(4)


def shuffled_batches(
    config: FitConfig,
    inputs: Sequence[Example],
    targets: Sequence[np.ndarray],
    *,
    change: Change | None = None,
    weights: np.ndarray | None = None,
) -> Callable[[int], tf.data.Dataset]:
    """From the number of an epoch to its `padded_batches`, in an order of that epoch, `weighted`
    where there are weights."""
    return lambda epoch: weighted(
        padded_batches(
            inputs,
            targets,
            config.batch_size,
            shuffle=(config.seed, epoch),
            pad_multiple=config.pad_multiple,
            change=change,
        ),
        weights,
    )


def class_weights(
    config: ClassWeightConfig, targets: Sequence[np.ndarray], classes: int
) -> np.ndarray | None:
    """The weight of each class in the loss, where the config asks for balance.

    Args:
        config: Asks for it or not.
        targets: Of each training example its class, or that of each step; -1 does not count.
        classes: Number of classes. One that no example has gets weight 1.

    >>> class_weights(ClassWeightConfig(class_weight="balanced"), [0, 0, 0, 1], 2)
    array([0.6666667, 2.       ], dtype=float32)
    """
    if config.class_weight == "none":
        return None
    ids = np.concatenate([np.ravel(target) for target in targets])
    counts = np.bincount(ids[ids >= 0], minlength=classes)
    weights = counts.sum() / ((counts > 0).sum() * np.maximum(counts, 1))
    return np.where(counts, weights, 1).astype("float32")


def weighted(batches: tf.data.Dataset, weights: np.ndarray | None) -> tf.data.Dataset:
    """Batches `(inputs, targets, weight of each target)`; as they are without weights."""
    if weights is None:
        return batches
    return batches.map(lambda x, y: (x, y, tf.gather(weights, tf.maximum(y, 0))))


def array_batches(
    inputs: np.ndarray | Example, targets: np.ndarray, batch_size: int
) -> tf.data.Dataset:
    """Batches `(inputs, targets)` of arrays whose rows are the examples, in their order."""
    return tf.data.Dataset.from_tensor_slices((inputs, targets)).batch(batch_size).prefetch(4)


def pad(arrays: Sequence[np.ndarray], value: float, multiple: int = 1) -> np.ndarray:
    """Stack arrays of unequal shape, padded at the end of every axis."""
    shape = np.max([array.shape for array in arrays], axis=0)
    shape = -(-shape // multiple) * multiple
    result = np.full((len(arrays), *shape), value, arrays[0].dtype)
    for row, array in enumerate(arrays):
        place: tuple[int | slice, ...] = (row, *(slice(size) for size in array.shape))
        result[place] = array
    return result
