"""Metrics of sequence labelling, by seqeval. Fractions are 0 to 1."""

from __future__ import annotations

from collections.abc import Sequence

from seqeval.metrics import classification_report
from seqeval.scheme import IOB2, Tokens

Tags = Sequence[Sequence[str]]


def tagging_metrics(truth: Tags, predicted: Tags, *, entities: bool) -> dict[str, float]:
    """Metrics of sequence labelling.

    Args:
        truth: True tags of each sentence.
        predicted: Predicted tags, of the same lengths.
        entities: Whether tags are IOB2 entity tags. Entities are then compared by seqeval in its
            strict mode: type and both boundaries must agree.

    Returns:
        `entity_f1`, `entity_precision`, `entity_recall` (micro) and `entity_f1_TYPE` for each type
        where tags are entities; `token_accuracy`; `sequence_accuracy`, the share of sentences
        without an error.
    """
    pairs = list(zip(truth, predicted, strict=True))
    right = [sum(a == b for a, b in zip(t, p, strict=True)) for t, p in pairs]
    total = [len(t) for t in truth]
    metrics = {}
    if entities:
        report = classification_report(
            [list(t) for t in truth],
            [list(p) for p in predicted],
            scheme=IOB2,
            mode="strict",
            output_dict=True,
            zero_division=0,
        )
        micro = report["micro avg"]
        metrics["entity_f1"] = float(micro["f1-score"])
        metrics["entity_precision"] = float(micro["precision"])
        metrics["entity_recall"] = float(micro["recall"])
        for kind, scores in report.items():
            if not kind.endswith(" avg"):
                metrics[f"entity_f1_{kind}"] = float(scores["f1-score"])
    metrics["token_accuracy"] = sum(right) / sum(total)
    metrics["sequence_accuracy"] = sum(r == n for r, n in zip(right, total, strict=True)) / len(
        total
    )
    return metrics


def entity_spans(tags: Sequence[str]) -> list[tuple[str, int, int]]:
    """Entities of one IOB2 tag sequence, as seqeval reads them: (type, first token, token after).

    Example:
        >>> entity_spans(["B-PER", "I-PER", "O", "B-LOC"])
        [('PER', 0, 2), ('LOC', 3, 4)]
    """
    return [(e.tag, e.start, e.end) for e in Tokens(list(tags), IOB2).entities]
