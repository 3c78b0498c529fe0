"""Running text for language models.

- `embedded`: the reference of the Python language that CPython carries (`pydoc_data.topics`), a
  document for each topic.
- `tfds:tiny_shakespeare`, `tfds:lm1b`, `tfds:wiki40b/en` and others that hold a text; an example is
  a document.
- A text file, gzipped or not, whose last 10 % are for testing and whose first 2 % for validation,
  so that the test part continues where the training part ends; a folder with train, valid and test
  files, or `--train`, `--valid` and `--test FILE`; or a folder of texts whose names say no part.
  `--documents` says what a document is: the whole file, a paragraph or a line. In JSONL, a record
  is one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from recipes.kit.data import tfds
from recipes.kit.data.facts import Fact, files_fact, listed, shortened
from recipes.kit.data.files import data_files, encoding_fact, read_text, suffix_of
from recipes.kit.data.left_out import LeftOut
from recipes.kit.data.readers import Found, Readers, Splits
from recipes.kit.data.rows import json_rows
from recipes.kit.data.source import SPLITS, Source
from recipes.kit.data.splits import complete_splits, files_of_splits, find_splits
from recipes.kit.earlier import read_earlier
from recipes.kit.errors import DataError, UserError
from recipes.kit.objective import Objective
from recipes.kit.vocabulary import BOUNDARY, Vocabulary
from recipes.language_model.options import Config
from recipes.language_model.tokens import learn_tokens

#: The tokens behind the ids, beside the model.
TOKENS = "tokens.json"

#: What stands first among them: padding, unknown, boundary.
RESERVED = ("", "[UNK]", BOUNDARY)

#: Shares of a single document, where there are no such files.
_HELD_OUT = {"test": 0.1, "valid": 0.02}

#: Endings of names of files that hold more than running text.
_RECORDS = (".jsonl", ".json", ".ndjson")
_TABLES = (".csv", ".tsv")

_FEATURES = ("text", "content", "document", "article")
_PARAGRAPHS = re.compile(r"\n\s*\n")


@dataclass(frozen=True)
class Data(Splits[str]):
    """Documents, and the tokens of the training part that the model knows."""

    tokens: Vocabulary

    @property
    def objective(self) -> Objective:
        """What the best epoch is chosen by."""
        return Objective("nats_per_token", "min")


def load(source: Source, config: Config) -> Data:
    """Read the documents; collect the tokens of their training part.

    Raises:
        UserError: If the source does not exist or cannot be fetched, or there is too little text.
        DataError: If a file is malformed or empty; names file and line.
    """
    splits = _readers(config).load(source, seed=config.seed)
    if earlier := read_earlier(config, TOKENS, ("level", "tokens")):
        tokens = Vocabulary(earlier["level"], tuple(earlier["tokens"][len(RESERVED) :]))
    else:
        tokens = learn_tokens(splits.train, config.level, config.vocabulary_size)
    sizes = ", ".join(f"{sum(map(len, getattr(splits, split))):,} {split}" for split in SPLITS)
    vocabulary = f"{len(tokens.pieces):,} kinds of {config.level}s"
    facts = (Fact("characters", sizes), Fact("vocabulary", vocabulary))
    return Data(
        splits.train,
        splits.valid,
        splits.test,
        understood=(*splits.understood, *facts),
        licence=splits.licence,
        tokens=tokens,
    )


def load_test(source: Source, config: Config) -> Sequence[str]:
    """What to evaluate on: the test part of the data the model was trained on, or that of another
    source, or all of another file."""
    return _readers(config).load_test(source, seed=config.seed, trained_on=config.data)


def read_documents(path: Path, config: Config) -> tuple[tuple[str, ...], list[Fact]]:
    """The documents of a file, without the empty ones, and what was understood.

    Raises:
        DataError: If it is empty, a table or malformed; names file and line.
    """
    suffix = suffix_of(path)
    if suffix in _TABLES:
        raise DataError(
            path,
            "is a table; expected running text (a .txt file), or JSONL with a field 'text' for "
            "each document",
        )
    facts: list[Fact] = []
    texts = [read_text(path, config)]
    if suffix in _RECORDS:
        texts, facts = _records(path, texts[0], config)
    documents = tuple(part for text in texts for part in _parts(text, config) if part.strip())
    if not documents:
        raise DataError(path, "holds no text")
    return documents, facts


def _parts(text: str, config: Config) -> list[str]:
    if config.documents == "paragraph":
        return [part.strip("\n") for part in _PARAGRAPHS.split(text)]
    return text.split("\n") if config.documents == "line" else [text]


def _records(path: Path, text: str, config: Config) -> tuple[list[str], list[Fact]]:
    """The texts of JSON records."""
    left_out = LeftOut("records", config)
    texts: list[str] = []
    field = ""
    for line, record in json_rows(path, text):
        if not field:
            field = next((name for name in _FEATURES if name in record), "")
            if not field:
                expected = f"expected a field {' or '.join(_FEATURES)}"
                raise DataError(path, f"{expected}, found {listed(record)}", line=line)
        value = record.get(field)
        if isinstance(value, str) and value.strip():
            texts.append(value)
        else:
            left_out.add(DataError(path, f"the field {field!r} holds no text", line=line))
    left_out.check(texts)
    return texts, [Fact("records", f"a document each, field {field!r}"), *left_out.facts()]


def _paths(source: Source) -> dict[str, list[Path]]:
    """The files of each part. Texts in a folder whose names say no part are train, all of them."""
    if source.parts:
        return {split: [*paths] for split, paths in source.parts.items()}
    if source.is_file:
        return {"train": [*source.paths]}
    folder = source.path
    if not files_of_splits(folder) and (texts := data_files(folder, (".txt", ".text"))):
        return {"train": texts}
    return {split: [path] for split, path in find_splits(folder).items()}


def _readers(config: Config) -> Readers[str]:
    def files(source: Source) -> Found[str]:
        documents: dict[str, list[str]] = {}
        every: list[Fact] = []
        paths = _paths(source)
        for split, files in paths.items():
            documents[split] = []
            for path in files:
                texts, facts = read_documents(path, config)
                documents[split] += texts
                every += facts
        names = {split: [path.name for path in files] for split, files in paths.items()}
        counts = {split: len(texts) for split, texts in documents.items()}
        first = Fact("first text", shortened(next(iter(documents.values()))[0]))
        every += encoding_fact((path for files in paths.values() for path in files), config)
        return Found(documents, (files_fact(names, counts), first, *dict.fromkeys(every)))

    return Readers(
        what="documents",
        embedded=_topics,
        files=files,
        tfds=_read_tfds,
        complete=_complete,
    )


def _complete(
    splits: Mapping[str, Sequence[str]], seed: int, source: Source
) -> tuple[dict[str, tuple[str, ...]], str]:
    """Missing parts: of many documents some, of a single one its ends."""
    missing = [split for split in _HELD_OUT if not splits.get(split)]
    train = splits.get("train", ())
    if not missing or len(train) != 1:
        return complete_splits(splits, seed=seed, where=str(source), what="documents")
    (text,) = train
    size = len(text)
    cuts: list[str] = []
    parts = {split: tuple(documents) for split, documents in splits.items()}
    for split in missing:
        count = int(size * _HELD_OUT[split])
        if not count:
            raise UserError(f"{source}: {size} characters are too few to split off a {split} part")
        if split == "test":
            parts[split], text = (text[-count:],), text[:-count]
        else:
            parts[split], text = (text[:count],), text[count:]
        end = "last" if split == "test" else "first"
        cuts.insert(0, f"its {end} {_HELD_OUT[split]:.0%} for {split}")
    return {**parts, "train": (text,)}, f"one text, {' and '.join(cuts)}"


def _topics() -> Found[str]:
    from pydoc_data.topics import topics

    return Found(
        {"train": tuple(topics[name].strip("\n") + "\n" for name in sorted(topics))},
        (Fact("text", "the reference of the Python language (pydoc_data.topics)"),),
        "PSF-2.0 (the Python documentation)",
    )


def _read_tfds(name: str) -> Found[str]:
    builder = tfds.prepared_builder(name)
    features = builder.info.features
    feature = next((f for f in _FEATURES if f in features), None)
    if feature is None:
        have = ", ".join(sorted(features))
        raise UserError(f"tfds:{name}: expected a feature {' or '.join(_FEATURES)}, found {have}")
    splits = {
        split: tuple(
            tfds.text_of(example[feature])
            for example in tfds.decoded(builder, have)
            if example[feature].strip()
        )
        for split, have in tfds.splits(builder).items()
    }
    return Found(splits, (Fact("feature", feature),), tfds.licence(builder))
