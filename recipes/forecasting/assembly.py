"""Series out of blocks: the order of time, even steps, and what is missing where."""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from recipes.forecasting.block import Block
from recipes.forecasting.clock import DAY, Clock, find_clock
from recipes.forecasting.findings import Findings
from recipes.forecasting.series import Series
from recipes.kit.data.times import Times
from recipes.kit.errors import DataError

#: A time stamp that makes for more steps per row than this is treated as a typo.
_MOST_STEPS = 50


@dataclass(frozen=True)
class _Rows:
    """The rows of a series in the files it is read from.

    Attributes:
        name: Of the series; empty where a file holds one.
        blocks: The block of each row.
        rows: Its place in the block.
        times: Its time; its place in the block without time stamps.
        values: Its values.
    """

    name: str
    blocks: Sequence[Block]
    rows: np.ndarray
    times: np.ndarray
    values: np.ndarray

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def of(self) -> str:
        """Which series a message is about, where a file has several."""
        return f" of series {self.name!r}" if self.name else ""

    def written(self, row: int) -> str:
        """The time stamp of a row as the file has it."""
        return self.blocks[row].written(int(self.rows[row]))

    def where(self, row: int) -> str:
        """File and line of a row."""
        block = self.blocks[row]
        return f"{block.path.name}:{block.lines[int(self.rows[row])]}"

    def error(self, row: int, message: str) -> DataError:
        """An error about a row."""
        return self.blocks[row].error(int(self.rows[row]), message)


def assemble(parts: Mapping[str, Block], findings: Findings) -> list[Series]:
    """The series of files that follow each other in time.

    Rows may be in any order within a file that has time stamps. Steps without a row become missing
    values.

    Args:
        parts: The files, by the part that each is where there are several.
        findings: Takes what is missing.

    Raises:
        DataError: If a time stamp occurs twice, lies between the steps of the others or in the
            time of an earlier file, or a column holds no value; names file and line.
    """
    blocks = [*parts.values()]
    times = _in_one_unit(blocks)
    groups = _groups(blocks, times)
    clock = None
    if times:
        for rows in groups:
            _check_twice(rows)
            _check_parts(rows)
        clock = find_clock(np.sort(max(groups, key=len).times), times[0].unit)
        clock = dataclasses.replace(clock, zone=times[0].zone, dated=times[0].dated)
    findings.series += len(groups)
    series = []
    for rows in groups:
        its_clock, steps = clock, np.arange(len(rows))
        if clock is not None:
            _report_order(rows, findings)
            its_clock, steps = _steps(rows, clock)
        series.append(_series(rows, its_clock, steps, [*parts], blocks, findings))
    return series


def _in_one_unit(blocks: Sequence[Block]) -> list[Times]:
    """The times of files in one unit and zone; none where they have no time stamps.

    Raises:
        DataError: If some have time stamps and others none, or plain numbers.
    """
    times = [block.times for block in blocks if block.times is not None]
    kinds = {each.unit == "number" for each in times}
    if len(times) not in (0, len(blocks)) or len(kinds) > 1:
        raise DataError(blocks[-1].path, f"expected time stamps like those of {blocks[0].path}")
    if len({each.zone for each in times}) > 1:
        if any(each.zone is None for each in times):
            raise DataError(blocks[-1].path, f"expected offsets of UTC as in {blocks[0].path}")
        times = [_in_utc(each) for each in times]
    if len({each.unit for each in times}) > 1:
        times = [_in_nanoseconds(each) for each in times]
    return times


def _in_nanoseconds(times: Times) -> Times:
    if times.unit == "nanosecond":
        return times
    return dataclasses.replace(times, values=times.values * 10**9, unit="nanosecond")


def _in_utc(times: Times) -> Times:
    size = 10**9 if times.unit == "nanosecond" else 1
    return dataclasses.replace(times, values=times.values - size * (times.zone or 0), zone=0)


def _groups(blocks: Sequence[Block], times: Sequence[Times]) -> list[_Rows]:
    """The rows of each series, in the order of the files."""
    stamps = [each.values for each in times] or [np.arange(len(each.lines)) for each in blocks]
    places: dict[str, dict[int, list[int]]] = {}
    for index, block in enumerate(blocks):
        for row, name in enumerate(block.groups):
            places.setdefault(name, {}).setdefault(index, []).append(row)
    return [
        _Rows(
            name,
            [blocks[index] for index, rows in inside.items() for _ in rows],
            np.concatenate([*inside.values()]),
            np.concatenate([stamps[index][rows] for index, rows in inside.items()]),
            np.concatenate([blocks[index].values[rows] for index, rows in inside.items()]),
        )
        for name, inside in places.items()
    ]


def _check_twice(rows: _Rows) -> None:
    """Refuse a time stamp that occurs twice in a series of a file."""
    order = np.argsort(rows.times, kind="stable")
    same = np.flatnonzero(np.diff(rows.times[order]) == 0)
    same = same[[rows.blocks[order[i]] is rows.blocks[order[i + 1]] for i in same]]
    if not len(same):
        return
    first, second = order[same[0]], order[same[0] + 1]
    block = rows.blocks[second]
    if names := block.naming():
        hint = f"--series-column {' '.join(names)} makes each combination a series"
    elif block.times is not None and not block.times.dated:
        hint = "expected dates besides; --time-column none takes each row as a step"
    elif _ends_daylight_saving(rows.times[order][same], block):
        hint = (
            "this hour occurs twice where daylight saving time ends; expected time stamps in UTC "
            "or with their offset (+02:00), or one row for it"
        )
    else:
        hint = (
            "expected one row for each; several series in one file need --series-column, and "
            "--time-column none takes each row as a step"
        )
    line = rows.where(first).rpartition(":")[2]
    raise rows.error(
        second,
        f"the time stamp {rows.written(second)!r}{rows.of} is already in line {line}; {hint}",
    )


def _ends_daylight_saving(times: np.ndarray, block: Block) -> bool:
    """Whether times that occur twice are all hours after midnight in autumn, of either half of the
    Earth."""
    if block.times is None or block.times.unit != "second" or block.times.zone is not None:
        return False
    if not block.times.timed:
        return False
    months = times.astype("M8[s]").astype("M8[M]").astype("int64") % 12 + 1
    days = np.unique(times // DAY)
    years = np.unique(times.astype("M8[s]").astype("M8[Y]"))
    at_night = (times % DAY < 4 * 3600).all()
    return bool(at_night and np.isin(months, (3, 4, 10, 11)).all() and len(days) <= len(years))


def _check_parts(rows: _Rows) -> None:
    """Refuse a file that begins before the end of the one before it."""
    changes = [i for i in range(1, len(rows)) if rows.blocks[i] is not rows.blocks[i - 1]]
    for start, end in itertools.pairwise([*changes, len(rows)]):
        last = int(np.argmax(rows.times[:start]))
        first = start + int(np.argmin(rows.times[start:end]))
        if rows.times[first] <= rows.times[last]:
            raise rows.error(
                first,
                f"the time stamp {rows.written(first)!r}{rows.of} is not after the last one of the "
                f"file before, {rows.written(last)!r} in {rows.where(last)}; expected parts that "
                "follow each other in time",
            )


def _report_order(rows: _Rows, findings: Findings) -> None:
    back = np.flatnonzero(np.diff(rows.times) < 0)
    if len(back):
        findings.unsorted(rows.where(int(back[0]) + 1))


def _steps(rows: _Rows, clock: Clock) -> tuple[Clock, np.ndarray]:
    """The clock of a series, and the step of each row."""
    clock = dataclasses.replace(clock, first=int(rows.times.min()))
    steps = clock.positions(rows.times)
    between = np.flatnonzero(~(np.abs(steps - np.round(steps)) < 1e-9))
    if len(between):
        raise rows.error(
            int(between[0]),
            f"the time stamp {rows.written(int(between[0]))!r} lies between the steps of the "
            f"others, {clock.each} each from {clock.text(clock.first)}; expected even steps, or "
            "--time-column none to take each row as a step",
        )
    steps = np.round(steps).astype("int64")
    if steps.max() >= _MOST_STEPS * len(steps) + 1000:
        last = int(np.argmax(rows.times))
        raise rows.error(
            last,
            f"the time stamp {rows.written(last)!r} is {steps.max():,} {clock.steps} after "
            f"the first, {clock.text(clock.first)}, but there are only {len(steps):,} rows; "
            "--date-format says how time stamps are written, and --time-column none takes each "
            "row as a step",
        )
    return clock, steps


def _series(
    rows: _Rows,
    clock: Clock | None,
    steps: np.ndarray,
    parts: Sequence[str],
    blocks: Sequence[Block],
    findings: Findings,
) -> Series:
    """A series of its values at every step."""
    names = blocks[0].names
    _check_cells(rows, names.all, len(names.targets), len(names.known), findings)
    grid = np.full((steps.max() + 1, len(names.all)), math.nan)
    grid[steps] = rows.values
    if clock is not None:
        missing = np.setdiff1d(np.arange(len(grid)), steps)
        first = clock.text(int(clock.at(missing[:1])[0])) if len(missing) else ""
        findings.gaps(len(missing), len(grid), f"{first} in {blocks[0].path.name}")
    end = _last_target(grid, len(names.targets), 0) if names.known else len(grid)
    ends = {}
    for part, block in zip(parts[:-1], blocks[:-1], strict=True):
        inside = [step for step, each in zip(steps, rows.blocks, strict=True) if each is block]
        ends[part] = max(inside, default=-1) + 1
    a, b = len(names.targets), len(names.targets) + len(names.covariates)
    name = rows.name or blocks[0].path.name
    return Series(name, grid[:end, :a], grid[:end, a:b], grid[:, b:], clock, ends)


def _last_target(values: np.ndarray, targets: int, otherwise: int) -> int:
    """The number of rows up to the last one with a target; rows after it tell of the future."""
    present = np.flatnonzero(np.isfinite(values[:, :targets]).any(axis=1))
    return int(present[-1]) + 1 if len(present) else otherwise


def _check_cells(
    rows: _Rows, names: Sequence[str], targets: int, known: int, findings: Findings
) -> None:
    """Refuse columns without a value; report missing values, except those after the last target of
    what is not known of the future."""
    past = _last_target(rows.values, targets, len(rows)) if known else len(rows)
    for place, name in enumerate(names):
        end = past if place < len(names) - known else len(rows)
        missing = np.flatnonzero(np.isnan(rows.values[:end, place]))
        if len(missing) == end:
            raise rows.error(0, f"column {name!r}{rows.of} holds no value")
        where = rows.where(int(missing[0])) if len(missing) else ""
        findings.missing(name, len(missing), end, where)
