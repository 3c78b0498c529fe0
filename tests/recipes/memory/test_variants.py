"""What can be compared: variants of a config, groups of variants, the name of the model itself."""

from __future__ import annotations

import pytest

import zoo
from recipes.memory.options import Config
from recipes.memory.variants import GROUPS, UNGAINED, VARIANTS, chosen


def test_comparisons() -> None:
    for name, change in VARIANTS.items():
        config = Config(compare=(name,))
        labels = chosen(config)
        assert name in labels or len(labels) == 1
        assert set(change) <= set(vars(config))
    assert all(set(group) <= set(VARIANTS) for group in GROUPS.values())
    configs = chosen(Config(cell="lstm", compare=("cells", "lstm", "delay-4")))
    assert list(configs)[0] == "lstm" and list(configs).count("lstm") == 1
    assert configs["delay-4"].cell_options == '{"delays": [1, 4]}'
    assert next(iter(chosen(Config(units=3)))) == "gru"
    odd = Config(cell="leaky", cell_options='{"time_constant": 5}')
    assert next(iter(chosen(odd))) == "this leaky"


def test_cells_that_cannot_take_a_gain_are_compared_without() -> None:
    configs = chosen(Config(cell="simple", recurrent_gain=0.5, compare=("cells",)))
    assert configs["gru"].recurrent_gain == 0.5
    assert configs["lru"].recurrent_gain == 1


@pytest.mark.parametrize("cell", zoo.CELLS)
def test_which_cells_have_a_recurrent_kernel(cell: str) -> None:
    model = zoo.sequence_model(features=2, outputs=1, cell=cell, units=4)
    names = {variable.name for variable in model.variables}
    assert ("recurrent_kernel" in names) == (cell not in UNGAINED)
