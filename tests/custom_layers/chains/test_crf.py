"""The CRF and its loss against enumeration of all paths in float64."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import pytest
from compiled import jitted
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import ops
from layer_checks import to_numpy

from custom_layers import (
    CRF,
    CRFLoss,
    crf_log_likelihood,
    crf_log_partition,
    crf_marginals,
    viterbi_decode,
)

pytestmark = pytest.mark.backend

MASKS = {
    "nothing": [[1, 1, 1, 1, 1], [1, 1, 1, 1, 1]],
    "right": [[1, 1, 1, 1, 1], [1, 1, 0, 0, 0]],
    "left": [[0, 0, 0, 0, 1], [0, 1, 1, 1, 1]],
    "middle": [[1, 0, 0, 1, 1], [1, 0, 1, 0, 1]],
    "everywhere": [[0, 1, 0, 1, 0], [0, 0, 1, 1, 0]],
    "whole row": [[0, 0, 0, 0, 0], [1, 1, 1, 0, 0]],
}
ALL_MASKS = [row for rows in MASKS.values() for row in rows]


@dataclass
class Reference:
    """Enumeration of all tag sequences over the valid steps of one row, in float64."""

    emissions: np.ndarray
    transitions: np.ndarray
    starts: np.ndarray
    ends: np.ndarray

    def __post_init__(self) -> None:
        steps, tags = self.emissions.shape
        self.paths = list(itertools.product(range(tags), repeat=steps))
        self.scores = np.array([self.score(path) for path in self.paths])
        highest = self.scores.max()
        self.log_partition = highest + np.log(np.exp(self.scores - highest).sum())
        self.probabilities = np.exp(self.scores - self.log_partition)

    def score(self, path: Any) -> float:
        if len(path) == 0:
            return 0.0
        total = self.starts[path[0]] + self.ends[path[-1]]
        total += sum(self.emissions[t, tag] for t, tag in enumerate(path))
        return total + sum(self.transitions[a, b] for a, b in zip(path, path[1:], strict=False))

    def log_likelihood(self, path: Any) -> float:
        return self.score(path) - self.log_partition

    def best(self) -> tuple[int, ...]:
        return self.paths[int(self.scores.argmax())]

    def marginals(self) -> np.ndarray:
        result = np.zeros(self.emissions.shape)
        for path, probability in zip(self.paths, self.probabilities, strict=True):
            result[np.arange(len(path)), path] += probability
        return result


class Example:
    """A layer with random weights, emissions, a mask and tags, and the references of its rows."""

    def __init__(
        self, tags: int, mask: Any, boundary: bool = True, constrained: bool = False, seed: int = 0
    ) -> None:
        rng = np.random.default_rng(seed)
        self.rng = rng
        self.mask = np.array(mask, dtype=bool)
        self.emissions = rng.normal(scale=2, size=(*self.mask.shape, tags)).astype("float32")
        self.tags = np.where(self.mask, rng.integers(tags, size=self.mask.shape), -1)
        constraints = {}
        if constrained:
            transitions = np.ones((tags, tags), int)
            transitions[0, 1] = transitions[tags - 1, 0] = 0
            starts = np.ones(tags, int)
            starts[1] = 0
            constraints = {"allowed_transitions": transitions.tolist(), "allowed_starts": starts}
        self.layer = CRF(tags, use_boundary=boundary, **constraints)
        self.layer.build((None, None, tags))
        self.layer.set_weights([rng.normal(size=w.shape) for w in self.layer.weights])

    @property
    def potentials(self) -> Any:
        return self.layer(self.emissions, mask=self.mask)

    def parameters(self) -> list[np.ndarray]:
        """Transition, start and end scores in float64, constraints included."""
        layer = self.layer
        weights = [to_numpy(w).astype("float64") for w in layer.weights]
        if not layer.use_boundary:
            weights += [np.zeros(layer.num_tags)] * 2
        for i, allowed in enumerate((layer.allowed_transitions, layer.allowed_starts)):
            if allowed is not None:
                weights[i] = weights[i] - 1e4 * (1 - np.array(allowed))
        return weights

    def rows(self, *parameters: np.ndarray, emissions: np.ndarray | None = None) -> list[Reference]:
        emissions = (self.emissions if emissions is None else emissions).astype("float64")
        parameters = parameters or tuple(self.parameters())
        return [Reference(x[m], *parameters) for x, m in zip(emissions, self.mask, strict=True)]

    def paths(self) -> list[np.ndarray]:
        return [row[valid] for row, valid in zip(self.tags, self.mask, strict=True)]


@jitted
def all_functions(potentials: Any, tags: Any) -> tuple[Any, ...]:
    return (
        crf_log_partition(potentials),
        crf_log_likelihood(potentials, tags),
        viterbi_decode(potentials),
        crf_marginals(potentials),
    )


def assert_agrees(example: Example) -> None:
    """All four functions agree with enumeration."""
    potentials, rows = example.potentials, example.rows()
    found = [to_numpy(y) for y in all_functions(potentials, example.tags)]
    partitions, likelihoods, best, marginals = found
    np.testing.assert_allclose(partitions, [r.log_partition for r in rows], rtol=2e-5, atol=2e-5)
    expected = [r.log_likelihood(p) for r, p in zip(rows, example.paths(), strict=True)]
    np.testing.assert_allclose(likelihoods, expected, rtol=2e-5, atol=5e-5)
    assert best.dtype == np.int32
    assert np.isfinite(marginals).all()
    np.testing.assert_allclose(marginals.sum(axis=-1), 1, atol=1e-5)
    for b, (row, valid) in enumerate(zip(rows, example.mask, strict=True)):
        assert tuple(best[b][valid]) == row.best(), f"mask {valid}"
        np.testing.assert_allclose(marginals[b][valid], row.marginals(), atol=2e-5)


@pytest.mark.parametrize("tags", [2, 3, 4])
@pytest.mark.parametrize(("boundary", "constrained"), [(True, False), (False, False), (True, True)])
def test_agrees_with_enumeration(tags: int, boundary: bool, constrained: bool) -> None:
    assert_agrees(Example(tags, ALL_MASKS, boundary, constrained, seed=tags))


@settings(deadline=None, max_examples=5 if keras.backend.backend() == "jax" else 15)
@given(
    tags=st.sampled_from([1, 3]),  # few shapes: each one is compiled
    shape=st.sampled_from([(1, 1), (2, 1), (2, 5), (3, 4)]),
    boundary=st.booleans(),
    data=st.data(),
)
def test_agrees_for_any_shape_and_mask(tags: int, shape: Any, boundary: bool, data: Any) -> None:
    batch, time = shape
    row = st.lists(st.booleans(), min_size=time, max_size=time)
    mask = data.draw(st.lists(row, min_size=batch, max_size=batch))
    assert_agrees(Example(tags, mask, boundary, seed=batch * time))


def test_potentials_are_as_documented() -> None:
    example = Example(3, ALL_MASKS)
    potentials = to_numpy(example.potentials)
    transitions, starts, ends = example.parameters()
    for b, valid in enumerate(example.mask):
        steps = np.flatnonzero(valid)
        for t in range(len(valid)):
            before = np.tile(starts, (3, 1)) if t == min(steps, default=-1) else transitions
            expected = before + example.emissions[b, t] + (t == max(steps, default=-1)) * ends
            if not valid[t]:
                expected = np.where(np.eye(3, dtype=bool), 0, -1e30)
            np.testing.assert_allclose(potentials[b, t], expected, rtol=1e-5, atol=1e-5)


def gradients(function: Callable[..., Any], layer: Any, x: np.ndarray) -> list[np.ndarray]:
    """Gradients of a scalar function of `x`, with respect to `x` and the weights of the layer."""
    weights = layer.trainable_weights
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        with tf.GradientTape() as tape:
            tensor = tf.convert_to_tensor(x)
            tape.watch(tensor)
            value = function(tensor)
        found = tape.gradient(value, [tensor, *[w.value for w in weights]])
    elif keras.backend.backend() == "jax":
        import jax

        def stateless(x: Any, values: list[Any]) -> Any:
            with keras.StatelessScope(list(zip(weights, values, strict=True))):
                return function(x)

        by_x, by_weights = jax.jit(jax.grad(stateless, (0, 1)))(x, [w.value for w in weights])
        found = [by_x, *by_weights]
    else:
        tensor = ops.convert_to_tensor(x).requires_grad_()
        layer.zero_grad()
        function(tensor).backward()
        found = [tensor.grad, *[w.value.grad for w in weights]]
    return [to_numpy(g) for g in found]


def central_differences(function: Callable[[np.ndarray], float], at: np.ndarray) -> np.ndarray:
    result = np.zeros(at.shape)
    for index in np.ndindex(at.shape):
        step = np.zeros(at.shape)
        step[index] = 1e-5
        result[index] = (function(at + step) - function(at - step)) / 2e-5
    return result


@pytest.mark.parametrize("mask", MASKS)
def test_gradients_are_those_of_the_enumeration(mask: str) -> None:
    example = Example(3, MASKS[mask], seed=1)
    weights = [0.5, 2.0]  # so that the upstream gradient matters

    def loss(x: Any) -> Any:
        potentials = example.layer(x, mask=ops.convert_to_tensor(example.mask))
        likelihoods = crf_log_likelihood(potentials, example.tags)
        return -ops.sum(likelihoods * ops.convert_to_tensor(weights, dtype="float32"))

    def reference(*parameters: np.ndarray, emissions: np.ndarray | None = None) -> float:
        rows = example.rows(*parameters, emissions=emissions)
        likelihoods = [r.log_likelihood(p) for r, p in zip(rows, example.paths(), strict=True)]
        return -float(np.dot(weights, likelihoods))

    found = gradients(loss, example.layer, example.emissions)
    exact = example.parameters()
    at = example.emissions.astype("float64")
    expected = [central_differences(lambda x: reference(emissions=x), at)]
    for i, at in enumerate(exact):
        others = exact[:i], exact[i + 1 :]
        expected.append(central_differences(lambda p, o=others: reference(*o[0], p, *o[1]), at))
    for a, b in zip(found, expected, strict=True):
        assert np.isfinite(a).all()
        np.testing.assert_allclose(a, b, atol=1e-4)


def test_gradient_by_emissions_is_marginals_minus_gold() -> None:
    example = Example(4, ALL_MASKS, constrained=True, seed=2)

    def loss(x: Any) -> Any:
        potentials = example.layer(x, mask=ops.convert_to_tensor(example.mask))
        return -ops.sum(crf_log_likelihood(potentials, example.tags))

    found = gradients(loss, example.layer, example.emissions)[0]
    gold = np.eye(4)[np.maximum(example.tags, 0)]
    expected = (to_numpy(crf_marginals(example.potentials)) - gold) * example.mask[..., None]
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_padding_changes_nothing_whatever_it_holds() -> None:
    example = Example(3, np.ones((2, 5), bool))
    emissions = np.full((2, 9, 3), np.nan, "float32")
    mask, tags = np.zeros((2, 9), bool), np.full((2, 9), -1)
    kept = np.array([1, 2, 4, 6, 7])
    emissions[:, kept], mask[:, kept], tags[:, kept] = example.emissions, True, example.tags
    plain = all_functions(example.potentials, example.tags)
    padded = all_functions(example.layer(emissions, mask=mask), tags)
    for a, b in zip(plain, padded, strict=True):
        kept_of_b = to_numpy(b)[:, kept] if a.ndim > 1 else to_numpy(b)
        np.testing.assert_allclose(kept_of_b, to_numpy(a), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("scale", [1.0, 50.0, 500.0])
def test_long_sentences_and_large_scores(scale: float) -> None:
    """The likelihood of a good path keeps its digits although the scores sum to thousands."""
    rng = np.random.default_rng(0)
    time, tags = 300, 5
    x = rng.uniform(-scale, scale, size=(1, time, tags)).astype("float32")
    layer = CRF(tags)
    layer.build((None, None, tags))
    layer.set_weights([rng.uniform(-scale, scale, size=w.shape) for w in layer.weights])
    transitions, starts, ends = (to_numpy(w).astype("float64") for w in layer.weights)
    potentials = layer(x)
    path = to_numpy(viterbi_decode(potentials))[0]
    alpha = starts + x[0, 0].astype("float64")
    score = alpha[path[0]] + ends[path[-1]]
    for t in range(1, time):
        alpha = np.logaddexp.reduce(alpha[:, None] + transitions, axis=0) + x[0, t]
        score += transitions[path[t - 1], path[t]] + x[0, t, path[t]]
    log_partition = np.logaddexp.reduce(alpha + ends)
    found = to_numpy(crf_log_likelihood(potentials, path[None]))[0]
    np.testing.assert_allclose(found, score - log_partition, rtol=1e-3, atol=2e-5 * scale)
    np.testing.assert_allclose(to_numpy(crf_log_partition(potentials))[0], log_partition, rtol=1e-5)
    assert np.isfinite(to_numpy(crf_marginals(potentials))).all()


def test_forbidden_is_not_predicted_and_a_forbidden_gold_path_has_finite_loss() -> None:
    allowed = [[1, 1, 0], [1, 1, 1], [1, 1, 1]]  # O, B, I: no I after O
    layer = CRF(3, allowed_transitions=allowed, allowed_starts=[1, 1, 0])
    x = np.tile(np.array([9.0, 0.0, 8.0], "float32"), (4, 12, 1))
    x[1:, ::3, 2] += np.arange(3)[:, None] * 20
    potentials = layer(x)
    for path in to_numpy(viterbi_decode(potentials)):
        assert path[0] != 2
        assert not any(a == 0 and b == 2 for a, b in itertools.pairwise(path))
    marginals = to_numpy(crf_marginals(potentials))
    np.testing.assert_allclose(marginals[:, 0, 2], 0, atol=1e-6)
    forbidden = np.tile([0, 2, 0], (4, 4))
    losses = -to_numpy(crf_log_likelihood(potentials, forbidden))
    assert np.isfinite(losses).all() and (losses > 1e4).all()


def test_without_transitions_it_is_a_softmax() -> None:
    x = np.random.default_rng(0).normal(size=(2, 6, 4)).astype("float32")
    marginals = to_numpy(crf_marginals(CRF(4)(x)))
    np.testing.assert_allclose(marginals, to_numpy(ops.softmax(x)), atol=1e-5)


def test_tag_out_of_range_is_not_silent() -> None:
    potentials = CRF(3)(np.zeros((2, 4, 3), "float32"))
    found = to_numpy(crf_log_likelihood(potentials, np.array([[0, 1, 3, 0], [0, 1, 2, 0]])))
    assert np.isnan(found[0]) and np.isfinite(found[1])


def test_regularizer_is_of_the_transitions_only() -> None:
    layer = CRF(3, transition_initializer="ones", transition_regularizer=keras.regularizers.L2(0.1))
    layer(np.zeros((1, 2, 3), "float32"))
    assert [round(float(to_numpy(loss)), 4) for loss in layer.losses] == [0.9]


def test_loss_is_the_mean_and_takes_weights_of_sentences() -> None:
    example = Example(3, MASKS["middle"])
    losses = -to_numpy(crf_log_likelihood(example.potentials, example.tags))
    tags, potentials = example.tags, example.potentials
    close = {"rtol": 1e-5}
    np.testing.assert_allclose(to_numpy(CRFLoss()(tags, potentials)), losses.mean(), **close)
    each = CRFLoss(reduction=None)(tags, potentials)
    np.testing.assert_allclose(to_numpy(each), losses, **close)
    weights = np.array([3.0, 0.5])
    weighted = CRFLoss()(tags, potentials, sample_weight=weights)
    np.testing.assert_allclose(to_numpy(weighted), (losses * weights).mean(), **close)


def test_loss_serialises() -> None:
    loss = CRFLoss(reduction="sum", name="tagging")
    again = keras.losses.deserialize(keras.losses.serialize(loss))
    assert type(again) is CRFLoss
    assert again.get_config() == loss.get_config() == {"name": "tagging", "reduction": "sum"}


def test_weights_for_each_step_are_refused() -> None:
    """Where batch equals time they would be broadcast against the losses of the sentences."""
    potentials, tags = np.zeros((3, 3, 2, 2), "float32"), np.zeros((3, 3), int)
    with pytest.raises(ValueError, match=r"`sample_weight` must have a weight for each example"):
        CRFLoss()(tags, potentials, sample_weight=np.ones((3, 3)))
    column = CRFLoss()(tags, potentials, sample_weight=np.array([[1.0], [0.0], [1.0]]))
    flat = CRFLoss()(tags, potentials, sample_weight=np.array([1.0, 0.0, 1.0]))
    np.testing.assert_allclose(to_numpy(column), to_numpy(flat))


def test_tags_beyond_the_potentials_are_refused_where_they_are_known() -> None:
    """And make the loss NaN in a tensor, never a likelihood of other tags."""
    potentials = Example(3, np.ones((2, 5), bool)).potentials
    tags = np.array([[0, 1, 2, 0, 1], [0, 3, 0, 0, 0]])
    with pytest.raises(ValueError, match="`y_true` must be below 3, found 3"):
        CRFLoss()(tags, potentials)
    each = to_numpy(CRFLoss(reduction=None)(ops.convert_to_tensor(tags), potentials))
    assert np.isfinite(each[0]) and np.isnan(each[1])
