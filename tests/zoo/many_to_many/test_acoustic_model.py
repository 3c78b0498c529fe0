"""Acoustic models: a clip says what it says whatever is beside it, and a stream knows no future."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from compiled import apply
from layer_checks import to_numpy

import zoo
from custom_layers import CTCLoss

pytestmark = pytest.mark.backend

#: 10 samples a step, 25 a frame.
SMALL: dict[str, Any] = {
    "num_labels": 4,
    "sampling_rate": 1000,
    "num_mels": 6,
    "num_coefficients": 5,
    "units": 6,
    "depth": 1,
}
KINDS: dict[str, dict[str, Any]] = {
    "acoustic_model_small": {},
    "acoustic_model_base": {"spec_augment": True},
    "acoustic_model_streaming": {"cell": "gru"},
}
on_tensorflow = pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="SavedModel is TensorFlow's"
)


def build(name: str, **overrides: Any) -> keras.Model:
    keras.utils.set_random_seed(0)
    return zoo.create_model(name, **SMALL | KINDS[name] | overrides)


def clips(lengths: tuple[int, ...] = (300, 187), seed: int = 0) -> dict[str, np.ndarray]:
    """Waveforms with noise, not zeros, behind their ends."""
    x = 0.1 * np.random.default_rng(seed).normal(size=(len(lengths), max(lengths)))
    return {"waveforms": x.astype("float32"), "lengths": np.array(lengths, "int32")}


names = pytest.mark.parametrize("name", KINDS)


def test_the_catalogue_is_here() -> None:
    assert {*KINDS} == {*zoo.list_models("acoustic*")}
    assert zoo.model_info("acoustic_model_small").shape == "many-to-many"


@names
def test_padding_says_nothing_and_changes_nothing(name: str) -> None:
    model = build(name)
    x = clips()
    found = to_numpy(apply(model, x))
    reduction = zoo.model_info(name).options.get("time_reduction", 1)
    steps = [
        zoo.acoustic_steps(n, sampling_rate=1000, time_reduction=reduction) for n in (300, 187)
    ]
    assert found.shape[0] == 2 and found.shape[2] == 5 and found.shape[1] >= steps[0]
    probabilities = to_numpy(keras.ops.softmax(found))
    assert (probabilities[1, steps[1] :, 1:] == 0).all()
    assert (probabilities[1, : steps[1]] > 0).all()
    alone = {"waveforms": x["waveforms"][1:, :187], "lengths": x["lengths"][1:]}
    np.testing.assert_allclose(
        found[1, : steps[1]], to_numpy(apply(model, alone))[0, : steps[1]], atol=1e-4
    )


def test_a_stream_does_not_know_the_future() -> None:
    x = clips((400,))
    other = {**x, "waveforms": x["waveforms"].copy()}
    other["waveforms"][0, 250:] *= -2.0
    # Frame 22 ends before sample 250 - 5; steps are stacks of three frames.
    for deltas, heard in ((0, 7), (2, 6)):
        model = build("acoustic_model_streaming", deltas=deltas)
        before, after = (to_numpy(apply(model, v)) for v in (x, other))
        same = np.abs(before - after)[0].max(axis=-1) == 0
        assert same[:heard].all() and not same[9:13].any()
    both = build("acoustic_model_small")
    before, after = (to_numpy(apply(both, v)) for v in (x, other))
    assert (np.abs(before - after)[0, :40].max(axis=-1) > 0).all()


@names
def test_it_learns_which_tone_is_which_letter(name: str) -> None:
    random = np.random.default_rng(0)
    seconds = np.arange(100) / 1000
    tones = [np.sin(2 * np.pi * hertz * seconds) for hertz in (60, 130, 240, 400)]
    labels = random.integers(0, 4, (64, 3))
    x = np.array([np.concatenate([tones[k] for k in row]) for row in labels])
    x = (0.3 * x + 0.01 * random.normal(size=x.shape)).astype("float32")
    inputs = {"waveforms": x, "lengths": np.full(64, 300, "int32")}
    model = build(name, units=16, spec_augment=False)
    jit = keras.backend.backend() == "jax"  # which compiles each step's loops anew without it
    model.compile(keras.optimizers.Adam(0.02, clipnorm=5.0), CTCLoss(), jit_compile=jit)
    first = model.evaluate(inputs, labels + 1, verbose=0)
    model.fit(inputs, labels + 1, batch_size=32, epochs=30, shuffle=False, verbose=0)
    assert model.evaluate(inputs, labels + 1, verbose=0) < 0.1 * first


@names
def test_keras_file(name: str, tmp_path: Path) -> None:
    model = build(name)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(
        *(to_numpy(apply(m, clips())) for m in (model, again)), rtol=1e-5, atol=1e-6
    )


@names
@on_tensorflow
def test_saved_model(name: str, tmp_path: Path) -> None:
    import tensorflow as tf

    decoder = zoo.frame_decoder(build(name))
    decoder.export(tmp_path / "saved", verbose=False)
    served = tf.saved_model.load(str(tmp_path / "saved")).signatures["serving_default"]
    for lengths in ((300, 187), (90,), (7, 0)):
        x = clips(lengths)
        got = served(**{key: tf.constant(value) for key, value in x.items()})
        want = decoder(x)["log_probabilities"]
        np.testing.assert_allclose(got["log_probabilities"].numpy(), want.numpy(), atol=1e-4)


def test_options() -> None:
    assert build("acoustic_model_small").get_layer("deltas").output.shape[-1] == 15
    assert "deltas" not in {layer.name for layer in build("acoustic_model_base").layers}
    plain = build("acoustic_model_small", normalization="none", deltas=0, features="log_mel")
    assert {"normalization", "cepstra", "deltas"}.isdisjoint(layer.name for layer in plain.layers)
    assert zoo.acoustic_steps(305, sampling_rate=1000, time_reduction=4) == 8
    for option, value in (
        ("features", "raw"),
        ("normalization", "batch"),
        ("num_labels", 0),
        ("time_reduction", 0),
    ):
        with pytest.raises(ValueError, match=f"`{option}` must be"):
            build("acoustic_model_small", **{option: value})
