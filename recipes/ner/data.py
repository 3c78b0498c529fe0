"""Data for sequence labelling: named entities, parts of speech, any tag per token.

- `embedded`: sentences generated from templates, with names, cities, companies and countries of
  many locales (Faker, Babel). No entity string of valid or test is in train.
- `tfds:conll2003`, `tfds:wikiann/en`, `tfds:universal_dependencies/en_ewt` and others that hold
  tokens and a tag per token.
- A folder with train, dev and test files, `--train`, `--valid` and `--test FILE`, or one file that
  is split here, any of them gzipped: columns separated by tabs or blanks, a token a line, a blank
  line after a sentence, `-DOCSTART-` lines skipped; CoNLL-U, by its name or its contents; a table
  with a header that names a token, a tag and what numbers sentences; JSON with lists of tokens and
  tags.

Entity tags come out as IOB2 whatever they were: IOB1, IOB2, IOBES, BILOU, BMES and BMEWO are told
apart over all files of a corpus; small letters, types before the prefix and types without prefixes,
amid O, are read as well. Other tags (parts of speech) stay as they are.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from recipes.kit.data.facts import Fact, counted, files_fact, understood_first
from recipes.kit.data.files import encoding_fact
from recipes.kit.data.readers import Found, Readers, Splits
from recipes.kit.data.source import Source
from recipes.kit.data.splits import split_files
from recipes.kit.earlier import check_known, read_earlier
from recipes.kit.errors import UserError
from recipes.kit.metrics import accuracy_of_commonest
from recipes.kit.objective import Objective
from recipes.kit.text import TokenVocabulary
from recipes.kit.words import Vectors, read_word_vectors
from recipes.ner import embedded
from recipes.ner.formats import read_file
from recipes.ner.options import Config
from recipes.ner.sentences import Raw, Sentence
from recipes.ner.tag_schemes import Kind, normalise
from recipes.ner.tfds import read_tfds

#: The lists behind the ids, beside the model.
LABELS = "labels.json"

#: Sizes of the embedded parts.
SIZES = {"train": 4000, "valid": 500, "test": 800}

#: Tokens shown of the first sentence.
_SHOWN = 8

_NUMBER = re.compile(r"-?[0-9]+")


@dataclass(frozen=True)
class Data(Splits[Sentence]):
    """A corpus, and what of its training part the model knows.

    Attributes:
        kind: "entities" where tags mark spans, scored by entity F1; "labels" where each tag stands
            for itself, scored by token accuracy.
        tags: Every tag of train: "O", then B- and I- of each type; or labels, sorted.
        vocabulary: Words and characters of train.
        vectors: Pretrained vectors of words, if any.
    """

    kind: Kind
    tags: tuple[str, ...]
    vocabulary: TokenVocabulary
    vectors: Vectors | None = None

    @property
    def entities(self) -> bool:
        """Whether tags mark entities."""
        return self.kind == "entities"

    @cached_property
    def objective(self) -> Objective:
        """What the best epoch is chosen by; without entities a constant tag is the worst."""
        if self.entities:
            return Objective("entity_f1", "max", worst=0.0)
        train, valid = (
            [tag for sentence in part for tag in sentence.tags] for part in (self.train, self.valid)
        )
        return Objective("token_accuracy", "max", worst=accuracy_of_commonest(train, valid))


def load(source: Source, config: Config) -> Data:
    """Read a corpus; collect vocabulary and tags from its training part.

    Raises:
        UserError: If the source does not exist, cannot be fetched or lacks a train part, a column
            is out of range, or training could learn nothing (only one label).
        DataError: If a file is malformed; names file and line.
    """
    earlier = read_earlier(config, LABELS, ("entities", "tags", "words", "characters"))
    kind = _kind_of_earlier(earlier)
    splits = readers(config, kind).load(source, seed=config.seed)
    with understood_first(splits.understood):
        return of_splits(splits, source, config, earlier)


def _kind_of_earlier(earlier: Mapping[str, Any] | None) -> Kind | None:
    if earlier is None:
        return None
    return "entities" if earlier["entities"] else "labels"


def of_splits(
    splits: Splits[Sentence],
    source: Source,
    config: Config,
    earlier: Mapping[str, Any] | None = None,
) -> Data:
    """The data of a corpus in three parts; tags and vocabulary those of an earlier run, if any."""
    kind = _kind_of_earlier(earlier) or kind_of((*splits.train, *splits.valid, *splits.test))
    _check_learnable(splits.train, kind, source)
    tags = _tags(splits.train, kind)
    if earlier:
        check_known(config, "tags", tags, earlier["tags"])
        tags = tuple(earlier["tags"])
    held_out = {tag for s in (*splits.valid, *splits.test) for tag in s.tags}
    facts = [*splits.understood, Fact(kind, _counts(splits.train, kind))]
    if unseen := sorted(held_out - {*tags}):
        facts.append(Fact("unseen", f"never in train, so never right: {', '.join(unseen)}"))
    vectors = read_word_vectors(config)
    sentences = (sentence.tokens for sentence in splits.train)
    return Data(
        splits.train,
        splits.valid,
        splits.test,
        understood=tuple(facts),
        licence=splits.licence,
        kind=kind,
        tags=tags,
        vocabulary=TokenVocabulary.kept(earlier)
        if earlier
        else TokenVocabulary.of(sentences, vectors or ()),
        vectors=vectors,
    )


def load_test(source: Source, config: Config, kind: Kind) -> Sequence[Sentence]:
    """What to evaluate a model of a kind of tags on: the test part of the data it was trained on,
    or that of another source, or all of another file."""
    return readers(config, kind).load_test(source, seed=config.seed, trained_on=config.data)


def readers(config: Config, kind: Kind | None = None) -> Readers[Sentence]:
    """How corpora are read; `kind` says what tags are, where it is known from a model."""
    column = config.tag_column
    if isinstance(column, str) and _NUMBER.fullmatch(column):
        column = int(column)  # a number given as text, as a command line may

    def files(source: Source) -> Found[Sentence]:
        found = split_files(source)
        raw = {
            split: read_file(file, config.token_column, column, config)
            for split, file in found.items()
        }
        counts = {split: len(each.sentences) for split, each in raw.items()}
        names = {split: [file.name] for split, file in found.items()}
        every = [fact for each in raw.values() for fact in each.facts]
        encoding = encoding_fact(found.values(), config)
        facts = [files_fact(names, counts), *dict.fromkeys(every), *encoding]
        return _found(raw, kind, facts)

    def tfds(name: str) -> Found[Sentence]:
        raw, licence = read_tfds(name, column)
        found = _found(raw, kind, [])
        return Found(found.splits, found.understood, licence)

    return Readers(
        what="sentences",
        embedded=lambda: _embedded(config.seed),
        files=files,
        tfds=tfds,
        key=lambda sentence: sentence.tokens,
    )


def _embedded(seed: int) -> Found[Sentence]:
    made = embedded.generate(SIZES, seed)
    about = (
        f"generated from templates (seed {seed}) with names, places and companies of many locales "
        "(Faker, Babel); no entity of valid or test is in train"
    )
    return Found(
        {split: tuple(Sentence(*pair) for pair in pairs) for split, pairs in made.items()},
        (Fact("made", about),),
        "generated; word lists of Faker (MIT) and Babel (BSD-3-Clause, Unicode CLDR)",
    )


def _found(raw: Mapping[str, Raw], kind: Kind | None, facts: Sequence[Fact]) -> Found[Sentence]:
    finished, _, scheme = normalise(list(raw.values()), kind)
    tags = {"labels": "plain labels", "IOB2": "IOB2"}.get(scheme, f"{scheme}, read as IOB2")
    sentence = finished[0][0]
    words = zip(sentence.tokens[:_SHOWN], sentence.tags, strict=False)
    first = " ".join(f"{token}/{tag}" for token, tag in words)
    more = " ..." if len(sentence.tokens) > _SHOWN else ""
    every = (*facts, Fact("tags", tags), Fact("first sentence", first + more))
    return Found(dict(zip(raw, finished, strict=True)), every)


def kind_of(sentences: Sequence[Sentence]) -> Kind:
    """Whether the tags of a normalised corpus mark entities, or each stands for itself."""
    tags = {tag for sentence in sentences for tag in sentence.tags}
    marked = all(tag == "O" or tag[:2] in ("B-", "I-") for tag in tags)
    return "entities" if marked else "labels"


def _tags(train: Sequence[Sentence], kind: Kind) -> tuple[str, ...]:
    tags = {tag for sentence in train for tag in sentence.tags}
    if kind == "labels":
        return tuple(sorted(tags))
    types = sorted({tag[2:] for tag in tags if tag != "O"})
    return ("O", *(f"{prefix}-{name}" for name in types for prefix in "BI"))


def _counts(train: Sequence[Sentence], kind: Kind) -> str:
    """How often each type or label is in train, the most frequent first."""
    counts = Counter(tag for sentence in train for tag in sentence.tags)
    if kind == "entities":
        counts = Counter({tag[2:]: n for tag, n in counts.items() if tag.startswith("B-")})
    return counted(counts)


def _check_learnable(train: Sequence[Sentence], kind: Kind, source: Source) -> None:
    tags = {tag for sentence in train for tag in sentence.tags}
    if kind == "entities" and tags == {"O"}:
        raise UserError(
            f"{source}: every training token is tagged O, so there is no entity to learn; expected "
            "tags such as B-PER and I-PER (--tag-column chooses the column)"
        )
    if len(tags) == 1:
        raise UserError(
            f"{source}: every training token has the same label, {tags.pop()}, so there is nothing "
            "to learn; expected two or more labels (--tag-column chooses the column)"
        )
