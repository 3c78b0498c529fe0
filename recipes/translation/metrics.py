"""Metrics of translation, by sacreBLEU. BLEU and chrF are 0 to 100."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest

import numpy as np
from sacrebleu.metrics.bleu import BLEU
from sacrebleu.metrics.chrf import CHRF

from recipes.kit.errors import UserError

#: Of fewer sentences of a length the quality is not stated.
_FEWEST = 10


def translation_metrics(
    answers: Sequence[str], references: Sequence[Sequence[str]]
) -> dict[str, float]:
    """Metrics of translation, by sacreBLEU and its own tokenization.

    Args:
        answers: A translation of each sentence, as a reader sees it.
        references: The right translations of each sentence, one or several.

    Returns:
        `bleu` and `chrf` of the whole, 0 to 100; `exact_match`, the share of answers that are among
        their references.

    Raises:
        UserError: If there is no sentence, or one without a reference.
    """
    if not answers:
        raise UserError("No translations to score: expected at least one sentence, found none.")
    exact = [answer in right for answer, right in zip(answers, references, strict=True)]
    bleu, chrf = _scorers(references)
    return {
        "bleu": float(bleu.corpus_score(answers, None).score),
        "chrf": float(chrf.corpus_score(answers, None).score),
        "exact_match": sum(exact) / len(exact),
    }


def search_metrics(
    beam: Sequence[str], greedy: Sequence[str], references: Sequence[Sequence[str]]
) -> dict[str, float]:
    """Metrics of answers by beam search, and as `greedy_...` of those by greedy search."""
    by_greedy = translation_metrics(greedy, references)
    return {
        **translation_metrics(beam, references),
        **{f"greedy_{name}": value for name, value in by_greedy.items()},
    }


def bleu_by_length(
    lengths: np.ndarray, answers: Sequence[str], references: Sequence[Sequence[str]]
) -> tuple[list[float], list[float], list[int]]:
    """BLEU of short and of long sentences.

    Args:
        lengths: Of the source sentences.
        answers: As for `translation_metrics`.
        references: As for `translation_metrics`.

    Returns:
        The edges of bins of equal width, the last of which also holds the few sentences that are
        longer; BLEU in each bin, NaN where there are too few sentences; their number in each.
    """
    edges = np.unique(np.linspace(lengths.min(), np.quantile(lengths, 0.98) + 1, 9).astype(int))
    bins = np.minimum(np.searchsorted(edges, lengths, side="right"), len(edges) - 1) - 1
    places = [np.flatnonzero(bins == index).tolist() for index in range(len(edges) - 1)]
    scores = [
        translation_metrics([answers[i] for i in rows], [references[i] for i in rows])["bleu"]
        if len(rows) >= _FEWEST
        else float("nan")
        for rows in places
    ]
    return edges.tolist(), scores, [len(rows) for rows in places]


def translation_signatures(references: Sequence[Sequence[str]]) -> dict[str, str]:
    """How sacreBLEU counts `bleu` and `chrf`, in its own words, to be stated beside them.

    Args:
        references: As for `translation_metrics`; their number is part of the signature.
    """
    bleu, chrf = _scorers(references)
    return {"bleu": str(bleu.get_signature()), "chrf": str(chrf.get_signature())}


def _scorers(references: Sequence[Sequence[str]]) -> tuple[BLEU, CHRF]:
    """The metrics against the first reference of each sentence, its second, ..., or None."""
    for index, right in enumerate(references):
        if not right:
            raise UserError(f"Sentence {index + 1}: expected a reference, found none.")
    streams = [list(stream) for stream in zip_longest(*references)]
    return BLEU(references=streams, force=True), CHRF(references=streams)
