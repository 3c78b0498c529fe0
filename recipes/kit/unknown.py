"""What stands in examples and the model does not know: classes, tags, symbols of a text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from recipes.kit.data.facts import listed
from recipes.kit.data.source import Source
from recipes.kit.errors import UserError

#: Most names that a sentence lists.
_LISTED = 10


@dataclass(frozen=True)
class Unknown:
    """Labels of examples, held against those that a model knows.

    Attributes:
        unit: What the examples are, in the plural: "texts".
        what: What is said of those with other labels: "have classes unknown to the model".
        known: Labels of the model.
        counts: In how many examples each other label is, the most frequent first.
        affected: How many examples have such a label.
        total: How many examples there are.
        decides: What decides which labels are read, in a sentence; "" where an example with such a
            label is not wrong as a whole.
    """

    unit: str
    what: str
    known: Collection[str]
    counts: Mapping[str, int]
    affected: int
    total: int
    decides: str

    @classmethod
    def among(
        cls,
        examples: Iterable[Iterable[str]],
        known: Iterable[str],
        *,
        unit: str,
        what: str,
        decides: str = "",
    ) -> Unknown:
        """Count what a model does not know.

        Args:
            examples: The labels of each example, one or many.
            known: Those of the model.
            unit: As the attribute.
            what: Likewise.
            decides: Likewise.
        """
        names = dict.fromkeys(known)
        counts: Counter[str] = Counter()
        affected = total = 0
        for labels in examples:
            total += 1
            if others := {label for label in labels if label not in names}:
                affected += 1
                counts.update(others)
        ordered = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
        return cls(unit, what, names, dict(ordered), affected, total, decides)

    @property
    def notes(self) -> tuple[str, ...]:
        """A sentence that names them with their share of the examples; none without any."""
        if not self.counts:
            return ()
        each = (f"{_shown(name)} ({_share(n, self.total)})" for name, n in self.counts.items())
        so = ", so they count as wrong" if self.decides else ""
        share = _share(self.affected, self.total)
        some = f"{self.affected:,} of {self.total:,} {self.unit} ({share})"
        return (f"{some} {self.what}{so}: {listed(each, _LISTED)}.",)

    def check(self, source: Source) -> None:
        """Refuse examples none of which can be answered right: any figure would only say so.

        Args:
            source: Where they are from.

        Raises:
            UserError: Names what was found, what the model knows and what decides.
        """
        if self.decides and self.affected == self.total > 0:
            known, others = (listed(map(_shown, e), _LISTED) for e in (self.known, self.counts))
            raise UserError(
                f"{source}: all {self.total:,} {self.unit} {self.what}: expected {known}; found "
                f"{others}. {self.decides}"
            )


def notes_of(unknown: Iterable[Unknown]) -> tuple[str, ...]:
    """The sentences about several kinds of labels."""
    return tuple(note for each in unknown for note in each.notes)


def _shown(name: str) -> str:
    """A name as it can be seen in a sentence.

    >>> _shown("pos"), _shown(" "), _shown(".")
    ('pos', "' '", "'.'")
    """
    return name if any(map(str.isalnum, name)) else repr(name)


def _share(count: int, total: int) -> str:
    """A share as people read it.

    >>> _share(1, 3), _share(1, 100_000)
    ('33.3 %', 'under 0.1 %')
    """
    share = count / total
    return f"{100 * share:.1f} %" if share >= 0.001 else "under 0.1 %"
