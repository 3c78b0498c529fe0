"""Metrics of speech recognition, by jiwer. Fractions are 0 to 1."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest

import jiwer

from recipes.kit.errors import UserError


def speech_metrics(truth: Sequence[str], answers: Sequence[str]) -> dict[str, float]:
    """Metrics of speech recognition, by jiwer.

    Args:
        truth: What was said in each clip, never nothing.
        answers: What was heard.

    Returns:
        `cer` and `wer`, substitutions, deletions and insertions of characters (blanks counted) and
        of words, over the number of those that were said, in all clips together;
        `sequence_accuracy`, the share of clips without an error.

    Raises:
        UserError: If there is no clip.
    """
    if not truth:
        raise UserError("No transcripts to score: expected at least one clip, found none.")
    truth, answers = list(truth), list(answers)
    right = [said == heard for said, heard in zip(truth, answers, strict=True)]
    return {
        "cer": float(jiwer.cer(truth, answers)),
        "wer": float(jiwer.wer(truth, answers)),
        "sequence_accuracy": sum(right) / len(right),
    }


def taken_for(truth: Sequence[str], answers: Sequence[str]) -> list[tuple[str, str]]:
    """Pairs of a character that was said and what was heard in its place, "" for nothing.

    >>> taken_for(["cat"], ["cut"])
    [('c', 'c'), ('a', 'u'), ('t', 't')]
    """
    output = jiwer.process_characters(list(truth), list(answers))
    pairs = []
    clips = zip(output.references, output.hypotheses, output.alignments, strict=True)
    for said, heard, chunks in clips:
        for chunk in chunks:
            left = said[chunk.ref_start_idx : chunk.ref_end_idx]
            right = heard[chunk.hyp_start_idx : chunk.hyp_end_idx]
            pairs += zip_longest(left, right, fillvalue="")
    return pairs
