"""What the test part says of a model: its metrics, how sure they are, its worst answers, and
whether a baseline is better.

A metric is computed from terms that each example adds to sums: right answers, errors and lengths,
log-likelihoods. The same terms, drawn anew with replacement, give its interval (the percentiles of
the bootstrap), so that metric and interval cannot disagree.
"""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from recipes.kit.console import figure
from recipes.kit.objective import Objective
from recipes.kit.recipe import Metrics, Row

#: How often the units are drawn anew, and the fewest of which an interval is given.
RESAMPLES, FEWEST = 1000, 10

#: Most answers that are written down.
ROWS = 1000

#: Of more units than this, neighbours are drawn together.
_MOST = 20_000

Sums = Mapping[str, Any]


@dataclass(frozen=True)
class Statistics:
    """What the metrics of a test part are computed from.

    Attributes:
        unit: What the examples are, in the plural, such as "sentences": what is independent of each
            other, and drawn anew for an interval.
        terms: Of each unit what it adds to the sums, by name; (units,) or (units, terms).
        metrics: From the sums to metrics. One that has no value is left out or NaN.
        weighted: Metrics that are not made of sums, from how often each unit counts, (units,).
        biased: Metrics that drawing anew makes larger by itself: they have no interval.
    """

    unit: str
    terms: Mapping[str, np.ndarray]
    metrics: Callable[[Sums], Metrics]
    weighted: Callable[[np.ndarray], Metrics] = lambda counts: {}
    biased: Collection[str] = ()

    def __len__(self) -> int:
        return len(next(iter(self.terms.values())))

    @functools.cached_property
    def values(self) -> Metrics:
        """The metrics of all units, each counted once."""
        sums = {name: np.asarray(terms, float).sum(axis=0) for name, terms in self.terms.items()}
        return {**self.metrics(sums), **self.weighted(np.ones(len(self)))}

    def grouped(self, unit: str, groups: np.ndarray) -> Statistics:
        """The same metrics with larger units, where these depend on each other.

        Args:
            unit: What the larger ones are, in the plural.
            groups: For each unit the number of the larger one it belongs to; all from 0 on occur.
        """
        count = int(groups.max()) + 1
        terms = {}
        for name, values in self.terms.items():
            terms[name] = np.zeros((count, *np.shape(values)[1:]))
            np.add.at(terms[name], groups, values)
        return dataclasses.replace(
            self, unit=unit, terms=terms, weighted=lambda counts: self.weighted(counts[groups])
        )

    def intervals(self) -> dict[str, list[float]]:
        """The 95 % interval of each metric: what other units of the same kind would give.

        Returns:
            Its ends by metric. Empty for fewer than `FEWEST` units; without those metrics that are
            the same however the units are drawn, where nothing can be said.
        """
        if len(self) < FEWEST:
            return {}
        drawn: dict[str, list[float]] = {n: [] for n in self.values if n not in self.biased}
        for sums, counts in self._resamples():
            metrics = {**self.metrics(sums), **self.weighted(counts)}
            for name, values in drawn.items():
                values.append(metrics.get(name, math.nan))
        ends = {}
        for name, values in drawn.items():
            known = [value for value in values if math.isfinite(value)]
            if 2 * len(known) > len(values) and min(known) < max(known):
                ends[name] = [float(end) for end in np.percentile(known, [2.5, 97.5])]
        return ends

    def _resamples(self) -> Iterator[tuple[Sums, np.ndarray]]:
        """The sums of resampled units, and how often each unit is among them."""
        count = min(len(self), _MOST)
        group = np.arange(len(self)) * count // len(self)
        starts = np.searchsorted(group, np.arange(count))
        columns = {
            name: np.add.reduceat(np.asarray(terms, float).reshape(len(self), -1), starts)
            for name, terms in self.terms.items()
        }
        whole = np.concatenate([*columns.values()], axis=1)
        ends = np.cumsum([array.shape[1] for array in columns.values()])[:-1]
        generator = np.random.default_rng(0)
        for chunk in np.array_split(np.arange(RESAMPLES), max(1, RESAMPLES * count // 2**22)):
            drawn = generator.integers(0, count, (len(chunk), count))
            counts = np.stack([np.bincount(row, minlength=count) for row in drawn]).astype(float)
            for sums, weights in zip(counts @ whole, counts, strict=True):
                parts = zip(self.terms.items(), np.split(sums, ends), strict=True)
                shaped = {name: part.reshape(np.shape(t)[1:]) for (name, t), part in parts}
                yield shaped, weights[group]


@dataclass(frozen=True)
class Judgement:
    """What a model makes of examples whose answers are known.

    Attributes:
        statistics: What the metrics are computed from.
        rows: The worst answers, the worst first, for `test_answers.jsonl`; see `worst`.
        count: How many answers there are.
        order: What the rows are sorted by, for a sentence: "cer, the highest first".
        answers: The answers themselves, for `draw` and `tables`.
        notes: What else should be said of the metrics, in sentences.
        facts: What else belongs into `metrics.json`.
    """

    statistics: Statistics
    rows: Sequence[Row]
    count: int
    order: str
    answers: Any = None
    notes: Sequence[str] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def metrics(self) -> Metrics:
        """The metrics, by name."""
        return self.statistics.values

    def noting(self, notes: Iterable[str]) -> Judgement:
        """The same with further notes, before the others."""
        return dataclasses.replace(self, notes=(*notes, *self.notes))

    @property
    def kept(self) -> str:
        """Which answers `rows` has, for a sentence."""
        if len(self.rows) == self.count:
            return f"all {self.count:,} answers"
        return f"the {len(self.rows):,} worst of {self.count:,} answers; the others are left out"


def mean_statistics(unit: str, values: Mapping[str, np.ndarray]) -> Statistics:
    """The statistics of metrics that are means of what each example has, (examples,) by name."""
    count = np.ones(len(next(iter(values.values()))))

    def metrics(sums: Sums) -> Metrics:
        return {name: ratio(sums[name], sums["examples"]) for name in values}

    return Statistics(unit, {"examples": count, **values}, metrics)


def worst(row: Callable[[int], Row], *figures: np.ndarray) -> list[Row]:
    """Rows of the worst answers, `ROWS` at most, the worst first.

    Args:
        row: From the number of an example to its row.
        figures: What says how bad each answer is, more being worse; where the first are equal the
            next decides.
    """
    order = np.lexsort([-np.asarray(values, float) for values in reversed(figures)])
    return [row(int(index)) for index in order[:ROWS]]


def ratio(part: float, whole: float, empty: float = 0.0) -> float:
    """A share; `empty` where there is nothing to have a share of."""
    return float(part) / float(whole) if whole else empty


def against_baseline(
    objective: Objective, test: Mapping[str, float], baseline: Mapping[str, float]
) -> tuple[bool, Sequence[str]]:
    """Whether a baseline is better than the model, by the metric the model was chosen by.

    Args:
        objective: That metric, and whether more or less of it is better; where it has one that is
            shown to people, of which more is better, that one.
        test: Metrics of the model.
        baseline: Metrics of the baselines: METRIC itself; of further ones `PREFIX_METRIC` or
            `METRIC_of_WHAT`.

    Returns:
        Whether one is better, and a sentence about it where the model is not better than all.
    """
    metric = objective.shown or objective.metric
    better: Callable[..., Any] = max if objective.shown or objective.mode == "max" else min
    rivals = {
        name: value
        for name, value in baseline.items()
        if (name == metric or name.endswith(f"_{metric}") or name.startswith(f"{metric}_of_"))
        and not math.isnan(value)
    }
    if metric not in test or not rivals:
        return False, ()
    own, name = test[metric], better(rivals, key=rivals.__getitem__)
    best, which = rivals[name], "The baseline" if name == metric else "A baseline"
    if best == own:
        return False, (f"{which} is as good as the model: {name} {figure(best)}.",)
    if better(best, own) != best:
        return False, ()
    return True, (f"{which} is better: {name} {figure(best)} against {figure(own)} of the model.",)
