"""Labels that a model does not know: named with their share, refused where it knows none."""

from __future__ import annotations

import pytest

from recipes.kit.data.source import Source
from recipes.kit.errors import UserError
from recipes.kit.unknown import Unknown, notes_of

HERE = Source.parse("reviews.tsv")
DECIDES = "--label-column of the training decides which column is read."


def classes(*labels: str, known: str = "neg pos") -> Unknown:
    return Unknown.among(
        ((label,) for label in labels),
        known.split(),
        unit="texts",
        what="have classes unknown to the model",
        decides=DECIDES,
    )


def test_each_is_named_with_its_share_the_most_frequent_first() -> None:
    unknown = classes("pos", "mixed", "neg", "odd", "mixed", "pos", "pos", "neg")
    assert unknown.notes == (
        "3 of 8 texts (37.5 %) have classes unknown to the model, so they count as wrong: "
        "mixed (25.0 %), odd (12.5 %).",
    )
    unknown.check(HERE)  # Some are known: the figures mean something.


def test_nothing_is_said_where_all_are_known() -> None:
    assert notes_of([classes("pos", "neg"), classes()]) == ()
    classes("pos").check(HERE)
    classes().check(HERE)


def test_examples_that_are_all_wrong_are_refused() -> None:
    with pytest.raises(UserError) as caught:
        classes("1", "0", "1").check(HERE)
    assert str(caught.value) == (
        f"{HERE}: all 3 texts have classes unknown to the model: expected neg, pos; found "
        f"1, 0. {DECIDES}"
    )


def test_long_lists_are_cut() -> None:
    unknown = classes(*(f"class {number:02}" for number in range(25)))
    (sentence,) = unknown.notes
    assert "class 09 (4.0 %) and 15 more." in sentence and "class 10" not in sentence
    with pytest.raises(UserError, match="class 09 and 15 more"):
        unknown.check(HERE)


def texts(*lines: str, decides: str = "") -> Unknown:
    return Unknown.among(lines, "abc ", unit="clips", what="have odd symbols", decides=decides)


def test_an_example_may_have_many_labels() -> None:
    assert texts("ab c", "a.b.", "c?", "b.").notes == (
        "3 of 4 clips (75.0 %) have odd symbols: '.' (50.0 %), '?' (25.0 %).",
    )
    assert "under 0.1 %" in texts("d", *["a"] * 2000).notes[0]


def test_only_what_makes_examples_wrong_is_refused() -> None:
    texts("a.", "b.").check(HERE)
    with pytest.raises(UserError, match="all 2 clips have odd symbols: expected a, b, c, ' '; "):
        texts("a.", "b.", decides="Write them otherwise.").check(HERE)
