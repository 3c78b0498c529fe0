"""The same seed makes the same run, and `config.json` alone re-creates it: every recipe."""

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
from small_data import clips, motions, pairs, pieces, prose, sentences, texts

from recipes.kit.cli import main
from recipes.kit.earlier import check_kept
from recipes.kit.errors import UserError
from recipes.kit.finding import load_recipe, recipe_names
from recipes.kit.models import build
from recipes.kit.output import read_run_config
from recipes.kit.recipe import Run

#: For each recipe what makes its files, where it has no small data of its own, and its options:
#: small ones, and those that draw random numbers.
RUNS: dict[str, tuple[Callable[[Path], Path] | None, str]] = {
    "captioning": (
        None,
        "--limit 40 --units 4 --embedding-dim 4 --filters 4 4 --dropout 0.2 "
        "--scheduled-sampling 0.5",
    ),
    "chaos": (None, "--units 20 --train-steps 200 --held-out 120 --run-steps 20 --horizon 5"),
    "forecasting": (
        None,
        "--series nile --units 4 --horizon 2 --window 4 --dropout 0.2 --no-jit-compile",
    ),
    "language_model": (prose, "--units 4 --batch-size 8 --steps 20 --dropout 0.2 --samples 1"),
    "memory": (
        None,
        "--length 5 --units 4 --epoch-steps 3 --initial-state random --recurrent-dropout 0.2",
    ),
    "music": (pieces, "--units 4 --head-units 3 --transpose 2 --dropout 0.2 --samples 1"),
    "ner": (sentences, "--units 4 --word-dim 4 --character-filters 0 --head softmax"),
    "pixel_rnn": (
        None,
        "--limit 32 --size 4 --binarize sample --layer masked_conv --units 2 --head-units 2 "
        "--no-jit-compile",
    ),
    "sentiment": (texts, "--units 4 --word-dim 4"),
    "series_classification": (
        None,
        "--units 4 --pixels 32 --batch-size 256 --dropout 0.2 --no-jit-compile",
    ),
    "speech": (clips, "--units 4 --num-mels 8 --dropout 0.2 --time-reduction 1"),
    "translation": (pairs, "--units 4 --level word --attention none --scheduled-sampling 0.5"),
    "video": (motions, "--units 4 --filters 2 --stages 2 --frame-dim 4 --dropout 0.2"),
}


def train(monkeypatch: pytest.MonkeyPatch, name: str, out: Path, *words: str) -> None:
    """Train without pictures, which only look at what is there."""
    recipe = load_recipe(name)
    undrawn = type(recipe)(**{**vars(recipe), "draw": lambda *_: None})
    monkeypatch.setattr(f"recipes.{name}.recipe.RECIPE", undrawn)
    assert main(["train", name, "--out", str(out), *words]) == 0


def history(folder: Path) -> list[dict[str, str]]:
    with (folder / "history.csv").open(newline="") as file:
        return [{k: v for k, v in row.items() if k != "seconds"} for row in csv.DictReader(file)]


def metrics(folder: Path) -> dict[str, Any]:
    content = json.loads((folder / "metrics.json").read_text())
    return {name: value for name, value in content.items() if name != "seconds"}


def test_every_recipe_is_here():
    assert sorted(RUNS) == recipe_names()


@pytest.mark.slow
@pytest.mark.parametrize("name", RUNS)
def test_a_config_alone_recreates_its_run(name, tmp_path, monkeypatch):
    make, options = RUNS[name]
    data = ["--data", str(make(tmp_path / "data"))] if make else []
    epochs = [] if name == "chaos" else ["--epochs", "2"]
    first, second = tmp_path / "first", tmp_path / "second"
    train(monkeypatch, name, first, *data, *epochs, "--seed", "7", *options.split())
    keras.utils.set_random_seed(99)  # nothing may depend on what ran before
    train(monkeypatch, name, second, "--config", str(first / "config.json"))
    assert metrics(second) == metrics(first)
    assert history(second) == history(first)
    records = [json.loads((folder / "config.json").read_text()) for folder in (first, second)]
    assert records[0]["options"] == records[1]["options"]
    data = [json.loads((folder / "data.json").read_text()) for folder in (first, second)]
    assert data[0] == data[1]
    assert data[0]["objective"]["metric"] in metrics(first)["test"]  # to compare runs by
    models = [keras.models.load_model(folder / "model.keras") for folder in (first, second)]
    for a, b in zip(*(model.get_weights() for model in models), strict=True):
        np.testing.assert_array_equal(a, b)
    check_start(name, first, tmp_path)


def check_start(name: str, folder: Path, tmp_path: Path) -> None:
    """A training that starts from a run has its weights, whatever the recipe."""
    recipe = load_recipe(name)
    config = read_run_config(recipe.config, folder)
    if name == "chaos":
        with pytest.raises(UserError, match="--from has no effect with a readout"):
            replace(config, from_=folder)
        return
    config = replace(config, from_=folder)
    check_kept(config, name)
    run = Run(config, recipe.load_data(config.data, config), tmp_path / "third", name)
    earlier = keras.models.load_model(folder / "model.keras")
    for a, b in zip(build(recipe, run).weights, earlier.weights, strict=True):
        np.testing.assert_array_equal(a, b)
