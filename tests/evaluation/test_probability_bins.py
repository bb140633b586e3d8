import numpy as np
import pytest

from ecgrepro.errors import SettingsError
from ecgrepro.evaluation.probability_bins import bin_totals, equal_mass_bins


@pytest.mark.parametrize(("n", "n_bins"), [(100, 10), (103, 10), (17, 15), (7, 15), (1, 10)])
def test_without_ties_sizes_differ_by_one_at_most(n, n_bins):
    probabilities = np.random.default_rng(0).permutation(n) / n
    bins = equal_mass_bins(probabilities, n_bins)
    sizes = np.bincount(bins)
    assert len(sizes) == min(n, n_bins)
    assert np.ptp(sizes) <= 1
    assert (np.diff(bins[np.argsort(probabilities)]) >= 0).all()


def test_equal_probabilities_share_a_bin_whatever_the_order():
    probabilities = np.array([0.1] * 7 + [0.2] + [0.3] * 2)
    bins = equal_mass_bins(probabilities, 5)
    # middle ranks 3, 7 and 8.5 of ten lie in the second, fourth and fifth fifth
    assert bins.tolist() == [0] * 7 + [1] + [2] * 2
    order = np.random.default_rng(0).permutation(10)
    assert equal_mass_bins(probabilities[order], 5).tolist() == bins[order].tolist()


def test_a_constant_has_one_bin():
    assert equal_mass_bins(np.full(8, 0.3), 10).tolist() == [0] * 8


def test_totals_by_hand():
    n, positives, sums = bin_totals(np.array([0, 1, 1]), [True, False, True], [0.1, 0.4, 0.6])
    assert (n.tolist(), positives.tolist(), sums.tolist()) == ([1, 2], [1, 1], [0.1, 1.0])


def test_no_bin_is_refused():
    with pytest.raises(SettingsError, match="n_bins"):
        equal_mass_bins(np.ones(3), 0)
