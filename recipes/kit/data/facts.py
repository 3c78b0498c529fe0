"""What was understood of data, a sentence each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

#: Values shown of a column, names shown of many.
_SHOWN = 5


class Fact(NamedTuple):
    """Something that was understood of the data, for a person to check."""

    topic: str
    text: str


def first_values(name: str, values: Sequence[object]) -> Fact:
    """The first values of a column, as they were read.

    >>> first_values("sold", [12.0, 9.5, 11.0]).text
    'sold: 12, 9.5, 11'
    """
    shown = ", ".join(f"{v:.6g}" if isinstance(v, float) else str(v) for v in values[:_SHOWN])
    return Fact("first values", f"{name}: {shown}" + (", ..." if len(values) > _SHOWN else ""))


def listed(names: Iterable[object], most: int = 20) -> str:
    """Names in a row; of many the first, and how many there are besides.

    >>> listed("abc", most=2)
    'a, b and 1 more'
    """
    every = [str(name) for name in names]
    more = len(every) - most
    return ", ".join(every[:most]) + (f" and {more:,} more" if more > 0 else "")


def shortened(text: str, most: int = 60) -> str:
    """The beginning of a text on one line, with a mark where it is cut.

    >>> shortened("to be or\\nnot to be", most=8)
    'to be or...'
    """
    line = " ".join(text[: 4 * most].split())
    return line[:most] + "..." if len(line) > most or len(text) > 4 * most else line


def files_fact(files: Mapping[str, Iterable[str]], counts: Mapping[str, int]) -> Fact:
    """The names of the files of each part, and how many examples they hold.

    >>> files_fact({"train": ["a.en", "a.fr"], "test": ["b.tsv"]}, {"train": 9000, "test": 20}).text
    'train: a.en, a.fr (9,000); test: b.tsv (20)'
    """
    parts = (f"{split}: {listed(names, 4)} ({counts[split]:,})" for split, names in files.items())
    return Fact("files", "; ".join(parts))


def merged(files: Mapping[str, Sequence[Fact]]) -> list[Fact]:
    """The facts of several files: what all have in common once, the rest with the file's name.

    >>> merged({"a": [Fact("rows", "3"), Fact("mark", ";")], "b": [Fact("mark", ";")]})
    [Fact(topic='rows', text='3 (a)'), Fact(topic='mark', text=';')]
    """
    where: dict[Fact, list[str]] = {}
    for name, facts in files.items():
        for fact in facts:
            where.setdefault(fact, []).append(name)
    common = {fact for fact, names in where.items() if len(names) == len(files)}
    return [
        fact
        if fact in common or fact.text.startswith(names[0])
        else Fact(fact.topic, f"{fact.text} ({', '.join(names)})")
        for fact, names in where.items()
    ]


def as_lines(facts: Sequence[Fact]) -> list[str]:
    """Facts for a person, their topics below each other.

    >>> as_lines([Fact("rows", "3"), Fact("gap", "none")])
    ['  rows  3', '  gap   none']
    """
    width = max((len(fact.topic) for fact in facts), default=0)
    return [f"  {fact.topic:<{width}}  {fact.text}" for fact in facts]
