"""Training that stops, resumes, keeps the best epoch and says why it diverged."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Literal

import keras
import numpy as np
import pytest
import tensorflow as tf

from recipes.kit.data.facts import Fact
from recipes.kit.errors import UserError
from recipes.kit.fit import fit
from recipes.kit.objective import Objective
from recipes.kit.options import FitConfig
from recipes.kit.output import CHECKPOINTS, write_rows
from recipes.kit.recipe import Row, Run

STEPS, BATCH = 4, 8


@dataclass(frozen=True)
class Scored:
    """Data of which only the score is looked at."""

    objective: Objective
    test: None = None
    understood: Sequence[Fact] = ()
    licence: str = "none"


def problem(seed: int = 0) -> keras.Model:
    keras.utils.set_random_seed(seed)
    x = keras.Input((3,))
    y = keras.layers.Dropout(0.3)(keras.layers.Dense(5, activation="tanh")(x))
    return keras.Model(x, keras.layers.Dense(1)(y))


def batches(epoch: int) -> tf.data.Dataset:
    x = np.random.default_rng([9, epoch]).normal(size=(STEPS * BATCH, 3)).astype("float32")
    return tf.data.Dataset.from_tensor_slices((x, x.sum(1, keepdims=True))).batch(BATCH)


def train(
    config: FitConfig,
    folder: Path,
    model: keras.Model | None = None,
    *,
    scores: Sequence[float] = (),
    losses: Sequence[float] = (),
    mode: Literal["min", "max"] = "max",
    worst: float | None = None,
) -> tuple[keras.Model, list[Row]]:
    """Fit; `scores` and `losses` say what the validation gives in each epoch."""
    model = model or problem()
    data = Scored(Objective("score", mode, worst=worst))
    remaining = iter(zip(scores, losses or [1.0] * len(scores), strict=True))

    def validate() -> dict[str, float]:
        if scores:
            return dict(zip(("val_score", "val_loss"), next(remaining), strict=True))
        loss = float(model.evaluate(batches(99), verbose=0))
        return {"val_score": -loss, "val_loss": loss}

    history = fit(
        Run(config, data, folder, "test"),
        model,
        batches=batches,
        steps=STEPS,
        loss=keras.losses.MeanSquaredError(),
        validate=validate,
    )
    return model, history.rows


def train_until_interrupted(config, folder, monkeypatch, *, epoch):
    """Begin a training that is interrupted at the start of an epoch, 0 being the first."""

    def stopping(number: int) -> tf.data.Dataset:
        if number == epoch:
            raise Interrupted
        return original(number)

    original = batches
    with monkeypatch.context() as patch:
        patch.setitem(globals(), "batches", stopping)
        with pytest.raises(Interrupted):
            train(config, folder)


class Interrupted(KeyboardInterrupt):
    pass


@pytest.mark.parametrize("schedule", ["constant", "cosine", "plateau"])
@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
def test_a_resumed_run_is_the_run(tmp_path, schedule, optimizer, monkeypatch):
    config = FitConfig(epochs=5, schedule=schedule, optimizer=optimizer, learning_rate=0.05)
    whole, history = train(config, tmp_path / "whole")
    train_until_interrupted(config, tmp_path / "state", monkeypatch, epoch=2)
    resumed, second = train(config, tmp_path / "state", problem(seed=5))

    assert [row["epoch"] for row in second] == [1, 2, 3, 4, 5]
    for name in ("loss", "val_score", "gradient_norm", "learning_rate"):
        np.testing.assert_allclose([r[name] for r in history], [r[name] for r in second], rtol=1e-6)
    for a, b in zip(whole.get_weights(), resumed.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-7)


def test_a_finished_run_is_not_trained_again(tmp_path):
    config = FitConfig(epochs=2)
    first, history = train(config, tmp_path)
    second, again = train(config, tmp_path, problem(seed=5))
    assert again == history
    for a, b in zip(first.get_weights(), second.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(("mode", "scores"), [("max", [5, 3, 4]), ("min", [3, 5, 4])])
def test_the_best_epoch_stays(tmp_path, mode, scores):
    config = FitConfig(epochs=3, patience=9)
    once = dataclasses.replace(config, epochs=1)
    first, _ = train(once, tmp_path / "once", scores=scores[:1], mode=mode)
    best, history = train(config, tmp_path / "all", scores=scores, mode=mode)
    assert len(history) == 3
    for a, b in zip(first.get_weights(), best.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6)


def test_patience_stops(tmp_path):
    _, history = train(FitConfig(epochs=9, patience=2), tmp_path, scores=[1, 2, 2, 1, 7])
    assert [row["val_score"] for row in history] == [1, 2, 2, 1]


@pytest.mark.parametrize(
    ("mode", "worst", "scores"),
    [("max", 0.0, [0, 0, 0, 0, 0, 0.1]), ("min", 1.0, [1.0, 2.5, 1.0, 3.0, 1.2, 0.9])],
)
def test_at_the_worst_score_a_lower_loss_is_progress(tmp_path, mode, worst, scores):
    config = FitConfig(epochs=6, patience=2)
    losses = [9, 8, 7, 7.5, 6, 5]
    _, history = train(config, tmp_path, scores=scores, losses=losses, mode=mode, worst=worst)
    assert len(history) == 6

    kept = dataclasses.replace(config, epochs=3)
    third, _ = train(
        kept, tmp_path / "kept", scores=scores[:3], losses=losses[:3], mode=mode, worst=worst
    )
    best, _ = train(
        dataclasses.replace(config, epochs=4),
        tmp_path / "best",
        scores=scores[:4],
        losses=losses[:4],
        mode=mode,
        worst=worst,
    )
    for a, b in zip(third.get_weights(), best.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6)


def test_a_tie_is_broken_by_the_loss_and_does_not_keep_the_training_going(tmp_path):
    config = FitConfig(epochs=9, patience=3)
    scores, losses = [1, 1, 1, 1, 2], [5, 4, 6, 7, 1]
    _, history = train(config, tmp_path, scores=scores, losses=losses, worst=0.0)
    assert len(history) == 4
    state = json.loads((tmp_path / CHECKPOINTS / "model" / "state.json").read_text())
    assert (state["best"], state["best_loss"], state["best_epoch"], state["wait"]) == (1, 4, 2, 3)


def test_a_resumed_run_remembers_the_loss_of_the_best_epoch(tmp_path):
    config = FitConfig(epochs=2, patience=2)
    train(config, tmp_path, scores=[0, 0], losses=[5, 3], worst=0.0)
    config = dataclasses.replace(config, epochs=9)
    _, history = train(config, tmp_path, scores=[0, 0], losses=[4, 3.5], worst=0.0)
    assert len(history) == 4  # neither is better than the 3 before


def test_plateau_halves_the_rate(tmp_path):
    config = FitConfig(epochs=7, patience=9, schedule="plateau", learning_rate=0.8)
    _, history = train(config, tmp_path, scores=[1, 1, 1, 2, 2, 2, 2])
    assert [row["learning_rate"] for row in history] == pytest.approx(
        [0.8, 0.8, 0.8, 0.4, 0.4, 0.4, 0.2]
    )


def test_a_loss_that_is_not_a_number_stops_in_plain_words(tmp_path):
    config = FitConfig(epochs=5, learning_rate=1e30, optimizer="sgd", global_clipnorm=None)
    with pytest.raises(UserError, match=r"became NaN or infinite in epoch \d, step \d") as caught:
        train(config, tmp_path)
    assert "--learning-rate" in str(caught.value)
    assert "--global-clipnorm" in str(caught.value)


def test_a_checkpoint_of_another_model_is_refused(tmp_path):
    train(FitConfig(epochs=1), tmp_path)
    x = keras.Input((3,))
    other = keras.Model(x, keras.layers.Dense(1)(x))
    with pytest.raises(UserError, match="does not fit this model"):
        train(FitConfig(epochs=1), tmp_path, other)


def test_a_damaged_checkpoint_is_refused(tmp_path):
    train(FitConfig(epochs=1), tmp_path)
    state = tmp_path / CHECKPOINTS / "model"
    for name, content in (("epoch-1.npz", b""), ("state.json", b"{")):
        (state / name).write_bytes(content)
        with pytest.raises(UserError, match="the saved training is damaged"):
            train(FitConfig(epochs=1), tmp_path)


@pytest.mark.parametrize(("mode", "scores"), [("max", [1, 0]), ("min", [0, 1])])
def test_a_score_that_is_not_a_number_is_the_worst(tmp_path, mode, scores):
    config = FitConfig(epochs=3, patience=1)
    _, history = train(config, tmp_path, scores=[float("nan"), *scores], mode=mode)
    assert len(history) == 3


def test_only_the_last_and_the_best_arrays_are_kept(tmp_path):
    train(FitConfig(epochs=4, patience=9), tmp_path, scores=[1, 3, 2, 2])
    state = tmp_path / CHECKPOINTS / "model"
    assert sorted(p.name for p in state.iterdir()) == [
        "best-2.npz",
        "epoch-4.npz",
        "state.json",
    ]


def test_history_is_a_table(tmp_path):
    _, history = train(FitConfig(epochs=2), tmp_path)
    write_rows(tmp_path / "history.csv", history)
    lines = (tmp_path / "history.csv").read_text().splitlines()
    assert lines[0].startswith("epoch,loss,val_score,val_loss,gradient_norm,gradient_norm_max,")
    assert len(lines) == 3


def clock(monkeypatch) -> None:
    """A second passes whenever the training looks at the time: once in each step, and thrice in an
    epoch."""
    seconds = count()
    monkeypatch.setattr(
        "recipes.kit.fit.time", SimpleNamespace(perf_counter=lambda: float(next(seconds)))
    )


def test_a_time_limit_stops_within_an_epoch_and_validates(tmp_path, monkeypatch, capsys):
    whole, history = train(FitConfig(epochs=5), tmp_path / "whole")
    clock(monkeypatch)
    _, stopped = train(FitConfig(epochs=5, time_limit="8s"), tmp_path / "stopped")
    assert [row["epoch"] for row in stopped] == [1, 2]
    assert stopped[0]["loss"] == history[0]["loss"]
    assert stopped[1]["loss"] != history[1]["loss"]  # of some of its steps
    assert np.isfinite(stopped[1]["val_score"])
    err = capsys.readouterr().err
    assert "the time was over after step 2 of 4" in err
    assert "stopped after 2 by --time-limit 8s" in err


def test_even_the_shortest_time_is_enough_for_a_validation(tmp_path, monkeypatch):
    clock(monkeypatch)
    _, history = train(FitConfig(epochs=5, time_limit="0.1s"), tmp_path)
    assert [row["epoch"] for row in history] == [1]
    assert np.isfinite(history[0]["val_score"])


def test_time_before_an_interruption_counts(tmp_path, monkeypatch):
    clock(monkeypatch)
    config = FitConfig(epochs=5, time_limit="8s")
    whole, history = train(config, tmp_path / "whole")
    train_until_interrupted(config, tmp_path / "state", monkeypatch, epoch=1)
    resumed, second = train(config, tmp_path / "state", problem(seed=5))
    assert second == history
    again, third = train(config, tmp_path / "state", problem(seed=6))
    assert third == history  # the time is over: nothing is left to do


def test_a_limit_that_is_not_reached_changes_nothing(tmp_path):
    free, history = train(FitConfig(epochs=2), tmp_path / "free")
    limited, rows = train(FitConfig(epochs=2, time_limit="1h"), tmp_path / "limited")
    for a, b in zip(free.get_weights(), limited.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    for row in (*history, *rows):
        del row["seconds"]
    assert rows == history


@pytest.mark.parametrize(
    ("limit", "seconds"), [("90s", 90), ("10m", 600), ("1.5h", 5400), (None, float("inf"))]
)
def test_times(limit, seconds):
    assert FitConfig(time_limit=limit).most_seconds == seconds


@pytest.mark.parametrize("limit", ["10", "0s", "m", "-1m", "1e3s", "10 m", ""])
def test_what_is_no_time_is_refused(limit):
    with pytest.raises(UserError, match="--time-limit must be a time such as 90s, 10m or 1.5h"):
        FitConfig(time_limit=limit)
