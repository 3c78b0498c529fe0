"""Metrics of translation, by sacreBLEU. BLEU and chrF are 0 to 100."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest

from sacrebleu.metrics import BLEU, CHRF

from recipes.kit.errors import UserError


def translation_metrics(
    answers: Sequence[str], references: Sequence[Sequence[str]]
) -> dict[str, float]:
    """Metrics of translation, by sacreBLEU and its own tokenization.

    Args:
        answers: A translation of each sentence, as a reader sees it.
        references: The right translations of each sentence, one or several.

    Returns:
        `bleu` and `chrf` of the whole, 0 to 100; `exact_match`, the share of answers that are one
        of their references.

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


def translation_signatures(references: Sequence[Sequence[str]]) -> dict[str, str]:
    """How sacreBLEU counts `bleu` and `chrf`, in its own words, to be given beside them.

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
