"""Names of classes, in an order."""

from __future__ import annotations


def sort_labels(labels: set[str]) -> tuple[str, ...]:
    """Numbers by size, else by name.

    >>> sort_labels({"10", "9"}), sort_labels({"pos", "neg"})
    (('9', '10'), ('neg', 'pos'))
    """
    try:
        return tuple(sorted(labels, key=float))
    except ValueError:
        return tuple(sorted(labels))
