"""The memory recipe: comparisons, what a run leaves, evaluation, prediction, the export."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path

import keras
import keras_tuner
import numpy as np
import pytest
from recipe_corpus import answer_rows

import zoo
from recipes.kit.cli import main
from recipes.kit.recipe import History, Run
from recipes.memory import recipe
from recipes.memory.data import Data
from recipes.memory.options import Config
from recipes.memory.tasks import TASKS
from recipes.memory.variants import VARIANTS

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
answer = served(x=tf.constant(np.load(sys.argv[2])))
np.savez(sys.argv[3], **{name: value.numpy() for name, value in answer.items()})
"""


def run_of(config: Config, folder: Path) -> Run[Config, Data]:
    return Run(config, recipe.load_data(config.data, config), folder, "memory")


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
    answers = answer_rows(trained, "mse")
    assert len(answers) == 1000 and "1,000 worst of 2,000" in (trained / "README.md").read_text()
    for row in answers[:5]:
        assert row["mse"] == pytest.approx((row["truth"] - row["answer"]) ** 2, rel=1e-3)
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
    # Models that differ in clipping only start with the same weights.
    starts = {
        name: [r["norm"] for r in steps if (r["model"], r["when"]) == (name, "initial")]
        for name in ("gru", "clip-norm")
    }
    assert starts["gru"] == starts["clip-norm"]
    card = (trained / "README.md").read_text()
    assert "12 steps each" in card and "the best answer of a model without memory" in card


@pytest.mark.slow
def test_evaluate(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert main(["evaluate", str(trained)]) == 0
    metrics = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert metrics == json.loads((trained / "metrics.json").read_text())["test"]
    assert main(["evaluate", str(trained), "--data", "embedded:length=20"]) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1]) != metrics
    for wrong in ("embedded:length=x", "embedded:length=1", "embedded:20", "length=20"):
        assert main(["evaluate", str(trained), "--data", wrong]) == 2
        assert "--data must be embedded or embedded:length=N" in capsys.readouterr().err


@pytest.mark.slow
def test_predict_gives_an_answer_for_each_line(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    assert main(["predict", str(trained), "[[0.3, 1], [0.9, 0], [0.5, 1]]"]) == 0
    good = json.loads(capsys.readouterr().out)
    assert good["steps"] == 3 and isinstance(good["answer"], float)
    lines = {
        "[[0.3, 1": "is not JSON",
        "{}": "expected a list of steps",
        "[1, 2]": "expected steps [number, mark]",
        "[" * 100_000: "is not JSON",
    }
    right = "[[0.3, 1], [0.9, 0], [0.5, 1]]"
    (tmp_path / "lines.jsonl").write_text("\n".join([right, *lines, right]))
    assert main(["predict", str(trained), str(tmp_path / "lines.jsonl")]) == 2
    first, *errors, last = map(json.loads, capsys.readouterr().out.splitlines())
    assert first == last == good
    assert [error["input"] for error in errors] == list(lines)
    for error, message in zip(errors, lines.values(), strict=True):
        assert message in error["error"]


@pytest.mark.slow
def test_served_alone(trained: Path, tmp_path: Path) -> None:
    x, _ = TASKS["adding"](12).part("test", 0, count=5)
    np.save(tmp_path / "x.npy", x)
    command = [sys.executable, "-c", ALONE, trained / "saved_model", tmp_path / "x.npy"]
    subprocess.run([*command, tmp_path / "y.npz"], check=True, capture_output=True)
    served = np.load(tmp_path / "y.npz")
    model = keras.models.load_model(trained / "model.keras")
    ours = model.predict({"x": x}, verbose=0)
    np.testing.assert_allclose(served["outputs"], ours, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(served["answer"], ours[:, 0], rtol=1e-4, atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("task", ["copy", "counting"])
def test_the_other_tasks(task: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    assert main(["train", "memory", "--task", task, "--out", str(out), *QUICK]) == 0
    metrics = json.loads((out / "metrics.json").read_text())
    assert set(metrics["test"]) == set(metrics["baseline"])
    capsys.readouterr()
    assert main(["evaluate", str(out), "--data", "embedded:length=12"]) == 0
    same = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert same == pytest.approx(metrics["test"], rel=1e-4)
    assert main(["predict", str(out), "[3, 0, 1, 2, 0, 1, 2, 3, 0, 1, 2]"]) == 0
    answer = json.loads(capsys.readouterr().out)["answer"]
    if task == "copy":
        assert len(answer) == 10 and all(0 <= symbol <= 8 for symbol in answer)
    else:
        assert isinstance(answer, float)


def test_a_gain_at_the_start(tmp_path: Path) -> None:
    kernels = []
    for gain in (1.0, 0.5):
        run = run_of(Config(cell="simple", recurrent_gain=gain), tmp_path)
        model = recipe.build(run)
        kernels.append(model.get_layer("recurrent_0").get_weights()[1])
    np.testing.assert_allclose(kernels[1], 0.5 * kernels[0])
    np.testing.assert_allclose(kernels[0] @ kernels[0].T, np.eye(64), atol=1e-5)


def test_a_gain_of_a_sparse_reservoir(tmp_path: Path) -> None:
    values = []
    for gain in (1.0, 0.5):
        model = recipe.build(
            run_of(Config(cell="reservoir", units=200, recurrent_gain=gain), tmp_path)
        )
        values += [v.numpy() for v in model.variables if v.name == "recurrent_values"]
    np.testing.assert_allclose(values[1], 0.5 * values[0])


def test_a_gain_of_a_registered_cell_without_a_recurrent_kernel(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(zoo.CELLS, "own", zoo.CELLS["mingru"])
    with pytest.raises(ValueError, match="--recurrent-gain scales .* --cell own does not have"):
        recipe.build(run_of(Config(cell="own", recurrent_gain=0.5), tmp_path))


def test_a_comparison_that_diverges_is_noted_and_the_others_go_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    explode = {**VARIANTS["irnn"], "recurrent_gain": 50.0, "global_clipnorm": None}
    monkeypatch.setitem(VARIANTS, "irnn", explode)
    config = Config(units=4, length=40, epochs=1, epoch_steps=4, compare=("irnn", "simple"))
    run = run_of(config, tmp_path)
    compared = recipe.compare(run, recipe.build(run), History([]))
    own, study, other = compared.answers["studies"]
    assert own.trained and own.test
    assert study.history == [] and study.trained == []
    assert other.history and other.trained and set(compared.metrics) == {"mse_simple"}
    assert study.initial[0].exploding().any()
    assert "irnn: Training diverged" in capsys.readouterr().err


def test_what_no_variant_can_be_is_refused_before_any_training(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--compare", "lru", "--recurrent-dropout", "0.2", "--out", str(tmp_path / "out")]
    assert main(["train", "memory", *words, *QUICK]) == 2
    error = capsys.readouterr().err
    assert "--cell lru" in error and "1/2" not in error


def test_the_search_keeps_one_direction() -> None:
    hp = keras_tuner.HyperParameters()
    recipe.space(hp, Config())
    assert "bidirectional" not in hp.values and {"depth", "cell", "clip"} <= set(hp.values)
