"""Every model of the catalogue has the stated number of parameters, and every tagger learns.

The other models have tests of their own.
"""

from __future__ import annotations

import keras
import numpy as np
import pytest
from compiled import apply

import zoo
from custom_layers import crf_marginals, initializers

pytestmark = pytest.mark.backend

#: Small enough to be quick, large enough to tell axes apart.
SMALL = {
    "vocabulary_size": 23,
    "num_tags": 4,
    "word_dim": 6,
    "character_vocabulary_size": 11,
    "character_dim": 5,
    "character_filters": 7,
    "units": 8,
}
BATCH, TIME, LETTERS = 3, 5, 4


def build(name: str, **overrides) -> keras.Model:
    keras.utils.set_random_seed(0)
    depth = min(2, zoo.model_info(name).options.get("depth", 1))
    return zoo.create_model(name, **SMALL | {"depth": depth} | overrides)


def inputs(seed: int = 0, time: int = TIME, batch: int = BATCH) -> dict[str, np.ndarray]:
    random = np.random.default_rng(seed)
    words = random.integers(1, SMALL["vocabulary_size"], (batch, time))
    letters = random.integers(1, SMALL["character_vocabulary_size"], (batch, time, LETTERS))
    for row in range(batch):
        words[row, time - row :] = 0
        letters[row, time - row :] = 0
    return {"words": words.astype("int32"), "characters": letters.astype("int32")}


def loss_of(model: keras.Model) -> keras.losses.Loss:
    from custom_layers import CRFLoss

    if len(model.output.shape) == 4:
        return CRFLoss()
    return keras.losses.SparseCategoricalCrossentropy(from_logits=True, ignore_class=-1)


def targets(words: np.ndarray) -> np.ndarray:
    tags = np.random.default_rng(5).integers(0, SMALL["num_tags"], words.shape)
    return np.where(words > 0, tags, -1).astype("int32")


def taggers() -> list[str]:
    """Models that tag tokens; of those that differ only in size, the first."""
    different = {}
    for info in map(zoo.model_info, zoo.list_models()):
        rest = {key: value for key, value in info.options.items() if key not in SMALL}
        if info.builder in (zoo.tagger, zoo.mlp_tagger):
            different.setdefault((info.builder, repr(rest)), info.name)
    return list(different.values())


names = pytest.mark.parametrize("name", taggers())


on_tensorflow = pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="it is the same on every backend"
)


@on_tensorflow
@pytest.mark.parametrize("name", zoo.list_models())
def test_parameters_are_what_the_catalogue_says(name, monkeypatch):
    # Eigenvalues of a large reservoir take long, and do not change how many weights it has.
    monkeypatch.setattr(initializers, "_unit_radius", initializers._unit_radius.__wrapped__)
    monkeypatch.setattr(np.linalg, "eigvals", lambda matrix: np.ones(1))
    assert zoo.create_model(name).count_params() == zoo.model_info(name).parameters


@names
def test_forward(name):
    model = build(name)
    x = inputs()
    first = keras.ops.convert_to_numpy(apply(model, x))
    assert first.shape[:3] == (BATCH, TIME, SMALL["num_tags"])
    assert first.dtype == np.float32
    assert np.isfinite(first).all()
    alone = {key: value[1:2, : TIME - 1] for key, value in x.items()}
    second = keras.ops.convert_to_numpy(apply(model, alone))
    np.testing.assert_allclose(first[1:2, : TIME - 2], second[:, : TIME - 2], rtol=1e-4, atol=1e-4)


@names
def test_every_variable_is_trained(name):
    model = build(name)
    x = inputs()
    before = [w.copy() for w in model.get_weights()]
    model.compile(keras.optimizers.SGD(1.0), loss_of(model))
    loss = model.train_on_batch(x, targets(x["words"]))
    assert np.isfinite(loss)
    changed = {
        v.path: np.any(a != b)
        for v, a, b in zip(model.weights, before, model.get_weights(), strict=True)
    }
    assert all(changed.values()), changed


@names
def test_it_learns_what_the_words_say(name):
    model = build(name)
    x = inputs()
    y = np.where(x["words"] > 0, x["words"] % SMALL["num_tags"], -1).astype("int32")
    jax = keras.backend.backend() == "jax"  # the other test of training compiles everywhere
    model.compile(keras.optimizers.Adam(0.02), loss_of(model), jit_compile=jax)
    many = {key: np.tile(value, (80, *[1] * (value.ndim - 1))) for key, value in x.items()}
    model.fit(many, np.tile(y, (80, 1)), batch_size=BATCH, shuffle=False, verbose=0)
    tags = keras.ops.convert_to_numpy(apply(zoo.tag_decoder(model), x)["tags"])
    real = y >= 0
    assert (tags[real] == y[real]).all()


@names
def test_keras_file(name, tmp_path):
    model = build(name)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    x = inputs()
    np.testing.assert_allclose(
        *(keras.ops.convert_to_numpy(apply(m, x)) for m in (model, again)), rtol=1e-5, atol=1e-6
    )
    decoded = apply(zoo.tag_decoder(again), x)
    assert set(decoded) == {"tags", "confidence"}


@names
@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="SavedModel is TensorFlow's")
def test_saved_model(name, tmp_path):
    import tensorflow as tf

    decoder = zoo.tag_decoder(build(name))
    decoder.export(tmp_path / "saved", verbose=False)
    served = tf.saved_model.load(str(tmp_path / "saved")).signatures["serving_default"]
    for batch, time in ((BATCH, TIME), (1, 9)):
        x = inputs(seed=batch, time=time, batch=batch)
        want = decoder(x)
        got = served(**{key: tf.constant(value) for key, value in x.items()})
        real = x["words"] > 0
        np.testing.assert_array_equal(got["tags"].numpy()[real], want["tags"].numpy()[real])
        np.testing.assert_allclose(
            got["confidence"].numpy()[real], want["confidence"].numpy()[real], rtol=1e-4
        )


@names
def test_letters_behind_the_word_do_not_matter(name):
    model = build(name)
    x = inputs()
    wider = {**x, "characters": np.pad(x["characters"], ((0, 0), (0, 0), (0, 3)))}
    np.testing.assert_allclose(
        *(keras.ops.convert_to_numpy(apply(model, v)) for v in (x, wider)), rtol=1e-5, atol=1e-6
    )


@names
def test_without_characters(name):
    model = build(name, character_vocabulary_size=0)
    assert set(model.input) == {"words"}
    x = {"words": inputs()["words"]}
    assert np.isfinite(keras.ops.convert_to_numpy(apply(model, x))).all()


def test_context_reaches_the_tagger_and_not_the_baseline():
    x = inputs()
    other = {key: value.copy() for key, value in x.items()}
    other["words"][0, -1] = 1 + other["words"][0, -1] % (SMALL["vocabulary_size"] - 1)
    for name, reaches in (("tagger_small", True), ("mlp_tagger_small", False)):
        model = build(name, **({"head": "softmax"} if reaches else {}))
        before, after = (keras.ops.convert_to_numpy(apply(model, v)) for v in (x, other))
        changed = np.abs(before - after)[0].max(-1) > 0
        assert changed.tolist() == [reaches] * (TIME - 1) + [True]


def test_confidence_is_a_probability():
    for head in ("crf", "softmax"):
        decoder = zoo.tag_decoder(build("tagger_small", head=head))
        confidence = keras.ops.convert_to_numpy(apply(decoder, inputs())["confidence"])
        assert ((confidence > 1 / SMALL["num_tags"] / 2) & (confidence <= 1 + 1e-6)).all()


@pytest.mark.parametrize("head", ["crf", "softmax"])
def test_a_temperature_scales_the_confidence_and_no_tag(head):
    forbidden = {"allowed_starts": [1, 0, 1, 1]} if head == "crf" else {}
    model, x = build("tagger_small", head=head, **forbidden), inputs()
    scores = keras.ops.convert_to_numpy(apply(model, x))
    plain = {k: keras.ops.convert_to_numpy(v) for k, v in apply(zoo.tag_decoder(model), x).items()}
    for temperature in (0.2, 5.0):
        found = apply(zoo.tag_decoder(model, temperature), x)
        tags, confidence = (keras.ops.convert_to_numpy(found[k]) for k in ("tags", "confidence"))
        np.testing.assert_array_equal(tags, plain["tags"])
        shares = crf_marginals if head == "crf" else keras.ops.softmax
        expected = keras.ops.convert_to_numpy(shares(scores / temperature))
        expected = np.take_along_axis(expected, tags[..., None], axis=-1)[..., 0]
        np.testing.assert_allclose(confidence, expected, rtol=1e-4, atol=1e-6)
        assert np.abs(confidence - plain["confidence"]).max() > 0.01
    with pytest.raises(ValueError, match="`temperature` must be above 0"):
        zoo.tag_decoder(model, temperature=-1.0)


def test_constraints_hold_in_every_decoded_sequence():
    forbidden = np.ones((4, 4), int)
    forbidden[0, 1] = forbidden[2, 3] = 0
    model = build(
        "tagger_small", allowed_transitions=forbidden.tolist(), allowed_starts=[1, 0, 1, 0]
    )
    x = inputs(time=12, batch=1)
    tags = keras.ops.convert_to_numpy(apply(zoo.tag_decoder(model), x)["tags"])[0]
    assert tags[0] in (0, 2)
    assert all(forbidden[a, b] for a, b in zip(tags[:-1], tags[1:], strict=True))


def test_wrong_heads_are_refused():
    with pytest.raises(ValueError, match="`head` must be one of 'crf', 'softmax', found 'argmax'"):
        zoo.tagger(head="argmax")
    with pytest.raises(ValueError, match="need `head='crf'`"):
        zoo.tagger(head="softmax", allowed_starts=[1] * 9)
