"""Classifiers of video: padding, ConvLSTM against float64 NumPy, what is said after each frame."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from compiled import apply
from layer_checks import disturb_weights, to_numpy

import zoo

pytestmark = pytest.mark.backend

LENGTHS = np.array([5, 3, 1], "int32")


def build(**options: Any) -> keras.Model:
    keras.utils.set_random_seed(0)
    small = {"height": 5, "width": 4, "channels": 2, "num_classes": 3, "units": 4}
    sizes = {"filters": (3,), "frame_dim": 24}
    model = zoo.video_classifier(**{**small, **sizes, **options})
    disturb_weights(model)
    return model


def inputs() -> dict[str, np.ndarray]:
    frames = np.random.default_rng(0).random((3, 5, 5, 4, 2), "float32")
    return {"frames": frames, "lengths": LENGTHS}


OPTIONS: list[dict[str, Any]] = [
    {"pooling": "last", "bidirectional": True},
    {"pooling": "attention"},
    {"pooling": "max", "recurrence": "conv_lstm"},
    {"pooling": "mean", "recurrence": "conv_lstm", "depth": 2},
    {"every_frame": True, "bidirectional": True},
    {"every_frame": True, "recurrence": "conv_lstm"},
]


@pytest.mark.parametrize("options", OPTIONS)
def test_padding_changes_nothing(options: dict[str, Any]) -> None:
    model, x = build(**options), inputs()
    found = to_numpy(apply(model, x))
    longer = np.pad(x["frames"], ((0, 0), (0, 3), (0, 0), (0, 0), (0, 0)))
    for row, length in enumerate(LENGTHS):
        longer[row, length:] = np.nan
    again = to_numpy(apply(model, {**x, "frames": longer}))
    for row, length in enumerate(LENGTHS):
        alone = {"frames": x["frames"][row : row + 1, :length], "lengths": LENGTHS[row : row + 1]}
        itself = to_numpy(model.predict(alone, verbose=0))[0]
        for other in (found[row], again[row]):
            seen = other[:length] if options.get("every_frame") else other
            np.testing.assert_allclose(itself, seen, rtol=1e-4, atol=1e-5)
    x["frames"][1, 2] = 1 - x["frames"][1, 2]  # the last frame that counts
    assert np.abs(to_numpy(apply(model, x))[1] - found[1]).max() > 1e-5


def test_the_conv_lstm_equals_its_equations() -> None:
    model, x = build(recurrence="conv_lstm"), inputs()
    maps = to_numpy(model.get_layer("encoder")(x["frames"])).astype("float64")
    kernel, recurrent, bias = map(to_numpy, model.get_layer("conv_lstm_0").weights)
    weights, offset = map(to_numpy, model.get_layer("logits").weights)
    for row, length in enumerate(LENGTHS):
        h = c = np.zeros((*maps.shape[2:4], 4))
        for step in maps[row, :length]:
            gates = convolved(step, kernel) + convolved(h, recurrent) + bias
            i, f, g, o = np.split(gates, 4, axis=-1)
            c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
            h = sigmoid(o) * np.tanh(c)
        expected = h.mean((0, 1)) @ weights + offset
        np.testing.assert_allclose(to_numpy(apply(model, x))[row], expected, rtol=1e-4, atol=1e-5)


def convolved(x: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    padded = np.pad(x, ((1, 1), (1, 1), (0, 0)))
    return sum(
        padded[i : i + x.shape[0], j : j + x.shape[1]] @ kernel[i, j]
        for i in range(3)
        for j in range(3)
    )


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


@pytest.mark.parametrize("pooling", ["last", "mean", "max", "attention"])
@pytest.mark.parametrize("recurrence", ["stack", "conv_lstm"])
def test_what_is_said_after_each_frame(pooling: str, recurrence: str) -> None:
    """It is what is said of the clip that ends there."""
    model, x = build(pooling=pooling, recurrence=recurrence), inputs()
    if pooling == "attention":  # scores that differ by more than exponentials of floats hold
        layer = model.get_layer("pooling")
        layer.query.assign(300 * to_numpy(layer.query))
    answer = apply(zoo.video_states(model), x)
    np.testing.assert_allclose(to_numpy(answer["logits"]), to_numpy(apply(model, x)), rtol=1e-5)
    running = to_numpy(zoo.running_logits(model, answer["states"]))
    assert running.shape == (3, 5, 3)
    for end in range(1, 6):
        clip = {"frames": x["frames"][:1, :end], "lengths": np.array([end], "int32")}
        expected = to_numpy(model.predict(clip, verbose=0))
        np.testing.assert_allclose(running[:1, end - 1], expected, rtol=1e-4, atol=1e-5)


def test_both_directions_are_pooled_from_their_ends() -> None:
    model, x = build(pooling="last", bidirectional=True), inputs()
    answer = apply(zoo.video_states(model), x)
    running = to_numpy(zoo.running_logits(model, answer["states"]))
    for row, length in enumerate(LENGTHS):
        expected = to_numpy(answer["logits"])[row]
        np.testing.assert_allclose(running[row, length - 1], expected, rtol=1e-4, atol=1e-5)


def test_what_is_said_of_many_frames() -> None:
    """Memory for each pair of frames would be 40 GB."""
    model = build(pooling="max")
    states = np.random.default_rng(0).random((1, 50_000, 4), "float32")
    running = to_numpy(zoo.running_logits(model, states))
    weights, offset = map(to_numpy, model.get_layer("logits").weights)
    expected = np.maximum.accumulate(states, axis=1) @ weights + offset
    np.testing.assert_allclose(running, expected, rtol=1e-4, atol=1e-5)


def test_every_variable_is_trained() -> None:
    for options in ({"recurrence": "conv_lstm"}, {"pooling": "attention"}, {"every_frame": True}):
        model = build(**options)
        before = [to_numpy(variable) for variable in model.trainable_variables]
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True, ignore_class=-1)
        model.compile(keras.optimizers.SGD(1.0), loss, jit_compile=False)
        targets = np.array([0, 1, 2])
        if options.get("every_frame"):
            targets = np.where(np.arange(5) < LENGTHS[:, None], targets[:, None], -1)
        assert np.isfinite(model.train_on_batch(inputs(), targets))
        for variable, old in zip(model.trainable_variables, before, strict=True):
            assert np.any(to_numpy(variable) != old), variable.path


def test_errors() -> None:
    with pytest.raises(ValueError, match="found cell"):
        build(recurrence="conv_lstm", cell="gru")
    with pytest.raises(ValueError, match="`recurrence` must be one of"):
        build(recurrence="3d")
