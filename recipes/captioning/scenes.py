"""Scenes of handwritten digits, with sentences that say what is where, or how many there are.

    two digits            "a three is left of a seven", also "a seven is right of a three";
                          "a two is above a nine", also "a nine is below a two"
    three to five digits  "three fours and one seven", the smaller digit first

Some combinations of digits occur in valid or test only: of the 200 (digit, relation, digit), left
of and above, 20 in each; of the 315 pairs of counted digits, 31 in each. The handwriting of a part
occurs in no other, either. All of it depends on a seed of the data, not on that of the run.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import TypeVar

import numpy as np
from PIL import Image

from recipes.captioning.example import Example
from recipes.captioning.options import SCENE
from recipes.kit.data.facts import Fact
from recipes.kit.data.readers import Found
from recipes.kit.data.source import SPLITS

#: Number of scenes in each part.
SIZES = {"train": 8000, "valid": 500, "test": 1000}

_SEED = 2027
_WORDS = "zero one two three four five six seven eight nine".split()
_PLURALS = "zeros ones twos threes fours fives sixes sevens eights nines".split()
_OPPOSITE = {"left of": "right of", "above": "below"}
_DIGIT = 10
_MOST_DIGITS = 5

T = TypeVar("T")

Relation = tuple[int, str, int]
Count = tuple[int, int, int, int]  # How many of a digit, the digit, how many of another, the other.


def load(sizes: Mapping[str, int] = SIZES) -> Found[Example]:
    """Generate the scenes: the same for the same sizes.

    Args:
        sizes: Number of scenes in each part.
    """
    rng = np.random.default_rng(_SEED)
    writing = _handwriting(rng)
    relations = _shared_out([*itertools.product(range(10), _OPPOSITE, range(10))], rng)
    counts = _shared_out(_all_counts(), rng)
    splits = {
        split: tuple(
            _scene(relations[split], counts[split], writing[split], rng, f"{split} {index}")
            for index in range(sizes[split])
        )
        for split in SPLITS
    }
    held_out = (
        f"{len(relations['test'])} of 200 (digit, relation, digit) and {len(counts['test'])} of "
        f"{sum(map(len, counts.values()))} pairs of counts occur in test only, as many in valid "
        "only; the handwriting of each part is its own"
    )
    facts = (
        Fact("made", "scenes of handwritten digits, of scikit-learn, with sentences about them"),
        Fact("held out", held_out),
        Fact("first caption", splits["train"][0].captions[0]),
    )
    return Found(splits, facts, "CC BY 4.0 (Alpaydin and Kaynak, UCI; in scikit-learn)")


def _handwriting(rng: np.random.Generator) -> dict[str, list[list[np.ndarray]]]:
    """Pictures of each digit by part: 70 % train, 10 % valid, 20 % test."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    pictures: dict[str, list[list[np.ndarray]]] = {split: [] for split in SPLITS}
    for digit in range(10):
        rows = rng.permutation(np.flatnonzero(digits.target == digit))
        first, second = int(0.7 * len(rows)), int(0.8 * len(rows))
        for split, part in zip(SPLITS, np.split(rows, [first, second]), strict=True):
            pictures[split].append([_enlarged(digits.images[row]) for row in part])
    return pictures


def _enlarged(digit: np.ndarray) -> np.ndarray:
    grey = Image.fromarray(np.round(digit * (255 / 16)).astype("uint8"))
    return np.asarray(grey.resize((_DIGIT, _DIGIT), Image.Resampling.BICUBIC))


def _all_counts() -> list[Count]:
    pairs = itertools.combinations(range(10), 2)
    many = [n for n in itertools.product((1, 2, 3, 4), repeat=2) if 3 <= sum(n) <= _MOST_DIGITS]
    return [(n, a, m, b) for (a, b), (n, m) in itertools.product(pairs, many) if max(n, m) < 4]


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
    writing: Sequence[Sequence[np.ndarray]],
    rng: np.random.Generator,
    name: str,
) -> Example:
    if rng.random() < 0.5:
        first, relation, second = relations[int(rng.integers(len(relations)))]
        digits: tuple[int, ...] = (first, second)
        places = _two_places(relation, rng)
        captions: tuple[str, ...] = (
            f"a {_WORDS[first]} is {relation} a {_WORDS[second]}",
            f"a {_WORDS[second]} is {_OPPOSITE[relation]} a {_WORDS[first]}",
        )
    else:
        n, a, m, b = counts[int(rng.integers(len(counts)))]
        digits, places = (*[a] * n, *[b] * m), _places(n + m, rng)
        captions = (f"{_counted(n, a)} and {_counted(m, b)}",)
    image = np.zeros((*SCENE, 1), "uint8")
    for digit, (row, column) in zip(digits, places, strict=True):
        picture = writing[digit][int(rng.integers(len(writing[digit])))]
        image[row : row + _DIGIT, column : column + _DIGIT, 0] = picture
    return Example(image, captions, name)


def _counted(count: int, digit: int) -> str:
    return f"one {_WORDS[digit]}" if count == 1 else f"{_WORDS[count]} {_PLURALS[digit]}"


def _two_places(relation: str, rng: np.random.Generator) -> list[tuple[int, int]]:
    """Upper left corners, the first digit left of or above the second, and little off a line."""
    free = SCENE[0] - _DIGIT
    start = int(rng.integers(0, free - _DIGIT - 2))
    end = int(rng.integers(start + _DIGIT + 2, free + 1))
    line = int(rng.integers(3, free - 2))
    other = line + int(rng.integers(-3, 4))
    along = [(line, start), (other, end)]
    return along if relation == "left of" else [(column, row) for row, column in along]


def _places(count: int, rng: np.random.Generator) -> list[tuple[int, int]]:
    """Upper left corners in different cells of a grid."""
    cells = rng.choice(9, count, replace=False)
    pitch = SCENE[0] // 3
    moved = rng.integers(0, pitch - _DIGIT + 1, (count, 2))
    return [
        (int(cell // 3 * pitch + down), int(cell % 3 * pitch + right))
        for cell, (down, right) in zip(cells, moved, strict=True)
    ]
