"""Where series come from: statsmodels, a CSV file, or several of them."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import get_args

from recipes.forecasting.embedded import read_embedded
from recipes.forecasting.formats import read_series
from recipes.forecasting.options import SeriesConfig, SeriesName
from recipes.forecasting.series import SeriesSet
from recipes.kit.data.files import data_files
from recipes.kit.data.source import Source
from recipes.kit.errors import UserError

#: Ends of the names of files of series.
SUFFIXES = (".csv", ".tsv", ".txt")


def read(source: Source, config: SeriesConfig) -> SeriesSet:
    """The series of a source.

    Raises:
        UserError: If it does not exist, is of a kind that is not read, or the steps of its series
            differ.
        DataError: If a file is malformed; names file and line.
    """
    if source.kind == "tfds":
        raise UserError(
            f"--data {source}: this recipe cannot read tensorflow-datasets; "
            "expected embedded or the path of CSV files."
        )
    if source.kind == "files":
        source.require()
        return read_files(_files(source), config)
    names: tuple[SeriesName, ...] = get_args(SeriesName)
    source.embedded_name(*names)
    name = next((name for name in names if name == source.name), config.series)
    return _separated(read_embedded(name), config)


def read_files(
    paths: Sequence[Path], config: SeriesConfig, targets: Sequence[str] | None = None
) -> SeriesSet:
    """The series of several files, which all have the columns of the first.

    Args:
        paths: The files.
        config: Says which column holds what.
        targets: Columns to forecast instead of those of the config.

    Raises:
        UserError: If the steps of the series differ.
        DataError: As for `read_series`.
    """
    first = read_series(paths[0], config, targets)
    files = [first, *(read_series(path, config, first.targets) for path in paths[1:])]
    series = tuple(series for file in files for series in file.series)
    steps = {None if s.clock is None else (s.clock.unit, s.clock.count): s for s in series}
    if len(steps) > 1:
        differing = [
            f"{s.name} ({'no time stamps' if s.clock is None else s.clock.name})"
            for s in steps.values()
        ]
        raise UserError(
            f"The steps of series differ: {' and '.join(differing)}; expected the same."
        )
    facts = tuple(fact for file in files for fact in file.understood)
    return _separated(dataclasses.replace(first, series=series, understood=facts), config)


def _files(source: Source) -> list[Path]:
    files: list[Path] = []
    for path in source.paths:
        inside = data_files(path, SUFFIXES) if path.is_dir() else [path]
        if not inside:
            raise UserError(f"{path}: expected CSV files, found none.")
        files += inside
    return files


def _separated(contents: SeriesSet, config: SeriesConfig) -> SeriesSet:
    """With `separate`, each target as a series of its own."""
    if not config.separate:
        return contents
    several = len(contents.series) > 1
    series = tuple(
        dataclasses.replace(
            series,
            name=f"{series.name}, {target}" if several else target,
            values=series.values[:, index : index + 1],
        )
        for series in contents.series
        for index, target in enumerate(contents.columns)
    )
    return dataclasses.replace(contents, series=series, targets=("value",))
