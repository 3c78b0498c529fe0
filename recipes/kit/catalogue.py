"""The catalogue that `rnn-zoo list` prints, and the tables of README and docs, from the packages.

`python -m recipes.kit.catalogue` (`make tables`) writes them; a test compares them with the
registry and the packages. The catalogue is kept as a file so that listing imports no Keras.
"""

from __future__ import annotations

import inspect
import json
import re
from importlib import resources
from pathlib import Path
from typing import Any

from recipes.kit.finding import description_of, recipe_names

_FILE = "catalogue.json"
_ROOT = Path(__file__).parents[2]

#: The sequence shapes in the order of the tables.
_SHAPES = ("many-to-many", "many-to-one", "one-to-many", "encoder-decoder", "one-to-one")


def read_catalogue() -> dict[str, dict[str, Any]]:
    """Recipes, models and layers with a line about each, and `parameters` of the models."""
    text = resources.files("recipes.kit").joinpath(_FILE).read_text(encoding="utf-8")
    recipes = {name: description_of(name).partition("\n")[0] for name in recipe_names()}
    return {"recipes": recipes, **json.loads(text)}


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


def facts_of(recipe: str) -> dict[str, str]:
    """What the docstring of a recipe's package says of `Shape`, `Task`, `Data` and `Result`."""
    paragraph = description_of(recipe).split("\n\n")[1]
    lines = re.sub(r"\n +", " ", paragraph).splitlines()
    return {name: text for name, _, text in (line.partition(": ") for line in lines)}


def recipe_table() -> str:
    """The recipes as a Markdown table, by sequence shape."""
    facts = {name: facts_of(name) for name in recipe_names()}
    rows = sorted(facts, key=lambda name: (_SHAPES.index(facts[name]["Shape"]), name))
    columns = ("Shape", "Task", "Data", "Result")
    return _table(
        ("recipe", *(column.lower() for column in columns)),
        [(f"`{name}`", *(facts[name][column] for column in columns)) for name in rows],
    )


def model_table() -> str:
    """The catalogue of models as a Markdown table, by sequence shape; a row for each function."""
    import zoo

    rows: list[tuple[str, ...]] = []
    infos = [zoo.model_info(name) for name in zoo.list_models()]
    for info in sorted(infos, key=lambda info: (_SHAPES.index(info.shape), info.name)):
        options = ", ".join(f"{name}={value!r}" for name, value in info.options.items())
        size = f"{info.parameters:,}"
        rows.append(
            (f"`{info.name}`", info.shape, size, info.paper, f"`{options}`" if options else "")
        )
    return _table(("name", "shape", "parameters", "paper", "options"), rows)


def results() -> str:
    """The results of all recipes, each from the file of its package."""
    texts = (_ROOT / "recipes" / name / "results.md" for name in recipe_names())
    return "\n".join(path.read_text(encoding="utf-8") for path in texts)


def _table(header: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = [header, tuple("---" for _ in header), *rows]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def documents() -> dict[Path, str]:
    """README and docs with their tables made anew."""
    parts = {"recipes": recipe_table, "models": model_table, "results": results}
    texts = {}
    for path in (_ROOT / "README.md", _ROOT / "docs" / "results.md"):
        text = path.read_text(encoding="utf-8")
        for name, make in parts.items():
            pattern = rf"(<!-- {name}\b[^\n]*-->\n).*?(<!-- end -->)"
            if match := re.search(pattern, text, re.DOTALL):
                text = text[: match.end(1)] + make() + text[match.start(2) :]
        texts[path] = text
    return texts


def write() -> None:
    """Write the catalogue into the package, and the tables into README and docs."""
    text = json.dumps(make_catalogue(), indent=2, ensure_ascii=False) + "\n"
    (Path(__file__).parent / _FILE).write_text(text, encoding="utf-8")
    for path, content in documents().items():
        path.write_text(content, encoding="utf-8")


if __name__ == "__main__":
    write()
