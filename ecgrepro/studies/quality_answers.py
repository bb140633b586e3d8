"""What nets answer on five-second intervals, counted and resampled once for all metrics: behind `quality_tables`.

Intervals of one recording are drawn together, and so are exact copies of a recording. Estimates and limits are those of
`ecgrepro.evaluation.comparison`, `ranking_comparison` and `trend`, but half a million answers are sorted and counted
once and not once for each metric. For that, all seeds of an arm must have answered the same intervals.
"""

from collections import namedtuple
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ecgrepro.errors import InputError
from ecgrepro.evaluation.arms import arm_replicates
from ecgrepro.evaluation.intervals import percentile_limits
from ecgrepro.evaluation.metrics import METRICS as ALL_METRICS
from ecgrepro.evaluation.quality import low_quality_scores
from ecgrepro.evaluation.ranking import RANKINGS, RankedRecords
from ecgrepro.evaluation.two_level import SeededRecords
from ecgrepro.studies.evidence import RESAMPLING, clusters_of

#: Metrics of an arm; the first decides, the second is the published one.
METRICS = ("balanced_accuracy", "accuracy", "sensitivity", "specificity", "matthews_correlation")
#: Resamples of ranks that are weighed at once.
_CHUNK = 32
#: Two arms by seed, and the mean of first minus second with its limits.
Difference = namedtuple("Difference", "metric first second estimate low high records")


@dataclass(frozen=True, eq=False)
class Answers:
    """What the nets of an arm answer on the same test intervals.

    Attributes
    ----------
    seeds : int64 array, (n_seeds,)
    ids, labels : arrays, (n_records,)
        Of the intervals.
    units : integer array, (n_records,)
        From 0: what each interval is drawn with.
    scores : float64 array, (n_seeds, n_records)
        Above 0 for the answer "low quality", see `low_quality_scores`.
    """

    seeds: np.ndarray
    ids: np.ndarray
    labels: np.ndarray
    units: np.ndarray
    scores: np.ndarray


def shared_seeds(arms):
    """Seeds that all arms, lists of runs, have."""
    return set.intersection(*({run["trial"]["seed"] for run in runs} for runs in arms))


def parts_tested(runs, seeds=None):
    """Test predictions of runs, or of those with some seeds."""
    tables = [run["predictions"] for run in runs if seeds is None or run["trial"]["seed"] in seeds]
    return [table[table["part"] == "test"] for table in tables]


def paired_answers(arms):
    """Answers of several arms, lists of runs, of the seeds that all have; empty where they have none in common."""
    made, seeds = [], shared_seeds(arms)
    for runs in arms if seeds else ():
        made.append(read_answers(parts_tested(runs, seeds), made[0] if made else None))
    return made


def read_answers(tables, like=None):
    """Read the test part of prediction tables; intervals in the order of other answers, else of the first seed."""
    parts = [part for table in tables for _, part in table[table["part"] == "test"].groupby("seed")]
    ids = parts[0]["record_id"].to_numpy() if like is None else like.ids
    parts = [_in_order(part, ids) for part in parts]
    labels = parts[0]["label"].to_numpy() if like is None else like.labels
    if any((part["label"].to_numpy() != labels).any() for part in parts):
        _refuse("intervals with other labels")
    units = np.unique(list(clusters_of(ids).values()), return_inverse=True)[1] if like is None else like.units
    seeds = np.array([part["seed"].iat[0] for part in parts])
    return Answers(seeds, ids, labels, units, np.stack([low_quality_scores(part) for part in parts]))


def _in_order(part, ids):
    if np.array_equal(part["record_id"].to_numpy(), ids):
        return part
    places = pd.Index(part["record_id"]).get_indexer(ids)
    if len(part) != len(ids) or (places < 0).any():
        _refuse(f"{len(part)} and {len(ids)} intervals, of which {np.count_nonzero(places >= 0)} are in both")
    return part.iloc[places]


def _refuse(got):
    fix = "Compare runs that were tested on one corpus with one revision of its labels."
    raise InputError("predictions", "the same test intervals and labels in every run", got, fix)


def count_answers(arms):
    """Count the confusions of arms that answer the same intervals with the same seeds: `SeededRecords`.

    All seeds share all intervals, so the design is crossed; with a single seed that is the same as nested.
    """
    first = arms[0]
    size = 4 * (int(first.units.max()) + 1)
    places = 4 * first.units + 2 * first.labels.astype(np.int64)
    counted = [
        np.bincount(places + (arm.scores[place] > 0), minlength=size).reshape(-1, 4)
        for place in range(len(first.seeds))
        for arm in arms
    ]
    block = np.concatenate(counted, axis=1)
    matrices = block.sum(axis=0).reshape(len(first.seeds), len(arms), 2, 2)
    return SeededRecords(first.seeds, matrices, (block,), True, len(first.ids))


def scores_by_seed(runs, metrics):
    """Scores of an arm's runs, float64 (n_seeds, n_metrics)."""
    return observed_scores(count_answers([read_answers(parts_tested(runs))]), metrics)[:, 0]


# Estimates: every resample is scored by all metrics


def seed_sequences(n):
    """The first of the streams that the evaluation room draws from the one seed of all intervals."""
    return np.random.SeedSequence(RESAMPLING["seed"]).spawn(n)


def observed_scores(records, metrics):
    """Scores float64 (n_seeds, n_arms, n_metrics)."""
    return np.stack([ALL_METRICS[name](records.matrices) for name in metrics], axis=-1)


def _resampled(records, metrics, n_resamples):
    """Bootstrap replicates of the means over seeds, float64 (n_resamples, n_arms, n_metrics)."""

    def score(matrices):
        scores = np.stack([ALL_METRICS[name](matrices) for name in metrics], axis=-1)
        return scores.reshape(*matrices.shape[:2], -1)  # metrics of arms, as if each were an arm

    rng = np.random.default_rng(seed_sequences(1)[0])
    means = arm_replicates(records, score, n_resamples, rng)
    return means.reshape(n_resamples, -1, len(metrics))


def differences(arms, metrics, n_resamples, level):
    """Compare two arms: list of `Difference` by metric, with the scores of each arm by seed."""
    records = count_answers(arms)
    scores, means = observed_scores(records, metrics), _resampled(records, metrics, n_resamples)
    made = []
    for place, metric in enumerate(metrics):
        first, second = scores[..., place].T
        limits = percentile_limits(means[:, 0, place] - means[:, 1, place], level)
        made.append(Difference(metric, first, second, (first - second).mean(), *limits, len(arms[0].ids)))
    return made


def estimates(answers, n_resamples):
    """Rows of every metric; without areas where a class is missing, so that nothing can be ranked."""
    ranked = _area_estimates(answers, n_resamples) if len(np.unique(answers.labels)) == 2 else []
    return confusion_estimates(answers, METRICS, n_resamples) + ranked


def confusion_estimates(answers, metrics, n_resamples):
    records = count_answers([answers])
    means = _resampled(records, metrics, n_resamples)[:, 0]
    return _rows(metrics, observed_scores(records, metrics)[:, 0], means, answers)


def _area_estimates(answers, n_resamples):
    """ROC area and average precision; the resamples are those of `ranking_comparison.ranking_estimate`."""
    seeds_rng, records_rng = map(np.random.default_rng, seed_sequences(2))
    n_seeds, n_units = len(answers.seeds), int(answers.units.max()) + 1
    nets = [RankedRecords(scores, answers.labels, answers.units, n_units) for scores in answers.scores]
    draws = seeds_rng.integers(n_seeds, size=(n_resamples, n_seeds))
    chunks = [
        _areas(nets, _weights(n_units, min(_CHUNK, n_resamples - start), records_rng))
        for start in range(0, n_resamples, _CHUNK)
    ]
    means = np.take_along_axis(np.concatenate(chunks), draws[..., None], 1).mean(axis=1)
    return _rows(RANKINGS, _areas(nets, np.ones((n_units, 1), np.float32))[0], means, answers)


def _areas(nets, weights):
    """Areas float64 (n_resamples, n_seeds, n_rankings) under weights (n_units, n_resamples)."""
    counted = [net.weigh(weights) for net in nets]
    areas = [[ranking.function(*counts) for ranking in RANKINGS.values()] for counts in counted]
    return np.moveaxis(np.array(areas), -1, 0)


def _weights(n_units, size, rng):
    """How often each unit is in each of `size` resamples, float32 (n_units, size)."""
    drawn = rng.integers(n_units, size=(size, n_units)) + n_units * np.arange(size)[:, None]
    copies = np.bincount(drawn.ravel(), minlength=size * n_units).reshape(size, n_units)
    return np.ascontiguousarray(copies.T, np.float32)


def _rows(names, scores, means, answers):
    """Rows of scores (n_seeds, n_metrics) with limits from replicates of their means (n_resamples, n_metrics)."""
    size = {"seeds": len(answers.seeds), "records": len(answers.ids)}
    rows = []
    for name, own, drawn in zip(names, scores.T, means.T, strict=True):
        low, high = percentile_limits(drawn[np.isfinite(drawn)], 0.95)  # without a class there is no area
        rows.append({"metric": name, "estimate": own.mean(), "low": low, "high": high} | size)
    return rows
