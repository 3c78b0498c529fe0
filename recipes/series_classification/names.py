"""Names that columns usually have: of series, of classes, of times, of what is observed."""

from __future__ import annotations

import re

from recipes.kit.data.tables import Table
from recipes.kit.data.times import looks_like_times

#: Names of columns that say which series a row belongs to.
SERIES = (
    *("series", "series_id", "seriesid", "id", "case", "case_id", "sample", "sample_id"),
    *("sequence", "sequence_id", "instance", "instance_id", "recording"),
)

#: What is observed again and again names a series only together with something else.
_OBSERVED = (
    *("user", "subject", "person", "patient", "participant", "volunteer", "speaker", "animal"),
    *("machine", "engine", "unit", "device", "sensor", "station", "session", "trial", "run"),
    *("experiment", "experiment_id", "repetition", "segment", "window", "episode", "file"),
)

#: Names of columns of classes; not "y", which is as often a channel beside "x".
LABEL = ("label", "class", "target", "activity", "category")

#: Names of columns of times.
TIME = (
    *("time", "timestamp", "t", "step", "date", "datetime", "time_step", "timestep", "cycle"),
    *("seconds", "sec", "ms", "elapsed", "frame", "tick", "time_s", "time_ms", "unix_time"),
)


def is_observed(table: Table, index: int) -> bool:
    """Whether a column is called like something that is observed again and again."""
    return table.header and _plain(table.names[index]) in _OBSERVED


def usual_series(table: Table) -> tuple[int, ...]:
    """A column with a usual name of series: one that repeats its values, or else the first."""
    small = [name.lower() for name in table.names] if table.header else []
    usual = [small.index(name) for name in SERIES if name in small]
    repeating = [i for i in usual if len({*table.column(i)}) < len(table.rows)]
    return tuple((repeating or usual)[:1])


def usual_time(table: Table) -> int | None:
    """The column of times, by a usual name, or because its text is written like times."""
    names = [_plain(name) for name in table.names] if table.header else []
    usual = next((names.index(name) for name in TIME if name in names), None)
    if usual is not None:
        return usual
    for index in range(len(table.names)):
        if looks_like_times(table.column(index)) and not table.is_numeric(index):
            return index
    return None


def _plain(name: str) -> str:
    """A name in small letters without its unit: `time [s]` and `Time (s)` are `time`."""
    return re.sub(r"\s*[(\[].*[)\]]$", "", name.strip().lower()).replace(" ", "_")
