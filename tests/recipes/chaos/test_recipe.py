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
from recipe_corpus import answer_rows

import zoo
from recipes.chaos import plots, recipe
from recipes.chaos.baseline import LinearModel, Persistence
from recipes.chaos.data import objective_of
from recipes.chaos.metrics import (
    Answers,
    answers_of,
    judged,
    recalled,
    scores,
    valid_steps,
)
from recipes.chaos.options import Config, Predict
from recipes.chaos.plots import maxima
from recipes.chaos.series import Examples, Part, Scoring
from recipes.chaos.serve import NetworkPredictor
from recipes.kit.cli import main
from recipes.kit.config_file import read_config, to_json
from recipes.kit.data.source import Source
from recipes.kit.errors import UserError
from recipes.kit.output import read_run_config, write_json
from recipes.kit.recipe import Run

QUICK = ["--units", "40", "--ridge", "1e-10", "1e-6", "1e-2", "--washout", "50"]
RUNS = ["--starts", "5", "--horizon", "5", "--run-steps", "20"]

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
    assert set(metrics["test"]) == {
        "nrmse",
        "nrmse_5",
        "median_error_5",
        "diverged_runs",
        "valid_steps",
    }
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
        name = "val_median_error_5"
        others = [float(r[name]) for r in rows if r["reservoir"] == row["reservoir"]]
        assert float(row[name]) == min(others)
    both = [float(row["test_nrmse_5"]) for row in kept]
    spread = metrics["spread"]["nrmse_5"]
    assert spread["models"] == 2 and spread["mean"] == pytest.approx(np.mean(both))
    assert spread["std"] == pytest.approx(np.std(both, ddof=1))
    assert "Means of 2 models" in (trained / "README.md").read_text()
    answers = answer_rows(trained, "valid_steps", lowest_first=True)
    valid = [row["valid_steps"] for row in answers]
    assert np.mean(valid) == metrics["test"]["valid_steps"] and len(valid) == 5
    # What is exported is the reservoir that was better on the validation part.
    best = min(kept, key=lambda row: float(row["val_median_error_5"]))
    assert metrics["test"]["nrmse_5"] == pytest.approx(float(best["test_nrmse_5"]), rel=0.1)
    capsys.readouterr()
    assert main(["evaluate", str(trained)]) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1]) == metrics["test"]


def test_a_predictor_is_loaded_once(trained: Path, table: Path) -> None:
    predictor = NetworkPredictor(trained)
    config = predictor.config
    assert (config.reservoirs, config.units, config.starts) == (2, 40, 5)
    (answer,) = predictor.predict([table])
    assert np.shape(answer["continuation"]) == (20, 2)  # as --run-steps had it
    (longer,) = predictor.predict([table], Predict(steps=30))
    np.testing.assert_allclose(longer["continuation"][:20], answer["continuation"], rtol=1e-10)
    assert [*predictor.served.signatures] == ["continue", "predict", "serving_default"]
    assert {field.name for field in predictor.outputs} == {*answer, "predictions"}


def test_served_alone(trained: Path, tmp_path: Path) -> None:
    moved = tmp_path / "moved"
    shutil.copytree(trained / "saved_model", moved)
    series = np.stack([waves(300), waves(320)[20:]])
    np.save(tmp_path / "x.npy", series)
    command = [sys.executable, "-c", ALONE, moved, tmp_path / "x.npy", tmp_path / "y.npz"]
    subprocess.run(command, check=True, capture_output=True)
    served = np.load(tmp_path / "y.npz")
    assert served["names"].tolist() == ["continue", "predict", "serving_default"]
    model = keras.models.load_model(trained / "model.keras")
    scaling = json.loads((trained / "series.json").read_text())["scaling"]
    mean, deviation = (np.array(scaling[f"input_{name}"]) for name in ("mean", "deviation"))
    own = zoo.free_run(model, (series - mean) / deviation, 7) * deviation + mean
    assert served["continuation"].dtype == "float64"
    np.testing.assert_allclose(served["continuation"], own, rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(served["continuation"][0], waves(307)[300:], rtol=0.01, atol=2e-4)
    np.testing.assert_allclose(served["predictions"], served["along"], rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(served["along"][:, -1], own[:, 0], rtol=1e-8, atol=1e-10)
    assert served["none"].shape == (2, 0, 2)


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
    rows = [*NetworkPredictor(trained).table_rows(answer)]
    assert len(rows) == 2 * 204
    last = {"part": "continuation", "step": 4, "target": "flow"}
    assert rows[7] == {"path": str(path), **last, "value": answer["continuation"][3][1]}


def test_one_answer_for_each_file(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    lines = "".join(f"{a!r},{b!r}\n" for a, b in waves(200).tolist())
    texts = {
        "good": "load,flow\n" + lines,
        "short": "flow,load\n" + "1,2\n" * 50,
        "broken": "flow,load\n1,2\n1,x\n",
        "other": "flow,loud\n1,2\n",
        "again": "load,flow\n" + lines,
    }
    for name, text in texts.items():
        (tmp_path / f"{name}.csv").write_text(text)
    paths = [str(tmp_path / f"{name}.csv") for name in texts]
    capsys.readouterr()
    assert main(["predict", str(trained), *paths, "--steps", "4"]) == 2
    answers = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [a.get("path", a.get("input")) for a in answers] == paths
    good, short, broken, other, again = answers
    assert good["continuation"] == again["continuation"] and len(good["continuation"]) == 4
    assert "predictions" not in good
    assert "short.csv: expected more steps than the washout of 50" in short["error"]
    assert "broken.csv:3: expected a number in column 'load', found 'x'" in broken["error"]
    assert "other.csv: has no column 'load'; expected some of flow, loud" in other["error"]
    assert main(["predict", str(trained), paths[0], "--steps", "-1"]) == 2
    assert "--steps must be at least 0, not -1" in capsys.readouterr().err


def test_a_driven_system_from_a_file(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    u = np.random.default_rng(0).uniform(-1, 1, 900)
    y = 50 + 10 * np.convolve(u, [1.0, 0.5, 0.25])[:900]
    np.save(tmp_path / "driven.npy", np.stack([u, y], axis=1))
    out = tmp_path / "out"
    words = ["--data", str(tmp_path / "driven.npy"), "--target", "1", "--out", str(out)]
    assert main(["train", "chaos", *words, *QUICK, "--input-scaling", "0.05"]) == 0
    metrics = json.loads((out / "metrics.json").read_text())
    assert set(metrics["test"]) == {"nrmse"} and metrics["test"]["nrmse"] < 0.05
    # The baseline knows the answer: it is linear in the last three inputs.
    assert metrics["baseline"]["nrmse"] < 1e-6
    assert metrics["baseline"]["persistence_nrmse"] == pytest.approx(1.0, abs=0.05)
    assert metrics["baseline_wins"] is True
    low, high = metrics["interval"]["nrmse"]
    assert low < metrics["test"]["nrmse"] < high
    rows = answer_rows(out, "error")
    errors = np.array([row["error"] for row in rows])
    assert np.sqrt((errors**2).mean()) == pytest.approx(metrics["test"]["nrmse"], rel=1e-3)
    assert "The baseline is better: nrmse " in (out / "README.md").read_text()
    assert capsys.readouterr().out.startswith("The baseline is better: nrmse ")
    assert main(["predict", str(out), str(tmp_path / "driven.npy")]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["columns"] == ["1"] and "continuation" not in answer
    np.testing.assert_allclose(np.ravel(answer["predictions"])[100:], y[100:], atol=2.0)
    assert main(["predict", str(out), str(tmp_path / "driven.npy"), "--steps", "3"]) == 2
    assert "--steps has no effect" in capsys.readouterr().err
    assert main(["evaluate", str(out), "--data", "embedded"]) == 2
    message = "expected a driven system of 1 inputs and 1 outputs, as in training; found a series"
    assert message in capsys.readouterr().err

    # As an earlier version wrote it: columns count from 1, and options stand beside the model.
    config = json.loads((out / "config.json").read_text())
    config["options"].update(target="2", out=str(out), starts=5)
    write_json(out / "config.json", config)
    record = json.loads((out / "series.json").read_text())
    del record["first_column"]
    record.update(columns=["1"], targets=["2"], washout=50, run_up=500, units=40)
    write_json(out / "series.json", record)
    assert main(["evaluate", str(out)]) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1]) == metrics["test"]
    assert main(["predict", str(out), str(tmp_path / "driven.npy")]) == 0
    assert json.loads(capsys.readouterr().out) == {**answer, "columns": ["2"]}


def test_memory_is_that_of_a_delay_line_and_no_more(tmp_path: Path) -> None:
    """A ring of linear units holds the last inputs, one a unit, and fades too little to matter."""
    config = Config(
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
    data = recipe.load_data(config.data, config)
    run = Run(config, data, tmp_path, "chaos")
    history = recipe.train(run, recipe.build(run))
    (row,) = history.rows
    assert 19 < row["val_memory_capacity"] < 22 and not history.spread
    assert not list(tmp_path.iterdir())


def test_metrics_by_hand() -> None:
    truth = np.array([[0.0], [2.0], [0.0], [2.0]])  # variance 1
    answers = Answers(
        truth=truth,
        predictions=truth + [[1.0], [-1.0], [0.0], [0.0]],
        starts=np.array([0, 1]),
        true_runs=np.zeros((2, 3, 1)),
        runs=np.array([[[0.1], [0.3], [0.5]], [[0.1], [0.2], [np.nan]]]),
    )
    scoring = Scoring(True, 2, 3, 2, 0.4, None, False)
    assert valid_steps(answers, 0.4).tolist() == [2, 2]
    assert valid_steps(answers, 0.25).tolist() == [1, 2]
    assert valid_steps(answers, 9.0).tolist() == [3, 2]
    metrics = scores(answers, scoring)
    assert metrics["nrmse"] == pytest.approx(np.sqrt(0.5))
    assert metrics["nrmse_2"] == pytest.approx(np.sqrt((0.3**2 + 0.2**2) / 2))
    assert metrics["median_error_2"] == pytest.approx((0.3 + 0.2) / 2)
    assert metrics["diverged_runs"] == 1  # the run with NaN
    assert metrics["valid_steps"] == 2
    in_times = scores(answers, Scoring(True, 2, 3, 2, 0.4, 0.05, False))
    assert in_times["valid_time"] == pytest.approx(0.1)
    assert recalled(answers) == pytest.approx(
        np.corrcoef(truth[:, 0], answers.predictions[:, 0])[0, 1] ** 2
    )


def test_one_run_that_diverges_does_not_decide() -> None:
    """Of two networks the one that is better in 49 of 50 runs is chosen, not the other."""
    t = np.arange(400.0)
    truth = np.sin(t)[:, None]
    true_runs = np.stack([truth[start : start + 10] for start in range(50)])
    good, mediocre = true_runs + 1e-4, true_runs + 0.2
    good[7, 4:] = 1e6
    scoring = Scoring(True, 10, 10, 50, 0.4, None, False)
    better, worse = (
        scores(Answers(truth, truth, np.arange(50), true_runs, runs), scoring)
        for runs in (good, mediocre)
    )
    objective = objective_of(scoring)
    ranks = [objective.rank({objective.name: m[objective.metric]}) for m in (better, worse)]
    assert ranks[0] > ranks[1]
    assert better["median_error_10"] == pytest.approx(1e-4 * np.sqrt(2), rel=0.01)
    assert better["nrmse_10"] > 100 > worse["nrmse_10"]
    assert (better["diverged_runs"], worse["diverged_runs"]) == (1, 0)


def test_pictures_are_cut_at_the_range_of_the_data(tmp_path, monkeypatch) -> None:
    figures = []
    monkeypatch.setattr("recipes.chaos.plots.save", lambda figure, path: figures.append(figure))
    truth = np.sin(np.arange(300.0))[:, None]
    runs = np.stack([truth[start : start + 40] for start in (0, 50, 100)])
    wild = runs.copy()
    wild[:, 20:] = np.inf
    wild[:, 15:20] = 1e200
    answers = Answers(truth, truth, np.array([0, 50, 100]), runs, wild)
    plots.forecast(answers, Scoring(True, 30, 40, 3, 0.4, None, False), ["x"], tmp_path)
    plots.return_map(truth, np.concatenate([truth[:200], wild[0]]), ["x"], tmp_path)
    plots.tracking(Answers(truth, 1e9 * truth, *([truth[:0]] * 3)), ["x"], tmp_path)
    forecast, error = figures[0].axes
    assert forecast.get_ylim() == pytest.approx((-1.4, 1.4), abs=0.01)
    assert error.get_ylim()[1] <= 10
    for figure in figures[1:]:
        for axes in figure.axes:
            assert -2 < axes.get_ylim()[0] < axes.get_ylim()[1] < 2


def test_what_is_said_of_runs_that_diverge() -> None:
    truth = np.sin(np.arange(400.0))[:, None]
    true_runs = np.stack([truth[start : start + 10] for start in range(50)])
    runs = true_runs.copy()
    runs[7, 4:] = np.inf
    scoring = Scoring(True, 10, 10, 50, 0.4, None, False)
    judgement = judged(Answers(truth, truth, np.arange(50), true_runs, runs), scoring)
    (note,) = judgement.notes
    assert note.startswith("1 of 50 free runs diverged: nrmse_10 ")
    first = judgement.rows[0]
    assert (first["input"], first["valid_steps"], first["diverged"]) == ({"step": 7}, 4, True)
    assert judgement.count == len(judgement.rows) == 50
    low, high = judgement.statistics.intervals()["diverged_runs"]
    assert low == 0 and high in (3, 4)


def test_free_runs_start_where_they_are_said_to() -> None:
    t = np.arange(300)
    series = np.sin(2 * np.pi * t / 17.0)[:, None]
    train, part = Part(series[:150], series[1:151], 0), Part(series[140:290], series[141:291], 10)
    scoring = Scoring(True, 3, 30, 7, 0.4, None, False)
    answers = answers_of(LinearModel(train, 4), Examples(part, scoring))
    assert answers.starts[[0, -1]].tolist() == [0, 140 - 30 - 1]
    np.testing.assert_allclose(answers.runs, answers.true_runs, atol=1e-6)
    np.testing.assert_allclose(answers.predictions, answers.truth, atol=1e-6)
    start = int(answers.starts[3])
    np.testing.assert_array_equal(answers.true_runs[3], series[151 + start : 181 + start])
    same = answers_of(Persistence(train, True), Examples(part, scoring))
    assert (same.runs[3] == series[150 + start]).all()
    with pytest.raises(UserError, match="140 steps is too short for free runs of 200"):
        scoring = Scoring(True, 3, 200, 7, 0.4, None, False)
        answers_of(LinearModel(train, 4), Examples(part, scoring))


def test_maxima_lie_between_the_steps() -> None:
    t = np.arange(400) * 0.1
    np.testing.assert_allclose(maxima(3 + np.sin(t + 0.03)), 4, atol=1e-4)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"leak_rate": 0.0}, "--leak-rate must be above 0 and at most 1, not 0.0"),
        ({"ridge": ()}, "--ridge must be one or several numbers of at least 0"),
        ({"ridge": (1.0, -1.0)}, "--ridge must be at least 0"),
        ({"units": 0}, "--units must be at least 1"),
        ({"tau": 0.05}, "--tau must be a positive multiple of 0.1"),
        ({"threshold": -1.0}, "--threshold must be above 0"),
        ({"density": 1.5}, "--density must be above 0 and at most 1"),
    ],
)
def test_wrong_options(options: dict, message: str) -> None:
    with pytest.raises(UserError, match=message):
        Config(**options)


FILE = Source.of(Path("x.csv"))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"columns": "a"}, "--columns has no effect with --data embedded"),
        ({"target": "a"}, "--target has no effect with --data embedded"),
        ({"data": FILE, "task": "lorenz"}, "--task has no effect with a file"),
        ({"data": FILE, "tau": 20.0}, "--tau has no effect with a file"),
        ({"data": FILE, "delays": 20}, "--delays has no effect with a file"),
        ({"task": "lorenz", "tau": 20.0}, "--tau has no effect with --task lorenz"),
        ({"task": "narma10", "delays": 20}, "--delays has no effect with --task narma10"),
        ({"task": "narma10", "starts": 5}, "--starts has no effect with --task narma10"),
        ({"task": "memory_capacity", "lyapunov": 0.1}, "--lyapunov has no effect with --task"),
        ({"data": FILE, "target": "a", "horizon": 5}, "--horizon has no effect with --target"),
        ({"topology": "ring", "density": 0.1}, "--density has no effect with --topology ring"),
    ],
)
def test_options_without_effect(options: dict, message: str) -> None:
    with pytest.raises(UserError, match=message):
        Config(**options)


@pytest.mark.parametrize(
    "options",
    [
        {"task": "mackey_glass", "tau": 30.0, "lyapunov": 0.006},
        {"task": "lorenz", "lyapunov": 0.02},
        {"task": "memory_capacity", "delays": 20},
        {"data": FILE, "columns": "a,b", "starts": 5},
        {"data": FILE, "target": "a", "lags": 5},
    ],
)
def test_options_are_those_of_the_task_and_are_read_back(tmp_path: Path, options: dict) -> None:
    config = Config(**options)
    path = tmp_path / "config.json"
    write_json(path, {"recipe": "chaos", "options": to_json(config)})
    assert read_config(Config, path, "chaos") == read_run_config(Config, tmp_path) == config
    written = json.loads(path.read_text())["options"]
    for name in ("units", "spectral_radius", "leak_rate", "input_scaling", "bias_scaling"):
        assert written[name] == getattr(config, name) is not None


def test_options_are_those_of_the_task_unless_given() -> None:
    assert Config().units == 500 and Config(task="lorenz").units == 1000
    assert Config(task="lorenz", units=7, leak_rate=0.2).units == 7
    assert Config(data=FILE).units == 300


def test_options_import_no_keras() -> None:
    code = "import sys, recipes.chaos.options; print({'keras', 'numpy'} & {*sys.modules})"
    command = [sys.executable, "-c", code]
    assert subprocess.run(command, check=True, capture_output=True, text=True).stdout == "set()\n"


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
    assert "this model is not trained in epochs" in capfd.readouterr().err
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
    config = Config(leak_rate=0.5, units=33)
    assert recipe.space(hp, config) == config
    assert set(hp.values) == {"spectral_radius", "leak_rate", "input_scaling", "bias_scaling"}
