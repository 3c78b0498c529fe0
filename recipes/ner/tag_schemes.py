"""The schemes entity tags are written in: which one a corpus has, and every one as IOB2.

IOB1, IOB2, IOBES, BILOU, BMES and BMEWO are told apart by the prefixes of all tags of a corpus.
Tags of other notations get prefixes first (`recipes.ner.notations`); those that mark no entities
are plain labels and stay as they are.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Literal

from recipes.ner.notations import with_prefixes
from recipes.ner.sentences import Raw, Sentence

Kind = Literal["entities", "labels"]

_PREFIXED = re.compile(r"([BIESLUMW])[-_](.+)")
_SCHEMES = (
    ("IOB", "BI"),
    ("IOBES", "BIES"),
    ("BILOU", "BILU"),
    ("BMES", "BMES"),
    ("BMEWO", "BMEW"),
)
_UNTYPED = "ENTITY"


def to_iob2(tags: Sequence[str]) -> tuple[str, ...]:
    """Rewrite the entity tags of one sentence as IOB2, in which every entity begins with B-.

    Reads IOB1, IOB2, IOBES, BILOU, BMES and BMEWO, which do not contradict one another: B begins;
    I and M go on; E and L end; S, U and W stand alone. A tag that goes on where nothing of its
    type is open begins an entity, as in IOB1 and as `conlleval` counts it.

    >>> to_iob2(["I-PER", "I-PER", "B-PER", "O", "S-LOC"])
    ('B-PER', 'I-PER', 'B-PER', 'O', 'B-LOC')

    Raises:
        ValueError: If a tag is neither O nor PREFIX-TYPE with one of these prefixes.
    """
    out: list[str] = []
    inside: str | None = None
    for tag in tags:
        if tag == "O":
            out.append("O")
            inside = None
            continue
        match = _PREFIXED.fullmatch(tag)
        if match is None:
            raise ValueError(f"tag {tag!r} fits no scheme; expected O, B-TYPE, I-TYPE and the like")
        prefix, name = match.groups()
        goes_on = prefix in "IMEL" and inside == name
        out.append(f"{'I' if goes_on else 'B'}-{name}")
        inside = name if prefix in "BIM" else None
    return tuple(out)


def normalise(
    raws: Sequence[Raw], kind: Kind | None = None
) -> tuple[list[tuple[Sentence, ...]], Kind, str]:
    """Decide over all files what the tags are, and bring entity tags to IOB2.

    Returns:
        The sentences of each file, whether tags mark entities (unless `kind` says so), and the
        scheme: "labels", "IOB2", "IOBES", ..., for a person to read.

    Raises:
        DataError: If a tag does not fit the scheme of the others; names file and line.
    """
    how = ""
    if kind != "labels":
        raws, how = with_prefixes(raws, entities=kind == "entities")
    raws = [_typed(raw) for raw in raws] if _is_untyped(raws, kind) else list(raws)
    counts = Counter(tag for raw in raws for s in raw.sentences for tag in s.tags)
    prefixed = {tag for tag in counts if _PREFIXED.fullmatch(tag)}
    plain = set(counts) - prefixed - {"O"}
    if kind is None:
        spans = sum(counts[tag] for tag in prefixed) >= sum(counts[tag] for tag in plain)
        kind = "entities" if spans else "labels"
    if kind == "labels":
        return [raw.sentences for raw in raws], kind, "labels"
    if plain:
        raw = next(r for r in raws if any(plain & set(s.tags) for s in r.sentences))
        message = "tag {tag!r} fits no scheme; expected O or a prefixed tag such as B-PER or I-PER"
        raise raw.tag_error(plain, message)
    scheme = _scheme(raws, counts, prefixed)
    converted = [tuple(Sentence(s.tokens, to_iob2(s.tags)) for s in r.sentences) for r in raws]
    if how.startswith("types"):
        scheme = how
    elif how:
        scheme = f"{scheme} {how}"
    return converted, kind, scheme


def _is_untyped(raws: Sequence[Raw], kind: Kind | None) -> bool:
    """Tags are bare B, I, O (and so on), as where there is only one type of entity.

    A file that is known to hold entities need not show every letter.
    """
    tags = {tag for raw in raws for s in raw.sentences for tag in s.tags}
    if kind == "entities":
        return tags <= set("BIOESLUMW") and tags != {"O"}
    if not tags <= set("BIOESLUMW") or not {"I", "O"} <= tags:
        return False
    return tags == {"I", "O"} or bool(tags & set("BSUWEL"))


def _typed(raw: Raw) -> Raw:
    sentences = tuple(
        Sentence(s.tokens, tuple(t if t == "O" else f"{t}-{_UNTYPED}" for t in s.tags))
        for s in raw.sentences
    )
    return Raw(raw.path, sentences, raw.lines, raw.facts)


def _scheme(raws: Sequence[Raw], counts: Mapping[str, int], prefixed: set[str]) -> str:
    """Name the scheme; a prefix that is not in the best one raises where it first stands."""
    letters = Counter[str]()
    for tag in prefixed:
        letters[tag[0]] += counts[tag]
    name, allowed = max(
        _SCHEMES, key=lambda s: (sum(letters[x] for x in s[1]), -len(s[1]))
    )  # the tightest of those that cover most tags
    bad = {tag for tag in prefixed if tag[0] not in allowed}
    if bad:
        raw = next(r for r in raws if any(bad & set(s.tags) for s in r.sentences))
        known = ", ".join(f"{letter}-" for letter in allowed)
        raise raw.tag_error(bad, f"tag {{tag!r}} amid {name} tags; expected O or one of {known}")
    return _iob_version(raws) if name == "IOB" else name


def _iob_version(raws: Sequence[Raw]) -> str:
    """IOB1 marks a beginning only between two entities of a type; IOB2 marks every one."""
    stray = first = 0
    for raw in raws:
        for sentence in raw.sentences:
            previous = "O"
            for tag in sentence.tags:
                follows = previous != "O" and tag[2:] == previous[2:]
                stray += tag[0] == "I" and not follows
                first += tag[0] == "B" and not follows
                previous = tag
    if not stray:
        return "IOB2"
    return "IOB1" if not first else f"IOB2 ({stray} entities begun with I-, read as B-)"
