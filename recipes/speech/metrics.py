"""Metrics of speech recognition, by jiwer. Fractions are 0 to 1."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import zip_longest
from typing import Any

import jiwer
import numpy as np

from recipes.kit.errors import UserError
from recipes.kit.judge import Statistics, Sums, ratio


def speech_metrics(truth: Sequence[str], answers: Sequence[str]) -> dict[str, float]:
    """Metrics of speech recognition, see `speech_statistics`."""
    return speech_statistics(truth, {"": answers}).values


def speech_statistics(truth: Sequence[str], answers: Mapping[str, Sequence[str]]) -> Statistics:
    """What the metrics of speech recognition are computed from, clip by clip, by jiwer.

    Args:
        truth: The transcript of each clip, never empty.
        answers: What was recognised, by the prefix of its metrics.

    Returns:
        The statistics of `cer` and `wer`, substitutions, deletions and insertions of characters
        (spaces included) and of words, over their number in the transcripts, in all clips together;
        `sequence_accuracy`, the share of clips without an error; each after its prefix.

    Raises:
        UserError: If there are no clips.
    """
    if not truth:
        raise UserError("No transcripts to score: expected at least one clip, found none.")
    truth, terms = list(truth), {"clips": np.ones(len(truth))}
    for prefix, texts in answers.items():
        characters = jiwer.process_characters(truth, list(texts))
        words = jiwer.process_words(truth, list(texts))
        terms[f"{prefix}cer"], terms["characters"] = _errors(characters)
        terms[f"{prefix}wer"], terms["words"] = _errors(words)
        right = [text == answer for text, answer in zip(truth, texts, strict=True)]
        terms[f"{prefix}sequence_accuracy"] = np.array(right)

    def metrics(sums: Sums) -> dict[str, float]:
        return {
            f"{prefix}{name}": ratio(sums[f"{prefix}{name}"], sums[whole])
            for prefix in answers
            for name, whole in _WHOLES.items()
        }

    return Statistics("clips", terms, metrics)


#: What each metric is a share of.
_WHOLES = {"cer": "characters", "wer": "words", "sequence_accuracy": "clips"}


def _errors(output: Any) -> tuple[np.ndarray, np.ndarray]:
    """Of each clip the errors, and the characters or words of its transcript."""
    errors = [
        sum(
            max(c.ref_end_idx - c.ref_start_idx, c.hyp_end_idx - c.hyp_start_idx)
            for c in chunks
            if c.type != "equal"
        )
        for chunks in output.alignments
    ]
    return np.array(errors), np.array([len(text) for text in output.references])


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
