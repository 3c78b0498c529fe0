"""Clips with classes, in three parts.

- `embedded`: handwritten digits that move (`recipes.video.moving`).
- An `.npz` file with `clips` (clips, time, height, width[, channels]), `lengths` and `labels`, or
  with `--labels frame` `frame_labels` (clips, time); also `groups` and `splits`.
- A folder with a folder for each class, in it clips: folders of images, animated images (GIF,
  WebP), video files; perhaps below folders named train, valid and test.

Clips of the same group (in `groups`, or `_g07` in names like `v_Archery_g07_c02.avi`) go to the
same part; others do if their frames are the same.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np

from recipes.kit.data.facts import Fact, counted, how_many
from recipes.kit.data.labels import classes_of
from recipes.kit.data.readers import Found, Readers, Splits
from recipes.kit.data.source import Source
from recipes.kit.earlier import check_known, read_earlier
from recipes.kit.errors import UserError
from recipes.kit.objective import Objective
from recipes.video.clips import Clip
from recipes.video.formats import read_files
from recipes.video.moving import LONGEST, OPPOSITES, SHORTEST, moving_digit, turning_digit
from recipes.video.options import Config

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
    """

    labels: tuple[str, ...]
    shape: tuple[int, int, int]
    opposites: dict[str, str]

    @property
    def objective(self) -> Objective:
        """What the best epoch is chosen by."""
        return Objective("accuracy", "max")


def load(source: Source, config: Config) -> Data:
    """Read clips.

    Raises:
        UserError: If the source does not exist, or frames differ in shape.
        DataError: If a file is malformed; names it.
    """
    splits = readers(config).load(source, seed=config.seed)
    every = [*splits.train, *splits.valid, *splits.test]
    shape = shape_of(every, source)
    earlier = read_earlier(config, RECORD, ("labels", "shape"))
    train = [label for clip in splits.train for label in clip.labels]
    held_out = [label for part in (splits.valid, splits.test) for c in part for label in c.labels]
    known = tuple(earlier["labels"]) if earlier else ()
    if earlier:
        check_known(config, "classes", train, known)
        if tuple(earlier["shape"]) != shape:
            raise UserError(f"{source}: expected frames {earlier['shape']}, found {[*shape]}.")
    what = "clip" if config.labels == "clip" else "frame"
    labels, facts = classes_of(train, held_out, source=source, what=what, known=known)
    lengths = [len(clip) for clip in every]
    megabytes = sum(clip.frames.nbytes for clip in every) / 1e6
    facts = (
        *facts,
        Fact("lengths", f"{min(lengths)} to {max(lengths)} frames of {shape}"),
        Fact("memory", f"{megabytes:,.0f} MB of decoded frames"),
    )
    if groups := {clip.group for clip in every} - {""}:
        facts = (*facts, Fact("groups", f"{how_many(len(groups), 'groups')}, kept together"))
    return Data(
        splits.train,
        splits.valid,
        splits.test,
        (*splits.understood, *facts),
        splits.licence,
        labels,
        shape,
        dict(OPPOSITES) if source.kind == "embedded" else {},
    )


def load_test(source: Source, config: Config) -> Sequence[Clip]:
    """What to evaluate a model on."""
    return readers(config).load_test(source, seed=config.seed, trained_on=config.data)


def readers(config: Config) -> Readers[Clip]:
    """How each kind of source is read."""
    return Readers(
        what="clips",
        embedded=lambda: _digits(config),
        files=lambda source: read_files(source, config),
        key=_key,
    )


def shape_of(clips: Sequence[Clip], source: object) -> tuple[int, int, int]:
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


def _key(clip: Clip) -> Hashable:
    return clip.group or (clip.frames.shape, clip.frames.tobytes())


def _digits(config: Config) -> Found[Clip]:
    from sklearn.datasets import load_digits

    images = load_digits().images.astype("float64")
    order = np.random.default_rng(0).permutation(len(images))
    of_part = dict(zip(_COUNTS, np.split(images[order], [1200, 1400]), strict=True))
    splits = {}
    for number, (part, count) in enumerate(_COUNTS.items()):
        generator = np.random.default_rng((0, number))
        clips = []
        for index in range(count):
            digit = of_part[part][generator.integers(len(of_part[part]))]
            if config.labels == "frame":
                frames, labels = turning_digit(digit, generator)
            else:
                frames, label = moving_digit(digit, generator)
                labels = (label,)
            clips.append(Clip(frames, labels, f"{part} {index}"))
        splits[part] = clips
    text = (
        f"handwritten digits that move, {SHORTEST} to {LONGEST} frames; other digits in each part"
    )
    return Found(
        splits,
        (Fact("motions", text),),
        "CC BY 4.0 (Alpaydin and Kaynak, UCI; in scikit-learn)",
    )
