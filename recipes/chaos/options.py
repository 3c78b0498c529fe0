"""Options of the chaos recipe, and their defaults for each task."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from recipes.kit.data.source import EMBEDDED, Source
from recipes.kit.option import Group, option
from recipes.kit.options import RunConfig

Task = Literal["mackey_glass", "lorenz", "narma10", "memory_capacity"]

#: The defaults of options that have none of their own, for each task.
PRESETS: dict[str, dict[str, Any]] = {
    "mackey_glass": {
        "units": 500,
        "spectral_radius": 0.95,
        "leak_rate": 0.7,
        "input_scaling": 0.2,
        "bias_scaling": 0.2,
        "horizon": 84,
        "run_steps": 2000,
    },
    "lorenz": {
        "units": 1000,
        "spectral_radius": 0.9,
        "leak_rate": 1.0,
        "input_scaling": 0.2,
        "bias_scaling": 0.2,
        "train_steps": 6000,
        "horizon": 100,
        "run_steps": 1000,
    },
    "narma10": {
        "units": 200,
        "spectral_radius": 0.98,
        "leak_rate": 1.0,
        "input_scaling": 0.03,
        "bias_scaling": 0.3,
    },
    "memory_capacity": {
        "units": 100,
        "spectral_radius": 0.95,
        "leak_rate": 1.0,
        "input_scaling": 0.01,
        "bias_scaling": 0.0,
        "train_steps": 6000,
        "held_out": 6000,
    },
    "own file": {
        "units": 300,
        "spectral_radius": 0.9,
        "leak_rate": 0.7,
        "input_scaling": 0.2,
        "bias_scaling": 0.2,
    },
}


@dataclass(frozen=True)
class SeriesConfig(RunConfig):
    """What series to learn, and its parts."""

    heading: ClassVar[str] = "data"

    data: Source = option(
        EMBEDDED,
        "`embedded`, the series of --task, or the path of a file of columns: text, CSV or npy.",
    )
    task: Task = option(
        "mackey_glass",
        "Series to generate: mackey_glass and lorenz go on by themselves; narma10 is computed from "
        "its input; memory_capacity asks how many earlier inputs a reservoir keeps.",
    )
    tau: float = option(17.0, "Delay of mackey_glass: chaotic from about 16.8, hard at 30.")
    delays: int = option(200, "Greatest delay of memory_capacity.", at_least=1)
    columns: str = option(
        "",
        "Columns of a file, by name or by number from 0, separated by commas; by default all.",
    )
    target: str | None = option(
        None,
        "Column of a file, by name or by number from 0, to compute from the others at the same "
        "step. By default none: the series is continued.",
    )
    train_steps: int | None = option(
        None,
        "Steps to train on, washout included; by default 3,000 (lorenz and memory_capacity 6,000), "
        "of a file all that are not held out.",
        at_least=1,
    )
    held_out: int | None = option(
        None,
        "Steps to validate on, and as many to test on; by default 3,000 (memory_capacity 6,000), "
        "of a file 15 % and at most 20,000.",
        at_least=1,
    )


@dataclass(frozen=True)
class ReservoirConfig(RunConfig):
    """The network, whose recurrent part is drawn and not trained."""

    heading: ClassVar[str] = "model"

    units: int = option(
        None,
        "Units of a reservoir: mackey_glass 500, lorenz 1,000, narma10 200, memory_capacity 100, "
        "for a file 300.",
        at_least=1,
    )
    depth: int = option(
        1, "Reservoirs on top of each other; the readout sees all of them.", at_least=1
    )
    spectral_radius: float = option(
        None,
        "Largest absolute eigenvalue of the recurrent weights: how slowly the past fades.",
        at_least=0,
    )
    leak_rate: float = option(
        None,
        "Share of the state renewed at each step: small for slow series.",
        above=0,
        at_most=1,
    )
    input_scaling: float = option(
        None,
        "Range of the input weights, for inputs of standard deviation 1: small is nearly linear.",
        at_least=0,
    )
    bias_scaling: float = option(
        None,
        "Range of the biases, which make units unlike each other; 0 means no biases.",
        at_least=0,
    )
    density: float | None = option(
        None,
        "Share of the recurrent weights that are not zero, with --topology random. By default ten "
        "connections for each unit.",
        above=0,
        at_most=1,
    )
    topology: Literal["random", "orthogonal", "ring"] = option(
        "random",
        "Recurrent weights: random, orthogonal (the longest memory), or a single ring.",
    )
    activation: Literal["tanh", "linear"] = option("tanh", "Activation of the units.")
    precision: Literal["float64", "float32"] = option(
        "float64",
        "Type of states and weights; in float32 the error of mackey_glass with 1,000 units is ten "
        "times as large.",
    )


@dataclass(frozen=True)
class ForecastConfig(RunConfig):
    """How forecasts are made and scored."""

    heading: ClassVar[str] = "search of answers"

    run_up: int = option(
        500,
        "Known steps before each forecast, in which the state becomes that of the series; what is "
        "left of the start is an error that chaos amplifies.",
        at_least=1,
    )
    horizon: int | None = option(
        None,
        "Steps ahead of the metrics nrmse_HORIZON and median_error_HORIZON: mackey_glass 84, "
        "lorenz 100, a file 10 (fewer where its free runs are shorter).",
        at_least=1,
    )
    run_steps: int | None = option(
        None,
        "Steps of a free run: mackey_glass 2,000, lorenz 1,000, a file 50 (a short one half of "
        "what is held out).",
        at_least=1,
    )
    starts: int = option(
        50, "Free runs to score, from starts spread evenly over the part.", at_least=1
    )
    threshold: float = option(
        0.4,
        "A free run is valid until its error exceeds this, in standard deviations of the series.",
        above=0,
    )
    lyapunov: float | None = option(
        None,
        "Largest Lyapunov exponent of the series, per step: valid times are then given in Lyapunov "
        "times, of 1 over this; that of lorenz is known.",
        above=0,
    )


@dataclass(frozen=True)
class Config(SeriesConfig, ReservoirConfig, ForecastConfig):
    """Options of the chaos recipe. Where the default is None, that of the task applies."""

    heading: ClassVar[str] = "training"

    reservoirs: int = option(
        1,
        "Reservoirs to draw, with seeds from --seed on: the best on validation is kept, and mean "
        "and spread of all on the test part are reported.",
        at_least=1,
    )
    ridge: tuple[float, ...] = option(
        (1e-14, 1e-12, 1e-10, 1e-8, 1e-6, 1e-4, 1e-2),
        "Penalties on the squared readout weights to try, from one pass over the states; the best "
        "on validation is kept.",
        at_least=0,
    )
    washout: int = option(
        100,
        "First steps, not fitted, in which a reservoir forgets that it started from zero.",
        at_least=1,
    )
    lags: int = option(50, "Last inputs that the baseline, a linear model, sees.", at_least=1)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.require(len(self.ridge) > 0, "ridge", "one or several numbers of at least 0")
        tenths = round(10 * self.tau)
        self.require(
            tenths >= 1 and math.isclose(tenths, 10 * self.tau), "tau", "a positive multiple of 0.1"
        )

    def presets(self) -> Mapping[str, Any]:
        return PRESETS[self.task if self.embedded else "own file"]

    def without_effect(self) -> Iterator[tuple[str, Iterable[str]]]:
        yield from super().without_effect()
        yield "with a readout that is found in closed form", ("from_",)
        if self.embedded:
            yield f"with --data {self.data}", ("columns", "target")
            if self.task != "mackey_glass":
                yield f"with --task {self.task}", ("tau",)
            if self.task != "memory_capacity":
                yield f"with --task {self.task}", ("delays",)
        else:
            yield "with a file", ("task", "tau", "delays")
        if not self.continues:
            driven = f"with --task {self.task}" if self.embedded else "with --target"
            yield driven, ("horizon", "run_steps", "starts", "threshold", "lyapunov")
        if self.seeds > 1:
            yield "with --seeds, which draws as many reservoirs", ("reservoirs",)
        if self.topology != "random":
            yield f"with --topology {self.topology}", ("density",)

    @property
    def embedded(self) -> bool:
        """Whether the series is generated."""
        return self.data.kind == "embedded"

    @property
    def continues(self) -> bool:
        """Whether the series goes on by itself, and is forecast by free runs."""
        if self.embedded:
            return self.task in ("mackey_glass", "lorenz")
        return self.target is None

    @property
    def names(self) -> tuple[str, ...]:
        """The columns asked for."""
        return tuple(name.strip() for name in self.columns.split(",") if name.strip())


@dataclass(frozen=True)
class Predict(Group):
    """Continue or compute series: one answer for each file."""

    steps: int | None = option(
        None,
        "Steps to go on after the end of a file; by default as many as --run-steps had in "
        "training.",
        at_least=0,
    )
    one_step: bool = option(False, "Give the predictions one step ahead along the file as well.")
