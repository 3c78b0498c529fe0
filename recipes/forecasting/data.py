"""Time series to forecast: read, in even steps, cut by time, their season chosen.

- `embedded`: series of statsmodels, one of them chosen by its name.
- A CSV file, gzipped or not, with a header or without: columns are series to forecast together, or,
  with columns that name the series of each row, series of their own. Under a header of times, each
  row is a series.
- A folder, or several files: a series in each CSV file, of the same columns.
- Files for training, validation and test (`--train`, `--valid`, `--test`) that follow each other in
  time.

Without such files the last steps of each series are the test part, those before them are for
validation: nothing that is trained on comes after what is tested on.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from recipes.forecasting.backtest import Backtest
from recipes.forecasting.clock import DAY, WEEK, YEAR, Clock
from recipes.forecasting.cut import Borders, cut
from recipes.forecasting.options import Config
from recipes.forecasting.record import Record
from recipes.forecasting.season import likely_season, season_scale
from recipes.forecasting.series import Series, SeriesSet
from recipes.forecasting.sources import read
from recipes.forecasting.windows import Part, Windows
from recipes.kit.console import note_facts
from recipes.kit.data.facts import Fact, understood_first
from recipes.kit.data.source import Source
from recipes.kit.errors import UserError
from recipes.kit.objective import Objective

PartName = Literal["train", "valid", "test"]

#: Series named among what was understood.
_LISTED = 6

_PERIODS = {DAY: "time of day", WEEK: "weekday", YEAR: "day of the year"}


@dataclass(frozen=True)
class Data:
    """Series, where they are cut, and the windows into them.

    Attributes:
        series: The series long enough.
        borders: For each the first step of the validation part and that of the test part.
        season: Steps of a season; 1 is none.
        window: Steps to forecast from.
        horizon: Steps to forecast.
        stride: Steps between forecasts.
        periods: Seconds after which the calendar repeats.
        understood: What was understood of the source.
    """

    series: SeriesSet
    borders: Borders
    season: int
    window: int
    horizon: int
    stride: int
    periods: tuple[int, ...]
    understood: tuple[Fact, ...] = ()

    @property
    def licence(self) -> str:
        """Under what licence the series stand."""
        return self.series.licence

    @property
    def objective(self) -> Objective:
        """What the best epoch is chosen by."""
        return Objective("mase", "min")

    @property
    def training(self) -> list[np.ndarray]:
        """Targets of the training part of each series."""
        return _training(self.series, self.borders)

    def windows(self, part: PartName) -> Windows:
        """The windows of a part; those of the training part lie wholly in it."""
        place, series = ("train", "valid", "test").index(part), self.series.series
        ends = [(0, a, b, len(s)) for s, (a, b) in zip(series, self.borders, strict=True)]
        return Windows(
            Part(series, [(edges[place], edges[place + 1]) for edges in ends]),
            self.window,
            self.horizon,
            stride=self.stride,
            whole=part == "train",
            periods=self.periods,
        )

    def backtest(self, part: Literal["valid", "test"]) -> Backtest:
        """Forecasts to make over a part, and the unit of their errors."""
        return Backtest.of(self.windows(part), self.training, self.season)

    @functools.cached_property
    def test(self) -> Backtest:
        """What to evaluate on."""
        return self.backtest("test")

    @property
    def record(self) -> Record:
        """What a forecaster trained on it needs to know."""
        series, clock = self.series, self.series.clock
        return Record(
            columns=series.columns,
            targets=series.targets,
            covariates=series.covariates,
            known=series.known,
            window=self.window,
            horizon=self.horizon,
            season=self.season,
            step=None if clock is None else (clock.unit, clock.count),
            periods=self.periods,
        )


def load(source: Source, config: Config) -> Data:
    """Read series; choose season, window and calendar by their training part.

    Raises:
        UserError: If the source does not exist, its series are too short, never change or repeat
            exactly, or no window fits.
        DataError: If a file is malformed; names file and line.
    """
    contents = read(source, config)
    with understood_first([*_contents(source, contents), *contents.understood]):
        return _data_of(contents, source, config)


def _data_of(contents: SeriesSet, source: Source, config: Config) -> Data:
    earlier = None if config.from_ is None else Record.read(config.from_)
    if earlier:
        earlier.check_names(contents, str(source), any_names=True)
        earlier.check_clock(contents.clock, str(source))
    series, borders = cut(contents, source, config)
    training, clock = _training(series, borders), series.clock
    longest = max(len(values) for values in training)
    if earlier:
        season, window = earlier.season, earlier.window
    else:
        season = config.season or likely_season(training, clock, config.horizon)
        window = config.window or _default_window(longest, season, config.horizon)
    if config.anchor == "season" and season > 1 and window < season:
        raise UserError(
            f"--window {window}: is shorter than a season of {season} steps; expected at least "
            "that, another --season, or --anchor level."
        )
    periods = tuple(clock.periods(longest)) if config.calendar and clock else ()
    if earlier:
        periods = earlier.periods
    data = Data(series, borders, season, window, config.horizon, config.stride, periods)
    _check_scale(source, data)
    for part in ("train", "valid", "test"):
        if not len(data.windows(part)):
            raise UserError(
                f"--data {source}: no window of {window} steps and {config.horizon} steps after it "
                f"in the {part} part; expected a smaller --window or --horizon{_gaps(series)}."
            )
    chosen = "" if config.season or earlier else "chosen on the training part; --season overrides"
    facts = (
        *_contents(source, series),
        _steps(data),
        *series.understood,
        Fact("season", _season(season, clock, chosen)),
        Fact("windows", f"{window} steps, to forecast the next {config.horizon}"),
        Fact("calendar", ", ".join(_PERIODS[period] for period in periods) or "not used"),
    )
    return dataclasses.replace(data, understood=facts)


def _gaps(series: SeriesSet) -> str:
    """The steps without rows, where these may be why nothing can be learnt."""
    return "".join(f" ({fact.text})" for fact in series.understood if fact.topic == "gaps")


def load_test(source: Source, config: Config, record: Record) -> Backtest:
    """What to evaluate a forecaster on: the test part of a source, cut by the shares of its config.

    Raises:
        UserError: As for `load`.
        DataError: If a file is malformed, or has other columns or steps than the forecaster knows.
    """
    # A forecaster of embedded series knows no names that a file could have.
    any_names = config.data.kind == "embedded"
    contents = read(source, config, None if any_names else record.columns)
    if source != config.data:
        note_facts(contents.understood)
    record.check_names(contents, str(source), any_names=any_names)
    series, borders = cut(contents, source, config)
    record.check_clock(series.clock, str(source))
    data = Data(
        series,
        borders,
        record.season,
        record.window,
        config.horizon,
        config.stride,
        record.periods,
    )
    _check_scale(source, data)
    if not len(data.windows("test")):
        raise UserError(f"--data {source}: its test part holds nothing to forecast.")
    return data.test


def _training(series: SeriesSet, borders: Borders) -> list[np.ndarray]:
    pairs = zip(series.series, borders, strict=True)
    return [each.values[:end] for each, (end, _) in pairs]


def _default_window(longest: int, season: int, horizon: int) -> int:
    season = season if season > 1 else 0
    return min(max(2 * season, 2 * horizon, 24), max(longest // 3, season, 1))


def _check_scale(source: Source, data: Data) -> None:
    """Refuse series that seasonal naive forecasts get exactly right: MASE has no unit then."""
    for series, values in zip(data.series.series, data.training, strict=True):
        if not (season_scale(values, data.season) > 0).all():
            raise UserError(
                f"--data {source}: the training part of {series.name} repeats itself exactly "
                f"every {data.season} steps, so there is nothing to learn."
            )


def _contents(source: Source, contents: SeriesSet) -> list[Fact]:
    """What the series are."""
    columns = {
        "forecast": contents.columns,
        "covariates": contents.covariates,
        "known of the future": contents.known,
    }
    return [
        Fact("series", f"{len(contents.series):,}: {_names(contents.series)}"),
        Fact("source", str(source)),
        Fact("clock", _clock(contents.series)),
        *(Fact(topic, ", ".join(names)) for topic, names in columns.items() if names),
    ]


def _names(series: Sequence[Series]) -> str:
    """The names of the first series."""
    names = [each.name for each in series]
    return ", ".join(names[:_LISTED]) + (", ..." if len(names) > _LISTED else "")


def _steps(data: Data) -> Fact:
    """How long the parts are."""
    ends = zip(data.series.series, data.borders, strict=True)
    parts = np.sum([(a, b - a, len(series) - b) for series, (a, b) in ends], axis=0)
    sizes = zip(parts, ("train", "valid", "test"), strict=True)
    return Fact("steps", ", ".join(f"{count:,} {part}" for count, part in sizes))


def _clock(series: Sequence[Series]) -> str:
    """The steps, and the first and the last of them in any series."""
    clocks = [(each.clock, len(each)) for each in series if each.clock is not None]
    if not clocks:
        return "no time stamps: each row is a step"
    first = min(clock.first for clock, _ in clocks)
    last = max(int(clock.at(np.array(steps - 1))) for clock, steps in clocks)
    clock = clocks[0][0]
    return f"{clock.steps}, {clock.text(first)} to {clock.text(last)}"


def _season(season: int, clock: Clock | None, chosen: str) -> str:
    if season == 1:
        why = f": seasonal naive forecasts are no better than naive ones ({chosen})"
        return f"none{why if chosen else ''}"
    step = "" if clock is None or clock.unit == "number" else f" of {clock.each}"
    return f"{season} steps{step}" + (f" ({chosen})" if chosen else "")
