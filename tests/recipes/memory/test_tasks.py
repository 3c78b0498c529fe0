"""The tasks of memory: what they ask, their scores, and the score without memory."""

from __future__ import annotations

import numpy as np
import pytest

from recipes.kit.errors import UserError
from recipes.memory.tasks import TASKS, Copy


@pytest.mark.parametrize("name", TASKS)
def test_the_best_answer_without_memory(name: str) -> None:
    """Its metrics in closed form are what that answer has on many sequences."""
    task = TASKS[name](30)
    _, y = task.draw(20_000, np.random.default_rng(0))
    if name == "copy":
        outputs = np.full((*y.shape, 9), -1e4)
        outputs[:, : -Copy.WORD, Copy.BLANK] = 0
        outputs[:, -Copy.WORD :, :8] = 0
    else:
        outputs = np.full(y.shape, 1.0 if name == "adding" else 0.0)
    found, expected = task.metrics(outputs, y), task.memoryless()
    assert set(found) == set(expected)
    for metric, value in expected.items():
        assert found[metric] == pytest.approx(value, rel=0.03, abs=1e-3), metric


def test_what_the_tasks_ask() -> None:
    random = np.random.default_rng(0)
    x, y = TASKS["adding"](11).draw(500, random)
    assert x.shape == (500, 11, 2)
    np.testing.assert_array_equal(x[:, :5, 1].sum(1), 1)
    np.testing.assert_array_equal(x[:, 5:, 1].sum(1), 1)
    assert {*np.flatnonzero(x[..., 1].sum(0))} == {*range(11)}
    np.testing.assert_allclose(y[:, 0], (x[..., 0] * x[..., 1]).sum(1), rtol=1e-5)
    x, y = TASKS["copy"](5).draw(50, random)
    assert x.shape == y.shape == (50, 25)
    np.testing.assert_array_equal(y[:, -10:], x[:, :10])
    assert (x[:, 10:14] == 8).all() and (x[:, 14] == 9).all() and (x[:, 15:] == 8).all()
    assert (y[:, :15] == 8).all() and x[:, :10].max() == 7
    task = TASKS["counting"](40)
    x, y = task.draw(2000, random)
    np.testing.assert_allclose(task.answer(y), (x == 0).sum(1), rtol=1e-5)
    assert np.square(y).mean() == pytest.approx(1, abs=0.1)
    # Who remembers the last 30 of 40 steps and nothing else has a quarter of the error.
    known = (x[:, 10:] == 0).sum(1, keepdims=True) + 10 / 4
    scale, shift = task.units
    assert task.metrics((known - shift) / scale, y)["mse"] == pytest.approx(0.25, abs=0.03)


def test_perfect_answers() -> None:
    for name, perfect in (("adding", 0), ("counting", 0), ("copy", 0)):
        task = TASKS[name](9)
        _, y = task.draw(20, np.random.default_rng(1))
        outputs = 100.0 * np.eye(9)[y] if name == "copy" else y
        found = task.metrics(outputs, y)
        assert found[task.score] == pytest.approx(perfect, abs=1e-9)
        assert found["accuracy"] == 1
    assert task.metrics(-outputs, y)["sequence_accuracy"] == 0


def test_data_are_the_same_for_the_same_seed_and_never_twice() -> None:
    task = TASKS["adding"](10)
    first = task.part("train", 0, 0, 64)[0]
    np.testing.assert_array_equal(first, task.part("train", 0, 0, 64)[0])
    for other in (("train", 0, 1), ("train", 1, 0), ("valid", 0, 0), ("test", 0, 0)):
        assert (task.part(*other, 64)[0] != first).any()


@pytest.mark.parametrize(
    ("name", "steps", "message"),
    [
        ("adding", [1, 2], "expected steps .number, mark."),
        ("adding", [[0.5, 1], [0.5]], "expected steps .number, mark."),
        ("adding", [[float("nan"), 1]], "expected steps .number, mark."),
        ("adding", [[10**400, 1]], "expected steps .number, mark."),
        ("copy", [0, 10], "expected whole numbers from 0 to 9"),
        ("counting", [0, 4], "expected whole numbers from 0 to 3"),
        ("counting", [0, True], "expected whole numbers from 0 to 3"),
        ("counting", [0.0], "expected whole numbers from 0 to 3"),
    ],
)
def test_sequences_that_do_not_fit_the_task(name: str, steps: list, message: str) -> None:
    with pytest.raises(UserError, match=message):
        TASKS[name](9).read(steps)
