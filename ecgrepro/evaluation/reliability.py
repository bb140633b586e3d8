"""What a reliability diagram shows: observed share against predicted probability, bin by bin, with intervals.

Bins of equal mass (`probability_bins`), since equal widths leave most bins of a rare class almost empty. Intervals are
Wilson's, or, where records come in clusters (copies, segments of a recording, recordings of a patient), percentiles of
a bootstrap that draws whole clusters and keeps the bins as they are.
"""

import numpy as np
import pandas as pd

from ecgrepro.errors import InputError
from ecgrepro.evaluation.calibration_inputs import check_binary
from ecgrepro.evaluation.intervals import check_resampling
from ecgrepro.evaluation.probability_bins import bin_totals, equal_mass_bins


def reliability_table(
    probabilities, outcomes, *, n_bins=10, level=0.95, clusters=None, n_resamples=2000, seed=0
):
    """Return one row per bin of one class's predictions.

    Parameters
    ----------
    probabilities : array, (n_records,)
        Of a class, or the largest of each record (`calibration_error.top_label`).
    outcomes : array, (n_records,)
        Zeros and ones: whether the class is right.
    n_bins : int
        Largest number of bins; equal probabilities share one.
    level : float
        Nominal coverage of each bin's interval by itself, not of all together.
    clusters : array, (n_records,), optional
        Records of equal value are drawn together.
    n_resamples, seed : int
        Of the bootstrap over clusters.

    Returns
    -------
    pandas.DataFrame
        lowest, mean_probability, highest: of the bin's probabilities; n, positives (int64); observed, the share of
        positives; low, high, its limits; interval: "wilson", "bootstrap", or "wilson of clusters" for a bin whose
        records are all positive or all negative. Resampling such a bin always gives the same share, so that Wilson's
        limits for as many records as it has clusters stand there instead.

    Raises
    ------
    InputError
        As `calibration_inputs.check_binary`, or for not one cluster per record.
    SettingsError
        For fewer than one bin, or an impossible level or number of resamples.
    """
    check_resampling(level, n_resamples)
    probabilities, outcomes = check_binary(probabilities, outcomes)
    bins = equal_mass_bins(probabilities, n_bins)
    n, positives, sums = bin_totals(bins, outcomes, probabilities)
    order = np.argsort(probabilities, kind="stable")
    last = np.cumsum(n).astype(np.int64) - 1
    table = pd.DataFrame({
        "lowest": probabilities[order][last - n.astype(np.int64) + 1], "mean_probability": sums / n,
        "highest": probabilities[order][last], "n": n.astype(np.int64), "positives": positives.astype(np.int64),
        "observed": positives / n,
    })  # fmt: skip
    if clusters is None:
        low, high = _wilson(positives, n, level)
        return table.assign(low=low, high=high, interval="wilson")
    return _with_cluster_limits(table, bins, outcomes, clusters, level, n_resamples, seed)


def _wilson(positives, n, level):
    from statsmodels.stats.proportion import proportion_confint  # takes a second to import

    return proportion_confint(positives, n, alpha=1 - level, method="wilson")


def _with_cluster_limits(table, bins, outcomes, clusters, level, n_resamples, seed):
    clusters = np.asarray(clusters)
    if clusters.shape != bins.shape:
        got = f"shape {clusters.shape}"
        raise InputError("clusters", f"shape {bins.shape}", got, "Pass one cluster per record.")
    n, positives = _cluster_totals(clusters, bins, outcomes)
    low, high = np.nanquantile(
        _resampled_shares(n, positives, n_resamples, seed), [(1 - level) / 2, (1 + level) / 2], axis=0
    )
    constant = (table["positives"] % table["n"] == 0).to_numpy()
    n_clusters = (n > 0).sum(axis=0)
    of_clusters = _wilson(table["observed"].to_numpy() * n_clusters, n_clusters, level)
    return table.assign(
        low=np.where(constant, of_clusters[0], low),
        high=np.where(constant, of_clusters[1], high),
        interval=np.where(constant, "wilson of clusters", "bootstrap"),
    )


def _cluster_totals(clusters, bins, outcomes):
    """Return records and positives of each cluster in each bin, float64 (n_clusters, n_bins) each."""
    names, codes = np.unique(clusters, return_inverse=True)
    shape = len(names), bins.max() + 1
    cells = codes * shape[1] + bins
    counts = [np.bincount(cells, weights, shape[0] * shape[1]) for weights in (None, outcomes.astype(float))]
    return [column.reshape(shape).astype(np.float64) for column in counts]


def _resampled_shares(n, positives, n_resamples, seed):
    """Return each resample's share in each bin, (n_resamples, n_bins); NaN where it has no record there."""
    rng = np.random.default_rng(seed)
    shares = np.empty((n_resamples, n.shape[1]))
    for index in range(n_resamples):  # one resample at a time: patients may be many
        weights = np.bincount(rng.integers(len(n), size=len(n)), minlength=len(n))
        with np.errstate(invalid="ignore"):
            shares[index] = (weights @ positives) / (weights @ n)
    return shares
