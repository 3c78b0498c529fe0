"""What a trained forecaster needs to know of the data it was trained on, beside the model."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from recipes.forecasting.clock import Clock, Unit
from recipes.forecasting.series import SeriesSet
from recipes.kit.errors import DataError
from recipes.kit.output import read_record, write_json

FILE = "forecasting.json"


@dataclass(frozen=True)
class Record:
    """What `forecasting.json` holds.

    Attributes:
        columns: Columns of a file to forecast.
        targets: What is forecast of each series.
        covariates: Columns known up to the present.
        known: Columns whose future is known.
        window: Steps to forecast from.
        horizon: Steps to forecast.
        season: Steps of a season; 1 is none.
        step: Unit and count of a step; None without time stamps.
        periods: Seconds after which the calendar repeats.
    """

    columns: tuple[str, ...]
    targets: tuple[str, ...]
    covariates: tuple[str, ...]
    known: tuple[str, ...]
    window: int
    horizon: int
    season: int
    step: tuple[Unit, int] | None
    periods: tuple[int, ...]

    @classmethod
    def read(cls, folder: Path) -> Record:
        """The record in a folder.

        Raises:
            DataError: If it is missing or damaged.
        """
        names = [field.name for field in dataclasses.fields(cls)]
        record = read_record(folder / FILE, names)
        values: dict[str, Any] = {
            name: tuple(record[name]) if isinstance(record[name], list) else record[name]
            for name in names
        }
        return cls(**values)

    def write(self, folder: Path) -> None:
        """Write the record into a folder."""
        write_json(folder / FILE, dataclasses.asdict(self))

    def check_count(self, series: SeriesSet, where: str | Path) -> None:
        """Refuse series with another number of targets.

        Raises:
            DataError: Names the file, what was expected and what was found.
        """
        if len(series.targets) != len(self.targets):
            expected = f"expected {len(self.targets)} targets ({', '.join(self.targets)})"
            have = f"{len(series.targets)} ({', '.join(series.targets)})"
            raise DataError(where, f"{expected}, found {have}")

    def check_names(self, series: SeriesSet, where: str | Path, *, any_names: bool) -> None:
        """Refuse series of other columns.

        Args:
            series: The series.
            where: What the message is about.
            any_names: Whether only the number of columns must agree.

        Raises:
            DataError: Names the file, what was expected and what was found.
        """
        for kind in ("targets", "covariates", "known"):
            expected, names = getattr(self, kind), getattr(series, kind)
            if names != expected and not (any_names and len(names) == len(expected)):
                raise DataError(where, f"expected the {kind} {[*expected]}, found {[*names]}")

    def check_clock(self, clock: Clock | None, where: str | Path) -> None:
        """Refuse series in other steps.

        Raises:
            DataError: Names the file, what was expected and what was found.
        """
        step = None if clock is None else (clock.unit, clock.count)
        if step != self.step:
            expected = None if self.step is None else Clock(*self.step, first=0)
            raise DataError(where, f"expected {_steps(expected)}, found {_steps(clock)}")


def _steps(clock: Clock | None) -> str:
    return "no time stamps" if clock is None else clock.steps
