"""Options of the video recipe."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from recipes.kit.data.reading import TextFiles
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

#: Options of tables.
COLUMNS = ("path_column", "label_column", "group_column")


@dataclass(frozen=True)
class Config(
    StackConfig, DirectionConfig, InitialStateConfig, ClassWeightConfig, TextFiles, FitConfig
):
    """Options of the video recipe."""

    # Of few clips more is learned in more epochs; narrower models and dropout did worse.
    for_little: ClassVar[Mapping[int, Mapping[str, Any]]] = {
        1000: {},
        300: {"epochs": 100, "patience": 40},
    }

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
    every: int = option(1, "Take each so many-th frame of your files.", at_least=1, heading="data")
    fps: float | None = option(
        None,
        "Instead, take so many frames a second of animated images and video files, by the times at "
        "which they are shown, so that clips of other frame rates are alike.",
        above=0,
        heading="data",
    )
    max_frames: int = option(
        32,
        "Of a longer clip this many frames are taken, at equal distances from its first to its "
        "last.",
        at_least=2,
        heading="data",
    )
    path_column: str | None = option(
        None,
        "Column or field of your table with the path of each clip: a name, or a number from 0. By "
        "default found by its name.",
        heading="data",
    )
    label_column: str | None = option(None, "Column of the classes, likewise.", heading="data")
    group_column: str | None = option(
        None,
        "Column of what clips have in common, such as the video they were cut from or who is seen: "
        "clips of the same group go to the same part. By default a column called group or subject, "
        "else names such as v_Archery_g07_c02.",
        heading="data",
    )
    limit: int | None = option(
        None,
        "Use at most this many training clips, and a fifth as many to validate and to test on, "
        "drawn at random; of files, the others are not read.",
        heading="data",
        at_least=1,
    )
    compare: bool = option(
        False,
        "Train the same model on shuffled frames too, and test it on shuffled ones: what can be "
        "told without their order.",
        heading="run",
    )

    kept: ClassVar[tuple[str, ...]] = (
        *(*FitConfig.kept, "size", "colour", "background", "every", "fps", "max_frames"),
    )

    def most(self, split: str) -> int | None:
        """How many clips of a part are used at most; None for all."""
        if self.limit is None or split == "train":
            return self.limit
        return max(1, self.limit // 5)

    def without_effect(self) -> Iterator[tuple[str, Iterable[str]]]:
        yield from super().without_effect()
        if self.data.kind == "embedded":
            unused = ("size", "colour", "background", "every", "fps", "max_frames")
            yield f"with --data {self.data}", unused
        if self.data.kind == "tfds":
            yield f"with --data {self.data}", ("background", "fps")
        if self.data.kind != "files":
            yield f"with --data {self.data}", COLUMNS
        elif all(path.suffix == ".npz" for path in self.data.paths):
            yield "with .npz files", ("colour", "background", "every", "fps", "encoding", *COLUMNS)
        if self.fps is not None:
            yield "with --fps", ("every",)
        if self.labels == "frame":
            yield "with --labels frame", ("pooling", "compare")
        if self.recurrence == "conv_lstm":
            yield "with --recurrence conv_lstm", _STACK
