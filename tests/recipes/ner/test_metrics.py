"""Metrics of tagging against cases counted by hand."""

from __future__ import annotations

import pytest

from recipes.ner.metrics import entity_spans, tagging_metrics

TRUTH = [["B-PER", "I-PER", "O", "B-LOC"], ["O", "B-LOC"], ["O", "O"]]
GUESS = [["B-PER", "I-PER", "O", "B-PER"], ["O", "B-LOC"], ["B-LOC", "O"]]


def test_entities():
    metrics = tagging_metrics(TRUTH, GUESS, entities=True)
    assert metrics["entity_precision"] == pytest.approx(2 / 4)
    assert metrics["entity_recall"] == pytest.approx(2 / 3)
    assert metrics["entity_f1"] == pytest.approx(4 / 7)
    assert metrics["entity_f1_PER"] == pytest.approx(2 / 3)
    assert metrics["entity_f1_LOC"] == pytest.approx(1 / 2)
    assert metrics["token_accuracy"] == pytest.approx(6 / 8)
    assert metrics["sequence_accuracy"] == pytest.approx(1 / 3)


def test_boundaries_count():
    metrics = tagging_metrics([["B-PER", "I-PER"]], [["B-PER", "O"]], entities=True)
    assert metrics["entity_f1"] == 0
    assert metrics["token_accuracy"] == 0.5


def test_plain_labels_have_no_entities():
    metrics = tagging_metrics([["NOUN", "VERB"]], [["NOUN", "NOUN"]], entities=False)
    assert metrics == {"token_accuracy": 0.5, "sequence_accuracy": 0.0}


def test_lengths_must_agree():
    with pytest.raises(ValueError, match="shorter|longer"):
        tagging_metrics([["O", "O"]], [["O"]], entities=False)


def test_spans():
    assert entity_spans(["O", "B-A", "B-A", "I-A", "O", "B-B"]) == [
        ("A", 1, 2),
        ("A", 2, 4),
        ("B", 5, 6),
    ]
