"""Pictures of tagged sentences."""

from __future__ import annotations

import pytest
from pictures import least_contrast

from recipes.ner.plots import tagged


def test_dollars_are_not_mathematics(tmp_path):
    tokens = ("$a_$", "costs", r"$\foo$", "{x}_")
    tags = ("B-A_$", "O", "B-$_$", "O")
    tagged([(tokens, {"truth": tags, "tagger": tags})], tmp_path / "a.png")
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("kinds", [1, 6, 18])
def test_entities_are_legible_and_their_kinds_apart(kinds, tmp_path, figures):
    tokens = [f"word{kind}" for kind in range(kinds)]
    tags = [f"B-KIND{kind}" for kind in range(kinds)]
    tagged([(tokens, {"truth": tags, "tagger": ["O"] * kinds})], tmp_path / "a.png")
    assert least_contrast(figures[0]) >= 4.5
    boxes = [text.get_bbox_patch() for text in figures[0].axes[0].texts]
    assert len({box.get_facecolor() for box in boxes if box is not None}) == kinds
