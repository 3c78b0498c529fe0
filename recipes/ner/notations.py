"""Entity tags in other notations than PREFIX-TYPE, brought to it: in small letters, with the prefix
behind the type, or with none at all."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence

from recipes.ner.sentences import Raw, Sentence

_LETTERS = "BIESLUMW"
_PREFIXED = re.compile(rf"(?i:[{_LETTERS}])[-_].+")
_SUFFIXED = re.compile(rf"(.+)[-_]([{_LETTERS}])")


def with_prefixes(raws: Sequence[Raw], *, entities: bool) -> tuple[list[Raw], str]:
    """Tags as PREFIX-TYPE and O, and how they were written; empty where they were so already, or
    do not mark entities.

    Args:
        raws: The files of a corpus.
        entities: Whether it is known that tags mark entities.
    """
    counts = Counter(tag for raw in raws for s in raw.sentences for tag in s.tags)
    marked = [tag for tag in counts if tag not in ("O", "o")]
    small = all(map(_PREFIXED.fullmatch, marked)) or {*counts} <= {*_LETTERS.lower(), "o"}
    if marked and small and any(_raised(tag) != tag for tag in counts):
        return _rewritten(raws, _one_by_one(_raised)), "in small letters"
    if any(map(_PREFIXED.fullmatch, marked)) or {*marked} <= {*_LETTERS}:
        return [*raws], ""
    suffixes = [_SUFFIXED.fullmatch(tag) for tag in marked]
    if marked and all(suffixes) and any(match[2] == "B" for match in suffixes if match):
        turned = _one_by_one(lambda tag: _SUFFIXED.sub(r"\2-\1", tag))
        return _rewritten(raws, turned), "with the prefix behind the type"
    outside = "O" if "O" in counts else "o"
    commonest = counts[outside] and counts[outside] == max(counts.values())
    if marked and outside in counts and (entities or commonest):
        how = "types without prefixes, of which neighbours are one entity"
        return _rewritten(raws, lambda tags: _from_types(tags, outside)), how
    return [*raws], ""


def _raised(tag: str) -> str:
    """A tag with its prefix, or all that it is, in capitals."""
    return tag[0].upper() + tag[1:]


def _one_by_one(change: Callable[[str], str]) -> Callable[[Sequence[str]], tuple[str, ...]]:
    return lambda tags: tuple(map(change, tags))


def _from_types(tags: Sequence[str], outside: str) -> tuple[str, ...]:
    """Tags of a sentence in IOB2, from types alone.

    >>> _from_types(["PER", "PER", "LOC", "O"], "O")
    ('B-PER', 'I-PER', 'B-LOC', 'O')
    """
    before = (outside, *tags)
    return tuple(
        "O" if tag == outside else f"{'I' if tag == last else 'B'}-{tag}"
        for last, tag in zip(before, tags, strict=False)
    )


def _rewritten(
    raws: Sequence[Raw], change: Callable[[Sequence[str]], tuple[str, ...]]
) -> list[Raw]:
    return [
        Raw(
            raw.path,
            tuple(Sentence(s.tokens, change(s.tags)) for s in raw.sentences),
            raw.lines,
            raw.facts,
        )
        for raw in raws
    ]
