"""Encoder and decoder: the equations, nothing seen ahead, steps equal the whole, it learns."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from compiled import apply
from keras import ops
from layer_checks import disturb_weights, to_numpy

import zoo

pytestmark = pytest.mark.backend

SOURCES, TARGETS, BATCH, POSITIONS, TIME = 13, 11, 3, 6, 5
START = 2

BODIES: dict[str, dict[str, Any]] = {
    "additive": {"cell": "gru"},
    "dot": {"attention": "dot", "cell": "lstm", "depth": 2, "connection": "residual"},
    "none": {"attention": "none", "cell": "gru", "bidirectional": False, "dropout": 0.3},
    "fed": {"attention": "dot", "input_feeding": True, "connection": "dense", "cell": "simple"},
    "fixed and fed": {"attention": "none", "input_feeding": True, "cell": "minlstm"},
}
bodies = pytest.mark.parametrize("body", BODIES)

#: For what searches, which JAX compiles long: those with and without steps of their own.
two_bodies = pytest.mark.parametrize("body", ["additive", "fed"])


def build(body: str = "additive", **options: Any) -> keras.Model:
    keras.utils.set_random_seed(0)
    model = zoo.encoder_decoder(
        source_vocabulary_size=SOURCES,
        target_vocabulary_size=TARGETS,
        embedding_dim=6,
        units=4,
        **{**BODIES[body], **options},
    )
    disturb_weights(model)
    return model


def tokens(seed: int = 0) -> dict[str, np.ndarray]:
    random = np.random.default_rng(seed)
    source = random.integers(3, SOURCES, (BATCH, POSITIONS)).astype("int32")
    target = random.integers(3, TARGETS, (BATCH, TIME)).astype("int32")
    source[1, 4:] = 0
    target[:, 0] = START
    return {"source": source, "target": target}


def run(model: keras.Model, given: dict[str, np.ndarray]) -> np.ndarray:
    return to_numpy(apply(model, {name: ops.convert_to_tensor(x) for name, x in given.items()}))


def parts(model: keras.Model) -> tuple[keras.Model, zoo.AttentionDecoder]:
    return model.get_layer("encoder"), model.get_layer("decoder")


def softmax(x: np.ndarray) -> np.ndarray:
    shares = np.exp(x - x.max())
    return shares / shares.sum()


@pytest.mark.parametrize("attention", ["additive", "dot", "none"])
@pytest.mark.parametrize("fed", [False, True])
def test_the_equations(attention: str, fed: bool) -> None:
    """Against the equations of the docstring, one number after the other, in float64."""
    model = build(attention=attention, input_feeding=fed, cell="simple")
    given = tokens()
    encoder, decoder = parts(model)

    def weights(layer: Any) -> list[np.ndarray]:
        return [to_numpy(v).astype("float64") for v in layer.weights]

    def advance(x: np.ndarray, h: np.ndarray, cell: list[np.ndarray]) -> np.ndarray:
        return np.tanh(x @ cell[0] + h @ cell[1] + cell[2])

    (source_vectors,) = weights(encoder.get_layer("embedding"))
    (target_vectors,) = weights(decoder.embedding)
    both = encoder.get_layer("recurrent_0")
    forward, backward = weights(both.forward_layer), weights(both.backward_layer)
    inside = weights(decoder.recurrence)
    expected = np.zeros((BATCH, TIME, TARGETS))
    for row in range(BATCH):
        x = [source_vectors[i] for i in given["source"][row] if i]
        h, ahead, behind = np.zeros(4), [], []
        for vector in x:
            h = advance(vector, h, forward)
            ahead.append(h)
        h = np.zeros(4)
        for vector in reversed(x):
            h = advance(vector, h, backward)
            behind.insert(0, h)
        memory = np.concatenate([ahead, behind], axis=1)
        summary = np.concatenate([memory[-1], memory[0]])
        kernel, bias = weights(encoder.get_layer("start_0"))
        h, features = np.tanh(summary @ kernel + bias), np.zeros(4)
        for t in range(TIME):
            x = target_vectors[given["target"][row, t]]
            h = advance(np.concatenate([x, features]) if fed else x, h, inside)
            context = summary
            if attention != "none":
                kernel, *bias = weights(encoder.get_layer("keys"))
                keys = memory @ kernel + sum(bias)
                if attention == "dot":
                    scores = keys @ h
                else:
                    (query,) = weights(decoder.attend.get_layer("query"))
                    (scale,) = weights(decoder.attend.get_layer("attention"))
                    scores = np.tanh(h @ query + keys) @ scale
                context = softmax(scores) @ memory
            (kernel,) = weights(decoder.attend.get_layer("features"))
            features = np.tanh(np.concatenate([context, h]) @ kernel)
            kernel, bias = weights(decoder.head.get_layer("logits"))
            expected[row, t] = features @ kernel + bias
    np.testing.assert_allclose(run(model, given), expected, rtol=1e-4, atol=1e-5)


@bodies
def test_nothing_of_the_target_is_seen_ahead(body: str) -> None:
    model, given = build(body), tokens()
    found = run(model, given)
    for place in range(TIME):
        other = {**given, "target": given["target"].copy()}
        other["target"][:, place] = 3 + (other["target"][:, place] - 2) % (TARGETS - 3)
        changed = np.abs(run(model, other) - found).max(axis=(0, 2)) > 1e-6
        assert not changed[:place].any()
        assert changed[place:].all()


@bodies
def test_every_word_of_the_source_counts_and_padding_does_not(body: str) -> None:
    model, given = build(body), tokens()
    found = run(model, given)
    wider = {**given, "source": np.pad(given["source"], ((0, 0), (0, 3)))}
    np.testing.assert_allclose(run(model, wider), found, rtol=1e-4, atol=1e-5)
    for place in range(POSITIONS):
        other = {**given, "source": given["source"].copy()}
        other["source"][:, place] = np.where(
            other["source"][:, place] > 0, 1 + other["source"][:, place] % (SOURCES - 1), 0
        )
        changed = np.abs(run(model, other) - found).max(axis=(1, 2)) > 1e-6
        assert changed.tolist() == [True, place < 4, True]


@bodies
def test_steps_equal_the_whole(body: str) -> None:
    model, given = build(body), tokens()
    encoder, decoder = parts(model)
    states, context = decoder.start(encoder({"source": ops.convert_to_tensor(given["source"])}))
    found = []
    for t in range(TIME):
        logits, states = decoder.step(ops.convert_to_tensor(given["target"][:, t]), states, context)
        found.append(to_numpy(logits))
    np.testing.assert_allclose(np.stack(found, axis=1), run(model, given), rtol=1e-4, atol=1e-5)


@bodies
def test_every_weight_is_trained(body: str) -> None:
    model, given = build(body), tokens()
    before = [w.copy() for w in model.get_weights()]
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(1.0), loss)
    assert np.isfinite(model.train_on_batch(given, np.roll(given["target"], -1, axis=1)))
    for variable, old in zip(model.weights, before, strict=True):
        assert np.any(to_numpy(variable) != old), variable.path


@bodies
def test_saved_and_loaded(body: str, tmp_path: Any) -> None:
    model, given = build(body), tokens()
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(run(again, given), run(model, given), rtol=1e-5, atol=1e-6)


@two_bodies
def test_a_search_is_saved_with_its_decoder(body: str, tmp_path: Any) -> None:
    source = {"source": ops.convert_to_tensor(tokens()["source"])}
    search = zoo.sequence_search(
        build(body), start_id=START, end_id=START, max_length=4, beam_size=2
    )
    search.save(tmp_path / "search.keras")
    again = apply(keras.models.load_model(tmp_path / "search.keras"), source)
    for name, value in apply(search, source).items():
        np.testing.assert_allclose(to_numpy(again[name]), to_numpy(value), atol=1e-5)


def test_half_precision() -> None:
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model, given = build("fed"), tokens()
        assert np.isfinite(run(model, given)).all()
        search = zoo.sequence_search(model, start_id=START, end_id=START, max_length=4)
        answer = apply(search, {"source": ops.convert_to_tensor(given["source"])})
        assert np.isfinite(to_numpy(answer["scores"])[:, 0]).all()
    finally:
        keras.config.set_dtype_policy("float32")


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="`attention` must be one of .* found 'soft'"):
        build(attention="soft")
    with pytest.raises(ValueError, match="`forbidden` must not hold `end_id` 0"):
        zoo.sequence_search(build(), start_id=START, end_id=0, max_length=4)


# --- search ---------------------------------------------------------------------------------------


@two_bodies
def test_greedy_search_takes_the_likeliest(body: str) -> None:
    model, source = build(body), tokens()["source"]
    search = zoo.sequence_search(
        model, start_id=START, end_id=START, max_length=TIME, beam_size=1, forbidden=(0, 1)
    )
    found = apply(search, {"source": ops.convert_to_tensor(source)})
    given = np.full((BATCH, 1), START, "int32")
    for _ in range(TIME):  # by the whole model, called again for each token
        logits = run(model, {"source": source, "target": given})[:, -1]
        logits[:, :2] = -np.inf
        given = np.concatenate([given, logits.argmax(-1)[:, None].astype("int32")], axis=1)
    given = given[:, 1:]
    ended = np.cumsum(given == START, axis=1) > 0
    np.testing.assert_array_equal(to_numpy(found["tokens"])[:, 0], np.where(ended, 0, given))


def test_attention_of_the_answer() -> None:
    model, given = build("dot"), tokens()
    search = zoo.sequence_search(model, start_id=START, end_id=START, max_length=7)
    answer = apply(search, {"source": ops.convert_to_tensor(given["source"])})
    found = {name: to_numpy(value) for name, value in answer.items()}
    lengths = (found["tokens"][:, 0] > 0).sum(axis=1)
    for row, length in enumerate(lengths):
        steps = min(length + 1, 7)
        np.testing.assert_allclose(found["attention"][row, :steps].sum(axis=1), 1, atol=1e-5)
        assert not found["attention"][row, steps:].any()
    assert not found["attention"][1, :, 4:].any()  # padding of the source
    assert (np.diff(found["scores"], axis=1) <= 0).all()


def test_it_learns_to_reverse() -> None:
    """What attention is for: the answer's first word is the source's last."""
    keras.utils.set_random_seed(0)
    random = np.random.default_rng(0)
    source = np.zeros((512, 6), "int32")
    target = np.zeros((512, 7), "int32")
    for row in range(512):
        length = random.integers(2, 7)
        source[row, :length] = random.integers(3, SOURCES, length)
        target[row, : length + 1] = [*source[row, :length][::-1], START]
    shifted = np.concatenate([np.full((512, 1), START), target[:, :-1]], axis=1).astype("int32")
    model = zoo.encoder_decoder(
        source_vocabulary_size=SOURCES,
        target_vocabulary_size=SOURCES,
        embedding_dim=24,
        units=32,
        cell="gru",
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True, ignore_class=-1)
    model.compile(keras.optimizers.Adam(0.01), loss)
    truth = np.where(target > 0, target, -1)
    model.fit(
        {"source": source[:448], "target": shifted[:448]},
        truth[:448],
        batch_size=64,
        epochs=30,
        verbose=0,
    )
    search = zoo.sequence_search(model, start_id=START, end_id=START, max_length=8)
    answer = apply(search, {"source": ops.convert_to_tensor(source[448:])})
    found = to_numpy(answer["tokens"])[:, 0, :7]
    right = (found == np.where(target[448:] == START, 0, target[448:])).all(axis=1).mean()
    assert right > 0.9
