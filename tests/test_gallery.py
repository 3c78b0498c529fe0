"""docs/gallery.md: a picture for every recipe, below a command that is understood."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from recipes.kit.finding import load_options, recipe_names
from recipes.kit.parse import parse

ROOT = Path(__file__).parents[1]
SECTIONS = {
    re.search(r"\(`(\w+)`\)", section)[1]: section
    for section in (ROOT / "docs/gallery.md").read_text(encoding="utf-8").split("\n## ")[1:]
}


def test_every_recipe_is_shown() -> None:
    assert sorted(SECTIONS) == recipe_names()


@pytest.mark.parametrize("name", SECTIONS)
def test_its_command_is_understood_and_its_picture_is_there(name: str) -> None:
    (command,) = re.findall(r"^rnn-zoo train (.*?)(?:  +#.*)?$", SECTIONS[name], re.MULTILINE)
    recipe, *words = shlex.split(command)
    assert recipe == name
    parse(words, load_options(name).Config, prog=f"rnn-zoo train {name}")
    (picture,) = re.findall(r"!\[.+\]\((.+)\)", SECTIONS[name])
    assert (ROOT / "docs" / picture).is_file()


def test_the_readme_shows_four() -> None:
    shown = re.findall(r"\((docs/gallery/.+?\.png)\)", (ROOT / "README.md").read_text("utf-8"))
    assert len(shown) == 4
    assert [path for path in shown if not (ROOT / path).is_file()] == []
