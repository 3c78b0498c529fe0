"""Series from files: what is read, what is missing, where it is cut, and what a window holds."""

from __future__ import annotations

import gzip
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from recipes.forecasting import data as forecasting
from recipes.forecasting.baseline import naive, seasonal_naive
from recipes.forecasting.data import Data, PartName
from recipes.forecasting.options import Config, SeriesName
from recipes.forecasting.season import season_scale
from recipes.forecasting.series import SeriesSet
from recipes.forecasting.sources import read_files
from recipes.forecasting.windows import Part, Windows, calendar
from recipes.kit.data.facts import Fact
from recipes.kit.data.source import Source
from recipes.kit.errors import DataError, UserError

#: Where somebody may have put the CSV files of darts: beside the checkout.
DARTS = Path(__file__).parents[4] / "shared" / "data" / "forecasting-darts"


def write(folder: Path, text: str, name: str = "series.csv") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def columns(**options: Any) -> Config:
    """Options about the columns of a file."""
    return Config(data=Source.of(Path("any.csv")), **options)


def read_series(path: Path, config: Config) -> SeriesSet:
    return read_files([path], config)


def load(path: Path | str, **options: Any) -> Data:
    """The data of a file or folder."""
    source = Source.of(Path(path))
    return forecasting.load(source, Config(data=source, **options))


def lines(facts: Iterable[Fact]) -> list[str]:
    return [f"{fact.topic}: {fact.text}" for fact in facts]


def test_with_a_header(tmp_path: Path) -> None:
    text = "when,a,b,note\n2020-01-01,1,10,x\n2020-01-02,,20,y\n2020-01-04,4,NA,z\n"
    read = read_series(write(tmp_path, text), columns())
    (series,) = read.series
    assert read.targets == ("a",) and series.clock.name == "day"
    np.testing.assert_array_equal(series.values[:, 0], [1, np.nan, np.nan, 4])
    assert lines(read.understood) == [
        "table: series.csv: 3 rows below a header, 4 columns, separated by commas",
        "time: when: as 2024-01-31",
        "left aside: b (see --target); note (holds text)",
        "first values: a: 1, nan, 4",
        "missing: 1 of 3 values of 'a' are missing, the first in series.csv:3",
        "gaps: 1 of 4 steps have no row, the first 2020-01-03 in series.csv: missing values",
    ]
    read = read_series(tmp_path / "series.csv", columns(target=("b",), covariates=("a",)))
    assert "missing: 1 of 3 values of 'a' are missing" in " ".join(lines(read.understood))
    np.testing.assert_array_equal(read.series[0].values[:, 0], [10, 20, np.nan, np.nan])
    np.testing.assert_array_equal(read.series[0].covariates[:, 0], [1, np.nan, np.nan, 4])
    assert read_series(tmp_path / "series.csv", columns(target=("all",))).targets == ("a", "b")


def test_a_column_that_never_changes_is_forecast_only_if_it_is_named(tmp_path: Path) -> None:
    rows = "".join(f"2020-01-{day:02},7,{day * day}\n" for day in range(1, 9))
    file = write(tmp_path, f"day,shop,sold\n{rows}")
    read = read_series(file, columns())
    assert read.targets == ("sold",)
    assert "left aside: shop (is 7 in every row)" in lines(read.understood)
    assert read_series(file, columns(target=("shop",))).targets == ("shop",)


def test_without_a_header_gzipped(tmp_path: Path) -> None:
    path = tmp_path / "series.csv.gz"
    path.write_bytes(gzip.compress(b"1;0,5\n4;0,25\n3;\n"))
    read = read_series(path, columns())
    assert read.targets == ("column 0", "column 1") and read.series[0].clock is None
    np.testing.assert_array_equal(read.series[0].values, [[1, 0.5], [4, 0.25], [3, np.nan]])
    assert read_series(path, columns(target=("1",))).targets == ("column 1",)


def test_the_index_of_a_data_frame_is_no_target(tmp_path: Path) -> None:
    path = write(tmp_path, ",y\n0,5\n1,6\n2,7\n")
    assert read_series(path, columns()).targets == ("y",)
    path = write(tmp_path, "year,y\n1990,5\n1991,6\n1993,7\n")
    read = read_series(path, columns())
    assert read.targets == ("y",) and read.series[0].clock.text(1992) == "1992"
    assert len(read.series[0]) == 4
    none = read_series(path, columns(time_column="none"))
    assert none.targets == ("y",) and none.series[0].clock is None
    named = read_series(path, columns(time_column="none", target=("year",)))
    assert named.targets == ("year",)


def test_quoted_names_and_months_first(tmp_path: Path) -> None:
    text = '"Day","Least, in C"\n"12/30/1984",20.7\n"12/31/1984",17.9\n"1/1/1985",18.8\n'
    read = read_series(write(tmp_path, text), columns())
    assert read.targets == ("Least, in C",)
    clock = read.series[0].clock
    assert (clock.name, clock.text(clock.first)) == ("day", "1984-12-30")


def test_unsorted_rows_are_sorted_and_reported(tmp_path: Path) -> None:
    path = write(tmp_path, "d,y\n2020-01-03,3\n2020-01-01,1\n2020-01-02,2\n")
    read = read_series(path, columns())
    np.testing.assert_array_equal(read.series[0].values[:, 0], [1, 2, 3])
    order = "order: rows are not in the order of time (from series.csv:3 on): sorted"
    assert lines(read.understood)[-1] == order


def test_several_series_below_each_other(tmp_path: Path) -> None:
    text = "shop,day,sold\n" + "".join(
        f"{shop},2020-01-{day:02},{10 * place + day}\n"
        for day in range(1, 6)
        for place, shop in enumerate(("north", "south"))
    )
    read = read_series(write(tmp_path, text), columns(series_column=("shop",)))
    assert [s.name for s in read.series] == ["north", "south"] and read.targets == ("sold",)
    np.testing.assert_array_equal(read.series[1].values[:, 0], [11, 12, 13, 14, 15])
    with pytest.raises(
        DataError,
        match=r"series.csv:3: the time stamp '2020-01-01' is already in "
        r"line 2; --series-column shop makes each combination a series",
    ):
        read_series(tmp_path / "series.csv", columns())


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        ("", {}, "holds no values"),
        ("a,b\n", {}, "series.csv:1: expected a column of numbers|holds a header and no"),
        ("a,b\n" + "1,2\n" * 9 + "3\n" * 4, {}, "series.csv:11: expected 2 columns, found 1"),
        ("a,a\n1,2\n", {}, "series.csv:1: two columns are named 'a'"),
        ("a\n1\n2\nthree\n", {"target": ("a",)}, "series.csv:4: expected a number in column"),
        ("a\n1\ninf\n", {"target": ("a",)}, "series.csv:3: expected a number .* found 'inf'"),
        ("a\n1\n", {"target": ("b",)}, "series.csv:1: expected a column 'b', found 'a'"),
        ("a,b\n,1\n,2\n", {"target": ("a",)}, "series.csv:2: column 'a' holds no value"),
        ("a,b\n1,2\n", {"target": ("a",), "covariates": ("a",)}, "column 'a' is used twice"),
        (
            "t,y\n2020-01-01,1\n2020-01-02,1\nlater,2\n",
            {"time_column": "t"},
            "series.csv:4: expected a time stamp",
        ),
        (
            "t,y\n2020-01-01,1\n2020-01-02,2\n2020-01-03,3\n2020-01-03 07:00,9\n",
            {},
            "series.csv:5: the time stamp '2020-01-03 07:00' lies between the steps of the others, "
            "one day each",
        ),
        (
            "t,y\n2020-01-01,1\n2020-01-02,5\n9020-01-03,3\n",
            {},
            "series.csv:4: the time stamp '9020-01-03' is .* steps of one day after the first, "
            "2020-01-01, but there are only 3 rows",
        ),
        ("name\nx\ny\n", {}, "expected a column of numbers to forecast"),
        ("sold\n1\n2\nthree\n", {}, "series.csv:4: expected a number in column 'sold'"),
        ('a\n"1\n', {}, "series.csv:2: is not CSV"),
    ],
)
def test_what_is_wrong_is_named(
    tmp_path: Path, text: str, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(DataError, match=message):
        read_series(write(tmp_path, text), columns(**options))


def test_rows_after_the_last_value_tell_of_the_future(tmp_path: Path) -> None:
    text = "d,y,holiday\n2020-01-01,1,0\n2020-01-02,2,1\n2020-01-03,,0\n2020-01-04,,1\n"
    read = read_series(write(tmp_path, text), columns(target=("y",), known_covariates=("holiday",)))
    assert len(read.series[0]) == 2
    assert read.series[0].known[:, 0].tolist() == [0, 1, 0, 1]


def numbers(folder: Path, values: np.ndarray, name: str = "series.csv") -> str:
    return str(write(folder, "y\n" + "".join(f"{v:g}\n" for v in values), name))


def test_cuts_by_time(tmp_path: Path) -> None:
    source = numbers(tmp_path, np.arange(100) ** 1.5)
    data = load(source, horizon=4, window=6, season=1)
    assert data.borders == ((70, 80),)
    names: tuple[PartName, ...] = ("train", "valid", "test")
    parts = {name: data.windows(name) for name in names}
    assert [len(part) for part in parts.values()] == [61, 7, 17]
    values = data.series.series[0].values
    for name, (start, end) in {"train": (6, 70), "valid": (70, 80), "test": (80, 100)}.items():
        part = parts[name]
        origins = part.origins[:, 1]
        assert (origins[0], origins[-1] + 4) == (start, end)
        rows = np.arange(len(part))
        raw, truth = part.raw(rows), part.truth(rows)
        for row, origin in enumerate(origins):
            np.testing.assert_array_equal(raw["past"][row], values[origin - 6 : origin].astype("f"))
            np.testing.assert_array_equal(truth[row], values[origin : origin + 4])


def test_series_too_short_are_left_out_and_reported(tmp_path: Path) -> None:
    folder = tmp_path / "many"
    folder.mkdir()
    numbers(folder, np.sin(np.arange(60)), "a.csv")
    numbers(folder, np.arange(9) ** 2, "b.csv")
    numbers(folder, np.ones(60), "c.csv")
    data = load(folder, horizon=5)
    assert [s.name for s in data.series.series] == ["a.csv"]
    (left_out,) = [fact.text for fact in data.understood if fact.topic == "left out"]
    assert "2 of 3 series: b.csv (9 steps leave 0 to train on" in left_out
    assert "c.csv (its training part never changes)" in left_out
    with pytest.raises(UserError, match="nothing to learn from: b.csv"):
        load(folder / "b.csv", horizon=5)
    numbers(folder, np.arange(60), "d.csv")
    (folder / "d.csv").write_text("z\n1\n2\n")
    with pytest.raises(DataError, match="d.csv:1: expected a column 'y', found 'z'"):
        load(folder, horizon=5)


def test_the_season_that_forecasts_best(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    wave = np.tile([5.0, 1.0, 0.0, 2.0, 9.0, 3.0, 4.0], 40) + 0.1 * rng.normal(size=280)
    source = numbers(tmp_path, wave)
    data = load(source, horizon=10)
    how = "(chosen on the training part; --season overrides)"
    assert data.season == 7 and f"season: 7 steps {how}" in lines(data.understood)
    walk = numbers(tmp_path, rng.normal(size=280).cumsum())
    assert load(walk, horizon=10).season == 1
    fixed = load(walk, horizon=10, season=5)
    assert fixed.season == 5 and "season: 5 steps" in lines(fixed.understood)
    half = np.abs(wave[7:196] - wave[:189]).mean()
    assert season_scale(wave[:196, None], 7) == pytest.approx(half)


def test_naive_forecasts(tmp_path: Path) -> None:
    values = np.arange(30.0)
    values[[24, 19]] = np.nan
    path = write(tmp_path, "y\n" + "".join("\n" if v != v else f"{v}\n" for v in values))
    text = "step,y\n" + "".join(f"{i},{'' if v != v else v}\n" for i, v in enumerate(values))
    path.write_text(text)
    read = read_series(path, columns(target=("y",), time_column="step"))
    windows = Windows(Part(read.series, [(25, 30)]), 4, 5)
    np.testing.assert_array_equal(naive(windows)[0, :, 0], [23] * 5)  # the last one known
    np.testing.assert_array_equal(seasonal_naive(windows, 3)[0, :, 0], [22, 23, 21, 22, 23])
    np.testing.assert_array_equal(seasonal_naive(windows, 1)[0, :, 0], [23] * 5)


def test_targets_apart(tmp_path: Path) -> None:
    text = "a,b\n" + "".join(f"{i**3},{i * i}\n" for i in range(50))
    path = write(tmp_path, text)
    together = load(path, horizon=3, target=("all",)).series
    assert together.targets == ("a", "b") and len(together.series) == 1
    apart = load(path, horizon=3, target=("all",), separate=True).series
    assert [s.name for s in apart.series] == ["a", "b"] and apart.columns == ("a", "b")


def test_windows_of_calendar_and_known(tmp_path: Path) -> None:
    text = "t,y,k\n" + "".join(f"2020-01-{d:02},{d},{-d}\n" for d in range(1, 29))
    read = read_series(write(tmp_path, text), columns(target=("y",), known_covariates=("k",)))
    windows = Windows(Part(read.series, [(20, 28)]), 5, 3, periods=(7 * 86_400,))
    inputs = windows.inputs([0, 1])
    np.testing.assert_array_equal(inputs["past"][0, :, 0], [16, 17, 18, 19, 20])
    np.testing.assert_array_equal(inputs["known"][0, :, 0], -np.arange(16, 24))
    np.testing.assert_allclose(inputs["known"][0, 0, 1:], inputs["known"][0, 7, 1:])  # a week
    times = windows.raw([0])["times"]
    np.testing.assert_allclose(calendar(times, [7 * 86_400])[0], inputs["known"][0, :, 1:])
    short = Windows(Part(read.series, [(2, 28)]), 5, 3)
    np.testing.assert_array_equal(short.raw([0])["past"][0, :, 0], [np.nan] * 3 + [1, 2])


def test_unknown_sources() -> None:
    with pytest.raises(UserError, match="no such file"):
        load("/nowhere")
    with pytest.raises(UserError, match="this recipe cannot read tensorflow-datasets"):
        forecasting.load(Source("tfds", "monash"), Config())
    with pytest.raises(UserError, match="embedded:nil: no such embedded data"):
        forecasting.load(Source("embedded", "nil"), Config())


@pytest.mark.parametrize("name", ["co2", "elnino", "sunspots", "nile", "macrodata"])
def test_embedded(name: SeriesName) -> None:
    data = forecasting.load(Source(), Config(series=name))
    assert len(data.series.series) == 1 and "statsmodels" in data.licence
    seasons = {"co2": 52, "elnino": 12, "sunspots": 11}
    assert data.season == seasons.get(name, data.season)
    again = forecasting.load(Source("embedded", name), Config(data=Source("embedded", name)))
    assert again.series.columns == data.series.columns and len(again.test.truth)


def test_everything_understood_is_reported(tmp_path: Path) -> None:
    folder = tmp_path / "many"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for shop in "abcdefgh":
        rows = [f"2024-01-{day:02},{rng.normal():.3f},x" for day in range(1, 32)]
        rows[3] = f"2024-01-04,,{shop}"
        write(folder, "day,sold,note\n" + "\n".join(rows), f"{shop}.csv")
    data = load(folder, horizon=2, season=1)
    reported = lines(data.understood)
    assert reported[:5] == [
        "series: 8: a.csv, b.csv, c.csv, d.csv, e.csv, f.csv, ...",
        f"source: {folder}",
        "clock: steps of one day, 2024-01-01 to 2024-01-31",
        "forecast: sold",
        "steps: 176 train, 24 valid, 48 test",
    ]
    # What holds for all files is said once.
    assert reported[5:8] == [
        "table: 31 rows below a header, 3 columns, separated by commas",
        "time: day: as 2024-01-31",
        "left aside: note (holds text)",
    ]
    assert [line.partition(": ")[0] for line in reported[8:12]] == ["first values"] * 4
    assert reported[12:] == [
        "missing: 8 of 248 values of 'sold' are missing, in 8 of 8 series, the first in a.csv:5",
        "season: none",
        "windows: 7 steps, to forecast the next 2",
        "calendar: weekday",
    ]


def test_several_files_are_series_of_the_same_columns(tmp_path: Path) -> None:
    numbers(tmp_path, np.sin(np.arange(60)), "a.csv")
    numbers(tmp_path, np.cos(np.arange(60)), "b.csv")
    source = Source.of(tmp_path / "a.csv", tmp_path / "b.csv")
    data = forecasting.load(source, Config(data=source, horizon=3))
    assert [s.name for s in data.series.series] == ["a.csv", "b.csv"]


@pytest.mark.skipif(not DARTS.is_dir(), reason="the files of darts are not here")
@pytest.mark.parametrize(
    ("name", "steps", "step", "line"),
    [
        ("AirPassengers", 144, "month", "season: 12 steps of one month"),
        ("ILINet", 1305, "week", "4 of 1,305 steps have no row"),
        ("heart_rate", 1800, None, ""),
        ("monthly-sunspots", 2820, "month", "season: none: "),
        ("taxi_new_york_passengers", 10320, "30 minutes", "season: 336 steps"),
        ("taylor", 4032, None, "season: 336 steps"),
        ("temps", 3652, "day", "2 of 3,652 steps have no row, the first 1984-12-31"),
        ("us_gasoline", 1578, "week", "not in the order of time (from us_gasoline.csv:3 on)"),
    ],
)
def test_files_as_they_are(name: str, steps: int, step: str | None, line: str) -> None:
    data = load(DARTS / f"{name}.csv")
    assert len(data.series.series[0]) == steps
    clock = data.series.clock
    assert (clock and clock.name) == step
    assert any(line in each for each in lines(data.understood))


@pytest.mark.skipif(not DARTS.is_dir(), reason="the files of darts are not here")
def test_empty_cells_of_ilinet() -> None:
    read = read_series(DARTS / "ILINet.csv", columns(target=("AGE 25-49",)))
    (missing,) = [fact.text for fact in read.understood if fact.topic == "missing"]
    assert "of 1,301 values of 'AGE 25-49' are missing, the first in ILINet.csv:2" in missing
    assert np.isnan(read.series[0].values[0, 0])
