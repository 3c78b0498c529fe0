"""Sentences with their translations.

- `embedded`: dates as people write them in many languages, and the same dates in ISO 8601 (see
  `recipes.translation.embedded`). No date of valid or test is in train in the same language, and no
  text.
- `tfds:ted_hrlr_translate/pt_to_en`, `tfds:wmt14_translate/de-en` and others that hold a text in
  each of two languages.
- A file of pairs: TSV, `source TAB target`, CSV or JSON. A first row that names languages is a
  header; further columns, such as Tatoeba's attributions, are left aside. Or a folder with such a
  file for each part, or `--train`, `--valid` and `--test FILE`.
- A folder with two line-aligned files for each part, whose names hold the language: `train.de` and
  `train.en`, `train_de.txt`, `src-train.txt`, ... The language that is first by name is the source,
  unless `--source-language` or `--target-language` says otherwise.
- Two line-aligned files, source first: `news.de,news.en`, also for each of `--train`, `--valid` and
  `--test`.

Files may be gzipped. Missing parts are made of distinct source sentences, so that all translations
of a sentence are in one part.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from recipes.kit.data.facts import Fact, shortened
from recipes.kit.data.readers import Found, Readers, Splits
from recipes.kit.data.source import Source
from recipes.kit.data.splits import complete_splits
from recipes.kit.earlier import read_earlier
from recipes.kit.errors import UserError
from recipes.kit.objective import Objective
from recipes.kit.pieces import SentencePieces, learn_pieces
from recipes.kit.vocabulary import Vocabulary
from recipes.translation import embedded
from recipes.translation.formats import Pair
from recipes.translation.options import Config
from recipes.translation.sources import Raw, read_files, read_tfds

#: The pieces behind the ids, beside the model.
PIECES = "pieces.json"

#: Sizes of the embedded parts.
SIZES = {"train": 20_000, "valid": 1000, "test": 2000}


@dataclass(frozen=True)
class Data(Splits[Pair]):
    """Pairs, and the pieces of their training part that the model knows.

    Attributes:
        source: Pieces of the language translated from.
        target: Pieces of the language translated to.
        max_length: Most pieces of a translation.
    """

    source: SentencePieces
    target: SentencePieces
    max_length: int

    @property
    def objective(self) -> Objective:
        """What the best epoch is chosen by."""
        return Objective("bleu", "max", worst=0.0)


def load(source: Source, config: Config) -> Data:
    """Read a parallel corpus; collect the pieces of its training part.

    Raises:
        UserError: If the source does not exist, cannot be fetched or lacks a train part, or an
            option does not fit it.
        DataError: If a file is malformed; names file and line.
    """
    pairs = load_pairs(source, config)
    sides = [pair.source for pair in pairs.train], [pair.target for pair in pairs.train]
    earlier = read_earlier(config, PIECES, ("level", "max_length", "source", "target"))
    if earlier:
        known = (Vocabulary(earlier["level"], tuple(earlier[s])) for s in ("source", "target"))
    else:
        known = (learn_pieces(side, config.level, config.vocabulary_size) for side in sides)
    source_pieces, target_pieces = map(SentencePieces, known)
    # Of each sentence, the boundary included.
    source_lengths = [len(ids) + 1 for ids in source_pieces.encode_all(sides[0])]
    target_lengths = [len(ids) + 1 for ids in target_pieces.encode_all(sides[1])]
    longer = [max(both) for both in zip(source_lengths, target_lengths, strict=True)]
    if min(longer) > config.max_tokens:
        raise UserError(
            f"--max-tokens {config.max_tokens}: all training pairs are longer, the shortest has "
            f"{min(longer)} {config.level}s."
        )
    short = [length <= config.max_tokens for length in longer]
    longest = max(length for length, fits in zip(target_lengths, short, strict=True) if fits)
    facts = [*pairs.understood]
    if not all(short):
        left_out = f"training pairs of more than {config.max_tokens} {config.level}s"
        facts.append(Fact("too long", f"{left_out} left out: {short.count(False):,}"))
    kinds = " and ".join(
        f"{len(table.vocabulary.pieces):,}" for table in (source_pieces, target_pieces)
    )
    facts.append(Fact("vocabulary", f"{kinds} kinds of {config.level}s in source and target"))
    return Data(
        tuple(pair for pair, fits in zip(pairs.train, short, strict=True) if fits),
        pairs.valid,
        pairs.test,
        understood=tuple(facts),
        licence=pairs.licence,
        source=source_pieces,
        target=target_pieces,
        max_length=max(longest + longest // 5 + 1, earlier["max_length"] if earlier else 0),
    )


def load_pairs(source: Source, config: Config) -> Splits[Pair]:
    """Read a parallel corpus in three parts. Errors as for `load`."""
    splits = _readers(config).load(source, seed=config.seed)
    held_out = {pair.source for pair in (*splits.valid, *splits.test)}
    shared = len({pair.source for pair in splits.train} & held_out)
    if not shared:
        return splits
    fact = Fact("overlap", f"{shared:,} sources of train also occur in valid or test")
    understood = (*splits.understood, fact)
    return Splits(splits.train, splits.valid, splits.test, understood, splits.licence)


def load_test(source: Source, config: Config) -> Sequence[Pair]:
    """What to evaluate on: the test part of the data the model was trained on, or that of another
    source, or all of another file or of two aligned ones."""
    return _readers(config).load_test(source, seed=config.seed, trained_on=config.data)


def by_source(pairs: Iterable[Pair]) -> list[tuple[str, tuple[str, ...]]]:
    """Each source with all its translations, both in the order in which they first come.

    >>> by_source([Pair("Run!", "Cours !"), Pair("Go.", "Va !"), Pair("Run!", "Courez !")])
    [('Run!', ('Cours !', 'Courez !')), ('Go.', ('Va !',))]
    """
    targets: dict[str, dict[str, None]] = {}
    for pair in pairs:
        targets.setdefault(pair.source, {})[pair.target] = None
    return [(source, tuple(translations)) for source, translations in targets.items()]


def _readers(config: Config) -> Readers[Pair]:
    return Readers(
        what="pairs",
        embedded=lambda: _embedded(config),
        files=lambda source: _prepared(read_files(source, config), config),
        tfds=lambda name: _prepared(read_tfds(name, config), config),
        complete=_complete,
    )


def _complete(
    splits: Mapping[str, Sequence[Pair]], seed: int, source: Source
) -> tuple[dict[str, tuple[Pair, ...]], str]:
    return complete_splits(
        splits,
        seed=seed,
        where=str(source),
        what="source sentences",
        key=lambda pair: pair.source,
    )


def _embedded(config: Config) -> Found[Pair]:
    made = embedded.generate(SIZES, config.seed)
    about = (
        f"dates in {len(embedded.languages())} languages, generated (seed {config.seed}), to ISO "
        "8601; no date of valid or test is in train in the same language"
    )
    return Found(
        {split: _shortest(pairs, config.limit) for split, pairs in made.items()},
        (Fact("made", about), *_limited(config)),
        "generated; names and patterns of Babel (BSD-3-Clause, Unicode CLDR)",
    )


def _prepared(raw: Raw, config: Config) -> Found[Pair]:
    """Reversed, without pairs that lack a side, and the shortest of them, as asked for."""
    splits, empty = {}, 0
    for split, pairs in raw.splits.items():
        whole = [pair for pair in pairs if pair.source and pair.target]
        empty += len(pairs) - len(whole)
        if config.reverse:
            whole = [Pair(pair.target, pair.source) for pair in whole]
        splits[split] = _shortest(whole, config.limit)
    first, second = reversed(raw.sides) if config.reverse else raw.sides
    how = [f"{first} to {second}", raw.how, "reversed" if config.reverse else ""]
    facts = [*raw.facts, Fact("direction", ", ".join(part for part in how if part))]
    if pair := next((pair for pairs in splits.values() for pair in pairs), None):
        facts.append(Fact("first pair", f"{shortened(pair.source)} -> {shortened(pair.target)}"))
    if empty:
        facts.append(Fact("empty", f"pairs with an empty side left out: {empty:,}"))
    return Found(splits, (*facts, *_limited(config)), raw.licence)


def _limited(config: Config) -> tuple[Fact, ...]:
    if config.limit is None:
        return ()
    return (Fact("limit", f"at most {config.limit:,} pairs, those with the shortest sources"),)


def _shortest(pairs: Sequence[Pair], limit: int | None) -> tuple[Pair, ...]:
    """The pairs with the shortest sources, in the order in which they stand."""
    by_length = sorted(range(len(pairs)), key=lambda index: len(pairs[index].source))
    return tuple(pairs[index] for index in sorted(by_length[:limit]))
