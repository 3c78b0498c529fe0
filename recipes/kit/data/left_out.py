"""Rows and files that cannot be used: left out and counted while they are few, else refused."""

from __future__ import annotations

from collections.abc import Sized

from recipes.kit.data.facts import Fact, how_many
from recipes.kit.data.reading import Files
from recipes.kit.errors import DataError

#: So many may be left out, or this share of all, whichever is more.
MOST, SHARE = 3, 0.01

#: Those that are named; the others are counted.
_NAMED = 5


class LeftOut:
    """What was left out of a file or a set of files.

    Args:
        what: What is left out, "rows".
        reading: With `strict`, nothing is.
    """

    def __init__(self, what: str, reading: Files) -> None:
        self._what = what
        self._strict = reading.strict
        self._errors: list[DataError] = []

    def __len__(self) -> int:
        return len(self._errors)

    def add(self, error: DataError) -> None:
        """Leave something out.

        Raises:
            DataError: That one, where nothing may be left out.
        """
        if self._strict:
            raise error
        self._errors.append(error)

    def check(self, kept: int | Sized) -> None:
        """Refuse what was read if too much of it is left out, or nothing is left.

        Args:
            kept: What is left, or how many.

        Raises:
            DataError: The first that was left out, with the count where there are many.
        """
        count = len(self._errors)
        kept = kept if isinstance(kept, int) else len(kept)
        if count and not kept and count <= MOST:
            raise self._errors[0]
        if count > max(MOST, SHARE * (count + kept)):
            first = self._errors[0]
            raise DataError(
                first.path,
                f"{first.message}; this is the first of {count:,} {self._what} among "
                f"{count + kept:,} that cannot be used, and at most 1 % or {MOST} are left out",
                line=first.line,
            )

    def facts(self) -> list[Fact]:
        """The first by name and reason, and how many there are."""
        if not self._errors:
            return []
        reasons = "; ".join(
            f"{e.path.name}{'' if e.line is None else f':{e.line}'} {e.message}"
            for e in self._errors[:_NAMED]
        )
        more = f"; and {len(self) - _NAMED:,} more" if len(self) > _NAMED else ""
        count = how_many(len(self), self._what)
        return [Fact("left out", f"{count} (--strict refuses): {reasons}{more}")]
