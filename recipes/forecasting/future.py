"""What comes after the end of files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from recipes.forecasting.clock import Clock
from recipes.forecasting.formats import Read, Series
from recipes.forecasting.metrics import Answers
from recipes.forecasting.serve import SavedForecaster
from recipes.forecasting.windows import Part, Windows
from recipes.kit.console import note
from recipes.kit.errors import DataError


def forecasts_after(
    path: Path, read: Read, served: SavedForecaster, about: Mapping[str, Any]
) -> Iterator[dict[str, Any]]:
    """Forecasts of the steps after the last one of each series of a file.

    Args:
        path: The file.
        read: What it holds.
        served: The forecaster.
        about: What its inputs are: `targets`, `window`, `horizon`, `step`, `periods`.

    Yields:
        For each series, target and step `path`, `series`, `target`, `step` (1 is the first after
        the end), `time` where there are time stamps, `forecast`, and `quantiles` by level.

    Raises:
        DataError: The series are of another kind than those the forecaster was trained on, or what
            has to be known of the future is not there.
    """
    window, horizon = about["window"], about["horizon"]
    if len(read.targets) != len(about["targets"]):
        expected = f"expected {len(about['targets'])} targets ({', '.join(about['targets'])})"
        raise DataError(path, f"{expected}, found {len(read.targets)} ({', '.join(read.targets)})")
    for one in read.series:
        check_clock(about["step"], one.clock, path)
        there = len(one.known) - len(one)
        if read.known and there < horizon:
            raise DataError(
                path,
                f"{one.name}: expected {horizon} rows of {', '.join(read.known)} behind the last "
                f"value, found {there}",
            )
        if not np.isfinite(one.values[-window:]).any():
            raise DataError(path, f"{one.name}: the last {window} steps hold no value")
        if len(one) < window:
            note(f"{one.name}: {len(one)} steps are there of the {window} that are read")
    part = Part(read.series, [(0, 0)] * len(read.series))
    windows = Windows(part, window, horizon, periods=about["periods"], after=True)
    answers = served.answers(windows)
    for row, one in enumerate(read.series):
        for column, target in enumerate(read.targets):
            for step in range(horizon):
                yield {
                    "path": str(path),
                    "series": one.name,
                    "target": target,
                    "step": step + 1,
                    **_when(one, step),
                    "forecast": _rounded(answers.point[row, step, column]),
                    **_quantiles(answers, (row, step, column)),
                }


def check_clock(step: Sequence[Any] | None, clock: Clock | None, where: str | Path) -> None:
    """Refuse series in other steps than those a forecaster was trained on.

    Args:
        step: Unit and count; None where there were no time stamps.
        clock: Of the series.
        where: Of what the message speaks.

    Raises:
        DataError: They differ.
    """
    known = None if step is None else Clock(step[0], step[1], 0)
    if (known and (known.unit, known.count)) != (clock and (clock.unit, clock.count)):
        said = [f"steps of one {one.name}" if one else "no time stamps" for one in (known, clock)]
        raise DataError(where, f"expected {said[0]}, found {said[1]}")


def _when(series: Series, step: int) -> dict[str, str]:
    clock = series.clock
    if clock is None:
        return {}
    return {"time": clock.text(int(clock.at(np.array(len(series) + step))))}


def _quantiles(answers: Answers, place: tuple[int, int, int]) -> dict[str, Any]:
    if answers.quantiles is None:
        return {}
    values = zip(answers.levels, answers.quantiles[place], strict=True)
    return {"quantiles": {f"{level:g}": _rounded(value) for level, value in values}}


def _rounded(value: float) -> float:
    """What float32 knows of a number."""
    return float(f"{value:.7g}")
