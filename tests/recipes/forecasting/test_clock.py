"""Time stamps and the steps between them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from recipes.forecasting.clock import (
    DAY,
    WEEK,
    YEAR,
    Clock,
    UnreadableTime,
    find_clock,
    looks_like_time,
    parse_times,
)


def seconds(*stamps: str) -> list[int]:
    return [int(pd.Timestamp(stamp).value // 10**9) for stamp in stamps]


@pytest.mark.parametrize(
    ("cells", "stamps"),
    [
        (["1949-01", "1949-02"], ["1949-01-01", "1949-02-01"]),
        (["1997-10-12"], ["1997-10-12"]),
        (["2014-07-01 00:30:00", "2014-07-01T01:00"], ["2014-07-01 00:30", "2014-07-01 01:00"]),
        (["1/2/1981", "12/31/1990"], ["1981-01-02", "1990-12-31"]),  # the month first
        (["1/2/1981", "31/12/1990"], ["1981-02-01", "1990-12-31"]),  # 31 is not a month
        (["31.12.1990 9:05", "01.02.1991 10:00"], ["1990-12-31 09:05", "1991-02-01 10:00"]),
        (["02/8/1991"], ["1991-02-08"]),
        (["2020/3/1"], ["2020-03-01"]),
        (["1990Q4", "1991-q1"], ["1990-10-01", "1991-01-01"]),
        (
            ["2020-01-01T12:00:00+02:00", "2020-01-01T12:00:00Z"],
            ["2020-01-01 10:00", "2020-01-01 12:00"],
        ),
        (["20200131", "20200229"], ["2020-01-31", "2020-02-29"]),
    ],
)
def test_how_times_are_written(cells: list[str], stamps: list[str]) -> None:
    times, unit = parse_times(cells, numeric=False)
    assert unit == "second"
    assert times.tolist() == seconds(*stamps)
    assert all(map(looks_like_time, cells)) or cells == ["20200131", "20200229"]


@pytest.mark.parametrize("factor", [1, 1000])
def test_seconds_and_milliseconds_since_1970(factor: int) -> None:
    wanted = seconds("2023-01-01", "2023-01-01 01:00")
    times, unit = parse_times([str(factor * stamp) for stamp in wanted], numeric=True)
    assert unit == "second" and times.tolist() == wanted


@pytest.mark.parametrize("cell", ["soon", "2020-13-01", "30/30/2020", "2020-02-30", "1/2/81", ""])
def test_what_is_not_a_time(cell: str) -> None:
    with pytest.raises(UnreadableTime) as error:
        parse_times(["2020-01-01", cell], numeric=False)
    assert error.value.index == 1
    assert not looks_like_time(cell)


def test_numbers() -> None:
    times, unit = parse_times(["1700", "1701.0"], numeric=True)
    assert (times.tolist(), unit) == ([1700, 1701], "number")
    assert parse_times(["1577836800", "1577840400"], numeric=True)[1] == "second"
    assert not looks_like_time("1990") and not looks_like_time("19.5")


@pytest.mark.parametrize(
    ("frequency", "name", "seasons"),
    [
        ("30min", "30 minutes", [48, 336]),
        ("h", "hour", [24, 168]),
        ("D", "day", [7, 365]),
        ("B", "business day", [5]),
        ("W-SUN", "week", [52]),
        ("2W-MON", "2 weeks", [26]),
        ("MS", "month", [12]),
        ("ME", "month", [12]),
        ("QS", "3 months", [4]),
        ("QE-DEC", "3 months", [4]),
        ("YS", "12 months", []),
        ("15s", "15 seconds", [5760, 40320]),
    ],
)
@pytest.mark.parametrize("gap", [False, True])
def test_steps_are_found_and_go_on(
    frequency: str, name: str, seasons: list[int], gap: bool
) -> None:
    """Against the calendar of pandas, with steps missing or not."""
    stamps = pd.date_range("1993-11-30", periods=40, freq=frequency)
    times = np.array(seconds(*stamps.astype(str)))
    steps = np.delete(np.arange(30), [3, 4, 17]) if gap else np.arange(30)
    clock = find_clock(times[steps], "second")
    assert clock.name == name and clock.seasons == seasons
    np.testing.assert_array_equal(clock.positions(times[steps]), steps)
    np.testing.assert_array_equal(clock.at(np.arange(40)), times)
    assert clock.text(int(times[35])) == str(stamps[35]).removesuffix(" 00:00:00")[:19]


def test_what_lies_between_steps() -> None:
    daily = find_clock(np.array(seconds("2020-01-01", "2020-01-02", "2020-01-03")), "second")
    (place,) = daily.positions(np.array(seconds("2020-01-04 12:00")))
    assert place == 3.5
    months = find_clock(np.array(seconds("2020-01-01", "2020-02-01", "2020-03-01")), "second")
    assert np.isnan(months.positions(np.array(seconds("2020-04-02")))).all()
    business = Clock("business day", 1, seconds("2020-01-03")[0])
    assert np.isnan(business.positions(np.array(seconds("2020-01-04")))).all()


def test_periods_need_two_of_them() -> None:
    hourly = Clock("second", 3600, 0)
    assert hourly.periods(47) == []
    assert hourly.periods(48) == [DAY]
    assert hourly.periods(24 * 14) == [DAY, WEEK]
    assert hourly.periods(24 * 731) == [DAY, WEEK, YEAR]
    assert Clock("month", 1, 0).periods(30) == [YEAR]
    assert Clock("second", DAY, 0).periods(800) == [WEEK, YEAR]
    assert Clock("number", 1, 1700).periods(300) == []
