"""Generated sentences for named entity recognition, in which the context decides the type.

The grammar of news and everyday English is `grammar.txt`, which explains its own form. The same
kind of word fills every slot: a surname is a person ("Miller scored twice"), a company ("Miller cut
300 jobs") or a town ("heavy rain in Miller"); a city is a place, a club or a surname. So a word
alone says little about its tag.

What counts as what: people are PER; countries, cities, streets, lakes and mountains are LOC, also
where a country's team plays; companies, clubs, banks, universities and ministries are ORG. Titles,
dates and events ("World Cup") are O.

The words that names are made of (first names, surnames, towns, countries) are dealt to train,
valid and test, and a string used as an entity in one split is never used in a later one.
"""

from __future__ import annotations

import random
import re
from collections.abc import Mapping
from functools import cache
from importlib import resources

from recipes.ner.names import Pool, deal

Pair = tuple[tuple[str, ...], tuple[str, ...]]  # tokens and IOB2 tags
Rules = Mapping[str, tuple[str, ...]]  # the expansions of each rule

MIN_TOKENS, MAX_TOKENS = 4, 35

_WITH_ARTICLE = re.compile(r"^(?:United|Netherlands|Philippines|Maldives|Gambia|Bahamas)|Islands$")
_GRAMMAR = "grammar.txt"
_HEADER = re.compile(r"\[(\w+)\]")
_SYMBOL = re.compile(r"<\w+\??>|\{\w+\}|[^<>{}]+")


@cache
def grammar() -> Rules:
    """The rules of `grammar.txt`."""
    text = resources.files("recipes.ner").joinpath(_GRAMMAR).read_text(encoding="utf-8")
    return parse_grammar(text)


def parse_grammar(text: str) -> Rules:
    """Read rules: `[name]`, then an expansion on each line; see `grammar.txt`.

    >>> parse_grammar("[sentence]\\n{per} <beat> {per}\\n[beat]\\nbeat\\nlost to")
    {'sentence': ('{per} <beat> {per}',), 'beat': ('beat', 'lost to')}

    Raises:
        ValueError: If a line is malformed, stands outside a rule or names a rule again, or if a
            rule is empty; the message has the line number.
    """
    rules: dict[str, list[str]] = {}
    started: dict[str, int] = {}
    name = None
    for number, line in enumerate(map(str.strip, text.splitlines()), 1):
        if not line or line.startswith("#"):
            continue
        if line.startswith("["):
            header = _HEADER.fullmatch(line)
            if header is None:
                raise ValueError(f"{_GRAMMAR}:{number}: expected [name], found {line!r}")
            name = header[1]
            if name in rules:
                first = started[name]
                raise ValueError(f"{_GRAMMAR}:{number}: [{name}] is on line {first} already")
            rules[name], started[name] = [], number
            continue
        if name is None:
            raise ValueError(f"{_GRAMMAR}:{number}: expected [name] first, found {line!r}")
        bad = next((word for word in line.split() if not _SYMBOL.fullmatch(word)), None)
        if bad is not None:
            raise ValueError(
                f"{_GRAMMAR}:{number}: expected a word, <name>, <name?> or {{slot}}, found {bad!r}"
            )
        rules[name].append(line)
    empty = next((name for name, lines in rules.items() if not lines), None)
    if empty is not None:
        raise ValueError(f"{_GRAMMAR}:{started[empty]}: [{empty}] has no expansion")
    return {name: tuple(lines) for name, lines in rules.items()}


def generate(sizes: Mapping[str, int], seed: int) -> dict[str, tuple[Pair, ...]]:
    """Sentences as (tokens, IOB2 tags), `sizes[split]` of them in each split.

    The same for the same sizes, seed and releases of Faker and Babel. No string that is an entity
    in one split is one in a split that comes later in `sizes` (letter case aside), and no sentence
    comes twice.
    """
    dealt, lexicon = deal(seed)
    taken: set[str] = set()
    sentences: set[tuple[str, ...]] = set()
    made: dict[str, tuple[Pair, ...]] = {}
    for split, size in sizes.items():
        rng = random.Random(f"{seed} {split}")
        writer = _Writer(rng, Pool(rng, dealt[split]), lexicon, frozenset(taken))
        pairs: list[Pair] = []
        while len(pairs) < size:
            tokens, tags = writer.sentence()
            if MIN_TOKENS <= len(tokens) <= MAX_TOKENS and tokens not in sentences:
                sentences.add(tokens)
                pairs.append((tokens, tags))
        made[split] = tuple(pairs)
        taken |= writer.used
    return made


class _Writer:
    """Expands the grammar; `used` gathers the entity strings, case folded."""

    def __init__(
        self,
        rng: random.Random,
        pool: Pool,
        lexicon: Mapping[str, tuple[str, ...]],
        forbidden: frozenset[str],
    ) -> None:
        self._rng, self._pool, self._forbidden = rng, pool, forbidden
        self._rules = {**grammar(), **lexicon}
        self.used: set[str] = set()

    def sentence(self) -> Pair:
        tokens, tags = self._expand("<sentence>")
        for i, token in enumerate(tokens[:-1]):
            if token in ("a", "A") and tags[i] == "O" and tokens[i + 1][0] in "aeiouAEIO":
                tokens[i] += "n"
        start = 1 if tokens[0] == '"' else 0
        tokens[start] = tokens[start][0].upper() + tokens[start][1:]
        roll = self._rng.random()
        if roll < 0.03:
            tokens = [token.upper() for token in tokens]
        elif roll < 0.06:
            tokens = [token.lower() for token in tokens]
        if roll > 0.95 and tokens[-1] == "." and len(tokens) > MIN_TOKENS:
            tokens, tags = tokens[:-1], tags[:-1]
        return tuple(tokens), tuple(tags)

    def _expand(self, symbol: str) -> tuple[list[str], list[str]]:
        if symbol.startswith("{"):
            return self._entity(symbol[1:-1])
        if not (symbol.startswith("<") and symbol.endswith(">")):
            return [symbol], ["O"]
        name = symbol[1:-1]
        if name.endswith("?"):
            if self._rng.random() < 0.5:
                return [], []
            name = name[:-1]
        tokens: list[str] = []
        tags: list[str] = []
        for part in self._production(name).split():
            more, marks = self._expand(part)
            tokens += more
            tags += marks
        return tokens, tags

    def _production(self, name: str) -> str:
        if name == "few":
            return str(self._rng.randint(2, 28))
        if name == "age":
            return str(self._rng.randint(18, 90))
        if name == "num":
            return str(self._rng.choice((self._rng.randint(2, 20), self._rng.randint(21, 950))))
        if name == "year":
            return str(self._rng.randint(1900, 2029))
        return self._rng.choice(self._rules[name])

    def _entity(self, slot: str) -> tuple[list[str], list[str]]:
        kind, sample = self._pool.slots[slot]
        while (text := sample()).casefold() in self._forbidden:
            pass
        self.used.add(text.casefold())
        words = text.split()
        tags = [f"B-{kind}"] + [f"I-{kind}"] * (len(words) - 1)
        if slot in ("country", "power") and _WITH_ARTICLE.search(text):
            return ["the", *words], ["O", *tags]
        return words, tags
