"""Options of series classification: what is refused, and what old config files hold."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from recipes.kit.config_file import read_config, read_options, to_json
from recipes.kit.data.source import Source
from recipes.kit.errors import DataError, UserError
from recipes.kit.option import flag
from recipes.kit.options import GRADIENT_OPTIONS
from recipes.kit.parse import parse
from recipes.series_classification.options import Config, Predict

FILES = Source("files", paths=(Path("a.ts"),))

#: Another value of each option of the training, and of a stack that trains.
OTHERS = {
    "epochs": 3,
    "optimizer": "sgd",
    "learning_rate": 0.1,
    "schedule": "constant",
    "global_clipnorm": None,
    "clipnorm": 1.0,
    "clipvalue": 1.0,
    "patience": 2,
    "time_limit": "9m",
    "from_": Path("earlier"),
    "class_weight": "balanced",
    "jit_compile": False,
    "tensorboard": True,
    "connection": "residual",
    "dropout": 0.1,
    "recurrent_dropout": 0.1,
    "l2": 0.1,
    "initial_state": "learned",
}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"pixels": 5}, "--pixels must be a divisor of 64, not 5"),
        ({"pixels": 0}, "--pixels must be at least 1, not 0"),
        ({"model": "echo_state", "cell": "lstm"}, "--cell must be reservoir with --model"),
        (
            {"model": "echo_state", "pooling": "attention"},
            "--pooling must be anything but attention",
        ),
        ({"snapshots": 0}, "--snapshots must be at least 1"),
        ({"snapshots": 3}, "--snapshots has no effect with --pooling last"),
        ({"pooling": "max", "snapshots": 3}, "--snapshots has no effect with --pooling max"),
        ({"permuted": True, "data": FILES}, "--permuted has no effect on your own files"),
        ({"pixels": 2, "data": FILES}, "--pixels has no effect on your own files"),
        ({"series_column": ("id",)}, "--series-column has no effect with --data embedded"),
        ({"label_column": "kind"}, "--label-column has no effect with --data embedded"),
        ({"time_column": "when"}, "--time-column has no effect with --data embedded"),
    ],
)
def test_wrong_options(options: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        Config(**options)


@pytest.mark.parametrize("name", [*OTHERS])
def test_what_trains_has_no_effect_on_an_echo_state_network(name: str) -> None:
    assert {*GRADIENT_OPTIONS} <= {*OTHERS}
    with pytest.raises(UserError, match=f"{flag(name)} has no effect with --model echo_state"):
        Config(model="echo_state", **{name: OTHERS[name]})


def test_defaults_that_depend_on_others() -> None:
    assert (Config().pooled, Config().pixels_per_step) == ("last", 8)
    echo_state = Config(model="echo_state", permuted=True, snapshots=3)
    assert (echo_state.cell, echo_state.pooled) == ("reservoir", "snapshots")
    assert echo_state.pixels_per_step == 1


def test_config_file_of_an_earlier_version(tmp_path: Path) -> None:
    """A folder is read whatever was ignored in its training; what a user asks for is refused."""
    options = {**to_json(Config()), "data": "embedded", "out": "saved_models/x", "snapshots": 4}
    options["series_column"] = None
    path = tmp_path / "config.json"
    path.write_text(json.dumps({"recipe": "series_classification", "options": options}))
    config = read_config(Config, path, "series_classification")
    assert config == Config()
    with pytest.raises(DataError, match="--snapshots has no effect with --pooling last"):
        read_options(Config, path, "series_classification").config()


def test_one_column_of_series_in_a_file_of_an_earlier_version(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_text(json.dumps({"data": str(tmp_path / "a.csv"), "series_column": "machine"}))
    assert read_config(Config, path, "series_classification").series_column == ("machine",)


def test_options_of_predict() -> None:
    assert parse(["--no-labels"], Predict, prog="") == (Predict(labels=False),)


def test_options_import_no_keras() -> None:
    code = "import sys, recipes.series_classification.options as _; print(*sys.modules)"
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    assert not {"keras", "tensorflow", "sklearn", "matplotlib"} & {*done.stdout.split()}
