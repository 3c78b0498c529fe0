"""The `.ts` files of the UCR and UEA archives of time series.

    # comments
    @problemName BasicMotions
    @dimensions 6
    @classLabel true Standing Running Walking Badminton
    @data
    0.07,0.08,-0.90:0.39,0.41,?:...:Standing

Each line after `@data` is a series: its channels, separated by colons, of values separated by
commas, `?` where one is missing; the class comes last, where `@classLabel` is true.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from recipes.kit.data.facts import Fact, first_values
from recipes.kit.data.files import encoding_fact, stream_lines
from recipes.kit.data.reading import AS_FOUND, TextFiles
from recipes.kit.errors import DataError
from recipes.series_classification.labelled import (
    LabelledSeries,
    SeriesFile,
    checked,
    numbers,
    tidy_label,
)

_IGNORED = {"problemname", "missing", "equallength", "serieslength"}


@dataclass
class _Header:
    """What the tags say; None where there is no such tag."""

    univariate: bool | None = None
    channels: int | None = None
    labels: frozenset[str] | None = None
    labelled: bool | None = None


def read_ts(path: Path, reading: TextFiles = AS_FOUND) -> SeriesFile:
    """Read a `.ts` file, gzipped or not.

    Args:
        path: The file.
        reading: Its encoding.

    Raises:
        DataError: If it is malformed, has time stamps, or a number in place of a class; names file
            and line.
    """
    lines = iter(stream_lines(path, reading))
    header = _header(path, lines)
    series: list[LabelledSeries] = []
    for number, line in lines:
        line = line.strip()
        if line and line[0] not in "#%":
            series.append(_series(path, number, line, header, str(len(series) + 1)))
            if header.channels is None:
                header.channels = series[0].channels
    if not series:
        raise DataError(path, "holds no series after @data")
    first = series[0]
    title = f"series 1 ({first.label}), channel 1" if first.label else "series 1, channel 1"
    facts = (
        Fact("form", f"{len(series):,} series, a line each, channels separated by colons"),
        *encoding_fact([path], reading),
        first_values(title, [float(value) for value in first.values[:, 0]]),
    )
    return SeriesFile({"train": tuple(series)}, facts)


def _header(path: Path, lines: Iterable[tuple[int, str]]) -> _Header:
    header, number = _Header(), 1
    for number, raw in lines:
        line = raw.strip()
        if not line or line[0] in "#%":
            continue
        if line[0] != "@":
            raise DataError(path, f"expected tags and then @data, found {line[:40]!r}", line=number)
        tag, *words = line[1:].split() or [""]
        if tag.lower() == "data":
            if header.labelled is None:
                raise DataError(path, "expected the tag @classLabel before @data", line=number)
            return header
        _read_tag(path, number, tag, words, header)
    raise DataError(path, "expected the tag @data, found none", line=number)


def _read_tag(path: Path, number: int, tag: str, words: list[str], header: _Header) -> None:
    name = tag.lower()
    if name == "timestamps" and _truth(path, number, tag, words):
        raise DataError(
            path,
            "has time stamps (@timeStamps true); expected evenly spaced values without them",
            line=number,
        )
    if name == "univariate":
        header.univariate = _truth(path, number, tag, words)
    elif name in ("dimensions", "dimension"):
        if len(words) != 1 or not words[0].isdigit() or not int(words[0]):
            raise DataError(path, f"@{tag}: expected a number of channels", line=number)
        header.channels = int(words[0])
    elif name == "targetlabel" and _truth(path, number, tag, words):
        raise DataError(
            path, "is for regression (@targetLabel true); expected classes", line=number
        )
    elif name == "classlabel":
        header.labelled = _truth(path, number, tag, words)
        header.labels = frozenset(map(tidy_label, words[1:])) or None
    elif name == "targetlabel":
        header.labelled = bool(header.labelled)
    elif name not in _IGNORED and name != "timestamps":
        raise DataError(path, f"unknown tag @{tag}", line=number)


def _truth(path: Path, number: int, tag: str, words: list[str]) -> bool:
    if not words or words[0].lower() not in ("true", "false"):
        word = words[0] if words else "nothing"
        raise DataError(path, f"@{tag}: expected true or false, found {word}", line=number)
    return words[0].lower() == "true"


def _series(path: Path, number: int, line: str, header: _Header, name: str) -> LabelledSeries:
    if "(" in line:
        raise DataError(
            path, "expected evenly spaced values, found time stamps in parentheses", line=number
        )
    *parts, last = line.split(":")
    label = tidy_label(last) if header.labelled else None
    if label is None:
        parts.append(last)
    elif header.labels and label not in header.labels:
        known = ", ".join(sorted(header.labels))
        raise DataError(
            path, f"expected a class of @classLabel ({known}), found {label[:40]!r}", line=number
        )
    wanted = 1 if header.univariate else header.channels
    if wanted is not None and len(parts) != wanted:
        raise DataError(
            path,
            f"expected {wanted} channels{' and a class' if header.labelled else ''}, "
            f"separated by colons, found {len(parts)}",
            line=number,
        )
    if not parts:
        raise DataError(path, "expected a channel and a class, found one of them", line=number)
    channels = [numbers(path, part.split(","), number) for part in parts]
    for index, channel in enumerate(channels[1:], start=2):
        if len(channel) != len(channels[0]):
            raise DataError(
                path,
                f"channel {index} has {len(channel)} steps, the first {len(channels[0])}; "
                "expected the same number (? where a value is missing)",
                line=number,
            )
    return checked(path, np.stack(channels, axis=1), label, name, number)
