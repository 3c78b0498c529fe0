"""The chaos recipe: metrics by hand; from a file to a served network that goes on with it."""

from __future__ import annotations

import csv
import json
import shutil
import subprocess
import sys
from pathlib import Path

import keras
import keras_tuner
import numpy as np
import pytest

import zoo
from recipes.chaos import recipe
from recipes.chaos.data import Part
from recipes.chaos.metrics import (
    Answers,
    LinearModel,
    Persistence,
    Scoring,
    answers,
    recalled,
    scores,
    valid_steps,
)
from recipes.chaos.plots import maxima
from recipes.kit.cli import main
from recipes.kit.errors import UserError

QUICK = ["--units", "40", "--ridge", "1e-10", "1e-6", "1e-2", "--starts", "5", "--washout", "50"]
RUNS = ["--horizon", "5", "--run-steps", "20"]

#: Runs where importing Keras or any package of ours fails.
ALONE = """
import sys
for name in ("keras", "custom_layers", "zoo", "recipes"):
    sys.modules[name] = None
import numpy as np, tensorflow as tf
served = tf.saved_model.load(sys.argv[1]).signatures
series = tf.constant(np.load(sys.argv[2]))
default = served["serving_default"](series=series, steps=tf.constant(7))
none = served["continue"](series=series, steps=tf.constant(0))["continuation"]
np.savez(
    sys.argv[3],
    names=sorted(served),
    continuation=default["continuation"],
    along=default["predictions"],
    none=none,
    predictions=served["predict"](series=series)["predictions"],
)
"""


def waves(steps: int) -> np.ndarray:
    """Two columns of different means and sizes that go on by themselves."""
    t = np.arange(steps)
    slow, fast = np.sin(2 * np.pi * t / 23.0), np.sin(2 * np.pi * t / 9.0)
    return np.stack([100 + 5 * slow + 2 * fast, 0.01 * fast * slow], axis=1)


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("series") / "waves.csv"
    rows = [f"day {i},{a!r},{b!r}" for i, (a, b) in enumerate(waves(900).tolist())]
    path.write_text("\n".join(["day,load,flow", *rows]) + "\n")
    return path


@pytest.fixture(scope="module")
def trained(table: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("chaos") / "out"
    words = ["--data", str(table), "--columns", "load,flow", "--out", str(out)]
    assert main(["train", "chaos", *words, *QUICK, *RUNS, "--reservoirs", "2"]) == 0
    return out


def test_what_a_run_leaves(trained: Path, capsys: pytest.CaptureFixture) -> None:
    metrics = json.loads((trained / "metrics.json").read_text())
    assert set(metrics["test"]) == {"nrmse", "nrmse_5", "valid_steps"}
    assert metrics["test"]["nrmse_5"] < 0.05
    assert metrics["test"]["nrmse_5"] < 0.1 * metrics["baseline"]["persistence_nrmse_5"]
    names = {path.name for path in (trained / "plots").iterdir()}
    assert names == {"forecast.png", "return_map.png", "ridge.png", "valid_times.png"}
    with (trained / "history.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 6 and [row["reservoir"] for row in rows] == list("111222")
    kept = [row for row in rows if row["kept"] == "1"]
    assert len(kept) == 2
    for row in kept:
        others = [float(r["val_nrmse_5"]) for r in rows if r["reservoir"] == row["reservoir"]]
        assert float(row["val_nrmse_5"]) == min(others)
    both = [float(row["test_nrmse_5"]) for row in kept]
    spread = metrics["spread"]["nrmse_5"]
    assert spread["models"] == 2 and spread["mean"] == pytest.approx(np.mean(both))
    assert spread["std"] == pytest.approx(np.std(both, ddof=1))
    assert "Means of 2 models" in (trained / "README.md").read_text()
    # What is exported is the reservoir that was better on the validation part.
    best = min(kept, key=lambda row: float(row["val_nrmse_5"]))
    assert metrics["test"]["nrmse_5"] == pytest.approx(float(best["test_nrmse_5"]), rel=0.1)
    capsys.readouterr()
    assert main(["evaluate", str(trained)]) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1]) == metrics["test"]


def test_served_alone(trained: Path, tmp_path: Path) -> None:
    moved = tmp_path / "moved"
    shutil.copytree(trained / "saved_model", moved)
    series = np.stack([waves(300), waves(320)[20:]])
    np.save(tmp_path / "x.npy", series)
    command = [sys.executable, "-c", ALONE, moved, tmp_path / "x.npy", tmp_path / "y.npz"]
    subprocess.run(command, check=True, capture_output=True)
    found = np.load(tmp_path / "y.npz")
    assert found["names"].tolist() == ["continue", "predict", "serving_default"]
    model = keras.models.load_model(trained / "model.keras")
    scaling = json.loads((trained / "series.json").read_text())["scaling"]
    mean, deviation = (np.array(scaling[f"input_{name}"]) for name in ("mean", "deviation"))
    own = zoo.free_run(model, (series - mean) / deviation, 7) * deviation + mean
    assert found["continuation"].dtype == "float64"
    np.testing.assert_allclose(found["continuation"], own, rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(found["continuation"][0], waves(307)[300:], rtol=0.01, atol=2e-4)
    np.testing.assert_allclose(found["predictions"], found["along"], rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(found["along"][:, -1], own[:, 0], rtol=1e-8, atol=1e-10)
    assert found["none"].shape == (2, 0, 2)


def test_predict_goes_on_with_a_file(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    path = tmp_path / "later.csv"  # the columns in another order
    path.write_text("flow,load\n" + "".join(f"{b!r},{a!r}\n" for a, b in waves(200).tolist()))
    capsys.readouterr()
    assert main(["predict", str(trained), str(path), "--steps", "4", "--one-step"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["columns"] == ["load", "flow"]
    np.testing.assert_allclose(answer["continuation"], waves(204)[200:], rtol=0.01, atol=2e-4)
    assert np.shape(answer["predictions"]) == (200, 2)
    np.testing.assert_allclose(
        answer["predictions"][-1], answer["continuation"][0], rtol=1e-8, atol=1e-10
    )
    path.write_text("flow,load\n" + "1,2\n" * 50)
    assert main(["predict", str(trained), str(path)]) == 2
    assert "later.csv: expected more steps than the washout of 50" in capsys.readouterr().err
    path.write_text("flow,load\n1,2\n1,x\n")
    assert main(["predict", str(trained), str(path)]) == 2
    assert "later.csv:3: expected a number in column 'load', found 'x'" in capsys.readouterr().err


def test_a_driven_system_from_a_file(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    u = np.random.default_rng(0).uniform(-1, 1, 900)
    y = 50 + 10 * np.convolve(u, [1.0, 0.5, 0.25])[:900]
    np.save(tmp_path / "driven.npy", np.stack([u, y], axis=1))
    out = tmp_path / "out"
    words = ["--data", str(tmp_path / "driven.npy"), "--target", "2", "--out", str(out)]
    assert main(["train", "chaos", *words, *QUICK, "--input-scaling", "0.05"]) == 0
    metrics = json.loads((out / "metrics.json").read_text())
    assert set(metrics["test"]) == {"nrmse"} and metrics["test"]["nrmse"] < 0.05
    # The baseline knows the answer: it is linear in the last three inputs.
    assert metrics["baseline"]["nrmse"] < 1e-6
    assert metrics["baseline"]["persistence_nrmse"] == pytest.approx(1.0, abs=0.05)
    capsys.readouterr()
    assert main(["predict", str(out), str(tmp_path / "driven.npy")]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["columns"] == ["2"] and "continuation" not in answer
    np.testing.assert_allclose(np.ravel(answer["predictions"])[100:], y[100:], atol=2.0)


def test_memory_is_that_of_a_delay_line_and_no_more() -> None:
    """A ring of linear units holds the last inputs, one a unit, and fades too little to matter."""
    config = recipe.Config(
        task="memory_capacity",
        units=20,
        topology="ring",
        activation="linear",
        delays=40,
        train_steps=2000,
        held_out=2000,
        spectral_radius=0.9,
        ridge=(1e-12,),
    )
    data = recipe.load_data(config)
    model = recipe.build(config, data)
    (row,) = recipe.train(config, data, model)
    assert 19 < row["val_memory_capacity"] < 22
    assert data.score == "memory_capacity" and data.mode == "max"


def test_metrics_by_hand() -> None:
    truth = np.array([[0.0], [2.0], [0.0], [2.0]])  # variance 1
    found = Answers(
        truth=truth,
        predictions=truth + [[1.0], [-1.0], [0.0], [0.0]],
        starts=np.array([0, 1]),
        true_runs=np.zeros((2, 3, 1)),
        runs=np.array([[[0.1], [0.3], [0.5]], [[0.1], [0.2], [np.nan]]]),
    )
    scoring = Scoring(True, 2, 3, 2, 0.4, None, False)
    assert valid_steps(found, 0.4).tolist() == [2, 2]
    assert valid_steps(found, 0.25).tolist() == [1, 2]
    assert valid_steps(found, 9.0).tolist() == [3, 2]
    metrics = scores(found, scoring)
    assert metrics["nrmse"] == pytest.approx(np.sqrt(0.5))
    assert metrics["nrmse_2"] == pytest.approx(np.sqrt((0.3**2 + 0.2**2) / 2))
    assert metrics["valid_steps"] == 2
    in_times = scores(found, Scoring(True, 2, 3, 2, 0.4, 0.05, False))
    assert in_times["valid_time"] == pytest.approx(0.1)
    assert recalled(found) == pytest.approx(
        np.corrcoef(truth[:, 0], found.predictions[:, 0])[0, 1] ** 2
    )


def test_free_runs_start_where_they_are_said_to() -> None:
    t = np.arange(300)
    series = np.sin(2 * np.pi * t / 17.0)[:, None]
    train, part = Part(series[:150], series[1:151], 0), Part(series[140:290], series[141:291], 10)
    scoring = Scoring(True, 3, 30, 7, 0.4, None, False)
    found = answers(LinearModel(train, 4), part, scoring)
    assert found.starts[[0, -1]].tolist() == [0, 140 - 30 - 1]
    np.testing.assert_allclose(found.runs, found.true_runs, atol=1e-6)
    np.testing.assert_allclose(found.predictions, found.truth, atol=1e-6)
    start = int(found.starts[3])
    np.testing.assert_array_equal(found.true_runs[3], series[151 + start : 181 + start])
    same = answers(Persistence(train, True), part, scoring)
    assert (same.runs[3] == series[150 + start]).all()
    with pytest.raises(UserError, match="140 steps is too short for free runs of 200"):
        answers(LinearModel(train, 4), part, Scoring(True, 3, 200, 7, 0.4, None, False))


def test_maxima_lie_between_the_steps() -> None:
    t = np.arange(400) * 0.1
    np.testing.assert_allclose(maxima(3 + np.sin(t + 0.03)), 4, atol=1e-4)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"leak_rate": 0.0}, "--leak-rate must be above 0 and at most 1, not 0.0"),
        ({"ridge": ()}, "--ridge must be numbers of at least 0"),
        ({"units": 0}, "--units must be at least 1"),
        ({"columns": "a"}, "--columns and --target are of a file"),
        ({"tau": 0.05}, "--tau must be a positive multiple of 0.1"),
        ({"threshold": -1.0}, "--threshold must be a positive number"),
    ],
)
def test_wrong_options(options: dict, message: str) -> None:
    with pytest.raises(UserError, match=message):
        recipe.Config(**options)


def test_a_washout_longer_than_the_training_part() -> None:
    with pytest.raises(UserError, match="--washout must be below the 90 steps"):
        recipe.load_data(recipe.Config(train_steps=90, held_out=1200))


def test_free_runs_longer_than_the_part() -> None:
    with pytest.raises(UserError, match="--run-steps 2000 are too many for the 400 steps"):
        recipe.load_data(recipe.Config(held_out=400))


def test_options_are_those_of_the_task_unless_given() -> None:
    assert recipe.Config().units == 500 and recipe.Config(task="lorenz").units == 1000
    assert recipe.Config(task="lorenz", units=7, leak_rate=0.2).units == 7
    assert recipe.Config(data="x.csv").units == 300


@pytest.mark.slow
def test_search(table: Path, tmp_path: Path, capfd: pytest.CaptureFixture) -> None:
    out = tmp_path / "search"
    words = ["--data", str(table), "--columns", "load", "--out", str(out), *QUICK, *RUNS]
    assert main(["tune", "chaos", *words, "--trials", "2", "--tuner", "random"]) == 0
    with (out / "trials.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["status"] for row in rows] == ["completed"] * 2
    assert (out / "plots" / "trials.png").read_bytes().startswith(b"\x89PNG")
    best = min(rows, key=lambda row: float(row["objective"]))
    options = json.loads((out / "best_config.json").read_text())["options"]
    assert options["leak_rate"] == pytest.approx(float(best["leak_rate"]))
    assert options["ridge"] == [1e-10, 1e-6, 1e-2]
    capfd.readouterr()
    again = [*words, "--overwrite", "--trials", "2", "--tuner", "hyperband"]
    assert main(["tune", "chaos", *again]) == 2
    assert "this recipe is not trained in epochs" in capfd.readouterr().err
    assert (out / "best_config.json").is_file()  # nothing was overwritten
    more = [*words, "--resume", "--trials", "3", "--tuner", "random"]
    assert main(["tune", "chaos", *more]) == 0
    assert len((out / "trials.csv").read_text().splitlines()) == 4


def test_states_that_grow_beyond_all_numbers(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    words = ["--task", "memory_capacity", "--activation", "linear", "--spectral-radius", "3"]
    assert main(["train", "chaos", *words, "--units", "20", "--out", str(tmp_path / "o")]) == 2
    assert "--spectral-radius is 3" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_the_space_starts_from_the_config() -> None:
    hp = keras_tuner.HyperParameters()
    config = recipe.Config(leak_rate=0.5, units=33)
    found = recipe.space(hp, config)
    assert found == config
    assert set(hp.values) == {"spectral_radius", "leak_rate", "input_scaling", "bias_scaling"}
