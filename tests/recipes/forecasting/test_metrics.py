"""Metrics of forecasts against values worked out by hand, and against scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import mean_absolute_error, mean_pinball_loss, r2_score

from recipes.forecasting.metrics import Answers, errors_by_step, forecast_metrics


def of(*rows: list[float]) -> np.ndarray:
    """(windows, horizon) of one target."""
    return np.array(rows)[..., None]


def test_by_hand() -> None:
    truth, point = of([1.0, 2.0], [4.0, np.nan]), of([2.0, 4.0], [1.0, 9.0])
    found = forecast_metrics(truth, Answers(point), of([0.5], [2.0]))
    # errors -1, -2, 3
    assert found["mae"] == pytest.approx(2)
    assert found["rmse"] == pytest.approx((14 / 3) ** 0.5)
    assert found["mape"] == pytest.approx((1 + 1 + 3 / 4) / 3)
    assert found["smape"] == pytest.approx((2 / 3 + 4 / 6 + 6 / 5) / 3)
    assert found["mase"] == pytest.approx((1 / 0.5 + 2 / 0.5 + 3 / 2) / 3)
    # the truth is 7/3 in the mean
    spread = (4 / 3) ** 2 + (1 / 3) ** 2 + (5 / 3) ** 2
    assert found["rse"] == pytest.approx((14 / spread) ** 0.5)
    # of the last step one truth is known
    assert set(found) == {"mae", "rmse", "mape", "smape", "mase", "rse"}
    np.testing.assert_allclose(errors_by_step(truth, point)[:, 0], [2, 2])


def test_against_other_libraries() -> None:
    rng = np.random.default_rng(0)
    truth, point = rng.normal(size=(2, 30, 4, 2))
    found = forecast_metrics(truth, Answers(point), np.ones((30, 1, 2)))
    assert found["mae"] == pytest.approx(mean_absolute_error(truth.ravel(), point.ravel()))
    assert found["rse"] ** 2 == pytest.approx(1 - r2_score(truth.ravel(), point.ravel()))
    assert found["mase"] == pytest.approx(found["mae"])
    last = 1 - r2_score(truth[:, -1].ravel(), point[:, -1].ravel())
    assert found["rse_last_step"] ** 2 == pytest.approx(last)


def test_what_is_undefined_is_left_out() -> None:
    found = forecast_metrics(of([0.0, 0.0]), Answers(of([0.0, 1.0])), of([1.0]))
    assert "mape" not in found and "rse" not in found
    assert found["smape"] == pytest.approx(1)  # 0 of 0, and 2 of 1


def test_quantiles() -> None:
    truth = of([1.0, 2.0, 3.0, 4.0, np.nan])
    quantiles = np.array([[[0.0, 1.0, 2.0], [2.0, 2.0, 2.0], [3.5, 4, 5], [0, 1, 3], [0, 1, 2]]])
    answers = Answers(quantiles[..., 1][..., None], quantiles[:, :, None], (0.1, 0.5, 0.9))
    found = forecast_metrics(truth, answers, of([1.0]))
    assert found["coverage_80"] == pytest.approx(2 / 4)
    assert found["width_80"] == pytest.approx((2 + 0 + 1.5 + 3) / 4)
    by_level = [
        mean_pinball_loss([1, 2, 3, 4], quantiles[0, :4, i], alpha=level)
        for i, level in enumerate((0.1, 0.5, 0.9))
    ]
    assert found["quantile_loss"] == pytest.approx(np.mean(by_level))
    alone = Answers(answers.point, answers.quantiles[..., 1:], (0.5, 0.9))
    assert not any(name.startswith("coverage") for name in forecast_metrics(truth, alone, of([1])))
