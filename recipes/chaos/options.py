"""Options of the chaos recipe, and what suits each task."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

from recipes.chaos.data import Task
from recipes.kit.errors import UserError
from recipes.kit.options import RunConfig

PRESETS: dict[str, dict[str, Any]] = {
    "mackey_glass": {
        "units": 500,
        "spectral_radius": 0.95,
        "leak_rate": 0.7,
        "input_scaling": 0.2,
        "bias_scaling": 0.2,
        "activation": "tanh",
        "horizon": 84,
        "run_steps": 2000,
    },
    "lorenz": {
        "units": 1000,
        "spectral_radius": 0.9,
        "leak_rate": 1.0,
        "input_scaling": 0.2,
        "bias_scaling": 0.2,
        "activation": "tanh",
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
        "activation": "tanh",
    },
    "memory_capacity": {
        "units": 100,
        "spectral_radius": 0.95,
        "leak_rate": 1.0,
        "input_scaling": 0.01,
        "bias_scaling": 0.0,
        "activation": "tanh",
        "train_steps": 6000,
        "held_out": 6000,
    },
    "own file": {
        "units": 300,
        "spectral_radius": 0.9,
        "leak_rate": 0.7,
        "input_scaling": 0.2,
        "bias_scaling": 0.2,
        "activation": "tanh",
    },
}
"""What an option is by default, for each task."""


@dataclass(frozen=True)
class Config(RunConfig):
    """Options of the chaos recipe. Where None is the default, the task's own is taken."""

    data: str = "embedded"
    """`embedded`, the series of --task, or the path of a file of columns: text, CSV, npy."""
    task: Task = "mackey_glass"
    """Series to generate: mackey_glass and lorenz go on by themselves; narma10 is computed from its
    input; memory_capacity asks how many earlier inputs a reservoir keeps."""
    tau: float = 17.0
    """Delay of mackey_glass: chaotic from about 16.8, hard at 30."""
    columns: str = ""
    """Columns of a file, by name or by number from 1, with commas between; by default all."""
    target: str | None = None
    """Column of a file to compute from the others at the same step. None = continue the series."""
    train_steps: int | None = None
    """Steps to train on, washout included; by default 3,000 (lorenz, memory_capacity 6,000), of a
    file what is not held out."""
    held_out: int | None = None
    """Steps to validate on, and as many to test on; by default 3,000 (memory_capacity 6,000), of a
    file 15 % and at most 20,000."""
    reservoirs: int = 1
    """Reservoirs to draw, seeds from --seed on: the best on validation is kept, and the mean and
    spread of all on the test part stated."""
    units: int | None = None
    """Units of a reservoir: mackey_glass 500, lorenz 1,000, narma10 200, memory_capacity 100, for a
    file 300."""
    depth: int = 1
    """Reservoirs on top of each other; the readout sees all."""
    spectral_radius: float | None = None
    """Largest absolute eigenvalue of the recurrent weights: how slowly the past fades."""
    leak_rate: float | None = None
    """Share of the state renewed at a step, above 0 and at most 1: small for slow series."""
    input_scaling: float | None = None
    """Range of the input weights, for inputs of deviation 1: small is nearly linear."""
    bias_scaling: float | None = None
    """Range of the biases, which make units unlike each other; 0 = none."""
    density: float | None = None
    """Share of the recurrent weights that are not zero. None = ten a unit."""
    topology: Literal["random", "orthogonal", "ring"] = "random"
    """Recurrent weights: random, orthogonal (longest memory), or one ring."""
    activation: Literal["tanh", "linear"] | None = None
    """Of the units; by default tanh."""
    ridge: tuple[float, ...] = (1e-14, 1e-12, 1e-10, 1e-8, 1e-6, 1e-4, 1e-2)
    """Penalties on the squared readout weights to try, from one pass over the states; the best on
    validation is kept."""
    washout: int = 100
    """Steps in which a reservoir forgets that it started from zero: not fitted."""
    run_up: int = 500
    """Known steps before each forecast, in which the state becomes that of the series; a residue of
    the start is an error that chaos lets grow."""
    horizon: int | None = None
    """Steps ahead of the metric nrmse_HORIZON: mackey_glass 84, lorenz 100, a file 10 (less where
    its free runs are shorter)."""
    run_steps: int | None = None
    """Steps of a free run: mackey_glass 2,000, lorenz 1,000, a file 50 (a short one half of what is
    held out)."""
    starts: int = 50
    """Free runs to score, from starts spread over the part."""
    threshold: float = 0.4
    """A free run is valid until its error passes this, in deviations of the series."""
    lyapunov: float | None = None
    """Largest Lyapunov exponent of a file's series, a step: valid times are then given in Lyapunov
    times, of 1 over this. (lorenz knows its own.)"""
    delays: int = 200
    """Greatest delay of memory_capacity."""
    lags: int = 50
    """Inputs that the baseline, a linear model, sees."""
    precision: Literal["float64", "float32"] = "float64"
    """Of states and weights; in float32 the error of mackey_glass with 1,000 units is ten times as
    large."""

    def __post_init__(self) -> None:
        super().__post_init__()
        for field, value in PRESETS[self.task if self.embedded else "own file"].items():
            if getattr(self, field) is None:
                object.__setattr__(self, field, value)
        counts = (
            "reservoirs",
            "units",
            "depth",
            "washout",
            "run_up",
            "horizon",
            "run_steps",
            "starts",
        )
        for field in (*counts, "delays", "lags", "train_steps", "held_out"):
            value = getattr(self, field)
            self.require(value is None or value >= 1, field, "at least 1")
        for field in ("spectral_radius", "input_scaling", "bias_scaling"):
            value = getattr(self, field)
            self.require(0 <= value < math.inf, field, "a number of at least 0")
        for field in ("threshold", "lyapunov"):
            value = getattr(self, field)
            self.require(value is None or 0 < value < math.inf, field, "a positive number")
        self.require(0 < self.leak_rate <= 1, "leak_rate", "above 0 and at most 1")
        self.require(
            self.density is None or 0 < self.density <= 1, "density", "above 0 and at most 1"
        )
        fits = len(self.ridge) > 0 and all(0 <= alpha < math.inf for alpha in self.ridge)
        self.require(fits, "ridge", "numbers of at least 0")
        tenths = round(10 * self.tau)
        self.require(
            tenths >= 1 and math.isclose(tenths, 10 * self.tau), "tau", "a positive multiple of 0.1"
        )
        if self.embedded and (self.columns or self.target):
            raise UserError("--columns and --target are of a file: give its path with --data.")

    @property
    def embedded(self) -> bool:
        """Whether the series is generated."""
        return self.data == "embedded"

    @property
    def names(self) -> tuple[str, ...]:
        """The columns asked for."""
        return tuple(name.strip() for name in self.columns.split(",") if name.strip())
