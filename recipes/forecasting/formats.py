"""Files of series: a row for each step, or a series in each row under a header of times."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from recipes.forecasting.block import Block, Names
from recipes.forecasting.columns import Columns, find_columns, naming_columns, series_names
from recipes.forecasting.options import SeriesConfig
from recipes.forecasting.wide import read_wide
from recipes.kit.data.facts import Fact, first_values
from recipes.kit.data.tables import Table, read_table


def read_block(path: Path, config: SeriesConfig, targets: Sequence[str] | None = None) -> Block:
    """Read a file.

    Args:
        path: The file, gzipped or not.
        config: Says how it is read, and which column holds what.
        targets: Columns to forecast instead of those of the config.

    Raises:
        DataError: If a column does not exist, a value is not a number or a time stamp cannot be
            read; names file and line.
    """
    table = read_table(path, config, blanks=True)
    wide = read_wide(table, config)
    if wide is not None:
        return wide
    columns = find_columns(table, config, config.target if targets is None else targets)
    values = np.stack([table.numbers(index) for index in columns.used], axis=1)
    stamps = columns.stamps

    def naming() -> list[str]:
        times = [] if stamps is None else stamps.times.values.tolist()
        return naming_columns(table, columns, times)

    return Block(
        path,
        _names(table, columns),
        values,
        series_names(table, columns.groups),
        None if stamps is None else stamps.times,
        [line for line, _ in table.rows],
        lambda row: "" if stamps is None else stamps.written(table, row),
        table.error,
        lambda: (
            [] if stamps is None else naming_columns(table, columns, stamps.times.values.tolist())
        ),
        (
            *table.facts,
            *table.numbers_facts(columns.used),
            *columns.facts,
            *_first(table, columns, values),
        ),
    )


def _names(table: Table, columns: Columns) -> Names:
    def names(indices: Sequence[int]) -> tuple[str, ...]:
        return tuple(table.names[index] for index in indices)

    return Names(names(columns.targets), names(columns.covariates), names(columns.known))


def _first(table: Table, columns: Columns, values: np.ndarray) -> list[Fact]:
    """The first values of the targets."""
    return [
        first_values(table.names[index], values[:, place].tolist())
        for place, index in enumerate(columns.targets)
    ][:3]
