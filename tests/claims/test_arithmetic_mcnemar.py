"""McNemar's statistic of every table lies within the bounds of its accuracies, from which pairs are counted."""

import dataclasses
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm
from statsmodels.stats.contingency_tables import mcnemar

from ecgrepro.claims.arithmetic import run_check
from ecgrepro.claims.arithmetic_mcnemar import mcnemar_bounds
from ecgrepro.errors import InputError
from tests.claims.huerta_table import ACCURACY, CLAIMS, IMPLIED, N, alter, exactly, replaced

TABLES = st.tuples(*[st.integers(0, 400)] * 2, st.integers(0, 300), st.integers(900, 3000))


@given(TABLES, st.booleans())
def test_statistic_of_every_table_lies_within_the_bounds_of_its_accuracies(table, continuity):
    only_first, only_second, neither, both = table
    n = sum(table)
    first, second = (both + only_first) / n, (both + only_second) / n
    low, high = mcnemar_bounds((first, first), (second, second), n, continuity=continuity)
    if only_first == only_second:
        assert low == pytest.approx(0, abs=1e-6)
        return
    cells = [[both, only_first], [only_second, neither]]
    z = mcnemar(cells, exact=False, correction=continuity).statistic ** 0.5
    assert low - 1e-6 <= z <= high + 1e-6


@pytest.mark.parametrize("continuity", [False, True])
def test_bounds_are_reached_by_the_tables_without_a_common_error_and_with_one_sided_ones(continuity):
    n = 1000
    apart = mcnemar([[750, 150], [100, 0]], exact=False, correction=continuity).statistic ** 0.5
    within = mcnemar([[850, 50], [0, 100]], exact=False, correction=continuity).statistic ** 0.5
    low, high = mcnemar_bounds((0.9, 0.9), (0.85, 0.85), n, continuity=continuity)
    assert (low, high) == pytest.approx((apart, within))
    assert mcnemar_bounds((0.85, 0.85), (0.9, 0.9), n, continuity=continuity) == (low, high)


@given(st.tuples(*[st.floats(0.8, 0.9)] * 2), st.tuples(*[st.floats(0, 1)] * 2), st.booleans())
def test_bounds_of_rounded_accuracies_hold_those_of_every_accuracy_they_stand_for(
    figures, places, continuity
):
    rounded = [(figure - 0.0005, figure + 0.0005) for figure in figures]
    exact = [low + place * 0.001 for (low, _), place in zip(rounded, places, strict=True)]
    low, high = mcnemar_bounds(*rounded, N, continuity=continuity)
    inner = mcnemar_bounds(*[(value, value) for value in exact], N, continuity=continuity)
    assert low - 1e-6 <= inner[0] <= inner[1] <= high + 1e-6


def must_differ(column, critical, room):
    """Pairs whose smallest statistic exceeds the critical value, every difference taken smaller by `room`."""
    pairs = combinations(range(8), 2)
    smallest = {
        (i, j): max(abs(column[i] - column[j]) - room, 0) * (N / (2 - column[i] - column[j])) ** 0.5
        for i, j in pairs
    }
    return {pair for pair, z in smallest.items() if z > critical}


SINGLE, OF_28 = norm.isf(0.025), norm.isf(0.025 / 28)


def test_pairs_that_must_differ_are_those_of_the_formula():
    both = must_differ(ACCURACY, SINGLE, 0.001) & must_differ(IMPLIED, SINGLE, 0.001)
    expected = {
        "HU-mcnemar": (must_differ(ACCURACY, SINGLE, 0.001), must_differ(ACCURACY, OF_28, 0.001)),
        "HU-mcnemar-Se-Sp": (must_differ(IMPLIED, SINGLE, 0.001), must_differ(IMPLIED, OF_28, 0.001)),
        "HU-mcnemar-either": (both,),
    }
    for name, pairs in expected.items():
        computed = run_check(CLAIMS[name]).computed
        found = [computed[part][0] for part in ("plain", "bonferroni") if part in computed]
        assert found == [len(each) for each in pairs]
    assert [len(pairs) for pairs in expected["HU-mcnemar"]] == [10, 5]
    assert len(expected["HU-mcnemar-Se-Sp"][0]) == 8
    assert both == {(0, 7), (3, 7), (4, 7), (4, 5)}


def test_more_pairs_must_differ_at_exactly_the_printed_figures_as_the_note_says():
    computed = run_check(exactly(CLAIMS["HU-mcnemar"])).computed
    assert computed["plain"][0] == len(must_differ(ACCURACY, SINGLE, 0)) == 15
    assert computed["bonferroni"][0] == len(must_differ(ACCURACY, OF_28, 0)) == 9
    assert "15 of 28, and 9 after Bonferroni" in CLAIMS["HU-mcnemar"].note
    implied = run_check(exactly(CLAIMS["HU-mcnemar-Se-Sp"])).computed
    assert implied["plain"][0] == len(must_differ(IMPLIED, SINGLE, 0)) == 11


def test_continuity_correction_takes_one_segment_from_the_difference():
    # apart / sqrt(.2 N + apart) is the critical value where apart solves a quadratic equation; half a segment more
    # is significant, half a segment less is not
    apart = (SINGLE**2 + (SINGLE**4 + 4 * SINGLE**2 * 0.2 * N) ** 0.5) / 2 + 0.5
    accuracies = np.full(8, 0.9)
    accuracies[7] -= apart / N
    computed = run_check(replaced(CLAIMS["HU-mcnemar"], "Acc", accuracies)).computed
    assert (computed["plain"][0], computed["continuity"][0]) == (7, 0)


def test_no_difference_is_possible_between_accuracies_that_are_close_and_sure_between_equal_ones():
    close = replaced(CLAIMS["HU-mcnemar"], "Acc", ACCURACY.mean() + (ACCURACY - ACCURACY.mean()) / 6)
    assert run_check(close).word == "inconclusive"
    same = replaced(CLAIMS["HU-mcnemar"], "Acc", np.full(8, 0.88))
    assert run_check(same).word == "supported"


def test_notes_call_it_hard_to_reconcile_and_name_what_would_escape():
    for name in ("HU-mcnemar", "HU-mcnemar-Se-Sp", "HU-mcnemar-either"):
        note = CLAIMS[name].note
        assert "ard to reconcile" in note
        assert "not impossible" in note
        for escape in ("picked by hand", "vote over the repeats", "by recording"):
            assert escape in note


def test_unknown_test_among_the_published_parts_is_refused():
    with pytest.raises(InputError, match="inputs that the check can use"):
        run_check(alter("HU-mcnemar", {"fisher": 0}))


def test_rows_without_any_accuracy_are_refused():
    claim = CLAIMS["HU-mcnemar-Se-Sp"]
    inputs = {name: given for name, given in claim.inputs.items() if not name.endswith("Sp")}
    with pytest.raises(InputError, match="Acc, or Se and Sp"):
        run_check(dataclasses.replace(claim, inputs=inputs))
