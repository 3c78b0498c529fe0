"""The conditional NADE against products of conditionals and a loop over values in float64."""

from __future__ import annotations

import itertools
from typing import Any

import keras
import numpy as np
import pytest
from compiled import apply, jitted
from keras import ops
from layer_checks import disturb_weights, to_numpy

from custom_layers import ConditionalNADE

pytestmark = pytest.mark.backend

FEATURES, VALUES, UNITS = 3, 5, 4


def sigmoid(x: Any) -> Any:
    return 1 / (1 + np.exp(-x))


def layer(**options: Any) -> ConditionalNADE:
    keras.utils.set_random_seed(0)
    made = ConditionalNADE(**{"units": UNITS, **options})
    made.build((None, FEATURES), (None, VALUES))
    disturb_weights(made)
    return made


class Reference:
    """One context, one value after the other, in float64."""

    def __init__(self, nade: ConditionalNADE) -> None:
        names = (*("hidden_kernel", "hidden_bias", "value_kernel"),)
        names += ("output_kernel", "direct_kernel", "output_bias")
        self.w = {name: to_numpy(getattr(nade, name)).astype("float64") for name in names}

    def logit(self, context: np.ndarray, before: Any) -> float:
        """Of the value after those `before`."""
        w, k = self.w, len(before)
        a = context @ w["hidden_kernel"] + w["hidden_bias"]
        for j, value in enumerate(before):
            a = a + value * w["value_kernel"][j]
        direct = context @ w["direct_kernel"][:, k] + w["output_bias"][k]
        return float(w["output_kernel"][k] @ sigmoid(a) + direct)

    def logits(self, context: np.ndarray, values: np.ndarray) -> np.ndarray:
        return np.array([self.logit(context, values[:k]) for k in range(len(values))])

    def draw(self, context: np.ndarray, uniforms: np.ndarray, temperature: float) -> list[int]:
        drawn: list[int] = []
        for u in uniforms:
            p = sigmoid(self.logit(context, drawn) / temperature)
            drawn.append(int(u < p))
        return drawn


def draw(*shape: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    context = rng.normal(size=(*shape, FEATURES)).astype("float32")
    return context, rng.integers(0, 2, (*shape, VALUES)).astype("float32")


@pytest.mark.parametrize("shape", [(6,), (1,), (4, 3), (1, 3), (3, 1), (1, 1), (1, 5), (5, 4)])
def test_logits_are_those_of_the_reference(shape: tuple[int, ...]) -> None:
    nade, (context, values) = layer(), draw(*shape)
    found = to_numpy(apply(nade, ops.convert_to_tensor(context), values=values))
    reference = Reference(nade)
    rows = zip(context.reshape(-1, FEATURES), values.reshape(-1, VALUES), strict=True)
    expected = np.reshape([reference.logits(c, v) for c, v in rows], values.shape)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(("units", "count"), [(1, 5), (4, 1), (5, 5), (3, 3)])
def test_sizes_that_look_like_a_bias(units: int, count: int) -> None:
    """At one step a vector of hidden units has the shape of a bias of another axis."""
    keras.utils.set_random_seed(0)
    nade = ConditionalNADE(units)
    nade.build((None, FEATURES), (None, count))
    disturb_weights(nade)
    context, values = draw(4, 3)
    values = np.resize(values, (4, 3, count))
    many = to_numpy(nade(context, values))
    np.testing.assert_allclose(to_numpy(nade(context[:1], values[:1])), many[:1], atol=1e-6)
    np.testing.assert_allclose(
        to_numpy(nade(context[1, :1], values[1, :1])), many[1, :1], atol=1e-6
    )


def test_probabilities_of_all_combinations_sum_to_one() -> None:
    nade, (context, _) = layer(), draw(1)
    every = np.array([*itertools.product((0, 1), repeat=VALUES)], "float32")
    logits = to_numpy(nade(np.repeat(context, len(every), axis=0), every)).astype("float64")
    log_p = -np.logaddexp(0, np.where(every == 1, -logits, logits)).sum(axis=1)
    assert np.exp(log_p).sum() == pytest.approx(1, abs=1e-5)


def test_a_value_is_seen_by_later_ones_alone() -> None:
    nade, (context, values) = layer(), draw(1)
    before = to_numpy(nade(context, values))[0]
    for place in range(VALUES):
        other = values.copy()
        other[0, place] = 1 - other[0, place]
        changed = np.abs(to_numpy(nade(context, other))[0] - before) > 1e-7
        assert changed.tolist() == [index > place for index in range(VALUES)]


@pytest.mark.parametrize("temperature", [1.0, 0.5, 2.0])
def test_samples_are_those_of_the_reference(temperature: float) -> None:
    nade = layer()
    reference = Reference(nade)
    context, _ = draw(40)
    uniforms = np.random.default_rng(1).random((40, VALUES)).astype("float32")
    sample = jitted(lambda c, u: nade.sample(c, u, temperature))
    found = to_numpy(sample(ops.convert_to_tensor(context), ops.convert_to_tensor(uniforms)))
    expected = [reference.draw(c, u, temperature) for c, u in zip(context, uniforms, strict=True)]
    np.testing.assert_array_equal(found, expected)
    assert 0 < found.mean() < 1
    rows = np.full((40, 1), temperature, "float32")
    np.testing.assert_array_equal(to_numpy(nade.sample(context, uniforms, rows)), expected)
    alone = to_numpy(nade.sample(context[:1], uniforms[:1], temperature))
    np.testing.assert_array_equal(alone, expected[:1])


def test_temperature_zero_takes_the_likelier_value() -> None:
    nade, (context, _) = layer(), draw(9)
    found = [
        to_numpy(nade.sample(context, np.full((9, VALUES), u, "float32"), 0.0))
        for u in (0.01, 0.99)
    ]
    np.testing.assert_array_equal(*found)


def test_frequencies_of_samples_are_the_probabilities() -> None:
    nade, (context, _) = layer(), draw(1)
    every = np.array([*itertools.product((0, 1), repeat=VALUES)], "float32")
    logits = to_numpy(nade(np.repeat(context, len(every), axis=0), every)).astype("float64")
    expected = np.exp(-np.logaddexp(0, np.where(every == 1, -logits, logits)).sum(axis=1))
    count = 20_000
    uniforms = np.random.default_rng(2).random((count, VALUES)).astype("float32")
    drawn = to_numpy(nade.sample(np.repeat(context, count, axis=0), uniforms)).astype(int)
    found = np.bincount(drawn @ (2 ** np.arange(VALUES)[::-1]), minlength=len(every)) / count
    np.testing.assert_allclose(found, expected, atol=4 * np.sqrt(0.25 / count))


def test_every_weight_is_trained_and_the_gradient_is_finite() -> None:
    nade, (context, values) = layer(dropout=0.3, seed=1), draw(4, 3)
    x = keras.Input((None, FEATURES + VALUES))
    model = keras.Model(x, nade(x[..., :FEATURES], x[..., FEATURES:]))
    before = [weight.copy() for weight in model.get_weights()]
    jit = keras.backend.backend() == "jax"
    model.compile(
        keras.optimizers.SGD(0.1),
        keras.losses.BinaryCrossentropy(from_logits=True),
        jit_compile=jit,
    )
    loss = model.train_on_batch(np.concatenate([context, values], axis=-1), values)
    assert np.isfinite(loss)
    assert all(np.isfinite(weight).all() for weight in model.get_weights())
    changed = [bool((a != b).any()) for a, b in zip(before, model.get_weights(), strict=True)]
    assert changed == [True] * 6


def test_dropout_is_of_training_only() -> None:
    nade, (context, values) = layer(dropout=0.5, seed=1), draw(4, 3)
    plain = to_numpy(nade(context, values))
    np.testing.assert_array_equal(to_numpy(nade(context, values, training=False)), plain)
    assert (to_numpy(nade(context, values, training=True)) != plain).any()


def test_saved_copied_and_in_half_precision(tmp_path: Any) -> None:
    nade, (context, values) = layer(dropout=0.1, seed=3), draw(2, 3)
    inputs = {
        "context": keras.Input((None, FEATURES), name="context"),
        "values": keras.Input((None, VALUES), name="values"),
    }
    model = keras.Model(inputs, nade(inputs["context"], inputs["values"]))
    expected = to_numpy(nade(context, values))
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    found = again.predict({"context": context, "values": values}, verbose=0)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
    config = nade.get_config()
    assert ConditionalNADE.from_config(config).get_config() == config
    half = ConditionalNADE(UNITS, dtype="mixed_float16")
    half.build((None, FEATURES), (None, VALUES))
    half.set_weights(nade.get_weights())
    found = half(context, values)
    assert keras.backend.standardize_dtype(found.dtype) == "float32"
    np.testing.assert_allclose(to_numpy(found), expected, atol=2e-2)
    uniforms = np.full((2, VALUES), 0.5, "float32")
    assert to_numpy(half.sample(context[:, 0], uniforms)).dtype == np.float32


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"units": 0}, "`units` must be a positive"),
        ({"dropout": 1.0}, "`dropout` must be at least"),
    ],
)
def test_wrong_options(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ConditionalNADE(**{"units": 2, **options})


def test_unknown_sizes() -> None:
    with pytest.raises(ValueError, match="last axes of `context` and `values` must have known"):
        ConditionalNADE(2).build((None, 3), (None, None))
