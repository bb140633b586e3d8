"""Percentile intervals from resampling records.

The record bootstrap says how a score would vary with other recordings of the same kind under the
same trained net. It knows nothing of training again: see `ecgrepro.evaluation.comparison` for that.

A metric here is a function of a confusion matrix, so a resample need not be drawn record by
record. Records with equal contributions are interchangeable; how often each distinct contribution
is drawn is exactly multinomial. A few dozen counts therefore replace thousands of indices, the
distribution is the same as that of `scipy.stats.bootstrap`, and the order of the records cannot
matter. Source: Efron & Tibshirani (1993), An Introduction to the Bootstrap, chapters 6 and 13.
"""

from dataclasses import dataclass

import numpy as np

from ecgrepro.errors import InputError, SettingsError
from ecgrepro.evaluation.metrics import confusion_cells, get_metric

# Largest array that one chunk of resamples may hold: 4 Mi float64 are 32 MiB.
_CHUNK_ELEMENTS = 2**22


@dataclass(frozen=True)
class Interval:
    """A bootstrap interval of one metric.

    Attributes
    ----------
    metric : str
    estimate : float
        The metric of the data as they are.
    low, high : float
        Percentile limits.
    level : float
        Nominal coverage, for example .95.
    standard_error : float
        Standard deviation of the replicates.
    n_records, n_clusters, n_resamples : int
    n_degenerate : int
        Resamples in which a class present in the data had no record. Its F1 is then 0 and its
        recall left out (see `metrics`); where this is more than a few, distrust the limits.
    """

    metric: str
    estimate: float
    low: float
    high: float
    level: float
    standard_error: float
    n_records: int
    n_clusters: int
    n_resamples: int
    n_degenerate: int


def check_resampling(level, n_resamples):
    """Raise SettingsError unless 0 < level < 1 and n_resamples >= 2."""
    if not 0 < level < 1:
        raise SettingsError("level", "a share between 0 and 1", repr(level), "Write .95 for 95 %.")
    if n_resamples < 2:
        fix = "Use 2000, or a few hundred for a quick look."
        raise SettingsError("n_resamples", "an integer of at least 2", repr(n_resamples), fix)


def percentile_limits(replicates, level):
    """Return the two limits between which the central share ``level`` of the replicates lies."""
    low, high = np.quantile(replicates, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def unit_totals(units, columns, n_columns):
    """Count, for each resampling unit, its records in each column.

    Parameters
    ----------
    units : array, (n_records,)
        The unit (record or cluster) of each record; any sortable type.
    columns : integer array, (n_records,)
        Column of each record, 0 .. n_columns - 1.
    n_columns : int

    Returns
    -------
    int64 array, (n_units, n_columns)
        Units ascending.
    """
    names, codes = np.unique(units, return_inverse=True)
    counts = np.bincount(codes.ravel() * n_columns + columns, minlength=len(names) * n_columns)
    return counts.reshape(len(names), n_columns)


def resampled_totals(rows, n_resamples, rng):
    """Yield column totals of bootstrap resamples of the rows, in chunks of bounded memory.

    Parameters
    ----------
    rows : array, (n_units, n_columns)
        What each resampling unit contributes.
    n_resamples : int
    rng : numpy.random.Generator

    Yields
    ------
    float64 array, (chunk, n_columns)
        Totals of n_units rows drawn with replacement; n_resamples in all. The chunks' size does
        not change the draws.
    """
    kinds, multiplicity = np.unique(rows, axis=0, return_counts=True)
    kinds = kinds.astype(np.float64)  # integers have no fast matrix product
    share = multiplicity / multiplicity.sum()
    chunk = max(1, _CHUNK_ELEMENTS // max(kinds.shape))
    for start in range(0, n_resamples, chunk):
        draws = rng.multinomial(len(rows), share, size=min(chunk, n_resamples - start))
        yield draws.astype(np.float64) @ kinds


def resampled_counts(n_units, n_resamples, rng, chunk=32):
    """Yield how often each unit is in each of ``n_resamples`` bootstrap resamples, in chunks of bounded memory.

    Parameters
    ----------
    n_units, n_resamples : int
    rng : numpy.random.Generator
    chunk : int
        Resamples at once; of some ten thousand units 32 stay within a core's cache.

    Yields
    ------
    float32 array, (n_units, chunk)
        A column adds up to ``n_units``. The chunks' size does not change the draws.
    """
    for start in range(0, n_resamples, chunk):
        size = min(chunk, n_resamples - start)
        drawn = rng.integers(n_units, size=(size, n_units)) + n_units * np.arange(size)[:, None]
        copies = np.bincount(drawn.ravel(), minlength=size * n_units).reshape(size, n_units)
        yield np.ascontiguousarray(copies.T, np.float32)


def record_bootstrap(
    labels, predictions, metric, *, n_classes, clusters=None, n_resamples=2000, level=0.95, seed
):
    """Return the percentile interval of a metric under resampling of records.

    Parameters
    ----------
    labels, predictions : integer arrays, (n_records,)
        Class indices.
    metric : str or Metric
    n_classes : int
        Classes of the problem, whether or not all occur: macro F1 divides by it.
    clusters : array, (n_records,), optional
        Records of equal value are drawn together: copies of one recording, segments of one
        recording, recordings of one patient.
    n_resamples : int
    level : float
        Nominal coverage.
    seed : int

    Returns
    -------
    Interval

    Raises
    ------
    InputError
        For labels or predictions out of range, unequal lengths, or not one cluster per record.
    SettingsError
        For an unknown metric or an impossible level or number of resamples.

    Notes
    -----
    Percentile limits carry a metric's bias in small samples: F1 of a class with few records is
    skewed, and an interval may then lie lower than one of equal tails.
    """
    metric = get_metric(metric)
    check_resampling(level, n_resamples)
    cells = confusion_cells(labels, predictions, n_classes)
    rows = unit_totals(_units(clusters, len(cells)), cells, n_classes**2)
    matrices = np.concatenate(list(resampled_totals(rows, n_resamples, np.random.default_rng(seed))))
    matrices = matrices.reshape(-1, n_classes, n_classes)
    observed = rows.sum(0).reshape(n_classes, n_classes)
    replicates = metric(matrices)
    low, high = percentile_limits(replicates, level)
    return Interval(
        metric=metric.name,
        estimate=float(metric(observed)),
        low=low,
        high=high,
        level=level,
        standard_error=float(replicates.std(ddof=1)),
        n_records=len(cells),
        n_clusters=len(rows),
        n_resamples=n_resamples,
        n_degenerate=_count_degenerate(observed, matrices),
    )


def _units(clusters, n_records):
    units = np.arange(n_records) if clusters is None else np.asarray(clusters)
    if units.shape != (n_records,):
        got = f"shape {units.shape}"
        raise InputError("clusters", f"shape ({n_records},)", got, "Pass one cluster per record.")
    return units


def _count_degenerate(observed, matrices):
    vanished = (observed.sum(-1) > 0) & (matrices.sum(-1) == 0)
    return int(vanished.any(-1).sum())
