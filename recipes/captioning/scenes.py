"""Scenes of handwritten digits, with sentences that say what is where, or how many there are.

    two digits            "a large three is left of a small seven", also
                          "a small seven is right of a large three"; likewise above and below
    three to five digits  "three large fours and one small seven"; the lower digit first, of equal
                          ones the small

Some combinations occur in valid or test only: of the 800 (digit, relation, digit), with a digit
large or small and the relations left of and above, 80 in each; of the 1,330 pairs of counted
digits, 133 in each. The handwriting of a part occurs in no other, either. All of it depends on a
seed of the data, not on that of the run.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import NamedTuple, TypeVar

import numpy as np
from PIL import Image

from recipes.captioning.example import Example
from recipes.captioning.options import SCENE
from recipes.kit.data.facts import Fact
from recipes.kit.data.readers import Found
from recipes.kit.data.source import SPLITS

#: Number of scenes in each part.
SIZES = {"train": 24_000, "valid": 500, "test": 1000}

_SEED = 2027
_WORDS = "zero one two three four five six seven eight nine".split()
_PLURALS = "zeros ones twos threes fours fives sixes sevens eights nines".split()
_OPPOSITE = {"left of": "right of", "above": "below"}

#: Height and width of a digit, by what it is called.
_SIDES = {"small": 10, "large": 16}

#: A counted digit stands somewhere in a field of a grid of this many rows and columns.
_FIELDS = 3

#: Times each digit is written, each with another slant.
_VARIANTS, _SLANT = 4, 10

#: Least distance of two digits along a relation, and most distance off it.
_GAP, _OFF = 2, 3

T = TypeVar("T")


class Thing(NamedTuple):
    """A digit of a size."""

    digit: int
    size: str

    def __str__(self) -> str:
        return f"{self.size} {_WORDS[self.digit]}"


_THINGS = [Thing(digit, size) for digit in range(10) for size in _SIDES]

Relation = tuple[Thing, str, Thing]
Count = tuple[int, Thing, int, Thing]
Writing = dict[Thing, list[np.ndarray]]


def load(sizes: Mapping[str, int] = SIZES) -> Found[Example]:
    """Generate the scenes; fewer are the first of many.

    Args:
        sizes: Number of scenes in each part.
    """
    rng = np.random.default_rng(_SEED)
    writing = _handwriting(rng)
    relations, counts = _combinations(rng)
    splits = {}
    for number, split in enumerate(SPLITS):
        rng = np.random.default_rng((_SEED, number))
        splits[split] = tuple(
            _scene(relations[split], counts[split], writing[split], rng, f"{split} {index}")
            for index in range(sizes[split])
        )
    held_out = (
        f"{len(relations['test'])} of {sum(map(len, relations.values()))} (digit, relation, digit) "
        f"and {len(counts['test'])} of {sum(map(len, counts.values())):,} pairs of counts occur in "
        "test only, as many in valid only; the handwriting of each part is its own"
    )
    facts = (
        Fact("made", "scenes of handwritten digits, of scikit-learn, with sentences about them"),
        Fact("held out", held_out),
        Fact("first caption", splits["train"][0].captions[0]),
    )
    return Found(splits, facts, "CC BY 4.0 (Alpaydin and Kaynak, UCI; in scikit-learn)")


def _handwriting(rng: np.random.Generator) -> dict[str, Writing]:
    """Pictures of each thing by part: 70 % train, 10 % valid, 20 % test."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    pictures: dict[str, Writing] = {split: {} for split in SPLITS}
    for digit in range(10):
        rows = rng.permutation(np.flatnonzero(digits.target == digit))
        first, second = int(0.7 * len(rows)), int(0.8 * len(rows))
        for split, part in zip(SPLITS, np.split(rows, [first, second]), strict=True):
            images = digits.images[np.repeat(part, _VARIANTS)]
            for size, side in _SIDES.items():
                written = [_written(image, side, rng) for image in images]
                pictures[split][Thing(digit, size)] = written
    return pictures


def _written(digit: np.ndarray, side: int, rng: np.random.Generator) -> np.ndarray:
    """A digit in another size, with a slant."""
    grey = Image.fromarray(np.round(digit * (255 / 16)).astype("uint8"))
    large = grey.resize((4 * side, 4 * side), Image.Resampling.BICUBIC)
    slanted = large.rotate(rng.uniform(-_SLANT, _SLANT), Image.Resampling.BILINEAR)
    return np.asarray(slanted.resize((side, side), Image.Resampling.BOX))


def _combinations(
    rng: np.random.Generator,
) -> tuple[dict[str, list[Relation]], dict[str, list[Count]]]:
    """The relations and the counts of each part."""
    relations = [*itertools.product(_THINGS, _OPPOSITE, _THINGS)]
    many = [n for n in itertools.product((1, 2, 3), repeat=2) if 3 <= sum(n) <= 5]
    counts = [
        (n, one, m, other)
        for (one, other), (n, m) in itertools.product(itertools.combinations(_THINGS, 2), many)
    ]
    return _shared_out(relations, rng), _shared_out(counts, rng)


def _shared_out(combinations: Sequence[T], rng: np.random.Generator) -> dict[str, list[T]]:
    """A tenth for test, a tenth for valid, and the rest for train."""
    order = rng.permutation(len(combinations))
    tenth = len(combinations) // 10
    parts = np.split(order, [tenth, 2 * tenth])
    return {
        split: [combinations[index] for index in part]
        for split, part in zip(("test", "valid", "train"), parts, strict=True)
    }


def _scene(
    relations: Sequence[Relation],
    counts: Sequence[Count],
    writing: Writing,
    rng: np.random.Generator,
    name: str,
) -> Example:
    if rng.random() < 0.5:
        first, relation, second = relations[int(rng.integers(len(relations)))]
        things: tuple[Thing, ...] = (first, second)
        places = _two_places(things, relation, rng)
        captions: tuple[str, ...] = (
            f"a {first} is {relation} a {second}",
            f"a {second} is {_OPPOSITE[relation]} a {first}",
        )
    else:
        n, one, m, other = counts[int(rng.integers(len(counts)))]
        things = (*[one] * n, *[other] * m)
        places = _places(things, rng)
        captions = (f"{_counted(n, one)} and {_counted(m, other)}",)
    image = np.zeros((*SCENE, 1), "uint8")
    for thing, (row, column) in zip(things, places, strict=True):
        picture = writing[thing][int(rng.integers(len(writing[thing])))]
        side = len(picture)
        image[row : row + side, column : column + side, 0] = picture
    return Example(image, captions, name)


def _counted(count: int, thing: Thing) -> str:
    if count == 1:
        return f"one {thing}"
    return f"{_WORDS[count]} {thing.size} {_PLURALS[thing.digit]}"


def _two_places(
    things: Sequence[Thing], relation: str, rng: np.random.Generator
) -> list[tuple[int, int]]:
    """Upper left corners, the first thing left of or above the second, and little off a line."""
    length = SCENE[0]
    first, second = (_SIDES[thing.size] for thing in things)
    start = int(rng.integers(0, length - first - second - _GAP + 1))
    end = int(rng.integers(start + first + _GAP, length - second + 1))
    line = int(rng.integers(max(first, second) // 2, length - max(first, second) // 2 + 1))
    across = []
    for side in (first, second):
        middle = line + int(rng.integers(-_OFF, _OFF + 1))
        across.append(min(max(middle - side // 2, 0), length - side))
    along = [(across[0], start), (across[1], end)]
    return along if relation == "left of" else [(column, row) for row, column in along]


def _places(things: Sequence[Thing], rng: np.random.Generator) -> list[tuple[int, int]]:
    """Upper left corners in different fields of a grid."""
    pitch = SCENE[0] // _FIELDS
    places = []
    for thing, field in zip(
        things, rng.choice(_FIELDS**2, len(things), replace=False).tolist(), strict=True
    ):
        down, right = rng.integers(0, pitch - _SIDES[thing.size] + 1, 2).tolist()
        places.append((field // _FIELDS * pitch + down, field % _FIELDS * pitch + right))
    return places
