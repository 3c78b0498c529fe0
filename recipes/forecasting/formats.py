"""Files of series: a row for each step, or a series in each row under a header of times."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from recipes.forecasting.block import Block, Names
from recipes.forecasting.columns import Columns, find_columns, naming_columns, series_names
from recipes.forecasting.options import SeriesConfig
from recipes.forecasting.wide import read_wide
from recipes.kit.data.facts import Fact, first_values
from recipes.kit.data.rows import Row
from recipes.kit.data.tables import Table, names_columns, read_table
from recipes.kit.data.times import looks_like_times


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
    table = read_table(path, config, is_header=_names_columns, blanks=True)
    wide = read_wide(table, config)
    if wide is not None:
        return wide
    columns = find_columns(table, config, config.target if targets is None else targets)
    values = np.stack([table.numbers(index) for index in columns.used], axis=1)
    stamps, names = columns.stamps, series_names(table, columns.groups)

    def naming() -> list[str]:
        if stamps is None:
            return []
        return naming_columns(table, columns, stamps.times.values.tolist())

    return Block(
        path,
        _names(table, columns),
        values,
        names,
        None if stamps is None else stamps.times,
        [line for line, _ in table.rows],
        lambda row: "" if stamps is None else stamps.written(table, row),
        table.error,
        naming,
        (
            *table.facts,
            *table.numbers_facts(columns.used),
            *columns.facts,
            *_first(table, columns, values[np.array(names) == names[0]]),
        ),
    )


def _names_columns(first: Sequence[str], body: Sequence[Row]) -> bool:
    """Whether a first row is a header: above numbers, or words above time stamps."""
    if names_columns(first, body):
        return True
    words = all(re.fullmatch("[-+.,0-9]*", cell) is None for cell in first)
    return words and any(
        looks_like_times([cells[index] for _, cells in body]) and not looks_like_times([cell])
        for index, cell in enumerate(first)
    )


def _names(table: Table, columns: Columns) -> Names:
    def names(indices: Sequence[int]) -> tuple[str, ...]:
        return tuple(table.names[index] for index in indices)

    return Names(names(columns.targets), names(columns.covariates), names(columns.known))


def _first(table: Table, columns: Columns, values: np.ndarray) -> list[Fact]:
    """The first values of the targets of a series."""
    return [
        first_values(table.names[index], values[:, place].tolist())
        for place, index in enumerate(columns.targets)
    ][:3]
