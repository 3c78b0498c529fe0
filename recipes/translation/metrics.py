"""Metrics of translation, by sacreBLEU. BLEU and chrF are 0 to 100."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import zip_longest

import numpy as np
from sacrebleu.metrics.bleu import BLEU
from sacrebleu.metrics.chrf import CHRF

from recipes.kit.errors import UserError
from recipes.kit.judge import Statistics, Sums, ratio

#: Of fewer sentences of a length the quality is not stated.
_FEWEST = 10


def translation_metrics(
    answers: Sequence[str], references: Sequence[Sequence[str]]
) -> dict[str, float]:
    """Metrics of translation, see `translation_statistics`."""
    return translation_statistics({"": answers}, references).values


def translation_statistics(
    answers: Mapping[str, Sequence[str]], references: Sequence[Sequence[str]]
) -> Statistics:
    """What the metrics of translation are computed from, sentence by sentence, by sacreBLEU and its
    own tokenization.

    Args:
        answers: A translation of each sentence, as a reader sees it, by the prefix of its metrics.
        references: The right translations of each sentence, one or several.

    Returns:
        The statistics of `bleu` and `chrf` of the whole, 0 to 100; `exact_match`, the share of
        answers that are among their references; each after its prefix.

    Raises:
        UserError: If there is no sentence, or one without a reference.
    """
    if not references:
        raise UserError("No translations to score: expected at least one sentence, found none.")
    scorers = _scorers(references)
    terms = {"sentences": np.ones(len(references))}
    for prefix, texts in answers.items():
        # What sacreBLEU's own tests of significance are made of.
        for name, scorer in scorers.items():
            terms[prefix + name] = np.array(scorer._extract_corpus_statistics(texts, None))
        exact = [text in right for text, right in zip(texts, references, strict=True)]
        terms[f"{prefix}exact_match"] = np.array(exact)

    def metrics(sums: Sums) -> dict[str, float]:
        values = {}
        for prefix in answers:
            for name, scorer in scorers.items():
                counts = [round(count) for count in sums[prefix + name].tolist()]
                values[prefix + name] = float(scorer._compute_score_from_stats(counts).score)
            exact = f"{prefix}exact_match"
            values[exact] = ratio(sums[exact], sums["sentences"])
        return values

    return Statistics("sentences", terms, metrics)


def sentence_scores(answers: Sequence[str], references: Sequence[Sequence[str]]) -> np.ndarray:
    """The chrF of each sentence by itself."""
    chrf = _scorers(references)["chrf"]
    counts = chrf._extract_corpus_statistics(answers, None)
    return np.array([chrf._compute_score_from_stats(each).score for each in counts])


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
    return {name: str(scorer.get_signature()) for name, scorer in _scorers(references).items()}


def _scorers(references: Sequence[Sequence[str]]) -> dict[str, BLEU | CHRF]:
    """The metrics against the first reference of each sentence, its second, ..., or None."""
    for index, right in enumerate(references):
        if not right:
            raise UserError(f"Sentence {index + 1}: expected a reference, found none.")
    streams = [list(stream) for stream in zip_longest(*references)]
    return {"bleu": BLEU(references=streams, force=True), "chrf": CHRF(references=streams)}
