"""docs/memory.md: its commands are understood, its pictures are there, its mathematics runs."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import numpy as np

from recipes.kit.parse import parse
from recipes.memory.options import Config

FOLDER = Path(__file__).parents[1] / "docs"
GUIDE = (FOLDER / "memory.md").read_text(encoding="utf-8")


def test_commands() -> None:
    commands = re.findall(r"^rnn-zoo train memory (.*?)(?:  +#.*)?$", GUIDE, re.MULTILINE)
    assert len(commands) >= 6
    for command in commands:
        parse(shlex.split(command), Config, prog="rnn-zoo train memory")


def test_pictures_and_files() -> None:
    links = re.findall(r"\]\(([^)#]+)\)", GUIDE)
    assert len(links) >= 10
    assert [link for link in links if not (FOLDER / link).is_file()] == []


def test_the_first_listing() -> None:
    listing = re.search(r"```python\n(.*?)```", GUIDE, re.DOTALL)
    assert listing is not None
    found: dict = {}
    exec(listing.group(1), found)
    norms = np.linalg.norm(found["gradients"].h, axis=1)
    assert norms[0] < 0.1 * norms[-1]
