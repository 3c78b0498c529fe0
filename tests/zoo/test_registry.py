"""The catalogue: names, descriptions, suggestions."""

from __future__ import annotations

import keras
import pytest

import zoo
from zoo import _registry

pytestmark = pytest.mark.backend


def test_list_by_pattern():
    assert zoo.list_models("*tagger_small") == ["mlp_tagger_small", "tagger_small"]
    assert zoo.list_models("nothing*") == []
    assert set(zoo.list_models()) >= {"tagger_base", "tagger_deep", "mlp_tagger_base"}


def test_info_describes_without_building():
    info = zoo.model_info("tagger_deep")
    assert info.builder is zoo.tagger
    assert info.shape == "many-to-many"
    assert info.summary.startswith("Recurrent tagger")
    assert info.options["connection"] == "residual"
    with pytest.raises(TypeError):
        info.options["depth"] = 1


def test_unknown_names_suggest_the_nearest():
    with pytest.raises(ValueError, match="no model 'tager_small'. Did you mean 'tagger_small'"):
        zoo.create_model("tager_small")
    with pytest.raises(ValueError, match="No name is similar"):
        zoo.model_info("zzz")


@pytest.mark.parametrize("option", ["unit", "vocabulary"])
def test_unknown_options_suggest_the_nearest(option):
    with pytest.raises(ValueError, match=f"no option '{option}'. Did you mean '{option}"):
        zoo.create_model("tagger_small", **{option: 3})


def test_overrides_win_over_the_named_size():
    model = zoo.create_model("tagger_small", units=7, cell="gru", head="softmax", num_tags=3)
    layer = model.get_layer("recurrent_0").forward_layer
    assert isinstance(layer, keras.layers.GRU)
    assert layer.units == 7
    assert model.output_shape == (None, None, 3)


def test_duplicates_and_wrong_options_raise_at_registration(monkeypatch):
    monkeypatch.setattr(_registry, "_MODELS", {})

    def function(*, units: int = 1) -> keras.Model:
        """A model."""

    zoo.register_model("m", shape="many-to-one", parameters=1, paper="p", units=2)(function)
    with pytest.raises(ValueError, match="'m' is taken by .*function"):
        zoo.register_model("m", shape="many-to-one", parameters=1, paper="p")(function)
    with pytest.raises(ValueError, match="no option 'unitz'"):
        zoo.register_model("n", shape="many-to-one", parameters=1, paper="p", unitz=2)(function)


def test_a_model_names_its_shape(monkeypatch):
    monkeypatch.setattr(_registry, "_MODELS", {})
    with pytest.raises(ValueError, match="must be one of 'one-to-one', .*, found 'many'"):
        zoo.register_model("m", shape="many", parameters=1, paper="p")(lambda: None)
