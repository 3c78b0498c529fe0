"""What the test part says of a model: intervals, the worst answers, and the verdict."""

from __future__ import annotations

import math
import time

import numpy as np
import pytest
from scipy.stats import norm
from sklearn.metrics import accuracy_score, f1_score, roc_auc_score

from recipes.kit import judge
from recipes.kit.judge import Statistics, against_baseline, mean_statistics, ratio, worst
from recipes.kit.metrics import class_metrics, class_statistics
from recipes.kit.recipe import Objective


def test_the_interval_of_a_mean_is_the_normal_one() -> None:
    values = np.random.default_rng(1).normal(5, 2, 400)
    low, high = mean_statistics("numbers", {"m": values}).intervals()["m"]
    half = norm.ppf(0.975) * values.std() / 20
    assert (low, high) == pytest.approx((values.mean() - half, values.mean() + half), abs=0.03)


def test_the_interval_of_a_ratio_is_over_examples() -> None:
    """Of long and short examples; each is drawn whole."""
    generator = np.random.default_rng(2)
    lengths = generator.integers(1, 50, 300)
    errors = generator.binomial(lengths, 0.1)
    statistics = Statistics(
        "texts",
        {"errors": errors, "length": lengths},
        lambda sums: {"rate": ratio(sums["errors"], sums["length"])},
    )
    assert statistics.values == {"rate": errors.sum() / lengths.sum()}
    ((low, high),) = statistics.intervals().values()
    rows = generator.integers(0, 300, (4000, 300))
    expected = np.percentile(errors[rows].sum(1) / lengths[rows].sum(1), [2.5, 97.5])
    assert (low, high) == pytest.approx(tuple(expected), abs=2e-3)
    assert statistics.intervals() == statistics.intervals()


def test_a_rough_calibration_of_the_interval() -> None:
    """It holds the truth in about 95 of 100 samples."""
    generator = np.random.default_rng(3)
    held = 0
    for _ in range(100):
        right = generator.random(100) < 0.7
        low, high = mean_statistics("texts", {"accuracy": right}).intervals()["accuracy"]
        held += low <= 0.7 <= high
    assert 88 <= held <= 100


def test_what_has_no_interval() -> None:
    few = mean_statistics("texts", {"accuracy": np.arange(9) % 2})
    assert few.intervals() == {} and few.values == {"accuracy": 4 / 9}
    perfect = mean_statistics("texts", {"accuracy": np.ones(50), "mae": np.arange(50)})
    assert list(perfect.intervals()) == ["mae"]


def test_large_units_are_drawn_whole() -> None:
    values = np.repeat(np.random.default_rng(4).normal(size=40), 25)
    alone = mean_statistics("windows", {"m": values})
    grouped = alone.grouped("series", np.arange(1000) // 25)
    assert len(grouped) == 40 and grouped.values["m"] == pytest.approx(alone.values["m"])
    widths = [np.diff(s.intervals()["m"])[0] for s in (alone, grouped)]
    assert widths[1] / widths[0] == pytest.approx(5, rel=0.15)  # the root of 25


def test_of_very_many_units_neighbours_are_drawn_together(monkeypatch) -> None:
    values = np.random.default_rng(5).normal(size=3000)
    whole = mean_statistics("numbers", {"m": values}).intervals()["m"]
    monkeypatch.setattr(judge, "_MOST", 700)
    seen: list[float] = []

    def weighted(counts: np.ndarray) -> dict[str, float]:
        seen.append(counts.sum())
        return {"w": float(counts @ values / counts.sum())}

    statistics = Statistics("n", {"m": values, "n": np.ones(3000)}, _mean, weighted)
    ends = statistics.intervals()
    assert ends["m"] == pytest.approx(whole, abs=0.01)
    assert ends["w"] == pytest.approx(ends["m"], abs=1e-12)
    assert np.std(seen[1:]) < 100


def _mean(sums: judge.Sums) -> dict[str, float]:
    return {"m": ratio(sums["m"], sums["n"])}


@pytest.mark.parametrize("classes", [2, 3])
def test_classes_against_scikit_learn(classes: int) -> None:
    generator = np.random.default_rng(classes)
    labels = ["no", "yes", "perhaps"][:classes]
    shares = np.round(generator.dirichlet(np.ones(classes), 200), 2)  # with ties
    truth = [labels[index] for index in generator.integers(0, classes, 200)]
    if classes == 3:
        truth[3] = "never seen"
    answers = [labels[index] for index in shares.argmax(axis=1)]
    found = class_metrics(truth, shares, labels)
    assert found["accuracy"] == pytest.approx(accuracy_score(truth, answers))
    assert found["macro_f1"] == pytest.approx(
        f1_score(truth, answers, average="macro", zero_division=0)
    )
    assert ("roc_auc" in found) == (classes == 2)
    if classes == 2:
        second = [label == "yes" for label in truth]
        assert found["roc_auc"] == pytest.approx(roc_auc_score(second, shares[:, 1]))
        weights = generator.integers(0, 4, 200).astype(float)
        statistics = class_statistics("texts", truth, shares, labels)
        assert statistics.weighted(weights)["roc_auc"] == pytest.approx(
            roc_auc_score(second, shares[:, 1], sample_weight=weights)
        )


def test_ten_thousand_examples_take_a_second_or_two() -> None:
    generator = np.random.default_rng(6)
    shares = generator.dirichlet((1, 1), 10_000)
    truth = [("a", "b")[index] for index in (generator.random(10_000) < shares[:, 1]).astype(int)]
    started = time.perf_counter()
    ends = class_statistics("texts", truth, shares, ("a", "b")).intervals()
    assert time.perf_counter() - started < 20  # 1.5 s on two idle cores
    assert set(ends) == {"accuracy", "macro_f1", "roc_auc"}


def test_the_worst_come_first(monkeypatch) -> None:
    errors, confidence = np.array([0, 2, np.nan, 2, 1]), np.array([0.1, 0.2, 0.9, 0.8, 0.9])
    assert worst(lambda i: {"i": i}, errors, confidence) == [{"i": i} for i in (3, 1, 4, 0, 2)]
    monkeypatch.setattr(judge, "ROWS", 2)
    assert worst(lambda i: {"i": i}, errors) == [{"i": 1}, {"i": 3}]


@pytest.mark.parametrize(
    ("metric", "mode", "own", "baseline", "wins", "sentence"),
    [
        ("mase", "min", 0.5, {"mase": 0.9}, False, ""),
        (
            "macro_f1",
            "max",
            0.38,
            {"macro_f1": 0.41, "accuracy": 0.9},
            True,
            "The baseline is better: macro_f1 0.4100 against 0.3800 of the model.",
        ),
        (
            "mase",
            "min",
            1.2,
            {"mase": 1.1, "naive_mase": 0.9},
            True,
            "A baseline is better: naive_mase 0.9000 against 1.2000 of the model.",
        ),
        (
            "accuracy",
            "max",
            0.6,
            {"accuracy": 0.5, "accuracy_of_commonest": 0.6},
            False,
            "A baseline is as good as the model: accuracy_of_commonest 0.6000.",
        ),
        ("accuracy", "max", 0.6, {"roc_auc": 0.9, "accuracy": math.nan}, False, ""),
        ("entity_f1", "max", 0.6, {"entity_f1": 0.1, "entity_f1_PER": 0.9}, False, ""),
    ],
)
def test_against_the_baselines(metric, mode, own, baseline, wins, sentence) -> None:
    shown = "" if metric != "macro_f1" else metric  # the best epoch has the least loss
    objective = Objective("loss" if shown else metric, "min" if shown else mode, shown)
    assert against_baseline(objective, {metric: own}, baseline) == (
        wins,
        (sentence,) if sentence else (),
    )
