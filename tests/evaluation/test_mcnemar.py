import math

import numpy as np
import pytest
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.multitest import multipletests

from ecgrepro.errors import InputError, SettingsError
from ecgrepro.evaluation.mcnemar import adjusted_p, clustered_mcnemar_test, mcnemar_test


@pytest.mark.parametrize(("first", "second"), [(1, 7), (7, 1), (0, 5), (150, 86), (3000, 3100), (1, 0)])
def test_the_plain_tests_equal_statsmodels(first, second):
    found = mcnemar_test(first, second)
    table = [[10, first], [second, 20]]
    for exact, correction, expected in (
        (True, False, (min(first, second), found.p_exact)),
        (False, False, (found.chi2, found.p)),
        (False, True, (found.chi2_continuity, found.p_continuity)),
    ):
        result = mcnemar(table, exact=exact, correction=correction)
        assert (result.statistic, result.pvalue) == pytest.approx(expected)


def test_published_examples():
    # approval ratings of a prime minister: Agresti, Categorical Data Analysis, models for matched pairs
    assert mcnemar_test(150, 86).chi2 == pytest.approx(17.36, abs=0.005)
    # airway hyper-responsiveness: Fagerland et al. (2013), doi:10.1186/1471-2288-13-91
    found = mcnemar_test(1, 7)
    assert (found.p, found.p_exact, found.p_mid) == pytest.approx((0.034, 0.070, 0.039), abs=0.0005)


def test_the_mid_p_is_the_exact_p_less_the_probability_of_what_was_seen():
    for first in range(10):
        found = mcnemar_test(first, 20 - first)
        assert found.p_mid == pytest.approx(found.p_exact - math.comb(20, first) / 2**20)


def test_the_mid_p_comes_nearer_the_level_than_the_exact_test():
    chance = np.array([math.comb(20, first) / 2**20 for first in range(21)])
    tests = [mcnemar_test(first, 20 - first) for first in range(21)]
    exact, mid = (chance[[getattr(t, p) <= 0.1 for t in tests]].sum() for p in ("p_exact", "p_mid"))
    assert exact < 0.05 < mid < 0.12


def test_equal_counts_and_no_count_at_all_are_no_evidence():
    for count in (0, 1, 30):
        found = mcnemar_test(count, count)
        assert (found.chi2, found.chi2_continuity) == (0, 0)
        p_values = [found.p, found.p_continuity, found.p_exact, found.p_mid]
        assert p_values == pytest.approx([1] * 4)
    found = clustered_mcnemar_test([2, 0, 1], [2, 0, 1])
    assert (found.chi2, found.p, found.n_unequal, found.n_clusters) == (0, 1, 0, 3)


def test_clusters_of_one_record_give_the_plain_test_but_for_the_degree_of_freedom():
    first, second = np.repeat([1, 0, 0], [30, 15, 200]), np.repeat([0, 1, 0], [30, 15, 200])
    found = clustered_mcnemar_test(first, second)
    assert found.chi2 == pytest.approx(244 / 245 * mcnemar_test(30, 15).chi2)
    assert (found.n_clusters, found.n_unequal) == (245, 45)


def test_copies_of_a_record_within_its_cluster_add_nothing():
    first, second = np.repeat([1, 0, 0], [30, 15, 200]), np.repeat([0, 1, 0], [30, 15, 200])
    once, thrice = clustered_mcnemar_test(first, second), clustered_mcnemar_test(3 * first, 3 * second)
    assert thrice == once
    assert mcnemar_test(90, 45).chi2 == pytest.approx(3 * mcnemar_test(30, 15).chi2)


def simulated_p(rng, taste, n_recordings=250):
    """One data set of two equally good nets; ``taste`` is the spread of what a recording gives one net alone."""
    n_intervals = rng.integers(1, 12, size=n_recordings)
    odds = 1.5 + rng.normal(size=n_recordings)
    right = []
    for _ in range(2):
        chance = 1 / (1 + np.exp(-odds - taste * rng.normal(size=n_recordings)))
        right.append(rng.random((n_recordings, 12)) < chance[:, None])
    counted = np.arange(12) < n_intervals[:, None]
    first, second = ((a & ~b & counted).sum(axis=1) for a, b in (right, right[::-1]))
    return mcnemar_test(first.sum(), second.sum()).p, clustered_mcnemar_test(first, second).p


def test_only_the_clustered_test_keeps_its_level_where_intervals_of_a_recording_are_alike():
    rng = np.random.default_rng(0)
    plain, clustered = (np.array([simulated_p(rng, 2.0) for _ in range(1500)]) <= 0.05).mean(axis=0)
    assert 0.035 <= clustered <= 0.065
    assert plain > 0.15


def test_both_keep_it_where_intervals_are_independent():
    rng = np.random.default_rng(1)
    plain, clustered = (np.array([simulated_p(rng, 0.0) for _ in range(1500)]) <= 0.05).mean(axis=0)
    assert 0.035 <= clustered <= 0.065
    assert 0.035 <= plain <= 0.065


def test_the_clustered_test_finds_a_difference():
    rng = np.random.default_rng(2)
    first, second = rng.binomial(6, 0.2, size=300), rng.binomial(6, 0.1, size=300)
    assert clustered_mcnemar_test(first, second).p < 1e-6


@pytest.mark.parametrize("method", ["holm", "bonferroni"])
def test_corrected_p_values_equal_statsmodels(method):
    p = np.random.default_rng(0).permutation(np.array([0.001, 0.01, 0.01, 0.02, 0.04, 0.3, 0.9, 1]))
    np.testing.assert_allclose(adjusted_p(p, method), multipletests(p, method=method)[1])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: mcnemar_test(-1, 2), "smallest -1"),
        (lambda: mcnemar_test(1.5, 2), "dtype float64"),
        (lambda: clustered_mcnemar_test([1, 2], [1]), r"shapes \(2,\) and \(1,\)"),
        (lambda: clustered_mcnemar_test([1], [1]), "two clusters or more"),
        (lambda: adjusted_p([0.1, 1.1], "holm"), "from 0 to 1"),
        (lambda: adjusted_p([0.1, np.nan], "holm"), "from 0 to 1"),
        (lambda: adjusted_p([], "holm"), "from 0 to 1"),
    ],
)
def test_what_cannot_be_tested_is_refused(call, message):
    with pytest.raises(InputError, match=message):
        call()


def test_an_unknown_correction_is_refused():
    with pytest.raises(SettingsError, match="'holm', 'bonferroni'"):
        adjusted_p([0.1], "fdr")
