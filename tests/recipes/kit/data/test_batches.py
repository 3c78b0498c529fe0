"""Padded batches: nothing lost, nothing leaked, the order decided by seed and epoch alone."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from recipes.kit.data.batches import class_weights, pad, padded_batches, steps, weighted
from recipes.kit.options import ClassWeightConfig


def examples(count: int = 23):
    random = np.random.default_rng(0)
    lengths = random.integers(1, 9, count)
    inputs = [
        {
            "words": np.full(length, row + 1, np.int32),
            "characters": np.full((length, int(random.integers(1, 5))), row + 1, np.int32),
        }
        for row, length in enumerate(lengths)
    ]
    targets = [np.full(length, row, np.int32) for row, length in enumerate(lengths)]
    return inputs, targets


def rows(dataset) -> list[tuple[int, int]]:
    """Example number and length of each row, checked against inputs and padding."""
    found = []
    for batch, target in dataset.as_numpy_iterator():
        for words, letters, tags in zip(batch["words"], batch["characters"], target, strict=True):
            length = int((tags >= 0).sum())
            assert (tags[:length] == tags[0]).all()
            assert (tags[length:] == -1).all()
            assert (words[:length] == tags[0] + 1).all()
            assert (words[length:] == 0).all()
            assert set(np.unique(letters)) <= {0, tags[0] + 1}
            found.append((int(tags[0]), length))
    return found


@pytest.mark.parametrize("shuffle", [None, (1, 0)])
def test_every_example_comes_once(shuffle):
    inputs, targets = examples()
    dataset = padded_batches(inputs, targets, 4, shuffle=shuffle)
    assert sorted(rows(dataset)) == [(row, len(t)) for row, t in enumerate(targets)]
    assert int(dataset.cardinality()) == steps(23, 4) == 6


def test_order_depends_on_seed_and_epoch_alone():
    inputs, targets = examples()
    orders = [
        [number for number, _ in rows(padded_batches(inputs, targets, 4, shuffle=shuffle))]
        for shuffle in ((1, 0), (1, 0), (1, 1), (2, 0))
    ]
    assert orders[0] == orders[1]
    assert orders[0] != orders[2]
    assert orders[0] != orders[3]


def test_lengths_are_rounded_up():
    inputs, targets = examples()
    for batch, target in padded_batches(inputs, targets, 4, pad_multiple=8).as_numpy_iterator():
        assert target.shape[1] % 8 == 0
        assert batch["characters"].shape[2] % 8 == 0


def test_changes_are_repeatable():
    inputs, targets = examples()

    def noise(batch, generator):
        return {**batch, "words": batch["words"] * generator.integers(1, 9, batch["words"].shape)}

    def words(epoch):
        data = padded_batches(inputs, targets, 4, shuffle=(0, epoch), change=noise)
        return np.concatenate([b["words"].ravel() for b, _ in data.as_numpy_iterator()])

    np.testing.assert_array_equal(words(0), words(0))
    assert words(0).shape != words(1).shape or (words(0) != words(1)).any()


def test_pad():
    got = pad([np.ones((1, 2)), np.ones((2, 1))], 5)
    np.testing.assert_array_equal(got, [[[1, 1], [5, 5]], [[1, 5], [1, 5]]])


def test_targets_may_have_a_multiple_of_their_own():
    inputs = [
        {"sound": np.ones(length, "float32"), "length": np.int32(length)} for length in (5, 9)
    ]
    targets = [np.array([1, 2], np.int32), np.array([3], np.int32)]
    dataset = padded_batches(inputs, targets, 2, pad_multiple=8, target_multiple=3)
    ((batch, target),) = dataset.as_numpy_iterator()
    assert batch["sound"].shape == (2, 16) and batch["length"].tolist() == [5, 9]
    assert target.tolist() == [[1, 2, -1], [3, -1, -1]]


def test_balanced_weights_make_the_loss_a_mean_over_classes():
    targets = [np.int32([0, 0, 0, 1, -1]), np.int32([0, 2])]
    config = ClassWeightConfig(class_weight="balanced")
    weights = class_weights(config, targets, 4)  # the last class has no example
    np.testing.assert_allclose(weights, [6 / 12, 6 / 3, 6 / 3, 1])
    assert class_weights(ClassWeightConfig(), targets, 4) is None

    inputs = [{"x": np.zeros((len(target), 2), "float32")} for target in targets]
    (batch,) = weighted(padded_batches(inputs, targets, 2), weights)
    _, truth, weight = batch
    logits = np.random.default_rng(0).normal(size=(2, 5, 4))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True, ignore_class=-1)
    each = -np.log(np.exp(logits) / np.exp(logits).sum(-1, keepdims=True))
    means = [each[truth.numpy() == c][:, c].mean() for c in range(3)]
    assert float(loss(truth, logits, weight)) == pytest.approx(np.mean(means), rel=1e-5)


def test_without_weights_batches_stay_as_they_are():
    batches = padded_batches([{"x": np.zeros(2, "float32")}], [np.int32(1)], 1)
    assert weighted(batches, None) is batches
