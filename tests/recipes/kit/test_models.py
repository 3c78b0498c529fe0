"""Several models of one run: alike but for the seed, the best of them published."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from recipe_corpus import PLAIN

from recipes.kit.cli import main
from recipes.kit.output import unfinished_folder
from recipes.ner import recipe as ner

Step = Callable[..., Any]


def changed(monkeypatch: pytest.MonkeyPatch, **steps: Step) -> None:
    """The ner recipe with other steps, and no pictures."""
    other = replace(ner.RECIPE, draw=lambda *_: None, **steps)
    monkeypatch.setattr("recipes.ner.recipe.RECIPE", other)


def metrics_of(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "metrics.json").read_text())


@pytest.fixture(scope="module")
def words(corpus: Path) -> list[str]:
    options = ["--epochs", "2", "--learning-rate", "0.02", "--dropout", "0.2", "--seed", "3"]
    return ["train", "ner", "--data", str(corpus), *options, *PLAIN]


@pytest.fixture(scope="module")
def three(words: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of three seeds, interrupted before the last of them and resumed."""
    out = tmp_path_factory.mktemp("seeds") / "out"
    trained: list[int] = []

    def train(run: Any, model: keras.Model, **other: Any) -> Any:
        if trained == [3, 4]:
            trained.append(0)
            raise KeyboardInterrupt
        trained.append(run.config.seed)
        return ner.train(run, model, **other)

    with pytest.MonkeyPatch.context() as patch:
        changed(patch, train=train)
        assert main([*words, "--out", str(out), "--seeds", "3", "--tensorboard"]) == 130
        assert unfinished_folder(out).exists()
        assert main(["train", "ner", "--out", str(out), "--resume"]) == 0
    assert trained == [3, 4, 0, 5]  # the first two are not trained again
    return out


def test_the_best_on_validation_is_published_with_the_spread_of_all(three: Path) -> None:
    metrics = metrics_of(three)
    seeds = metrics["seeds"]
    assert [each["seed"] for each in seeds] == [3, 4, 5]
    best = max(seeds, key=lambda each: each["val_entity_f1"])
    assert metrics["test"] == best["test"]
    assert len({each["test"]["token_accuracy"] for each in seeds}) == 3
    for name, spread in metrics["spread"].items():
        values = [each["test"][name] for each in seeds]
        assert spread["mean"] == pytest.approx(np.mean(values))
        assert spread["std"] == pytest.approx(np.std(values, ddof=1))
        assert spread["models"] == 3
    assert metrics["seconds"] == pytest.approx(sum(each["seconds"] for each in seeds), abs=0.06)
    with (three / "history.csv").open(newline="") as file:
        scores = [float(row["val_entity_f1"]) for row in csv.DictReader(file)]
    assert max(scores) == best["val_entity_f1"]
    assert "Means of 3 models, the one here the best on validation" in (
        three / "README.md"
    ).read_text(encoding="utf-8")
    assert [*(three / "tensorboard").rglob("events*")]
    assert not (three / "checkpoints").exists()


def test_the_model_of_a_seed_is_that_of_a_run_with_this_seed(
    three: Path, words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    changed(monkeypatch)
    metrics = metrics_of(three)
    seeds = metrics["seeds"]
    best = max(seeds, key=lambda each: each["val_entity_f1"])["seed"]
    assert main([*words, "--out", str(tmp_path / "alone"), "--seed", str(best)]) == 0
    assert metrics_of(tmp_path / "alone")["test"] == metrics["test"]
    models = [keras.models.load_model(f / "model.keras") for f in (three, tmp_path / "alone")]
    for a, b in zip(*(model.get_weights() for model in models), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_search_trains_each_config_once(capsys: pytest.CaptureFixture, tmp_path: Path) -> None:
    assert main(["tune", "ner", "--seeds", "2", "--out", str(tmp_path / "x")]) == 2
    assert "--seeds has no effect in a search" in capsys.readouterr().err
    assert not (tmp_path / "x").exists()


def test_reservoirs_are_several_already(capsys: pytest.CaptureFixture, tmp_path: Path) -> None:
    words = ["train", "chaos", "--seeds", "2", "--reservoirs", "3", "--out", str(tmp_path / "x")]
    assert main(words) == 2
    assert "--reservoirs has no effect with --seeds" in capsys.readouterr().err
