"""Images with captions.

- `embedded`, `embedded:scenes`: scenes of scikit-learn's handwritten digits with sentences about
  them (see `recipes.captioning.scenes`, which says what is unseen in training).
- `embedded:formulas`: pictures of formulas with their LaTeX (see `recipes.captioning.formulas`).
- `tfds:coco_captions` and others with a feature `image` and one that holds captions.
- A table, JSONL or JSON of image paths and captions, Flickr8k's and COCO's files, or a folder with
  one of them or with a text file beside each image (see `recipes.captioning.formats`); or
  `--train`, `--valid` and `--test` with any of these.

Missing parts are made of distinct images, so that all captions of an image are in one part.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from recipes.captioning import formulas, scenes
from recipes.captioning.example import Example
from recipes.captioning.formats import read_files
from recipes.captioning.options import Config
from recipes.captioning.pixels import Drawing, png
from recipes.kit.data import tfds
from recipes.kit.data.facts import Fact, shortened
from recipes.kit.data.readers import Found, Readers, Splits
from recipes.kit.data.source import Source
from recipes.kit.earlier import read_earlier
from recipes.kit.errors import UserError
from recipes.kit.objective import Objective
from recipes.kit.pieces import SentencePieces, learn_pieces
from recipes.kit.vocabulary import Vocabulary

#: The pieces behind the ids, beside the model.
PIECES = "pieces.json"

#: The embedded sets by name; "" is the usual one.
EMBEDDED: Mapping[str, Callable[[Mapping[str, int]], Found[Example]]] = {
    "": scenes.load,
    "scenes": scenes.load,
    "formulas": formulas.load,
}

_CAPTIONS = ("captions", "caption", "text", "sentence", "description")


@dataclass(frozen=True)
class Data(Splits[Example]):
    """Images with captions, and the pieces of the training captions that the model knows.

    Attributes:
        pieces: Those pieces.
        max_length: Most pieces of a caption that is written.
        made: Whether the captions are generated, so that they can be right to the word.
    """

    pieces: SentencePieces
    max_length: int
    made: bool

    @property
    def objective(self) -> Objective:
        """What the best epoch is chosen by."""
        return Objective("exact_match" if self.made else "bleu_4", "max", worst=0.0)


def load(source: Source, config: Config) -> Data:
    """Read images with captions; collect the pieces of the training captions.

    Raises:
        UserError: If the source does not exist, cannot be fetched or lacks a train part.
        DataError: If a file is malformed; names it.
    """
    splits = _limited(_readers(config).load(source, seed=config.seed), config.limit)
    captions = [caption for example in splits.train for caption in example.captions]
    earlier = read_earlier(config, PIECES, ("level", "max_length", "pieces"))
    if earlier:
        known = Vocabulary(earlier["level"], tuple(earlier["pieces"]))
    else:
        known = learn_pieces(captions, config.level, config.vocabulary_size)
    pieces = SentencePieces(known)
    longest = max(map(len, pieces.encode_all(captions))) + 1
    mean = len(captions) / len(splits.train)
    colour = "RGB" if config.colour == "rgb" else "grey"
    facts = (
        Fact("captions", f"{mean:.3g} of an image, the longest of {longest - 1} {config.level}s"),
        Fact("vocabulary", f"{len(known.pieces):,} kinds of {config.level}s"),
        Fact("drawn", f"{config.size[0]} x {config.size[1]} {colour}, proportions kept"),
    )
    return Data(
        splits.train,
        splits.valid,
        splits.test,
        understood=(*splits.understood, *facts),
        licence=splits.licence,
        pieces=pieces,
        max_length=max(longest + longest // 5 + 1, earlier["max_length"] if earlier else 0),
        made=source.kind == "embedded",
    )


def load_test(source: Source, config: Config) -> Sequence[Example]:
    """What to evaluate on: the test part of the data the model was trained on, or that of another
    source, or all of another file."""
    return _readers(config).load_test(source, seed=config.seed, trained_on=config.data)


def _readers(config: Config) -> Readers[Example]:
    drawing = Drawing(config)
    return Readers(
        what="images",
        embedded=lambda: _embedded(config, drawing),
        files=lambda source: read_files(source, config, drawing),
        tfds=lambda name: _read_tfds(name, config, drawing),
        key=lambda example: example.content,
        names=tuple(name for name in EMBEDDED if name),
    )


def _embedded(config: Config, drawing: Drawing) -> Found[Example]:
    """The embedded set of the config, drawn anew where other sizes or colours are asked for."""
    found = EMBEDDED[config.data.name](_parts(config))
    shape = (drawing.height, drawing.width, drawing.channels)
    if all(e.image.shape == shape for examples in found.splits.values() for e in examples):
        return found
    splits = {
        split: [
            Example(drawing.one(tf.constant(png(e.image))).numpy(), e.captions, e.name)
            for e in examples
        ]
        for split, examples in found.splits.items()
    }
    return Found(splits, found.understood, found.licence)


def _parts(config: Config) -> Mapping[str, int]:
    """Number of images to make for each part, only as many as are used."""
    parts = formulas.PARTS if config.formulas else scenes.SIZES
    limit = config.limit or parts["train"]
    held_out = max(1, limit // 5)
    return {
        split: min(count, limit if split == "train" else held_out) for split, count in parts.items()
    }


def _limited(splits: Splits[Example], limit: int | None) -> Splits[Example]:
    if limit is None:
        return splits
    fewer = max(1, limit // 5)
    train, valid, test = splits.train[:limit], splits.valid[:fewer], splits.test[:fewer]
    sizes = f"the first {len(train):,} train, {len(valid):,} valid, {len(test):,} test"
    understood = (*splits.understood, Fact("limit", sizes))
    return Splits(train, valid, test, understood, splits.licence)


def _read_tfds(name: str, config: Config, drawing: Drawing) -> Found[Example]:
    where, builder = f"tfds:{name}", tfds.prepared_builder(name)
    features = builder.info.features
    if "image" not in features:
        raise UserError(f"{where}: expected a feature 'image', found {', '.join(sorted(features))}")
    wanted = config.caption_column
    feature = tfds.find_feature(where, features, wanted, _CAPTIONS, "--caption-column")
    splits: dict[str, list[Example]] = {}
    for split, part in tfds.splits(builder).items():
        splits[split] = []
        for index, row in enumerate(tfds.decoded(builder, part)):
            if captions := _texts(row[feature]):
                image = drawing.one(tf.constant(png(np.asarray(row["image"])))).numpy()
                splits[split].append(Example(image, captions, f"{split} {index}"))
    first = next((e.captions[0] for examples in splits.values() for e in examples), "")
    facts = (Fact("feature", feature), Fact("first caption", shortened(first)))
    return Found(splits, facts, tfds.licence(builder))


def _texts(value: object) -> tuple[str, ...]:
    """The captions in a feature: one, several, or several with `text` below."""
    if isinstance(value, Mapping):
        value = value.get("text", value.get("raw", ()))
    many = [value] if isinstance(value, str | bytes) else np.ravel(np.asarray(value)).tolist()
    texts = (" ".join(tfds.text_of(text).split()) for text in many)
    return tuple(dict.fromkeys(text for text in texts if text))
