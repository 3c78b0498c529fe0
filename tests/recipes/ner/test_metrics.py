"""Metrics of tagging against cases counted by hand."""

from __future__ import annotations

import numpy as np
import pytest
from seqeval.metrics import classification_report
from seqeval.scheme import IOB2

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


def test_against_seqeval():
    generator, tags = np.random.default_rng(0), ["O", "B-PER", "I-PER", "B-LOC", "I-LOC", "I-X"]
    truth, guess = (
        [[tags[i] for i in generator.integers(0, kinds, size)] for size in range(1, 40)]
        for kinds in (5, 6)
    )
    report = classification_report(
        truth, guess, scheme=IOB2, mode="strict", output_dict=True, zero_division=0
    )
    found = tagging_metrics(truth, guess, entities=True)
    micro = report.pop("micro avg")
    assert found["entity_f1"] == pytest.approx(micro["f1-score"])
    assert found["entity_precision"] == pytest.approx(micro["precision"])
    assert found["entity_recall"] == pytest.approx(micro["recall"])
    kinds = {kind for kind in report if not kind.endswith(" avg")}
    assert kinds == {name.removeprefix("entity_f1_") for name in found if "_f1_" in name}
    for kind in kinds:
        assert found[f"entity_f1_{kind}"] == pytest.approx(report[kind]["f1-score"])


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
