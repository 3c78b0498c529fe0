"""Metrics of captions, against all references: BLEU 0 to 100, exact match 0 to 1."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import zip_longest

import numpy as np
from sacrebleu.metrics.bleu import BLEU

from recipes.kit.judge import Statistics, Sums, ratio

_ORDERS = (1, 2, 3, 4)


def caption_metrics(
    answers: Sequence[str], references: Sequence[Sequence[str]], short: int | None = None
) -> dict[str, float]:
    """Metrics of captions, see `caption_statistics`."""
    return caption_statistics({"": answers}, references, short).values


def caption_statistics(
    answers: Mapping[str, Sequence[str]],
    references: Sequence[Sequence[str]],
    short: int | None = None,
) -> Statistics:
    """What the metrics of captions are computed from.

    Args:
        answers: A caption of each image, by the prefix of its metrics.
        references: The true captions of each image, one or several.
        short: Also give the exact match of images whose first true caption has at most so many
            words.

    Returns:
        The statistics of `bleu_1` to `bleu_4`, of words up to so many in a row, by sacreBLEU;
        `exact_match`, the share of answers that are among their references; and
        `edit_distance`, the mean share of words to be changed to get the nearest reference; and,
        for `short` 12, `exact_match_to_12`.
    """
    streams = [list(stream) for stream in zip_longest(*references)]
    scorers = {
        n: BLEU(references=streams, max_ngram_order=n, effective_order=True, force=True)
        for n in _ORDERS
    }
    terms = {"images": np.ones(len(references))}
    is_short = np.array([len(right[0].split()) <= (short or 0) for right in references])
    if short is not None:
        terms["short"] = is_short
    for prefix, texts in answers.items():
        for order, scorer in scorers.items():
            counts = scorer._extract_corpus_statistics(texts, None)
            terms[f"{prefix}bleu_{order}"] = np.array(counts)
        exact = [text in right for text, right in zip(texts, references, strict=True)]
        terms[f"{prefix}exact_match"] = np.array(exact)
        if short is not None:
            terms[f"{prefix}short_match"] = terms[f"{prefix}exact_match"] & is_short
        terms[f"{prefix}edits"] = np.array(
            [
                min(_edits(text.split(), true.split()) for true in right)
                for text, right in zip(texts, references, strict=True)
            ]
        )

    def metrics(sums: Sums) -> dict[str, float]:
        values = {}
        for prefix in answers:
            for order, scorer in scorers.items():
                name = f"{prefix}bleu_{order}"
                counts = [round(count) for count in sums[name].tolist()]
                values[name] = float(scorer._compute_score_from_stats(counts).score)
            for name, part in (("exact_match", "exact_match"), ("edit_distance", "edits")):
                values[prefix + name] = ratio(sums[prefix + part], sums["images"])
            if short is not None and sums["short"]:
                share = ratio(sums[f"{prefix}short_match"], sums["short"])
                values[f"{prefix}exact_match_to_{short}"] = share
        return values

    return Statistics("images", terms, metrics)


def exact_match_by_length(
    answers: Sequence[str], references: Sequence[Sequence[str]]
) -> list[dict[str, float]]:
    """How often captions are right to the word, by the number of words of the true one.

    Args:
        answers: A caption of each image.
        references: The true captions of each image; the first one has the length.

    Returns:
        Rows of `tokens`, `images` and `exact_match`, the shortest first.

    >>> exact_match_by_length(["a", "b c", "d d"], [["a"], ["b c"], ["d e"]])[1]
    {'tokens': 2, 'images': 2, 'exact_match': 0.5}
    """
    exact: dict[int, list[bool]] = {}
    for text, right in zip(answers, references, strict=True):
        exact.setdefault(len(right[0].split()), []).append(text in right)
    return [
        {"tokens": length, "images": len(hits), "exact_match": round(sum(hits) / len(hits), 4)}
        for length, hits in sorted(exact.items())
    ]


def _edits(text: Sequence[str], true: Sequence[str]) -> float:
    """Words inserted, left out and replaced, as a share of the longer of the two."""
    before = list(range(len(true) + 1))
    for row, word in enumerate(text, start=1):
        now = [row]
        for column, other in enumerate(true, start=1):
            replaced = before[column - 1] + (word != other)
            now.append(min(replaced, before[column] + 1, now[-1] + 1))
        before = now
    return before[-1] / max(len(text), len(true), 1)
