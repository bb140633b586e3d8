"""Bootstrap over two levels at once: the seeds of an arm and the records each seed is tested on.

Two designs are known, told apart from the table itself.

nested
    Seed i is tested on records of its own (seed i takes fold i). Each drawn seed brings a fresh
    resample of its own records.
crossed
    Every seed is tested on all records. One resample of the records serves all drawn seeds, since
    a hard recording is hard for every seed (Owen 2007, doi:10.1214/07-AOAS122, "pigeonhole").

How far to trust it. Write n for the number of seeds, S for the variance that training again
causes and R for the sampling variance of one seed's test set; the truth for a nested mean over
seeds is (S + R) / n. The bootstrap's expectation is ((n - 1) / n * (S + R) + R) / n:

* drawing seeds shrinks their variance by (n - 1) / n, 20 % with five seeds;
* the spread between seeds already contains R, which the inner resample adds a second time.

With five seeds and no effect of the seed the interval is sqrt(1.8) = 1.34 times as wide as a
normal one; with nothing but an effect of the seed it is .89 times as wide, where a t interval with
four degrees of freedom would be 1.42 times as wide. It therefore errs on the safe side while
records dominate and is too narrow where seeds do. Read it next to the t interval over seeds.
In the crossed design R is shared by all seeds and is not counted twice, save for the part that
depends on seed and record together. (Davison & Hinkley 1997, Bootstrap Methods and their
Application, section 3.8, discuss both orders of resampling.)
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from ecgrepro.errors import InputError
from ecgrepro.evaluation.intervals import resampled_totals, unit_totals
from ecgrepro.evaluation.metrics import confusion_cells
from ecgrepro.evaluation.predictions import logit_columns, predicted_classes


@dataclass(frozen=True, eq=False)
class SeededRecords:
    """Confusion counts of one or two arms by seed and by resampling unit.

    Attributes
    ----------
    seeds : int64 array, (n_seeds,)
        Ascending.
    matrices : int64 array, (n_seeds, n_arms, n_classes, n_classes)
        Observed counts.
    blocks : tuple of int64 arrays
        Nested: for each seed (n_units of the seed, n_arms * n_classes**2).
        Crossed: one of shape (n_units, n_seeds * n_arms * n_classes**2).
    crossed : bool
    n_records : int
        Distinct records over all seeds.
    """

    seeds: np.ndarray
    matrices: np.ndarray
    blocks: tuple
    crossed: bool
    n_records: int


def count_by_seed(tables, clusters=None):
    """Count one or two arms' confusions for the two-level bootstrap.

    Parameters
    ----------
    tables : list of pandas.DataFrame
        One per arm, with the same rows in the same order (seed, record_id, label).
    clusters : mapping of str to str, optional
        Record to the cluster it is drawn with, for instance ``{copy: original}``; records that
        are not named stand for themselves.

    Returns
    -------
    SeededRecords

    Raises
    ------
    InputError
        When some seeds share records and others do not, or a cluster reaches over several seeds'
        own test sets.
    """
    table = tables[0]
    seeds, seed_codes = np.unique(table["seed"], return_inverse=True)
    crossed = _is_crossed(table, len(seeds))
    units = _cluster_names(table["record_id"], clusters)
    n_classes = len(logit_columns(table))
    answers = [predicted_classes(arm) for arm in tables]  # refuses what has several labels
    cells = [
        confusion_cells(arm["label"], found, n_classes) for arm, found in zip(tables, answers, strict=True)
    ]
    if crossed:
        blocks = (_block(units, seed_codes, cells, len(seeds), n_classes),)
    else:
        _check_clusters_nested(units, seed_codes)
        picks = [np.flatnonzero(seed_codes == code) for code in range(len(seeds))]
        blocks = tuple(_block(units[p], 0 * p, [cell[p] for cell in cells], 1, n_classes) for p in picks)
    shape = (len(seeds), len(tables), n_classes, n_classes)
    matrices = np.concatenate([block.sum(0) for block in blocks]).reshape(shape)
    return SeededRecords(seeds, matrices, blocks, crossed, table["record_id"].nunique())


def _is_crossed(table, n_seeds):
    """Return whether all seeds share all records; raise InputError where they share some."""
    repeats = table["record_id"].value_counts()
    if repeats.max() == 1:
        return False
    if repeats.min() == n_seeds:
        return True
    got = f"records tested by {repeats.min()} to {repeats.max()} of {n_seeds} seeds"
    fix = "Complete the missing trials, or compare the seeds that belong together."
    raise InputError("predictions", "each record tested by one seed, or by every seed", got, fix)


def _cluster_names(record_ids, clusters):
    clusters = {} if clusters is None else dict(clusters)
    return np.array([str(clusters.get(record, record)) for record in record_ids])


def _check_clusters_nested(units, seed_codes):
    pairs = pd.DataFrame({"unit": units, "seed": seed_codes}).drop_duplicates()
    torn = pairs["unit"][pairs["unit"].duplicated()]
    if len(torn):
        got = f"{len(torn)} in the test sets of several seeds, first {torn.iloc[0]!r}"
        fix = "Keep copies of a recording in one fold: a net may have trained on its own test record."
        raise InputError("clusters", "each cluster within one seed's test set", got, fix)


def _block(units, seed_codes, cells, n_seeds, n_classes):
    """Return int64 (n_units, n_seeds * n_arms * n_classes**2) of the given rows."""
    n_arms, n_cells = len(cells), n_classes**2
    columns = [(seed_codes * n_arms + arm) * n_cells + cell for arm, cell in enumerate(cells)]
    return unit_totals(np.tile(units, n_arms), np.concatenate(columns), n_seeds * n_arms * n_cells)


def bootstrap_means(records, score, n_resamples, rng, *, resample_seeds=True):
    """Return bootstrap replicates of the mean over seeds of a score.

    Parameters
    ----------
    records : SeededRecords
    score : callable
        Array (..., n_arms, n_classes, n_classes) to array (...).
    n_resamples : int
    rng : numpy.random.Generator
    resample_seeds : bool
        Without it the seeds stay as they are: a records-only interval, valid for these trained
        nets alone.

    Returns
    -------
    float64 array, (n_resamples,)
    """
    n_seeds = len(records.seeds)
    draws = np.tile(np.arange(n_seeds), (n_resamples, 1))
    if resample_seeds:
        draws = rng.integers(n_seeds, size=draws.shape)
    shape = (-1, *records.matrices.shape[1:])
    if records.crossed:
        shape = (-1, *records.matrices.shape)
        scores = np.take_along_axis(_scores(records.blocks[0], shape, score, n_resamples, rng), draws, 1)
    else:
        scores = np.empty(draws.shape)
        for code, block in enumerate(records.blocks):
            drawn = draws == code
            scores[drawn] = _scores(block, shape, score, np.count_nonzero(drawn), rng)
    return scores.mean(axis=1)


def _scores(block, shape, score, n_resamples, rng):
    """Score n_resamples resamples of a block, a chunk at a time."""
    chunks = [score(totals.reshape(shape)) for totals in resampled_totals(block, n_resamples, rng)]
    return np.concatenate(chunks) if chunks else np.empty(0)
