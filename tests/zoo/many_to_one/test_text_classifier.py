"""Text classifiers: what is pooled, what padding does, saving and serving."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from compiled import apply
from layer_checks import disturb_weights, to_numpy

import zoo
from zoo.many_to_one.classes import POOLINGS

pytestmark = pytest.mark.backend

SMALL = {"vocabulary_size": 13, "num_classes": 3, "word_dim": 4, "units": 5}


def build(**options: Any) -> keras.Model:
    keras.utils.set_random_seed(0)
    model = zoo.text_classifier(**SMALL | options)
    disturb_weights(model)
    return model


def words(batch: int = 3, time: int = 6, seed: int = 0) -> np.ndarray:
    ids = np.random.default_rng(seed).integers(1, SMALL["vocabulary_size"], (batch, time))
    for row in range(batch):
        ids[row, time - row :] = 0
    return ids.astype("int32")


@pytest.mark.parametrize("bidirectional", [True, False])
@pytest.mark.parametrize("pooling", POOLINGS)
def test_padding_changes_nothing(pooling: str, bidirectional: bool) -> None:
    model = build(pooling=pooling, bidirectional=bidirectional)
    ids = words()
    wider = np.pad(ids, ((0, 0), (0, 4)))
    found = to_numpy(apply(model, {"words": ids}))
    np.testing.assert_allclose(
        to_numpy(apply(model, {"words": wider})), found, rtol=1e-5, atol=1e-6
    )
    alone = to_numpy(apply(model, {"words": ids[2:3, :4]}))
    np.testing.assert_allclose(alone, found[2:3], rtol=1e-5, atol=1e-6)
    assert np.isfinite(to_numpy(apply(model, {"words": np.zeros((1, 3), "int32")}))).all()


@pytest.mark.parametrize("pooling", POOLINGS)
def test_every_word_is_read_in_both_directions(pooling: str) -> None:
    """Swapping two words, the first or the last pair, changes the answer."""
    model = build(pooling=pooling)
    ids = np.arange(1, 7, dtype="int32")[None]
    found = to_numpy(apply(model, {"words": ids}))
    for pair in ([1, 0, 2, 3, 4, 5], [0, 1, 2, 3, 5, 4]):
        assert np.abs(to_numpy(apply(model, {"words": ids[:, pair]})) - found).max() > 1e-4


def test_last_takes_the_ends_of_both_directions() -> None:
    """Which Keras gives for `return_sequences=False`."""
    model = build(pooling="last", cell="gru")
    x = keras.Input((None,), dtype="int32")
    embedded = model.get_layer("word_embedding")(x)
    mask = keras.ops.not_equal(x, 0)
    final = keras.layers.Bidirectional(keras.layers.GRU(SMALL["units"]))
    states = keras.Model(x, final(embedded, mask=mask))
    final.set_weights(model.get_layer("recurrent_0").get_weights())
    ids = words()
    forward, backward = np.split(to_numpy(states(ids)), 2, axis=1)
    steps = keras.Model(model.input, model.get_layer("pooling").output)
    pooled = to_numpy(steps({"words": ids}))
    n = SMALL["units"]
    np.testing.assert_allclose(pooled[:, :n], forward, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(pooled[:, 3 * n :], backward, rtol=1e-5, atol=1e-6)


def test_decoder() -> None:
    ids = words()
    found = apply(zoo.class_decoder(build()), {"words": ids})
    assert set(found) == {"probabilities", "attention"}
    np.testing.assert_allclose(to_numpy(found["probabilities"]).sum(1), 1, rtol=1e-5)
    attention = to_numpy(found["attention"])
    np.testing.assert_allclose(attention.sum(1), 1, rtol=1e-5)
    np.testing.assert_array_equal(attention[ids == 0], 0)
    assert set(apply(zoo.class_decoder(build(pooling="max")), {"words": ids})) == {"probabilities"}


def test_a_temperature_scales_the_logits() -> None:
    ids, model = words(), build()
    logits = to_numpy(apply(model, {"words": ids})).astype("float64")
    for temperature in (0.1, 1, 4.0):
        decoder = zoo.class_decoder(model, temperature)
        found = to_numpy(apply(decoder, {"words": ids})["probabilities"])
        shares = np.exp(logits / temperature)
        shares /= shares.sum(axis=1, keepdims=True)
        np.testing.assert_allclose(found, shares, rtol=1e-4, atol=1e-6)
    with pytest.raises(ValueError, match="`temperature` must be above 0"):
        zoo.class_decoder(model, temperature=0)


@pytest.mark.parametrize("pooling", POOLINGS)
def test_every_variable_is_trained_and_it_learns(pooling: str) -> None:
    """Whether word 1 comes before word 2, which only order tells."""
    keras.utils.set_random_seed(0)
    model = zoo.text_classifier(**SMALL | {"num_classes": 2}, pooling=pooling)
    rng = np.random.default_rng(0)
    ids = np.stack([rng.permutation(np.arange(1, 5)) for _ in range(64)]).astype("int32")
    truth = (np.argmax(ids == 1, axis=1) < np.argmax(ids == 2, axis=1)).astype("int32")
    before = model.get_weights()
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    compiled = pooling == "attention" or keras.backend.backend() == "jax"
    model.compile(keras.optimizers.Adam(0.03), loss, jit_compile="auto" if compiled else False)
    model.fit({"words": ids}, truth, epochs=40, batch_size=32, verbose=0)
    changed = {
        v.path: np.any(a != b)
        for v, a, b in zip(model.weights, before, model.get_weights(), strict=True)
    }
    assert all(changed.values()), changed
    assert (to_numpy(apply(model, {"words": ids})).argmax(1) == truth).all()


@pytest.mark.parametrize("pooling", POOLINGS)
def test_saved_and_loaded(pooling: str, tmp_path: Any) -> None:
    model = build(pooling=pooling, character_vocabulary_size=7, character_filters=3)
    x = {"words": words(), "characters": np.ones((3, 6, 2), "int32")}
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(
        to_numpy(apply(again, x)), to_numpy(apply(model, x)), rtol=1e-5, atol=1e-6
    )
    assert "probabilities" in apply(zoo.class_decoder(again), x)


def test_wrong_options() -> None:
    with pytest.raises(ValueError, match="`pooling` must be one of"):
        build(pooling="first")
    with pytest.raises(ValueError, match="`num_classes` must be an integer of at least 2"):
        build(num_classes=1)
