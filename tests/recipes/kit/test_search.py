"""The search: the trials, their reasons, what is written, and going on with it."""

from __future__ import annotations

import csv
import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
from recipe_corpus import PLAIN

from recipes.kit.cli import main
from recipes.kit.space import stack_space
from recipes.ner import recipe

FAST = [*PLAIN, "--epochs", "1"]


def rows(out: Path) -> list[dict[str, str]]:
    with (out / "trials.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def replace_step(monkeypatch: pytest.MonkeyPatch, **steps: Any) -> None:
    """Have the recipe take some steps another way."""
    monkeypatch.setattr(recipe, "RECIPE", dataclasses.replace(recipe.RECIPE, **steps))


def small_space(hp, config):
    """The space of the recipe, its costly parts held."""
    return dataclasses.replace(stack_space(hp, config), units=4, depth=1, cell="simple")


@pytest.mark.slow
def test_search_writes_resumes_and_gives_a_config_to_train(corpus, tmp_path, monkeypatch, capfd):
    replace_step(monkeypatch, space=small_space)
    out = tmp_path / "search"
    words = ["tune", "ner", "--data", str(corpus), "--out", str(out), "--tuner", "random", *FAST]
    assert main([*words, "--trials", "2"]) == 0
    captured = capfd.readouterr()
    assert "best of the trials" in captured.out
    assert "trials" in captured.err
    first = rows(out)
    assert [row["status"] for row in first] == ["completed"] * 2
    assert all(0 <= float(row["objective"]) <= 1 for row in first)
    assert (out / "plots" / "trials.png").read_bytes().startswith(b"\x89PNG")

    assert main([*words, "--trials", "3"]) == 2
    assert "--resume continues it" in capfd.readouterr().err
    assert main([*words, "--trials", "3", "--resume", "--batch-size", "5"]) == 2
    assert "--batch-size 16, not 5" in capfd.readouterr().err
    assert main([*words, "--trials", "3", "--resume", "--tuner", "bayesian"]) == 2
    assert "has --tuner random, not bayesian" in capfd.readouterr().err
    assert main([*words, "--trials", "3", "--resume"]) == 0
    assert rows(out)[:2] == first
    assert len(rows(out)) == 3

    best = max(rows(out), key=lambda row: float(row["objective"]))
    record = json.loads((out / "best_config.json").read_text())
    assert record["options"]["learning_rate"] == pytest.approx(float(best["learning_rate"]))
    capfd.readouterr()
    trained = tmp_path / "best"
    again = ["train", "ner", "--config", str(out / "best_config.json"), "--out", str(trained)]
    assert main(again) == 0
    options = json.loads((trained / "config.json").read_text())["options"]
    assert options["learning_rate"] == record["options"]["learning_rate"]
    assert options["units"] == 4


@pytest.mark.slow
@pytest.mark.parametrize("tuner", ["bayesian", "hyperband"])
def test_other_tuners(corpus, tmp_path, monkeypatch, tuner):
    replace_step(monkeypatch, space=small_space)
    out = tmp_path / "search"
    words = ["--data", str(corpus), "--out", str(out), "--tuner", tuner, *PLAIN]
    assert main(["tune", "ner", *words, "--epochs", "3", "--trials", "3"]) == 0
    assert [row["status"] for row in rows(out)] == ["completed"] * 3
    # Hyperband trains most trials briefly; the best is to be trained for all epochs.
    assert json.loads((out / "best_config.json").read_text())["options"]["epochs"] == 3


def test_failed_trials_have_their_reason_and_none_completed_is_an_error(
    corpus, tmp_path, monkeypatch, capfd
):
    def broken(run):
        raise ValueError("no room\nfor this model")

    replace_step(monkeypatch, build=broken)
    out = tmp_path / "search"
    words = ["--data", str(corpus), "--out", str(out), "--tuner", "random", "--trials", "2"]
    assert main(["tune", "ner", *words, *FAST]) == 2
    err = capfd.readouterr().err
    assert "None of 2 trials completed" in err
    assert "failed: no room for this model" in err
    assert "Traceback" not in err
    assert [row["status"] for row in rows(out)] == ["failed"] * 2
    assert [row["reason"] for row in rows(out)] == ["no room for this model"] * 2
    assert not (out / "best_config.json").exists()


def test_a_folder_of_something_else_is_never_touched(tmp_path, capfd):
    (tmp_path / "thesis.tex").write_text("years of work")
    assert main(["tune", "ner", "--out", str(tmp_path), "--overwrite"]) == 2
    assert "contains something that is not a search" in capfd.readouterr().err
    assert (tmp_path / "thesis.tex").exists()


def test_resume_without_a_search(tmp_path, capfd):
    assert main(["tune", "ner", "--out", str(tmp_path / "no"), "--resume"]) == 2
    assert "there is no search" in capfd.readouterr().err
