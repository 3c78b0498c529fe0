"""What a run says of its results: in its folder, in the card, and at the end."""

from __future__ import annotations

import json

import pytest
from recipe_corpus import PLAIN

from recipes.kit import output
from recipes.kit.cli import main
from recipes.kit.commands import _summary
from recipes.kit.output import write_lines


@pytest.fixture(scope="module")
def mediocre(corpus, tmp_path_factory):
    """A run whose model makes mistakes."""
    out = tmp_path_factory.mktemp("mediocre") / "ner"
    words = ["--data", str(corpus), "--out", str(out), "--epochs", "2", "--learning-rate", "0.01"]
    assert main(["train", "ner", *words, *PLAIN]) == 0
    return out


def test_metrics_and_their_intervals(mediocre) -> None:
    metrics = json.loads((mediocre / "metrics.json").read_text())
    assert list(metrics) == [
        *("recipe", "data", "test", "interval", "interval_unit", "baseline", "baseline_wins"),
        *("notes", "parameters", "seconds"),
    ]
    assert metrics["interval_unit"] == "sentences" and metrics["interval"]
    for name, (low, high) in metrics["interval"].items():
        assert low <= metrics["test"][name] <= high and low < high
    assert metrics["baseline_wins"] == any(" is better: " in note for note in metrics["notes"])
    name, (low, high) = next(iter(metrics["interval"].items()))
    card = (mediocre / "README.md").read_text()
    assert f"| {name} | {metrics['test'][name]:.4f} | {low:.4f} to {high:.4f} |" in card
    assert "what other sentences of the same kind would give" in card


def test_intervals_stand_in_the_table_and_not_in_the_json(mediocre, capsys) -> None:
    low, high = json.loads((mediocre / "metrics.json").read_text())["interval"]["token_accuracy"]
    assert main(["evaluate", str(mediocre)]) == 0
    out, err = capsys.readouterr()
    assert "95 % interval" in err and f"{low:.4f} to {high:.4f}" in err
    assert all(isinstance(value, float) for value in json.loads(out.splitlines()[-1]).values())


def test_the_worst_answers_come_first(mediocre, corpus) -> None:
    rows = [json.loads(line) for line in (mediocre / output.ANSWERS).read_text().splitlines()]
    tokens = [line.split("\t") for line in (corpus / "test.conll").read_text().splitlines() if line]
    assert sum(len(row["input"]) for row in rows) == len(tokens)
    for row in rows:
        wrong = sum(a != b for a, b in zip(row["truth"], row["answer"], strict=True))
        assert row["wrong_tags"] == wrong and bool(row["confidence_in_errors"]) == bool(wrong)
    figures = [row["confidence_in_errors"] for row in rows]
    assert figures == sorted(figures, reverse=True)
    doubts = [row["lowest_confidence"] for row in rows if not row["wrong_tags"]]
    assert doubts == sorted(doubts)
    card = (mediocre / "README.md").read_text()
    assert f"`test_answers.jsonl` has all {len(rows)} answers" in card


def test_the_summary_says_what_should_be_known(mediocre, capsys) -> None:
    metrics = json.loads((mediocre / "metrics.json").read_text())
    note = "The baseline is better: a 2 against 1 of the model."
    _summary(mediocre, {**metrics, "notes": [note]})
    out, err = capsys.readouterr()
    assert out.startswith(f"{note}\n")
    assert "test_answers.jsonl" in out and "95 % interval" in err


def test_lines_are_json_that_others_read(tmp_path) -> None:
    path = tmp_path / "rows.jsonl"
    write_lines(path, [{"a": float("nan"), "b": [1.5, (float("inf"), "é")]}, {"a": {"c": 2}}])
    assert path.read_text(encoding="utf-8") == (
        '{"a": null, "b": [1.5, [null, "é"]]}\n{"a": {"c": 2}}\n'
    )
