"""Options of the forecasting recipe."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from recipes.kit.data.reading import TableFiles
from recipes.kit.errors import UserError
from recipes.kit.option import option
from recipes.kit.options import (
    CELLS,
    GRADIENT_OPTIONS,
    TRAINED_STACK_OPTIONS,
    DirectionConfig,
    FitConfig,
    InitialStateConfig,
    RunConfig,
    Schedule,
    StackConfig,
)

__all__ = ["Config", "Predict", "SeriesConfig", "SeriesName"]

SeriesName = Literal["co2", "elnino", "sunspots", "nile", "macrodata"]


@dataclass(frozen=True)
class SeriesConfig(RunConfig):
    """Which series, and how far to look back and ahead."""

    heading: ClassVar[str] = "data"

    series: SeriesName = option(
        "co2", "Embedded series to use; --data embedded:NAME does the same."
    )
    target: tuple[str, ...] = option(
        (),
        "Columns of your file to forecast, by name or by number from 0; `all` for all of them. By "
        "default the first column of numbers, or all of them where there is no header.",
    )
    covariates: tuple[str, ...] = option(
        (), "Further columns to forecast from, known up to the present."
    )
    known_covariates: tuple[str, ...] = option(
        (),
        "Further columns to forecast from whose future is known, such as holidays; `predict` reads "
        "it from the rows after the last value.",
    )
    time_column: str | None = option(
        None, "Column of the time stamps; `none` takes each row as a step. By default detected."
    )
    series_column: str | None = option(
        None,
        "Column that names the series of each row, where a file holds several series one below the "
        "other.",
    )
    separate: bool = option(
        False,
        "Make each target a series of its own; one model learns from all, and forecasts each from "
        "itself alone.",
    )
    calendar: bool = option(
        True,
        "Give the model the hour, the weekday and the day of the year, where the time stamps have "
        "them and the training part is long enough.",
    )
    horizon: int = option(12, "Steps to forecast.", at_least=1)
    window: int | None = option(
        None,
        "Steps to forecast from. By default two seasons and at least two horizons and 24, at most "
        "a third of the training part.",
        at_least=1,
    )
    season: int | None = option(
        None, "Steps of a season, 1 for none. By default chosen on the training part.", at_least=1
    )
    test_share: float = option(
        0.2, "Share of the steps to test on, the last ones.", above=0, below=1
    )
    valid_share: float = option(
        0.1, "Share of the steps to validate on, those before the test part.", above=0, below=1
    )
    stride: int = option(1, "Steps between forecasts in training, validation and test.", at_least=1)

    def __post_init__(self) -> None:
        super().__post_init__()
        fits = self.test_share + self.valid_share < 1
        left = 1 - self.valid_share
        self.require(fits, "test_share", f"below {left:g}, to leave some for training")

    def without_effect(self) -> Iterator[tuple[str, Iterable[str]]]:
        yield from super().without_effect()
        if self.data.kind == "embedded":
            columns = ("target", "covariates", "known_covariates", "time_column", "series_column")
            yield "with embedded data", columns
            if self.data.name not in ("", self.series):
                yield f"with --data {self.data}", ("series",)
        else:
            yield "with your own files", ("series",)


@dataclass(frozen=True)
class Config(SeriesConfig, StackConfig, DirectionConfig, InitialStateConfig, FitConfig):
    """Options of the forecasting recipe."""

    heading: ClassVar[str] = "model"

    model: Literal["rnn", "echo_state"] = option(
        "rnn",
        "What is trained: rnn, all weights, by gradient descent; echo_state, only the readout, in "
        "closed form, on reservoirs with random weights (--units, --depth, --cell-options "
        '\'{"spectral_radius": 0.9, "leak_rate": 0.5}\').',
    )
    mode: Literal["direct", "recursive"] = option(
        "direct",
        "How several steps are forecast: direct, all at once; recursive, one after the other, each "
        "fed back for the next.",
    )
    quantiles: tuple[float, ...] = option(
        (0.1, 0.5, 0.9),
        "Quantiles to forecast, 0.5 among them; none (`--quantiles` with nothing after it) for the "
        "mean, trained by squared error.",
        above=0,
        below=1,
    )
    scaling: Literal["train", "window", "last"] = option(
        "window",
        "How values are scaled: train, by the mean and deviation of the training part; window, by "
        "those of the window, which follows new levels; last, relative to the last value of the "
        "window, in its deviations.",
    )
    anchor: Literal["level", "season"] = option(
        "season",
        "The forecast is a change from the centre of the scaling (level) or from the value one "
        "season before, where there is a season.",
    )
    #: Windows of one series overlap: smaller batches were worse in validation.
    for_little: ClassVar[Mapping[int, Mapping[str, Any]]] = {1000: {}, 400: {"batch_size": 16}}

    epochs: int = 40
    learning_rate: float = 3e-3
    schedule: Schedule = "cosine"
    patience: int = 10
    jit_compile: bool = True
    cell: str = option(
        None, "Recurrent layer. By default gru; reservoir with --model echo_state.", choices=CELLS
    )
    units: int = 64
    bidirectional: bool = False

    kept: ClassVar[tuple[str, ...]] = (
        *RunConfig.kept,
        *("horizon", "window", "season", "calendar"),
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        ascending = all(low < high for low, high in itertools.pairwise(self.quantiles))
        fits = not self.quantiles or (ascending and 0.5 in self.quantiles)
        self.require(fits, "quantiles", "ascending, with 0.5 among them")
        if self.model == "echo_state":
            self.require(self.cell == "reservoir", "cell", "reservoir with --model echo_state")
            self.require(self.mode == "direct", "mode", "direct with --model echo_state")
            for field in ("bidirectional", "layer_norm"):
                self.require(not getattr(self, field), field, "off with --model echo_state")
        if self.mode == "recursive":
            self._check_recursive()

    def _check_recursive(self) -> None:
        if self.bidirectional:
            raise UserError(
                "--bidirectional: a layer that reads backwards would start from forecasts that "
                "are still to be made; expected --no-bidirectional with --mode recursive."
            )
        if self.covariates:
            raise UserError(
                "--covariates: their values are not known when the next step is forecast; "
                "expected --known-covariates with --mode recursive, or --mode direct."
            )
        zeros = self.initial_state == "zeros"
        self.require(zeros, "initial_state", "zeros with --mode recursive")

    def presets(self) -> Mapping[str, Any]:
        return {"cell": "reservoir" if self.model == "echo_state" else "gru"}

    def without_effect(self) -> Iterator[tuple[str, Iterable[str]]]:
        yield from super().without_effect()
        if self.model == "echo_state":
            unused = (*GRADIENT_OPTIONS, *TRAINED_STACK_OPTIONS, "batch_size")
            yield "with --model echo_state", unused


@dataclass(frozen=True)
class Predict(TableFiles):
    """Forecast what comes after the end of series: one answer for each file."""

    heading: ClassVar[str] = "data"

    target: tuple[str, ...] = option(
        (),
        "Column of the file to forecast, by name or by number from 0; for several, once for each, "
        "in the order of the training. By default the columns that were forecast in training, or "
        "else the only column of numbers.",
    )
