"""Options of the captioning recipe."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

from recipes.kit.data.reading import TextFiles
from recipes.kit.decoding import DecodingConfig
from recipes.kit.errors import UserError
from recipes.kit.option import Group, option
from recipes.kit.options import FitConfig, Schedule, StackConfig
from recipes.kit.vocabulary import Level

#: Height and width of the embedded scenes, and of other images unless --size says otherwise.
SCENE, PHOTO = (48, 48), (96, 96)

#: That of images for an encoder of `keras.applications`.
LARGE = (224, 224)

#: Height and width of the pictures of formulas, and the width of the layer that reads their rows.
FORMULA, ROWS = (48, 192), 96

#: Defaults for the embedded sets, where they are not those for other images.
FOR_SCENES: Mapping[str, Any] = {
    "size": SCENE,
    "learning_rate": 3e-3,
    "dropout": 0.1,
    "word_dropout": 0.3,
    "filters": (16, 32, 64, 128, 128),
}
FOR_FORMULAS: Mapping[str, Any] = {
    "size": FORMULA,
    "epochs": 9,
    "batch_size": 16,
    "units": 256,
    "dropout": 0.0,
    "attention": "dot",
    "filters": (16, 32, 64, 96),
    "row_units": ROWS,
    "shift": 2,
}

#: Most tokens of a short formula.
SHORT = 12


@dataclass(frozen=True)
class Config(TextFiles, DecodingConfig, StackConfig, FitConfig):
    """Options of the captioning recipe. The recurrent stack is that of the decoder."""

    for_little: ClassVar[Mapping[int, Mapping[str, Any]]] = {1000: {}, 300: {"units": 64}}

    epochs: int = option(
        None,
        "Maximum number of passes over the training data; more with little data. By default 20, "
        "for formulas 9.",
        heading="training",
        at_least=1,
    )
    batch_size: int = option(
        None,
        "Examples per training step; fewer with little data. By default 64, for formulas 16.",
        heading="training",
        at_least=1,
    )
    learning_rate: float = option(
        None,
        "Peak learning rate. By default 0.002, for scenes 0.003.",
        heading="training",
        above=0,
    )
    schedule: Schedule = "cosine"
    cell: str = "gru"
    units: int = option(
        None,
        "Width of each recurrent layer. By default 128, for formulas 256.",
        heading="model",
        at_least=1,
    )
    dropout: float = option(
        None,
        "Share of the inputs of each layer dropped in training. By default 0.2, for scenes 0.1, "
        "for formulas 0.",
        heading="model",
        at_least=0,
        below=1,
    )
    word_dropout: float = option(
        None,
        "Share of the words before the next one that become unknown to the decoder in training. By "
        "default 0, for scenes 0.3.",
        heading="training",
        at_least=0,
        below=1,
    )
    shift: int = option(
        None,
        "Move each image at random by up to so many pixels in training. By default 0, for formulas "
        "2.",
        heading="training",
        at_least=0,
    )
    attention: Literal["additive", "dot", "none"] = option(
        None,
        "How the decoder looks at the image: by a small network (additive), by a product (dot), "
        "or not at all, with one vector for the whole image. By default additive, for formulas "
        "dot.",
        heading="model",
    )
    encoder: str = option(
        "own",
        "What turns images into a grid: own convolutions, or a network of keras.applications such "
        "as EfficientNetB0 or MobileNetV3Small.",
        heading="model",
    )
    encoder_weights: str = option(
        "imagenet",
        "Weights that another --encoder begins with: those of imagenet, fetched once; none, that "
        "is, random ones; or a file of them, without the top.",
        heading="training",
    )
    train_encoder: bool = option(
        False,
        "Train the weights of another --encoder as well; else they stay as they are.",
        heading="training",
    )
    filters: tuple[int, ...] | None = option(
        None,
        "Features of each convolution; the first three halve height and width. By default 32 64 "
        "128, for scenes 16 32 64 128 128, for formulas 16 32 64 96.",
        heading="model",
        at_least=1,
    )
    normalization: Literal["batch", "group", "none"] = option(
        "batch",
        "Of the convolutions: over the images of a batch, over groups of features of each image, "
        "or none.",
        heading="model",
    )
    row_units: int = option(
        None,
        "Width of a bidirectional layer that reads each row of the image first, as for lines of "
        f"text; 0 is none. By default 0, for formulas {ROWS}.",
        heading="model",
        at_least=0,
    )
    input_feeding: bool = option(
        False,
        "Give the decoder what it looked at in the step before. Slower in training.",
        heading="model",
    )
    embedding_dim: int = option(64, "Width of the word embedding.", heading="model", at_least=1)
    level: Level = option(
        None,
        "What a piece of a caption is. By default a word (word).",
        heading="model",
    )
    vocabulary_size: int | None = option(
        8000,
        "Know at most this many pieces, the most frequent ones. None knows all.",
        heading="model",
        at_least=1,
    )
    size: tuple[int, int] = option(
        None,
        "Height and width that images are scaled to, with their proportions kept and the rest "
        f"filled with --background. By default {PHOTO[0]} {PHOTO[1]}, for the embedded scenes "
        f"{SCENE[0]} {SCENE[1]}, for formulas {FORMULA[0]} {FORMULA[1]}, for another --encoder "
        f"{LARGE[0]} {LARGE[1]}.",
        heading="data",
        at_least=16,
    )
    colour: Literal["grey", "rgb"] = option(
        None,
        "Turn images to grey or RGB. By default RGB, for embedded images grey.",
        heading="data",
    )
    background: Literal["white", "black"] = option(
        "white",
        "What transparent pixels are laid on, and what fills the rest of an image.",
        heading="data",
    )
    image_column: str | None = option(
        None,
        "Column or field of your file that names the image, where that cannot be told.",
        heading="data",
    )
    caption_column: str | None = option(
        None,
        "Column or field of your file, or feature of a TFDS set, that holds the caption, likewise.",
        heading="data",
    )
    limit: int | None = option(
        None,
        "Use at most this many training images, and a fifth as many to validate and to test on.",
        heading="data",
        at_least=1,
    )

    compare: bool = option(
        False,
        "Train a second model without attention, with one vector for the whole image.",
        heading="run",
    )

    kept: ClassVar[tuple[str, ...]] = (*FitConfig.kept, "size", "colour", "background")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.weights_file is not None:
            object.__setattr__(self, "encoder_weights", str(self.weights_file))
        if self.encoder != "own":
            self.require(self.colour == "rgb", "colour", "rgb with another --encoder than own")
            if self.encoder_weights == "none" and not self.train_encoder:
                raise UserError("--encoder-weights none needs --train-encoder: they are random.")
        if self.input_feeding and self.jit_compile:
            raise UserError("--jit-compile: XLA cannot compile the training with --input-feeding.")
        if self.compare and self.attention == "none":
            raise UserError("--compare needs --attention additive or dot, not none.")

    @property
    def weights_file(self) -> Path | None:
        """The file with the weights of the encoder, if there is one."""
        named = self.encoder_weights in ("imagenet", "none")
        return None if named else Path(self.encoder_weights).resolve()

    @property
    def paper(self) -> int:
        """The grey of what is beyond the edges of an image."""
        return 255 if self.background == "white" else 0

    @property
    def formulas(self) -> bool:
        """Whether the images are those of the embedded formulas."""
        return (self.data.kind, self.data.name) == ("embedded", "formulas")

    @property
    def short(self) -> int | None:
        """Up to how many tokens a formula is short: for these there is a metric of their own."""
        return SHORT if self.formulas else None

    def presets(self) -> Mapping[str, Any]:
        own, embedded = self.encoder == "own", self.data.kind == "embedded"
        special: Mapping[str, Any] = {}
        if embedded:
            special = FOR_FORMULAS if self.formulas else FOR_SCENES
        return {
            **super().presets(),
            "level": "word",
            "epochs": 20,
            "batch_size": 64,
            "learning_rate": 2e-3,
            "units": 128,
            "dropout": 0.2,
            "word_dropout": 0.0,
            "shift": 0,
            "attention": "additive",
            "filters": (32, 64, 128),
            "row_units": 0,
            "size": PHOTO,
            "colour": "grey" if embedded and own else "rgb",
            **special,
            **({} if own else {"filters": None, "size": LARGE}),
        }

    def without_effect(self) -> Iterator[tuple[str, Iterable[str]]]:
        yield from super().without_effect()
        if self.encoder == "own":
            yield "with --encoder own", ("encoder_weights", "train_encoder")
        else:
            yield f"with --encoder {self.encoder}", ("filters", "normalization")
        if self.data.kind != "files":
            yield f"with --data {self.data}", ("image_column",)
        if self.data.kind == "embedded":
            yield f"with --data {self.data}", ("caption_column",)


@dataclass(frozen=True)
class Predict(Group):
    """Caption images: one answer for each file, with its caption, the score, other hypotheses, and
    where each word looked."""

    heading: ClassVar[str] = "search of answers"

    search: Literal["beam", "greedy"] = option(
        "beam", "Beam search, or always the likeliest next word."
    )
    attention: bool = option(False, "Include the attention: where each word looked.")
