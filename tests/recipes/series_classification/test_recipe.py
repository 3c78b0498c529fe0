"""The series_classification recipe: from files of series to what is served, and back."""

from __future__ import annotations

import csv
import io
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from recipe_corpus import answer_rows

import zoo
from recipes.kit.amount import suited
from recipes.kit.cli import main
from recipes.kit.output import read_run_config
from recipes.series_classification import recipe
from recipes.series_classification.baseline import baseline_metrics
from recipes.series_classification.data import Data
from recipes.series_classification.labelled import LabelledSeries
from recipes.series_classification.options import Config, Predict
from recipes.series_classification.serve import SeriesClassifier, SeriesPredictor

QUICK = ["--units", "8", "--no-jit-compile", "--learning-rate", "0.02", "--batch-size", "16"]

#: Runs where importing Keras or any package of ours fails.
ALONE = """
import sys
for name in ("keras", "custom_layers", "zoo", "recipes"):
    sys.modules[name] = None
import numpy as np, tensorflow as tf
served = tf.saved_model.load(sys.argv[1]).signatures
assert sorted(served) == ["classify", "serving_default"], sorted(served)
given = np.load(sys.argv[2])
def ask(series, lengths):
    return served["serving_default"](series=tf.constant(series), lengths=tf.constant(lengths))
together = ask(given["series"], given["lengths"])
alone = [
    ask(series[None, :length], np.int32([length]))["probabilities"].numpy()[0]
    for series, length in zip(given["series"], given["lengths"]) if length
]
together = {name: value.numpy() for name, value in together.items()}
for name in ("label", "labels"):
    together[name] = together[name].astype("S")
np.savez(sys.argv[3], alone=alone, **together)
"""


def waves(count: int, seed: int) -> list[LabelledSeries]:
    """Two channels; the class is which of them is ahead, or that there is one alone."""
    rng = np.random.default_rng(seed)
    series = []
    for index in range(count):
        label = ("left", "right", "alone")[index % 3]
        steps = int(rng.integers(12, 30))
        angle = 2 * np.pi * np.arange(steps) / 10 + rng.uniform(0, 1)
        shift = {"left": 1.5, "right": -1.5, "alone": 0}[label]
        values = np.stack([100 + 10 * np.sin(angle), np.sin(angle + shift)], axis=1)
        if label == "alone":
            values[:, 1] = 0
        values = values.astype("float32") + rng.normal(0, 0.05, values.shape).astype("float32")
        values[rng.integers(1, steps), 0] = np.nan
        series.append(LabelledSeries(values, label, str(index)))
    return series


def write_ts(path: Path, series: list[LabelledSeries]) -> None:
    lines = ["@timeStamps false", "@classLabel true alone left right", "@data"]
    for each in series:
        channels = (
            ",".join("?" if np.isnan(value) else f"{value:.6g}" for value in channel)
            for channel in each.values.T
        )
        lines.append(":".join([*channels, str(each.label)]))
    path.write_text("\n".join(lines) + "\n")


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("waves")
    write_ts(folder / "Waves_TRAIN.ts", waves(150, 0))
    write_ts(folder / "Waves_TEST.ts", waves(45, 1))
    return folder


@pytest.fixture(scope="module")
def trained(files: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("trained") / "series"
    words = ["--data", str(files), "--out", str(out), "--epochs", "12", "--pooling", "attention"]
    assert main(["train", "series_classification", *words, *QUICK]) == 0
    return out


@pytest.fixture(scope="module")
def echo_state(files: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("trained") / "echo_state"
    words = ["--data", str(files), "--out", str(out), "--model", "echo_state", "--units", "50"]
    assert main(["train", "series_classification", *words]) == 0
    return out


@pytest.mark.slow
def test_it_learns_and_says_so(trained: Path) -> None:
    metrics = json.loads((trained / "metrics.json").read_text())
    assert metrics["test"]["accuracy"] >= 0.9
    # Three classes have no single AUC.
    assert set(metrics["test"]) == {"accuracy", "macro_f1", "calibration_error"}
    assert metrics["baseline"]["accuracy_of_commonest"] == pytest.approx(1 / 3)
    answers = answer_rows(trained, "probability_of_truth", lowest_first=True)
    right = [row["truth"] == row["answer"] for row in answers]
    assert np.mean(right) == pytest.approx(metrics["test"]["accuracy"])
    names = {path.name for path in (trained / "plots").iterdir()}
    assert names == {"confusion.png", "curves.png", "series.png", "unfolding.png"}
    model = keras.models.load_model(trained / "model.keras")
    assert model.get_layer("values_and_known")  # there are missing values in training
    scaling = model.get_layer("scaling")
    assert 95 < float(scaling.mean[0]) < 105 and 5 < float(scaling.deviation[0]) < 9


@pytest.mark.slow
def test_predict_and_evaluate(
    trained: Path, files: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    test = json.loads((trained / "metrics.json").read_text())["test"]
    capsys.readouterr()
    assert main(["predict", str(trained), str(files / "Waves_TEST.ts")]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["path"] == str(files / "Waves_TEST.ts")
    answers = answer["series"]
    assert len(answers) == 45 and answers[4]["series"] == "5"
    right = [answer["label"] == answer["truth"] for answer in answers]
    assert np.mean(right) == pytest.approx(test["accuracy"])
    for answer, each in zip(answers, waves(45, 1), strict=True):
        assert sum(answer["probabilities"].values()) == pytest.approx(1, abs=1e-3)
        assert len(answer["attention"]) == len(each)
    assert main(["evaluate", str(trained)]) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1]) == test
    assert main(["evaluate", str(trained), "--data", str(files / "Waves_TRAIN.ts")]) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["accuracy"] > 0.9
    # The same series as a table, without its class.
    fifth = waves(45, 1)[4]
    rows = "".join(f"a,{x:.6g},{y:.6g}\n" for x, y in fifth.values)
    (tmp_path / "one.csv").write_text("id,x,y\n" + rows)
    assert main(["predict", str(trained), str(tmp_path / "one.csv")]) == 0
    (answer,) = json.loads(capsys.readouterr().out)["series"]
    assert "truth" not in answer
    assert answer["probabilities"] == pytest.approx(answers[4]["probabilities"], abs=2e-3)
    (tmp_path / "none.csv").write_text("id,x,y,label\na,1,2,up\na,1,2,up\n")
    assert main(["evaluate", str(trained), "--data", str(tmp_path / "none.csv")]) == 2
    message = "have classes unknown to the model: expected alone, left, right; found up. "
    assert message in capsys.readouterr().err
    (tmp_path / "some.csv").write_text("id,x,y,label\na,1,2,up\na,1,2,up\nb,1,2,left\n")
    assert main(["evaluate", str(trained), "--data", str(tmp_path / "some.csv")]) == 0
    message = "1 of 2 series (50.0 %) have classes unknown to the model, so they count as wrong: up"
    assert message in capsys.readouterr().err


@pytest.mark.slow
def test_a_table_of_answers_has_a_row_for_each_series(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "b.csv").write_text("id,x,y,label\nu,1,2,left\nu,1,2,left\nv,3,4,right\n")
    (tmp_path / "a.csv").write_text("id,x,y\nw,1,2\n")
    (tmp_path / "._a.csv").write_text("no table")
    capsys.readouterr()
    assert main(["predict", str(trained), str(tmp_path), "none.csv", "--format", "csv"]) == 2
    rows = [*csv.DictReader(io.StringIO(capsys.readouterr().out))]
    assert [(Path(row["path"]).name, row["series"], row["truth"]) for row in rows] == [
        ("a.csv", "w", ""),
        ("b.csv", "u", "left"),
        ("b.csv", "v", "right"),
        ("", "", ""),
    ]
    assert set(json.loads(rows[0]["probabilities"])) == {"alone", "left", "right"}
    assert len(json.loads(rows[1]["attention"])) == 2
    assert rows[3]["input"] == "none.csv" and "no such file" in rows[3]["error"]


@pytest.mark.slow
def test_one_answer_for_each_file(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Broken ones among good ones, and files of several series."""
    texts = {
        "two.csv": "id,x,y,label\na,1,2,left\na,1,2,left\nb,3,4,right\n",
        "classes.csv": "id,x,y,label\na,1,2,up\na,1,2,up\n",
        "channels.csv": "id,x\na,1\na,2\n",
        "broken.csv": "id,x,y\na,1,2\na,1,2\na,1,one\n",
        "good.csv": "id,x,y\na,1,2\n",
    }
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
    paths = [str(tmp_path / name) for name in (*texts, "none.csv")]
    assert main(["predict", str(trained), *paths]) == 2
    answers = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [answer.get("path", answer.get("input")) for answer in answers] == paths
    two, classes, channels, broken, good, none = answers
    assert [(row["series"], row["truth"]) for row in two["series"]] == [
        ("a", "left"),
        ("b", "right"),
    ]
    assert [len(row["attention"]) for row in two["series"]] == [2, 1]
    assert len(good["series"]) == 1 and "error" not in good
    assert "expected the classes alone, left, right, found up" in classes["error"]
    assert "series a has 1 channels; the model was trained on 2" in channels["error"]
    assert (
        "broken.csv:4: expected a number in column 'y' (decimal point), found 'one'"
        in broken["error"]
    )
    assert "none.csv: no such file" in none["error"]
    assert all(set(each) == {"input", "error"} for each in (classes, channels, broken, none))


@pytest.mark.slow
def test_rows_without_a_class(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With --no-labels the first cell of a row is a value."""
    (tmp_path / "bare.csv").write_text("1,2,3\n4,5,6\n")
    predictor, read = SeriesPredictor(trained), []

    def classify(series: list[LabelledSeries]) -> list[dict[str, Any]]:
        read.extend(series)
        return [{"label": b"left", "probabilities": np.ones(3) / 3} for _ in series]

    monkeypatch.setattr(predictor, "channels", 1)
    monkeypatch.setattr(predictor, "classify", classify)
    (answer,) = predictor.predict([tmp_path / "bare.csv"])
    assert "expected the classes alone, left, right, found 1, 4; " in answer["error"]
    (answer,) = predictor.predict([tmp_path / "bare.csv"], Predict(labels=False))
    assert [row["series"] for row in answer["series"]] == ["1", "2"]
    assert [each.values[:, 0].tolist() for each in read] == [[1, 2, 3], [4, 5, 6]]


@pytest.mark.slow
def test_folder_of_an_earlier_version(echo_state: Path, tmp_path: Path) -> None:
    """It may hold options that were accepted and ignored."""
    folder = tmp_path / "old"
    shutil.copytree(echo_state, folder)
    record = json.loads((folder / "config.json").read_text())
    record["options"] |= {"out": "saved_models/x", "epochs": 3, "snapshots": 8, "dropout": 0.3}
    (folder / "config.json").write_text(json.dumps(record))
    assert read_run_config(Config, folder) == read_run_config(Config, echo_state)
    test = json.loads((folder / "metrics.json").read_text())["test"]
    predictor = SeriesPredictor(folder)
    assert predictor.evaluate(recipe.load_test(predictor.config.data, predictor)) == test


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["trained", "echo_state"])
def test_served_alone(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    """Padding, whatever it holds, changes no answer; nor does the company of other series."""
    folder = request.getfixturevalue(kind)
    moved = tmp_path / "moved"
    shutil.copytree(folder / "saved_model", moved)
    some = waves(5, 2)
    lengths = np.int32([*(len(each) for each in some), 0])
    series = np.full((6, 40, 2), 1e20, "float32")
    series[3] = np.nan
    for row, each in enumerate(some):
        series[row, : len(each)] = each.values
    np.savez(tmp_path / "x.npz", series=series, lengths=lengths)
    command = [sys.executable, "-c", ALONE, moved, tmp_path / "x.npz", tmp_path / "y.npz"]
    subprocess.run(command, check=True, capture_output=True)
    answers = np.load(tmp_path / "y.npz")
    np.testing.assert_allclose(answers["alone"], answers["probabilities"][:5], rtol=1e-4, atol=1e-5)
    assert np.isfinite(answers["probabilities"]).all()  # also of the series without a step
    labels = json.loads((folder / "series.json").read_text())["labels"]
    assert [label.decode() for label in answers["labels"]] == labels == ["alone", "left", "right"]
    assert [label.decode() for label in answers["label"]] == [
        labels[best] for best in answers["probabilities"].argmax(1)
    ]
    model = keras.models.load_model(folder / "model.keras")
    ours = SeriesClassifier(model, labels).classify(
        keras.ops.convert_to_tensor(series), keras.ops.convert_to_tensor(lengths)
    )
    np.testing.assert_allclose(
        ours["probabilities"], answers["probabilities"], rtol=1e-4, atol=1e-5
    )
    if kind == "trained":
        assert answers["attention"].shape == (6, 40)
        np.testing.assert_array_equal(answers["attention"][0, lengths[0] :], 0)
        np.testing.assert_allclose(answers["attention"][:5].sum(1), 1, rtol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["trained", "echo_state"])
def test_onnx(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    """With missing values, and NaN behind the end."""
    runtime = pytest.importorskip("onnxruntime")
    pytest.importorskip("tf2onnx")
    folder = request.getfixturevalue(kind)
    assert main(["export", str(folder), "--format", "onnx", "--to", str(tmp_path / "m.onnx")]) == 0
    some = waves(4, 2)
    inputs = {
        "series": np.full((4, 40, 2), np.nan, "float32"),
        "lengths": np.int32([len(each) for each in some]),
    }
    for row, each in enumerate(some):
        inputs["series"][row, : len(each)] = each.values
    model = zoo.class_decoder(keras.models.load_model(folder / "model.keras"))
    wanted = model.predict_on_batch(inputs)["probabilities"]
    session = runtime.InferenceSession(str(tmp_path / "m.onnx"))
    (probabilities,) = session.run(["probabilities"], inputs)
    np.testing.assert_allclose(probabilities, wanted, rtol=1e-3, atol=1e-4)


@pytest.mark.slow
def test_echo_state_in_closed_form(echo_state: Path) -> None:
    metrics = json.loads((echo_state / "metrics.json").read_text())
    assert metrics["test"]["accuracy"] >= 0.9
    assert not (echo_state / "plots" / "curves.png").exists()  # there is nothing to draw
    penalties = (echo_state / "penalties.csv").read_text().splitlines()
    assert len(penalties) == 11 and penalties[0].startswith("alpha,mean_square,val_loss")
    assert len((echo_state / "history.csv").read_text().splitlines()) == 2


def test_baselines() -> None:
    """What order alone tells, they are blind to but for the nearest."""
    rng = np.random.default_rng(0)

    def bumps(count: int) -> list[LabelledSeries]:
        series = []
        for index in range(count):
            steps, late = int(rng.integers(20, 40)), index % 2
            values = rng.normal(0, 0.1, (steps, 1))
            values[int(steps * (0.7 if late else 0.2))] += 3
            values[0 if late else -1] = np.nan
            series.append(LabelledSeries(values.astype("float32"), "ab"[late], str(index)))
        return series

    metrics = baseline_metrics(bumps(60), bumps(40))
    assert set(metrics) == {
        "accuracy",
        "calibration_error",
        "macro_f1",
        "roc_auc",
        "accuracy_of_nearest",
        "accuracy_of_commonest",
    }
    assert metrics["accuracy"] > 0.9 and metrics["accuracy_of_commonest"] == 0.5


def test_trials_change_what_the_model_has() -> None:
    import keras_tuner

    hp = keras_tuner.HyperParameters()
    config = Config()
    recipe.space(hp, config)
    hp.values["pooling"] = "max"
    assert recipe.space(hp, config).pooling == "max"
    assert set(hp.values) >= {"depth", "bidirectional", "clip", "cell", "scaling"}
    hp = keras_tuner.HyperParameters()
    config = Config(model="echo_state")
    recipe.space(hp, config)
    hp.values["leak_rate"] = 0.25
    trial = recipe.space(hp, config)
    assert json.loads(trial.cell_options)["leak_rate"] == 0.25 and trial.cell == "reservoir"
    assert "snapshots" in hp.values


def test_trials_leave_out_what_would_have_no_effect() -> None:
    import keras_tuner

    hp = keras_tuner.HyperParameters()
    config = Config(pooling="snapshots", snapshots=3)
    assert recipe.space(hp, config).snapshots == 3
    hp.values["pooling"] = "mean"
    assert recipe.space(hp, config).pooling == "mean"
    hp = keras_tuner.HyperParameters()
    assert recipe.space(hp, Config(model="echo_state", pooling="mean")).pooling == "mean"
    assert "snapshots" not in hp.values


def test_the_digits_that_are_asked_for() -> None:
    shapes = {
        "--pixels 2": Config(pixels=2),
        "--permuted": Config(permuted=True),
        "": Config(),
    }
    found = {
        name: recipe.load_data(config.data, config).train[0].values.shape
        for name, config in shapes.items()
    }
    assert found == {"--pixels 2": (32, 2), "--permuted": (64, 1), "": (8, 8)}


def test_few_series_get_dropout_only_where_channels_are_many() -> None:
    def few(channels: int) -> Any:
        values = np.zeros((9, channels), "float32")
        series = tuple(LabelledSeries(values, "ab"[i % 2], str(i)) for i in range(48))
        return recipe.amount(Data(series, series, series, (), "", ("a", "b")), Config())

    config, options = suited(Config(), few(1), ())
    assert options == {} and config == Config()
    _, options = suited(Config(), few(8), ())
    assert options == {"dropout": 0.5, "units": 128}
    assert few(1).steps(4) == 36  # three times 48 series
