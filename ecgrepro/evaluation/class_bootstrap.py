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
from ecgrepro.evaluation.class_ranks import ClassRanks, resampled_counts
from ecgrepro.evaluation.intervals import check_resampling, percentile_limits
from ecgrepro.evaluation.predictions import is_multi_label, labels, logits
from ecgrepro.evaluation.ranking_comparison import _limits
from ecgrepro.evaluation.two_level import _check_clusters_nested, _cluster_names, _is_crossed


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
    seeds : int64 array, (n_seeds,)
        Ascending.
    counts : int64 array, (n_seeds,)
        Records of each seed.
    crossed : bool
    n_records : int
        Distinct records over all seeds.
    positives, negatives : int64 arrays, (n_classes,)
        In that seed's test set which has the fewest.

    Raises
    ------
    InputError
        For a table with one class per record, and as `two_level.count_by_seed`.
    """

    def __init__(self, tables, clusters=None):
        table = tables[0]
        check_multi_label(table)
        self.seeds, codes = np.unique(table["seed"], return_inverse=True)
        self.counts, self.n_records = np.bincount(codes), table["record_id"].nunique()
        self.crossed = _is_crossed(table, len(self.seeds))
        units = _cluster_names(table["record_id"], clusters)
        if not self.crossed:
            _check_clusters_nested(units, codes)
        self._labels, self._scores = labels(table), [logits(arm) for arm in tables]
        rows = [np.flatnonzero(codes == code) for code in range(len(self.seeds))]
        self._blocks = [
            self._block(units, group) for group in ([rows] if self.crossed else [[r] for r in rows])
        ]
        nets = [arms[0] for block in self._blocks for arms in block]
        self.positives = np.min([net.positives for net in nets], axis=0)
        self.negatives = np.min([net.negatives for net in nets], axis=0)

    def _block(self, units, rows):
        """Rank the seeds that share their records: a list of one list per seed of one `ClassRanks` per arm."""
        names, codes = np.unique(np.concatenate([units[row] for row in rows]), return_inverse=True)
        codes = np.split(codes, np.cumsum([len(row) for row in rows])[:-1])
        return [
            [ClassRanks(self._labels[row], scores[row], code, len(names)) for scores in self._scores]
            for row, code in zip(rows, codes, strict=True)
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

    def resampled(self, draws, rng):
        """Return areas on resampled records of drawn seeds, of the first arm less the second where there are two.

        Parameters
        ----------
        draws : integer array, (n_resamples, n_seeds)
            Which seeds a resample holds. In the crossed design all of them are on the same resample of the records; in
            the nested one each is on a fresh resample of its own.
        rng : numpy.random.Generator

        Returns
        -------
        numpy.ma.MaskedArray, float64 (n_resamples, n_seeds, n_classes)
        """
        if self.crossed:
            found = _resampled_differences(self._blocks[0], len(draws), rng)
            return found[np.arange(len(draws))[:, None], draws]
        found = np.ma.masked_all((*draws.shape, len(self.positives)))
        for code, block in enumerate(self._blocks):
            drawn = draws == code
            if drawn.any():
                found[drawn] = _resampled_differences(block, np.count_nonzero(drawn), rng)[:, 0]
        return found


def _areas(block, weights):
    """Return masked areas (n_arms, n_resamples, n_seeds, n_classes) under weights (n_units, n_resamples)."""
    by_seed = [np.ma.stack([arm.areas(weights) for arm in arms]) for arms in block]
    return np.ma.stack(by_seed, axis=2)


def _resampled_differences(block, n_resamples, rng):
    chunks = resampled_counts(block[0][0].n_units, n_resamples, rng)
    return np.ma.concatenate([difference(_areas(block, weights)) for weights in chunks])


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
        self.two_level, self.records_only = self._resample(seed)

    def _resample(self, seed):
        sequence = seed if isinstance(seed, np.random.SeedSequence) else np.random.SeedSequence(seed)
        streams = map(np.random.default_rng, sequence.spawn(3))
        n_resamples, n_seeds = self.n_resamples, len(self.ranked.seeds)
        draws = next(streams).integers(n_seeds, size=(n_resamples, n_seeds))
        every_seed = np.tile(np.arange(n_seeds), (n_resamples, 1))
        records_only = self.ranked.resampled(every_seed, next(streams))
        if self.ranked.crossed or n_seeds == 1:
            # one set of resamples serves both: drawing seeds needs no further area
            return records_only[np.arange(n_resamples)[:, None], draws], records_only
        return self.ranked.resampled(draws, next(streams)), records_only

    def fields(self, metric, chosen):
        """Return the fields of `comparison.ArmEstimate` for the macro over the chosen classes, bool (n_classes,)."""
        scores = difference(self.areas)[..., chosen].mean(axis=-1).filled(np.nan)
        ranked = self.ranked
        return {
            "metric": metric, "estimate": float(scores.mean()), "level": self.level,
            **self.limits(*(macro(areas, chosen) for areas in (self.two_level, self.records_only))),
            "pooled": float(macro(difference(ranked.pooled()), chosen)),
            "per_seed": pd.DataFrame({"seed": ranked.seeds, "n_records": ranked.counts, "score": scores}),
            "n_seeds": len(ranked.seeds), "n_records": ranked.n_records, "n_resamples": self.n_resamples,
            "design": "crossed" if ranked.crossed else "nested",
        }  # fmt: skip

    def limits(self, two_level, records_only):
        """Return low, high, records_low and records_high of masked replicates, (n_resamples,) each, by name."""
        low, high = _limits(two_level.filled(np.nan), self.level)
        records_low, records_high = _limits(records_only.filled(np.nan), self.level)
        return {"low": low, "high": high, "records_low": records_low, "records_high": records_high}

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
