"""Imports go one way, recipes -> zoo -> custom_layers -> keras: read from the source text.

Within the recipes no task imports another, and the kit imports no task. Options import no Keras,
and the kit imports TensorFlow only where it exports, serves, reads datasets or makes batches.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
OURS = {"custom_layers", "zoo", "recipes", "tests", "benchmarks"}
BELOW = {
    "custom_layers": {"custom_layers"},
    "zoo": {"zoo", "custom_layers"},
    "recipes": {"recipes", "zoo", "custom_layers"},
}
TASKS = sorted(
    path.parent.name for path in (ROOT / "recipes").glob("*/recipe.py") if path.parent.name != "kit"
)

#: Files of the kit that may import TensorFlow: starting, exporting, serving, text inside the graph,
#: datasets and batches.
KIT_WITH_TENSORFLOW = {
    "recipes/kit/console.py",
    "recipes/kit/export.py",
    "recipes/kit/serving.py",
    "recipes/kit/text.py",
    "recipes/kit/pieces.py",
    "recipes/kit/data/tfds.py",
    "recipes/kit/data/batches.py",
}
HEAVY = {"keras", "keras_tuner", "tensorflow", "zoo", "custom_layers"}


def imports_of(source: str) -> Iterator[tuple[int, str]]:
    """Line and dotted name of every import, those inside functions included."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = "." * node.level + (node.module or "")
            yield from ((node.lineno, f"{base}.{alias.name}") for alias in node.names)


def wrong(file: str, name: str) -> bool:
    """Whether a file must not import a name."""
    package, *room = file.removesuffix(".py").split("/")
    top, *parts = name.split(".")
    if name.startswith("keras.src") or name.startswith("."):
        return True
    if top in OURS - BELOW[package]:
        return True
    if package != "recipes":
        return top == "tensorflow"
    if top in ("tensorflow", "tensorflow_datasets") and room[:1] == ["kit"]:
        return file not in KIT_WITH_TENSORFLOW
    if room and room[0] in TASKS:
        if room[-1] in ("__init__", "options") and top in HEAVY:
            return True
        return top == "recipes" and parts[:1] not in ([], ["kit"], [room[0]])
    return top == "recipes" and bool(parts) and parts[0] in TASKS


@pytest.mark.parametrize("package", BELOW)
def test_imports_go_one_way(package):
    files = sorted((ROOT / package).rglob("*.py"))
    assert files
    against = [
        f"{name}:{line} imports {imported}"
        for file in files
        for name in [file.relative_to(ROOT).as_posix()]
        for line, imported in imports_of(file.read_text(encoding="utf-8"))
        if wrong(name, imported)
    ]
    assert against == []


@pytest.mark.parametrize(
    ("file", "source"),
    [
        ("custom_layers/x.py", "import zoo"),
        ("custom_layers/x.py", "def f():\n    from zoo.recurrent import recurrent_stack"),
        ("custom_layers/x.py", "import tensorflow as tf"),
        ("zoo/x.py", "from recipes.ner import recipe"),
        ("zoo/x.py", "import tensorflow.nn"),
        ("zoo/x.py", "from keras.src import layers"),
        ("zoo/x.py", "from keras import src"),
        ("zoo/x.py", "from . import cells"),
        ("recipes/ner/data.py", "import tests"),
        ("recipes/ner/data.py", "from recipes.speech.data import load"),
        ("recipes/ner/data.py", "from recipes import speech"),
        ("recipes/kit/run.py", "from recipes.ner import recipe"),
        ("recipes/kit/fit.py", "import tensorflow as tf"),
        ("recipes/ner/options.py", "import keras"),
        ("recipes/ner/options.py", "from zoo import StackOptions"),
        ("recipes/ner/__init__.py", "import zoo"),
    ],
)
def test_wrong_imports_are_seen(file, source):
    assert any(wrong(file, name) for _, name in imports_of(source))


@pytest.mark.parametrize(
    ("file", "source"),
    [
        ("recipes/ner/data.py", "from recipes.kit.data.source import Source"),
        ("recipes/ner/serve.py", "import tensorflow as tf"),
        ("recipes/kit/serving.py", "import tensorflow as tf"),
        ("recipes/kit/recipe.py", "import recipes"),
    ],
)
def test_right_imports_pass(file, source):
    assert not any(wrong(file, name) for _, name in imports_of(source))


@pytest.mark.parametrize("task", TASKS)
def test_a_package_of_a_task_imports_nothing(task):
    source = (ROOT / "recipes" / task / "__init__.py").read_text(encoding="utf-8")
    assert [*imports_of(source)] == []
    assert ast.get_docstring(ast.parse(source))


def test_files_have_a_size_that_can_be_read():
    def longer(pattern: str, most: int) -> dict[str, int]:
        lengths = {
            path.relative_to(ROOT).as_posix(): len(path.read_text(encoding="utf-8").splitlines())
            for path in ROOT.glob(pattern)
        }
        return {name: length for name, length in lengths.items() if length > most}

    assert longer("recipes/*/recipe.py", 250) == {}
    for package in ("custom_layers", "zoo", "recipes", "benchmarks"):
        assert longer(f"{package}/**/*.py", 400) == {}
    assert longer("tests/**/*.py", 500) == {}


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
