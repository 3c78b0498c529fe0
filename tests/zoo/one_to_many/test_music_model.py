"""Models of music: read in parts, nothing seen ahead, sampled as a loop over frames and keys."""

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

KEYS, BATCH, TIME = 5, 3, 7
HEADS = pytest.mark.parametrize("head", ["independent", "chain"])


def build(**options: Any) -> keras.Model:
    keras.utils.set_random_seed(0)
    model = zoo.music_model(**{"keys": KEYS, "units": 4, "head_units": 3, "cell": "gru", **options})
    disturb_weights(model)
    return model


def pieces(batch: int = BATCH, time: int = TIME, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 2, (batch, time, KEYS)).astype("float32")


def start(model: keras.Model, batch: int = BATCH) -> dict[str, np.ndarray]:
    return {
        name: np.zeros((batch, tensor.shape[-1]), "float32")
        for name, tensor in model.input.items()
        if name != "notes"
    }


def read(model: keras.Model, notes: np.ndarray, before: dict[str, Any]) -> dict[str, np.ndarray]:
    inputs = {"notes": notes, **before}
    found = apply(model, {name: ops.convert_to_tensor(x) for name, x in inputs.items()})
    return {name: to_numpy(value) for name, value in found.items()}


@HEADS
@pytest.mark.parametrize("cell", ["gru", "lstm", "leaky"])
def test_parts_equal_the_whole(head: Any, cell: str) -> None:
    model, notes = build(head=head, cell=cell, depth=2), pieces()
    whole = read(model, notes, start(model))
    before, logits = start(model), []
    for part in np.split(notes, [1, 2, 5], axis=1):
        after = read(model, part, before)
        logits.append(after.pop("logits"))
        before = after
    np.testing.assert_allclose(np.concatenate(logits, axis=1), whole["logits"], atol=1e-5)
    for name, value in before.items():
        np.testing.assert_allclose(value, whole[name], atol=1e-5)
    np.testing.assert_array_equal(before["previous"], notes[:, -1])


@HEADS
def test_padding_changes_nothing(head: Any) -> None:
    model, notes = build(head=head), pieces()
    expected = read(model, notes, start(model))
    padded = np.pad(notes, ((0, 0), (0, 3), (0, 0)), constant_values=-1.0)
    found = read(model, padded, start(model))
    for name, value in expected.items():
        np.testing.assert_allclose(
            found[name][:, :TIME] if name == "logits" else found[name], value, atol=1e-6
        )
    nothing = read(
        model,
        np.full((BATCH, 2, KEYS), -1.0, "float32"),
        {k: v + 1 for k, v in start(model).items()},
    )
    for name in start(model):  # as it was before
        np.testing.assert_allclose(nothing[name], 1, atol=1e-6)


@HEADS
def test_nothing_is_seen_ahead(head: str) -> None:
    model, notes = build(head=head), pieces(batch=1)
    before = read(model, notes, start(model, 1))["logits"][0]
    for t, key in ((0, 0), (2, 3), (6, 1)):
        other = notes.copy()
        other[0, t, key] = 1 - other[0, t, key]
        changed = np.abs(read(model, other, start(model, 1))["logits"][0] - before) > 1e-7
        assert not changed[:t].any()
        later = [head == "chain" and k > key for k in range(KEYS)]
        assert changed[t].tolist() == later
        assert changed[t + 1 :].any(axis=1).all()


@HEADS
def test_a_piece_alone_is_that_of_a_batch(head: Any) -> None:
    for keys, units in ((KEYS, KEYS), (3, 3), (1, 3)):
        model = build(head=head, keys=keys, units=units)
        notes = np.resize(pieces(4, 3), (4, 3, keys))
        many = read(model, notes, start(model, 4))
        alone = read(model, notes[:1], start(model, 1))
        for name, value in many.items():
            np.testing.assert_allclose(alone[name], value[:1], atol=1e-6)


def reference_nats(notes: np.ndarray, logits: np.ndarray) -> np.ndarray:
    notes, logits = notes.astype("float64"), logits.astype("float64")
    p = 1 / (1 + np.exp(-logits))
    nats = -np.log(np.where(notes > 0, p, 1 - p)).sum(axis=-1)
    return np.where(notes[..., 0] >= 0, nats, 0)


def test_the_loss_is_the_mean_over_frames() -> None:
    notes = pieces()
    for row in range(BATCH):
        notes[row, TIME - row :] = -1
    logits = np.random.default_rng(1).normal(size=notes.shape).astype("float32")
    nats = reference_nats(notes, logits)
    np.testing.assert_allclose(to_numpy(zoo.frame_nats(notes, logits)), nats, rtol=1e-5)
    real = notes[..., 0] >= 0
    assert float(zoo.FrameLoss()(notes, logits)) == pytest.approx(nats.sum() / real.sum(), rel=1e-5)
    assert float(zoo.FrameLoss(reduction="sum")(notes, logits)) == pytest.approx(
        nats.sum(), rel=1e-5
    )
    weights = np.array([1.0, 0.0, 2.0], "float32")
    expected = (nats * weights[:, None]).sum() / (real * weights[:, None]).sum()
    for given in (weights, weights[:, None]):
        assert float(zoo.FrameLoss()(notes, logits, given)) == pytest.approx(expected, rel=1e-5)
    with pytest.raises(ValueError, match="`sample_weight` must have a weight for each example"):
        zoo.FrameLoss()(notes, logits, np.ones((BATCH, TIME)))
    assert float(zoo.FrameLoss()(np.full_like(notes, -1), logits)) == 0


@HEADS
def test_whole_pieces_are_learned(head: Any) -> None:
    model = build(head=head, units=16, dropout=0.1)
    rise = np.eye(KEYS, dtype="float32")[np.arange(12) % KEYS]
    notes = np.repeat(rise[None], 8, axis=0)
    notes[:4, 9:] = -1
    trained = zoo.whole_pieces(model)
    jit = keras.backend.backend() == "jax"
    trained.compile(keras.optimizers.Adam(0.05), zoo.FrameLoss(), jit_compile=jit)
    before = [weight.copy() for weight in model.get_weights()]
    history = trained.fit(notes, notes, epochs=40, batch_size=4, verbose=0).history["loss"]
    assert history[-1] < 0.3 * history[0]
    for a, b in zip(before, model.get_weights(), strict=True):
        assert np.isfinite(b).all() and (a != b).any()
    inputs = {
        "notes": rise[None, :2],
        "uniforms": np.full((1, 5, KEYS), 0.5, "float32"),
        "temperature": np.ones(1, "float32"),
    }
    drawn = zoo.piece_sampler(model).predict(inputs, verbose=0)["notes"][0]
    np.testing.assert_array_equal(drawn, rise[2:7])


def sampled(model: keras.Model, seed: np.ndarray, uniforms: np.ndarray, temperature: float) -> Any:
    """One piece, key by key: each logit from the model itself."""
    notes = seed
    for u in uniforms:
        frame = np.zeros(KEYS, "float32")
        for key in range(KEYS):
            whole = np.concatenate([notes, frame[None]])[None]
            logits = read(model, whole, start(model, 1))["logits"][0, -1].astype("float64")
            frame[key] = u[key] < 1 / (1 + np.exp(-logits[key] / temperature))
        notes = np.concatenate([notes, frame[None]])
    return notes[len(seed) :]


@HEADS
def test_samples_are_those_of_a_loop_over_keys(head: Any) -> None:
    model = build(head=head, cell="lstm")
    lengths, temperatures = (3, 0, 2), (1.0, 0.5, 2.0)
    seeds = pieces(time=3, seed=1)
    for row, length in enumerate(lengths):
        seeds[row, length:] = -1
    uniforms = np.random.default_rng(2).random((BATCH, 4, KEYS)).astype("float32")
    inputs = {
        "notes": seeds,
        "uniforms": uniforms,
        "temperature": np.array(temperatures, "float32"),
    }
    sampler = zoo.piece_sampler(model)
    found = sampler.predict(inputs, verbose=0)["notes"]
    for row, (length, temperature) in enumerate(zip(lengths, temperatures, strict=True)):
        expected = sampled(model, seeds[row, :length], uniforms[row], temperature)
        np.testing.assert_array_equal(found[row], expected)
        alone = {name: value[row : row + 1] for name, value in inputs.items()}
        np.testing.assert_array_equal(sampler.predict(alone, verbose=0)["notes"][0], expected)
    assert 0 < found.mean() < 1


@HEADS
def test_the_sampler_is_saved_with_the_model(head: Any, tmp_path: Any) -> None:
    sampler = zoo.piece_sampler(build(head=head))
    inputs = {
        "notes": pieces(),
        "uniforms": np.random.default_rng(0).random((BATCH, 3, KEYS)).astype("float32"),
        "temperature": np.ones(BATCH, "float32"),
    }
    sampler.save(tmp_path / "sampler.keras")
    again = keras.models.load_model(tmp_path / "sampler.keras")
    np.testing.assert_array_equal(
        *(each.predict(inputs, verbose=0)["notes"] for each in (sampler, again))
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"head": "both"}, "`head` must be one of 'independent', 'chain', found 'both'"),
        ({"keys": 0}, "`keys` must be a positive integer"),
        ({"head_units": 0}, "`head_units` must be a positive integer"),
        ({"bidirectional": True}, "`bidirectional` must be false"),
        ({"initial_state": "learned"}, "`initial_state` must be 'zeros'"),
    ],
)
def test_wrong_options(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        zoo.music_model(**options)
