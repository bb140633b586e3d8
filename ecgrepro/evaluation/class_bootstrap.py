"""ROC areas of all classes under resampling of seeds and records: what every macro AUC and its interval is made of.

The designs and the two levels of `ecgrepro.evaluation.two_level`, with the ranks of
`ecgrepro.evaluation.class_ranks` in place of counts. The areas of all classes come from the same resamples, so that any
macro, and any class by itself, can be read from them afterwards.

A class that has no positive (or no negative) left in a seed's resample has no area there. It is left out of that
resample's macro, which is then the mean over the others; how often it happened is counted.
"""

import numpy as np
import pandas as pd

from ecgrepro.errors import InputError
from ecgrepro.evaluation.class_ranks import ClassRanks
from ecgrepro.evaluation.intervals import check_resampling, percentile_limits, resampled_counts
from ecgrepro.evaluation.predictions import is_multi_label, labels, logits
from ecgrepro.evaluation.seeded_units import estimate_fields, seeded_units, two_levels


def check_multi_label(table):
    """Raise InputError for a table with one class per record."""
    if not is_multi_label(table):
        fix = "Of one class per record take comparison.arm_estimate or paired_difference."
        raise InputError("predictions", "a multi-label table, with columns label_0 and so on", "label", fix)


class SeededClassRanks:
    """The ranked classes of one or two arms by seed.

    Parameters
    ----------
    tables : list of pandas.DataFrame
        One multi-label table per arm, with the same rows in the same order (seed, record_id, labels).
    clusters : mapping of str to str, optional
        Record to the cluster it is drawn with, as `two_level.count_by_seed` takes them.

    Attributes
    ----------
    units : SeededUnits
    positives, negatives : int64 arrays, (n_classes,)
        In that seed's test set which has the fewest.

    Raises
    ------
    InputError
        For a table with one class per record, and as `two_level.count_by_seed`.
    """

    def __init__(self, tables, clusters=None):
        check_multi_label(tables[0])
        self.units = seeded_units(tables[0], clusters)
        self._labels, self._scores = labels(tables[0]), [logits(arm) for arm in tables]
        self._blocks = [self._rank(group) for group in self.units.groups]
        nets = [arms[0] for block in self._blocks for arms in block]
        self.positives = np.min([net.positives for net in nets], axis=0)
        self.negatives = np.min([net.negatives for net in nets], axis=0)

    def _rank(self, group):
        """Rank the seeds that share their records: a list of one list per seed of one `ClassRanks` per arm."""
        return [
            [ClassRanks(self._labels[row], scores[row], code, group.n_units) for scores in self._scores]
            for row, code in zip(group.rows, group.codes, strict=True)
        ]

    def areas(self):
        """Return the observed areas, masked float64 (n_arms, n_seeds, n_classes)."""
        ones = [np.ones((block[0][0].n_units, 1), np.float32) for block in self._blocks]
        found = [_areas(block, one)[:, 0] for block, one in zip(self._blocks, ones, strict=True)]
        return np.ma.concatenate(found, axis=1)

    def pooled(self):
        """Return the areas of all seeds' records in one list, masked float64 (n_arms, 1, n_classes)."""
        one = np.ones((len(self._labels), 1), np.float32)
        return np.ma.stack([ClassRanks(self._labels, scores).areas(one) for scores in self._scores])

    def resampled(self, group, n_resamples, rng):
        """Return areas on resampled records, of the first arm less the second where there are two.

        As `seeded_units.two_levels` takes it: float64 (n_resamples, n_seeds of the group, n_classes), NaN where a
        resample has no area of a class.
        """
        chunks = resampled_counts(self.units.groups[group].n_units, n_resamples, rng)
        return np.concatenate(
            [difference(_areas(self._blocks[group], weights)).filled(np.nan) for weights in chunks]
        )


def _areas(block, weights):
    """Return masked areas (n_arms, n_resamples, n_seeds, n_classes) under weights (n_units, n_resamples)."""
    by_seed = [np.ma.stack([arm.areas(weights) for arm in arms]) for arms in block]
    return np.ma.stack(by_seed, axis=2)


def difference(arms):
    """Return the only of (1, ...) arms, or the first less the second of (2, ...)."""
    return arms[0] if len(arms) == 1 else arms[0] - arms[1]


def macro(areas, chosen):
    """Return the mean over seeds of the mean over the chosen classes, of masked areas (..., n_seeds, n_classes)."""
    return areas[..., chosen].mean(axis=-1).mean(axis=-1)


class ClassBootstrap:
    """Areas of one arm, or differences of two, with their resamples.

    Parameters
    ----------
    ranked : SeededClassRanks
    level, n_resamples, seed
        As for `comparison.arm_estimate`; seed may be a `numpy.random.SeedSequence`.

    Attributes
    ----------
    areas : numpy.ma.MaskedArray, float64 (n_arms, n_seeds, n_classes)
        As observed.
    two_level, records_only : numpy.ma.MaskedArray, float64 (n_resamples, n_seeds, n_classes)
        Seeds and records drawn, and records alone.

    Raises
    ------
    SettingsError
        For an impossible level or number of resamples.
    """

    def __init__(self, ranked, level, n_resamples, seed):
        check_resampling(level, n_resamples)
        self.ranked, self.level, self.n_resamples = ranked, level, n_resamples
        self.areas = ranked.areas()
        levels = two_levels(ranked.units, ranked.resampled, n_resamples, seed)
        self.two_level, self.records_only = (np.ma.masked_invalid(areas, copy=False) for areas in levels)

    def fields(self, metric, chosen):
        """Return the fields of `comparison.ArmEstimate` for the macro over the chosen classes, bool (n_classes,)."""
        scores = difference(self.areas)[..., chosen].mean(axis=-1).filled(np.nan)
        pooled = macro(difference(self.ranked.pooled()), chosen)
        return estimate_fields(metric, self.ranked.units, scores, pooled, *self.macros(chosen), self.level)

    def macros(self, chosen):
        """Return the replicates of the macro over the chosen classes, float64 (n_resamples,) twice; NaN for none."""
        return tuple(macro(areas, chosen).filled(np.nan) for areas in (self.two_level, self.records_only))

    def by_class(self):
        """Return each class' replicates, mean over the seeds that have it: masked (n_resamples, n_classes) twice."""
        return self.two_level.mean(axis=1), self.records_only.mean(axis=1)

    def lost(self):
        """Return in how many resamples of the records a seed has no area of a class, int64 (n_classes,)."""
        return np.ma.getmaskarray(self.records_only).any(axis=1).sum(axis=0)


def class_limits(two_level, records_only, level):
    """Return the percentile limits of every class by itself.

    Parameters
    ----------
    two_level, records_only : masked float64 arrays, (n_resamples, n_classes)
    level : float

    Returns
    -------
    pandas.DataFrame
        low, high, records_low, records_high; NaN for a class with fewer than two resamples.
    """
    pairs = [_columns_limits(replicates, level) for replicates in (two_level, records_only)]
    names = ["low", "high", "records_low", "records_high"]
    return pd.DataFrame(np.concatenate(pairs, axis=1), columns=names)


def _columns_limits(replicates, level):
    usable = [column.compressed() for column in replicates.T]
    return np.array([percentile_limits(v, level) if len(v) >= 2 else (np.nan, np.nan) for v in usable])
