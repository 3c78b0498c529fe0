"""Metrics of translation against cases counted by hand."""

from __future__ import annotations

import math

import pytest
from sacrebleu.metrics import BLEU, CHRF

from recipes.kit.errors import UserError
from recipes.translation.metrics import translation_metrics, translation_signatures

ANSWERS = ["the cat sat on the mat", "a dog runs fast", "it's 3.5 €, isn't it?"]
RIGHT = [
    ("the cat sat on a mat", "the cat sat on the mat"),
    ("a dog is running", "one dog runs fast today"),
    ("it is 3.5 €, isn't it?", "it's 3.50 €, right?"),
]


def test_bleu_by_hand():
    """Of six words five are right, then three of five, two of four, one of three; no penalty."""
    metrics = translation_metrics(["the cat sat on the mat"], [("the cat sat on a mat",)])
    precisions = (5 / 6, 3 / 5, 2 / 4, 1 / 3)
    assert metrics["bleu"] == pytest.approx(100 * math.prod(precisions) ** (1 / 4))
    assert metrics["exact_match"] == 0
    assert 0 < metrics["chrf"] < 100


def test_several_references():
    metrics = translation_metrics(ANSWERS, RIGHT)
    streams = [list(stream) for stream in zip(*RIGHT, strict=True)]
    assert metrics["bleu"] == BLEU().corpus_score(ANSWERS, streams).score
    assert metrics["chrf"] == CHRF().corpus_score(ANSWERS, streams).score
    assert metrics["exact_match"] == pytest.approx(1 / 3)
    for order in (reversed, sorted):
        assert translation_metrics(ANSWERS, [tuple(order(r)) for r in RIGHT]) == metrics


def test_the_number_of_references_may_vary():
    """A reference that is missing is the same as one that is there twice."""
    some = [RIGHT[0][:1], RIGHT[1], (*RIGHT[2], "it costs 3.5 €.")]
    full = [RIGHT[0][:1] * 3, (*RIGHT[1], RIGHT[1][0]), some[2]]
    assert translation_metrics(ANSWERS, some) == translation_metrics(ANSWERS, full)
    assert translation_metrics(ANSWERS, some) != translation_metrics(ANSWERS, RIGHT)


def test_perfect_translations():
    metrics = translation_metrics(ANSWERS, [(answer,) for answer in ANSWERS])
    assert metrics == pytest.approx({"bleu": 100, "chrf": 100, "exact_match": 1})


@pytest.mark.parametrize("answers", [["", "", ""], [" ", "", " "]])
def test_empty_translations(answers):
    assert translation_metrics(answers, RIGHT) == {"bleu": 0, "chrf": 0, "exact_match": 0}


def test_empty_references():
    metrics = translation_metrics(["", "a b c d"], [("",), ("a b c d",)])
    assert metrics == pytest.approx({"bleu": 100, "chrf": 100, "exact_match": 1})
    assert translation_metrics([""], [("",)]) == {"bleu": 0, "chrf": 0, "exact_match": 1}


def test_nothing_to_score():
    with pytest.raises(UserError, match="expected at least one sentence"):
        translation_metrics([], [])
    with pytest.raises(UserError, match="Sentence 2: expected a reference"):
        translation_metrics(["a", "b"], [("a",), ()])
    with pytest.raises(ValueError, match="shorter|longer"):
        translation_metrics(["a"], [("a",), ("b",)])


def test_signatures_tell_how_it_was_counted():
    one = translation_signatures([("a",), ("b",)])
    assert one["bleu"].startswith("nrefs:1|case:mixed|eff:no|tok:13a|smooth:exp|version:2.")
    assert one["chrf"].startswith("nrefs:1|case:mixed|eff:yes|nc:6|nw:0|space:no|version:2.")
    varied = translation_signatures([("a",), ("b", "c")])
    assert varied["bleu"].startswith("nrefs:var|") and varied["chrf"].startswith("nrefs:var|")
