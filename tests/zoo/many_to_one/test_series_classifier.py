"""Classifiers of series: padding, missing values, scaling, and the readout in closed form."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from compiled import apply
from layer_checks import disturb_weights, to_numpy
from sklearn.linear_model import Ridge

import zoo

pytestmark = pytest.mark.backend

POOLINGS = ("last", "mean", "max", "attention", "snapshots")
LENGTHS = np.array([7, 4, 1], "int32")


def build(**options: Any) -> keras.Model:
    keras.utils.set_random_seed(0)
    small = {"features": 2, "num_classes": 3, "units": 5, "snapshots": 3}
    model = zoo.series_classifier(**small | options)
    disturb_weights(model)
    return model


def inputs(seed: int = 0) -> dict[str, np.ndarray]:
    series = np.random.default_rng(seed).normal(2, 3, (3, 7, 2)).astype("float32")
    return {"series": series, "lengths": LENGTHS}


def logits(model: keras.Model, x: dict[str, np.ndarray]) -> np.ndarray:
    return to_numpy(apply(model, x))


@pytest.mark.parametrize("scaling", ["train", "series"])
@pytest.mark.parametrize("bidirectional", [True, False])
@pytest.mark.parametrize("pooling", POOLINGS)
def test_padding_changes_nothing(pooling: str, bidirectional: bool, scaling: str) -> None:
    model = build(pooling=pooling, bidirectional=bidirectional, scaling=scaling)
    x = inputs()
    found = logits(model, x)
    assert np.isfinite(found).all()
    for garbage in (np.nan, 1e30):
        wider = np.pad(x["series"], ((0, 0), (0, 4), (0, 0)))
        for row, length in enumerate(LENGTHS):
            wider[row, length:] = garbage
        again = logits(model, {**x, "series": wider})
        np.testing.assert_allclose(again, found, rtol=1e-5, atol=1e-6)
    alone = {"series": x["series"][1:2, :4], "lengths": LENGTHS[1:2]}
    np.testing.assert_allclose(logits(model, alone), found[1:2], rtol=1e-5, atol=1e-6)
    # And what is no padding does change it: the last step that counts.
    x["series"][1, 3] += 1
    assert np.abs(logits(model, x)[1] - found[1]).max() > 1e-4


def test_missing_values_are_told_from_values() -> None:
    """One at the centre is the same as a missing one, unless the network is shown which is."""
    x = inputs()
    for missing in (False, True):
        model = build(missing=missing)
        centre = to_numpy(model.get_layer("scaling").mean)
        gap, filled = (x["series"].copy() for _ in range(2))
        gap[0, 2, 1], filled[0, 2, 1] = np.nan, centre[1]
        a, b = (logits(model, {**x, "series": series})[0] for series in (gap, filled))
        assert np.isfinite(a).all()
        assert (np.abs(a - b).max() > 1e-4) == missing


def test_scaling() -> None:
    x = inputs()
    moved = {**x, "series": 100 + 10 * x["series"]}
    by_itself = build(scaling="series")
    # The series of one step has no deviation of its own.
    a, b = (logits(by_itself, each)[:2] for each in (x, moved))
    np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-3)
    model = build(scaling="train")
    layer = model.get_layer("scaling")
    layer.adapt(np.concatenate(list(x["series"])))
    found = logits(model, x)
    layer.adapt(np.concatenate(list(moved["series"])))
    np.testing.assert_allclose(logits(model, moved), found, rtol=1e-3, atol=1e-3)
    assert np.abs(logits(model, x) - found).max() > 1e-2


@pytest.mark.parametrize("pooling", POOLINGS)
def test_every_variable_is_trained(pooling: str) -> None:
    model = build(pooling=pooling, bidirectional=True)
    before = [to_numpy(variable) for variable in model.trainable_variables]
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    jax = keras.backend.backend() == "jax"
    model.compile(keras.optimizers.SGD(1.0), loss, jit_compile=jax)
    assert np.isfinite(model.train_on_batch(inputs(), np.array([0, 1, 2])))
    changed = {
        variable.path: np.any(to_numpy(variable) != old)
        for variable, old in zip(model.trainable_variables, before, strict=True)
    }
    assert all(changed.values()), changed


def test_decoder_and_saving(tmp_path: Any) -> None:
    model = build(pooling="attention", missing=True)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    found = apply(zoo.class_decoder(again), inputs())
    assert set(found) == {"probabilities", "attention"}
    shares = np.exp(logits(model, inputs()))
    np.testing.assert_allclose(
        to_numpy(found["probabilities"]), shares / shares.sum(1, keepdims=True), rtol=1e-4
    )
    attention = to_numpy(found["attention"])
    np.testing.assert_allclose(attention.sum(1), 1, rtol=1e-5)
    np.testing.assert_array_equal(attention[1, 4:], 0)


def echo_state(**options: Any) -> keras.Model:
    keras.utils.set_random_seed(0)
    return zoo.series_classifier(
        num_classes=3,
        cell="reservoir",
        connection="dense",
        pooling="snapshots",
        snapshots=4,
        units=20,
        cell_options={"input_scaling": 0.3, "bias_scaling": 0.3},
        **options,
    )


def waves(count: int, seed: int) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Sines whose period is the class."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, 3, count)
    phases = rng.uniform(0, 1, (count, 1))
    series = np.sin(2 * np.pi * np.arange(24) / np.array([6, 9, 14])[truth, None] + phases)
    lengths = rng.integers(20, 25, count).astype("int32")
    return {"series": series[:, :, None].astype("float32"), "lengths": lengths}, truth


def test_readout_is_the_ridge_regression_of_the_classes() -> None:
    model = echo_state()
    (x, truth), valid = waves(60, 0), waves(30, 1)
    halves = [
        ({name: a[rows] for name, a in x.items()}, truth[rows])
        for rows in (slice(0, 25), slice(25, None))
    ]
    rows = zoo.fit_class_readout(model, halves, [valid], alphas=(1e-2, 1.0))
    assert [row["alpha"] for row in rows] == [1e-2, 1.0]
    seen = keras.Model(model.input, model.get_layer("logits").input)
    states, held = (
        to_numpy(seen.predict_on_batch(part)).astype("float64") for part in (x, valid[0])
    )
    assert states.shape == (60, 4 * (20 + 1))
    for row in rows:
        direct = Ridge(alpha=row["alpha"], solver="svd").fit(states, np.eye(3)[truth])
        scores = direct.predict(held)
        assert row["val_accuracy"] == np.mean(scores.argmax(1) == valid[1])
        missed = direct.predict(states) - np.eye(3)[truth]
        assert row["mean_square"] == pytest.approx(np.mean(missed**2), rel=1e-3)
        shares = np.exp(row["sharpness"] * scores)
        nats = -np.log((shares / shares.sum(1, keepdims=True))[np.arange(30), valid[1]])
        assert row["val_loss"] == pytest.approx(nats.mean(), rel=1e-3)
    best = max(rows, key=lambda row: (row["val_accuracy"], -row["val_loss"]))
    every, classes = np.concatenate([states, held]), np.concatenate([truth, valid[1]])
    direct = Ridge(alpha=best["alpha"], solver="svd").fit(every, np.eye(3)[classes])
    kernel = to_numpy(model.get_layer("logits").kernel)
    np.testing.assert_allclose(
        kernel, best["sharpness"] * direct.coef_.T, rtol=1e-2, atol=1e-2 * np.abs(kernel).max()
    )


def test_echo_state_tells_waves_apart_and_is_calibrated() -> None:
    model = echo_state()
    zoo.fit_class_readout(model, [waves(300, 0)], [waves(100, 1)])
    x, truth = waves(200, 2)
    shares = to_numpy(zoo.class_decoder(model).predict_on_batch(x)["probabilities"])
    accuracy = np.mean(shares.argmax(1) == truth)
    assert accuracy > 0.9
    assert shares.max(1).mean() == pytest.approx(accuracy, abs=0.07)


def test_wrong_options() -> None:
    with pytest.raises(ValueError, match="`num_classes` must be an integer of at least 2"):
        build(num_classes=1)
    with pytest.raises(ValueError, match="`scaling` must be one of 'train', 'series'"):
        build(scaling="window")
    with pytest.raises(ValueError, match="`pooling` must be one of"):
        build(pooling="first")
    with pytest.raises(ValueError, match="would stay untrained: recurrent_0"):
        zoo.fit_class_readout(build(), [waves(3, 0)], [waves(3, 0)])
    with pytest.raises(ValueError, match="must each hold an example"):
        zoo.fit_class_readout(echo_state(), [waves(3, 0)], [])
