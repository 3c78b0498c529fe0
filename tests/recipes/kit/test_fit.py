"""Training that stops, resumes, keeps the best epoch and says why it diverged."""

from __future__ import annotations

import dataclasses

import keras
import numpy as np
import pytest
import tensorflow as tf

from recipes.kit.errors import UserError
from recipes.kit.fit import fit, write_history
from recipes.kit.options import FitConfig

STEPS, BATCH = 4, 8


def problem(seed: int = 0) -> keras.Model:
    keras.utils.set_random_seed(seed)
    x = keras.Input((3,))
    y = keras.layers.Dropout(0.3)(keras.layers.Dense(5, activation="tanh")(x))
    return keras.Model(x, keras.layers.Dense(1)(y))


def batches(epoch: int) -> tf.data.Dataset:
    x = np.random.default_rng([9, epoch]).normal(size=(STEPS * BATCH, 3)).astype("float32")
    return tf.data.Dataset.from_tensor_slices((x, x.sum(1, keepdims=True))).batch(BATCH)


def run(config: FitConfig, model: keras.Model | None = None, *, scores=None, folder=None):
    """Fit; `scores` says what the validation gives in each epoch."""
    model = model or problem()
    given = iter(scores) if scores else None

    def validate() -> dict[str, float]:
        if given:
            return {"val_score": next(given)}
        return {"val_score": -float(model.evaluate(batches(99), verbose=0))}

    history = fit(
        model,
        config,
        batches=batches,
        steps=STEPS,
        loss=keras.losses.MeanSquaredError(),
        validate=validate,
        monitor="val_score",
        mode="max",
        folder=folder,
    )
    return model, history


class Interrupted(KeyboardInterrupt):
    pass


@pytest.mark.parametrize("schedule", ["constant", "cosine", "plateau"])
@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
def test_a_resumed_run_is_the_run(tmp_path, schedule, optimizer, monkeypatch):
    config = FitConfig(epochs=5, schedule=schedule, optimizer=optimizer, learning_rate=0.05)
    whole, history = run(config)

    calls = []

    def stop_in_the_third_epoch(epoch: int) -> tf.data.Dataset:
        calls.append(epoch)
        if epoch == 2:
            raise Interrupted
        return original(epoch)

    original = batches
    monkeypatch.setitem(globals(), "batches", stop_in_the_third_epoch)
    with pytest.raises(Interrupted):
        run(config, folder=tmp_path / "state")
    monkeypatch.setitem(globals(), "batches", original)
    resumed, second = run(config, problem(seed=5), folder=tmp_path / "state")

    assert [row["epoch"] for row in second] == [1, 2, 3, 4, 5]
    for name in ("loss", "val_score", "gradient_norm", "learning_rate"):
        np.testing.assert_allclose([r[name] for r in history], [r[name] for r in second], rtol=1e-6)
    for a, b in zip(whole.get_weights(), resumed.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-7)


def test_a_finished_run_is_not_trained_again(tmp_path):
    config = FitConfig(epochs=2)
    first, history = run(config, folder=tmp_path / "state")
    second, again = run(config, problem(seed=5), folder=tmp_path / "state")
    assert again == history
    for a, b in zip(first.get_weights(), second.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_the_best_epoch_stays():
    config = FitConfig(epochs=3, patience=9)
    first, _ = run(dataclasses.replace(config, epochs=1), scores=[5])
    best, history = run(config, scores=[5, 3, 4])
    assert len(history) == 3
    for a, b in zip(first.get_weights(), best.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6)


def test_patience_stops():
    _, history = run(FitConfig(epochs=9, patience=2), scores=[1, 2, 2, 1, 7])
    assert [row["val_score"] for row in history] == [1, 2, 2, 1]


def test_plateau_halves_the_rate():
    config = FitConfig(epochs=7, patience=9, schedule="plateau", learning_rate=0.8)
    _, history = run(config, scores=[1, 1, 1, 2, 2, 2, 2])
    assert [row["learning_rate"] for row in history] == pytest.approx(
        [0.8, 0.8, 0.8, 0.4, 0.4, 0.4, 0.2]
    )


def test_a_loss_that_is_no_number_stops_in_plain_words(tmp_path):
    config = FitConfig(epochs=5, learning_rate=1e30, optimizer="sgd", global_clipnorm=None)
    with pytest.raises(UserError, match=r"stopped being a number in epoch \d, step \d") as caught:
        run(config)
    assert "--learning-rate" in str(caught.value)
    assert "--global-clipnorm" in str(caught.value)


def test_a_checkpoint_of_another_model_is_refused(tmp_path):
    run(FitConfig(epochs=1), folder=tmp_path / "state")
    x = keras.Input((3,))
    other = keras.Model(x, keras.layers.Dense(1)(x))
    with pytest.raises(UserError, match="does not fit this model"):
        run(FitConfig(epochs=1), other, folder=tmp_path / "state")


def test_a_damaged_checkpoint_is_told(tmp_path):
    run(FitConfig(epochs=1), folder=tmp_path)
    state = tmp_path / "checkpoints" / "model"
    for name, content in (("epoch-1.npz", b""), ("state.json", b"{")):
        (state / name).write_bytes(content)
        with pytest.raises(UserError, match="the saved training is damaged"):
            run(FitConfig(epochs=1), folder=tmp_path)


def test_a_score_that_is_no_number_is_the_worst():
    _, history = run(FitConfig(epochs=3, patience=1), scores=[float("nan"), 1, 0])
    assert len(history) == 3


def test_only_the_last_and_the_best_arrays_are_kept(tmp_path):
    run(FitConfig(epochs=4, patience=9), scores=[1, 3, 2, 2], folder=tmp_path)
    state = tmp_path / "checkpoints" / "model"
    assert sorted(p.name for p in state.iterdir()) == [
        "best-2.npz",
        "epoch-4.npz",
        "state.json",
    ]


def test_history_is_a_table(tmp_path):
    _, history = run(FitConfig(epochs=2))
    write_history(history, tmp_path / "history.csv")
    lines = (tmp_path / "history.csv").read_text().splitlines()
    assert lines[0].startswith("epoch,loss,val_score,gradient_norm,gradient_norm_max,clipped_frac")
    assert len(lines) == 3
