"""A score of calibration of one arm, and the paired difference of two, over seeds and records.

What `ecgrepro.evaluation.comparison` does for metrics of confusion matrices, with the same designs, the same levels of
resampling and the same results, on arrays of calibrated probabilities: one array for each seed. Both arms are scored
on the same resampled seeds and records. How records enter a score: `ecgrepro.evaluation.calibration_scores`.

Calibration errors over bins grow when records are resampled, for a resample scatters about the observed shares as
these do about the true ones. The replicates of each seed are therefore shifted until their mean is that seed's
observed score; this leaves the interval's width as it is and keeps it about the estimate. The bias that the observed
score itself has stays ("classwise_error", "top_label_error") unless the score is a debiased one. Brier score and log
loss are means over records and are not shifted.
"""

import numpy as np
import pandas as pd
from scipy import sparse

from ecgrepro.errors import InputError
from ecgrepro.evaluation.calibration_inputs import MIN_PER_CLASS
from ecgrepro.evaluation.calibration_scores import get_calibration_score
from ecgrepro.evaluation.comparison import ArmEstimate, with_tests
from ecgrepro.evaluation.intervals import check_resampling, percentile_limits
from ecgrepro.evaluation.two_level import _check_clusters_nested, _cluster_names, _is_crossed

# Resamples weighed at once: their totals and weights stay within a few tens of MiB.
_CHUNK = 128


def calibration_estimate(probabilities, labels, records, score, **settings):
    """Return one arm's mean score over seeds with its intervals.

    Parameters
    ----------
    probabilities : sequence of arrays, each (n_records of the seed, n_classes)
        One array for each seed: what a calibrator's `transform` returns for its test records.
    labels : sequence of arrays
        For each seed (n_records,) class indices or (n_records, n_classes) zeros and ones.
    records : sequence of sequences of str
        For each seed its records' ids. Either every seed has its own records, or all seeds share all records, in any
        order.
    score : str or CalibrationScore
        A key of `calibration_scores.CALIBRATION_SCORES`.
    **settings
        seed (int, of the resampling, required); seeds (sequence of int, the trainings' names, 0, 1, .. without it);
        level (.95); n_resamples (2000); clusters (mapping of record to the cluster it is drawn with); classes
        (indices to score, all without it; for single labels "brier" and "log_loss" then score these classes against
        the rest); minimum (fewest positives and negatives of each class in each seed, for classwise errors); n_bins
        (15).

    Returns
    -------
    ArmEstimate
        Its ``pooled`` is the score of all seeds' records as one set.

    Raises
    ------
    InputError
        For arrays that do not fit together, values that are no probabilities, a record twice within a seed, seeds
        that share only some records, a record with two labels, a class with too few records, or an infinite log loss.
    SettingsError
        For an unknown score or impossible settings.

    Notes
    -----
    With a single seed the interval resamples records alone and says nothing about training again. The calibrator is
    taken as given: its own scatter, from the validation records, is seen only as far as it differs between seeds.
    """
    arms = _SeededColumns([probabilities], labels, records, score, **_column_settings(settings))
    return ArmEstimate(**_estimate(arms, np.array([1.0]), **settings))


def calibration_difference(first, second, labels, records, score, *, level=0.95, **settings):
    """Return the mean over seeds of first - second with its intervals, both arms on the same resamples.

    Parameters
    ----------
    first, second : sequences of arrays, each (n_records of the seed, n_classes)
        Probabilities of the two arms for the same seeds and records in the same order.
    labels, records, score, level, **settings
        As for `calibration_estimate`; they hold for both arms.

    Returns
    -------
    PairedDifference
        Below 0 where the first arm is the better calibrated.

    Raises
    ------
    InputError, SettingsError
        As `calibration_estimate`.
    """
    arms = _SeededColumns([first, second], labels, records, score, **_column_settings(settings))
    summary = _estimate(arms, np.array([1.0, -1.0]), level=level, **settings)
    return with_tests(summary, arms.observed.T, level)


_COLUMN_SETTINGS = ("seeds", "clusters", "classes", "minimum", "n_bins")


def _column_settings(settings):
    """Take those settings out that say what is scored, and leave those of the resampling."""
    return {name: settings.pop(name) for name in _COLUMN_SETTINGS if name in settings}


class _SeededColumns:
    """What each record of each seed contributes to the score of each arm.

    Attributes: score; n_bins; seeds int64 (n_seeds,); counts, records of each seed; n_records, distinct ones; crossed;
    blocks, for each independent set of units (n_units, list of one (n_seeds of the block) of lists of arrays
    (n_columns, n_units), one per arm); observed float64 (n_seeds, n_arms).
    """

    def __init__(
        self, arms, labels, records, score, *, seeds=None, clusters=None, classes=None,
        minimum=MIN_PER_CLASS, n_bins=15,
    ):  # fmt: skip
        self.score, self.n_bins = get_calibration_score(score), n_bins
        _check_lengths(arms, labels, records, seeds)
        self.seeds = np.arange(len(labels)) if seeds is None else np.asarray(seeds, np.int64)
        self.counts = np.array([len(ids) for ids in records])
        codes = np.repeat(np.arange(len(records)), self.counts)
        table = pd.DataFrame({"record_id": np.concatenate([np.asarray(ids, str) for ids in records])})
        _check_records(table.assign(seed=codes), np.concatenate([np.asarray(part) for part in labels]))
        self.crossed = _is_crossed(table, len(records))
        self.n_records = table["record_id"].nunique()
        units = _cluster_names(table["record_id"], clusters)
        if not self.crossed:
            _check_clusters_nested(units, codes)
        columns = [
            [self.score.contributions(arm[place], labels[place], classes, minimum, n_bins) for arm in arms]
            for place in range(len(labels))
        ]
        totals = [[self._value(np.asarray(part.sum(axis=0)).ravel()) for part in net] for net in columns]
        self.observed = np.array(totals)
        self.blocks = _blocks(columns, np.split(units, np.cumsum(self.counts)[:-1]), self.crossed)
        settings = {"classes": classes, "minimum": minimum, "n_bins": n_bins}
        together = np.concatenate([np.asarray(part) for part in labels])
        self.pooled = np.array([self.score(np.concatenate(arm), together, **settings) for arm in arms])

    def _value(self, totals):
        return self.score.value(totals, self.n_bins)

    def resampled(self, block, contrast, n_resamples, rng):
        """Return the contrast of the arms' scores, float64 (n_resamples, n_seeds of the block)."""
        n_units, nets = self.blocks[block]
        found = [np.empty((0, len(nets)))]
        for start in range(0, n_resamples, _CHUNK):
            weights = _weights(n_units, min(_CHUNK, n_resamples - start), rng)
            scores = [[self._value(arm @ weights) for arm in net] for net in nets]
            found.append(np.moveaxis(np.array(scores), -1, 0) @ contrast)
        scores = np.concatenate(found)
        if self.score.binned and len(scores):
            seeds = slice(None) if self.crossed else [block]
            scores += self.observed[seeds] @ contrast - np.nanmean(scores, axis=0)
        return scores


def _check_lengths(arms, labels, records, seeds):
    sizes = [len(part) for part in (*arms, labels, records)] + ([] if seeds is None else [len(seeds)])
    if len(set(sizes)) > 1 or not sizes[0]:
        fix = "Pass one array for each seed, and labels and records with it."
        raise InputError("arms", "the same number of seeds throughout", f"{sizes}", fix)
    if seeds is not None and len(set(seeds)) < len(seeds):
        raise InputError("seeds", "distinct ones", f"{list(seeds)}", "Do not stack a trial twice.")
    for place, (truth, ids) in enumerate(zip(labels, records, strict=True)):
        shapes = [np.shape(arm[place]) for arm in arms]
        if len(set(shapes)) > 1 or not len(truth) == len(ids) == shapes[0][0]:
            got = f"probabilities {shapes}, {len(truth)} labels, {len(ids)} record ids in seed {place}"
            raise InputError("arms", "the same records in each array", got, "Align the arrays.")
    widths = {(np.shape(arms[0][place])[1:], np.shape(labels[place])[1:]) for place in range(len(labels))}
    if len(widths) > 1:
        fix = "Compare nets of one task."
        raise InputError("arms", "the same classes in each seed", f"{len(widths)} different ones", fix)


def _check_records(table, labels):
    twice = table.duplicated(["seed", "record_id"])
    if twice.any():
        got = f"{twice.sum()} repetitions, first {table['record_id'][twice].iloc[0]!r}"
        raise InputError("records", "each record once within a seed", got, "Do not stack a trial twice.")
    columns = pd.DataFrame(labels.reshape(len(labels), -1)).assign(record_id=table["record_id"])
    several = columns.drop_duplicates()["record_id"].duplicated()
    if several.any():
        got = f"several labels for {several.sum()} records"
        raise InputError("labels", "one label per record", got, "Do not mix label revisions.")


def _blocks(columns, units, crossed):
    """Add up each unit's records; one block holds all seeds where crossed, else each seed has its own."""
    groups = [range(len(units))] if crossed else [[place] for place in range(len(units))]
    blocks = []
    for group in groups:
        names, codes = np.unique(np.concatenate([units[place] for place in group]), return_inverse=True)
        parts = np.split(codes, np.cumsum([len(units[place]) for place in group])[:-1])
        nets = [
            [_unit_columns(arm, code, len(names)) for arm in columns[place]]
            for place, code in zip(group, parts, strict=True)
        ]
        blocks.append((len(names), nets))
    return blocks


def _unit_columns(columns, codes, n_units):
    """Return the sums over each unit's records, a sparse array (n_columns, n_units)."""
    entries = np.ones(len(codes)), (np.arange(len(codes)), codes)
    members = sparse.csr_array(entries, shape=(len(codes), n_units))
    return sparse.csr_array(columns.T @ members) if sparse.issparse(columns) else columns.T @ members


def _weights(n_units, size, rng):
    """Return how often each unit is drawn, float64 (n_units, size)."""
    drawn = rng.integers(n_units, size=(size, n_units)) + n_units * np.arange(size)[:, None]
    copies = np.bincount(drawn.ravel(), minlength=size * n_units).reshape(size, n_units)
    return np.ascontiguousarray(copies.T, np.float64)


def _replicates(arms, contrast, n_resamples, seed):
    """Return bootstrap means over seeds: over seeds and records, and over records alone, (n_resamples,) each."""
    streams = map(np.random.default_rng, np.random.SeedSequence(seed).spawn(3))
    n_seeds = len(arms.seeds)
    draws = next(streams).integers(n_seeds, size=(n_resamples, n_seeds))
    if arms.crossed:
        # one set of resamples serves both: drawing seeds needs no further score
        scores = arms.resampled(0, contrast, n_resamples, next(streams))
        return np.take_along_axis(scores, draws, 1).mean(axis=1), scores.mean(axis=1)
    still = np.tile(np.arange(n_seeds), (n_resamples, 1))
    return tuple(
        _nested_means(arms, contrast, drawn, rng) for drawn, rng in zip((draws, still), streams, strict=False)
    )


def _nested_means(arms, contrast, draws, rng):
    """Return the mean over drawn seeds, each on a fresh resample of its own records."""
    scores = np.empty(draws.shape)
    for code in range(len(arms.blocks)):
        drawn = draws == code
        scores[drawn] = arms.resampled(code, contrast, np.count_nonzero(drawn), rng)[:, 0]
    return scores.mean(axis=1)


def _limits(replicates, level):
    usable = replicates[np.isfinite(replicates)]
    if len(usable) < 2:
        got = f"{len(usable)} of {len(replicates)}"
        fix = "Use fewer bins or more records."
        raise InputError("resamples", "two or more with two records in a bin", got, fix)
    return percentile_limits(usable, level)


def _estimate(arms, contrast, *, level=0.95, n_resamples=2000, seed):
    """Return the fields of `ArmEstimate` for a contrast of the arms' scores."""
    check_resampling(level, n_resamples)
    two_level, records_only = _replicates(arms, contrast, n_resamples, seed)
    low, high = _limits(two_level, level)
    records_low, records_high = _limits(records_only, level)
    scores = arms.observed @ contrast
    per_seed = pd.DataFrame({"seed": arms.seeds, "n_records": arms.counts, "score": scores})
    return {
        "metric": arms.score.name, "estimate": float(scores.mean()), "low": low, "high": high, "level": level,
        "records_low": records_low, "records_high": records_high, "pooled": float(arms.pooled @ contrast),
        "per_seed": per_seed, "n_seeds": len(arms.seeds), "n_records": arms.n_records,
        "n_resamples": n_resamples, "design": "crossed" if arms.crossed else "nested",
    }  # fmt: skip
