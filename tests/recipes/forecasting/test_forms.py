"""Files in the forms people have: what is read, said and refused."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from recipes.forecasting import data as forecasting
from recipes.forecasting.data import Data
from recipes.forecasting.options import Config
from recipes.forecasting.series import SeriesSet
from recipes.forecasting.sources import read_files
from recipes.forecasting.windows import Part, Windows
from recipes.kit.data.facts import Fact
from recipes.kit.data.source import Source
from recipes.kit.errors import DataError, UserError

START = datetime.datetime(2021, 1, 1)
HOURS = [START + datetime.timedelta(hours=i) for i in range(400)]
DAYS = [START + datetime.timedelta(days=i) for i in range(40)]


def value(step: int) -> float:
    """Neither a counter nor even."""
    return round(100 + 20 * np.sin(step / 3) + step % 7, 2)


def comma(step: int) -> str:
    return f"{value(step):.2f}".replace(".", ",")


def table(header: str, row: Callable[[int], str], count: int) -> str:
    return header + "\n" + "".join(f"{row(step)}\n" for step in range(count))


def read(folder: Path, text: str, **options: Any) -> SeriesSet:
    path = folder / "a.csv"
    path.write_text(text, encoding="utf-8")
    return read_files([path], Config(data=Source.of(path), **options))


def said(contents: SeriesSet | Data, topic: str) -> str:
    return "; ".join(fact.text for fact in contents.understood if fact.topic == topic)


@pytest.mark.parametrize(
    ("text", "clock", "target"),
    [
        (
            table("Zeit;Wert", lambda i: f"{HOURS[i]:%d.%m.%Y %H:%M};{comma(i)}", 40),
            ("hour", "2021-01-01 00:00:00"),
            "Wert",
        ),
        (
            "\ufeffsep=;\n" + table("Date;V", lambda i: f"{DAYS[i]:%d/%m/%Y};{comma(i)}", 40),
            ("day", "2021-01-01"),
            "V",
        ),
        (
            table("Date,Hour,load", lambda i: f"{HOURS[i]:%Y-%m-%d},{i % 24 + 1},{value(i)}", 400),
            ("hour", "2021-01-01 01:00:00"),
            "load",
        ),
        (
            table("date,time,load", lambda i: f"{HOURS[i]:%Y-%m-%d},{i % 24}00,{value(i)}", 400),
            ("hour", "2021-01-01 00:00:00"),
            "load",
        ),
        (
            table("time,day,load", lambda i: f"{HOURS[i]:%H:%M,%d/%m/%Y},{value(i)}", 400),
            ("hour", "2021-01-01 00:00:00"),
            "load",
        ),
        (
            table(
                "No,Year,month,day,hour,pm",
                lambda i: f"{i + 1},{HOURS[i]:%Y,%m,%d,%H},{value(i)}",
                400,
            ),
            ("hour", "2021-01-01 00:00:00"),
            "pm",
        ),
        (
            table("Year,Month,v", lambda i: f"{2000 + i // 12},{DAYS[0]:%B},{value(i)}", 1)
            + "2000,February,7\n2000,Mar,3\n",
            ("month", "2000-01-01"),
            "v",
        ),
        (
            table("year,quarter,v", lambda i: f"{2000 + i // 4},Q{i % 4 + 1},{value(i)}", 9),
            ("3 months", "2000-01-01"),
            "v",
        ),
        (
            table("year,day,v", lambda i: f"{2019 + i // 365},{i % 365 + 1},{value(i)}", 400),
            ("day", "2019-01-01"),
            "v",
        ),
        (
            table("Year,DOY,hour,v", lambda i: f"{HOURS[i]:%Y,%j,%H},{value(i)}", 400),
            ("hour", "2021-01-01 00:00:00"),
            "v",
        ),
        (
            table("date,time,v", lambda i: f"{HOURS[i]:%Y%m%d,%H%M},{value(i)}", 400),
            ("hour", "2021-01-01 00:00:00"),
            "v",
        ),
        (
            table("date,v", lambda i: f"{44197 + i},{value(i)}", 40),
            ("day", "2021-01-01"),
            "v",
        ),
        (
            table("t,v", lambda i: f"{1_600_000_000_000 + 100 * i},{value(i)}", 40),
            ("100 milliseconds", "2020-09-13 12:26:40.000"),
            "v",
        ),
        (
            table("t,v", lambda i: f"{HOURS[i].isoformat()}+02:00,{value(i)}", 40),
            ("hour", "2021-01-01 00:00:00+02:00"),
            "v",
        ),
        (
            "".join(f"{DAYS[i]:%Y%m%d},{value(i)}\n" for i in range(40)),
            ("day", "2021-01-01"),
            "column 1",
        ),
        (
            "".join(f"{1960 + i},{value(i)}\n" for i in range(40)),
            ("1", "1960"),
            "column 1",
        ),
        (
            table("time,v", lambda i: f"{HOURS[i]:%H:%M},{value(i)}", 20),
            ("hour", "00:00:00"),
            "v",
        ),
    ],
)
def test_time_stamps(tmp_path: Path, text: str, clock: tuple[str, str], target: str) -> None:
    contents = read(tmp_path, text)
    (series,) = contents.series
    assert contents.targets == (target,) and said(contents, "time")
    assert series.clock is not None
    assert (series.clock.name, series.clock.text(series.clock.first)) == clock
    assert np.isfinite(series.values).all()
    if len(series) > 5:
        np.testing.assert_allclose(series.values[:, 0], [*map(value, range(len(series)))])


def test_the_calendar_counts_seconds_whatever_the_step(tmp_path: Path) -> None:
    """The input `times` of an exported forecaster is in seconds since 1970, of the local clock."""
    fine = table("t,v", lambda i: f"{1_600_000_000_000 + 500 * i},{value(i)}", 20)
    local = table("t,v", lambda i: f"{HOURS[i].isoformat()}+02:00,{value(i)}", 20)
    seconds = (START - datetime.datetime(1970, 1, 1)).total_seconds()
    for text, first, step in ((fine, 1_600_000_000, 0.5), (local, seconds, 3600)):
        series = read(tmp_path, text).series
        windows = Windows(Part(series, [(10, 20)]), 4, 2, periods=(86_400,))
        wanted = first + np.floor(step * np.arange(6, 12))
        np.testing.assert_array_equal(windows.raw([0])["times"][0], wanted)


def test_what_measures_nothing_is_no_target(tmp_path: Path) -> None:
    text = table(
        "id;zip;weekday;when;load;",
        lambda i: f"{i + 5};10115;{i % 7};{DAYS[i]:%Y-%m-%d};{value(i)};",
        40,
    )
    contents = read(tmp_path, text)
    assert contents.targets == ("load",)
    assert said(contents, "left aside") == (
        "id, zip (is an id by its name); weekday (is a part of a date by its name); column 5 (is "
        "empty)"
    )
    assert read(tmp_path, text, target=("zip",)).targets == ("zip",)
    with pytest.raises(
        DataError, match=r"a.csv:1: .* but 'No' is an id by its name, 'x' holds text, 'a'"
    ):
        read(tmp_path, "No,x\n1,a\n2,b\n3,c\n")
    # Seconds in fractions are no time stamps, and nothing to forecast either.
    floats = read(tmp_path, table("time,v", lambda i: f"{i / 10},{value(i)}", 9))
    assert floats.targets == ("v",) and floats.series[0].clock is None
    assert said(floats, "left aside") == "time (is a time by its name)"
    bare = read(tmp_path, "".join(f"{i / 10},{value(i)}\n" for i in range(9)))
    assert bare.targets == ("column 1",)


def test_a_column_that_never_changes_is_no_target_beside_others(tmp_path: Path) -> None:
    text = table("t,height,plot,kg,v", lambda i: f"{DAYS[i]},7,{3 * i},{i % 5} kg,{value(i)}", 20)
    contents = read(tmp_path, text)
    assert contents.targets == ("v",)
    assert said(contents, "left aside") == (
        "height (is 7 in every row); plot (changes evenly); kg (holds text such as '0 kg')"
    )
    prices = table("t,price,v", lambda i: f"{DAYS[i]},${1200 + i},{value(i)}", 20)
    assert read(tmp_path, prices).targets == ("price",)


def test_dates_without_marks_and_years_under_any_name(tmp_path: Path) -> None:
    dates = read(tmp_path, table("v,made", lambda i: f"{value(i)},{DAYS[i % 20]:%Y%m%d}", 20))
    years = read(tmp_path, table("Année fiscale,v", lambda i: f"{2020 - i},{value(i)}", 20))
    for contents, first in ((dates, "2021-01-01"), (years, "2001")):
        clock = contents.series[0].clock
        assert contents.targets == ("v",) and clock is not None
        assert clock.text(clock.first) == first
    with pytest.raises(DataError, match=r"a.csv:32: the time stamp '20210130' is already in line"):
        read(tmp_path, table("day,v", lambda i: f"{DAYS[i - i // 30]:%Y%m%d},{value(i)}", 31))


def test_several_columns_name_the_series(tmp_path: Path) -> None:
    def row(i: int) -> str:
        return f"{DAYS[i // 4]:%Y-%m-%d},{i // 2 % 2},{5 + i % 2},{value(i)}"

    text = table("date,store,item,sales", row, 160)
    named = r"already in line 2; --series-column store item makes each combination a series"
    with pytest.raises(DataError, match=named):
        read(tmp_path, text)
    with pytest.raises(DataError, match=named):
        read(tmp_path, text, series_column=("store",))
    contents = read(tmp_path, text, series_column=("store", "item"))
    assert [s.name for s in contents.series] == ["0 5", "0 6", "1 5", "1 6"]
    np.testing.assert_allclose(contents.series[1].values[:, 0], [*map(value, range(1, 160, 4))])
    with pytest.raises(DataError, match=r"a.csv:162: expected the name of a series in column 'st"):
        read(tmp_path, text + "2021-02-10,,5,7\n", series_column=("store", "item"))
    panel = table("country,year,v", lambda i: f"c{i // 50},{1950 + i % 50},{value(i)}", 150)
    with pytest.raises(DataError, match=r"a.csv:52: .*'1950' is already .*--series-column country"):
        read(tmp_path, panel)


def test_a_series_in_each_row(tmp_path: Path) -> None:
    years = range(1960, 2000)
    rows = [
        f'"Land {i}",L{i},' + ",".join("" if y < 1960 + i else str(value(y)) for y in years) + ","
        for i in range(3)
    ]
    text = '"Country Name","Country Code",' + ",".join(f'"{y}"' for y in years) + ",\n"
    contents = read(tmp_path, text + "\n".join([*rows, f"Nowhere,X,{',' * 40}", ""]))
    assert [(s.name, len(s)) for s in contents.series] == [
        *(("Land 0", 40), ("Land 1", 39), ("Land 2", 38)),
    ]
    assert contents.series[2].clock is not None and contents.series[2].clock.first == 1962
    np.testing.assert_allclose(contents.series[1].values[:, 0], [*map(value, years[1:])])
    assert said(contents, "form") == "a series in each row, named by 'Country Name'"
    assert said(contents, "left aside") == "Country Code, column 42"
    assert said(contents, "left out") == "series without any value: Nowhere"
    broken = rows[0].replace(str(value(1970)), "many")
    with pytest.raises(DataError, match=r"a.csv:2: expected a number in column '1970'"):
        read(tmp_path, text + "\n".join([broken, rows[1], rows[2], ""]))
    with pytest.raises(DataError, match=r"a.csv:3: the series 'Land 0 L0' is already in"):
        read(tmp_path, text + "\n".join([rows[0], rows[0], ""]))
    # Options that name columns say that the header holds no times.
    columns = read(tmp_path, text + "\n".join([*rows, ""]), target=("1963",))
    assert columns.targets == ("1963",) and columns.series[0].clock is None


@pytest.mark.parametrize(
    ("names", "first"),
    [
        (["202011", "202012", "202101"], "2020-11-01"),
        (["Nov 2020", "Dec 2020", "Jan 2021"], "2020-11-01"),
        (["30.11.2020", "01.12.2020", "02.12.2020"], "2020-11-30"),
        (["2022 [YR2022]", "2023 [YR2023]", "2024 [YR2024]"], "2022"),
    ],
)
def test_times_across(tmp_path: Path, names: list[str], first: str) -> None:
    contents = read(tmp_path, f"item;{';'.join(names)}\nscrew;4,5;5,5;3,5\nnail;3;9,5;7\n")
    series = contents.series[1]
    assert (series.name, series.values[:, 0].tolist()) == ("nail", [3, 9.5, 7])
    assert series.clock is not None and series.clock.text(series.clock.first) == first


def test_a_table_of_years_by_name_is_none_across(tmp_path: Path) -> None:
    """A row is a step where a column holds time stamps."""
    text = table("day,2019,2020,2021", lambda i: f"{DAYS[i]:%Y-%m-%d},{value(i)},1,2", 20)
    assert read(tmp_path, text).targets == ("2019",)


def test_months_by_years_are_one_series(tmp_path: Path) -> None:
    names = [f"{datetime.date(2000, month, 1):%b}" for month in range(1, 13)]
    steps = [value(step) for step in range(36)]
    down = "YEAR," + ",".join(names).upper() + "\n"
    for year in range(3):
        cells = [str(v) for v in steps[12 * year : 12 * year + 12]]
        down += f"{1958 + year}," + ",".join(cells) + "\n"
    across = '"Month", "1958", "1959", "1960"\n'
    for month, name in enumerate(names):
        across += f'"{name}", ' + ", ".join(str(v) for v in steps[month::12]) + "\n"
    for text in (down, across):
        (series,) = read(tmp_path, text).series
        assert series.clock is not None and series.clock.text(series.clock.first) == "1958-01-01"
        assert series.clock.name == "month"
        np.testing.assert_allclose(series.values[:, 0], steps)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            table("date,v", lambda i: f"{DAYS[i]:%Y-%m-%d},{value(i)}", 30) + "Total,9999\n",
            r"a.csv:32: expected a time stamp, .*found 'Total'.*the last row, which begins 'Total'",
        ),
        (
            table("date,v", lambda i: f"2021-01-{i + 4:02},{value(i)}", 29),
            r"a.csv:30: expected a date that exists, such as 2024-01-31, .*'2021-01-32'",
        ),
        (
            table("time,v", lambda i: f"day {i},{value(i)}", 30),
            r"a.csv:2: column 'time' seems to hold time stamps, but 'day 0'",
        ),
        (
            table("t,v", lambda i: f"{HOURS[i]:%Y-%m-%d %H:%M} CET,{value(i)}", 30),
            r"a.csv:2: column 't' seems to hold time stamps.*--date-format",
        ),
        (
            table("Monat;v", lambda i: f"{('Mär', 'Mai', 'Okt')[i % 3]} {1990 + i};{value(i)}", 9),
            r"a.csv:2: column 'Monat' seems to hold time stamps, but 'Mär 1990' cannot be read",
        ),
        (
            table("d,v", lambda i: f"{DAYS[i]:%Y-%m-%d},{value(i)} kWh", 9),
            r"a.csv:1: expected a column of numbers .*, but 'v' holds text such as '100.0 kWh'",
        ),
        (
            "date,v\n,(kWh)\n" + table("", lambda i: f"{DAYS[i]:%Y-%m-%d},{value(i)}", 30).strip(),
            r"a.csv:2: expected a time stamp, .*found ''",
        ),
        (
            "n,v\n1,(kWh)\n" + table("", lambda i: f"{i + 2},{value(i)}", 30).strip(),
            r"a.csv:2: expected a number in column 'v' .* found '\(kWh\)'",
        ),
        (
            table("time,v", lambda i: f"{HOURS[i]:%H:%M},{value(i)}", 30),
            r"a.csv:26: the time stamp '00:00' is already in line 2; expected dates besides",
        ),
        (
            table(
                "t,v",
                lambda i: f"2021-10-31 {i - (i > 2):02}:00,{value(i)}",
                20,
            ),
            r"a.csv:5: .*'2021-10-31 02:00' is already in line 4; this hour occurs twice",
        ),
        (
            table("Date,Hour,v", lambda i: f"{DAYS[i // 25]:%Y-%m-%d},{i % 25 + 1},{value(i)}", 75),
            r"a.csv:26: expected an hour from 0 to 24 in column 'Hour', found '25'",
        ),
        (
            table("year,month,v", lambda i: f"{2000 + i // 12},{i % 13 + 1},{value(i)}", 39),
            r"a.csv:14: expected a time in the columns year, month, found 2001, 13",
        ),
        (
            table("date,v", lambda i: f"{i + 1:02}/01/2021,{value(i)}", 12),
            r"a.csv:3: '02/01/2021' in column 'date' is a date with the day first or",
        ),
    ],
)
def test_what_cannot_be_told_is_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read(tmp_path, text)


def test_a_format_decides(tmp_path: Path) -> None:
    text = table("date,v", lambda i: f"{i + 1:02}/01/2021,{value(i)}", 12)
    daily = read(tmp_path, text, date_format="%d/%m/%Y").series[0]
    assert daily.clock is not None and daily.clock.name == "day"
    monthly = read(tmp_path, text, date_format="%m/%d/%Y").series[0]
    assert monthly.clock is not None and monthly.clock.name == "month"
    with pytest.raises(DataError, match="a.csv:2: expected time stamps as --date-format '%Y' has"):
        read(tmp_path, text, date_format="%Y")


def test_the_column_of_times_that_tells_rows_apart(tmp_path: Path) -> None:
    def row(i: int) -> str:
        return f"2021-01-01,{DAYS[i]:%Y-%m-%d},{i % 9 + 1:02}/01/2020,{value(i)}"

    contents = read(tmp_path, table("made,day,ordered,v", row, 30))
    assert said(contents, "time") == "day: as 2024-01-31"
    assert said(contents, "left aside") == "made, ordered (holds time stamps)"


def test_numbers_between_blanks_and_blanks_in_numbers(tmp_path: Path) -> None:
    spaced = read(tmp_path, "".join(f" {1990 + i}   {value(i)}\n" for i in range(20)))
    assert spaced.targets == ("column 1",) and spaced.series[0].clock is not None
    months = read(
        tmp_path, "month,v\n" + "".join(f"Jan {1990 + i},{100 + i * i}\n" for i in range(9))
    )
    assert months.series[0].values[:3, 0].tolist() == [100, 101, 104]
    assert said(months, "time") == "month: as Jan 2024"
    beside = read(tmp_path, table("d;v", lambda i: f"{DAYS[i]:%Y-%m-%d};1 {100 + i * i}", 20))
    assert beside.series[0].values[:3, 0].tolist() == [1100, 1101, 1104]
    named = read(tmp_path, table("Heart rate", lambda i: str(value(i)), 20))
    assert named.targets == ("Heart rate",) and len(named.series[0]) == 20
    tabs = read(tmp_path, table("d\tv", lambda i: f"{DAYS[i]:%Y-%m-%d}\t{value(i)}", 20))
    assert "separated by tabs" in said(tabs, "table")
    grouped = read(tmp_path, "".join(f"1 {100 + i * i}\n" for i in range(20)))
    assert grouped.series[0].values[:3, 0].tolist() == [1100, 1101, 1104]


def test_gaps_are_told(tmp_path: Path) -> None:
    rare = table(
        "d,v", lambda i: f"{START + datetime.timedelta(days=i * i):%Y-%m-%d},{value(i)}", 60
    )
    assert said(read(tmp_path, rare), "gaps") == (
        "3,422 of 3,482 steps have no row, the first 2021-01-03 in a.csv: missing values"
    )


def test_files_with_conventions_of_their_own(tmp_path: Path) -> None:
    german = table("d;v", lambda i: f"{DAYS[i]:%d.%m.%Y};{comma(i)}", 40)
    english = table("d,v", lambda i: f"{DAYS[i]:%m/%d/%Y},{value(i)}", 40)
    for name, text in (("a.csv", german), ("b.csv", english), ("c.csv", english)):
        (tmp_path / name).write_text(text)
    source = Source.of(tmp_path)
    data = forecasting.load(source, Config(data=source, horizon=3))
    for series in data.series.series:
        np.testing.assert_allclose(series.values[:, 0], [*map(value, range(40))])
    assert Fact("numbers", "decimal comma (a.csv)") in data.understood
    first = "as 01/31/2024, month first ('01/13/2021' allows nothing else)"
    assert said(data, "time") == f"d: as 31.01.2024, day first (a.csv); d: {first} (b.csv, c.csv)"
    (tmp_path / "c.csv").write_text(english.replace("d,v", "d,w"))
    with pytest.raises(DataError, match="c.csv:1: expected a column 'v', found 'd', 'w'"):
        forecasting.load(source, Config(data=source, horizon=3))


def parts(folder: Path, **spans: range) -> Source:
    for part, span in spans.items():
        text = table(
            "d,v", lambda i, span=span: f"{DAYS[span[i]]:%Y-%m-%d},{value(span[i])}", len(span)
        )
        (folder / f"{part}.csv").write_text(text)
    return Source.of_parts({part: [folder / f"{part}.csv"] for part in spans})


def test_files_are_the_parts(tmp_path: Path) -> None:
    source = parts(tmp_path, train=range(20), valid=range(20, 26), test=range(28, 40))
    data = forecasting.load(source, Config(data=source, horizon=2, window=4))
    (series,) = data.series.series
    assert data.borders == ((20, 26),) and len(series) == 40
    assert "2 of 40 steps have no row, the first 2021-01-27" in said(data, "gaps")
    np.testing.assert_allclose(series.values[28:, 0], [*map(value, range(28, 40))])
    source = parts(tmp_path, train=range(30), test=range(30, 40))
    data = forecasting.load(source, Config(data=source, horizon=2, window=4))
    assert data.borders == ((27, 30),)  # A tenth of the file for training.
    source = parts(tmp_path, train=range(30), test=range(29, 40))
    with pytest.raises(DataError, match=r"test.csv:2: .*'2021-01-30' is not after the last one of"):
        forecasting.load(source, Config(data=source, horizon=2))
    source = parts(tmp_path, train=range(30), valid=range(30, 40))
    with pytest.raises(UserError, match="--valid needs --test FILE"):
        forecasting.load(source, Config(data=source, horizon=2))


def test_parts_in_zones_and_fractions_of_their_own(tmp_path: Path) -> None:
    def row(i: int, hours: int) -> str:
        stamp = HOURS[i] + datetime.timedelta(hours=hours)
        return f"{stamp.isoformat()}{'.000' if i < 1 else ''}+{hours:02}:00,{value(i)}"

    (tmp_path / "a.csv").write_text(table("t,v", lambda i: row(i, 1), 40))
    (tmp_path / "b.csv").write_text(table("t,v", lambda i: row(i + 40, 2), 20))
    source = Source.of_parts({"train": [tmp_path / "a.csv"], "test": [tmp_path / "b.csv"]})
    data = forecasting.load(source, Config(data=source, horizon=2, window=4))
    (series,) = data.series.series
    assert len(series) == 60 and series.clock is not None and series.clock.zone == 0
    assert series.clock.text(series.clock.first) == "2021-01-01 00:00:00+00:00"
    (tmp_path / "b.csv").write_text(table("t,v", lambda i: f"{HOURS[i + 40]},{value(i)}", 20))
    with pytest.raises(DataError, match=r"b.csv: expected offsets of UTC as in .*a.csv"):
        forecasting.load(source, Config(data=source, horizon=2))
    (tmp_path / "b.csv").write_text(table("t,v", lambda i: f"{i},{value(i)}", 20))
    with pytest.raises(DataError, match=r"b.csv: expected time stamps like those of .*a.csv"):
        forecasting.load(source, Config(data=source, horizon=2))


def test_a_folder_of_parts_is_refused(tmp_path: Path) -> None:
    parts(tmp_path, train=range(30), test=range(30, 40))
    source = Source.of(tmp_path)
    with pytest.raises(UserError, match="train.csv, test.csv seem to be parts of the same series"):
        forecasting.load(source, Config(data=source, horizon=2))


def test_parts_of_several_series_join_by_name(tmp_path: Path) -> None:
    for part, days in (("train", range(30)), ("test", range(30, 40))):
        rows = [f"{DAYS[i]:%Y-%m-%d},{s},{value(i + len(s))}\n" for s in ("x", "yy") for i in days]
        (tmp_path / f"{part}.csv").write_text("d,shop,v\n" + "".join(rows))
    source = Source.of_parts({p: [tmp_path / f"{p}.csv"] for p in ("train", "test")})
    config = Config(data=source, series_column=("shop",), horizon=2, window=4)
    data = forecasting.load(source, config)
    assert [s.name for s in data.series.series] == ["x", "yy"]
    assert data.borders == ((27, 30), (27, 30))
    np.testing.assert_allclose(
        data.series.series[1].values[:, 0], [value(i + 2) for i in range(40)]
    )
