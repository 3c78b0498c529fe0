"""Texts with a class each: reviews and their sentiment, or any other labels.

- `embedded`: generated film reviews in which the words around a word decide what it says
  ("terribly exciting", "terribly dull"). No review of valid or test is in train.
- `tfds:imdb_reviews`, `tfds:glue/sst2`, `tfds:yelp_polarity_reviews` and others that hold a text
  and a class.
- A file, or a folder with train, dev and test files: lines `label text`, TSV, CSV or JSONL (see
  `recipes.sentiment.formats`), any of them gzipped. Where a folder holds several sets, such as
  `binary.train` and `fine.train`, `--subset` says which.
- A folder per class with a text in each file, below train and test folders or not, as IMDB has it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from recipes.kit.data import tfds
from recipes.kit.data.facts import Fact
from recipes.kit.data.files import data_files, read_text
from recipes.kit.data.labels import classes_of
from recipes.kit.data.readers import Found, Readers, Splits
from recipes.kit.data.source import Source
from recipes.kit.data.splits import files_of_splits, split_of
from recipes.kit.earlier import check_known, read_earlier
from recipes.kit.errors import DataError, UserError
from recipes.kit.metrics import accuracy_of_commonest, macro_f1_of_commonest
from recipes.kit.objective import Objective
from recipes.kit.option import flag
from recipes.kit.text import TokenVocabulary, split_texts
from recipes.kit.words import Vectors, read_word_vectors
from recipes.sentiment import embedded
from recipes.sentiment.formats import LABEL_NAMES, TEXT_NAMES, LabelledText, read_file
from recipes.sentiment.options import Config

#: The lists behind the ids, beside the model.
LABELS = "labels.json"

#: Sizes of the embedded parts.
SIZES = {"train": 4000, "valid": 500, "test": 1000}

#: Folders that hold no class: texts without labels.
_UNLABELLED = {"unsup", "unlabelled", "unlabeled"}


@dataclass(frozen=True)
class Data(Splits[LabelledText]):
    """Texts, and what of their training part the model knows.

    Attributes:
        labels: Every class of train: numbers by size, else by name.
        vocabulary: Words and characters of train.
        vectors: Pretrained vectors of words, if any.
        balanced: Whether all classes count alike, however rare they are.
    """

    labels: tuple[str, ...]
    vocabulary: TokenVocabulary
    vectors: Vectors | None = None
    balanced: bool = False

    @cached_property
    def objective(self) -> Objective:
        """What the best epoch is chosen by; what a constant answer reaches is the worst."""
        train, valid = ([text.label for text in part] for part in (self.train, self.valid))
        if self.balanced:
            return Objective("macro_f1", "max", worst=macro_f1_of_commonest(train, valid))
        return Objective("accuracy", "max", worst=accuracy_of_commonest(train, valid))


def load(source: Source, config: Config) -> Data:
    """Read texts; collect classes and vocabulary from their training part.

    Raises:
        UserError: If the source does not exist, cannot be fetched or lacks a train part, there is
            one class only, or an option has no effect on files such as these.
        DataError: If a file is malformed; names file and line.
    """
    earlier = read_earlier(config, LABELS, ("labels", "words", "characters"))
    splits = readers(config, strict=True).load(source, seed=config.seed)
    held_out = (example.label for example in (*splits.valid, *splits.test))
    labels = [example.label for example in splits.train]
    known = earlier["labels"] if earlier else ()
    check_known(config, "classes", labels, known)
    classes, facts = classes_of(labels, held_out, source=source, what="text", known=known)
    vectors = read_word_vectors(config)
    tokens = split_texts([example.text for example in splits.train])
    return Data(
        splits.train,
        splits.valid,
        splits.test,
        understood=(*splits.understood, *facts),
        licence=splits.licence,
        labels=classes,
        vocabulary=TokenVocabulary.kept(earlier)
        if earlier
        else TokenVocabulary.of(
            (words[: config.max_tokens] for words in tokens),
            vectors or (),
            limit=config.vocabulary_size,
        ),
        vectors=vectors,
        balanced=config.class_weight == "balanced",
    )


def load_test(source: Source, config: Config) -> Sequence[LabelledText]:
    """What to evaluate a model on: the test part of the data it was trained on, or that of another
    source, or all of another file."""
    return readers(config).load_test(source, seed=config.seed, trained_on=config.data)


def readers(config: Config, *, strict: bool = False) -> Readers[LabelledText]:
    """How texts are read; `strict` refuses options that have no effect on the files."""

    def refuse(reason: str, *names: str) -> None:
        for name in names:
            if strict and getattr(config, name) is not None:
                raise UserError(f"{flag(name)} has no effect {reason}; leave it out.")

    def files(source: Source) -> Found[LabelledText]:
        path = source.path
        if path.is_file():
            refuse("with a single file", "subset")
            paths = {"train": path}
        elif config.subset is None and (classes := _class_folders(path)):
            refuse("with a folder for each class", "text_column", "label_column")
            return Found(classes)
        else:
            paths = _files(path, config.subset)
        texts = {split: read_file(path, config) for split, path in paths.items()}
        columns = next(iter(texts.values())).columns
        if not columns:
            refuse("with lines `label text`", "text_column", "label_column")
        facts = [Fact("files", ", ".join(path.name for path in paths.values()))]
        facts += [Fact("columns", columns)] if columns else []
        return Found({split: part.examples for split, part in texts.items()}, tuple(facts))

    return Readers(
        what="texts",
        embedded=lambda: _embedded(config.seed),
        files=files,
        tfds=lambda name: _read_tfds(name, config),
        key=lambda example: example.text,
    )


def _embedded(seed: int) -> Found[LabelledText]:
    about = f"generated film reviews (seed {seed}); no review of valid or test is in train"
    return Found(embedded.generate(SIZES, seed), (Fact("made", about),), "generated: none")


def _files(folder: Path, subset: str | None) -> dict[str, Path]:
    """The file of each split, of the only set in a folder or of the one that is asked for."""
    matching = {
        split: [file for file in files if subset is None or subset in file.name]
        for split, files in files_of_splits(folder).items()
    }
    for split, files in matching.items():
        if len(files) > 1:
            names = ", ".join(file.name for file in files)
            raise UserError(
                f"{folder}: several files for the {split} split: {names}; --subset WORD takes "
                "those with the word in their names"
            )
    paths = {split: files[0] for split, files in matching.items() if files}
    if not paths:
        seen = ", ".join(file.name for file in data_files(folder)[:5]) or "no data file"
        named = "" if subset is None else f" and have {subset!r} in their names"
        raise UserError(
            f"{folder}: expected files that name a split (train, dev or valid, test){named}, or a "
            f"folder for each class; found {seen}"
        )
    return paths


def _class_folders(folder: Path) -> Mapping[str, Sequence[LabelledText]]:
    """Texts in folders named by their class, below folders named by their split or not; nothing
    where there are no such folders."""
    named = ((split_of(sub.name), sub) for sub in _folders(folder))
    parents = {split: sub for split, sub in named if split and _folders(sub)}
    if not parents and _folders(folder):
        parents = {"train": folder}
    splits = {}
    for split, parent in parents.items():
        splits[split] = [
            LabelledText(_whole_text(file), sub.name)
            for sub in _folders(parent)
            if sub.name.lower() not in _UNLABELLED
            for file in data_files(sub, (".txt", ".text"))
        ]
        if not splits[split]:
            raise UserError(f"{parent}: expected a folder for each class, with .txt files in it")
    return splits


def _folders(path: Path) -> list[Path]:
    return [sub for sub in sorted(path.iterdir()) if sub.is_dir() and sub.name[0] not in "._"]


def _whole_text(path: Path) -> str:
    text = " ".join(read_text(path).split())
    if not text:
        raise DataError(path, "expected a text, found nothing")
    return text


def _read_tfds(name: str, config: Config) -> Found[LabelledText]:
    builder = tfds.prepared_builder(name)
    features = builder.info.features

    def feature(wanted: int | str | None, usual: Sequence[str], option: str) -> str:
        named = None if wanted is None else str(wanted)
        return tfds.find_feature(f"tfds:{name}", features, named, usual, option)

    text = feature(config.text_column, TEXT_NAMES, "--text-column")
    label = feature(config.label_column, LABEL_NAMES, "--label-column")
    names = getattr(features[label], "names", None)
    splits = {
        split: [
            LabelledText(
                tfds.text_of(example[text]),
                tfds.text_of(example[label]) if names is None else names[int(example[label])],
            )
            for example in tfds.decoded(builder, part)
            # The test splits of GLUE have held their labels back: -1.
            if names is None or int(example[label]) >= 0
        ]
        for split, part in tfds.splits(builder).items()
    }
    return Found(
        splits, (Fact("features", f"text {text!r}, label {label!r}"),), tfds.licence(builder)
    )
