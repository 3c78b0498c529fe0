"""Clips with classes, in three parts.

- `embedded`: handwritten digits that move (`recipes.video.moving`).
- `tfds:ucf101` and others with the features `video` and `label`.
- An `.npz` file (`recipes.video.npz`), or a table: CSV, TSV or JSONL with a row for each clip
  (`recipes.video.tables`), or a folder with tables.
- A folder with a folder for each class, in it clips: folders of images, animated images (GIF,
  WebP), video files; perhaps below folders named train, valid and test.

Clips of the same group (that of `groups` in arrays, of a column of a table, or `_g07` in names like
`v_Archery_g07_c02.avi`) go to the same part; others do if their frames are the same.
"""

from __future__ import annotations

import itertools
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from recipes.kit.data import tfds
from recipes.kit.data.facts import Fact, counted, how_many, listed
from recipes.kit.data.labels import classes_of
from recipes.kit.data.readers import Found, Readers, Splits
from recipes.kit.data.source import SPLITS, Source
from recipes.kit.data.splits import complete_splits
from recipes.kit.earlier import check_known, read_earlier
from recipes.kit.errors import UserError
from recipes.kit.objective import Objective
from recipes.kit.option import replaced
from recipes.video.clips import Clip, spread
from recipes.video.decoding import Taking
from recipes.video.formats import read_files
from recipes.video.moving import LONGEST, OPPOSITES, SHORTEST, moving_digit, turning_digit
from recipes.video.options import Config
from recipes.video.pixels import Shape, fit_frames

#: Classes and frames, beside the model.
RECORD = "video.json"

#: Clips of each embedded part.
_COUNTS = {"train": 4000, "valid": 400, "test": 800}


@dataclass(frozen=True)
class Data(Splits[Clip]):
    """Clips in three parts.

    Attributes:
        labels: The classes.
        shape: Height, width and channels of a frame.
        opposites: Of a class that which it is backwards, where that is known.
        accuracy: What the share of right answers is called: `accuracy`, or of frames
            `frame_accuracy`.
    """

    labels: tuple[str, ...]
    shape: Shape
    opposites: dict[str, str]
    accuracy: str

    @property
    def objective(self) -> Objective:
        """What the best epoch is chosen by."""
        return Objective(self.accuracy, "max")


def load(source: Source, config: Config) -> Data:
    """Read clips.

    Raises:
        UserError: If the source does not exist, or frames differ in shape.
        DataError: If a file is malformed; names it.
    """
    earlier = read_earlier(config, RECORD, ("labels", "shape"))
    known = tuple(earlier["labels"]) if earlier else ()
    reader = readers(config, tuple(earlier["shape"]) if earlier else None)
    splits = reader.load(source, seed=config.seed)
    every = [*splits.train, *splits.valid, *splits.test]
    shape = shape_of(every, source)
    train = [label for clip in splits.train for label in clip.labels]
    held_out = [label for part in (splits.valid, splits.test) for c in part for label in c.labels]
    check_known(config, "classes", train, known)
    labels, facts = classes_of(train, held_out, source=source, what=config.labels, known=known)
    lengths = [len(clip) for clip in every]
    megabytes = sum(clip.frames.nbytes for clip in every) / 1e6
    facts = (
        *facts,
        Fact("lengths", f"{min(lengths)} to {max(lengths)} frames of {shape}"),
        Fact("memory", f"{megabytes:,.1f} MB of decoded frames"),
        *_about_groups(splits),
    )
    return Data(
        splits.train,
        splits.valid,
        splits.test,
        (*splits.understood, *facts),
        splits.licence,
        labels,
        shape,
        dict(OPPOSITES) if source.kind == "embedded" else {},
        "accuracy" if config.labels == "clip" else "frame_accuracy",
    )


def load_test(source: Source, config: Config, shape: Shape) -> Sequence[Clip]:
    """What to evaluate a model on, in the shape that it takes: of other data all of it."""
    own = source == config.data
    reader = readers(config if own else replaced(config, limit=None), shape)
    return reader.load_test(source, seed=config.seed, trained_on=config.data)


def readers(config: Config, shape: Shape | None = None) -> Readers[Clip]:
    """How each kind of source is read; `shape` is that of a model, to fit the frames in."""
    return Readers(
        what="clips",
        embedded=lambda: _digits(config, shape),
        files=lambda source: read_files(source, config, shape),
        tfds=lambda name: _read_tfds(name, config, shape),
        complete=_complete,
    )


def shape_of(clips: Sequence[Clip], source: object) -> Shape:
    """Height, width and channels of all frames.

    Raises:
        UserError: If they differ.
    """
    shapes = {clip.frames.shape[1:] for clip in clips}
    if len(shapes) > 1:
        have = counted({str(shape): 1 for shape in shapes}, 3)
        raise UserError(f"{source}: frames differ in shape: {have}; --size N scales them.")
    height, width, channels = shapes.pop()
    return height, width, channels


def _complete(
    splits: Mapping[str, Sequence[Clip]], seed: int, source: Source
) -> tuple[dict[str, tuple[Clip, ...]], str]:
    grouped = any(clip.group for clips in splits.values() for clip in clips)
    what = "groups" if grouped else "clips"
    return complete_splits(splits, seed=seed, where=str(source), what=what, key=_key)


def _key(clip: Clip) -> Hashable:
    return clip.group or (clip.frames.shape, clip.frames.tobytes())


def _about_groups(splits: Splits[Clip]) -> list[Fact]:
    """How many groups there are, and which of them are in two parts, as only the source can say."""
    parts: dict[str, set[str]] = {}
    for name in SPLITS:
        for clip in getattr(splits, name):
            if clip.group:
                parts.setdefault(clip.group, set()).add(name)
    if not parts:
        return []
    divided = [group for group, names in parts.items() if len(names) > 1]
    text = f"{how_many(len(parts), 'groups')} of clips"
    if not divided:
        return [Fact("groups", f"{text}, none of them in two parts")]
    return [Fact("groups", f"{text}; in two parts, as the source has it: {listed(divided, 5)}")]


def _digits(config: Config, shape: Shape | None) -> Found[Clip]:
    from sklearn.datasets import load_digits

    images = load_digits().images.astype("float64")
    order = np.random.default_rng(0).permutation(len(images))
    of_part = dict(zip(_COUNTS, np.split(images[order], [1200, 1400]), strict=True))
    splits = {}
    for number, (part, count) in enumerate(_COUNTS.items()):
        generator = np.random.default_rng((0, number))
        clips = []
        for index in range(min(count, config.most(part) or count)):
            digit = of_part[part][generator.integers(len(of_part[part]))]
            if config.labels == "frame":
                frames, labels = turning_digit(digit, generator)
            else:
                frames, label = moving_digit(digit, generator)
                labels = (label,)
            clips.append(
                Clip(fit_frames(frames, shape or frames.shape[1:]), labels, f"{part} {index}")
            )
        splits[part] = clips
    text = (
        f"handwritten digits that move, {SHORTEST} to {LONGEST} frames; other digits in each part"
    )
    return Found(
        splits,
        (Fact("motions", text),),
        "CC BY 4.0 (Alpaydin and Kaynak, UCI; in scikit-learn)",
    )


def _read_tfds(name: str, config: Config, shape: Shape | None) -> Found[Clip]:
    where = f"tfds:{name}"

    def check(features: Mapping[str, Any]) -> None:
        if missing := {"video", "label"} - {*features}:
            have, lacks = ", ".join(sorted(features)), " and no ".join(sorted(missing))
            raise UserError(
                f"{where}: expected the features video and label, as ucf101 has them; found "
                f"{have}, so there is no {lacks} to learn from."
            )

    if config.labels == "frame":
        raise UserError(f"{where}: has classes of clips; leave out --labels frame.")
    builder = tfds.prepared_builder(name, check)
    names = getattr(builder.info.features["label"], "names", None)
    taking = Taking.of(config, shape)

    def clips(split: str, part: str) -> Iterator[Clip]:
        for index, row in enumerate(
            itertools.islice(tfds.decoded(builder, part), config.most(split))
        ):
            frames, label = np.asarray(row["video"]), row["label"]
            numbers = range(0, len(frames), config.every)
            chosen = [numbers[place] for place in spread(len(numbers), taking.most)]
            pixels = np.concatenate([fit_frames(frames[[n]], taking.shape) for n in chosen])
            text = names[int(label)] if names else tfds.text_of(_plain(label))
            yield Clip(pixels, (text,), f"{split} {index}")

    splits = {split: [*clips(split, part)] for split, part in tfds.splits(builder).items()}
    facts = [Fact("features", "video and label")]
    if "ucf101" in name:
        text = "not told by TFDS: clips cut from one video may be in train and in valid"
        facts.append(Fact("groups", text))
    return Found(splits, tuple(facts), tfds.licence(builder))


def _plain(label: Any) -> Any:
    return label if isinstance(label, bytes | str) else np.asarray(label).item()
