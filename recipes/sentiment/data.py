"""Texts with a class each: reviews and their sentiment, or any other labels.

- `embedded`: generated film reviews in which the words around a word decide what it says
  ("terribly exciting", "terribly dull"). No review of valid or test is in train.
- `tfds:imdb_reviews`, `tfds:glue/sst2`, `tfds:yelp_polarity_reviews` and others that hold a text
  and a class.
- A file, or a folder with train, dev and test files, or `--train`, `--valid` and `--test FILE`:
  lines `label text`, tables, JSONL or JSON (see `recipes.sentiment.formats`), any of them gzipped.
  Where a folder holds several sets, such as `binary.train` and `fine.train`, `--subset` says which.
- A file per class with a text on each line: `reviews.pos` and `reviews.neg`.
- A folder per class with a text in each file, below train and test folders or not, as IMDB has it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from recipes.kit.data import tfds
from recipes.kit.data.facts import Fact, understood_first
from recipes.kit.data.labels import classes_of
from recipes.kit.data.readers import Found, Readers, Splits
from recipes.kit.data.source import Source
from recipes.kit.earlier import check_known, read_earlier
from recipes.kit.errors import UserError
from recipes.kit.metrics import accuracy_of_commonest, macro_f1_of_commonest
from recipes.kit.objective import Objective
from recipes.kit.option import flag
from recipes.kit.text import TokenVocabulary, split_texts
from recipes.kit.words import Vectors, read_word_vectors
from recipes.sentiment import embedded
from recipes.sentiment.columns import LABEL_NAMES, TEXT_NAMES
from recipes.sentiment.labels import LabelledText
from recipes.sentiment.options import Config
from recipes.sentiment.sources import read_files

#: The lists behind the ids, beside the model.
LABELS = "labels.json"

#: Sizes of the embedded parts.
SIZES = {"train": 4000, "valid": 500, "test": 1000}


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
    splits = readers(config, training=True).load(source, seed=config.seed)
    held_out = (example.label for example in (*splits.valid, *splits.test))
    labels = [example.label for example in splits.train]
    known = earlier["labels"] if earlier else ()
    with understood_first(splits.understood):
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


def readers(config: Config, *, training: bool = False) -> Readers[LabelledText]:
    """How texts are read; `training` refuses options that have no effect on the
    files, and labels that look like none."""

    def refuse(reason: str, *names: str) -> None:
        for name in names:
            if training and getattr(config, name) is not None:
                raise UserError(f"{flag(name)} has no effect {reason}; leave it out.")

    return Readers(
        what="texts",
        embedded=lambda: _embedded(config.seed),
        files=lambda source: read_files(source, config, training=training, refuse=refuse),
        tfds=lambda name: _read_tfds(name, config),
        key=lambda example: example.text,
    )


def _embedded(seed: int) -> Found[LabelledText]:
    about = f"generated film reviews (seed {seed}); no review of valid or test is in train"
    return Found(embedded.generate(SIZES, seed), (Fact("made", about),), "generated: none")


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
