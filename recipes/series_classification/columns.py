"""Which columns of a table are what: series, class, time, values, and those left aside."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from recipes.kit.data.columns import counts_rows, why_no_measure
from recipes.kit.data.facts import listed
from recipes.kit.data.tables import Table
from recipes.kit.errors import DataError
from recipes.series_classification.holdings import Holdings, numbered
from recipes.series_classification.labelled import Known
from recipes.series_classification.names import LABEL, is_observed, usual_series, usual_time
from recipes.series_classification.options import Config

#: The name of the last column of a table without a header, whose rows may differ in length.
LAST = "last"

_WHAT_WAS_OBSERVED = "says by its name what was observed"


@dataclass(frozen=True)
class Roles:
    """What the columns of a table are.

    Attributes:
        row: Whether a row is a whole series or a step of one.
        series: The columns whose values together name a series.
        label: The column of classes.
        time: The column of times.
        values: Columns of numbers: the steps in their order, or the channels.
        channels: Names of the channels; empty for the only one of a row a series.
        aside: Columns that are not used, each with the reason.
    """

    row: Literal["series", "step"]
    series: tuple[int, ...]
    label: int | None
    time: int | None
    values: tuple[int, ...]
    channels: tuple[str, ...]
    aside: tuple[tuple[int, str], ...]


def roles_of(table: Table, config: Config, known: Known, *, labelled: bool) -> Roles:
    """What the columns of a table are: by the options, by their names, by what they hold.

    Args:
        table: The table, under a header or not.
        config: The options that name columns, or number them from 0.
        known: What a model or the training part says of classes and channels.
        labelled: Whether to look for a column of classes that is neither named nor usual.

    Raises:
        DataError: If a column is missing, or there is no telling; names the option that decides.
    """
    return _Roles(table, config, known, labelled=labelled).decide()


class _Roles:
    def __init__(self, table: Table, config: Config, known: Known, *, labelled: bool) -> None:
        self._table, self._config, self._known = table, config, known
        self._labelled = labelled
        self._columns = range(len(table.names))
        self._asked = tuple(map(table.index, config.value_columns))
        self._holds = Holdings(table, known)
        self._series = tuple(map(table.index, config.series_column)) or usual_series(table)
        named = config.time_column
        self._time = usual_time(table) if named is None else table.index(named)
        self._label = self._named_label()
        if self._label in self._asked:
            message = (
                f"column {table.names[self._label or 0]!r} holds the classes; they are no values"
            )
            raise DataError(table.path, f"--value-columns: {message}", line=1)
        others = (*self._series, self._time, self._label)
        numbers = [i for i in self._columns if i not in others and not self._holds.is_text(i)]
        names = [table.names[index] for index in numbers]
        self._groups = numbered(names) if table.header else {}

    def decide(self) -> Roles:
        table = self._table
        if self._config.row == "series" or (self._config.row is None and self._is_wide()):
            return self._row_per_series()
        if not self._series:
            raise DataError(
                table.path,
                "each row seems to be a step, but no column says which series it belongs to; "
                f"--series-column names one or several{self._candidates()}",
                line=1,
            )
        return self._row_per_step()

    # --- a row a series, or a row a step ----------------------------------------------------------

    def _is_wide(self) -> bool:
        """Whether a row is a whole series.

        Raises:
            DataError: If it may be one or a step.
        """
        table = self._table
        if self._known.channels and {*self._known.channels} <= {*table.names}:
            return False
        if self._series:
            if len({*self._names_of_rows()}) < len(table.rows):
                return False
            if self._known.count > 1 and len(self._groups) < 2:
                return False  # Of one channel only, it would be of no use.
            if self._groups or self._config.series_column:
                return True
        if reason := self._like_a_step():
            raise DataError(
                table.path,
                f"{reason}, so a row seems to be a step, but no column says which series it "
                f"belongs to; --series-column names one or several{self._candidates()}, or "
                "--row series says that each row is a whole series",
                line=1,
            )
        return True

    def _like_a_step(self) -> str:
        """Why a row seems to be a step of a series; empty if it does not."""
        table, holds = self._table, self._holds
        if self._time is not None:
            return f"column {table.names[self._time]!r} holds times"
        steps = {name for names in self._groups.values() for name in names}
        plain = [
            index
            for index in self._columns
            if index not in self._series
            and not holds.is_empty(index)
            and (table.names[index] in steps or not counts_rows(table, index))
        ] or [0]
        texts = [i for i in plain if holds.is_text(i) and holds.repeats(i)]
        if self._label is not None:
            classes = [self._label]
        else:  # Classes may come in turns, or one after the other, too.
            classes = texts if table.header and len(texts) == 1 else [plain[0], plain[-1]]
        others = [i for i in plain if i not in classes and table.names[i] not in steps]
        for index in others if table.header else ():
            if is_observed(table, index) and holds.repeats(index):
                return f"column {table.names[index]!r} repeats its values"
        for index in others:
            if holds.restarts(index):
                return f"column {table.names[index]!r} counts steps from the start again and again"
            if not steps and 0 < holds.rises(index) < 1:
                return f"column {table.names[index]!r} goes up as times do"
            if not table.header and index in texts:
                return f"column {table.names[index]!r} holds names among numbers"
        if not table.header or steps:
            return ""
        for index in others:
            if holds.in_runs(index):
                return f"column {table.names[index]!r} has the same value over many rows"
        return ""

    def _names_of_rows(self) -> list[tuple[str, ...]]:
        return [*zip(*map(self._table.column, self._series), strict=True)]

    def _candidates(self) -> str:
        """Columns that may say which series a row belongs to, and how many there would be."""
        table = self._table
        some = [
            index
            for index in self._columns
            if index not in (self._label, self._time)
            and (is_observed(table, index) or not self._holds.restarts(index))
            and self._holds.repeats(index)
            and self._holds.are_names(index)
        ]
        shown = [f"{table.names[i]}: {len({*table.column(i)}):,} values" for i in some]
        if (label := self._label) is not None:
            for index in some:
                pairs = {*zip(table.column(index), table.column(label), strict=True)}
                if len(pairs) > len({*table.column(index)}):
                    both = f"{table.names[index]} {table.names[label]}"
                    shown.append(f"{both}: {len(pairs):,} together")
        return f" ({listed(shown, 5)})" if shown else ""

    # --- roles ------------------------------------------------------------------------------------

    def _row_per_series(self) -> Roles:
        table = self._table
        steps = {name for names in self._groups.values() for name in names}
        aside: dict[int, str] = {}
        for index in self._columns:
            if index in (*self._asked, self._label) or table.names[index] in steps:
                continue
            if reason := self._why_no_step(index):
                aside[index] = reason
        label = self._label
        if label is None and self._labelled:
            label = self._guess_label([i for i in self._columns if i not in aside], steps)
        for index in self._columns:
            if index in (*aside, *self._asked, label) or table.names[index] in steps:
                continue
            if self._holds.is_text(index):
                aside[index] = "holds text"
            elif self._asked:
                aside[index] = "is not asked for"
            elif steps:
                aside[index] = f"is not one of {_span([*self._groups.values()][0])}"
        values = tuple(i for i in self._columns if i not in aside and i != label)
        channels: tuple[str, ...] = ()
        if self._asked:
            values = self._asked
        elif steps:
            stems = self._stems()
            named = (table.names.index(n) for stem in stems for n in self._groups[stem])
            values = tuple(index for index in named if index != label)
            channels = tuple(stems) if len(stems) > 1 else ()
        series = self._series
        return Roles("series", series, label, self._time, values, channels, tuple(aside.items()))

    def _stems(self) -> Sequence[str]:
        """The groups of numbered columns, in the order of the channels of a model."""
        known = self._known.channels
        return known if {*known} == {*self._groups} else [*self._groups]

    def _why_no_step(self, index: int) -> str | None:
        """Why a column of a table with a row a series is none of the steps, whatever it holds."""
        table = self._table
        if index in self._series:
            return "names the series"
        if index == self._time:
            return "holds times"
        if all(map(self._holds.is_empty, self._columns[index:])):
            return "is empty"  # Between others it is a step that is missing.
        if is_observed(table, index):
            return _WHAT_WAS_OBSERVED
        if table.header and (reason := why_no_measure(table, index)):
            by_chance = reason == "numbers the rows" and index > 0
            return None if by_chance else reason
        numbers = index == 0 and (counts_rows(table, index) or self._holds.rises(index) == 1)
        return "numbers the rows" if numbers else None

    def _row_per_step(self) -> Roles:
        table = self._table
        wanted = self._asked or tuple(map(table.index, self._known.channels))
        taken = {*self._series, self._time}
        label = self._label
        if label is None and self._labelled:
            texts = [
                index
                for index in self._columns
                if index not in (*taken, *wanted)
                and self._holds.is_text(index)
                and self._one_for_each_series(index)
            ]
            if len(texts) > 1:
                names = " or ".join(repr(table.names[index]) for index in texts)
                message = f"{names} may hold the classes; --label-column names the one that does"
                raise DataError(table.path, message, line=1)
            label = texts[0] if texts else None
        others = [i for i in self._columns if i not in (*taken, *wanted, label)]
        aside = self._no_channels(others, asked=bool(wanted))
        values = wanted or tuple(index for index in others if index not in aside)
        if self._known.count and len(values) != self._known.count:  # It may be all of them.
            fewer = self._no_channels(others, asked=bool(wanted), described=False)
            if len(others) - len(fewer) == self._known.count:
                aside, values = fewer, tuple(index for index in others if index not in fewer)
        if not values:
            have = ", ".join(table.names)
            raise DataError(table.path, f"expected columns of values, found {have}", line=1)
        channels = tuple(table.names[index] for index in values) if table.header else ()
        series, time = self._series, self._time
        return Roles("step", series, label, time, values, channels, tuple(aside.items()))

    def _no_channels(
        self, columns: Sequence[int], *, asked: bool, described: bool = True
    ) -> dict[int, str]:
        """The columns of a table with a row a step that are none of the channels, and why.

        Args:
            columns: Those that have no other role.
            asked: Whether somebody named the channels.
            described: Whether a whole number for each series describes it.
        """
        reasons = {index: self._why_no_channel(index, asked, described) for index in columns}
        return {index: reason for index, reason in reasons.items() if reason}

    def _why_no_channel(self, index: int, asked: bool, described: bool) -> str | None:
        table = self._table
        if self._holds.is_text(index):
            return "holds text"
        if self._holds.is_empty(index):
            return "is empty"
        if asked:
            return "is not asked for"
        if is_observed(table, index):
            return _WHAT_WAS_OBSERVED
        if reason := why_no_measure(table, index) if table.header else None:
            return reason
        if self._holds.restarts(index):
            return "counts the steps"
        several = len({*table.column(index)}) > 1 < len({*self._names_of_rows()})
        described = described and several and self._holds.are_names(index)
        if described and self._one_for_each_series(index):
            return "is one whole number for each series, so it names or describes it"
        return None

    def _guess_label(self, columns: Sequence[int], steps: set[str]) -> int | None:
        """The column of classes: text, or the first or last with few values that repeat.

        Raises:
            DataError: If there is more than one; names the option that decides.
        """
        table, holds = self._table, self._holds
        texts = [i for i in columns if holds.is_text(i) and (holds.repeats(i) or holds.knows(i))]
        if table.header:
            others = [i for i in columns if table.names[i] not in steps] or columns
            ends = texts
            if not texts and not self._known.labels:  # A model knows the name of its column.
                ends = [*dict.fromkeys((*others[:1], *others[-1:]))]
        else:
            inner = [i for i in columns if not holds.is_text(i) or i in texts]
            ends = [*dict.fromkeys((*inner[:1], *inner[-1:]))]
        known = [i for i in ends if holds.knows(i)]
        some = known or [i for i in ends if holds.may_be_classes(i)]
        some = [i for i in some if holds.is_text(i)] or some
        if len(columns) < 2:  # Nothing would be left to learn from.
            return None
        if len(some) > 1:
            names = " or ".join(
                f"{table.names[i]!r} ({len({*holds.labels(i)})} values)" for i in some
            )
            raise DataError(
                table.path,
                f"{names} may hold the classes; --label-column names the one that does",
                line=1,
            )
        if not some and self._known.labels and not table.header:
            return ends[0] if ends else None
        return some[0] if some else None

    def _one_for_each_series(self, index: int) -> bool:
        """Whether a column has one value for each series."""
        values: dict[tuple[str, ...], str] = {}
        cells = self._table.column(index)
        return all(
            values.setdefault(name, cell) == cell
            for name, cell in zip(self._names_of_rows(), cells, strict=True)
        )

    def _named_label(self) -> int | None:
        """The column of classes: named, that of the training part, or of a usual name."""
        table, wanted, known = self._table, self._config.label_column, self._known.label
        if wanted is not None and (self._labelled or wanted in table.names):
            return table.index(wanted)
        if table.header:
            return table.names.index(known) if known in table.names else table.find(LABEL)
        if not self._labelled or known is None:
            return None
        return self._columns[-1] if known == LAST else self._by_number(known)

    def _by_number(self, name: str) -> int | None:
        """The column of a name such as `column 0`, if the table has it."""
        return self._table.names.index(name) if name in self._table.names else None


def _span(names: Sequence[str]) -> str:
    return f"{names[0]} to {names[-1]}"
