"""What is missing in series, in few sentences."""

from __future__ import annotations

from dataclasses import dataclass, field

from recipes.kit.data.facts import Fact


@dataclass
class _Count:
    """What is missing of how much, in how many series, and where first."""

    count: int = 0
    total: int = 0
    series: int = 0
    where: str = ""

    def add(self, count: int, total: int, where: str) -> None:
        self.total += total
        if count:
            self.where = self.where or where
            self.count += count
            self.series += 1


@dataclass
class Findings:
    """Missing values, steps without rows and rows that were sorted, counted over all series."""

    series: int = 0
    _values: dict[str, _Count] = field(default_factory=dict)
    _steps: _Count = field(default_factory=_Count)
    _unsorted: _Count = field(default_factory=_Count)

    def missing(self, column: str, count: int, total: int, where: str) -> None:
        """Take note of missing values of a column in a series."""
        self._values.setdefault(column, _Count()).add(count, total, where)

    def gaps(self, count: int, total: int, where: str) -> None:
        """Take note of steps of a series that have no row."""
        self._steps.add(count, total, where)

    def unsorted(self, where: str) -> None:
        """Take note of a series whose rows were not in the order of time."""
        self._unsorted.add(1, 1, where)

    def facts(self) -> list[Fact]:
        """What was found, in a sentence for each kind and column."""
        facts = []
        if each := self._unsorted.where:
            text = f"rows are not in the order of time ({self._in(self._unsorted)}from {each} on)"
            facts.append(Fact("order", f"{text}: sorted"))
        for column, found in self._values.items():
            if found.count:
                text = f"{found.count:,} of {found.total:,} values of {column!r} are missing"
                facts.append(
                    Fact("missing", f"{text}, {self._in(found)}the first in {found.where}")
                )
        if (found := self._steps).count:
            text = f"{found.count:,} of {found.total:,} steps have no row"
            text = f"{text}, {self._in(found)}the first {found.where}: missing values"
            facts.append(Fact("gaps", text))
        return facts

    def _in(self, found: _Count) -> str:
        """In how many series, where there are several."""
        return "" if self.series < 2 else f"in {found.series:,} of {self.series:,} series, "
