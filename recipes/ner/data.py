"""Data for sequence labelling: named entities, parts of speech, any tag per token.

Sources (`load`):

- `embedded`: sentences generated from templates, with names, cities, companies and countries of
  many locales (Faker, Babel). No entity string of valid or test is in train.
- `tfds:conll2003`, `tfds:wikiann/en`, `tfds:universal_dependencies/en_ewt` and others that hold
  tokens and a tag per token.
- A directory with train, dev and test files, or one file that is split here. Columns separated by
  tabs or blanks, a token a line, a blank line after a sentence, `-DOCSTART-` lines skipped; or
  CoNLL-U (`.conllu`). Any of them may be gzipped.

Entity tags come out as IOB2 whatever they were: IOB1, IOB2, IOBES, BILOU, BMES and BMEWO are told
apart over all files of a corpus. Tags without such prefixes (parts of speech) stay as they are.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from recipes.kit.data.source import SPLITS, complete_splits, find_splits, parse_source
from recipes.kit.errors import UserError
from recipes.ner import embedded
from recipes.ner.formats import read_file
from recipes.ner.sentences import Raw, Sentence
from recipes.ner.tag_schemes import Kind, normalise, to_iob2
from recipes.ner.tfds import from_examples, read_tfds

__all__ = [
    "SIZES",
    "Kind",
    "NerData",
    "Sentence",
    "from_examples",
    "load",
    "load_file",
    "load_test",
    "to_iob2",
]

SIZES = {"train": 4000, "valid": 500, "test": 800}

_NUMBER = re.compile(r"-?[0-9]+")


@dataclass(frozen=True)
class NerData:
    """A corpus in three splits.

    `kind` is "entities" when the tags mark spans (score them by entity F1) and "labels" when each
    tag stands for itself (parts of speech: score by token accuracy). `scheme` is how the tags
    were written at the source: IOB1, IOB2, IOBES, BILOU, BMES, BMEWO, or "labels".
    """

    train: tuple[Sentence, ...]
    valid: tuple[Sentence, ...]
    test: tuple[Sentence, ...]
    description: str
    licence: str
    scheme: str
    kind: Kind

    @property
    def labels(self) -> tuple[str, ...]:
        """Every tag a model needs, from train only: "O", then B- and I- of each type; or sorted."""
        tags = {tag for sentence in self.train for tag in sentence.tags}
        if self.kind == "labels":
            return tuple(sorted(tags))
        return ("O", *(f"{prefix}-{name}" for name in self.entity_types for prefix in "BI"))

    @property
    def entity_types(self) -> tuple[str, ...]:
        """The sorted entity types of train; empty for plain labels."""
        if self.kind == "labels":
            return ()
        return tuple(sorted({tag[2:] for s in self.train for tag in s.tags if tag != "O"}))

    @property
    def unseen_labels(self) -> tuple[str, ...]:
        """Tags of valid or test that train does not have; a model can never get them right."""
        held_out = {tag for s in (*self.valid, *self.test) for tag in s.tags}
        return tuple(sorted(held_out - set(self.labels)))


def load(
    source: str,
    *,
    seed: int = 0,
    token_column: int | None = None,
    tag_column: int | str | None = None,
    limit: int | None = None,
    sizes: Mapping[str, int] | None = None,
) -> NerData:
    """Load a corpus.

    Args:
        source: `embedded`, `tfds:NAME[/CONFIG]`, or a path to a directory or file.
        seed: of the generator (embedded) and of the shuffle that makes missing splits.
        token_column: counted from 0, negative from the end. Default 0; `form` in CoNLL-U.
        tag_column: likewise ("2" is as 2); default the last column. In CoNLL-U a column's name
            will do, default `upos`. For TFDS the feature's name, default the first of ner, tags,
            upos, pos.
        limit: at most so many sentences in each split (the first ones), for quick trials.
        sizes: of the embedded splits, default 4000 train, 500 valid, 800 test.

    Raises:
        UserError: the source does not exist, cannot be fetched or lacks a train split, a column
            is out of range, or training could learn nothing (only one label).
        DataError: a file is malformed; names file and line.
    """
    if limit is not None and limit < 1:
        raise UserError(f"limit: expected at least 1, found {limit}")
    where = parse_source(source)
    if where.kind == "embedded":
        data = _load_embedded(seed, sizes or SIZES, limit)
    elif where.kind == "tfds":
        data = _load_tfds(where.name, seed, _column(tag_column), limit)
    else:
        data = _load_path(where.path, seed, token_column, _column(tag_column), limit)
    _check_learnable(data, source)
    return data


def load_file(
    path: str | Path,
    *,
    token_column: int | None = None,
    tag_column: int | str | None = None,
    kind: Kind | None = None,
) -> tuple[Sentence, ...]:
    """All sentences of one file, as for an evaluation.

    Args:
        path, token_column, tag_column: as for `load`.
        kind: what the model at hand was trained on; by default told from the tags.

    Raises:
        DataError: the file is malformed or empty; names file and line.
    """
    raw = read_file(Path(path), token_column, _column(tag_column))
    return normalise([raw], kind)[0][0]


def load_test(
    source: str,
    *,
    seed: int = 0,
    token_column: int | None = None,
    tag_column: int | str | None = None,
    kind: Kind | None = None,
) -> tuple[Sentence, ...]:
    """What to evaluate on: all of a file, the test file of a directory, the test split of a set.

    A directory needs no train file for this. Arguments and errors as for `load` and `load_file`.
    """
    where = parse_source(source)
    columns = {"token_column": token_column, "tag_column": tag_column}
    if where.kind == "path" and where.path.is_file():
        return load_file(where.path, kind=kind, **columns)  # type: ignore[arg-type]
    if where.kind == "path" and "test" in (files := find_splits(where.path)):
        return load_file(files["test"], kind=kind, **columns)  # type: ignore[arg-type]
    return load(source, seed=seed, **columns).test  # type: ignore[arg-type]


def _column(column: int | str | None) -> int | str | None:
    """A number given as text, as a command line may, is that number."""
    return int(column) if isinstance(column, str) and _NUMBER.fullmatch(column) else column


def _load_embedded(seed: int, sizes: Mapping[str, int], limit: int | None) -> NerData:
    wanted = {split: sizes[split] for split in SPLITS}
    if limit is not None:
        wanted = {split: min(count, limit) for split, count in wanted.items()}
    splits = {
        split: tuple(Sentence(tokens, tags) for tokens, tags in pairs)
        for split, pairs in embedded.generate(wanted, seed).items()
    }
    return NerData(
        **splits,
        description=(
            f"{_counts(splits)}, generated from templates (seed {seed}) with names, places and "
            "companies of many locales (Faker, Babel); no entity of valid or test is in train"
        ),
        licence="generated; word lists of Faker (MIT) and Babel (BSD-3-Clause, Unicode CLDR)",
        scheme="IOB2",
        kind="entities",
    )


def _load_path(
    path: Path,
    seed: int,
    token_column: int | None,
    tag_column: int | str | None,
    limit: int | None,
) -> NerData:
    files = find_splits(path) if path.is_dir() else {"train": path}
    if "train" not in files:
        raise UserError(
            f"{path}: no train file; expected train in a file's name, found "
            + ", ".join(file.name for file in files.values())
        )
    raw = {split: read_file(file, token_column, tag_column) for split, file in files.items()}
    read = f" from {path}" + (f" ({', '.join(f.name for f in files.values())})" * path.is_dir())
    licence = "as stated by the owner of the files"
    return _corpus(raw, str(path), read, licence, seed, limit)


def _load_tfds(name: str, seed: int, tag_column: int | str | None, limit: int | None) -> NerData:
    where = f"tfds:{name}"
    raw, licence = read_tfds(name, tag_column)
    return _corpus(raw, where, f" from {where}", licence, seed, limit)


def _corpus(
    raw: Mapping[str, Raw],
    where: str,
    read: str,
    licence: str,
    seed: int,
    limit: int | None,
) -> NerData:
    finished, kind, scheme = normalise(list(raw.values()))
    given = dict(zip(raw, finished, strict=True))
    splits, note = complete_splits(given, seed=seed, where=where, key=lambda s: s.tokens)
    if limit is not None:
        splits = {split: sentences[:limit] for split, sentences in splits.items()}
    tags = {"labels": "plain labels", "IOB2": "IOB2 tags"}.get(scheme, f"{scheme} read as IOB2")
    parts = (f"{_counts(splits)}{read}", tags, note)
    description = "; ".join(part for part in parts if part)
    return NerData(**splits, description=description, licence=licence, scheme=scheme, kind=kind)


def _counts(splits: Mapping[str, Sequence[Sentence]]) -> str:
    train, valid, test = (len(splits[split]) for split in SPLITS)
    return f"{train:,} train, {valid:,} valid and {test:,} test sentences"


def _check_learnable(data: NerData, source: str) -> None:
    tags = {tag for sentence in data.train for tag in sentence.tags}
    if data.kind == "entities" and tags == {"O"}:
        raise UserError(
            f"{source}: every training token is tagged O, so there is no entity to learn; expected "
            "tags such as B-PER and I-PER (is it the right tag column?)"
        )
    if len(tags) == 1:
        raise UserError(
            f"{source}: every training token has the same label, {tags.pop()}, so there is nothing "
            "to learn; expected two or more labels (is it the right tag column?)"
        )
