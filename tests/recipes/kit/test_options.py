"""Options: the dataclass is the command line, the config file, and the one-line errors."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import get_args

import pytest

import zoo
from recipes.kit.errors import DataError, UserError
from recipes.kit.options import (
    Cell,
    FitConfig,
    RunConfig,
    StackConfig,
    parse_options,
    read_config,
    to_json,
)
from recipes.kit.output import run_record
from recipes.kit.run import load_recipe, recipe_names
from recipes.ner import recipe


def test_options_are_fields_with_dashes():
    config = parse_options(
        recipe.Config,
        "--units 7 --no-bidirectional --global-clipnorm None --data x/y --connection dense".split(),
    )
    assert (config.units, config.bidirectional, config.global_clipnorm) == (7, False, None)
    assert (config.data, config.connection) == ("x/y", "dense")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--unitz 3", "--unitz.*did you mean --units"),
        ("--units many", "--units.*many"),
        ("--cell lstn", "lstn.*--cell"),
        ("--units 0", "--units must be at least 1, not 0"),
        ("--dropout 1", "--dropout must be at least 0 and below 1, not 1.0"),
        ("--learning-rate 0", "--learning-rate must be a positive number, not 0.0"),
        ("--learning-rate nan", "--learning-rate must be a positive number"),
        ("--clipnorm 1 --clipvalue 1", "--clipnorm and --clipvalue exclude each other"),
        ("--recurrent-initializer identity", "needs --cell simple, not lstm"),
        ("--cell-options x", "--cell-options is not JSON"),
        ("--cell-options [1]", "--cell-options must be a JSON object"),
        ('--cell leaky --cell-options {"T":1}', "--cell leaky: .* time_constant, .* not 'T'"),
        ('--cell leaky --cell-options {"time_constant":0.5}', "--cell leaky: .*at least 1 step"),
        ("--cell mingru --recurrent-dropout 0.5", "--cell mingru: .*nothing to drop"),
        ("--word-dropout -1", "--word-dropout must be at least 0"),
        ("surplus", "surplus"),
    ],
)
def test_wrong_options_are_one_line(words, message):
    with pytest.raises(UserError, match=message) as caught:
        parse_options(recipe.Config, words.split(), prog="rnn-zoo train ner")
    assert "\n" not in str(caught.value)
    assert "│" not in str(caught.value)


def test_help_has_every_field_with_its_comment_and_default(capsys):
    with pytest.raises(SystemExit) as stop:
        parse_options(recipe.Config, ["--help"])
    assert stop.value.code == 0
    text = capsys.readouterr().out
    for field in dataclasses.fields(recipe.Config):
        assert f"--{field.name.replace('_', '-')}" in text
    assert text.count("(default:") == len(dataclasses.fields(recipe.Config))
    assert "Share of non-recurrent connections" in text


def test_the_clipping_rules_exclude_each_other():
    assert FitConfig().clipping == {"global_clipnorm": 1.0}
    assert FitConfig(clipvalue=0.5).clipping == {"clipvalue": 0.5}
    assert FitConfig(clipnorm=2.0).clipping == {"clipnorm": 2.0}
    assert FitConfig(global_clipnorm=None).clipping == {}


def test_stack_options_come_from_the_fields():
    assert StackConfig(units=3, cell="gru").stack["units"] == 3
    options = StackConfig(cell="delay", cell_options='{"delays": [1, 2]}').stack
    assert options["cell_options"] == {"delays": [1, 2]}
    assert set(get_args(Cell)) == set(zoo.CELLS)
    assert set(StackConfig().stack) <= {f.name for f in dataclasses.fields(StackConfig)}


@pytest.mark.parametrize("wrapped", [True, False])
def test_config_file_round_trip(tmp_path, wrapped):
    config = recipe.Config(
        units=9, bidirectional=False, global_clipnorm=None, word_vectors=Path("v.txt"), data="a b"
    )
    record = run_record("ner", config) if wrapped else to_json(config)
    path = tmp_path / "config.json"
    path.write_text(json.dumps(record), encoding="utf-8")
    assert read_config(recipe.Config, path, "ner") == config


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "c.json:1: is not JSON"),
        ('{\n"units": 3,\n}', "c.json:3: is not JSON"),
        ("[1]", "c.json: holds a list; expected a JSON object"),
        ('{"unitz": 3}', "c.json: has an unknown option 'unitz'; did you mean 'units'"),
        ('{"help": true}', "c.json: has an unknown option 'help'"),
        ('{"options": [1]}', "c.json: has options that are no object"),
        ('{"units": "x"}', "c.json: .*--units"),
        ('{"units": 0}', "c.json: --units must be at least 1"),
        ('{"recipe": "speech", "options": {}}', "for the recipe 'speech', expected 'ner'"),
    ],
)
def test_wrong_config_files(tmp_path, text, message):
    path = tmp_path / "c.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=message):
        read_config(recipe.Config, path, "ner")


def test_missing_and_binary_config_files(tmp_path):
    with pytest.raises(DataError, match="none.json: cannot be read"):
        read_config(recipe.Config, tmp_path / "none.json", "ner")
    (tmp_path / "b.json").write_bytes(b"\xff\xfe{")
    with pytest.raises(DataError, match="b.json: is not UTF-8"):
        read_config(recipe.Config, tmp_path / "b.json", "ner")


@pytest.mark.parametrize("name", recipe_names())
def test_options_are_plain_json(name):
    """What is read from a file again is what was written, so that --resume can compare them."""
    options = to_json(load_recipe(name).Config())
    assert json.loads(json.dumps(options)) == options


@pytest.mark.parametrize("seed", [-1, 2**32])
def test_seeds_that_numpy_does_not_take(seed):
    with pytest.raises(UserError, match="--seed must be from 0 to 4294967295"):
        RunConfig(seed=seed)
