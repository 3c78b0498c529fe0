"""Whether the day, the month or the year comes first in the dates of a column."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from recipes.kit.data.time_forms import Moments


class UnreadableTime(ValueError):
    """A cell that is not a time stamp like the others, or leaves open which; `index` says which
    cell, `expected` what was expected of it."""

    def __init__(self, index: int, expected: str) -> None:
        super().__init__(f"Cell {index}: expected {expected}.")
        self.index, self.expected = index, expected


class UnclearTime(UnreadableTime):
    """A date that may be read in two ways, as all in its column."""


def evenness(times: np.ndarray) -> tuple[int, int]:
    """How uneven times are, the least first: lengths of steps among them, months counting as one
    length; and how often they go back, or forth, whichever is less."""
    turns = np.sign(np.diff(times))
    ordered = np.unique(times)
    months = ordered.astype("M8[s]").astype("M8[M]")
    within = ordered - months.astype("M8[s]").astype("int64")
    steps = np.diff(months.astype("int64") if (within == within[:1]).all() else ordered)
    return len(np.unique(steps)), int(min((turns < 0).sum(), (turns > 0).sum()))


def order_of(texts: pd.Series, readings: Mapping[str, Moments], usual: str) -> tuple[str, str]:
    """The order of day, month and year, and why."""
    if len(readings) == 1:
        return next(iter(readings)), ""
    wrong = {order: int((~read.valid).sum()) for order, read in readings.items()}
    left = [order for order in readings if wrong[order] == min(wrong.values())]
    if usual in left:
        return usual, usual
    if len(left) == 1:
        (order,) = left
        other = next(read for name, read in readings.items() if name != order)
        example = texts[int(np.flatnonzero(readings[order].valid & ~other.valid)[0])]
        return order, f"{order} ({example!r} allows nothing else)"
    valid = readings[left[0]].valid
    uneven = {order: evenness(readings[order].seconds[valid]) for order in left}
    # Rows in the order of time under one reading alone are no accident, though days be missing.
    ranked = sorted(left, key=lambda order: (uneven[order][1] > 0, uneven[order]))
    best, second = ranked[0], ranked[1]
    differ = np.flatnonzero(readings[best].seconds != readings[second].seconds)
    if uneven[best] == uneven[second] and len(differ):
        raise UnclearTime(
            int(differ[0]),
            f"a date with the {best} or with the {second}, and the steps of all are as even either "
            "way; --date-format '%d/%m/%Y', '%m/%d/%Y' or the like says which",
        )
    (lengths, turns), (others, others_turns) = uneven[best], uneven[second]
    if lengths == others or (not turns and others_turns):
        return best, f"{best}, which keeps the rows in the order of time"
    alike = "all steps are alike" if lengths == 1 else f"steps have {lengths:,} lengths"
    return best, f"{best}: {alike} ({second}, they have {others:,} lengths)"
