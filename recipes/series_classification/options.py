"""Options of the series_classification recipe."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from recipes.kit.data.reading import TableFiles
from recipes.kit.option import option
from recipes.kit.options import (
    CELLS,
    GRADIENT_OPTIONS,
    TRAINED_STACK_OPTIONS,
    ClassWeightConfig,
    DirectionConfig,
    FitConfig,
    InitialStateConfig,
    Schedule,
    StackConfig,
)

__all__ = ["Config", "Predict"]

Pooling = Literal["last", "mean", "max", "attention", "snapshots"]


#: Options of what only tables have.
TABLE_OPTIONS = (
    *("series_column", "label_column", "time_column", "value_columns", "row"),
    *("decimal", "thousands", "date_format"),
)


@dataclass(frozen=True)
class Config(
    StackConfig, DirectionConfig, InitialStateConfig, ClassWeightConfig, TableFiles, FitConfig
):
    """Options of the series_classification recipe."""

    for_little: ClassVar[Mapping[int, Mapping[str, Any]]] = {
        # Batches stay as they are: few series are repeated, so there are updates enough.
        1000: {"batch_size": 32, "dropout": 0.5, "units": 128}
    }

    epochs: int = option(
        40,
        "Maximum passes over the training data; small data is repeated, to about 32 steps a pass.",
        at_least=1,
        heading="training",
    )
    learning_rate: float = 3e-3
    schedule: Schedule = "cosine"
    patience: int = 15
    jit_compile: bool = True
    cell: str = option(
        None,
        "Recurrent layer. By default gru; reservoir with --model echo_state.",
        choices=CELLS,
        heading="model",
    )
    units: int = 64
    bidirectional: bool = False
    model: Literal["rnn", "echo_state"] = option(
        "rnn",
        "What is trained: rnn, all weights, by gradient descent; echo_state, only the readout, in "
        "closed form, on reservoirs (--cell reservoir) whose --cell-options are by default "
        '\'{"input_scaling": 0.2, "bias_scaling": 0.2, "leak_rate": 1}\'.',
        heading="model",
    )
    pooling: Pooling | None = option(
        None,
        "The vector that decides: last, the states after the whole series has been read; mean or "
        "max over its steps; attention, a learned weighted mean; snapshots, states at equal "
        "distances, side by side. By default last; with --model echo_state, snapshots.",
        heading="model",
    )
    snapshots: int = option(
        8, "Number of states with --pooling snapshots.", at_least=1, heading="model"
    )
    scaling: Literal["train", "series"] = option(
        "train",
        "Centre and scale each channel by the training part, or by the series itself where its "
        "level and size do not matter.",
        heading="model",
    )
    permuted: bool = option(
        False,
        "Embedded digits: read them pixel by pixel, in a fixed shuffled order.",
        heading="data",
    )
    pixels: int | None = option(
        None,
        "Embedded digits: pixels per step; by default 8, a row, or 1 with --permuted.",
        at_least=1,
        heading="data",
    )
    row: Literal["series", "step"] | None = option(
        None,
        "What a row of a table is: a whole series, or a step of one. By default a step where a "
        "column of series repeats its values, a series where it does not.",
        heading="data",
    )
    series_column: tuple[str, ...] = option(
        (),
        "In a table with a row a step, the column that says which series a row belongs to, or the "
        "columns that say so together. By default found by its name (series, id, ...).",
        heading="data",
    )
    label_column: str | None = option(
        None,
        "Column of the classes, or its number from 0. By default found by its name (label, class, "
        "...); else the one of text, or the first or last with few values that repeat.",
        heading="data",
    )
    time_column: str | None = option(
        None,
        "Column of time stamps; only their order is checked.",
        heading="data",
    )
    value_columns: tuple[str, ...] = option(
        (),
        "Columns of values: the channels, or the steps of a row a series, in this order. By "
        "default all columns of numbers but ids, times and counters.",
        heading="data",
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        self.require(64 % (self.pixels or 1) == 0, "pixels", "a divisor of 64")
        if self.model == "echo_state":
            self.require(self.cell == "reservoir", "cell", "reservoir with --model echo_state")
            self.require(
                self.pooling != "attention",
                "pooling",
                "anything but attention with --model echo_state",
            )

    def presets(self) -> Mapping[str, Any]:
        return {"cell": "reservoir" if self.model == "echo_state" else "gru"}

    def without_effect(self) -> Iterator[tuple[str, Iterable[str]]]:
        yield from super().without_effect()
        if self.data.kind == "embedded":
            yield "with --data embedded", TABLE_OPTIONS
        else:
            yield "on your own files", ("permuted", "pixels")
        if self.model == "echo_state":
            unused = (*GRADIENT_OPTIONS, *TRAINED_STACK_OPTIONS, "class_weight")
            yield "with --model echo_state", unused
        if self.pooled != "snapshots":
            yield f"with --pooling {self.pooled}", ("snapshots",)

    @property
    def pooled(self) -> Pooling:
        """The pooling in force."""
        return self.pooling or ("snapshots" if self.model == "echo_state" else "last")

    @property
    def pixels_per_step(self) -> int:
        """The pixels in force."""
        return self.pixels or (1 if self.permuted else 8)


@dataclass(frozen=True)
class Predict(TableFiles):
    """Classify the series of files: one answer for each file."""

    labels: bool = option(
        True,
        "Whether tables have a column of classes though its name does not say so; the answer "
        "repeats the class as `truth`.",
        heading="data",
    )
