"""Time stamps of whole columns: how they are written, and what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from recipes.kit.data.reading import TableFiles
from recipes.kit.data.tables import read_table
from recipes.kit.data.time_orders import UnreadableTime
from recipes.kit.data.times import looks_like_times, offset_text, read_times, time_column
from recipes.kit.errors import DataError, UserError

WEEKS = ["2020-02-24", "2020-03-23", "2020-12-21", "2020-12-28", "2021-01-04"]
QUARTERS = ["2020-07-01", "2020-10-01", "2021-01-01", "2021-04-01", "2021-07-01"]
MONTHS = ["2020-01-01", "2020-10-01", "2020-11-01", "2020-12-01", "2021-01-01"]


def seconds(*stamps: str) -> list[int]:
    return [int(pd.Timestamp(stamp).timestamp()) for stamp in stamps]


@pytest.mark.parametrize(
    ("cells", "stamps"),
    [
        (["1949-01", "1949-02"], ["1949-01-01", "1949-02-01"]),
        (["1997-10-12"], ["1997-10-12"]),
        (["2014-07-01 00:30:00", "2014-07-01T01:00"], ["2014-07-01 00:30", "2014-07-01 01:00"]),
        (["1/2/1981", "12/31/1990"], ["1981-01-02", "1990-12-31"]),
        (["1/2/1981", "31/12/1990"], ["1981-02-01", "1990-12-31"]),
        (["31.12.1990 9:05", "01.02.1991 10:00"], ["1990-12-31 09:05", "1991-02-01 10:00"]),
        (["01.02.2021"], ["2021-02-01"]),
        (["12.31.2020"], ["2020-12-31"]),
        (["1. 2. 21"], ["2021-02-01"]),
        (["2020/3/1"], ["2020-03-01"]),
        (["1990Q4", "1991-q1"], ["1990-10-01", "1991-01-01"]),
        (["Q4 1990", "Q1'91"], ["1990-10-01", "1991-01-01"]),
        (["4Q1990"], ["1990-10-01"]),
        (["20200131T120000Z", "20200131T1300Z"], ["2020-01-31 12:00", "2020-01-31 13:00"]),
        (["2021-03-01 12:00 AM", "2021-03-01 1:05 p.m."], ["2021-03-01", "2021-03-01 13:05"]),
        (["01.01.2021 23:00", "01.01.2021 24:00"], ["2021-01-01 23:00", "2021-01-02"]),
        (["Jan 2010", "February 2010", "Sept. 2010"], ["2010-01-01", "2010-02-01", "2010-09-01"]),
        (["Jan-60", "Dec-62"], ["1960-01-01", "1962-12-01"]),
        (["Dec-99", "Jan-00"], ["1999-12-01", "2000-01-01"]),
        (["01-Jan-21", "5 January 2021"], ["2021-01-01", "2021-01-05"]),
        (["January 5, 2020", "Feb 1st, 2020"], ["2020-01-05", "2020-02-01"]),
        (["Mon, 06 Jan 2020 10:00:00 GMT"], ["2020-01-06 10:00"]),
        (["01/Jan/2020:10:00:05"], ["2020-01-01 10:00:05"]),
        (["2020 Jan 5", "2020-Feb-1"], ["2020-01-05", "2020-02-01"]),
        (["2020 Jan"], ["2020-01-01"]),
        (["1960M01", "1960M12"], ["1960-01-01", "1960-12-01"]),
        (["01/1960", "12/1960"], ["1960-01-01", "1960-12-01"]),
        (["2020-W05", "2020-W53-7"], ["2020-01-27", "2021-01-03"]),
        (["20200131", "20200229"], ["2020-01-31", "2020-02-29"]),
        (["202001", "202012"], ["2020-01-01", "2020-12-01"]),
        (["202009", "202013", "202052", "202053", "202101"], WEEKS),
        (["20203", "20204", "20211", "20212", "20213"], QUARTERS),
        (["2020-3", "2020-4", "2021-1", "2021-2", "2021-3"], QUARTERS),
        (["2020:Q3", "2020:Q4", "2021:Q1", "2021:Q2", "2021:Q3"], QUARTERS),
        (["2020-3", "2020-4", "2021-5"], ["2020-03-01", "2020-04-01", "2021-05-01"]),
        (["2020.01", "2020.10", "2020.11", "2020.12", "2021.01"], MONTHS),
        (["01.2020", "10.2020", "11.2020", "12.2020", "01.2021"], MONTHS),
        (["FY2019", "FY 2020"], ["2019-01-01", "2020-01-01"]),
        (["2020010123", "2020010200"], ["2020-01-01 23:00", "2020-01-02"]),
        (["202001012330", "202001020000"], ["2020-01-01 23:30", "2020-01-02"]),
        (["1600000000", "1600003600"], ["2020-09-13 12:26:40", "2020-09-13 13:26:40"]),
        (["1600000000000", "1600000001000"], ["2020-09-13 12:26:40", "2020-09-13 12:26:41"]),
        (["13:30", "14:00:05"], ["1970-01-01 13:30", "1970-01-01 14:00:05"]),
    ],
)
def test_how_times_are_written(cells: list[str], stamps: list[str]) -> None:
    times = read_times(cells)
    assert times.unit == "second" and times.values.tolist() == seconds(*stamps)
    assert times.how and looks_like_times(cells) != cells[0].replace(".", "", 1).isdigit()


@pytest.mark.parametrize(
    ("cells", "nanoseconds"),
    [
        (
            ["1600000000000", "1600000000100"],
            [1_600_000_000_000_000_000, 1_600_000_000_100_000_000],
        ),
        (["1600000000000001"], [1_600_000_000_000_001_000]),
        (["1600000000000000001"], [1_600_000_000_000_000_001]),
        (["1600000000.25"], [1_600_000_000_250_000_000]),
        (["2020-09-13T12:26:40.000000001"], [1_600_000_000_000_000_001]),
        (["2020-09-13 12:26:40,5"], [1_600_000_000_500_000_000]),
    ],
)
def test_parts_of_seconds_are_kept(cells: list[str], nanoseconds: list[int]) -> None:
    times = read_times(cells)
    assert times.unit == "nanosecond" and times.values.tolist() == nanoseconds


def test_plain_numbers_and_days_of_spreadsheets() -> None:
    assert read_times(["1700", "1701.0"]).values.tolist() == [1700, 1701]
    assert read_times(["1700", "1701"]).unit == read_times(["44197"]).unit == "number"
    days = read_times(["44197", "44197.5"], days=True)
    assert days.values.tolist() == seconds("2021-01-01", "2021-01-01 12:00")
    assert "days since 1899-12-30" in days.how
    with pytest.raises(UnreadableTime, match="a whole number"):
        read_times(["0.1", "0.2"])


@pytest.mark.parametrize(
    ("cells", "first", "how"),
    [
        # Months one after the other, not the first days of January.
        (
            [f"01/{month:02}/{year}" for year in (2010, 2011) for month in range(1, 13)],
            "2010-02-01",
            "as 31/01/2024, day first: all steps are alike (month first, they have 2 lengths)",
        ),
        (
            [f"{month:02}/01/{year}" for year in (2010, 2011) for month in range(1, 13)],
            "2010-02-01",
            "as 01/31/2024, month first: all steps are alike (day first, they have 2 lengths)",
        ),
        (
            [f"{day:02}/{month:02}/21" for month in range(1, 3) for day in range(1, 29)],
            "2021-01-02",
            "as 31/01/24, day first, which keeps the rows in the order of time",
        ),
        # Three days of each month: uneven either way, but in order one way only.
        (
            [f"{day:02}/{month:02}/2021" for month in range(1, 13) for day in (1, 2, 3)],
            "2021-01-02",
            "as 31/01/2024, day first, which keeps the rows in the order of time",
        ),
        (
            [f"{year:02}-{month:02}-01" for year in range(19, 23) for month in range(1, 13)],
            "2019-02-01",
            "as 24-01-31, year first",
        ),
    ],
)
def test_what_comes_first_is_decided_on_the_whole_column(
    cells: list[str], first: str, how: str
) -> None:
    times = read_times(cells)
    assert times.values[1] == seconds(first)[0] and times.how.startswith(how)


def test_a_tie_is_refused_and_a_format_decides() -> None:
    cells = [f"{day:02}/01/2020" for day in range(1, 10)]
    with pytest.raises(UnreadableTime, match=r"day first or with the month first.*--date-format"):
        read_times(cells)
    assert read_times(cells, "%m/%d/%Y").values[1] == seconds("2020-02-01")[0]
    assert read_times(cells, "%d/%m/%Y").values[1] == seconds("2020-01-02")[0]
    with pytest.raises(UnreadableTime) as error:
        read_times([*cells, "10.01.2020"], "%d/%m/%Y")
    assert error.value.index == 9
    with pytest.raises(UserError, match="--date-format '%d/%Q'"):
        read_times(cells, "%d/%Q")
    zoned = read_times(["1.2.2020 10:00 +0200"], "%d.%m.%Y %H:%M %z")
    assert (zoned.zone, zoned.values[0]) == (7200, seconds("2020-02-01 10:00")[0])
    assert not read_times(["10:00"], "%H:%M").dated


@pytest.mark.parametrize(
    "cell",
    ["soon", "2020-13-01", "2020-02-30", "2020-01-01 25:00", "2020-01-01 10:61", "", "1.1.2020"],
)
def test_what_is_not_a_time_like_the_others(cell: str) -> None:
    with pytest.raises(UnreadableTime) as error:
        read_times(["2020-01-01", "2020-01-02", cell])
    assert error.value.index == 2


@pytest.mark.parametrize("cells", [["19.5", "20"], ["1990", "1991"], ["x", "y"], [""], []])
def test_what_does_not_look_like_times(cells: list[str]) -> None:
    assert not looks_like_times(cells)


def test_most_cells_decide_whether_it_is_a_column_of_times() -> None:
    assert looks_like_times(["2020-01-32", "2020-01-02", "x", "", "NA"])
    assert not looks_like_times(["2020-01-01", "x", "y"])


def test_offsets() -> None:
    one = read_times(["2021-01-01T00:00:00+02:00", "2021-01-01 01:00+0200"])
    assert (one.zone, one.values.tolist()) == (7200, seconds("2021-01-01", "2021-01-01 01:00"))
    assert read_times(["2021-01-01 00:00 UTC", "2021-01-01T01:00Z"]).zone == 0
    # Hours over the end of daylight saving time are even in UTC, ...
    hours = read_times(["2021-10-31T02:00+02:00", "2021-10-31T02:00+01:00"])
    assert (hours.zone, np.diff(hours.values)) == (0, 3600) and "converted to UTC" in hours.how
    # ... and midnights as the clocks show them.
    days = [f"2021-10-{day}T00:00+02:00" for day in (29, 30, 31)]
    local = read_times([*days, "2021-11-01T00:00+01:00"])
    assert local.zone is None and {*np.diff(local.values)} == {86_400}
    with pytest.raises(UnreadableTime, match="an offset, as others have one"):
        read_times(["2021-01-01T00:00Z", "2021-01-01T01:00"])
    assert [offset_text(zone) for zone in (0, 19_800, -12_600)] == ["+00:00", "+05:30", "-03:30"]


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (["1", "99999999999999999999"], "a smaller number"),
        (["2020-01-01 00:00:00.5", "9020-01-01 00:00:00"], "a time from 1678 to 2262"),
    ],
)
def test_times_that_cannot_be_counted(cells: list[str], expected: str) -> None:
    with pytest.raises(UnreadableTime, match=expected) as error:
        read_times(cells)
    assert error.value.index == 1


def test_days_without_years() -> None:
    with pytest.raises(UnreadableTime, match="a year in each"):
        read_times([f"{month}-{day:02}" for month in ("Jan", "Feb") for day in range(1, 29)])


def test_the_line_of_a_table_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("d;y\n01.01.2020;1\n32.01.2020;2\n03.01.2020;3\nSumme;6\n")
    with pytest.raises(DataError, match=r"a.csv:3: expected a date that exists, such as 31.01.20"):
        time_column(read_table(path), 0)
    path.write_text("d;y\n01.01.2020;1\n02.01.2020;2\n03.01.2020;3\nSumme;6\n")
    with pytest.raises(DataError, match=r"a.csv:5: .* found 'Summe' .*the last row, which begins"):
        time_column(read_table(path), 0)
    reading = TableFiles(date_format="%m.%d.%Y")
    with pytest.raises(DataError, match="a.csv:5: expected a time stamp as '%m.%d.%Y' has it"):
        time_column(read_table(path, reading), 0)
