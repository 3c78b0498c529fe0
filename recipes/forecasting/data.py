"""Time series to forecast: read, in even steps, split by time, their season found.

Sources (`load`):

- `embedded`: series of statsmodels, one of them chosen by its name.
- A CSV file, gzipped or not, with a header or without: columns are series that are forecast
  together, or, with a column that says to which series a row belongs, series of their own.
- A folder: a series in each CSV file, of the same columns.

The last steps of each series are the test part, those before them are for validation: nothing of
what is trained on comes after what is tested on.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from recipes.forecasting.clock import Clock
from recipes.forecasting.embedded import SeriesName, read_embedded
from recipes.forecasting.formats import Columns, Read, Series, read_series
from recipes.forecasting.windows import Part, season_scale, seasonal_error
from recipes.kit.data.source import Source, data_files, parse_source
from recipes.kit.errors import UserError

__all__ = ["Clock", "Columns", "Part", "Series", "SeriesData", "SeriesName", "load", "read_files"]

#: Columns are found by what they hold.
BY_LOOKS = Columns()

#: Where the calendar says nothing, the longest season looked for.
_LONGEST_SEASON = 400

#: How much larger an error is still about as good as the smallest.
_AS_GOOD = 1.1

#: Notes about the series of a source that are shown; of the others, how many.
_SHOWN = 6


@dataclass(frozen=True)
class SeriesData:
    """Series and where they are cut.

    Attributes:
        series: Those long enough.
        borders: For each the first step of the validation part and that of the test part.
        columns: The columns that are forecast.
        targets: Names of what is forecast of each series.
        covariates: Names of what is known up to now.
        known: Names of what is known of the future.
        season: Steps of a season; 1 = none.
        notes: What a person should know about the source.
        description: What the series are.
        licence: Under what licence they stand.
    """

    series: tuple[Series, ...]
    borders: tuple[tuple[int, int], ...]
    columns: tuple[str, ...]
    targets: tuple[str, ...]
    covariates: tuple[str, ...]
    known: tuple[str, ...]
    season: int
    notes: tuple[str, ...]
    description: str
    licence: str

    @property
    def clock(self) -> Clock | None:
        """That of the first series."""
        return self.series[0].clock

    @property
    def training(self) -> list[np.ndarray]:
        """Targets of the training part of each series."""
        return [s.values[:end] for s, (end, _) in zip(self.series, self.borders, strict=True)]

    def part(self, name: str) -> Part:
        """Where forecasts of a part (train, valid, test) lie."""
        ends = [(0, a, b, len(s)) for s, (a, b) in zip(self.series, self.borders, strict=True)]
        place = ("train", "valid", "test").index(name)
        return Part(self.series, [(edges[place], edges[place + 1]) for edges in ends])


def load(
    source: str,
    *,
    horizon: int,
    columns: Columns = BY_LOOKS,
    embedded: SeriesName = "co2",
    separate: bool = False,
    test_share: float = 0.2,
    valid_share: float = 0.1,
    season: int | None = None,
) -> SeriesData:
    """Load series.

    Args:
        source: `embedded`, or a path to a file or folder.
        horizon: Steps that are forecast; valid and test parts are at least so long.
        columns: Which column is what.
        embedded: Which of the embedded series.
        separate: Make each target a series of its own.
        test_share: Share of the steps of each series that are for testing.
        valid_share: Share for validation.
        season: Steps of a season. None to choose among those of the calendar (all up to 400 where
            it says nothing, as of years and without time stamps) the one by which seasonal naive
            forecasts of the training part are best, or nearly as good as by a longer one; 1, none,
            if plain naive ones are.

    Raises:
        UserError: the source does not exist, or its series are too short or never change.
        DataError: a file is malformed; names file and line.
    """
    where = parse_source(source)
    if where.kind == "embedded":
        read, what = read_embedded(embedded)
        licence = "public domain (in statsmodels)"
    else:
        read, what = read_files(_files(where), columns), str(where.path)
        licence = "as stated by the owner of the files"
    names = read.targets
    if separate:
        read = _apart(read)
    kept, borders, refused = [], [], []
    for one in read.series:
        cut = _borders(len(one), horizon, test_share, valid_share)
        reason = _reason(one, cut, horizon)
        if reason:
            refused.append(f"{one.name} ({reason})")
        else:
            kept.append(one)
            borders.append(cut)
    if not kept:
        raise UserError(f"--data {source}: nothing to learn from: {'; '.join(refused[:3])}.")
    notes = [*read.notes[:_SHOWN]]
    if len(read.notes) > _SHOWN:
        notes.append(f"and {len(read.notes) - _SHOWN:,} more notes like these")
    if refused:
        left = ", ".join(refused[:3]) + (", ..." if len(refused) > 3 else "")
        notes.append(f"left out {len(refused)} of {len(read.series)} series: {left}")
    training = [one.values[:end] for one, (end, _) in zip(kept, borders, strict=True)]
    found = season or _season(training, kept[0].clock, horizon)
    if season is None:
        notes.append(_said_season(found, kept[0].clock))
    constant = [scale for one in training for scale in season_scale(one, found) if not scale > 0]
    if constant:
        raise UserError(f"--season {found}: the training part repeats itself, nothing is to learn.")
    return SeriesData(
        tuple(kept),
        tuple(borders),
        names,
        read.targets,
        read.covariates,
        read.known,
        found,
        tuple(notes),
        _description(kept, borders, read, what),
        licence,
    )


def read_files(paths: Sequence[Path], columns: Columns, *, separate: bool = False) -> Read:
    """The series of several files, of the same columns; with `separate` each target of its own.

    Raises:
        UserError: their steps differ.
        DataError: as for `read_series`.
    """
    found = [read_series(path, columns) for path in paths]
    first = found[0]
    # What the first file was found to have, the others must have.
    same = dataclasses.replace(columns, targets=first.targets)
    found[1:] = [read_series(path, same) for path in paths[1:]]
    series = tuple(one for read in found for one in read.series)
    steps = {None if s.clock is None else (s.clock.unit, s.clock.count): s for s in series}
    if len(steps) > 1:
        named = [
            f"{s.name} ({'no time stamps' if s.clock is None else s.clock.name})"
            for s in steps.values()
        ]
        raise UserError(f"The steps of series differ: {' and '.join(named)}; expected the same.")
    notes = tuple(note for read in found for note in read.notes)
    read = dataclasses.replace(first, series=series, notes=notes)
    return _apart(read) if separate else read


def _files(where: Source) -> list[Path]:
    if where.kind == "tfds":
        raise UserError(
            f"--data {where}: time series of tensorflow-datasets are not read by this recipe; "
            "expected embedded or the path of CSV files"
        )
    if where.path.is_file():
        return [where.path]
    files = data_files(where.path, (".csv", ".tsv", ".txt"))
    if not files:
        raise UserError(f"{where.path}: expected CSV files, found none")
    return files


def _apart(read: Read) -> Read:
    """Each target as a series of its own."""
    several = len(read.series) > 1
    series = tuple(
        dataclasses.replace(
            one,
            name=f"{one.name}, {target}" if several else target,
            values=one.values[:, index : index + 1],
        )
        for one in read.series
        for index, target in enumerate(read.targets)
    )
    return dataclasses.replace(read, series=series, targets=("value",))


def _borders(steps: int, horizon: int, test_share: float, valid_share: float) -> tuple[int, int]:
    test = steps - max(horizon, round(test_share * steps))
    return test - max(horizon, round(valid_share * steps)), test


def _reason(series: Series, cut: tuple[int, int], horizon: int) -> str:
    """Why a series is of no use; empty if it is."""
    if cut[0] < 2 * horizon:
        return (
            f"{len(series)} steps leave {max(cut[0], 0)} to train on: too few for --horizon "
            f"{horizon}"
        )
    training, test = series.values[: cut[0]], series.values[cut[1] :]
    for column in range(training.shape[1]):
        known = training[np.isfinite(training[:, column]), column]
        if len(known) < 2 or np.ptp(known) == 0:
            return "its training part never changes"
        if not np.isfinite(test[:, column]).any():
            return "its test part holds no value"
    return ""


def _season(training: Sequence[np.ndarray], clock: Clock | None, horizon: int) -> int:
    """The season by which seasonal naive forecasts of the training parts are best."""
    shortest = min(len(values) for values in training)
    calendar = [] if clock is None else clock.seasons
    candidates = calendar or range(2, _LONGEST_SEASON + 1)
    errors = {
        season: sum(seasonal_error(values, season, horizon) for values in training)
        for season in (1, *candidates)
        if season == 1 or season + horizon <= shortest // 2
    }
    # The shortest that is about as good as the best: of a season of 7, not 70.
    enough = _AS_GOOD * min(errors.values())
    return next(season for season, error in errors.items() if error <= enough)


def _said_season(season: int, clock: Clock | None) -> str:
    how = "by the training part; --season says otherwise"
    if season == 1:
        return f"no season: seasonal naive forecasts are no better than naive ones ({how})"
    step = "" if clock is None or clock.unit == "number" else f" of one {clock.name}"
    return f"a season of {season} steps{step} ({how})"


def _description(
    series: Sequence[Series], borders: Sequence[tuple[int, int]], read: Read, what: str
) -> str:
    count = f"{len(series):,} series, " if len(series) > 1 else ""
    ends = zip(series, borders, strict=True)
    parts = np.sum([(a, b - a, len(one) - b) for one, (a, b) in ends], axis=0)
    sizes = ", ".join(
        f"{n:,} {name}" for n, name in zip(parts, ("train", "valid", "test"), strict=True)
    )
    clock = series[0].clock
    step = "" if clock is None else f" of one {clock.name}"
    if clock is not None and clock.unit == "number":
        step = f" of {clock.count}"
    targets = ", ".join(read.targets[:6]) + (", ..." if len(read.targets) > 6 else "")
    return f"{count}{sizes} steps{step}: {what}; forecast: {targets}"
