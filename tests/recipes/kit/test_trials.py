"""The table of trials: what each stands for, which is the best, and why one failed."""

from __future__ import annotations

import csv
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import keras_tuner
import pytest

from recipes.kit.objective import Objective
from recipes.kit.trials import best_of, report_trials, rows_of


def trial_of(
    trial_id: str, values: dict[str, Any], score: float | None, reason: str = "", loss: float = 1.0
) -> Any:
    measured = {} if score is None else {"parameters": 1234, "val_loss": loss}
    metrics = SimpleNamespace(exists=measured.__contains__, get_best_value=measured.__getitem__)
    return SimpleNamespace(
        trial_id=trial_id,
        status="FAILED" if reason else "COMPLETED",
        score=score,
        hyperparameters=SimpleNamespace(values=values),
        metrics=metrics,
        message=reason,
    )


def oracle_of(hp: keras_tuner.HyperParameters, *trials: Any) -> Any:
    return SimpleNamespace(hyperparameters=hp, trials={trial.trial_id: trial for trial in trials})


def searched() -> keras_tuner.HyperParameters:
    hp = keras_tuner.HyperParameters()
    hp.Boolean("bidirectional")
    hp.Int("depth", 1, 4)
    hp.Choice("clip", ["global_clipnorm", "none"])
    hp.Float("global_clipnorm", 0.1, 10.0)
    return hp


def oracle() -> Any:
    one = {"bidirectional": True, "depth": 2, "clip": "global_clipnorm", "global_clipnorm": 0.5}
    other = {**one, "bidirectional": False, "clip": "none"}
    return oracle_of(
        searched(),
        trial_of("1", other, 0.125),
        trial_of("0", one, 0.25),
        trial_of("2", {**one, "depth": 4}, None, "no room"),
    )


def test_rows() -> None:
    rows = rows_of(oracle())
    assert [row["trial"] for row in rows] == ["0", "1", "2"]
    assert [row["status"] for row in rows] == ["completed", "completed", "failed"]
    assert [row["global_clipnorm"] for row in rows] == [0.5, None, 0.5]
    assert [row["parameters"] for row in rows] == [1234, 1234, None]
    assert [row["reason"] for row in rows] == ["", "", "no room"]
    assert "clip" not in rows[0]


@pytest.mark.parametrize(("mode", "best"), [("max", "0"), ("min", "1")])
def test_what_is_shown_and_written(
    mode: Any, best: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[Any] = []
    monkeypatch.setattr("recipes.kit.trials.console", SimpleNamespace(print=shown.append))
    report_trials(oracle(), Objective("score", mode), tmp_path)
    (table,) = shown
    cells = {column.header: list(column.cells) for column in table.columns}
    assert cells == {
        "trial": ["0", "1", "2"],
        "val_score": ["0.25", "0.125", ""],
        "depth": ["2", "2", "4"],
        "direction": ["both", "forward", "both"],
        "clip": ["0.5", "none", "0.5"],
        "s": ["", "", ""],
        "status": ["completed", "completed", "failed: no room"],
    }
    bold = [cells["trial"][i] for i, row in enumerate(table.rows) if row.style == "bold"]
    assert bold == [best]
    with (tmp_path / "trials.csv").open(encoding="utf-8", newline="") as file:
        assert [row["trial"] for row in csv.DictReader(file)] == ["0", "1", "2"]
    assert (tmp_path / "plots" / "trials.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(("mode", "scores"), [("max", [0.0, 0.0, 0.0]), ("min", [1.0, 3.0, 1.5])])
def test_the_loss_decides_between_equal_trials(mode: Any, scores: list[float]) -> None:
    values = {"depth": 1}
    trials = [
        trial_of(str(number), values, score, loss=loss)
        for number, (score, loss) in enumerate(zip(scores, [3.0, 2.0, 2.5], strict=True))
    ]
    objective = Objective("score", mode, worst=0.0 if mode == "max" else 1.0)
    best = best_of(rows_of(oracle_of(searched(), *trials)), objective)
    assert best is not None and (best["trial"], best["val_loss"]) == ("1", 2.0)
    failed = rows_of(oracle_of(searched(), trial_of("0", values, None, "no room")))
    assert best_of(failed, objective) is None


def test_a_search_without_gradient_descent_shows_all_that_it_searched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[Any] = []
    monkeypatch.setattr("recipes.kit.trials.console", SimpleNamespace(print=shown.append))
    hp = keras_tuner.HyperParameters()
    hp.Float("spectral_radius", 0.3, 1.3)
    hp.Float("leak_rate", 0.05, 1.0, sampling="log")
    trial = trial_of("0", {"spectral_radius": 0.9, "leak_rate": 0.1}, 0.5)
    report_trials(oracle_of(hp, trial), Objective("nrmse", "min"), tmp_path)
    headers = [column.header for column in shown[0].columns]
    assert headers == ["trial", "val_nrmse", "spectral_radius", "leak_rate", "s", "status"]
    assert (tmp_path / "plots" / "trials.png").read_bytes().startswith(b"\x89PNG")


def test_nothing_is_written_before_the_first_trial(tmp_path: Path) -> None:
    report_trials(oracle_of(searched()), Objective("score", "max"), tmp_path)
    assert list(tmp_path.iterdir()) == []
