"""Options of the pixel_rnn recipe."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import ClassVar, Literal

from recipes.kit.data.reading import Files
from recipes.kit.option import option
from recipes.kit.options import FitConfig, Schedule
from recipes.kit.recipe import NoOptions as Predict

__all__ = ["Config", "Predict"]


@dataclass(frozen=True)
class Config(FitConfig, Files):
    """Options of the pixel_rnn recipe."""

    epochs: int = 40
    learning_rate: float = 3e-3
    schedule: Schedule = "cosine"
    global_clipnorm: float | None = 100.0  # of the gradient of nats per image
    jit_compile: bool = True  # several times as fast here
    layer: Literal["diagonal_bilstm", "row_lstm", "masked_conv"] = option(
        "diagonal_bilstm",
        "The layers: diagonal_bilstm sees all pixels before, row_lstm a triangle of them, "
        "masked_conv (PixelCNN) a neighbourhood; each is faster than the one before.",
        heading="model",
    )
    units: int = option(
        16, "Features of each layer; a multiple of 3 for RGB.", heading="model", at_least=1
    )
    depth: int = option(1, "Number of layers.", heading="model", at_least=1)
    head_units: int = option(
        32,
        "Features of the two layers before the output; a multiple of 3 for RGB.",
        heading="model",
        at_least=1,
    )
    binarize: Literal["none", "threshold", "sample"] = option(
        "none",
        "Make pixels black or white: threshold at half; sample makes them white as often as they "
        "are bright, drawn anew for the training images in each epoch, and once for the others.",
        heading="data",
    )
    levels: int | None = option(
        None,
        "Levels of a pixel; by default as many as the images have (256 for bytes).",
        heading="data",
        at_least=2,
        at_most=256,
    )
    size: int | None = option(
        None,
        "Crop each image to a centred square and scale it to this height and width. By "
        "default images stay as they are.",
        heading="data",
        at_least=1,
    )
    colour: Literal["grey", "rgb"] | None = option(
        None,
        "Turn images to grey or RGB. By default RGB if any image has colour, else grey.",
        heading="data",
    )
    background: Literal["white", "black"] = option(
        "white", "What transparent pixels of your files are laid on.", heading="data"
    )
    limit: int | None = option(
        None,
        "Use at most this many training images, and a fifth as many to validate on.",
        heading="data",
        at_least=1,
    )
    samples: int = option(
        64, "Number of images to draw for the picture.", heading="run", at_least=1
    )

    kept: ClassVar[tuple[str, ...]] = (
        *(*FitConfig.kept, "binarize", "levels", "size", "colour", "background"),
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        binary = self.binarize == "none" or self.levels in (None, 2)
        self.require(binary, "levels", "2, or left out, with --binarize")

    def without_effect(self) -> Iterator[tuple[str, Iterable[str]]]:
        yield from super().without_effect()
        if self.data.kind != "files":
            yield f"with --data {self.data}", ("background",)
