"""What was understood of data, a sentence each."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import NamedTuple

from recipes.kit.errors import DataError, UserError

#: Values shown of a column, names shown of many.
_SHOWN = 5

#: Different sentences that are shown of one topic, and files that are named, where there are many.
_SENTENCES = 3

_PLURAL = re.compile(r"s\b")


class Fact(NamedTuple):
    """Something that was understood of the data, for a person to check."""

    topic: str
    text: str


class Unusable(UserError):
    """Data that was read, but cannot be used as it was asked for.

    Attributes:
        understood: What was understood of it, which may say why.
    """

    def __init__(self, message: str, understood: Sequence[Fact]) -> None:
        super().__init__(message)
        self.understood = tuple(understood)


@contextmanager
def understood_first(facts: Sequence[Fact]) -> Iterator[None]:
    """Let an error about the use of data carry what was understood of it.

    Raises:
        Unusable: In place of a `UserError` that is not about a file.
    """
    try:
        yield
    except (DataError, Unusable):
        raise
    except UserError as error:
        raise Unusable(str(error), facts) from None


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


def counted(counts: Mapping[str, int], most: int = 20) -> str:
    """Names, and how often each occurs, the most frequent first.

    >>> counted({"7": 12, "3": 1500})
    '3 (1,500), 7 (12)'
    """
    by_count = sorted(counts.items(), key=lambda item: -item[1])
    return listed((f"{name} ({count:,})" for name, count in by_count), most)


def how_many(count: int, what: str) -> str:
    """A count of things, whose name is in the plural.

    >>> how_many(1, "clips of no use"), how_many(1200, "rows")
    ('1 clip of no use', '1,200 rows')
    """
    name = _PLURAL.sub("", what, count=1) if count == 1 else what
    return f"{count:,} {name}"


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


def merged(files: Sequence[tuple[str, Sequence[Fact]]]) -> list[Fact]:
    """The facts of several files: what all have in common once, the rest with the names of files;
    of many different sentences about a topic the first.

    >>> merged([("a", [Fact("rows", "a: 3"), Fact("mark", ";")]), ("b", [Fact("mark", ";")])])
    [Fact(topic='rows', text='3 (a)'), Fact(topic='mark', text=';')]
    """
    if len(files) == 1:
        return [*files[0][1]]
    topics: dict[str, dict[str, list[str]]] = {}
    for name, facts in files:
        for topic, text in facts:
            texts = topics.setdefault(topic, {})
            texts.setdefault(text.removeprefix(f"{name}: "), []).append(name)
    result = []
    for topic, texts in topics.items():
        for text, names in [*texts.items()][:_SENTENCES]:
            where = "" if len(names) == len(files) else f" ({listed(names, _SENTENCES)})"
            result.append(Fact(topic, text + where))
        if others := [name for names in [*texts.values()][_SENTENCES:] for name in names]:
            result.append(Fact(topic, f"otherwise in {listed(others, _SENTENCES)}"))
    return result


def as_lines(facts: Sequence[Fact]) -> list[str]:
    """Facts for a person, their topics below each other.

    >>> as_lines([Fact("rows", "3"), Fact("gap", "none")])
    ['  rows  3', '  gap   none']
    """
    width = max((len(fact.topic) for fact in facts), default=0)
    return [f"  {fact.topic:<{width}}  {fact.text}" for fact in facts]
