"""Cutting series by time into training, validation and test parts."""

from __future__ import annotations

import dataclasses

import numpy as np

from recipes.forecasting.options import SeriesConfig
from recipes.forecasting.series import Series, SeriesSet
from recipes.kit.data.facts import Fact
from recipes.kit.data.source import Source
from recipes.kit.errors import UserError

#: For each series the first step of the validation part and that of the test part.
Borders = tuple[tuple[int, int], ...]


def cut(contents: SeriesSet, source: Source, config: SeriesConfig) -> tuple[SeriesSet, Borders]:
    """The series that are long enough and change, and where they are cut.

    Raises:
        UserError: If there are none.
    """
    kept, borders, refused = [], [], []
    for series in contents.series:
        border = _borders(len(series), config)
        if reason := _reason(series, border, config.horizon):
            refused.append(f"{series.name} ({reason})")
        else:
            kept.append(series)
            borders.append(border)
    if not kept:
        raise UserError(f"--data {source}: nothing to learn from: {'; '.join(refused[:3])}.")
    facts = [*contents.understood]
    if refused:
        count = f"{len(refused):,} of {len(contents.series):,} series"
        facts.append(Fact("left out", f"{count}: {', '.join(refused)}"))
    left = dataclasses.replace(contents, series=tuple(kept), understood=tuple(facts))
    return left, tuple(borders)


def _borders(steps: int, config: SeriesConfig) -> tuple[int, int]:
    test = steps - max(config.horizon, round(config.test_share * steps))
    return test - max(config.horizon, round(config.valid_share * steps)), test


def _reason(series: Series, border: tuple[int, int], horizon: int) -> str:
    """Why a series cannot be used; empty if it can."""
    if border[0] < 2 * horizon:
        return (
            f"{len(series)} steps leave {max(border[0], 0)} to train on: too few for --horizon "
            f"{horizon}"
        )
    training, test = series.values[: border[0]], series.values[border[1] :]
    for column in range(training.shape[1]):
        known = training[np.isfinite(training[:, column]), column]
        if len(known) < 2 or np.ptp(known) == 0:
            return "its training part never changes"
        if not np.isfinite(test[:, column]).any():
            return "its test part holds no value"
    return ""
