"""Recipes by their names; only `load_recipe` imports Keras."""

from __future__ import annotations

import difflib
import importlib
import inspect
from pathlib import Path
from typing import Any

import recipes
from recipes.kit.errors import UserError
from recipes.kit.recipe import Recipe


def recipe_names() -> list[str]:
    """Names of all recipes, sorted."""
    (folder,) = map(Path, recipes.__path__)
    names = (path.parent.name for path in folder.glob("*/recipe.py"))
    return sorted(name for name in names if name != "kit")


def check_name(name: str) -> None:
    """Refuse a name that is not a recipe's.

    Raises:
        UserError: With the nearest name.
    """
    names = recipe_names()
    if name not in names:
        near = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
        hint = f"did you mean {near[0]!r}?" if near else f"expected one of: {', '.join(names)}."
        raise UserError(f"unknown recipe {name!r}; {hint}")


def load_options(name: str) -> Any:
    """The module of a recipe's options, which imports neither Keras nor TensorFlow.

    Raises:
        UserError: If there is no such recipe.
    """
    check_name(name)
    return importlib.import_module(f"recipes.{name}.options")


def description_of(name: str) -> str:
    """What a recipe's package says of itself: a line, its facts (`Shape`, ...), commands, more."""
    return inspect.getdoc(importlib.import_module(f"recipes.{name}")) or ""


def load_recipe(name: str) -> Recipe[Any, Any, Any]:
    """Import a recipe.

    Raises:
        UserError: If there is no such recipe, or Keras runs on another backend.
    """
    check_name(name)
    import keras

    if keras.backend.backend() != "tensorflow":
        raise UserError(
            f"recipes run on TensorFlow, and Keras is set to {keras.backend.backend()!r} by "
            "KERAS_BACKEND or ~/.keras/keras.json. (custom_layers and zoo run on every backend.)"
        )
    recipe: Recipe[Any, Any, Any] = importlib.import_module(f"recipes.{name}.recipe").RECIPE
    return recipe
