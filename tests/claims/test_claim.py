"""What a printed figure can stand for."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecgrepro.claims.claim import printed_interval


@given(st.floats(0.0, 1.0), st.integers(1, 6))
def test_rounded_figure_stands_for_an_interval_that_holds_the_true_value(true, digits):
    low, high = printed_interval(round(true, digits), {"digits": digits})
    assert low - 1e-12 <= true <= high + 1e-12
    assert high - low == pytest.approx(10.0**-digits)


@given(st.integers(0, 999_999))
def test_truncated_figure_is_never_above_the_true_value(millionths):
    low, high = printed_interval(millionths // 1000 / 1000, {"digits": 3, "rounding": "truncated"})
    assert low - 1e-12 <= millionths / 1e6 < high + 1e-12


@given(st.floats(0, 1), st.floats(0, 1))
def test_difference_of_two_rounded_figures_is_known_to_one_unit_either_way(first, second):
    low, high = printed_interval(round(first, 3) - round(second, 3), {"digits": 3, "rounding": "difference"})
    assert low - 1e-12 <= first - second <= high + 1e-12


@given(st.floats(0, 1), st.floats(-0.003, 0.003))
def test_figure_that_was_read_off_is_known_to_its_reading_error(true, error):
    low, high = printed_interval(true + error, {"digits": 3, "rounding": "within_3"})
    assert low - 1e-12 <= true <= high + 1e-12
    assert high - low == pytest.approx(0.006)


def test_tens_lower_bounds_and_exact_figures():
    assert printed_interval(20, {"digits": -1}) == (15.0, 25.0)
    assert printed_interval(1, {"digits": 0, "rounding": "lower_bound"}) == (1.0, math.inf)
    assert printed_interval(8528) == (8528.0, 8528.0)


def test_claim_gives_the_interval_of_one_part(make_claim):
    claim = make_claim("count", published={"N": 5, "A": 3}, printed={"digits": 0})
    assert claim.published_interval("A") == (2.5, 3.5)
