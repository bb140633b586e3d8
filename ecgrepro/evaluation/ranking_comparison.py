"""ROC area and average precision of one arm, and the paired difference of two, over seeds and records.

What `ecgrepro.evaluation.comparison` does for metrics of confusion matrices, with the same designs, the same levels
of resampling and the same results. Areas cannot be had from counts, so that each resample counts sorted records anew:
see `ecgrepro.evaluation.ranking` for how, and what it costs.

Resamples in which a class has no record have no area and are left out.
"""

from functools import partial

import numpy as np

from ecgrepro.evaluation.comparison import ArmEstimate, check_paired, select_part, with_tests
from ecgrepro.evaluation.intervals import check_resampling, resampled_counts
from ecgrepro.evaluation.quality import low_quality_scores
from ecgrepro.evaluation.ranking import RankedRecords, get_ranking
from ecgrepro.evaluation.seeded_units import estimate_fields, seeded_units, two_levels


def ranking_estimate(table, ranking, *, part="test", level=0.95, n_resamples=2000, seed, clusters=None):
    """Return one arm's mean area over seeds with its intervals.

    Parameters
    ----------
    table : pandas.DataFrame
        Predictions of two classes, one or more seeds. Either every seed has its own records, or all seeds share all
        records.
    ranking : {"roc_auc", "average_precision"} or Ranking
    part : {"test", "validation"}
    level : float
        Nominal coverage.
    n_resamples : int
    seed : int
        Of the resampling, not of the training.
    clusters : mapping of str to str, optional
        Record to the cluster it is drawn with; for intervals `quality.recordings`.

    Returns
    -------
    ArmEstimate
        Its ``pooled`` ranks the records of all seeds in one list, which is fair only where their scores share a scale.

    Raises
    ------
    InputError
        For an invalid table, another number of classes than two, no row of that part, a seed that lacks a class, or
        seeds that share only some records.
    SettingsError
        For an unknown ranking or an impossible level or number of resamples.
    """
    ranking = get_ranking(ranking)
    ranked = _SeededRanks([select_part(table, part, "table")], clusters)
    return ArmEstimate(**_estimate(ranked, ranking, np.array([1.0]), level, n_resamples, seed))


def ranking_difference(
    first, second, ranking, *, part="test", level=0.95, n_resamples=2000, seed, clusters=None
):
    """Return the mean over seeds of first - second with its intervals, both arms on the same resamples.

    Parameters
    ----------
    first, second : pandas.DataFrame
        Predictions of the two arms for the same seeds, folds, records and labels, in any order.
    ranking, part, level, n_resamples, seed, clusters
        As for `ranking_estimate`.

    Returns
    -------
    PairedDifference

    Raises
    ------
    InputError
        When the arms differ in seeds, records, folds or labels, and as `ranking_estimate`.
    SettingsError
        As `ranking_estimate`.
    """
    ranking = get_ranking(ranking)
    tables = [select_part(first, part, "first arm"), select_part(second, part, "second arm")]
    check_paired(*tables)
    ranked = _SeededRanks(tables, clusters)
    summary = _estimate(ranked, ranking, np.array([1.0, -1.0]), level, n_resamples, seed)
    return with_tests(summary, ranked.areas(ranking).T, level)


class _SeededRanks:
    """The ranked records of one or two arms by seed.

    Attributes: units, a `SeededUnits`; nets, for each of its groups a list of one list per seed of one `RankedRecords`
    per arm.
    """

    def __init__(self, tables, clusters):
        self.units = seeded_units(tables[0], clusters)
        self._labels = tables[0]["label"].to_numpy()
        self._scores = [low_quality_scores(arm) for arm in tables]
        self.nets = [self._rank(group) for group in self.units.groups]

    def _rank(self, group):
        return [
            [RankedRecords(scores[row], self._labels[row], code, group.n_units) for scores in self._scores]
            for row, code in zip(group.rows, group.codes, strict=True)
        ]

    def areas(self, ranking):
        """Return the observed areas, float64 (n_seeds, n_arms)."""
        ones = [np.ones((group.n_units, 1), np.float32) for group in self.units.groups]
        return np.concatenate(
            [_areas(nets, one, ranking)[0] for nets, one in zip(self.nets, ones, strict=True)]
        )

    def resampled(self, ranking, contrast, group, n_resamples, rng):
        """Return the contrast of the arms' areas, float64 (n_resamples, n_seeds of the group), in bounded memory."""
        chunks = resampled_counts(self.units.groups[group].n_units, n_resamples, rng)
        return np.concatenate([_areas(self.nets[group], weights, ranking) @ contrast for weights in chunks])

    def pooled(self, ranking):
        """Return the areas of all seeds' records in one list, float64 (n_arms,)."""
        return np.array([ranking(scores, self._labels) for scores in self._scores])


def _areas(nets, weights, ranking):
    """Return areas, float64 (n_resamples, n_seeds, n_arms), under weights (n_units, n_resamples)."""
    areas = [[ranking.function(*arm.weigh(weights)) for arm in arms] for arms in nets]
    return np.moveaxis(np.array(areas), -1, 0)


def _estimate(ranked, ranking, contrast, level, n_resamples, seed):
    """Return the fields of `ArmEstimate` for a contrast of the arms' areas."""
    check_resampling(level, n_resamples)
    resampled = partial(ranked.resampled, ranking, contrast)
    levels = two_levels(ranked.units, resampled, n_resamples, seed)
    return estimate_fields(
        ranking.name, ranked.units, ranked.areas(ranking) @ contrast, ranked.pooled(ranking) @ contrast,
        *(scores.mean(axis=1) for scores in levels), level,
    )  # fmt: skip
