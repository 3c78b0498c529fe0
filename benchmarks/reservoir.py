"""An echo state network, states and readout, against reservoirpy with equal sizes and data.

    pip install reservoirpy
    python -m benchmarks.reservoir

One series of 5,000 steps, and 64 of them at once; ten connections per unit, uniform input weights
(reservoirpy defaults to -1 and 1), a leak rate of 0.5, ridge regression of the next value. Ours is
`zoo.fit_readout`, theirs is `run` of the reservoir and `fit` of the readout. Compilation is not
included: both run once before. Above 1, ours is faster.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any

import numpy as np
import reservoirpy
import tyro
from reservoirpy.mat_gen import uniform
from reservoirpy.nodes import Reservoir, Ridge

import zoo
from benchmarks._timing import machine, medians, table

ALPHA, WASHOUT = 1e-6, 100


@dataclass(frozen=True)
class Options:
    """Times of an echo state network against reservoirpy."""

    units: tuple[int, ...] = (100, 300, 500, 1000, 2000)
    """Sizes of the reservoir."""
    steps: int = 5000
    """Length of a series."""
    batch: int = 64
    """Number of series in the second half; 0 to skip it."""
    batch_units: tuple[int, ...] = (100, 300, 500)
    """Sizes of the reservoir for many series."""
    repeats: int = 3
    """Number of runs of each, of which the median is reported."""


def series(count: int, steps: int) -> np.ndarray:
    """Sums of three sines with noise, `(count, steps + 1, 1)`."""
    rng = np.random.default_rng(0)
    periods = rng.uniform(5, 60, size=(count, 1, 3))
    values = np.sin(2 * np.pi * np.arange(steps + 1)[None, :, None] / periods).sum(-1)
    return (values + 0.05 * rng.normal(size=values.shape))[:, :, None]


def compare(units: int, count: int, steps: int, repeats: int) -> list[Any]:
    """A row of the table."""
    data = series(count, steps)
    x, y = data[:, :-1], data[:, 1:]
    model = zoo.echo_state_network(units=units, leak_rate=0.5, seed=0, read_inputs=False)
    x32, y32 = x.astype("float32"), y.astype("float32")

    def ours() -> float:
        return zoo.fit_readout(model, x32, y32, alpha=ALPHA, washout=WASHOUT)

    reservoir = Reservoir(
        units,
        lr=0.5,
        sr=0.9,
        rc_connectivity=min(1.0, 10 / units),
        input_connectivity=1.0,
        Win=uniform,
        seed=0,
    )
    readout = Ridge(ridge=ALPHA)

    def theirs() -> None:
        readout.fit([reservoir.run(row) for row in x], list(y), warmup=WASHOUT)

    theirs()
    predicted = np.stack([readout.run(reservoir.run(row)) for row in x])
    errors = ours(), float(np.mean((predicted - y)[:, WASHOUT:] ** 2))
    times = medians({"ours": ours, "theirs": theirs}, seconds=0.0, least=repeats)
    return [
        units,
        count,
        f"{1e3 * times['ours']:.0f}",
        f"{1e3 * times['theirs']:.0f}",
        f"{times['theirs'] / times['ours']:.1f}",
        f"{errors[0]:.5f} / {errors[1]:.5f}",
    ]


def main(options: Options) -> None:
    logging.disable(logging.WARNING)
    jobs = [(units, 1) for units in options.units]
    if options.batch:
        jobs += [(units, options.batch) for units in options.batch_units]
    rows = [compare(units, count, options.steps, options.repeats) for units, count in jobs]
    header = ["units", "series", "rnn-zoo ms", "reservoirpy ms", "ratio", "mean squared errors"]
    print(table(header, rows))
    print(f"\nreservoirpy {reservoirpy.__version__}; {machine()}")


if __name__ == "__main__":
    main(tyro.cli(Options, description=__doc__))
