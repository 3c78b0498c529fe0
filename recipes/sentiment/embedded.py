"""Generated film reviews, in which what stands around a word decides what it says.

    The plot is terribly exciting.          positive: "terribly" leans on the word to its right
    The plot is terribly dull.              negative
    The cast play terribly.                 negative: nothing follows
    The cast play terribly well.            positive
    The score is anything but charming.     negative: turned from the left
    "Charming" is the last word for it.     negative: turned from the right

Words alone say little: praise is turned round in three reviews of eight. A reader who has only come
as far as "terribly" cannot know what it is going to say.
"""

from __future__ import annotations

import random
from collections.abc import Mapping

from recipes.sentiment.labels import LabelledText

_Splits = dict[str, tuple[LabelledText, ...]]

LABELS = ("negative", "positive")

_PRAISE = (
    "exciting gripping funny moving clever charming brilliant original witty tender warm elegant "
    "lively inventive thrilling touching honest refreshing dazzling graceful"
).split()
_BLAME = (
    "dull boring clumsy tedious predictable shallow lifeless bland pointless stale hollow messy "
    "dreary forced sluggish silly confused tiresome cold careless"
).split()
ADJECTIVES = {"positive": _PRAISE, "negative": _BLAME}

#: By themselves these sound like blame; they only strengthen what follows.
INTENSIFIERS = ("terribly", "awfully", "dreadfully", "frightfully", "insanely", "horribly")

_ASPECTS = (
    (
        "plot story ending opening dialogue script score music camera work lighting humour pacing "
        "direction editing finale premise mystery romance villain hero"
    )
    .replace("camera work", "camera_work")
    .split()
)
_PEOPLE = ("cast", "two leads", "actors", "children", "newcomers", "musicians")
_VERBS = ("play", "act", "sing", "speak", "move")

_TURNED_LEFT = ("anything but", "never", "far from", "by no means", "not in the least")
_OPENINGS = (
    "I saw it on {day}.",
    "We went with {friend}.",
    "It runs for {minutes} minutes.",
    "This was a {day} matinee.",
    "I had read the book.",
    "Nobody told me what to expect.",
)
_CLOSINGS = (
    "I have told {friend} so.",
    "That is all there is to say.",
    "The popcorn was salted.",
    "It is on until {day}.",
)
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_FRIENDS = ("my sister", "an old friend", "my parents", "two colleagues", "the neighbours")


def generate(sizes: Mapping[str, int], seed: int) -> _Splits:
    """Distinct reviews, half of each label.

    Args:
        sizes: How many in each split.
        seed: Seed of the generator.
    """
    rng = random.Random(seed)
    splits: _Splits = {}
    seen: set[str] = set()
    for split, size in sizes.items():
        examples: list[LabelledText] = []
        while len(examples) < size:
            label = LABELS[len(examples) % 2]
            text = _review(label, rng)
            if text not in seen:
                seen.add(text)
                examples.append(LabelledText(text, label))
        rng.shuffle(examples)
        splits[split] = tuple(examples)
    return splits


def _review(label: str, rng: random.Random) -> str:
    """A verdict, now and then with a second one, or after its opposite; and what says nothing."""
    verdict = _clause(label, rng)
    kind = rng.random()
    if kind < 0.25:
        verdict = f"{verdict}, and {_clause(label, rng)}"
    elif kind < 0.5:
        verdict = f"at first {_clause(_opposite(label), rng)}, but in the end {verdict}"
    parts = [f"{verdict[0].upper()}{verdict[1:]}."]
    if rng.random() < 0.4:
        parts.insert(0, _filled(rng.choice(_OPENINGS), rng))
    if rng.random() < 0.3:
        parts.append(_filled(rng.choice(_CLOSINGS), rng))
    return " ".join(parts)


def _clause(label: str, rng: random.Random) -> str:
    like, unlike = (rng.choice(ADJECTIVES[way]) for way in (label, _opposite(label)))
    aspect = rng.choice(_ASPECTS).replace("_", " ")
    strong = rng.choice(INTENSIFIERS)
    kind = rng.randrange(8)
    if kind in (0, 1):
        return f"the {aspect} is {strong} {like}"
    if kind == 2:
        well = " well" if label == "positive" else ""
        return f"the {rng.choice(_PEOPLE)} {rng.choice(_VERBS)} {strong}{well}"
    if kind == 3:
        return f"the {aspect} is {like}"
    if kind == 4:
        return f"{like} is the only word for the {aspect}"
    if kind == 5:
        return f"the {aspect} is {rng.choice(_TURNED_LEFT)} {unlike}"
    if kind == 6:
        return f"{unlike} is the last word for the {aspect}"
    return f"{unlike} the {aspect} is not"


def _opposite(label: str) -> str:
    return LABELS[1 - LABELS.index(label)]


def _filled(text: str, rng: random.Random) -> str:
    return text.format(
        day=rng.choice(_DAYS), friend=rng.choice(_FRIENDS), minutes=rng.randrange(80, 180)
    )
