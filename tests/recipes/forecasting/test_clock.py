"""The steps between time stamps."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from recipes.forecasting.clock import DAY, WEEK, YEAR, Clock, find_clock


def seconds(*stamps: str) -> list[int]:
    return [int(pd.Timestamp(stamp).value // 10**9) for stamp in stamps]


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


def test_parts_of_seconds() -> None:
    times = np.array([1_600_000_000_000 + 100 * i for i in (0, 1, 2, 5)]) * 10**6
    clock = find_clock(times, "nanosecond")
    assert (clock.name, clock.each, clock.seasons, clock.periods(10**7)) == (
        *("100 milliseconds", "100 milliseconds", []),
        [DAY],
    )
    np.testing.assert_array_equal(clock.positions(times), [0, 1, 2, 5])
    np.testing.assert_array_equal(clock.at(np.array([0, 1, 2, 5])), times)
    assert clock.text(int(times[3])) == "2020-09-13 12:26:40.500"
    # The calendar counts whole seconds.
    np.testing.assert_array_equal(clock.seconds(np.array([9, 10])), [1_600_000_000, 1_600_000_001])
    assert clock.stamps(np.array([5]))[0] == np.datetime64("2020-09-13T12:26:40.5", "ns")


def test_times_are_written_in_their_zone() -> None:
    hourly = Clock("second", 3600, 0, zone=-12_600)
    assert hourly.text(3600) == "1970-01-01 01:00:00-03:30"
    assert Clock("second", DAY, 0, zone=0).text(DAY) == "1970-01-02 00:00:00+00:00"
    assert Clock("second", 1800, 0, dated=False).text(DAY + 1800) == "00:30:00"
