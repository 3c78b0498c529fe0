"""Pictures of text that is awkward to draw."""

from __future__ import annotations

from recipes import _plots


def test_dollars_are_no_mathematics(tmp_path):
    tokens = ("$a_$", "costs", r"$\foo$", "{x}_")
    tags = ("B-A_$", "O", "B-$_$", "O")
    _plots.tagged([(tokens, {"truth": tags, "tagger": tags})], tmp_path / "a.png")
    _plots.confusion(["$_$", "O"], ["O", "O"], tmp_path / "b.png")
    for name in ("a.png", "b.png"):
        assert (tmp_path / name).read_bytes().startswith(b"\x89PNG")
