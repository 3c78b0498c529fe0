"""Which column of a file is forecast, and forecasts as a table."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from recipes.forecasting.options import Predict
from recipes.forecasting.serve import ForecastPredictor
from recipes.kit.cli import main


def write(path: Path, header: str, columns: int) -> Path:
    random = np.random.default_rng(3)
    days = np.datetime64("2021-03-01") + np.arange(40)
    values = 100 + random.normal(size=(40, columns)).cumsum(axis=0)
    rows = [
        ",".join([str(day), *(f"{value:.3f}" for value in row)])
        for day, row in zip(days, values, strict=True)
    ]
    path.write_text("\n".join([header, *rows]) + "\n")
    return path


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("forecasting")
    data = write(folder / "sold.csv", "day,sold", 1)
    words = ["--data", str(data), "--horizon", "2", "--window", "6", "--units", "2"]
    words += ["--epochs", "1", "--no-jit-compile", "--out", str(folder / "out")]
    assert main(["train", "forecasting", *words]) == 0
    return folder / "out"


@pytest.fixture(scope="module")
def predictor(trained: Path) -> ForecastPredictor:
    return ForecastPredictor(trained)


def targets(answer: dict[str, Any]) -> list[str]:
    assert "error" not in answer, answer
    return [*answer["series"][0]["targets"]]


def test_the_only_column_of_numbers_is_taken_and_said(
    predictor: ForecastPredictor, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    usual = write(tmp_path / "usual.csv", "day,sold,price", 2)
    other = write(tmp_path / "other.csv", "day,amount", 1)
    assert [targets(answer) for answer in predictor.predict([usual, other])] == [
        ["sold"],
        ["amount"],
    ]
    shown = " ".join(capsys.readouterr().err.split())
    assert shown.count(": forecasting ") == 1
    assert "other.csv: forecasting amount, the only column of numbers (not sold)" in shown


def test_what_was_understood_is_said(
    predictor: ForecastPredictor, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = write(tmp_path / "gap.csv", "day,sold", 1)
    lines = file.read_text().splitlines()
    file.write_text("\n".join(lines[:9] + lines[11:]) + "\n")
    assert [targets(answer) for answer in predictor.predict([file, file])] == [["sold"]] * 2
    shown = " ".join(capsys.readouterr().err.split())
    assert shown.count("2 of 40 steps have no row, the first 2021-03-09 in gap.csv") == 1


def test_a_column_is_named_where_there_are_several(
    predictor: ForecastPredictor, tmp_path: Path
) -> None:
    several = write(tmp_path / "several.csv", "day,price,amount", 2)
    (answer,) = predictor.predict([several])
    assert answer["error"] == (
        f"{several}: expected the columns to forecast of the training, sold; found price, amount; "
        "--target says which"
    )
    (answer,) = predictor.predict([several], Predict(target=("amount",)))
    assert targets(answer) == ["amount"]
    (first,) = predictor.predict([several], Predict(target=("1",)))
    assert targets(first) == ["price"] and first["series"] != answer["series"]
    (answer,) = predictor.predict([several], Predict(target=("amount", "price")))
    assert "expected 1 targets (sold), found 2 (amount, price)" in answer["error"]
    (answer,) = predictor.predict([several], Predict(target=("cost",)))
    assert "'cost'" in answer["error"]


def test_what_is_wrong_in_the_usual_column_is_said(
    predictor: ForecastPredictor, tmp_path: Path
) -> None:
    broken = write(tmp_path / "broken.csv", "day,sold,price", 2)
    lines = broken.read_text().splitlines()
    lines[5] = lines[5].replace("2021-03-05,", "2021-03-05,many")
    broken.write_text("\n".join(lines) + "\n")
    (answer,) = predictor.predict([broken])
    assert "broken.csv:6" in answer["error"] and "--target" not in answer["error"]


def test_a_table_has_a_row_for_each_step(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = write(tmp_path / "sold.csv", "day,sold", 1)
    words = ["predict", str(trained), str(file)]
    capsys.readouterr()
    assert main(words) == 0
    (series,) = json.loads(capsys.readouterr().out)["series"]
    assert main([*words, str(tmp_path / "*.tsv"), "--format", "csv"]) == 2
    first, second, wrong = csv.DictReader(io.StringIO(capsys.readouterr().out))
    assert [*first] == [
        *("path", "series", "step", "time", "target", "forecast"),
        *("quantile_0.1", "quantile_0.5", "quantile_0.9", "input", "error"),
    ]
    values = series["targets"]["sold"]
    for index, row in enumerate((first, second)):
        assert (row["path"], row["series"], row["target"]) == (str(file), "sold.csv", "sold")
        assert (row["step"], row["time"]) == (str(index + 1), series["times"][index])
        assert float(row["forecast"]) == values["forecast"][index]
        assert float(row["quantile_0.9"]) == values["quantiles"]["0.9"][index]
        assert row["error"] == ""
    assert "no file that fits the pattern" in wrong["error"] and wrong["forecast"] == ""
