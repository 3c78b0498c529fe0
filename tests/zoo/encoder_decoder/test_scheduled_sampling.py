"""Scheduled sampling: a coin for each token, own tokens after own tokens, more with time."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from keras import ops
from layer_checks import disturb_weights, to_numpy

import zoo

pytestmark = pytest.mark.backend

SIZE, BATCH, TIME, START = 9, 4, 7, 2


def build(**options: Any) -> keras.Model:
    keras.utils.set_random_seed(0)
    model = zoo.encoder_decoder(
        source_vocabulary_size=SIZE,
        target_vocabulary_size=SIZE,
        **{"embedding_dim": 5, "units": 6, "cell": "gru", **options},
    )
    disturb_weights(model)
    return model


def tokens() -> dict[str, np.ndarray]:
    random = np.random.default_rng(0)
    source = random.integers(3, SIZE, (BATCH, 5)).astype("int32")
    target = random.integers(3, SIZE, (BATCH, TIME)).astype("int32")
    target[:, 0] = START
    target[1, 5:] = 0
    return {"source": source, "target": target}


def numbers(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).random((BATCH, TIME)).astype("float32")


def mix(model: keras.Model, share: float, coins: np.ndarray, uniforms: np.ndarray) -> np.ndarray:
    given = tokens()
    encoder, decoder = (model.get_layer(name) for name in ("encoder", "decoder"))
    encoded = encoder({"source": ops.convert_to_tensor(given["source"])})
    mixed = zoo.with_own_tokens(
        decoder,
        encoded,
        ops.convert_to_tensor(given["target"]),
        share,
        ops.convert_to_tensor(coins),
        ops.convert_to_tensor(uniforms),
    )
    return to_numpy(mixed)


@pytest.mark.parametrize("options", [{}, {"input_feeding": True, "attention": "dot"}])
def test_all_own_tokens_are_a_sample_of_the_model(options: dict[str, Any]) -> None:
    model, given, uniforms = build(**options), tokens(), numbers(1)
    encoder, decoder = (model.get_layer(name) for name in ("encoder", "decoder"))
    states, context = decoder.start(encoder({"source": ops.convert_to_tensor(given["source"])}))
    sample, _ = zoo.sample_tokens(
        decoder.step,
        states,
        ops.convert_to_tensor(uniforms[:, 1:]),
        context=context,
        start_id=START,
        end_id=None,
    )
    mixed = mix(model, 1.0, numbers(2), uniforms)
    real = given["target"] > 0
    sample = np.concatenate([given["target"][:, :1], to_numpy(sample)], axis=1)
    np.testing.assert_array_equal(mixed[real], sample[real])
    assert not mixed[~real].any()


def test_a_coin_decides_for_each_token() -> None:
    model, given, coins = build(), tokens(), numbers(2)
    np.testing.assert_array_equal(mix(model, 0.0, coins, numbers(1)), given["target"])
    # The decoder would say token 8 everywhere.
    head = model.get_layer("decoder").head.get_layer("logits")
    head.bias.assign(np.eye(SIZE)[8] * 1e3)
    given["target"][given["target"] == 8] = 7
    mixed = mix(model, 0.4, coins, numbers(1))
    own = (coins < 0.4) & (given["target"] > 0)
    own[:, 0] = False
    assert 0 < own.sum() < own.size
    assert (mixed[own] == 8).all()
    np.testing.assert_array_equal(mixed[~own], tokens()["target"][~own])


def test_own_tokens_follow_own_tokens() -> None:
    """The token after an own one is drawn from what the decoder makes of the own one."""
    model, given, uniforms = build(), tokens(), numbers(3)
    coins = np.ones((BATCH, TIME), "float32")
    coins[:, [2, 3]] = 0
    mixed = mix(model, 0.5, coins, uniforms)
    by_hand = given["target"].copy()
    for place in (2, 3):
        logits = model({**given, "target": by_hand[:, :place]})
        shares = to_numpy(ops.softmax(logits[:, -1]))
        drawn = (shares.cumsum(axis=1) > uniforms[:, place, None]).argmax(axis=1)
        by_hand[:, place] = drawn
    np.testing.assert_array_equal(mixed, by_hand)


@pytest.mark.parametrize("schedule", ["linear", "exponential", "sigmoid"])
def test_the_share_grows(schedule: Any) -> None:
    shares = to_numpy(zoo.own_share(np.linspace(0, 1.5, 31), 0.6, schedule))
    assert (np.diff(shares[:21]) > 0).all()
    assert shares[0] <= 0.6 / 400
    np.testing.assert_allclose(shares[20:], 0.6, atol=0.6 / 400)
    middle = {"linear": 0.3, "exponential": 1 - 0.4**0.5, "sigmoid": 0.3}[schedule]
    assert shares[10] == pytest.approx(middle, abs=1e-5)


def test_in_training_and_outside() -> None:
    model, given = build(dropout=0.0), tokens()
    sampling = zoo.ScheduledSampling(model, share=1.0, steps=2, seed=0)
    trainer = sampling.as_model()
    np.testing.assert_allclose(to_numpy(trainer(given)), to_numpy(model(given)), atol=1e-6)
    assert int(to_numpy(sampling.done)) == 0
    trainer.compile(
        keras.optimizers.SGD(0.0), keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    )
    after = np.roll(given["target"], -1, axis=1)
    losses = [float(trainer.train_on_batch(given, after)) for _ in range(4)]
    assert int(to_numpy(sampling.done)) == 4
    expected = float(trainer.test_on_batch(given, after))
    assert losses[0] == pytest.approx(expected, rel=1e-5)  # nothing is learned, and no own token
    assert abs(losses[2] - expected) > 1e-3 and abs(losses[3] - losses[2]) > 1e-3


def test_what_does_not_fit_is_refused() -> None:
    for options, message in (
        ({"share": 1.5, "steps": 3}, "`share` must be at least 0 and at most 1, found 1.5"),
        ({"share": 0.5, "steps": 0}, "`steps` must be a positive integer, found 0"),
        ({"share": 0.5, "steps": 3, "schedule": "cubic"}, "`schedule` must be one of"),
    ):
        with pytest.raises(ValueError, match=message):
            zoo.ScheduledSampling(build(), **options)
