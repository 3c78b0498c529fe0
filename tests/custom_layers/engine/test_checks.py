"""What the checks of arguments accept, and what they say of the rest."""

from __future__ import annotations

import math

import numpy as np
import pytest

from custom_layers.engine.checks import is_integer, require_integer, require_number


@pytest.mark.parametrize("value", [3, np.int64(3)])
def test_integers_become_python_integers(value):
    assert type(require_integer("units", value)) is int


@pytest.mark.parametrize(
    ("value", "least", "message"),
    [
        (0, 1, "`n` must be a positive integer, found 0"),
        (-1, 0, "`n` must be a non-negative integer, found -1"),
        (1, 2, "`n` must be an integer of at least 2, found 1"),
        (2.0, 1, "found 2.0"),
        (True, 1, "found True"),
        ("3", 1, "found '3'"),
        (None, 0, "found None"),
    ],
)
def test_what_is_not_an_integer_in_range(value, least, message):
    with pytest.raises(ValueError, match=message):
        require_integer("n", value, least)


def test_is_integer_without_a_bound():
    assert is_integer(-5) and is_integer(np.int32(-5))
    assert not is_integer(True) and not is_integer(1.0)


@pytest.mark.parametrize(("value", "kind"), [(1, int), (0.5, float), (np.float32(0.5), float)])
def test_numbers_become_python_numbers(value, kind):
    number = require_number("rate", value, above=0, most=1)
    assert type(number) is kind and number == value


@pytest.mark.parametrize(
    ("value", "bounds", "message"),
    [
        (-1, {"least": 0}, "`x` must be at least 0, found -1"),
        (math.nan, {"least": 0}, "`x` must be at least 0, found nan"),
        (math.inf, {"least": 0}, "`x` must be at least 0 and finite, found inf"),
        (0.0, {"above": 0, "most": 1}, "`x` must be above 0 and at most 1, found 0.0"),
        (1.0, {"least": 0, "below": 1}, "`x` must be at least 0 and below 1, found 1.0"),
        (True, {"least": 0}, "`x` must be a number, found True"),
        ("1", {"least": 0}, "`x` must be a number, found '1'"),
    ],
)
def test_what_is_not_a_number_in_range(value, bounds, message):
    with pytest.raises(ValueError, match=message):
        require_number("x", value, **bounds)


def test_infinity_where_there_is_no_upper_bound():
    assert require_number("temperature", math.inf, least=0, below=None) == math.inf
