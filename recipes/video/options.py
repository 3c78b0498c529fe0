"""Options of the video recipe."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import ClassVar, Literal

from recipes.kit.data.reading import Files
from recipes.kit.option import option
from recipes.kit.options import (
    ClassWeightConfig,
    DirectionConfig,
    FitConfig,
    InitialStateConfig,
    Schedule,
    StackConfig,
)
from recipes.kit.recipe import NoOptions as Predict

__all__ = ["Config", "Predict"]

#: Options of the stack that a ConvLSTM does not have.
_STACK = (
    *("cell", "cell_options", "connection", "layer_norm", "recurrent_dropout", "merge_mode"),
    *("recurrent_initializer", "l2", "variational_dropout", "bidirectional", "initial_state"),
    "frame_dim",
)


@dataclass(frozen=True)
class Config(StackConfig, DirectionConfig, InitialStateConfig, ClassWeightConfig, Files, FitConfig):
    """Options of the video recipe."""

    epochs: int = 14
    learning_rate: float = 3e-3
    schedule: Schedule = "cosine"
    patience: int = 10
    cell: str = "gru"
    units: int = 64
    bidirectional: bool = False
    labels: Literal["clip", "frame"] = option(
        "clip", "What has a class: the clip, or each of its frames.", heading="model"
    )
    recurrence: Literal["stack", "conv_lstm"] = option(
        "stack",
        "What reads the frames: a stack of recurrent layers over vectors, or a ConvLSTM over maps, "
        "with --units filters.",
        heading="model",
    )
    pooling: Literal["last", "mean", "max", "attention"] = option(
        "last",
        "The vector that decides on a clip: last, the states after the last frame; mean or max "
        "over the frames; attention, a learned weighted mean.",
        heading="model",
    )
    filters: int = option(
        8,
        "Features of the first stage of convolutions; each further stage has twice as many.",
        at_least=1,
        heading="model",
    )
    stages: int = option(
        3, "Stages of convolutions; each halves the frame.", at_least=1, heading="model"
    )
    frame_dim: int = option(64, "Width of the vector of a frame.", at_least=1, heading="model")
    size: int | None = option(
        None,
        "Cut each frame to a centred square and scale it to this height and width. By default 64 "
        "for images and video files; arrays stay as they are.",
        at_least=1,
        heading="data",
    )
    colour: Literal["grey", "rgb"] = option(
        "grey", "Turn the frames of your files to grey or RGB.", heading="data"
    )
    background: Literal["white", "black"] = option(
        "black", "What transparent pixels of your files are laid on.", heading="data"
    )
    every: int = option(
        1, "Of image and video files take each so many-th frame.", at_least=1, heading="data"
    )
    max_frames: int = option(
        32,
        "Of a longer clip this many frames are taken, at equal distances from its first to its "
        "last.",
        at_least=2,
        heading="data",
    )
    compare: bool = option(
        False,
        "Train the same model on shuffled frames too, and test it on shuffled ones: what can be "
        "told without their order.",
        heading="run",
    )

    kept: ClassVar[tuple[str, ...]] = (
        *(*FitConfig.kept, "size", "colour", "background", "every", "max_frames"),
    )

    def without_effect(self) -> Iterator[tuple[str, Iterable[str]]]:
        yield from super().without_effect()
        if self.data.kind == "embedded":
            unused = ("size", "colour", "background", "every", "max_frames", "strict")
            yield "with --data embedded", unused
        if self.labels == "frame":
            yield "with --labels frame", ("pooling", "compare")
        if self.recurrence == "conv_lstm":
            yield "with --recurrence conv_lstm", _STACK
