"""Imports go one way, recipes -> zoo -> custom_layers -> keras: read from the source text."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
#: What each package may import of these; anything else of them is upward.
OURS_AND_TENSORFLOW = {"custom_layers", "zoo", "recipes", "tests", "benchmarks", "tensorflow"}
ALLOWED = {
    "custom_layers": {"custom_layers"},
    "zoo": {"zoo", "custom_layers"},
    "recipes": {"recipes", "zoo", "custom_layers", "tensorflow"},
}


def imports_of(source: str) -> Iterator[tuple[int, str]]:
    """Line and dotted name of every import, those inside functions included."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.lineno, "." * node.level + (node.module or "")
            if node.module == "keras":
                yield from ((node.lineno, f"keras.{alias.name}") for alias in node.names)


def faults(package: str, source: str) -> list[tuple[int, str]]:
    found = []
    for line, name in imports_of(source):
        top = name.partition(".")[0]
        if top in OURS_AND_TENSORFLOW - ALLOWED[package] or name.startswith("keras.src"):
            found.append((line, name))
    return found


@pytest.mark.parametrize("package", ALLOWED)
def test_no_upward_import(package):
    files = sorted((ROOT / package).rglob("*.py"))
    assert files
    assert {
        str(file.relative_to(ROOT)): wrong
        for file in files
        if (wrong := faults(package, file.read_text(encoding="utf-8")))
    } == {}


@pytest.mark.parametrize(
    ("package", "source"),
    [
        ("custom_layers", "import zoo"),
        ("custom_layers", "def f():\n    from zoo.recurrent import recurrent_stack"),
        ("custom_layers", "import tensorflow as tf"),
        ("zoo", "from recipes import ner"),
        ("zoo", "import tensorflow.nn"),
        ("zoo", "from keras.src import layers"),
        ("zoo", "from keras import src"),
        ("recipes", "import tests"),
    ],
)
def test_upward_imports_are_seen(package, source):
    assert faults(package, source)


def test_zoo_is_light():
    """`import zoo` brings nothing that TensorFlow, Keras and numpy do not bring themselves."""
    code = (
        "import sys, numpy, tensorflow, keras; before = set(sys.modules); import zoo;"
        "print(sorted({m.partition('.')[0] for m in set(sys.modules) - before}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True
    )
    assert done.stdout.strip() == "['custom_layers', 'zoo']"
