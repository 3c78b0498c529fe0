"""Images of one size, in whole numbers from 0 to their greatest intensity.

- `embedded`: scikit-learn's handwritten digits, 8 x 8, intensities 0 to 16.
- `tfds:mnist`, `tfds:cifar10`, `tfds:binarized_mnist` and others with a feature `image`.
- An `.npz` file with the keys of `keras.datasets`: `x_train`, and `x_test`, `x_valid` where there
  are any; or with one array of images, or one for each part by its name (`train_images`). An
  `.npy` file is an array of images too. Unsigned integers are scaled to bytes by their depth,
  floats are fractions of 1.
- A folder of image files (PNG, JPEG and whatever else Pillow reads, of 1 to 32 bits, with alpha or
  without; or an `.npy` file for each), searched to the bottom. Where its folders are named train,
  valid or dev, and test, on any level, these are the splits. Or a folder of `.npz` or `.npy` files
  named so.
- `--train`, `--valid` and `--test` with any of these files and folders.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from recipes.kit.data import tfds
from recipes.kit.data.facts import Fact, counted, understood_first
from recipes.kit.data.images import Canvas, Colour, draw, has_colour, size_of
from recipes.kit.data.intensities import bytes_of
from recipes.kit.data.readers import Found, Readers, Splits
from recipes.kit.data.source import Source
from recipes.kit.earlier import read_earlier
from recipes.kit.errors import DataError, UserError
from recipes.kit.objective import Objective
from recipes.pixel_rnn.formats import SIZES, read_files
from recipes.pixel_rnn.options import Config

#: What the images are, beside the model.
IMAGES = "images.json"

#: The greatest intensity of the embedded digits.
_DIGITS_TOP = 16


@dataclass(frozen=True)
class Data:
    """Images, and how their intensities become levels.

    Attributes:
        train: Images in intensities, (count, height, width, channels), uint8.
        valid: Likewise; black and white already where pixels are sampled.
        test: Likewise.
        top: The greatest intensity there can be: 1 for black and white, 255 for bytes.
        levels: How many levels there are.
        sampled: Whether a pixel is white as often as it is bright.
        seed: Of the samples.
        understood: What was understood of the source, in order.
        licence: Under what licence the images stand.
    """

    train: np.ndarray
    valid: np.ndarray
    test: np.ndarray
    top: int
    levels: int
    sampled: bool
    seed: int
    understood: tuple[Fact, ...]
    licence: str

    @property
    def shape(self) -> tuple[int, int, int]:
        """Height, width and channels."""
        height, width, channels = self.train.shape[1:]
        return height, width, channels

    @property
    def objective(self) -> Objective:
        """What the best epoch is chosen by."""
        return Objective("nats_per_image", "min")

    def to_levels(self, images: np.ndarray) -> np.ndarray:
        """Levels of images in intensities."""
        return to_levels(images, self.top, self.levels)

    def train_levels(self, epoch: int) -> np.ndarray:
        """Levels of the training images in an epoch."""
        if not self.sampled:
            return self.to_levels(self.train)
        return draw_binary(self.train, self.top, np.random.default_rng((self.seed, epoch)))


def load(source: Source, config: Config) -> Data:
    """Read images.

    Raises:
        UserError: If the source does not exist or cannot be fetched, images differ in size, or
            options do not fit them.
        DataError: If a file is broken; names it.
    """
    splits = readers(config, config.colour).load(source, seed=config.seed)
    with understood_first(splits.understood):
        return _data_of(splits, source, config)


def _data_of(splits: Splits[np.ndarray], source: Source, config: Config) -> Data:
    if config.background != "white" and config.from_ is None:
        transparent = any(fact.topic == "background" for fact in splits.understood)
        if not transparent:
            raise UserError(
                "--background has no effect on images without transparent pixels; leave it out."
            )
    train, valid, test = (np.stack(part) for part in (splits.train, splits.valid, splits.test))
    facts = [*splits.understood]
    if config.limit is not None:
        train, valid = train[: config.limit], valid[: max(1, config.limit // 5)]
        facts.append(Fact("limit", f"the first {len(train):,} train and {len(valid):,} valid"))
    top = _top(train, source)
    _check_fit(config, top, train.shape[-1])
    levels = 2 if config.binarize != "none" or top == 1 else config.levels or top + 1
    sampled = config.binarize == "sample"
    if earlier := read_earlier(config, IMAGES, ("shape", "top", "levels")):
        _check_alike(config, earlier, (train.shape[1:], top, levels))
    how = ", white as often as bright" if sampled else ""
    scale = f"intensities 0 to {top} in {levels} levels{how}"
    facts.append(Fact("pixels", f"{described(train.shape[1:])}, {scale}"))
    lowest, highest = int(train.min()), int(train.max())
    facts.append(Fact("values", f"{lowest} to {highest} in train, {train.mean():.1f} on average"))
    if sampled:
        valid, test = (drawn_once(part, top, config.seed) for part in (valid, test))
    return Data(train, valid, test, top, levels, sampled, config.seed, tuple(facts), splits.licence)


def load_test(source: Source, config: Config, shape: Sequence[int], top: int) -> np.ndarray:
    """What to evaluate a model on, as it was trained to see it: the test part of the data it was
    trained on, or that of another source, or all of another file.

    Args:
        source: The source.
        config: That of the model.
        shape: Height, width and channels of its images.
        top: Their greatest intensity.

    Raises:
        UserError, DataError: As for `load`; or if the images are not like those of the model.
    """
    seed = config.seed
    colour: Colour = "rgb" if shape[2] == 3 else "grey"
    reader = readers(config, colour)
    images = np.stack(reader.load_test(source, seed=seed, trained_on=config.data))
    its_top = _top(images, source)
    if images.shape[1:] != tuple(shape) or its_top != top:
        raise DataError(
            str(source),
            f"expected images {[*shape]} with intensities to {top}, found "
            f"{[*images.shape[1:]]} to {its_top}",
        )
    return drawn_once(images, top, seed) if config.binarize == "sample" else images


def readers(config: Config, colour: Colour | None) -> Readers[np.ndarray]:
    """How images are read, all in one size and colour.

    Args:
        config: Says the size and the background.
        colour: Grey or RGB; None for what the images have.
    """
    canvas = Canvas(colour or "rgb", config.size, config.background)

    def alike(found: Found[np.ndarray], source: Source) -> Found[np.ndarray]:
        return _alike(found, source, canvas, asked=colour is not None)

    return Readers(
        what="images",
        embedded=lambda: alike(_digits(), Source()),
        files=lambda source: alike(read_files(source, canvas, config), source),
        tfds=lambda name: alike(_read_tfds(name), Source("tfds", name)),
        key=lambda image: image.tobytes(),
    )


def described(shape: Sequence[int]) -> str:
    """Height, width and colour of images, for a person."""
    return f"{size_of(shape[0], shape[1])} {'RGB' if shape[2] == 3 else 'grey'}"


def _check_fit(config: Config, top: int, channels: int) -> None:
    for field in ("units", "head_units"):
        fits = getattr(config, field) % channels == 0
        config.require(
            fits, field, "a multiple of 3, as the images are RGB (--colour grey turns them grey)"
        )
    ignored = {"binarize": config.binarize != "none", "levels": config.levels not in (None, 2)}
    for field, chosen in ignored.items():
        if top == 1 and chosen:
            raise UserError(
                f"--{field} has no effect on images that are black and white already; leave it out."
            )


def _check_alike(
    config: Config, earlier: Mapping[str, Any], found: tuple[Sequence[int], int, int]
) -> None:
    """Refuse other images than the model to start from was trained on."""

    def described(shape: Sequence[int], top: int, levels: int) -> str:
        return f"images {[*shape]} with intensities to {top} in {levels} levels"

    expected = described(earlier["shape"], earlier["top"], earlier["levels"])
    if described(*found) != expected:
        raise UserError(
            f"--from {config.from_}: its model takes {expected}; found {described(*found)}."
        )


def _top(images: np.ndarray, source: Source) -> int:
    """The greatest intensity there can be: that of bytes, or 1 in a set that is black and white."""
    if source.kind == "embedded":
        return _DIGITS_TOP
    return 1 if images.max() <= 1 else 255


def _digits() -> Found[np.ndarray]:
    from sklearn.datasets import load_digits

    return Found(
        {"train": [*load_digits().images.astype("uint8")[..., None]]},
        (Fact("digits", "handwritten, of scikit-learn"),),
        "CC BY 4.0 (Alpaydin and Kaynak, UCI; in scikit-learn)",
    )


def _read_tfds(name: str) -> Found[np.ndarray]:
    builder = tfds.prepared_builder(name)
    features = builder.info.features
    if "image" not in features:
        have = ", ".join(sorted(features))
        raise UserError(f"tfds:{name}: expected a feature 'image', found {have}")
    splits = {
        split: [
            bytes_of(np.asarray(example["image"]), Path(f"tfds:{name}"), "image")
            for example in tfds.decoded(builder, part)
        ]
        for split, part in tfds.splits(builder).items()
    }
    return Found(splits, licence=tfds.licence(builder))


def _alike(
    found: Found[np.ndarray], source: Source, canvas: Canvas, *, asked: bool
) -> Found[np.ndarray]:
    """The images in one size and colour: unless one is asked for, RGB if any of them has colour."""
    facts = [*found.understood]
    every = [image for images in found.splits.values() for image in images]
    if not asked:
        coloured = sum(image.shape[-1] > 1 and has_colour(image[..., :3]) for image in every)
        canvas = replace(canvas, colour="rgb" if coloured else "grey")
        if any(image.shape[-1] > 1 for image in every):
            share = f"{coloured:,} of {len(every):,} images have colour"
            facts.append(Fact("colour", f"{'RGB' if coloured else 'grey'}: {share}"))
    splits = {
        split: [_drawn(image, canvas) for image in images]
        for split, images in found.splits.items()
        if len(images)
    }
    sizes = Counter(
        size_of(image.shape[0], image.shape[1]) for images in splits.values() for image in images
    )
    if len(sizes) > 1:
        raise UserError(
            f"{source}: images differ in size: {counted(sizes, SIZES)}; --size N cuts and scales "
            "them to N x N."
        )
    return Found(splits, tuple(facts), found.licence)


def _drawn(image: np.ndarray, canvas: Canvas) -> np.ndarray:
    height, width, channels = image.shape
    fits = canvas.size is None or (height, width) == (canvas.size, canvas.size)
    if fits and channels == (3 if canvas.colour == "rgb" else 1):
        return image
    return draw(Image.fromarray(image[..., 0] if channels == 1 else image), canvas)


def to_levels(images: np.ndarray, top: int, levels: int) -> np.ndarray:
    """Intensities from 0 to `top` in so many equal steps, int32; two levels are a threshold."""
    return (images.astype("int32") * levels) // (top + 1)


def draw_binary(images: np.ndarray, top: int, generator: np.random.Generator) -> np.ndarray:
    """Each pixel 1 with the probability that its intensity says, int32."""
    return (generator.random(images.shape, "float32") * top < images).astype("int32")


def drawn_once(images: np.ndarray, top: int, seed: int) -> np.ndarray:
    """Sampled binarisation for evaluation, the same every time, in intensities: 0 or `top`."""
    generator = np.random.default_rng((seed, 2**31))
    return (top * draw_binary(images, top, generator)).astype("uint8")
