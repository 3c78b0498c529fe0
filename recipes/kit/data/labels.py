"""Classes of labelled examples: their order, and what there is to say about them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from recipes.kit.data.facts import Fact, counted
from recipes.kit.data.source import Source
from recipes.kit.errors import UserError


def sort_labels(labels: set[str]) -> tuple[str, ...]:
    """Numbers by size, else by name.

    >>> sort_labels({"10", "9"}), sort_labels({"pos", "neg"})
    (('9', '10'), ('neg', 'pos'))
    """
    try:
        return tuple(sorted(labels, key=float))
    except ValueError:
        return tuple(sorted(labels))


def classes_of(
    train: Sequence[str],
    held_out: Iterable[str],
    *,
    source: Source,
    what: str,
    known: Sequence[str] = (),
) -> tuple[tuple[str, ...], tuple[Fact, ...]]:
    """The classes a model can learn, sorted, and what there is to say about them.

    Args:
        train: Label of each training example.
        held_out: Labels of the other parts.
        source: Where the examples come from, for messages.
        what: What an example is called, "text".
        known: The classes of a model to start from, in its order, if any; they are the result.

    Raises:
        UserError: If there is only one class.
    """
    counts = Counter(train)
    if len(counts) < 2:
        raise UserError(
            f"{source}: every training {what} has the same label, {train[0]!r}; expected two or "
            "more (is it the right label column?)"
        )
    facts = [Fact("classes", counted(counts))]
    if unseen := {*held_out} - {*(known or counts)}:
        facts.append(Fact("unseen", f"never in train, so never right: {_listed(unseen)}"))
    return tuple(known) or sort_labels({*counts}), tuple(facts)


def _listed(labels: set[str]) -> str:
    return ", ".join(sort_labels(labels))
