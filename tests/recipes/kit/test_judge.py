"""What the test part says of a model."""

from __future__ import annotations

import math

import pytest

from recipes.kit.judge import against_baseline
from recipes.kit.recipe import Objective


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
    assert against_baseline(Objective(metric, mode), {metric: own}, baseline) == (
        wins,
        (sentence,) if sentence else (),
    )
