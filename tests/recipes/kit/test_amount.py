"""Options with little data: what replaces defaults, what stays, and that it is said and kept."""

from __future__ import annotations

import csv
import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import pytest
from recipe_corpus import PLAIN

from recipes.kit import amount
from recipes.kit.amount import LEAST_UPDATES, Amount, as_words, changed_by_hand, suited
from recipes.kit.cli import main
from recipes.kit.finding import load_options, recipe_names
from recipes.kit.option import options_of
from recipes.kit.options import FitConfig, StackConfig
from recipes.kit.output import unfinished_folder
from recipes.kit.parse import given_options
from recipes.ner import recipe


@dataclass(frozen=True)
class Config(StackConfig, FitConfig):
    """With a table of its own."""

    for_little: ClassVar[Mapping[int, Mapping[str, Any]]] = {
        1000: {"dropout": 0.3},
        100: {"dropout": 0.5, "units": 16, "epochs": 60},
    }


def test_plenty_of_data_changes_nothing() -> None:
    for examples in (1000, 10**6):
        assert suited(Config(), Amount(examples, "clips"), ()) == (Config(), {})


def test_little_data() -> None:
    config, options = suited(Config(), Amount(48, "clips"), ())
    assert options == {
        "batch_size": 4, "dropout": 0.5, "units": 16, "epochs": 60, "patience": 25
    }  # fmt: skip
    assert config == Config(**options)
    config, options = suited(Config(), Amount(300, "clips"), ())
    assert options == {"batch_size": 8, "dropout": 0.3, "patience": 8}


@pytest.mark.parametrize("examples", [1, 2, 7, 20, 48, 99, 100, 270, 300, 500, 999])
def test_no_training_stops_before_enough_updates(examples: int) -> None:
    config, _ = suited(FitConfig(epochs=1, patience=1), Amount(examples, "clips"), ())
    steps = -(-examples // config.batch_size)
    assert steps * config.epochs >= LEAST_UPDATES
    assert steps * config.patience >= LEAST_UPDATES
    assert config.batch_size == 4 or steps >= 25


def test_what_was_given_stays_even_at_its_default() -> None:
    names = ("batch_size", "epochs", "patience", "units", "dropout")
    assert suited(Config(), Amount(48, "clips"), names) == (Config(), {})
    config, options = suited(Config(), Amount(48, "clips"), ("batch_size", "units", "dropout"))
    assert options == {"epochs": 150, "patience": 150}  # two updates an epoch
    config, options = suited(Config(), Amount(48, "clips"), ("epochs",))
    assert config.epochs == 20 and options["patience"] == 20  # never more than the epochs


def test_a_table_may_ask_for_more_patience() -> None:
    from recipes.ner.options import Config as Tagging

    config, _ = suited(Tagging(), Amount(300, "sentences"), ())
    assert config.patience == config.epochs == 30


def test_steps_and_limits_of_the_data() -> None:
    few = Amount(48, "series", updates=lambda batch_size: 32, limits={"units": 8, "depth": 1})
    config, options = suited(Config(), few, ())
    assert options["units"] == 8 and "depth" not in options
    assert options["patience"] == 10 and few.steps(4) == 32


def test_a_model_that_is_solved_has_no_updates() -> None:
    from recipes.series_classification.options import Config as Series

    solved = Series(model="echo_state")
    assert suited(solved, Amount(30, "series"), ()) == (solved, {})


@pytest.mark.parametrize("name", recipe_names())
def test_tables_hold_options_that_exist(name: str) -> None:
    kind = load_options(name).Config
    known = {option.name for option in options_of(kind)}
    tables = getattr(kind, "for_little", {})
    assert all(set(table) <= known for table in tables.values())
    for examples in (20, 300):
        if tables:
            config, options = suited(kind(), Amount(examples, "examples"), ())
            assert suited(config, Amount(examples, "examples"), options)[1] == {}


def test_what_is_given() -> None:
    words = ["--batch_size", "3", "--units=4", "--no-layer-norm", "--mixed-precision", "--out", "x"]
    given = {"batch_size", "units", "layer_norm", "mixed_precision"}
    assert given_options(words, Config) == given
    assert changed_by_hand(Config(units=3, dropout=0.0)) == {"units"}
    assert str(Amount(1200, "clips")) == "1,200 clips"
    assert (
        as_words({"units": 4, "l2": 1e-4, "layer_norm": True})
        == "--units 4 --l2 0.0001 --layer-norm"
    )


# --- whole runs -----------------------------------------------------------------------------------


def history(out: Path) -> list[dict[str, str]]:
    with (out / "history.csv").open(encoding="utf-8", newline="") as file:
        return [{k: v for k, v in row.items() if k != "seconds"} for row in csv.DictReader(file)]


def record(out: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((out / "config.json").read_text(encoding="utf-8"))
    return content


def train(corpus: Path, out: Path, *words: str) -> list[str]:
    options = [word for word in PLAIN if word not in ("--batch-size", "16")]
    return ["train", "ner", "--data", str(corpus), "--out", str(out), *options, *words]


def test_it_is_said_noted_and_the_same_from_its_config(corpus, tmp_path, monkeypatch, capfd):
    monkeypatch.setattr(amount, "LEAST_UPDATES", 24)
    first, again = tmp_path / "first", tmp_path / "again"
    assert main(train(corpus, first, "--epochs", "2")) == 0
    said = "little data (96 sentences): --batch-size 4"
    assert said in capfd.readouterr().err
    assert record(first)["options"]["batch_size"] == 4
    note = record(first)["little_data"]
    assert note["examples"] == 96 and note["options"]["batch_size"] == 4
    config = str(first / "config.json")
    assert main(["train", "ner", "--config", config, "--out", str(again)]) == 0
    assert "little data" not in capfd.readouterr().err
    assert record(again)["options"] == record(first)["options"]
    assert history(again) == history(first)


def test_what_is_typed_wins(corpus, tmp_path, capfd):
    usual = ("--batch-size", "32", "--epochs", "1", "--patience", "5", "--dropout", "0.3")
    assert main(train(corpus, tmp_path / "run", *usual)) == 0
    options = record(tmp_path / "run")["options"]
    assert (options["batch_size"], options["epochs"], options["dropout"]) == (32, 1, 0.3)
    assert len(history(tmp_path / "run")) == 1


def test_a_resumed_run_keeps_what_was_chosen(corpus, tmp_path, monkeypatch, capfd):
    whole, out = tmp_path / "whole", tmp_path / "run"
    words = ("--epochs", "3")
    assert main(train(corpus, whole, *words)) == 0
    seen: list[int] = []

    def stop(tagger: Any, sentences: Any, data: Any) -> Any:
        seen.append(1)
        if len(seen) == 2:
            raise KeyboardInterrupt
        return score(tagger, sentences, data)

    score = recipe._score
    monkeypatch.setattr(recipe, "_score", stop)
    assert main(train(corpus, out, *words)) == 130
    note = record(unfinished_folder(out))["little_data"]
    monkeypatch.setattr(recipe, "_score", score)
    assert main(["train", "ner", "--out", str(out), "--resume"]) == 0
    assert record(out)["little_data"] == note == record(whole)["little_data"]
    assert record(out)["options"] == record(whole)["options"]
    assert history(out) == history(whole)


def test_a_search_starts_from_what_was_chosen(corpus, tmp_path, monkeypatch):
    tried = []

    def space(hp, config):
        hp.Boolean("layer_norm")
        tried.append(config)
        return config

    monkeypatch.setattr(recipe, "RECIPE", dataclasses.replace(recipe.RECIPE, space=space))
    out = tmp_path / "search"
    words = train(corpus, out, "--epochs", "1")[2:]
    assert main(["tune", "ner", *words, "--trials", "1", "--tuner", "random"]) == 0
    assert {config.batch_size for config in tried} == {4}
    best = json.loads((out / "best_config.json").read_text(encoding="utf-8"))["options"]
    assert best["batch_size"] == 4
    assert "epochs" in json.loads((out / "search.json").read_text(encoding="utf-8"))["given"]
