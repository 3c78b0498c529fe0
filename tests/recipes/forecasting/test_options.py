"""Options of the forecasting recipe: what they refuse, and what earlier versions wrote."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from recipes.forecasting import data as series_data
from recipes.forecasting.options import Config
from recipes.kit.config_file import read_config, to_json
from recipes.kit.data.source import Source
from recipes.kit.errors import UserError

FILE = Source.of(Path("any.csv"))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"quantiles": (0.5, 1.0)}, "--quantiles must be above 0 and below 1"),
        ({"horizon": 0}, "--horizon must be at least 1"),
        ({"test_share": 1.0}, "--test-share must be above 0 and below 1"),
        ({"test_share": 0.95}, "--test-share must be below 0.9"),
        ({"quantiles": (0.1, 0.9)}, "--quantiles must be ascending"),
        ({"mode": "recursive", "bidirectional": True}, "--bidirectional: a layer that reads back"),
        ({"mode": "recursive", "covariates": ("a",), "data": FILE}, "expected --known-covariates"),
        ({"mode": "recursive", "initial_state": "learned"}, "--initial-state must be zeros"),
        ({"mode": "recursive", "model": "echo_state"}, "--mode must be direct with --model echo"),
        ({"model": "echo_state", "cell": "lstm"}, "--cell must be reservoir with --model echo"),
        ({"model": "echo_state", "cell": "gru"}, "--cell must be reservoir with --model echo"),
        ({"model": "echo_state", "bidirectional": True}, "--bidirectional must be off"),
        ({"model": "echo_state", "layer_norm": True}, "--layer-norm must be off"),
        ({"data": Source("embedded", "nile"), "series": "sunspots"}, "--series has no effect"),
        ({"data": FILE, "series": "nile"}, "--series has no effect with your own files"),
    ],
)
def test_wrong_options(options: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        Config(**options)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *[("epochs", 3), ("optimizer", "sgd"), ("learning_rate", 0.1), ("schedule", "constant")],
        *[("global_clipnorm", 5.0), ("clipnorm", 1.0), ("clipvalue", 1.0), ("patience", 3)],
        *[("jit_compile", False), ("tensorboard", True), ("batch_size", 8), ("dropout", 0.1)],
        *[("recurrent_dropout", 0.1), ("l2", 0.1)],
        *[("connection", "residual"), ("initial_state", "random")],
    ],
)
def test_what_an_echo_state_network_has_no_use_for(name: str, value: Any) -> None:
    assert getattr(Config(**{name: value}), name) == value
    option = f"--{name.replace('_', '-')} has no effect with --model echo_state"
    with pytest.raises(UserError, match=option):
        Config(model="echo_state", **{name: value})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *[("target", ("co2",)), ("covariates", ("a",)), ("known_covariates", ("a",))],
        *[("time_column", "none"), ("series_column", ("a",))],
    ],
)
def test_columns_are_for_files(name: str, value: Any) -> None:
    assert getattr(Config(data=FILE, **{name: value}), name) == value
    with pytest.raises(UserError, match=f"--{name.replace('_', '-')} has no effect with embedded"):
        Config(**{name: value})


def test_either_option_names_the_embedded_series() -> None:
    named = Config(data=Source("embedded", "nile"))
    for config in (named, Config(data=named.data, series="nile"), Config(series="nile")):
        assert series_data.load(config.data, config).series.columns == ("nile",)


def test_shares_have_no_effect_where_files_are_the_parts() -> None:
    files = {part: [Path(f"{part}.csv")] for part in ("train", "valid", "test")}
    whole = Source.of_parts(files)
    with pytest.raises(UserError, match="--test-share has no effect with --test FILE"):
        Config(data=whole, test_share=0.3)
    with pytest.raises(UserError, match="--valid-share has no effect with --valid FILE"):
        Config(data=whole, valid_share=0.2)
    del files["valid"]
    assert Config(data=Source.of_parts(files), valid_share=0.2).valid_share == 0.2


@pytest.mark.parametrize(
    ("old", "now"), [("shop", ("shop",)), (None, ()), (["a", "b"], ("a", "b"))]
)
def test_the_series_column_of_an_earlier_version(tmp_path: Path, old: Any, now: Any) -> None:
    path = tmp_path / "config.json"
    options = {"data": "some.csv", "series_column": old}
    path.write_text(json.dumps({"recipe": "forecasting", "options": options, "versions": {}}))
    assert read_config(Config, path, "forecasting").series_column == now


def test_a_config_of_an_earlier_version_is_read(tmp_path: Path) -> None:
    old = {
        **{"data": "embedded", "seed": 3, "out": "/old/place", "series": "nile", "target": []},
        **{"time_column": "none", "cell": "reservoir", "model": "echo_state", "epochs": 4},
        **{"jit_compile": False, "merge_mode": "concat", "bidirectional": False, "window": None},
        **{"quantiles": [0.1, 0.5, 0.9], "initial_state": "zeros", "stride": 1},
    }
    path = tmp_path / "config.json"
    path.write_text(json.dumps({"recipe": "forecasting", "options": old, "versions": {}}))
    config = read_config(Config, path, "forecasting")
    assert config == Config(seed=3, series="nile", model="echo_state")
    assert to_json(config)["cell"] == "reservoir" and Config().cell == "gru"
