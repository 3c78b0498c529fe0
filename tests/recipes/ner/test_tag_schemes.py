"""Schemes of entity tags: every one becomes IOB2."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from seqeval.metrics.sequence_labeling import get_entities

from recipes.ner.tag_schemes import to_iob2

WNUT17 = Path(__file__).parents[3].parent / "shared" / "data" / "ner-wnut17"


@pytest.mark.parametrize(
    ("scheme", "tags", "expected"),
    [
        ("IOB1", "I-PER I-PER O I-LOC", "B-PER I-PER O B-LOC"),
        ("IOB1", "I-PER B-PER I-PER I-LOC", "B-PER B-PER I-PER B-LOC"),
        ("IOB2", "B-PER I-PER B-PER O B-LOC", "B-PER I-PER B-PER O B-LOC"),
        ("IOB2 with a stray I", "O I-PER I-PER", "O B-PER I-PER"),
        ("IOBES", "B-PER I-PER E-PER S-PER S-LOC O", "B-PER I-PER I-PER B-PER B-LOC O"),
        ("IOBES", "S-PER B-PER E-PER", "B-PER B-PER I-PER"),
        ("BILOU", "B-PER I-PER L-PER U-PER U-LOC O", "B-PER I-PER I-PER B-PER B-LOC O"),
        ("BMES", "B-PER M-PER E-PER S-LOC", "B-PER I-PER I-PER B-LOC"),
        ("BMEWO", "B-PER M-PER E-PER W-LOC O", "B-PER I-PER I-PER B-LOC O"),
        ("types with dashes", "B-creative-work I-creative-work", "B-creative-work I-creative-work"),
        ("underscores", "B_PER I_PER", "B-PER I-PER"),
        ("an end with no beginning", "O E-PER O", "O B-PER O"),
        ("going on after an end", "B-PER E-PER I-PER", "B-PER I-PER B-PER"),
        ("another type inside", "B-PER I-LOC", "B-PER B-LOC"),
        ("empty", "", ""),
    ],
)
def test_schemes_become_iob2(scheme: str, tags: str, expected: str) -> None:
    assert to_iob2(tags.split()) == tuple(expected.split()), scheme


@pytest.mark.parametrize("tag", ["PER", "X-PER", "B-", "B", "", "b-PER", "-PER"])
def test_tags_that_fit_no_scheme(tag: str) -> None:
    with pytest.raises(ValueError, match=f"tag '{tag}' fits no scheme"):
        to_iob2(["O", tag])


_SPANS = st.lists(st.tuples(st.sampled_from(["O", "PER", "LOC"]), st.integers(1, 4)), max_size=8)


def _as_scheme(spans: list[tuple[str, int]], letters: str) -> list[str]:
    """Write spans with letters for begin, inside, end, single."""
    begin, inside, end, single = letters
    tags: list[str] = []
    for name, length in spans:
        if name == "O":
            tags += ["O"] * length
        elif length == 1:
            tags.append(f"{single}-{name}")
        else:
            middle = [f"{inside}-{name}"] * (length - 2)
            tags += [f"{begin}-{name}", *middle, f"{end}-{name}"]
    return tags


@given(_SPANS)
def test_every_scheme_of_the_same_spans_is_the_same_iob2(spans: list[tuple[str, int]]) -> None:
    expected = tuple(_as_scheme(spans, "BIIB"))
    for letters in ("BIES", "BILU", "BMES", "BMEW"):
        assert to_iob2(_as_scheme(spans, letters)) == expected
    assert to_iob2(expected) == expected


@given(st.lists(st.sampled_from(["O", "B-X", "I-X", "B-Y", "I-Y"]), max_size=12))
def test_entities_are_those_seqeval_counts(tags: list[str]) -> None:
    assert get_entities(list(to_iob2(tags))) == get_entities(tags)
