"""The catalogue and the tables of the documents are those of the registries and the packages."""

from __future__ import annotations

import pytest

import zoo
from recipes.kit import catalogue
from recipes.kit.finding import recipe_names


def test_the_catalogue_is_that_of_the_registry():
    """`make tables` writes it."""
    listed = catalogue.read_catalogue()
    assert list(listed.pop("recipes")) == recipe_names()
    assert listed == catalogue.make_catalogue()


@pytest.mark.parametrize("path", catalogue.documents(), ids=lambda path: path.name)
def test_the_tables_are_those_of_the_packages(path):
    """`make tables` writes them."""
    assert path.read_text(encoding="utf-8") == catalogue.documents()[path]


@pytest.mark.parametrize("name", recipe_names())
def test_a_package_says_what_the_tables_say(name):
    facts = catalogue.facts_of(name)
    assert list(facts) == ["Shape", "Task", "Data", "Result"]
    assert all(facts.values())


def test_every_model_and_recipe_has_its_row():
    models = catalogue.model_table()
    assert all(f"| `{name}` |" in models for name in zoo.list_models())
    assert all(f"| `{name}` |" in catalogue.recipe_table() for name in recipe_names())
    assert all(f"(`{name}`)" in catalogue.results() for name in recipe_names())
