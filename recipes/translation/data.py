"""Sentences with their translations.

Sources (`load`):

- `embedded`: dates as people write them in many languages, and the same dates in ISO 8601 (see
  `recipes.translation.embedded`). No date of valid or test is in train in the same language, and no
  text.
- `tfds:ted_hrlr_translate/pt_to_en`, `tfds:wmt14_translate/de-en` and others that hold a text in
  each of two languages.
- A file of TSV pairs without a header, `source TAB target`; further columns, such as Tatoeba's
  attributions, are ignored. Or a folder with such a file for each split.
- A folder with two line-aligned files for each split, whose names end in the language: `train.de`
  and `train.en`, `valid.de`, ... The language that is first by name is the source, unless
  `source_language` or `target_language` of `Options` says otherwise.
- Two line-aligned files, source first: `news.de,news.en`.

Files may be gzipped. Missing splits are made of distinct source sentences, so that all translations
of a sentence are in one split.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from recipes.kit.data.source import SPLITS, complete_splits, parse_source
from recipes.kit.errors import UserError
from recipes.translation import embedded
from recipes.translation.formats import Pair
from recipes.translation.sources import AS_FOUND, Options, Raw, read, two_files

__all__ = ["AS_FOUND", "SIZES", "Options", "Pair", "PairData", "by_source", "load", "load_test"]

SIZES = {"train": 20_000, "valid": 1000, "test": 2000}

_Splits = dict[str, tuple[Pair, ...]]


@dataclass(frozen=True)
class PairData:
    """Pairs in three splits."""

    train: tuple[Pair, ...]
    valid: tuple[Pair, ...]
    test: tuple[Pair, ...]
    description: str
    licence: str


def load(source: str, options: Options = AS_FOUND, *, seed: int = 0) -> PairData:
    """Load a parallel corpus.

    Args:
        source: `embedded`, `tfds:NAME[/CONFIG]`, a path to a folder or a TSV file, or the paths of
            two line-aligned files with a comma between them.
        options: how it is read.
        seed: of the generator (embedded) and of the shuffle that makes missing splits.

    Raises:
        UserError: the source does not exist, cannot be fetched or lacks a train split, or an option
            does not fit it.
        DataError: a file is malformed; names file and line.
    """
    if source.strip() == "embedded":
        return _load_embedded(seed, options)
    raw = _prepared(read(source, options), options)
    splits, note = complete_splits(
        raw.splits, seed=seed, where=source, what="source sentences", key=lambda pair: pair.source
    )
    first, second = raw.sides
    direction = f"{_sizes(splits)} pairs from {raw.where}, {first} to {second}"
    parts = (direction, raw.note, note, _overlap(splits))
    description = "; ".join(part for part in parts if part)
    return PairData(**splits, description=description, licence=raw.licence)


def load_test(source: str, options: Options = AS_FOUND, *, seed: int = 0) -> tuple[Pair, ...]:
    """What to evaluate on: all of a file or of two aligned ones, the test part of a folder or set.

    A folder needs no training part for this. Arguments and errors as for `load`.
    """
    aligned = two_files(source)
    where = None if aligned else parse_source(source)
    if where is None or where.kind == "path":
        splits = _prepared(read(source, options), options).splits
        if where is None or where.path.is_file():
            return splits["train"]
        if splits.get("test"):
            return splits["test"]
    return load(source, options, seed=seed).test


def by_source(pairs: Iterable[Pair]) -> list[tuple[str, tuple[str, ...]]]:
    """Each source with all its translations, both in the order in which they first come.

    >>> by_source([Pair("Run!", "Cours !"), Pair("Go.", "Va !"), Pair("Run!", "Courez !")])
    [('Run!', ('Cours !', 'Courez !')), ('Go.', ('Va !',))]
    """
    targets: dict[str, dict[str, None]] = {}
    for pair in pairs:
        targets.setdefault(pair.source, {})[pair.target] = None
    return [(source, tuple(found)) for source, found in targets.items()]


def _load_embedded(seed: int, options: Options) -> PairData:
    if options.reverse or options.names_a_language:
        raise UserError("embedded: goes from many languages to ISO 8601 and no other way")
    made = embedded.generate(SIZES, seed)
    splits = {split: _shortest(pairs, options.limit) for split, pairs in made.items()}
    return PairData(
        **splits,
        description=(
            f"{_sizes(splits)} dates in {len(embedded.languages())} languages, generated (seed "
            f"{seed}), to ISO 8601; no date of valid or test is in train in the same language"
        ),
        licence="generated; names and patterns of Babel (BSD-3-Clause, Unicode CLDR)",
    )


def _prepared(raw: Raw, options: Options) -> Raw:
    """Turned round, without pairs that lack a side, and the shortest of them, as asked for."""
    first, second = raw.sides
    splits: _Splits = {}
    empty = 0
    for split, pairs in raw.splits.items():
        whole = [pair for pair in pairs if pair.source and pair.target]
        empty += len(pairs) - len(whole)
        if options.reverse:
            whole = [Pair(pair.target, pair.source) for pair in whole]
        splits[split] = _shortest(whole, options.limit)
    turned = "reversed" if options.reverse else ""
    left_out = f"pairs with an empty side left out: {empty:,}" if empty else ""
    limited = f"at most {options.limit:,} shortest sources" if options.limit else ""
    return Raw(
        splits,
        (second, first) if options.reverse else (first, second),
        raw.where,
        raw.licence,
        "; ".join(part for part in (raw.note, turned, left_out, limited) if part),
    )


def _shortest(pairs: Sequence[Pair], limit: int | None) -> tuple[Pair, ...]:
    """The pairs with the shortest sources, in the order in which they stand."""
    by_length = sorted(range(len(pairs)), key=lambda index: len(pairs[index].source))
    return tuple(pairs[index] for index in sorted(by_length[:limit]))


def _overlap(splits: _Splits) -> str:
    train, held_out = (
        {pair.source for split in names for pair in splits[split]}
        for names in (("train",), ("valid", "test"))
    )
    shared = len(train & held_out)
    return f"{shared:,} sources of train also occur in valid or test" if shared else ""


def _sizes(splits: _Splits) -> str:
    return ", ".join(f"{len(splits[split]):,} {split}" for split in SPLITS)
