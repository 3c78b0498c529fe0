"""Options: the dataclass is the command line, the config file, and the one-line errors."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest

import zoo
from recipes.kit.config_file import read_config, read_options, to_json
from recipes.kit.data.source import Source
from recipes.kit.errors import DataError, UserError
from recipes.kit.finding import load_options, load_recipe, recipe_names
from recipes.kit.option import HEADINGS, Group, NoEffect, option, options_of, replaced
from recipes.kit.options import CELLS, FitConfig, RunConfig, StackConfig
from recipes.kit.output import run_record
from recipes.kit.parse import parse, parse_values, split_words
from recipes.kit.stack import check_layer, stack_of
from recipes.ner.options import Config


def read(words: str, kind: type[Any] = Config) -> Any:
    (options,) = parse(words.split(), kind, prog="rnn-zoo train ner")
    return options


def test_options_are_fields_with_dashes():
    config = read(
        "--units 7 --no-bidirectional --global-clipnorm None --data x/y --connection dense"
    )
    assert (config.units, config.bidirectional, config.global_clipnorm) == (7, False, None)
    assert (config.data, config.connection) == (Source.of(Path("x/y")), "dense")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--unitz 3", "--unitz.*did you mean --units"),
        ("--units many", "--units.*many"),
        ("--head crg", "crg.*--head"),
        ("--units 0", "--units must be at least 1, not 0"),
        ("--dropout 1", "--dropout must be at least 0 and below 1, not 1.0"),
        ("--learning-rate 0", "--learning-rate must be above 0, not 0.0"),
        ("--learning-rate nan", "--learning-rate must be above 0, not nan"),
        ("--seed -1", "--seed must be at least 0 and at most 4294967295, not -1"),
        (
            "--global-clipnorm 2 --clipnorm 1",
            "--global-clipnorm has no effect with --clipnorm; leave it out",
        ),
        ("--clipnorm 1 --clipvalue 1", "--clipnorm and --clipvalue cannot be combined"),
        ("--recurrent-initializer identity", "needs --cell simple, not lstm"),
        ("--cell-options x", "--cell-options is not JSON"),
        ("--cell-options [1]", "--cell-options must be a JSON object"),
        ("--word-dropout -1", "--word-dropout must be at least 0"),
        ("--tag-column 2", "--tag-column has no effect with --data embedded; leave it out"),
        ("--data=", "--data is empty"),
        ("surplus", "surplus"),
    ],
)
def test_wrong_options_are_one_line(words, message):
    with pytest.raises(UserError, match=message) as caught:
        read(words)
    assert "\n" not in str(caught.value)
    assert "│" not in str(caught.value)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"cell": "lstn"}, "--cell lstn: .*'lstm'"),
        ({"cell": "leaky", "cell_options": '{"T": 1}'}, "--cell leaky: .* time_constant, .*'T'"),
        ({"cell": "leaky", "cell_options": '{"time_constant": 0.5}'}, "leaky: .*at least 1"),
        ({"cell": "mingru", "recurrent_dropout": 0.5}, "--cell mingru: .*nothing to drop"),
    ],
)
def test_what_the_layer_refuses_is_one_line(options, message):
    with pytest.raises(UserError, match=message):
        check_layer(StackConfig(**options))


def test_help_has_every_option_under_its_heading_with_its_default(capsys):
    with pytest.raises(SystemExit) as stop:
        parse(["--help"], Config, prog="x", description="What it does.")
    assert stop.value.code == 0
    text = capsys.readouterr().out
    assert "What it does." in text
    options = options_of(Config)
    places = [
        text.index(f"{heading} options") for heading in HEADINGS if f"{heading} options" in text
    ]
    assert places == sorted(places) and len(places) >= 4
    for each in options:
        heading = text.index(f"{each.heading} options")
        assert text.index(each.flag, heading) > heading
    fixed = [each for each in options if each.default not in (None, ())]
    assert text.count("(default:") == len(fixed) < len(options)
    assert "--clipnorm FLOAT" in text
    assert "Share of non-recurrent connections" in text
    assert "{simple,lstm,gru," in text


def test_a_changed_default_keeps_help_and_bounds():
    options = {each.name: each for each in options_of(Config)}
    plain = {each.name: each for each in options_of(StackConfig)}
    assert options["units"].default == 100 and plain["units"].default == 128
    assert options["units"].help == plain["units"].help
    assert options["units"].bounds == plain["units"].bounds


def test_what_has_no_effect_is_refused_unless_it_is_the_default():
    @dataclasses.dataclass(frozen=True)
    class Some(Group):
        mode: str = option("a", "Mode.")
        extra: int = option(3, "Only with --mode a.")

        def without_effect(self) -> Iterator[tuple[str, Iterable[str]]]:
            if self.mode == "b":
                yield "with --mode b", ("extra",)

    assert Some(mode="b", extra=3).extra == 3
    assert Some(mode="a", extra=4).extra == 4
    with pytest.raises(UserError, match="--extra has no effect with --mode b; leave it out"):
        Some(mode="b", extra=4)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            "--variational-dropout --dropout 0",
            "--variational-dropout has no effect without",
        ),
        (
            "--merge-mode sum --no-bidirectional",
            "--merge-mode has no effect without",
        ),
        ("--character-filters 0 --character-dim 9", "--character-dim has no effect with"),
        ("--word-vectors-limit 9", "--word-vectors-limit has no effect without --word-vectors"),
        ("--word-vectors v.txt --word-dim 9", "--word-dim has no effect with --word-vectors"),
    ],
)
def test_options_of_the_kit_without_effect(words, message):
    with pytest.raises(UserError, match=message):
        read(words)


def test_another_config_loses_what_has_no_effect_with_it():
    config = Config(merge_mode="sum")
    assert replaced(config, bidirectional=False).merge_mode == "concat"
    assert replaced(config, units=3).merge_mode == "sum"
    with pytest.raises(UserError, match="--units must be at least 1"):
        replaced(config, units=0)


def test_bounds_are_of_each_number_of_a_tuple():
    @dataclasses.dataclass(frozen=True)
    class Some(Group):
        shares: tuple[float, ...] = option((0.1,), "Shares.", above=0, below=1)

    assert Some((0.2, 0.9)).shares == (0.2, 0.9)
    for wrong in ((0.5, 1.0), (0.0,), (float("inf"),)):
        with pytest.raises(UserError, match="--shares must be above 0 and below 1"):
            Some(wrong)


def test_the_clipping_rules_exclude_each_other():
    assert FitConfig().clipping == {"global_clipnorm": 1.0}
    assert FitConfig(clipvalue=0.5).clipping == {"clipvalue": 0.5}
    assert FitConfig(clipnorm=2.0).clipping == {"clipnorm": 2.0}
    assert FitConfig(global_clipnorm=None).clipping == {}


def test_stack_options_come_from_the_fields():
    assert stack_of(StackConfig(units=3, cell="gru"))["units"] == 3
    options = stack_of(StackConfig(cell="delay", cell_options='{"delays": [1, 2]}'))
    assert options["cell_options"] == {"delays": [1, 2]}
    assert "bidirectional" not in options
    assert stack_of(Config(bidirectional=False))["bidirectional"] is False
    assert set(CELLS) == set(zoo.CELLS)


def test_registered_cells_are_accepted(monkeypatch):
    monkeypatch.setattr(zoo.cells, "CELLS", dict(zoo.CELLS))
    zoo.register_cell("mine", zoo.CELLS["gru"])
    check_layer(StackConfig(cell="mine"))


@pytest.mark.parametrize("wrapped", [True, False])
def test_config_file_round_trip(tmp_path, wrapped):
    config = Config(
        units=9,
        bidirectional=False,
        global_clipnorm=None,
        word_vectors=Path("v.txt"),
        data=Source.parse("a b"),
        tag_column="upos",
        token_column=1,
    )
    record = run_record("ner", config) if wrapped else to_json(config)
    path = tmp_path / "config.json"
    path.write_text(json.dumps(record), encoding="utf-8")
    assert read_options(Config, path, "ner").config() == config


def test_a_config_means_the_same_in_every_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config = Config(word_vectors=Path("v.txt"), from_=Path("earlier"))
    assert to_json(config)["word_vectors"] == str(tmp_path.resolve() / "v.txt")
    assert to_json(config)["from"] == str(tmp_path.resolve() / "earlier")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "c.json:1: is not JSON"),
        ('{\n"units": 3,\n}', "c.json:3: is not JSON"),
        ("[1]", "c.json: holds a list; expected a JSON object"),
        ('{"unitz": 3}', "c.json: has an unknown option 'unitz'; did you mean 'units'"),
        ('{"help": true}', "c.json: has an unknown option 'help'"),
        ('{"options": [1]}', "c.json: expected an object of options"),
        ('{"units": "x"}', 'c.json: units: expected a valid integer, found "x"'),
        ('{"units": 3.5}', "c.json: units: expected a valid integer.*, found 3.5"),
        ('{"units": true}', "c.json: units: expected a valid integer, found true"),
        ('{"units": [8, "--out", "/x"]}', "c.json: units: expected a valid integer, found"),
        ('{"data": ["d", "-h"]}', 'c.json: data: expected a valid string, found ."d"'),
        ('{"data": ""}', "c.json: --data is empty"),
        ('{"bidirectional": 1}', "c.json: bidirectional: expected a valid boolean, found 1"),
        ('{"head": "CRF"}', "c.json: head: expected 'crf' or 'softmax', found \"CRF\""),
        ('{"units": null}', "c.json: units: expected a valid integer, found null"),
        ('{"units": 0}', "c.json: --units must be at least 1"),
        ('{"recipe": "speech", "options": {}}', "for the recipe 'speech', expected 'ner'"),
    ],
)
def test_wrong_config_files(tmp_path, text, message):
    path = tmp_path / "c.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=message):
        read_options(Config, path, "ner").config()


def test_the_config_of_a_run_says_which_data_it_was_made_from(tmp_path):
    path = tmp_path / "config.json"
    path.write_text('{"recipe": "ner", "options": {}}', encoding="utf-8")
    assert read_options(Config, path, "ner").config() == Config()
    with pytest.raises(DataError, match="does not say which data it was made from"):
        read_config(Config, path, "ner")


def test_options_of_earlier_versions_are_still_read(tmp_path):
    @dataclasses.dataclass(frozen=True)
    class Newer(RunConfig):
        retired: ClassVar[dict[str, Any]] = {**RunConfig.retired, "bidirectional": False}

    path = tmp_path / "c.json"
    path.write_text('{"out": "/old/place", "bidirectional": false, "seed": 3}', encoding="utf-8")
    assert read_options(Newer, path, "x").config() == Newer(seed=3)
    path.write_text('{"bidirectional": true}', encoding="utf-8")
    with pytest.raises(DataError, match="'bidirectional', which must be False, not True"):
        read_options(Newer, path, "x").config()


def test_missing_and_binary_config_files(tmp_path):
    with pytest.raises(DataError, match="none.json: cannot be read"):
        read_options(Config, tmp_path / "none.json", "ner").config()
    (tmp_path / "b.json").write_bytes(b"\xff\xfe{")
    with pytest.raises(DataError, match="b.json: is not UTF-8"):
        read_options(Config, tmp_path / "b.json", "ner").config()


def test_options_may_stand_anywhere():
    words = "--seed 3 folder --data=x text -- -1 --seed".split()
    assert split_words(words, RunConfig) == (
        ["folder", "text", "-1", "--seed"],
        ["--seed", "3", "--data=x"],
    )
    assert split_words("--no-bidirectional a".split(), Config) == (["a"], ["--no-bidirectional"])


def merged(kind: type[Any], name: str, path: Path, options: dict[str, Any], words: str) -> Any:
    """The config of a file of options and words of the command line."""
    path.write_text(json.dumps(options), encoding="utf-8")
    file = read_options(kind, path, name)
    (values,) = parse_values(words.split(), kind, prog="x", defaults=file.values)
    return file.config(values)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("chaos", "--task lorenz"),
        ("chaos", "--task narma10"),
        ("chaos", "--data my.csv"),
        ("speech", "--data clips --no-bidirectional"),
        ("forecasting", "--model echo_state"),
        ("series_classification", "--model echo_state"),
        ("translation", "--data pairs.tsv"),
    ],
)
def test_defaults_wait_for_the_command_line(name: str, words: str, tmp_path: Path) -> None:
    """A file fixes the options in it, and no default that depends on what is typed."""
    kind = load_options(name).Config
    (alone,) = parse([*words.split(), "--seed", "1"], kind, prog="x")
    assert merged(kind, name, tmp_path / "c.json", {"seed": 1}, words) == alone


def test_the_command_line_puts_options_of_a_file_out_of_effect(tmp_path: Path) -> None:
    path = tmp_path / "c.json"
    config = merged(Config, "ner", path, {"merge_mode": "sum"}, "--no-bidirectional")
    assert config == Config(bidirectional=False)
    assert merged(Config, "ner", path, {"tag_column": 1}, "--data my") == Config(
        data=Source.parse("my"), tag_column=1
    )
    with pytest.raises(NoEffect, match="--merge-mode has no effect without --bidirectional"):
        merged(Config, "ner", path, {"bidirectional": False}, "--merge-mode sum")
    with pytest.raises(DataError, match="c.json: --tag-column has no effect with --data emb"):
        merged(Config, "ner", path, {"tag_column": 1}, "--units 3")
    with pytest.raises(DataError, match="c.json: --units must be at least 1"):
        merged(Config, "ner", path, {"units": 0}, "--depth 2")
    assert merged(Config, "ner", path, {"units": 0}, "--units 2").units == 2
    # What a run or a search wrote has every option; earlier versions accepted more.
    record = run_record("ner", Config())
    record["options"] |= {"merge_mode": "sum", "bidirectional": False}
    assert merged(Config, "ner", path, record, "--units 3") == Config(units=3, bidirectional=False)


@pytest.mark.parametrize("name", recipe_names())
class TestEveryRecipe:
    def test_options_are_plain_json(self, name):
        """What is read from a file is what was written, so that --resume can compare them."""
        options = to_json(load_options(name).Config())
        assert json.loads(json.dumps(options)) == options

    def test_config_file_round_trip(self, name, tmp_path):
        kind = load_options(name).Config
        path = tmp_path / "config.json"
        path.write_text(json.dumps(run_record(name, kind())), encoding="utf-8")
        assert read_config(kind, path, name) == kind()

    def test_every_option_has_a_heading_and_help(self, name):
        module = load_options(name)
        for kind in (module.Config, module.Predict):
            for each in options_of(kind):
                assert each.heading in HEADINGS
                assert each.help[0].isupper() or each.help[0] in "`'", each.help
                assert each.help.endswith("."), each.help

    def test_the_options_are_those_of_the_recipe(self, name):
        recipe, module = load_recipe(name), load_options(name)
        assert (recipe.config, recipe.predicting) == (module.Config, module.Predict)


def test_options_import_neither_keras_nor_tensorflow():
    code = (
        "import sys; from recipes.kit import commands;"
        "from recipes.kit.finding import load_options, recipe_names;"
        "[load_options(name) for name in recipe_names()];"
        "print([m for m in ('keras', 'tensorflow', 'jax', 'torch') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
