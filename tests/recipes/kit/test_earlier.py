"""Trainings that start from the model of an earlier run."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from recipe_corpus import write_corpus

from recipes.kit.cli import main
from recipes.kit.data.source import Source
from recipes.kit.models import build
from recipes.kit.output import read_run_config
from recipes.kit.recipe import Run
from recipes.ner import recipe as ner
from recipes.ner.options import Config


def fails(capfd: pytest.CaptureFixture, *words: object) -> str:
    assert main([str(word) for word in words]) == 2
    out, err = capfd.readouterr()
    assert out == "" and "Traceback" not in err
    return err.splitlines()[-1]


@pytest.fixture
def more(tmp_path: Path) -> Path:
    """A corpus like that of the earlier run, and a name that is new."""
    corpus = write_corpus(tmp_path / "more", {"train": 32, "dev": 24, "test": 8})
    with (corpus / "train.conll").open("a", encoding="utf-8") as file:
        file.write("\nZenobia\tB-PER\nmet\tO\nAda\tB-PER\n")
    return corpus


def test_the_first_epoch_is_much_better_than_from_nothing(
    trained: Path, more: Path, tmp_path: Path
) -> None:
    before = read_run_config(Config, trained)
    config = replace(before, data=Source.of(more), epochs=1, learning_rate=1e-3, tensorboard=False)

    def score(name: str, **options: Any) -> float:
        own = replace(config, **options)
        run = Run(own, ner.load_data(own.data, own), tmp_path / name, "ner")
        keras.utils.set_random_seed(0)
        return ner.train(run, build(ner.RECIPE, run)).rows[0]["val_entity_f1"]

    assert score("on", from_=trained) > 0.9 > 0.2 > score("new")


def test_a_run_that_starts_from_another(
    trained: Path, more: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    out, recipe = tmp_path / "out", replace(ner.RECIPE, draw=lambda *_: None)
    words = ["train", "ner", "--data", str(more), "--epochs", "1", "--dropout", "0.1"]
    monkeypatch.setattr("recipes.ner.recipe.RECIPE", replace(recipe, export=interrupted))
    assert main([*words, "--from", str(trained), "--out", str(out)]) == 130
    monkeypatch.setattr("recipes.ner.recipe.RECIPE", recipe)
    monkeypatch.chdir(trained.parent)
    assert main(["train", "ner", "--out", str(out), "--resume", "--from", trained.name]) == 0

    options = json.loads((out / "config.json").read_text())["options"]
    earlier = json.loads((trained / "config.json").read_text())["options"]
    assert options["from"] == str(trained)
    assert options["units"] == earlier["units"] and options["word_dim"] == earlier["word_dim"]
    assert options["learning_rate"] != earlier["learning_rate"]
    for name in ("tags", "words", "characters"):
        lists = [json.loads((f / "labels.json").read_text())[name] for f in (trained, out)]
        assert lists[0] == lists[1]
    assert "zenobia" not in lists[1]
    assert f"- started from: the model in {trained}" in (out / "README.md").read_text()
    assert main(["evaluate", str(out)]) == 0


def test_training_goes_on_from_the_weights(trained: Path, more: Path, tmp_path: Path) -> None:
    config = replace(read_run_config(Config, trained), data=Source.of(more), from_=trained)
    run = Run(config, ner.load_data(config.data, config), tmp_path, "ner")
    earlier = keras.models.load_model(trained / "model.keras")
    for a, b in zip(build(ner.RECIPE, run).weights, earlier.weights, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("ner --from RUN --units 9", "--units is 8 in the model of --from .*, not 9; leave it out"),
        ("ner --from RUN --mixed-precision", "--mixed-precision is False in the model of --from"),
        ("ner --from none", "none: no such folder"),
        ("ner --from EMPTY", "has no config.json; expected a folder that `rnn-zoo train` wrote"),
        ("ner --from HALF", "expected a finished run, with metrics.json"),
        ("sentiment --from RUN", "is a run of ner; expected one of sentiment"),
        ("ner --from RUN --data NEW", "no output for the tags B-DOG, I-DOG of the new training"),
    ],
)
def test_what_does_not_fit_the_model_is_refused(
    trained: Path,
    tmp_path: Path,
    capfd: pytest.CaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    words: str,
    message: str,
) -> None:
    import re

    corpus = write_corpus(tmp_path / "NEW", {"train": 4, "dev": 2, "test": 2})
    with (corpus / "train.conll").open("a", encoding="utf-8") as file:
        file.write("\nRex\tB-DOG\nbarked\tO\n")
    (tmp_path / "EMPTY").mkdir()
    (tmp_path / "HALF").mkdir()
    shutil.copy2(trained / "config.json", tmp_path / "HALF")
    monkeypatch.chdir(tmp_path)
    typed = [str(trained) if word == "RUN" else word for word in words.split()]
    if "--data" not in typed:
        typed += ["--data", "NEW"]
    line = fails(capfd, "train", *typed, "--out", "out")
    assert re.search(message, line), line
    assert not (tmp_path / "out").exists()


def test_a_search_and_a_readout_do_not_start_from_a_model(
    trained: Path, tmp_path: Path, capfd: pytest.CaptureFixture
) -> None:
    line = fails(capfd, "tune", "ner", "--from", trained, "--out", tmp_path / "x")
    assert "--from has no effect in a search" in line
    with pytest.raises(Exception, match="--from has no effect with a readout that is found in"):
        from recipes.chaos.options import Config as Chaos

        Chaos(from_=trained)
