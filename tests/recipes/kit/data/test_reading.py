"""Options of a command that say how files are read, in place of those of a training."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from recipes.kit.data.reading import Encoded, TableFiles, TextFiles, as_given
from recipes.kit.errors import UserError
from recipes.kit.option import Group, option


@dataclass(frozen=True)
class Tables(TableFiles):
    """Options of a recipe that reads tables."""

    units: int = option(3, "Width.")


@dataclass(frozen=True)
class Texts(TextFiles):
    """Options of a recipe that reads texts."""


@dataclass(frozen=True)
class Generated(Group):
    """Options of a recipe that reads nothing."""


def test_what_is_given_takes_the_place_of_the_training() -> None:
    trained = Tables(units=5, decimal=",", encoding="cp1252")
    config = as_given(trained, TableFiles(encoding="utf-16", thousands="."))
    assert config == Tables(units=5, decimal=",", thousands=".", encoding="utf-16")
    assert trained.encoding == "cp1252" and as_given(trained, TableFiles()) == trained


def test_what_the_recipe_cannot_do_is_refused() -> None:
    assert as_given(Texts(), TableFiles(encoding="latin-1")).encoding == "latin-1"
    with pytest.raises(UserError, match="--decimal has no effect on the data of this model"):
        as_given(Texts(), TableFiles(decimal=","))
    with pytest.raises(UserError, match="--encoding has no effect on the data of this model"):
        as_given(Generated(), TableFiles(encoding="latin-1"))


def test_encodings_have_to_exist() -> None:
    with pytest.raises(UserError, match="--encoding klingon: no such encoding"):
        Encoded("klingon")
