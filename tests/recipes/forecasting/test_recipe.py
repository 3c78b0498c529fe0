"""The forecasting recipe: from a file to what is served, and what it must not know."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from recipe_corpus import answer_rows

import zoo
from recipes.forecasting import recipe
from recipes.forecasting.clock import Clock
from recipes.forecasting.data import Data
from recipes.forecasting.metrics import Answers
from recipes.forecasting.options import Config
from recipes.forecasting.series import Series
from recipes.forecasting.serve import ForecastPredictor, model_answers
from recipes.forecasting.windows import Part, Windows
from recipes.kit.cli import main
from recipes.kit.data.source import Source
from recipes.kit.errors import DataError, UserError
from recipes.kit.recipe import Run

SIZES = ["--units", "6", "--horizon", "3", "--window", "8"]
QUICK = [*SIZES, "--no-jit-compile"]

#: Runs where importing Keras or any package of ours fails.
ALONE = """
import json, sys
for name in ("keras", "custom_layers", "zoo", "recipes"):
    sys.modules[name] = None
import numpy as np, tensorflow as tf
served = tf.saved_model.load(sys.argv[1]).signatures
assert sorted(served) == ["forecast", "serving_default"], sorted(served)
raw = np.load(sys.argv[2])
answer = served["serving_default"](**{name: tf.constant(raw[name]) for name in raw.files})
print(json.dumps({name: tensor.numpy().tolist() for name, tensor in answer.items()}))
"""


def wave(steps: int = 240, seed: int = 0) -> np.ndarray:
    """A week with a level that rises, far from 0."""
    rng = np.random.default_rng(seed)
    season = np.array([0.0, 3.0, 5.0, 2.0, -1.0, -4.0, -5.0])[np.arange(steps) % 7]
    return 500 + 6 * season + (0.6 + 0.3 * rng.normal(size=steps)).cumsum()


def write(path: Path, values: np.ndarray, missing: tuple[int, ...] = ()) -> Path:
    days = np.datetime64("2020-01-01") + np.arange(len(values))
    rows = [
        f"{day},{'' if step in missing else f'{value:.4f}'}"
        for step, (day, value) in enumerate(zip(days, values, strict=True))
    ]
    path.write_text("day,sold\n" + "\n".join(rows) + "\n")
    return path


def load(path: Path, **options: Any) -> Data:
    """The data of a file, windows of 8 steps and a horizon of 3."""
    source = Source.of(path)
    sizes = {"horizon": 3, "window": 8, **options}
    return recipe.load_data(source, Config(data=source, **sizes))


@pytest.fixture(scope="module")
def series(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("series") / "sold.csv", wave(), missing=(20, 21, 215))


@pytest.fixture(scope="module")
def trained(series: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("trained") / "forecasting"
    words = ["--data", str(series), "--out", str(out), "--epochs", "12", *QUICK]
    assert main(["train", "forecasting", *words, "--learning-rate", "0.01"]) == 0
    return out


def test_it_learns_and_says_so(trained: Path) -> None:
    metrics = json.loads((trained / "metrics.json").read_text())
    test, baseline = metrics["test"], metrics["baseline"]
    assert test["mase"] < min(baseline["mase"], baseline["naive_mase"])
    assert baseline["mase"] < baseline["naive_mase"]
    assert set(test) == {
        *("mae", "rmse", "mape", "smape", "mase", "rse", "rse_last_step"),
        *("quantile_loss", "coverage_80", "width_80"),
    }
    for name in ("fan", "by_step", "curves"):
        assert (trained / "plots" / f"{name}.png").stat().st_size > 5_000
    topics = [
        line["topic"] for line in json.loads((trained / "data.json").read_text())["understood"]
    ]
    assert {"series", "steps", "clock", "missing", "season", "windows", "calendar"} <= {*topics}
    header, *rows = (trained / "errors.csv").read_text().splitlines()
    assert header.startswith("target,step,mae of model") and len(rows) == 3
    answers = answer_rows(trained, "mase")
    assert np.mean([row["mase"] for row in answers]) == pytest.approx(test["mase"], rel=0.05)
    errors = np.subtract(answers[0]["truth"], answers[0]["answer"])
    assert errors.shape == (3, 1) and {*answers[0]["input"]} == {"series", "step", "time"}
    assert metrics["interval_unit"] == "stretches of 3 steps"


def test_evaluate(trained: Path, series: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", str(trained)]) == 0
    test = json.loads((trained / "metrics.json").read_text())["test"]
    assert json.loads(capsys.readouterr().out.splitlines()[-1]) == pytest.approx(test)
    other = write(series.parent / "other.csv", wave(seed=5))
    assert main(["evaluate", str(trained), "--data", str(other)]) == 0
    found = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert found["mase"] < 2 and found["mae"] != test["mae"]
    reordered = series.parent / "reordered.csv"
    lines = [line.rsplit(",", 1) for line in other.read_text().splitlines()]
    rows = [f"{day},{len(day) * i % 7},{sold}" for i, (day, sold) in enumerate(lines[1:])]
    reordered.write_text("\n".join(["day,returned,sold", *rows]))
    assert main(["evaluate", str(trained), "--data", str(reordered)]) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1]) == pytest.approx(found)
    weekly = series.parent / "weekly.csv"
    weekly.write_text(
        "day,sold\n2020-01-06,1\n2020-01-13,2\n"
        + "".join(f"{np.datetime64('2020-01-20') + 7 * i},{i % 5}\n" for i in range(60))
    )
    assert main(["evaluate", str(trained), "--data", str(weekly)]) == 2
    assert "expected steps of one day, found steps of one week" in capsys.readouterr().err


def test_predict_goes_on_after_the_end(
    trained: Path, series: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # What is forecast after a file cut short is what was forecast in the middle of the whole one.
    text = series.read_text().splitlines()
    cut, short = series.parent / "cut.csv", series.parent / "short.csv"
    cut.write_text("\n".join(text[:201]) + "\n")
    short.write_text("\n".join(text[:5]) + "\n")
    broken = series.parent / "broken.csv"
    broken.write_text("day,sold\n2020-01-01,1\n2020-01-02,many\n")
    files = [series, broken, cut, Path("/nowhere.csv"), short]
    capsys.readouterr()
    assert main(["predict", str(trained), *map(str, files)]) == 2
    shown = capsys.readouterr()
    whole, wrong, early, missing, few = (json.loads(line) for line in shown.out.splitlines())

    assert set(wrong) == set(missing) == {"input", "error"}
    assert wrong["input"] == str(broken) and missing["input"] == "/nowhere.csv"
    assert (
        "broken.csv:3: expected a number in column 'sold' (decimal point), found 'many'"
        in wrong["error"]
    )
    assert "/nowhere.csv: cannot be read" in missing["error"]

    assert whole["path"] == str(series)
    (entry,) = whole["series"]
    assert entry["name"] == "sold.csv"
    assert entry["times"] == ["2020-08-28", "2020-08-29", "2020-08-30"]
    (target,) = entry["targets"]
    values = entry["targets"][target]
    assert target == "sold" and len(values["forecast"]) == 3
    assert values["forecast"] == values["quantiles"]["0.5"]
    for low, middle, high in zip(*values["quantiles"].values(), strict=True):
        assert low <= middle <= high and 550 < middle < 750

    test = load(series).test
    answers = ForecastPredictor(trained).answers(test.windows)
    row = test.windows.origins[:, 1].tolist().index(200)
    forecast = early["series"][0]["targets"]["sold"]["forecast"]
    assert forecast == pytest.approx(answers.point[row, :, 0], rel=1e-5)

    assert "has 4 steps, fewer than the 8 of a window" in shown.err
    assert len(few["series"][0]["targets"]["sold"]["forecast"]) == 3


def test_the_future_changes_nothing(trained: Path) -> None:
    """A forecast depends on nothing from its first step on."""
    values, nothing = wave(60)[:, None], np.zeros((60, 0))
    predictor = ForecastPredictor(trained)
    clock = Clock("second", 86_400, 0)
    runs = []
    for change in (0.0, 1000.0):
        later = values.copy()
        later[40:] += change
        part = Part([Series("s", later, nothing, nothing, clock)], [(0, 60)])
        windows = Windows(part, 8, 3, periods=predictor.record.periods)
        runs.append((windows.origins[:, 1], predictor.answers(windows)))
    (origins, before), (_, after) = runs
    early = origins <= 40
    assert before.quantiles is not None and after.quantiles is not None
    np.testing.assert_array_equal(before.quantiles[early], after.quantiles[early])
    moved = np.abs(before.point - after.point).max(axis=(1, 2)) > 0
    assert moved[~early].all()


def test_nothing_is_fitted_on_what_comes_after_the_training_part(tmp_path: Path) -> None:
    values = wave()
    later = values.copy()
    later[170:] = 1e6 * np.arange(70)  # from the validation part on
    built = []
    for name, steps in (("a.csv", values), ("b.csv", later)):
        path = write(tmp_path / name, steps)
        config = Config(data=Source.of(path), horizon=3, window=8, units=4, scaling="train")
        keras.utils.set_random_seed(0)
        data = recipe.load_data(config.data, config)
        assert data.borders == ((168, 192),)
        model = recipe.build(Run(config, data, tmp_path, "forecasting"))
        windows = data.windows("train")
        mean = keras.ops.convert_to_numpy(model.get_layer("scaling").mean)
        built.append((data, model.get_weights(), windows.raw(range(len(windows))), mean))
    for a, b in zip(built[0][1], built[1][1], strict=True):
        np.testing.assert_array_equal(a, b)
    for name in built[0][2]:
        np.testing.assert_array_equal(built[0][2][name], built[1][2][name])
    assert built[0][0].season == built[1][0].season == 7
    np.testing.assert_array_equal(built[0][0].test.scale, built[1][0].test.scale)
    assert built[0][3] == pytest.approx([np.mean(np.round(values[:168], 4))], rel=1e-6)


def test_served_alone(trained: Path, series: Path, tmp_path: Path) -> None:
    windows = load(series).test.windows
    raw = windows.raw([0, 7, 30])
    assert set(raw) == {"past", "times"} and np.isnan(raw["past"]).any()
    np.savez(tmp_path / "raw.npz", **raw)
    done = subprocess.run(
        [sys.executable, "-c", ALONE, str(trained / "saved_model"), str(tmp_path / "raw.npz")],
        capture_output=True,
        text=True,
        check=True,
    )
    answer = json.loads(done.stdout.splitlines()[-1])
    model = keras.models.load_model(trained / "model.keras")
    ours = model_answers(model, windows, Config().quantiles)
    assert ours.quantiles is not None
    np.testing.assert_allclose(answer["quantiles"], ours.quantiles[[0, 7, 30]], rtol=1e-4)
    np.testing.assert_allclose(answer["forecast"], ours.point[[0, 7, 30]], rtol=1e-4)
    np.testing.assert_allclose(answer["levels"], Config().quantiles)


@pytest.mark.slow
def test_onnx(trained: Path, series: Path, tmp_path: Path) -> None:
    """A window of 8 that is not a multiple of the season of 7, and values that are missing."""
    runtime = pytest.importorskip("onnxruntime")
    pytest.importorskip("tf2onnx")
    path = tmp_path / "model.onnx"
    assert main(["export", str(trained), "--format", "onnx", "--to", str(path)]) == 0
    windows = load(series).test.windows
    inputs = {name: value.astype("float32") for name, value in windows.inputs([0, 7, 30]).items()}
    assert np.isnan(inputs["past"]).any()
    wanted = keras.models.load_model(trained / "model.keras").predict_on_batch(inputs)
    known = inputs.pop("known")
    parts = {"known": known[:, :8], "future": known[:, 8:]}
    (outputs,) = runtime.InferenceSession(str(path)).run(None, {**inputs, **parts})
    np.testing.assert_allclose(outputs, wanted, rtol=1e-4)


def test_baselines(series: Path) -> None:
    data = load(series)
    baseline = recipe.baseline(Run(Config(), data, Path(), "forecasting"))
    metrics = baseline.metrics
    assert baseline.what.startswith("the value one season before")
    values = data.series.series[0].values[:, 0]
    errors: dict[str, list[float]] = {"seasonal naive": [], "naive": []}
    for origin in range(192, 238):
        for step in range(origin, origin + 3):
            week, last = values[step - 7], values[origin - 1]
            week = values[step - 14] if np.isnan(week) else week
            last = values[origin - 2] if np.isnan(last) else last
            errors["seasonal naive"].append(abs(values[step] - week))
            errors["naive"].append(abs(values[step] - last))
    assert metrics["mae"] == pytest.approx(np.nanmean(errors["seasonal naive"]))
    assert metrics["naive_mae"] == pytest.approx(np.nanmean(errors["naive"]))
    scale = np.nanmean(np.abs(values[7:168] - values[:161]))
    assert metrics["mase"] == pytest.approx(metrics["mae"] / scale)
    again = data.test.metrics(Answers(baseline.answers["naive"]))
    assert again["mae"] == metrics["naive_mae"]


TRAINED = ["--epochs", "4", "--learning-rate", "0.02", "--no-jit-compile"]
OTHERS: dict[str, list[str]] = {
    "recursive": [*TRAINED, "--mode", "recursive", "--cell", "simple", "--scaling", "last"],
    "echo_state": ["--model", "echo_state", "--units", "40"],
    "mean": [
        *TRAINED,
        "--quantiles",
        "--scaling",
        "window",
        "--anchor",
        "level",
        "--bidirectional",
    ],
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", OTHERS)
def test_other_models(kind: str, series: Path, tmp_path: Path, capsys: Any) -> None:
    out = tmp_path / "out"
    words = ["--data", str(series), "--out", str(out), *SIZES, *OTHERS[kind]]
    assert main(["train", "forecasting", *words]) == 0
    assert "could not be drawn" not in capsys.readouterr().err
    metrics = json.loads((out / "metrics.json").read_text())
    assert metrics["test"]["mase"] < metrics["baseline"]["naive_mase"]
    assert ("quantile_loss" in metrics["test"]) == (kind != "mean")
    assert (out / "penalties.csv").exists() == (kind == "echo_state")
    assert main(["predict", str(out), str(series)]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    values = json.loads(line)["series"][0]["targets"]["sold"]
    assert len(values["forecast"]) == 3 and ("quantiles" in values) == (kind != "mean")
    if kind == "echo_state":
        _add_options(out, {"epochs": 4, "learning_rate": 0.02, "jit_compile": False})
    assert main(["evaluate", str(out)]) == 0
    again = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert again == pytest.approx(metrics["test"])


def _add_options(folder: Path, options: dict[str, Any]) -> None:
    """Options without effect, which an earlier version accepted and wrote."""
    path = folder / "config.json"
    record = json.loads(path.read_text())
    record["options"].update(options)
    path.write_text(json.dumps(record))


@pytest.mark.slow
def test_several_series_with_known_covariates(tmp_path: Path, capsys: Any) -> None:
    rng = np.random.default_rng(0)
    rows = []
    for shop, level in (("small", 5.0), ("large", 5000.0)):
        sale = rng.integers(0, 2, 123)
        sold = level * (1 + sale + 0.05 * rng.normal(size=123))
        days = np.datetime64("2021-01-01") + np.arange(123)
        rows += [
            f"{shop},{days[day]},{sold[day] if day < 120 else ''},{sale[day]}" for day in range(123)
        ]
    path = tmp_path / "shops.csv"
    path.write_text("shop,day,sold,sale\n" + "\n".join(rows) + "\n")
    columns = ["--series-column", "shop", "--target", "sold", "--known-covariates", "sale"]
    words = ["--data", str(path), "--out", str(tmp_path / "out"), "--epochs", "10", *QUICK]
    options = ["--learning-rate", "0.03", "--season", "1", "--no-calendar"]
    assert main(["train", "forecasting", *words, *columns, *options]) == 0
    metrics = json.loads((tmp_path / "out" / "metrics.json").read_text())
    assert metrics["test"]["mase"] < 0.5 * metrics["baseline"]["mase"]
    capsys.readouterr()
    assert main(["predict", str(tmp_path / "out"), str(path)]) == 0
    small, large = json.loads(capsys.readouterr().out)["series"]
    assert (small["name"], large["name"]) == ("small", "large")
    assert small["times"] == large["times"] == ["2021-05-01", "2021-05-02", "2021-05-03"]
    forecasts = [each["targets"]["sold"]["forecast"] for each in (small, large)]
    assert [len(steps) for steps in forecasts] == [3, 3]
    assert forecasts[0][0] < 20 < 2000 < forecasts[1][0]
    shorter = tmp_path / "shorter.csv"
    shorter.write_text("shop,day,sold,sale\n" + "\n".join(rows[:121]) + "\n")
    assert main(["predict", str(tmp_path / "out"), str(shorter)]) == 2
    error = json.loads(capsys.readouterr().out)["error"]
    assert "small: expected 3 rows of sale after the last value, found 1" in error


def test_windows_that_do_not_fit(series: Path) -> None:
    with pytest.raises(UserError, match="no window of 170 steps and 3 steps after it"):
        load(series, window=170)
    with pytest.raises(UserError, match="--window 5: is shorter than a season of 7"):
        load(series, window=5, anchor="season")
    with pytest.raises(DataError, match="expected a column 'bought', found 'day', 'sold'"):
        load(series, target=("bought",))


def test_what_a_trial_changes() -> None:
    import keras_tuner

    hp = keras_tuner.HyperParameters()
    recipe.space(hp, Config())
    assert {"scaling", "anchor", "cell", "bidirectional", "clip"} <= set(hp.values)
    hp.values["scaling"] = "last"
    assert recipe.space(hp, Config()).scaling == "last"
    hp = keras_tuner.HyperParameters()
    recipe.space(hp, Config(mode="recursive"))
    assert "bidirectional" not in hp.values
    hp = keras_tuner.HyperParameters()
    echo = Config(model="echo_state", cell_options='{"topology": "ring"}')
    recipe.space(hp, echo)
    hp.values["leak_rate"] = 0.25
    changed = json.loads(recipe.space(hp, echo).cell_options)
    assert changed["topology"] == "ring" and changed["leak_rate"] == 0.25
    assert zoo.model_info("forecaster_echo_state").options["cell"] == "reservoir"
