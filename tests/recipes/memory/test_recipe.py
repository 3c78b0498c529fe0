"""The memory recipe: tasks with known answers, what no memory can do, comparisons, the export."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

from recipes.kit.cli import main
from recipes.memory import cliff, recipe
from recipes.memory import study as memory_study
from recipes.memory.data import TASKS, Copy

QUICK = [
    "--units",
    "8",
    "--length",
    "12",
    "--epochs",
    "2",
    "--epoch-steps",
    "15",
    "--learning-rate",
    "0.02",
]

#: Runs where importing Keras or any package of ours fails.
ALONE = """
import sys
for name in ("keras", "custom_layers", "zoo", "recipes"):
    sys.modules[name] = None
import numpy as np, tensorflow as tf
served = tf.saved_model.load(sys.argv[1]).signatures["serving_default"]
found = served(x=tf.constant(np.load(sys.argv[2])))
np.savez(sys.argv[3], **{name: value.numpy() for name, value in found.items()})
"""


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("memory") / "out"
    compare = ["simple", "irnn-1.3", "clip-norm"]
    assert main(["train", "memory", "--out", str(out), "--compare", *compare, *QUICK]) == 0
    return out


@pytest.mark.slow
def test_what_a_run_leaves(trained: Path) -> None:
    metrics = json.loads((trained / "metrics.json").read_text())
    assert set(metrics["test"]) == {"mse", "mae", "accuracy"}
    assert metrics["baseline"]["mse"] == pytest.approx(1 / 6)
    compared = {f"mse_{name}" for name in ("simple", "irnn-1.3", "clip-norm")}
    assert compared <= set(metrics["baseline"])
    names = {path.name for path in (trained / "plots").iterdir()}
    assert names == {"curves.png", "gradients.png", "learning.png", "knowledge.png", "cliff.png"}
    with (trained / "comparison.csv").open() as file:
        rows = {row["model"]: row for row in csv.DictReader(file)}
    assert list(rows) == ["gru", "simple", "irnn-1.3", "clip-norm"]
    assert float(rows["gru"]["mse"]) == pytest.approx(metrics["test"]["mse"], rel=1e-3)
    assert int(rows["irnn-1.3"]["span_initial"]) == 11  # it grows on its way back
    with (trained / "gradients.csv").open() as file:
        steps = list(csv.DictReader(file))
    assert len(steps) == 4 * 2 * 12
    grown = [float(r["norm"]) for r in steps if (r["model"], r["when"]) == ("irnn-1.3", "initial")]
    assert grown[0] > 3 * grown[-1]


@pytest.mark.slow
def test_evaluate_and_predict(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert main(["evaluate", str(trained)]) == 0
    found = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert found == json.loads((trained / "metrics.json").read_text())["test"]
    assert main(["evaluate", str(trained), "--data", "length:20"]) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1]) != found
    assert main(["evaluate", str(trained), "--data", "length:x"]) == 2
    assert "--data must be embedded or length:N" in capsys.readouterr().err
    assert main(["predict", str(trained), "[[0.3, 1], [0.9, 0], [0.5, 1]]"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["steps"] == 3 and isinstance(answer["answer"], float)
    for wrong, message in (
        ("[[0.3, 1", "is not JSON"),
        ("{}", "expected a list of steps"),
        ("[1, 2]", "expected steps \\[number, mark\\]"),
    ):
        assert main(["predict", str(trained), wrong]) == 2
        assert message.replace("\\", "") in capsys.readouterr().err


@pytest.mark.slow
def test_served_alone(trained: Path, tmp_path: Path) -> None:
    x, _ = TASKS["adding"](12).part("test", 0, count=5)
    np.save(tmp_path / "x.npy", x)
    command = [sys.executable, "-c", ALONE, trained / "saved_model", tmp_path / "x.npy"]
    subprocess.run([*command, tmp_path / "y.npz"], check=True, capture_output=True)
    found = np.load(tmp_path / "y.npz")
    model = keras.models.load_model(trained / "model.keras")
    ours = model.predict({"x": x}, verbose=0)
    np.testing.assert_allclose(found["outputs"], ours, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(found["answer"], ours[:, 0], rtol=1e-4, atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("task", ["copy", "counting"])
def test_the_other_tasks(task: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    assert main(["train", "memory", "--task", task, "--out", str(out), *QUICK]) == 0
    metrics = json.loads((out / "metrics.json").read_text())
    assert set(metrics["test"]) == set(metrics["baseline"])
    capsys.readouterr()
    assert main(["evaluate", str(out), "--data", "length:12"]) == 0
    same = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert same == pytest.approx(metrics["test"], rel=1e-4)
    assert main(["predict", str(out), "[3, 0, 1, 2, 0, 1, 2, 3, 0, 1, 2]"]) == 0
    answer = json.loads(capsys.readouterr().out)["answer"]
    if task == "copy":
        assert len(answer) == 10 and all(0 <= symbol <= 8 for symbol in answer)
    else:
        assert isinstance(answer, float)


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


def test_comparisons() -> None:
    for name, change in memory_study.VARIANTS.items():
        config = recipe.Config(compare=(name,))
        labels = memory_study.chosen(config)
        assert name in labels or len(labels) == 1
        assert set(change) <= set(vars(config))
    assert all(set(group) <= set(memory_study.VARIANTS) for group in memory_study.GROUPS.values())
    found = memory_study.chosen(recipe.Config(cell="lstm", compare=("cells", "lstm", "delay-4")))
    assert list(found)[0] == "lstm" and list(found).count("lstm") == 1
    assert found["delay-4"].cell_options == '{"delays": [1, 4]}'
    assert next(iter(memory_study.chosen(recipe.Config(units=3)))) == "gru"
    odd = recipe.Config(cell="leaky", cell_options='{"time_constant": 5}')
    assert next(iter(memory_study.chosen(odd))) == "this leaky"


def test_a_gain_at_the_start() -> None:
    data = recipe.load_data(recipe.Config())
    kernels = []
    for gain in (1.0, 0.5):
        keras.utils.set_random_seed(0)
        model = recipe.build(recipe.Config(cell="simple", recurrent_gain=gain), data)
        kernels.append(model.get_layer("recurrent_0").get_weights()[1])
    np.testing.assert_allclose(kernels[1], 0.5 * kernels[0])
    np.testing.assert_allclose(kernels[0] @ kernels[0].T, np.eye(64), atol=1e-5)


def test_a_training_that_diverges_is_told_and_the_others_go_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    explode = {**memory_study.VARIANTS["irnn"], "recurrent_gain": 50.0, "global_clipnorm": None}
    monkeypatch.setitem(memory_study.VARIANTS, "irnn", explode)
    config = recipe.Config(units=4, length=40, epochs=1, epoch_steps=4, compare=("irnn",))
    baseline, (_, (study,)) = recipe.baseline(config, recipe.load_data(config), tmp_path)
    assert study.history == [] and study.trained == [] and "mse_irnn" not in baseline
    assert study.initial[0].exploding().any()
    assert "irnn: The loss or its gradient stopped being a number" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--data my.csv", "--data must be embedded"),
        ("--length 1", "--length must be at least 2, not 1"),
        ("--recurrent-gain 0", "--recurrent-gain must be a positive number"),
        ("--bidirectional", "--bidirectional: read backwards"),
        ("--compare gru lstn", "--compare: there is no 'lstn'; expected groups .cells"),
        ("--epoch-steps 0", "--epoch-steps must be at least 1"),
    ],
)
def test_wrong_options(words: str, message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "memory", *words.split()]) == 2
    import re

    assert re.search(message, capsys.readouterr().err)


def test_the_search_keeps_one_direction() -> None:
    import keras_tuner

    hp = keras_tuner.HyperParameters()
    found = recipe.space(hp, recipe.Config())
    assert not found.bidirectional and {"depth", "cell", "clip"} <= set(hp.values)


# --- the cliff ------------------------------------------------------------------------------------


def test_the_slope_of_the_cliff() -> None:
    for w, b in ((2.0, -0.4), (1.6, -0.24), (1.3, 0.1)):
        found, step = cliff.slope(w, b), 1e-7
        for name, dw, db in (("w", step, 0.0), ("b", 0.0, step)):
            ends = [cliff.loss(np.array(w + s * dw), np.array(b + s * db)) for s in (1, -1)]
            assert found[name].item() == pytest.approx((ends[0] - ends[1]) / (2 * step), rel=1e-4)


def test_one_step_off_the_cliff_and_clipped() -> None:
    free = cliff.descend(lambda gradient: gradient)
    held = cliff.descend(lambda gradient: cliff.globally(gradient, 1.0))
    assert np.linalg.norm(np.diff(free, axis=0), axis=1).max() > 1
    assert np.linalg.norm(np.diff(held, axis=0), axis=1).max() <= cliff.RATE * 1.001
    assert cliff.loss(*free[-1]) > 0.05 and cliff.loss(*held[-1]) < 1e-6


@pytest.mark.parametrize(
    ("rule", "option", "limit"),
    [
        (cliff.by_value, "clipvalue", 0.1),
        (cliff.by_norm, "clipnorm", 1.0),
        (cliff.globally, "global_clipnorm", 1.0),
    ],
)
def test_clipping_is_that_of_keras(rule, option: str, limit: float) -> None:
    gradient = cliff.large_gradient()
    clipped = rule(gradient, limit)
    weights = [keras.Variable(np.zeros(g.shape, "float32")) for g in gradient.values()]
    optimizer = keras.optimizers.SGD(1.0, **{option: limit})
    optimizer.apply([keras.ops.convert_to_tensor(g, "float32") for g in gradient.values()], weights)
    for weight, expected in zip(weights, clipped.values(), strict=True):
        np.testing.assert_allclose(-weight.numpy(), expected, rtol=1e-4, atol=1e-6)
    assert any(np.abs(clipped[name] - gradient[name]).max() > 0.1 for name in gradient)
