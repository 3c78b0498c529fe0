"""Finished runs side by side: what is comparable, what is best, and what is shown."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from recipes.kit.cli import main
from recipes.kit.data.fingerprint import fingerprint


def write_run(folder: Path, score: float, *, recipe: str = "ner", **other: Any) -> Path:
    """What `train` leaves in a folder, as far as it is compared."""
    folder.mkdir()
    options = {"units": 8, "dropout": 0.5, "data": "embedded"} | other.get("options", {})
    data = {
        "data": "embedded",
        "licence": "none",
        "understood": [{"topic": "sentences", "text": other.get("sizes", "3 train, 1 test")}],
        "objective": {"metric": "f1", "mode": other.get("mode", "max")},
        "test": other.get("test", "0123"),
    }
    metrics = {
        "recipe": recipe,
        "test": {"loss": 1.0, "f1": score},
        "baseline": {"f1": 0.25},
        "parameters": 12_345,
        "seconds": 9.7,
    } | other.get("metrics", {})
    record = {"recipe": recipe, "options": options, "versions": {}}
    for name, content in (("config", record), ("data", data), ("metrics", metrics)):
        (folder / f"{name}.json").write_text(json.dumps(content))
    return folder


def compared(capsys, *folders: Path) -> dict[str, Any]:
    assert main(["compare", *map(str, folders), "--json"]) == 0
    return json.loads(capsys.readouterr().out)


@pytest.mark.parametrize(("mode", "order"), [("max", ["b", "a", "c"]), ("min", ["c", "a", "b"])])
def test_the_best_comes_first(tmp_path, capsys, mode, order):
    runs = [
        write_run(tmp_path / name, score, mode=mode)
        for name, score in (("a", 0.5), ("b", 0.75), ("c", 0.25))
    ]
    result = compared(capsys, *runs)
    assert [Path(run["folder"]).name for run in result["runs"]] == order
    assert [run["best"] for run in result["runs"]] == [True, False, False]
    assert result["objective"] == {"metric": "f1", "mode": mode}


def test_options_that_differ_are_columns(tmp_path, capsys):
    first = write_run(tmp_path / "first", 0.5, options={"seed": 1})
    spread = {"f1": {"mean": 0.625, "std": 0.125, "models": 3}}
    second = write_run(tmp_path / "second", 0.75, options={"units": 16}, metrics={"spread": spread})
    best, other = compared(capsys, first, second)["runs"]
    assert (best["options"], other["options"]) == ({"units": 16}, {"units": 8, "seed": 1})
    assert best["spread"] == spread and best["parameters"] == 12_345
    assert main(["compare", str(first), str(second)]) == 0
    out = " ".join(capsys.readouterr().out.split())
    for shown in (
        "--units",
        "--seed",
        "0.7500 (0.6250 ± 0.1250)",
        "12,345",
        "baseline f1",
        "0.2500",
        "more f1",
    ):
        assert shown in out
    assert "--dropout" not in out


@pytest.mark.parametrize(
    ("other", "message"),
    [
        ({"recipe": "sentiment"}, "is a run of ner and .*b one of sentiment"),
        (
            {"test": "4567", "sizes": "9 train, 9 test"},
            "different data: sentences '3 train, 1 test' and '9 train, 9 test'",
        ),
        ({"test": "4567"}, "different data: the examples are not the same"),
        ({"test": None}, "data.json: does not identify the test part"),
    ],
)
def test_what_cannot_be_compared(tmp_path, capsys, other, message):
    first, second = write_run(tmp_path / "a", 0.5), write_run(tmp_path / "b", 0.75, **other)
    if "test" in other and other["test"] is None:
        (second / "data.json").write_text('{"data": "embedded", "understood": []}')
    assert main(["compare", str(first), str(second)]) == 2
    out, err = capsys.readouterr()
    import re

    assert out == "" and re.search(message, err), err


def test_one_run_is_nothing_to_compare(tmp_path, capsys):
    assert main(["compare", str(write_run(tmp_path / "a", 0.5))]) == 2
    assert "two or more folders" in capsys.readouterr().err
    assert main(["compare", str(tmp_path / "a"), str(tmp_path / "none")]) == 2
    assert "no such folder" in capsys.readouterr().err


def test_real_runs_are_comparable(trained, tmp_path, capsys):
    """Two folders of one run, as `train` wrote it."""
    best, other = compared(capsys, trained, trained)["runs"]
    assert best["test"] == other["test"] and best["options"] == {}


@dataclass(frozen=True)
class Example:
    values: np.ndarray
    label: str | None
    read_from: str = field(compare=False)


def test_fingerprints_tell_contents_apart():
    same = [
        [Example(np.array([1.0, np.nan]), label, path) for path in ("/a", "/b")]
        for label in ("x", "x")
    ]
    assert fingerprint(same[0]) == fingerprint(tuple(same[1]))
    different = [
        [],
        ["x"],
        [["x"]],
        ["x", "y"],
        ["xy"],
        [Example(np.array([1.0]), "x", "")],
        [Example(np.array([1.0], "float32"), "x", "")],
        [Example(np.array([[1.0]]), "x", "")],
        [Example(np.array([1.0]), None, "")],
    ]
    assert len({fingerprint(examples) for examples in different}) == len(different)
    with pytest.raises(TypeError, match="object has no fingerprint"):
        fingerprint([object()])
