"""Metrics of speech recognition, by jiwer. Fractions are 0 to 1."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest

import jiwer

from recipes.kit.errors import UserError


def speech_metrics(truth: Sequence[str], answers: Sequence[str]) -> dict[str, float]:
    """Metrics of speech recognition, by jiwer.

    Args:
        truth: The transcript of each clip, never empty.
        answers: What was recognised.

    Returns:
        `cer` and `wer`, substitutions, deletions and insertions of characters (spaces included) and
        of words, over their number in the transcripts, in all clips together; `sequence_accuracy`,
        the share of clips without an error.

    Raises:
        UserError: If there are no clips.
    """
    if not truth:
        raise UserError("No transcripts to score: expected at least one clip, found none.")
    truth, answers = list(truth), list(answers)
    right = [text == answer for text, answer in zip(truth, answers, strict=True)]
    return {
        "cer": float(jiwer.cer(truth, answers)),
        "wer": float(jiwer.wer(truth, answers)),
        "sequence_accuracy": sum(right) / len(right),
    }


def confusions(truth: Sequence[str], answers: Sequence[str]) -> list[tuple[str, str]]:
    """Pairs of a true character and the one recognised in its place, "" for none.

    >>> confusions(["cat"], ["cut"])
    [('c', 'c'), ('a', 'u'), ('t', 't')]
    """
    output = jiwer.process_characters(list(truth), list(answers))
    pairs: list[tuple[str, str]] = []
    clips = zip(output.references, output.hypotheses, output.alignments, strict=True)
    for text, answer, chunks in clips:
        for chunk in chunks:
            left = text[chunk.ref_start_idx : chunk.ref_end_idx]
            right = answer[chunk.hyp_start_idx : chunk.hyp_end_idx]
            pairs += zip_longest(left, right, fillvalue="")
    return pairs
