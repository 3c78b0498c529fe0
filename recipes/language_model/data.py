"""Running text for language models.

Sources (`load`):

- `embedded`: the reference of the Python language that CPython carries (`pydoc_data.topics`), a
  document a topic.
- `tfds:tiny_shakespeare`, `tfds:lm1b`, `tfds:wiki40b/en` and others that hold a text; an example is
  a document.
- A text file, gzipped or not, of which the last 10 % are for testing and the first 2 % for
  validation, so that the test part goes on where the training part ends; or a folder with train,
  valid and test files. `documents` says what a document is: the whole file, a paragraph or a line.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from recipes.kit.data import tfds
from recipes.kit.data.source import SPLITS, complete_splits, find_splits, parse_source, read_text
from recipes.kit.errors import DataError, UserError

Documents = Literal["file", "paragraph", "line"]

#: Shares of a single document, where there are no such files.
_HELD_OUT = {"test": 0.1, "valid": 0.02}

_FEATURES = ("text", "content", "document", "article")
_PARAGRAPHS = re.compile(r"\n\s*\n")


@dataclass(frozen=True)
class Texts:
    """Documents in three splits, in their order."""

    train: tuple[str, ...]
    valid: tuple[str, ...]
    test: tuple[str, ...]
    description: str
    licence: str


def load(source: str, *, seed: int = 0, documents: Documents = "file") -> Texts:
    """Load running text.

    Args:
        source: `embedded`, `tfds:NAME[/CONFIG]`, or a path to a file or folder.
        seed: of the shuffle that makes missing splits of documents.
        documents: what a document is, in files.

    Raises:
        UserError: the source does not exist or cannot be fetched, or there is too little text.
        DataError: a file is malformed or empty; names file and line.
    """
    where = parse_source(source)
    licence = "as stated by the owner of the files"
    if where.kind == "embedded":
        raw, licence = {"train": _topics()}, "PSF-2.0 (the Python documentation)"
        read = "the reference of the Python language (pydoc_data.topics)"
    elif where.kind == "tfds":
        raw, licence = _read_tfds(where.name)
        read = f"text from {where}"
    else:
        files = find_splits(where.path) if where.path.is_dir() else {"train": where.path}
        raw = {split: split_documents(file, documents) for split, file in files.items()}
        read = f"text from {where.path}"
    splits, note = _completed(raw, seed, source)
    sizes = ", ".join(f"{sum(map(len, splits[split])):,} {split}" for split in SPLITS)
    count = len(splits["train"])
    description = f"{sizes} characters, {count:,} training document{'s' * (count != 1)}: {read}"
    return Texts(**splits, description=description + (f"; {note}" if note else ""), licence=licence)


def load_test(source: str, *, seed: int = 0, documents: Documents = "file") -> tuple[str, ...]:
    """What to evaluate on: all of a file, the test part of a folder or set."""
    where = parse_source(source)
    if where.kind == "path" and where.path.is_file():
        return split_documents(where.path, documents)
    if where.kind == "path" and "test" in (files := find_splits(where.path)):
        return split_documents(files["test"], documents)
    return load(source, seed=seed, documents=documents).test


def split_documents(path: Path, documents: Documents) -> tuple[str, ...]:
    """The documents of a file, without the empty ones."""
    text = read_text(path)
    parts = [text]
    if documents == "paragraph":
        parts = [part.strip("\n") for part in _PARAGRAPHS.split(text)]
    elif documents == "line":
        parts = text.split("\n")
    found = tuple(part for part in parts if part.strip())
    if not found:
        raise DataError(path, "holds no text")
    return found


def _completed(
    raw: dict[str, tuple[str, ...]], seed: int, where: str
) -> tuple[dict[str, tuple[str, ...]], str]:
    """Missing splits: of many documents some of them, of one document what stands at its end."""
    missing = [split for split in _HELD_OUT if not raw.get(split)]
    train = raw.get("train", ())
    if not missing or len(train) != 1:
        return complete_splits(raw, seed=seed, where=where, what="documents")
    (text,) = train
    size, done, notes = len(text), dict(raw), []
    for split in missing:
        count = int(size * _HELD_OUT[split])
        if not count:
            raise UserError(f"{where}: {size} characters are too few to split off a {split} part")
        if split == "test":
            done[split], text = (text[-count:],), text[:-count]
        else:
            done[split], text = (text[:count],), text[count:]
        end = "last" if split == "test" else "first"
        notes.insert(0, f"its {end} {_HELD_OUT[split]:.0%} for {split}")
    return {**done, "train": (text,)}, " and ".join(notes)


def _topics() -> tuple[str, ...]:
    from pydoc_data.topics import topics

    return tuple(topics[name].strip("\n") + "\n" for name in sorted(topics))


def _read_tfds(name: str) -> tuple[dict[str, tuple[str, ...]], str]:
    builder = tfds.prepared_builder(name)
    features = builder.info.features
    feature = next((f for f in _FEATURES if f in features), None)
    if feature is None:
        have = ", ".join(sorted(features))
        raise UserError(f"tfds:{name}: expected a feature {' or '.join(_FEATURES)}, found {have}")
    splits = {
        split: tuple(
            example[feature].decode("utf-8", "replace")
            for example in tfds.decoded(builder, have)
            if example[feature].strip()
        )
        for split, have in tfds.splits(builder).items()
    }
    return splits, tfds.licence(builder)
