"""Metrics of sequence labelling; entities as seqeval reads them. Fractions are 0 to 1."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
from seqeval.scheme import IOB2, Tokens

from recipes.kit.calibration import calibration_error, calibration_terms
from recipes.kit.judge import Statistics, Sums, ratio

Tags = Sequence[Sequence[str]]


def tagging_metrics(truth: Tags, predicted: Tags, *, entities: bool) -> dict[str, float]:
    """Metrics of sequence labelling, see `tagging_statistics`."""
    return tagging_statistics(truth, predicted, entities=entities).values


def tagging_statistics(
    truth: Tags,
    predicted: Tags,
    *,
    entities: bool,
    confidence: Sequence[np.ndarray] | None = None,
) -> Statistics:
    """What the metrics of sequence labelling are computed from, sentence by sentence.

    Args:
        truth: True tags of each sentence.
        predicted: Predicted tags, of the same lengths.
        entities: Whether tags are IOB2 entity tags. Entities are then compared as seqeval does in
            its strict mode: type and both boundaries must agree.
        confidence: The probability of each predicted tag.

    Returns:
        The statistics of `entity_f1`, `entity_precision`, `entity_recall` (micro) and
        `entity_f1_TYPE` for each type where tags are entities; `token_accuracy`;
        `sequence_accuracy`, the share of sentences without an error; and with a confidence
        `calibration_error`, how far it is from the share of tags that are right.
    """
    pairs = list(zip(truth, predicted, strict=True))
    matches = [np.array([a == b for a, b in zip(t, p, strict=True)], bool) for t, p in pairs]
    right = np.array([each.sum() for each in matches])
    tokens = np.array([len(t) for t in truth])
    terms = {
        "tokens": tokens,
        "right": right,
        "whole": right == tokens,
        "sentences": np.ones(len(pairs)),
    }
    if confidence is not None:
        terms["calibration"] = np.stack(
            [
                calibration_terms(each, own).sum(axis=0)
                for each, own in zip(confidence, matches, strict=True)
            ]
        )
    kinds: list[str] = []
    if entities:
        counted = [
            tuple(_kinds(spans) for spans in (true & found, true, found))
            for true, found in (({*entity_spans(t)}, {*entity_spans(p)}) for t, p in pairs)
        ]
        kinds = sorted({kind for each in counted for counts in each for kind in counts})
        for place, name in enumerate(("hits", "true", "found")):
            rows = [[each[place][kind] for kind in kinds] for each in counted]
            terms[name] = np.array(rows).reshape(len(pairs), len(kinds))

    def metrics(sums: Sums) -> dict[str, float]:
        values = {}
        if entities:
            hits, true, found = (sums[name].sum() for name in ("hits", "true", "found"))
            values["entity_f1"] = ratio(2 * hits, true + found)
            values["entity_precision"] = ratio(hits, found)
            values["entity_recall"] = ratio(hits, true)
            for kind, *own in zip(kinds, sums["hits"], sums["true"], sums["found"], strict=True):
                values[f"entity_f1_{kind}"] = ratio(2 * own[0], own[1] + own[2], float("nan"))
        values["token_accuracy"] = ratio(sums["right"], sums["tokens"])
        values["sequence_accuracy"] = ratio(sums["whole"], sums["sentences"])
        if confidence is not None:
            values["calibration_error"] = calibration_error(sums["calibration"])
        return values

    return Statistics("sentences", terms, metrics, biased=("calibration_error",))


def _kinds(spans: set[tuple[str, int, int]]) -> Counter[str]:
    return Counter(kind for kind, _, _ in spans)


def entity_spans(tags: Sequence[str]) -> list[tuple[str, int, int]]:
    """Entities of one IOB2 tag sequence, as seqeval reads them: (type, first token, token after).

    Example:
        >>> entity_spans(["B-PER", "I-PER", "O", "B-LOC"])
        [('PER', 0, 2), ('LOC', 3, 4)]
    """
    return [(e.tag, e.start, e.end) for e in Tokens(list(tags), IOB2).entities]
