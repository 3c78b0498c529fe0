"""Pictures of tagged sentences."""

from __future__ import annotations

from recipes.ner.plots import tagged


def test_dollars_are_not_mathematics(tmp_path):
    tokens = ("$a_$", "costs", r"$\foo$", "{x}_")
    tags = ("B-A_$", "O", "B-$_$", "O")
    tagged([(tokens, {"truth": tags, "tagger": tags})], tmp_path / "a.png")
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
