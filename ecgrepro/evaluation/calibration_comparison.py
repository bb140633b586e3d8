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

from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd
from scipy import sparse

from ecgrepro.errors import InputError
from ecgrepro.evaluation.calibration_inputs import MIN_PER_CLASS
from ecgrepro.evaluation.calibration_scores import get_calibration_score
from ecgrepro.evaluation.comparison import ArmEstimate, with_tests
from ecgrepro.evaluation.intervals import check_resampling, resampled_counts
from ecgrepro.evaluation.seeded_units import estimate_fields, seeded_units, two_levels

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
    (fields,) = _estimates([probabilities], labels, records, {score: {}}, np.array([1.0]), **settings)
    return ArmEstimate(**fields[0])


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
    asked = {score: {}}
    return calibration_differences(first, second, labels, records, asked, level=level, **settings)[score]


def calibration_differences(first, second, labels, records, scores, *, level=0.95, **settings):
    """Return `calibration_difference` of several scores, for which resamples are drawn once.

    Parameters
    ----------
    first, second, labels, records, level, **settings
        As for `calibration_difference`.
    scores : mapping of str to dict
        Score to those settings among classes, minimum and n_bins that it has for itself.

    Returns
    -------
    dict of str to PairedDifference
        To the last digit what `calibration_difference` gives for each.

    Raises
    ------
    InputError, SettingsError
        As `calibration_estimate`.
    """
    contrast = np.array([1.0, -1.0])
    found = _estimates([first, second], labels, records, scores, contrast, level=level, **settings)
    return {
        score: with_tests(fields, columns.observed.T, level)
        for score, (fields, columns) in zip(scores, found, strict=True)
    }


def _estimates(
    arms, labels, records, scores, contrast, *, seeds=None, clusters=None, level=0.95, n_resamples=2000, seed,
    **shared,
):  # fmt: skip
    """Return for each score the fields of `ArmEstimate` for a contrast of the arms' scores, and its columns."""
    if unknown := shared.keys() - {"classes", "minimum", "n_bins"}:
        raise TypeError(f"unexpected settings: {', '.join(sorted(unknown))}")
    check_resampling(level, n_resamples)
    units = _units(arms, labels, records, seeds, clusters)
    columns = [_ScoreColumns(score, arms, labels, units, **shared | own) for score, own in scores.items()]
    levels = two_levels(units, partial(_resampled, columns, units, contrast), n_resamples, seed)
    means = [resampled.mean(axis=1) for resampled in levels]
    return [
        (
            estimate_fields(
                one.score.name, units, one.observed @ contrast, one.pooled @ contrast,
                *(level_means[:, place] for level_means in means), level,
            ),
            one,
        )
        for place, one in enumerate(columns)
    ]  # fmt: skip


def _units(arms, labels, records, seeds, clusters):
    """Check that arrays fit together, and number what is resampled: `SeededUnits`."""
    _check_lengths(arms, labels, records, seeds)
    table = pd.DataFrame({"record_id": np.concatenate([np.asarray(ids, str) for ids in records])})
    table["seed"] = np.repeat(np.arange(len(records)), [len(ids) for ids in records])
    _check_records(table, np.concatenate([np.asarray(part) for part in labels]))
    units = seeded_units(table, clusters)
    return units if seeds is None else replace(units, seeds=np.asarray(seeds, np.int64))


def _resampled(columns, units, contrast, group, n_resamples, rng):
    """Return contrasts of the arms' scores, float64 (n_resamples, n_seeds of the group, n_scores)."""
    found = [[] for _ in columns]
    for weights in resampled_counts(units.groups[group].n_units, n_resamples, rng, _CHUNK):
        for one, parts in zip(columns, found, strict=True):
            parts.append(one.weighed(weights, group) @ contrast)
    seeds = slice(None) if units.crossed else [group]
    return np.stack(
        [
            one.shifted(np.concatenate(parts), one.observed[seeds] @ contrast)
            for one, parts in zip(columns, found, strict=True)
        ],
        axis=-1,
    )


class _ScoreColumns:
    """What each record of each seed contributes to one score of each arm.

    Attributes: score; n_bins; nets, for each group of the units a list of one list per seed of one array (n_columns,
    n_units) per arm; observed float64 (n_seeds, n_arms); pooled float64 (n_arms,), of all seeds' records as one set.
    """

    def __init__(self, score, arms, labels, units, *, classes=None, minimum=MIN_PER_CLASS, n_bins=15):
        self.score, self.n_bins = get_calibration_score(score), n_bins
        columns = [
            [self.score.contributions(arm[place], labels[place], classes, minimum, n_bins) for arm in arms]
            for place in range(len(labels))
        ]
        totals = [[self._value(np.asarray(part.sum(axis=0)).ravel()) for part in net] for net in columns]
        self.observed = np.array(totals)
        self.nets = _nets(columns, units)
        together = np.concatenate([np.asarray(part) for part in labels])
        settings = {"classes": classes, "minimum": minimum, "n_bins": n_bins}
        self.pooled = np.array([self.score(np.concatenate(arm), together, **settings) for arm in arms])

    def _value(self, totals):
        return self.score.value(totals, self.n_bins)

    def weighed(self, weights, group):
        """Return the scores under weights of the group's units, float64 (n_resamples, n_seeds of it, n_arms)."""
        scores = [[self._value(arm @ weights) for arm in net] for net in self.nets[group]]
        return np.moveaxis(np.array(scores), -1, 0)

    def shifted(self, scores, observed):
        """Return resampled scores, those of bins about what was observed; see the head of this module."""
        return scores + (observed - np.nanmean(scores, axis=0)) if self.score.binned else scores


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


def _nets(columns, units):
    """Add up each unit's records, group by group."""
    seeds = range(len(columns))
    places = [seeds] if units.crossed else [[seed] for seed in seeds]
    return [
        [
            [_unit_columns(arm, code, group.n_units) for arm in columns[seed]]
            for seed, code in zip(place, group.codes, strict=True)
        ]
        for place, group in zip(places, units.groups, strict=True)
    ]


def _unit_columns(columns, codes, n_units):
    """Return the sums over each unit's records, a sparse array (n_columns, n_units)."""
    entries = np.ones(len(codes)), (np.arange(len(codes)), codes)
    members = sparse.csr_array(entries, shape=(len(codes), n_units))
    return sparse.csr_array(columns.T @ members) if sparse.issparse(columns) else columns.T @ members
