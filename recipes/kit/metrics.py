"""Metrics, by the libraries the field compares with. Fractions are 0 to 1."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest

import jiwer
import numpy as np
from sacrebleu.metrics import BLEU, CHRF
from seqeval.metrics import classification_report
from seqeval.scheme import IOB2
from sklearn.metrics import accuracy_score, f1_score, roc_auc_score

from recipes.kit.errors import UserError

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


def class_metrics(
    truth: Sequence[str], probabilities: np.ndarray, labels: Sequence[str]
) -> dict[str, float]:
    """Metrics of classification.

    Args:
        truth: True label of each example.
        probabilities: (examples, classes).
        labels: Names of the classes. An example whose label is none of them counts as wrong.

    Returns:
        `accuracy`; `macro_f1`, the mean over the classes that are true or predicted anywhere; and
        for two classes, where both occur, `roc_auc` of the second.
    """
    predicted = [labels[best] for best in np.argmax(probabilities, axis=1)]
    metrics = {
        "accuracy": float(accuracy_score(truth, predicted)),
        "macro_f1": float(f1_score(truth, predicted, average="macro", zero_division=0)),
    }
    if len(labels) == 2 and {*truth} == {*labels}:
        second = [label == labels[1] for label in truth]
        metrics["roc_auc"] = float(roc_auc_score(second, probabilities[:, 1]))
    return metrics


def likelihood_metrics(nats: float, tokens: int) -> dict[str, float]:
    """Metrics of a language model.

    Args:
        nats: Minus the log-likelihood of the texts, end tokens included.
        tokens: Number of tokens, likewise.

    Returns:
        `nats_per_token`, `bits_per_token` and `perplexity`, the exponential of the nats.
    """
    mean = nats / tokens
    return {
        "nats_per_token": mean,
        "bits_per_token": mean / float(np.log(2)),
        "perplexity": float(np.exp(mean)),
    }


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


def _scorers(references: Sequence[Sequence[str]]) -> tuple[BLEU, CHRF]:
    """The metrics against the first reference of each sentence, its second, ..., or None."""
    for index, right in enumerate(references):
        if not right:
            raise UserError(f"Sentence {index + 1}: expected a reference, found none.")
    streams = [list(stream) for stream in zip_longest(*references)]
    return BLEU(references=streams, force=True), CHRF(references=streams)


def entity_spans(tags: Sequence[str]) -> list[tuple[str, int, int]]:
    """Entities of one IOB2 tag sequence, as seqeval reads them: (type, first token, token after).

    Example:
        >>> entity_spans(["B-PER", "I-PER", "O", "B-LOC"])
        [('PER', 0, 2), ('LOC', 3, 4)]
    """
    from seqeval.scheme import Tokens

    return [(e.tag, e.start, e.end) for e in Tokens(list(tags), IOB2).entities]
