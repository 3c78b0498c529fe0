"""The catalogue that `rnn-zoo list` prints, kept as a file so that listing imports no Keras.

`python -m recipes.kit.catalogue` writes it anew, and the tables of the README with it; a test
compares them with the registry.
"""

from __future__ import annotations

import inspect
import json
from importlib import resources
from pathlib import Path
from typing import Any

from recipes.kit.recipe import description_of, recipe_names

_FILE = "catalogue.json"


def read_catalogue() -> dict[str, dict[str, Any]]:
    """Recipes, models and layers with a line about each, and `parameters` of the models."""
    text = resources.files("recipes.kit").joinpath(_FILE).read_text(encoding="utf-8")
    return {"recipes": _recipes(), **json.loads(text)}


def _recipes() -> dict[str, str]:
    return {name: description_of(name).partition("\n")[0] for name in recipe_names()}


def make_catalogue() -> dict[str, dict[str, Any]]:
    """Models and layers as the registries have them."""
    import custom_layers
    import zoo

    layers = {name: getattr(custom_layers, name) for name in custom_layers.__all__}
    return {
        "models": {name: zoo.model_info(name).summary for name in zoo.list_models()},
        "layers": {
            name: (inspect.getdoc(layer) or "").partition("\n")[0]
            for name, layer in layers.items()
            if inspect.isclass(layer)
        },
        "parameters": {name: zoo.model_info(name).parameters for name in zoo.list_models()},
    }


def write() -> None:
    """Write the catalogue into the package."""
    text = json.dumps(make_catalogue(), indent=2, ensure_ascii=False) + "\n"
    (Path(__file__).parent / _FILE).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write()
