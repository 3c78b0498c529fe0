"""Where series come from: statsmodels, a CSV file, or several of them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import get_args

from recipes.forecasting.assembly import assemble
from recipes.forecasting.block import Block
from recipes.forecasting.embedded import read_embedded
from recipes.forecasting.findings import Findings
from recipes.forecasting.formats import read_block
from recipes.forecasting.options import SeriesConfig, SeriesName
from recipes.forecasting.series import SeriesSet
from recipes.kit.data.facts import merged
from recipes.kit.data.files import data_files
from recipes.kit.data.source import Source
from recipes.kit.data.splits import files_of_splits, split_files
from recipes.kit.errors import UserError

#: Ends of the names of files of series.
SUFFIXES = (".csv", ".tsv", ".txt")


def read(source: Source, config: SeriesConfig, targets: Sequence[str] | None = None) -> SeriesSet:
    """The series of a source.

    Args:
        source: Where they come from.
        config: Says which column holds what.
        targets: Columns of files to forecast instead of those of the config.

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
        if source.parts:
            return read_parts(source, config, targets)
        return read_files(_files(source), config, targets)
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
        DataError: As for `read_block` and `assemble`.
    """
    first = read_block(paths[0], config, targets)
    blocks = [first, *(read_block(path, config, first.names.targets) for path in paths[1:])]
    return _contents([{"": block} for block in blocks], config)


def read_parts(
    source: Source, config: SeriesConfig, targets: Sequence[str] | None = None
) -> SeriesSet:
    """The series of a source whose files are parts that follow each other in time.

    Args:
        source: The files.
        config: As for `read_files`.
        targets: Likewise.

    Raises:
        UserError: If a part has several files, or there is nothing to test on.
        DataError: As for `read_block`, or if a file begins before the end of the one before.
    """
    files = split_files(source)
    if "valid" in files and "test" not in files:
        raise UserError("--valid needs --test FILE: the parts follow each other in time.")
    first = read_block(files["train"], config, targets)
    later = {part: path for part, path in files.items() if part != "train"}
    blocks = {
        "train": first,
        **{part: read_block(path, config, first.names.targets) for part, path in later.items()},
    }
    return _contents([blocks], config)


def _contents(files: Sequence[Mapping[str, Block]], config: SeriesConfig) -> SeriesSet:
    """The series of files, each by itself or several that follow each other.

    Raises:
        UserError: If the steps of the series differ.
    """
    findings = Findings()
    series = tuple(each for parts in files for each in assemble(parts, findings))
    steps = {None if s.clock is None else (s.clock.unit, s.clock.count): s for s in series}
    if len(steps) > 1:
        differing = [
            f"{s.name} ({'no time stamps' if s.clock is None else s.clock.name})"
            for s in steps.values()
        ]
        raise UserError(
            f"The steps of series differ: {' and '.join(differing)}; expected the same."
        )
    blocks = [block for parts in files for block in parts.values()]
    names = blocks[0].names
    contents = SeriesSet(
        series=series,
        columns=names.targets,
        targets=names.targets,
        covariates=names.covariates,
        known=names.known,
        understood=(
            *merged([(block.path.name, block.facts) for block in blocks]),
            *findings.facts(),
        ),
    )
    return _separated(contents, config)


def _files(source: Source) -> list[Path]:
    """The files of a source, each of them series of its own.

    Raises:
        UserError: If a folder has none, or files whose names say that they are parts.
    """
    files: list[Path] = []
    for path in source.paths:
        inside = data_files(path, SUFFIXES) if path.is_dir() else [path]
        if not inside:
            raise UserError(f"{path}: expected CSV files, found none.")
        parts = files_of_splits(path, SUFFIXES) if path.is_dir() else {}
        if len(parts) > 1:
            names = ", ".join(each.name for paths in parts.values() for each in paths)
            raise UserError(
                f"{path}: {names} seem to be parts of the same series; --train, --valid and --test "
                "FILE name them (--data FILE,FILE takes each file as series of its own)."
            )
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
