"""AttentionPooling1D against float64 NumPy, with masks, and as a part of models."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from layer_checks import CHECKS, LayerCase, to_numpy

from custom_layers.pooling.attention import AttentionPooling1D

pytestmark = pytest.mark.backend

TIME, FEATURES = 5, 3
# On the right, on the left, between, one step, a whole row.
MASK = np.array([[1, 1, 1, 0, 0], [0, 0, 1, 1, 1], [1, 0, 1, 0, 1], [0, 0, 0, 1, 0], [0] * 5], bool)


def inputs(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(len(MASK), TIME, FEATURES)).astype("float32")


def new_layer(**config: Any) -> AttentionPooling1D:
    """A built layer with distinct weights large enough that the weights `a` are far from equal."""
    layer = AttentionPooling1D(return_attention_scores=True, **config)
    layer.build((None, None, FEATURES))
    rng = np.random.default_rng(1)
    layer.set_weights([rng.normal(scale=2, size=w.shape) for w in layer.weights])
    return layer


def reference(x: np.ndarray, mask: np.ndarray, *parameters: Any) -> tuple[np.ndarray, np.ndarray]:
    kernel, query, *bias = (to_numpy(w).astype("float64") for w in parameters)
    outputs, weights = np.zeros((len(x), FEATURES)), np.zeros(mask.shape)
    for row in range(len(x)):
        steps = np.flatnonzero(mask[row])
        if len(steps):
            valid = x[row, steps].astype("float64")
            scores = np.array([query @ np.tanh(step @ kernel + sum(bias)) for step in valid])
            weights[row, steps] = np.exp(scores) / np.exp(scores).sum()
            outputs[row] = weights[row, steps] @ valid
    return outputs, weights


@pytest.mark.parametrize("config", [{}, {"units": 4}, {"units": 4, "use_bias": False}])
@pytest.mark.parametrize("masked", [False, True])
def test_equals_the_reference(config: dict[str, Any], masked: bool) -> None:
    layer, x = new_layer(**config), inputs()
    mask = MASK if masked else np.ones_like(MASK)
    expected = reference(x, mask, *layer.weights)
    found = layer(x, mask=mask if masked else None)
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(to_numpy(a), b, rtol=1e-5, atol=1e-6)
    assert np.ptp(expected[1][0]) > 0.2  # the weights are not all alike


def test_masked_steps_weigh_exactly_nothing_even_nan_and_whole_rows() -> None:
    layer, x = new_layer(), inputs()
    clean = [to_numpy(y) for y in layer(x, mask=MASK)]
    x[~MASK] = np.resize([np.nan, np.inf, 1e30], x[~MASK].shape)
    outputs, weights = (to_numpy(y) for y in layer(x, mask=MASK))
    np.testing.assert_array_equal(outputs, clean[0])
    np.testing.assert_array_equal(weights[~MASK], 0)
    np.testing.assert_allclose(weights.sum(1), MASK.any(1), rtol=1e-6)
    np.testing.assert_array_equal(outputs[-1], 0)


@pytest.mark.parametrize(("policy", "tolerance"), [("float32", 1e-4), ("mixed_float16", 2e-3)])
def test_gradients_are_those_of_the_reference(policy: str, tolerance: float) -> None:
    """A step of descent at rate 1 is the gradient; what is masked is NaN, and a row is whole."""
    layer = AttentionPooling1D(dtype=policy)
    sequence, valid = keras.Input((None, FEATURES)), keras.Input((None,), dtype="bool")
    model = keras.Model([sequence, valid], layer(sequence, mask=valid))
    model.compile(keras.optimizers.SGD(1.0), loss="mse")
    rng = np.random.default_rng(1)
    layer.set_weights([rng.normal(size=w.shape) for w in layer.weights])
    x, before = inputs(), layer.get_weights()
    x[~MASK] = np.nan
    model.fit([x, MASK], np.ones((len(x), FEATURES)), verbose=0)
    for i, new in enumerate(layer.get_weights()):
        expected = np.zeros(new.shape)
        for index in np.ndindex(new.shape):
            step = np.zeros(new.shape)
            step[index] = 1e-5
            losses = [
                np.mean((reference(x, MASK, *before[:i], w, *before[i + 1 :])[0] - 1) ** 2)
                for w in (before[i] + step, before[i] - step)
            ]
            expected[index] = (losses[0] - losses[1]) / 2e-5
        np.testing.assert_allclose(before[i] - new, expected, atol=tolerance)
        assert np.abs(expected).min() > 1e-4 and np.abs(expected).max() > 0.01


def test_sums_over_time_are_not_in_half_precision() -> None:
    """In float16 the ones of 4096 equal steps add up to 2048, and their mean to a half."""
    layer = AttentionPooling1D(1, query_initializer="zeros", dtype="mixed_float16")
    outputs = to_numpy(layer(np.ones((1, 4096, 1), "float32")))
    assert outputs.dtype == np.float16
    np.testing.assert_allclose(outputs, 1, atol=1e-3)


@pytest.mark.parametrize("factor", [200, -200])
def test_large_scores_do_not_overflow(factor: int) -> None:
    layer, x = new_layer(), inputs()
    layer.query.assign(factor * to_numpy(layer.query))
    expected = reference(x, MASK, *layer.weights)
    for a, b in zip(layer(x, mask=MASK), expected, strict=True):
        np.testing.assert_allclose(to_numpy(a), b, atol=1e-4)


def test_mask_that_comes_with_the_input_is_used_and_not_passed_on() -> None:
    layer = new_layer()
    words = keras.Input((None,), dtype="int32")
    vectors = keras.layers.Embedding(7, FEATURES, mask_zero=True)(words)
    model = keras.Model(words, layer(vectors))
    ids = np.array([[1, 2, 3, 0, 0], [4, 0, 0, 0, 0]])
    np.testing.assert_array_equal(to_numpy(model(ids)[1])[ids == 0], 0)
    assert layer.compute_mask(vectors, ids != 0) is None


CASES = {
    "pooling": LayerCase(
        AttentionPooling1D,
        {},
        (2, 5, 3),
        trainable_weights=3,
        output_shape=(2, 3),
        masking="any",
    ),
    "with scores": LayerCase(
        AttentionPooling1D,
        {
            "units": 4,
            "use_bias": False,
            "kernel_initializer": "he_normal",
            "query_initializer": "normal",
            "kernel_regularizer": "l2",
            "query_regularizer": "l1",
            "return_attention_scores": True,
        },
        (2, 5, 3),
        trainable_weights=2,
        output_shape=[(2, 3), (2, 5)],
        masking="any",
    ),
}
# The heads that the fit of the contract puts on the outputs need widths known in advance, and that
# of the scores is the time.
CONTRACT = [(c, n) for c in CASES for n in CHECKS if (c, n) != ("with scores", "fit")]


@pytest.mark.parametrize(("case", "name"), CONTRACT)
def test_layer_contract(case: str, name: str) -> None:
    CHECKS[name](CASES[case])


def test_regularizers_are_of_their_weights() -> None:
    l2 = keras.regularizers.L2(1.0)
    ones: dict[str, Any] = {f"{w}_initializer": "ones" for w in ("kernel", "query", "bias")}
    for name, expected in (("kernel", 12.0), ("query", 4.0), ("bias", 4.0)):
        layer = AttentionPooling1D(4, **ones, **{f"{name}_regularizer": l2})
        layer.build((None, None, FEATURES))
        assert [float(to_numpy(loss)) for loss in layer.losses] == [expected]


@pytest.mark.parametrize("units", [0, -1, 2.0, True])
def test_unfit_units_are_refused(units: Any) -> None:
    with pytest.raises(ValueError, match=f"`units` must be a positive integer, found {units}"):
        AttentionPooling1D(units)


def test_unfit_shapes_are_refused() -> None:
    x = inputs()
    with pytest.raises(ValueError, match=r"\(batch, time, features\) .* found \(5, 3\)"):
        AttentionPooling1D()(x[:, 0])
    with pytest.raises(ValueError, match=r"`mask` must have shape \(batch, time\), found \(5,\)"):
        AttentionPooling1D()(x, mask=MASK[:, 0])
    with pytest.raises(ValueError, match="expected axis -1 of input shape to have value 3"):
        new_layer()(np.zeros((2, 5, 4), "float32"))
