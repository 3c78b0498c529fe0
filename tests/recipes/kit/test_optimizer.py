"""The gradient report: norms before clipping, and the share of steps that clipping changed."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from recipes.kit.optimizer import clipping_hint, make_optimizer
from recipes.kit.options import FitConfig


def gradients(scale: float) -> list[tf.Tensor]:
    """Norms 3 and 4, together 5, largest entry 4, all times scale."""
    return [tf.constant([0.0, 3.0 * scale]), tf.constant([[4.0 * scale]])]


def variables() -> list[keras.Variable]:
    return [keras.Variable([0.0, 0.0]), keras.Variable([[0.0]])]


@pytest.mark.parametrize("rule", ["adam", "adamw", "rmsprop", "sgd"])
def test_report_counts_norms_before_clipping(rule):
    optimizer = make_optimizer(FitConfig(optimizer=rule, global_clipnorm=7.0), 10)
    weights = variables()
    optimizer.build(weights)
    for scale in (1.0, 2.0, 3.0):
        optimizer.apply(gradients(scale), weights)
    report = optimizer.take_report()
    assert report.mean_norm == pytest.approx(10.0)
    assert report.max_norm == pytest.approx(15.0)
    assert report.clipped_fraction == pytest.approx(2 / 3)
    assert optimizer.take_report().max_norm == 0


@pytest.mark.parametrize(
    ("options", "bites"),
    [
        ({"global_clipnorm": 5.1}, False),
        ({"global_clipnorm": 4.9}, True),
        ({"global_clipnorm": None}, False),
        ({"clipnorm": 4.1}, False),
        ({"clipnorm": 3.9}, True),
        ({"clipvalue": 4.1}, False),
        ({"clipvalue": 3.9}, True),
    ],
)
def test_clipped_exactly_when_the_step_changes(options, bites):
    config = FitConfig(optimizer="sgd", learning_rate=1.0, **options)
    weights = variables()
    optimizer = make_optimizer(config, 10)
    optimizer.build(weights)
    optimizer.apply(gradients(1.0), weights)
    changed = not np.allclose(np.concatenate([w.numpy().ravel() for w in weights]), [0, -3, -4])
    assert changed == bites
    assert optimizer.take_report().clipped_fraction == bites


def test_a_word_that_repeats_counts_whole():
    """Its rows are summed before the norm is taken and before clipping."""
    weights = [keras.Variable(np.zeros((100, 2), "float32"))]
    config = FitConfig(optimizer="sgd", learning_rate=1.0, global_clipnorm=0.1)
    optimizer = make_optimizer(config, 10)
    optimizer.build(weights)
    rows = tf.IndexedSlices(tf.constant([[3.0, 4.0]] * 9), tf.constant([7] * 9), [100, 2])
    optimizer.apply([rows], weights)
    assert optimizer.take_report().mean_norm == pytest.approx(45.0)
    assert np.linalg.norm(weights[0].numpy()) == pytest.approx(0.1, rel=1e-4)


def test_cosine_of_a_single_step():
    make_optimizer(FitConfig(schedule="cosine"), 1)


def test_cosine_goes_up_then_down_to_zero():
    config = FitConfig(schedule="cosine", learning_rate=0.5)
    schedule = make_optimizer(config, 100)._learning_rate
    rates = [float(schedule(step)) for step in range(101)]
    assert rates[0] == 0
    assert max(rates) == pytest.approx(0.5, rel=1e-3)
    assert rates.index(max(rates)) == pytest.approx(5, abs=1)
    assert rates[-1] == pytest.approx(0, abs=1e-6)


def history(*rows: tuple[float, float, float]) -> list[dict[str, float]]:
    names = ("gradient_norm", "gradient_norm_max", "clipped_fraction")
    return [dict(zip(names, row, strict=True)) for row in rows]


def test_hints():
    config = FitConfig(global_clipnorm=5.0)
    never = clipping_hint(config, history((1, 2, 0), (1, 3, 0)))
    assert "never acted" in never
    assert "gradient norm was 3" in never
    always = clipping_hint(config, history((20, 90, 1), (30, 90, 1), (10, 50, 0.995)))
    assert "--global-clipnorm 5 clipped every step" in always
    assert "Try --global-clipnorm 40" in always
    assert clipping_hint(config, history((1, 9, 0.3))) is None
    assert clipping_hint(FitConfig(global_clipnorm=None), history((1, 9, 0))) is None
