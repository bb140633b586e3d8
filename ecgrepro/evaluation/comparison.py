"""One arm's score, and the paired difference of two arms, over seeds and records.

An arm is a table of predictions (`ecgrepro.evaluation.predictions`) of one or more seeds. The estimate is always the
mean over seeds of the per-seed metric. Its interval resamples seeds and records together; what that interval is worth
with few seeds is said in `ecgrepro.evaluation.two_level`, and the classic t over seeds stands beside it. Where records
are tested by several seeds, but not by all, that t takes repeats for independent seeds and is too narrow.

Where each seed tests a fold of its own, the effects of the seed (initial weights, order, pre-training) and of the fold
(which records were trained on and which tested) are one number: the interval covers both, neither can stand alone.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from ecgrepro.errors import InputError
from ecgrepro.evaluation.intervals import check_resampling
from ecgrepro.evaluation.metrics import get_metric
from ecgrepro.evaluation.predictions import is_multi_label, labels, logit_columns, validate_predictions
from ecgrepro.evaluation.seed_tests import (
    EquivalenceTest,
    TTest,
    check_margin,
    equivalence_test,
    paired_t_test,
    welch_t_test,
)
from ecgrepro.evaluation.seeded_units import estimate_fields
from ecgrepro.evaluation.two_level import bootstrap_means, count_by_seed


@dataclass(frozen=True, eq=False)
class ArmEstimate:
    """A score with its intervals.

    Attributes
    ----------
    metric : str
    estimate : float
        Mean over seeds of the metric on each seed's records.
    low, high : float
        Two-level percentile limits: another training run and other recordings.
    level : float
    records_low, records_high : float
        Limits when only records are resampled: other recordings, these very nets.
    pooled : float
        The metric on all test records of all seeds taken as one set.
    per_seed : pandas.DataFrame
        seed, n_records, score; a difference has first, second, difference in place of score.
    n_seeds, n_records, n_resamples : int
        n_records counts distinct records.
    design : {"nested", "crossed", "repeated"}
        Whether each record is tested by one seed, by all seeds, or by equally many but not all.
    """

    metric: str
    estimate: float
    low: float
    high: float
    level: float
    records_low: float
    records_high: float
    pooled: float
    per_seed: pd.DataFrame
    n_seeds: int
    n_records: int
    n_resamples: int
    design: str


@dataclass(frozen=True, eq=False)
class PairedDifference(ArmEstimate):
    """First minus second arm on the same records; the fields of `ArmEstimate` and two tests.

    Attributes
    ----------
    t_test : TTest
        Paired over seeds, at the same level.
    welch : TTest
        Ignoring the pairing, as two separate publications would be compared.
    """

    t_test: TTest
    welch: TTest

    @property
    def smallest_margin(self):
        """Half the interval's width: no narrower margin could hold the interval, whatever the estimate."""
        return (self.high - self.low) / 2


@dataclass(frozen=True, eq=False)
class Equivalence:
    """Whether two arms differ by less than a margin.

    Attributes
    ----------
    margin : float
        In the metric's units.
    difference : PairedDifference
        With its two-level interval, at 90 % unless asked otherwise.
    test : EquivalenceTest
        The classic two one-sided t tests over seeds.
    """

    margin: float
    difference: PairedDifference
    test: EquivalenceTest

    @property
    def within_margin(self):
        """Whether the whole two-level interval lies strictly within the margin."""
        return -self.margin < self.difference.low and self.difference.high < self.margin

    @property
    def answer(self):
        """One of "equal" (the whole interval lies within the margin), "different" (wholly outside it), "open"."""
        if self.within_margin:
            return "equal"
        outside = self.difference.low > self.margin or self.difference.high < -self.margin
        return "different" if outside else "open"


def arm_estimate(table, metric, *, part="test", level=0.95, n_resamples=2000, seed, clusters=None):
    """Return one arm's mean score over seeds with its intervals.

    Parameters
    ----------
    table : pandas.DataFrame
        Predictions of one or more seeds, in one of the designs of `two_level`.
    metric : str or Metric
    part : {"test", "validation"}
        Which rows to score.
    level : float
        Nominal coverage.
    n_resamples : int
    seed : int
        Of the resampling, not of the training.
    clusters : mapping of str to str, optional
        Record to the cluster it is drawn with; see `two_level.count_by_seed`.

    Returns
    -------
    ArmEstimate

    Raises
    ------
    InputError
        For an invalid table, no row of that part, or records of which some are tested by more seeds than others.
    SettingsError
        For an unknown metric or an impossible level or number of resamples.

    Notes
    -----
    With a single seed the interval resamples records alone and says nothing about training again.
    """
    metric = get_metric(metric)
    records = count_by_seed([select_part(table, part, "table")], clusters)
    return ArmEstimate(**_estimate(records, metric, _first_arm(metric), level, n_resamples, seed))


def paired_difference(
    first, second, metric, *, part="test", level=0.95, n_resamples=2000, seed, clusters=None
):
    """Return the mean over seeds of first - second with its intervals.

    Both arms are scored on the same resampled seeds and records: what is common to both (a hard record) cancels.

    Parameters
    ----------
    first, second : pandas.DataFrame
        Predictions of the two arms for the same seeds, folds, records and labels, in any order.
    metric, part, level, n_resamples, seed, clusters
        As for `arm_estimate`.

    Returns
    -------
    PairedDifference

    Raises
    ------
    InputError
        When the arms differ in seeds, records, folds, labels or number of classes, and as `arm_estimate`.
    SettingsError
        As `arm_estimate`.
    """
    metric = get_metric(metric)
    tables = [select_part(first, part, "first arm"), select_part(second, part, "second arm")]
    check_paired(*tables)
    records = count_by_seed(tables, clusters)
    summary = _estimate(records, metric, _difference(metric), level, n_resamples, seed)
    return with_tests(summary, metric(records.matrices).T, level)


def with_tests(summary, scores, level):
    """Make a `PairedDifference` of the fields of its `ArmEstimate` and the scores of both arms, (2, n_seeds)."""
    differences = summary["per_seed"].rename(columns={"score": "difference"})
    differences.insert(2, "first", scores[0])
    differences.insert(3, "second", scores[1])
    summary["per_seed"] = differences
    tests = {"t_test": paired_t_test(*scores, level), "welch": welch_t_test(*scores, level)}
    return PairedDifference(**summary, **tests)


def equivalence(first, second, metric, margin, *, level=0.90, **settings):
    """Ask whether two arms differ by less than ``margin``.

    Two answers are given: the two-level interval lying wholly within +- margin (a 90 % interval makes this a test at
    5 %), and two one-sided paired t tests over seeds.

    Parameters
    ----------
    first, second, metric
        As for `paired_difference`.
    margin : float
        In the metric's units, above 0, fixed before the run.
    level : float
    **settings
        part, n_resamples, seed, clusters, as for `paired_difference`.

    Returns
    -------
    Equivalence

    Raises
    ------
    SettingsError
        For a margin not above 0, and as `paired_difference`.
    InputError
        As `paired_difference`.
    """
    check_margin(margin)
    difference = paired_difference(first, second, metric, level=level, **settings)
    scores = difference.per_seed
    test = equivalence_test(scores["first"], scores["second"], margin)
    return Equivalence(margin, difference, test)


def _first_arm(metric):
    return lambda matrices: metric(matrices[..., 0, :, :])


def _difference(metric):
    return lambda matrices: metric(matrices[..., 0, :, :]) - metric(matrices[..., 1, :, :])


def select_part(table, part, where):
    """Return the validated rows of a part, sorted by seed and record, so that row order cannot matter.

    Raises
    ------
    InputError
        For a table that is none of predictions, or without a row of that part; `where` names it.
    """
    table = validate_predictions(table, where)
    table = table[table["part"] == part]
    if not len(table):
        raise InputError(where, f"rows of part {part!r}", "none", "Name the part the trials left.")
    return table.sort_values(["seed", "record_id"], ignore_index=True)


def check_paired(first, second):
    """Raise InputError unless two sorted tables agree in all but their logits."""
    if logit_columns(first) != logit_columns(second):
        got = f"{len(logit_columns(first))} and {len(logit_columns(second))}"
        raise InputError("arms", "the same number of classes", got, "Compare nets of one task.")
    if is_multi_label(first) != is_multi_label(second):
        raise InputError("arms", "one label per record in both, or several in both", "one of each",
                         "Compare nets of one task.")  # fmt: skip
    seeds = [sorted(set(table["seed"])) for table in (first, second)]
    if seeds[0] != seeds[1]:
        got = f"{seeds[0]} and {seeds[1]}"
        raise InputError("arms", "the same seeds", got, "Run the missing trials, or leave out the others.")
    keys = [table[["seed", "record_id"]].to_numpy() for table in (first, second)]
    if not np.array_equal(*keys):
        keys = [set(zip(table["seed"], table["record_id"], strict=True)) for table in (first, second)]
        got = f"{len(keys[0] - keys[1])} only in the first and {len(keys[1] - keys[0])} only in the second"
        got += f", such as {min(keys[0] ^ keys[1])[1]!r}"
        raise InputError("arms", "the same records in each seed", got, "Give both arms the same split.")
    for column, read in (("label", labels), ("fold", lambda table: table["fold"].to_numpy())):
        differ = read(first) != read(second)
        unequal = differ.reshape(len(first), -1).any(axis=1)
        if unequal.any():
            got = f"{unequal.sum()} that differ, first {first['record_id'][unequal].iloc[0]!r}"
            raise InputError(
                "arms", f"the same {column} of each record", got, "Give both arms the same split."
            )


def _estimate(records, metric, score, level, n_resamples, seed):
    """Return the fields of `ArmEstimate` for a score of (..., n_arms, n_classes, n_classes)."""
    check_resampling(level, n_resamples)
    streams = map(np.random.default_rng, np.random.SeedSequence(seed).spawn(2))
    two_level = bootstrap_means(records, score, n_resamples, next(streams))
    records_only = bootstrap_means(records, score, n_resamples, next(streams), resample_seeds=False)
    pooled = score(records.matrices.sum(0))
    return estimate_fields(
        metric.name, records, score(records.matrices), pooled, two_level, records_only, level
    )
