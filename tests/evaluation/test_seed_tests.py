import math
from itertools import pairwise

import numpy as np
import pytest
from scipy import integrate, stats

from ecgrepro.errors import InputError, SettingsError
from ecgrepro.evaluation import seed_tests
from ecgrepro.evaluation.seed_tests import (
    equivalence_test,
    paired_t_test,
    seeds_needed,
    smallest_number,
    t_test_power,
    welch_t_test,
)

FIRST, SECOND = np.array([0.71, 0.75, 0.73, 0.78]), np.array([0.70, 0.71, 0.70, 0.74])


def test_paired_t_by_hand():
    # Differences .01 .04 .03 .04: mean .03, sd sqrt(.0002) = .014142, standard error .0070711.
    result = paired_t_test(FIRST, SECOND)
    assert result.t == pytest.approx(0.03 / 0.0070711, rel=1e-4)
    assert result.df == 3
    assert result.p == pytest.approx(2 * stats.t.sf(result.t, 3))
    half = stats.t.ppf(0.975, 3) * 0.0070711
    assert (result.low, result.high) == pytest.approx((0.03 - half, 0.03 + half), rel=1e-4)


def test_welch_by_the_printed_summary_equals_welch_by_seed():
    result = welch_t_test(FIRST, SECOND)
    summary = [value for arm in (FIRST, SECOND) for value in (arm.mean(), arm.std(ddof=1), 4)]
    expected = stats.ttest_ind_from_stats(*summary, equal_var=False)
    assert (result.t, result.p) == pytest.approx((expected.statistic, expected.pvalue))
    assert result.df < 6


def test_welch_takes_arms_of_different_length_and_a_constant_arm():
    assert math.isfinite(welch_t_test(FIRST, SECOND[:3]).p)
    assert math.isfinite(welch_t_test(FIRST, [0.7, 0.7, 0.7, 0.7]).p)


@pytest.mark.parametrize("test", [paired_t_test, welch_t_test])
@pytest.mark.parametrize("arms", [([0.7], [0.6]), ([0.7, 0.7, 0.7], [0.6, 0.6, 0.6])])
def test_t_is_undefined_without_spread(test, arms):
    result = test(*arms)
    assert math.isnan(result.t)
    assert math.isnan(result.low)
    assert math.isnan(result.p)


def test_equal_differences_are_recognised_despite_rounding():
    assert math.isnan(paired_t_test([0.3, 0.2, 0.5], [0.2, 0.1, 0.4]).t)
    assert math.isnan(equivalence_test([0.3, 0.2, 0.5], [0.2, 0.1, 0.4], 0.2).p)


def test_paired_tests_refuse_unequal_lengths():
    with pytest.raises(InputError, match="seed order"):
        paired_t_test(FIRST, SECOND[:3])


def test_equivalence_agrees_with_the_90_percent_t_interval():
    interval = paired_t_test(FIRST, SECOND, level=0.9)
    edge = max(abs(interval.low), abs(interval.high))
    assert (
        equivalence_test(FIRST, SECOND, edge * 1.01).p < 0.05 < equivalence_test(FIRST, SECOND, edge * 0.99).p
    )


def test_equivalence_by_hand():
    result = equivalence_test(FIRST, SECOND, 0.05)
    assert result.p_upper == pytest.approx(stats.t.cdf((0.03 - 0.05) / 0.0070711, 3), rel=1e-4)
    assert result.p_lower == pytest.approx(stats.t.sf((0.03 + 0.05) / 0.0070711, 3), rel=1e-4)
    assert result.p == result.p_upper
    assert result.df == 3


@pytest.mark.parametrize("margin", [0, -0.02, math.nan, math.inf])
def test_a_margin_must_be_above_zero(margin):
    with pytest.raises(SettingsError, match="above 0"):
        equivalence_test(FIRST, SECOND, margin)


@pytest.mark.parametrize(("difference", "n"), [(0.5, 34), (-0.5, 34), (0.2, 199), (1, 10), (100, 2)])
def test_seeds_needed_equals_the_textbook(difference, n):
    assert seeds_needed(difference, 1) == n


def test_seeds_needed_is_the_smallest_number():
    n, effect = seeds_needed(0.02, 0.017), 0.02 / 0.017

    def power(n):
        critical = stats.t.ppf(0.975, n - 1)
        shifted = stats.nct(n - 1, effect * math.sqrt(n))
        return shifted.sf(critical) + shifted.cdf(-critical)

    assert power(n) >= 0.8 > power(n - 1)


def integrated_power(effect, n, alpha=0.05):
    """Power by adaptive integration over the standard deviation: no noncentral distribution takes part."""
    critical, centre = stats.t.isf(alpha / 2, n - 1), effect * math.sqrt(n)

    def density(sd):
        beyond = stats.norm.sf(critical * sd - centre) + stats.norm.cdf(-critical * sd - centre)
        return beyond * stats.chi.pdf(sd, n - 1, scale=1 / math.sqrt(n - 1))

    ends = stats.chi.ppf(
        [1e-12, 0.01, 0.2, 0.5, 0.8, 0.99, 0.9999, 1 - 1e-12], n - 1, scale=1 / math.sqrt(n - 1)
    )
    return sum(integrate.quad(density, *pair)[0] for pair in pairwise(ends))


@pytest.mark.parametrize(
    ("effect", "n"), [(0.2, 199), (1.0, 10), (3.0, 4), (5.5, 2), (6.0, 2), (20.0, 2), (60.0, 2), (20.0, 5)]
)
def test_power_is_that_of_an_integral_also_where_the_noncentral_t_fails(effect, n):
    expected = integrated_power(effect, n)
    assert t_test_power(effect, n) == pytest.approx(expected, abs=1e-9)
    assert t_test_power(-effect, n) == pytest.approx(expected, abs=1e-9)
    assert seed_tests._summed_power(effect, n, stats.t.isf(0.025, n - 1)) == pytest.approx(expected, abs=1e-4)


def test_power_that_the_noncentral_f_does_not_give_is_summed(monkeypatch):
    expected = t_test_power(1.0, 10)
    monkeypatch.setattr(seed_tests.stats.ncf, "sf", lambda *given: math.nan)
    assert t_test_power(1.0, 10) == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("effect", [4.0, 5.5, 6.3, 8.0, 10.0, 14.0, 20.0])
def test_seeds_needed_for_a_large_effect_have_the_power(effect):
    n = seeds_needed(effect, 1.0)
    assert integrated_power(effect, n) >= 0.8
    assert n == 2 or integrated_power(effect, n - 1) < 0.8


@pytest.mark.parametrize("wanted", [2, 3, 4, 5, 8, 9, 1000])
def test_the_smallest_number_is_found_by_halving(wanted):
    assert smallest_number(lambda n: n >= wanted) == wanted
    assert smallest_number(lambda n: False, most=wanted) is None


@pytest.mark.parametrize("sd", [0, 1e-300, 1e-18])
def test_seeds_needed_without_spread_is_two(sd):
    assert seeds_needed(0.02, sd) == 2


@pytest.mark.parametrize(
    "settings", [{"difference": 0}, {"sd": -1}, {"sd": math.nan}, {"power": 1}, {"alpha": 0.9}]
)
def test_seeds_needed_refuses_the_impossible(settings):
    with pytest.raises(SettingsError, match="seeds_needed"):
        seeds_needed(**({"difference": 0.02, "sd": 0.02} | settings))
