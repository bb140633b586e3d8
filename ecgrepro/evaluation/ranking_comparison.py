"""ROC area and average precision of one arm, and the paired difference of two, over seeds and records.

What `ecgrepro.evaluation.comparison` does for metrics of confusion matrices, with the same designs, the same levels
of resampling and the same results. Areas cannot be had from counts, so that each resample counts sorted records anew:
see `ecgrepro.evaluation.ranking` for how, and what it costs.

Resamples in which a class has no record have no area and are left out.
"""

import numpy as np
import pandas as pd

from ecgrepro.errors import InputError
from ecgrepro.evaluation.comparison import ArmEstimate, check_paired, select_part, with_tests
from ecgrepro.evaluation.intervals import check_resampling, percentile_limits
from ecgrepro.evaluation.quality import low_quality_scores
from ecgrepro.evaluation.ranking import RankedRecords, get_ranking
from ecgrepro.evaluation.two_level import _check_clusters_nested, _cluster_names, _is_crossed

# Resamples weighed at once: their counts of some ten thousand recordings stay within a core's cache.
_CHUNK = 32


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

    Attributes: seeds int64 (n_seeds,); counts, records of each seed; n_records, distinct ones; crossed; blocks, for
    each independent set of units (n_units, list of one list per seed of one `RankedRecords` per arm).
    """

    def __init__(self, tables, clusters):
        table = tables[0]
        self.seeds, codes = np.unique(table["seed"], return_inverse=True)
        self.counts = np.bincount(codes)
        self.crossed = _is_crossed(table, len(self.seeds))
        self.n_records = table["record_id"].nunique()
        units = _cluster_names(table["record_id"], clusters)
        if not self.crossed:
            _check_clusters_nested(units, codes)
        self._labels, self._scores = table["label"].to_numpy(), [low_quality_scores(arm) for arm in tables]
        rows = [np.flatnonzero(codes == code) for code in range(len(self.seeds))]
        groups = [rows] if self.crossed else [[row] for row in rows]
        self.blocks = [self._block(units, group) for group in groups]

    def _block(self, units, rows):
        names, codes = np.unique(np.concatenate([units[row] for row in rows]), return_inverse=True)
        codes = np.split(codes, np.cumsum([len(row) for row in rows])[:-1])
        nets = [
            [RankedRecords(scores[row], self._labels[row], code, len(names)) for scores in self._scores]
            for row, code in zip(rows, codes, strict=True)
        ]
        return len(names), nets

    def areas(self, ranking):
        """Return the observed areas, float64 (n_seeds, n_arms)."""
        return np.concatenate(
            [_areas(nets, np.ones((n, 1), np.float32), ranking)[0] for n, nets in self.blocks]
        )

    def pooled(self, ranking):
        """Return the areas of all seeds' records in one list, float64 (n_arms,)."""
        return np.array([ranking(scores, self._labels) for scores in self._scores])


def _areas(nets, weights, ranking):
    """Return areas, float64 (n_resamples, n_seeds, n_arms), under weights (n_units, n_resamples)."""
    areas = [[ranking.function(*arm.weigh(weights)) for arm in arms] for arms in nets]
    return np.moveaxis(np.array(areas), -1, 0)


def _resampled_areas(block, ranking, contrast, n_resamples, rng):
    """Return the contrast of the arms' areas, float64 (n_resamples, n_seeds of the block), in bounded memory."""
    n_units, nets = block
    found = [np.empty((0, len(nets)))]
    for start in range(0, n_resamples, _CHUNK):
        size = min(_CHUNK, n_resamples - start)
        drawn = rng.integers(n_units, size=(size, n_units)) + n_units * np.arange(size)[:, None]
        copies = np.bincount(drawn.ravel(), minlength=size * n_units).reshape(size, n_units)
        weights = np.ascontiguousarray(copies.T, np.float32)
        found.append(_areas(nets, weights, ranking) @ contrast)
    return np.concatenate(found)


def _replicates(ranked, ranking, contrast, n_resamples, seed):
    """Return bootstrap means over seeds: over seeds and records, and over records alone, (n_resamples,) each."""
    streams = map(np.random.default_rng, np.random.SeedSequence(seed).spawn(3))
    n_seeds = len(ranked.seeds)
    draws = next(streams).integers(n_seeds, size=(n_resamples, n_seeds))
    if ranked.crossed:
        # one set of resamples serves both: drawing seeds needs no further area
        areas = _resampled_areas(ranked.blocks[0], ranking, contrast, n_resamples, next(streams))
        return np.take_along_axis(areas, draws, 1).mean(axis=1), areas.mean(axis=1)
    return tuple(
        _nested_means(ranked.blocks, ranking, contrast, drawn, rng)
        for drawn, rng in zip((draws, np.tile(np.arange(n_seeds), (n_resamples, 1))), streams, strict=True)
    )


def _nested_means(blocks, ranking, contrast, draws, rng):
    """Return the mean over drawn seeds, each on a fresh resample of its own records."""
    areas = np.empty(draws.shape)
    for code, block in enumerate(blocks):
        drawn = draws == code
        areas[drawn] = _resampled_areas(block, ranking, contrast, np.count_nonzero(drawn), rng)[:, 0]
    return areas.mean(axis=1)


def _limits(replicates, level):
    usable = replicates[np.isfinite(replicates)]
    if len(usable) < 2:
        fix = "Test on more recordings of both classes."
        got = f"{len(usable)} of {len(replicates)}"
        raise InputError("resamples", "two or more that hold both classes", got, fix)
    return percentile_limits(usable, level)


def _estimate(ranked, ranking, contrast, level, n_resamples, seed):
    """Return the fields of `ArmEstimate` for a contrast of the arms' areas."""
    check_resampling(level, n_resamples)
    two_level, records_only = _replicates(ranked, ranking, contrast, n_resamples, seed)
    low, high = _limits(two_level, level)
    records_low, records_high = _limits(records_only, level)
    scores = ranked.areas(ranking) @ contrast
    per_seed = pd.DataFrame({"seed": ranked.seeds, "n_records": ranked.counts, "score": scores})
    return {
        "metric": ranking.name, "estimate": float(scores.mean()), "low": low, "high": high, "level": level,
        "records_low": records_low, "records_high": records_high,
        "pooled": float(ranked.pooled(ranking) @ contrast), "per_seed": per_seed, "n_seeds": len(ranked.seeds),
        "n_records": ranked.n_records, "n_resamples": n_resamples,
        "design": "crossed" if ranked.crossed else "nested",
    }  # fmt: skip
