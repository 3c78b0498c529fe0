"""What a model knows of a text: its most frequent words, parts of words or characters, as ids."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from typing import Literal, TypeVar

T = TypeVar("T", bound=Hashable)

Level = Literal["word", "subword", "character"]

#: Id of a piece that is not known, and that before the first piece of a text and after its last; 0
#: is padding.
UNKNOWN_ID, BOUNDARY_ID = 1, 2

#: The boundary among the pieces.
BOUNDARY = "<|end|>"


def most_frequent(
    entries: Iterable[T], limit: int | None = None, *, repeated: bool = False
) -> tuple[T, ...]:
    """Distinct entries, the most frequent first; of equally frequent ones, the first seen.

    Args:
        entries: What is counted.
        limit: Return at most this many; None is no limit.
        repeated: Leave out what occurs only once, unless nothing occurs twice.

    >>> most_frequent("banana", 2)
    ('a', 'n')
    """
    counts = Counter(entries).most_common(limit)
    kept = [entry for entry, count in counts if count > 1] if repeated else []
    return tuple(kept or (entry for entry, _ in counts))


@dataclass(frozen=True)
class Vocabulary:
    """The pieces of text a model knows, most frequent first; the first has id 3.

    Attributes:
        level: What a piece is.
        pieces: Those that are known.
    """

    level: Level
    pieces: tuple[str, ...]

    @property
    def count(self) -> int:
        """Number of ids, including padding, unknown and boundary."""
        return len(self.pieces) + 3
