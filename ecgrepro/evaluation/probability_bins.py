"""Bins of equal mass over one class's predicted probabilities.

Records of equal probability always share a bin: otherwise the order of the rows would decide which outcomes are
averaged. A group of equal values goes where its middle rank lies, so that bins are equal only as far as ties allow and
some may not occur; a constant prediction has one bin.
"""

import numpy as np

from ecgrepro.errors import SettingsError


def equal_mass_bins(probabilities, n_bins):
    """Return each record's bin.

    Parameters
    ----------
    probabilities : float array, (n_records,)
    n_bins : int

    Returns
    -------
    int64 array, (n_records,)
        0 .. (number of bins that occur) - 1, ascending with the probability. Without ties the bins' sizes differ by
        one at most.

    Raises
    ------
    SettingsError
        For fewer than one bin.
    """
    if n_bins < 1:
        raise SettingsError("n_bins", "one bin or more", repr(n_bins), "Use 10 or 15.")
    _, place, counts = np.unique(probabilities, return_inverse=True, return_counts=True)
    return bins_of_groups(counts, n_bins)[place]


def bins_of_groups(counts, n_bins):
    """Return the bin of each group of equal values, ascending, from the groups' sizes."""
    twice_middle = 2 * np.cumsum(counts) - counts - 1  # ranks from 0; twice, to stay with whole numbers
    bins = twice_middle * n_bins // (2 * counts.sum())
    return np.unique(bins, return_inverse=True)[1]


def bin_totals(bins, *columns):
    """Return the records in each bin and each column's sum in it, float64 arrays (n_bins,)."""
    n_bins = bins.max() + 1
    sums = [np.bincount(bins, np.asarray(column, np.float64), n_bins) for column in columns]
    return np.bincount(bins, minlength=n_bins).astype(np.float64), *sums
