"""What `rnn-zoo tune` searches: depth, direction, clipping, cell, all around the config."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from typing import Any

import keras_tuner
import pytest

from recipes.kit.options import DirectionConfig, FitConfig, StackConfig
from recipes.kit.space import clip_space, reservoir_space, stack_space
from recipes.ner import recipe
from recipes.ner.options import Config as Tagging


@dataclass(frozen=True)
class OneWay(StackConfig, FitConfig):
    """A stack that reads forward only."""


@dataclass(frozen=True)
class BothWays(OneWay, DirectionConfig):
    """A stack that may read backwards as well."""


def parameters(hp: keras_tuner.HyperParameters) -> dict[str, Any]:
    return {parameter.name: parameter for parameter in hp.space}


def test_the_space_has_what_the_search_is_for() -> None:
    hp = keras_tuner.HyperParameters()
    config = recipe.space(hp, Tagging())
    assert set(hp.values) == {
        "clip",
        "global_clipnorm",
        "depth",
        "bidirectional",
        "cell",
        "units",
        "connection",
        "dropout",
        "learning_rate",
    }
    assert isinstance(config, Tagging)
    assert config.global_clipnorm == Tagging().global_clipnorm
    hp.values["clip"] = "none"
    hp.values["depth"] = 3
    changed = recipe.space(hp, Tagging(clipvalue=0.5, epochs=2))
    assert changed.clipping == {}
    assert (changed.depth, changed.epochs) == (3, 2)


def test_depth_direction_and_clipping_can_each_take_every_value() -> None:
    hp = keras_tuner.HyperParameters()
    stack_space(hp, BothWays())
    known = parameters(hp)
    assert (known["depth"].min_value, known["depth"].max_value) == (1, 4)
    assert known["clip"].values == ["global_clipnorm", "none"]
    for way in (False, True):
        hp.values["bidirectional"] = way
        assert stack_space(hp, BothWays()).bidirectional is way


@pytest.mark.parametrize(
    ("config", "both_ways"), [(OneWay(), True), (BothWays(bidirectional=False), False)]
)
def test_the_direction_is_searched_only_where_there_are_two(
    config: OneWay, both_ways: bool
) -> None:
    hp = keras_tuner.HyperParameters()
    changed = stack_space(hp, config, both_ways=both_ways)
    assert "bidirectional" not in hp.values and {"depth", "clip"} <= set(hp.values)
    assert getattr(changed, "bidirectional", False) is False


@pytest.mark.parametrize(
    ("options", "cells"),
    [
        ({}, ["simple", "lstm", "gru"]),
        ({"cell": "lmu"}, ["simple", "lstm", "gru", "lmu"]),
        ({"cell": "simple", "recurrent_initializer": "identity"}, ["simple"]),
        ({"cell": "leaky", "cell_options": '{"time_constant": 8}'}, ["leaky"]),
    ],
)
def test_a_space_of_cells_that_fit(options: dict[str, str], cells: list[str]) -> None:
    hp = keras_tuner.HyperParameters()
    config = stack_space(hp, OneWay(**options))
    assert parameters(hp)["cell"].values == cells
    assert config.cell == options.get("cell", "lstm")
    assert config.cell_options == options.get("cell_options", "{}")


def test_the_search_starts_at_the_config() -> None:
    config = BothWays(
        depth=3, bidirectional=True, connection="dense", learning_rate=0.02, cell="gru"
    )
    start = stack_space(keras_tuner.HyperParameters(), config, l2=0.1)
    assert start == dataclasses.replace(config, units=64, l2=0.1, learning_rate=start.learning_rate)
    assert start.learning_rate == pytest.approx(0.02)
    assert stack_space(keras_tuner.HyperParameters(), OneWay(depth=7)).depth == 4


@pytest.mark.parametrize(
    ("threshold", "least", "most"), [(100.0, 10.0, 1000.0), (5.0, 0.5, 50.0), (None, 0.1, 10.0)]
)
def test_thresholds_are_searched_around_that_of_the_config(
    threshold: float | None, least: float, most: float
) -> None:
    hp = keras_tuner.HyperParameters()
    other = None if threshold else 2.0
    changed = clip_space(hp, FitConfig(global_clipnorm=threshold, clipnorm=other))
    searched = parameters(hp)["global_clipnorm"]
    assert (searched.min_value, searched.max_value) == (least, most)
    assert searched.default == changed.global_clipnorm == (threshold or 1.0)
    assert changed.clipping == {"global_clipnorm": searched.default}
    rate = parameters(hp)["learning_rate"]
    assert rate.max_value / rate.min_value == pytest.approx(10)
    assert changed.learning_rate == rate.default == FitConfig().learning_rate


def test_a_reservoir_keeps_its_other_options() -> None:
    hp = keras_tuner.HyperParameters()
    config = OneWay(cell="reservoir", depth=5, cell_options='{"connectivity": 0.2, "leak_rate": 1}')
    hp.values.update({"spectral_radius": 0.7, "leak_rate": 0.3})
    changed = reservoir_space(hp, config, input_scaling=(0.1, 10.0), dropout=0.2)
    options = json.loads(changed.cell_options)
    assert options["connectivity"] == 0.2
    assert (options["spectral_radius"], options["leak_rate"]) == (0.7, 0.3)
    assert (changed.depth, changed.dropout) == (3, 0.2)
    scaling = parameters(hp)["input_scaling"]
    assert (scaling.min_value, scaling.max_value, scaling.sampling) == (0.1, 10.0, "log")
    assert options["input_scaling"] == scaling.default
    assert set(hp.values) == {"spectral_radius", "leak_rate", "input_scaling", "depth"}
