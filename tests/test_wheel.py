"""The wheel, installed elsewhere, works without the checkout."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    files = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    if files.returncode:
        pytest.skip("not a git checkout")
    for name in filter(None, files.stdout.split("\0")):
        if (ROOT / name).is_file():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            (source / name).write_bytes((ROOT / name).read_bytes())
    command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation"]
    done = subprocess.run(
        [*command, "--wheel-dir", str(folder), str(source)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    (found,) = folder.glob("*.whl")
    return found


@pytest.mark.slow
def test_contents(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.partition("/")[0] for name in names if ".dist-info" not in name}
    assert tops == {"custom_layers", "zoo", "recipes"}
    assert {"zoo/py.typed", "recipes/ner/grammar.txt", "recipes/ner/recipe.py"} <= set(names)


@pytest.mark.slow
def test_installed_elsewhere(wheel, tmp_path):
    site = tmp_path / "site"
    subprocess.run(
        [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", site, wheel],
        check=True,
    )
    code = (
        "import zoo, custom_layers, recipes; from recipes.ner.embedded import generate;"
        "print(zoo.__file__, custom_layers.__file__, recipes.__file__);"
        "data = generate({'train': 50, 'valid': 20, 'test': 20}, seed=0);"
        "print(zoo.create_model('tagger_small').count_params(), len(data['train']))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(site)},
    )
    assert done.returncode == 0, done.stderr
    places, facts = done.stdout.splitlines()
    assert all(place.startswith(str(site)) for place in places.split())
    assert facts == "592040 50"
    script = next(site.glob("bin/rnn-zoo*"), None) or next(site.glob("Scripts/rnn-zoo*"))
    listed = subprocess.run(
        [sys.executable, str(script), "list", "--json"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(site)},
    )
    assert listed.returncode == 0, listed.stderr
    assert '"ner"' in listed.stdout
