"""Estimates of areas under ROC curves for the ledger: macro AUC, and that of one class.

What is published is the mean over all classes of a task, so this is what the ledger holds against it; the mean over
the classes with enough positives stands beside it on the page of the study (`ecgrepro.evaluation.macro_auc`).
"""

from dataclasses import dataclass

import pandas as pd

from ecgrepro.evaluation.macro_auc import macro_auc_estimate
from ecgrepro.evaluation.macro_auc_comparison import (
    paired_macro_auc_difference,
    unpaired_macro_auc_difference,
)
from ecgrepro.evaluation.trend import trend_of_values
from ecgrepro.studies.designs import stacked

MACRO, OF_CLASS = "macro_auc", "auc_"
#: Every class counts that has an area at all: so do the published means.
ALL = 1
RESAMPLES = 2000


@dataclass(frozen=True)
class Area:
    """An estimate with its interval, and of how much.

    Attributes
    ----------
    estimate, low, high, level : float
    n_seeds : int
    n_records : int or None
    design : str
        See `ecgrepro.evaluation.two_level`; "unpaired" where arms were tested on different recordings.
    how : str
        How the interval was drawn, in words.
    """

    estimate: float
    low: float
    high: float
    level: float
    n_seeds: int
    n_records: int | None
    design: str
    how: str


def area(comparison, runs, *, level, seed):
    """Estimate an area of one arm, the first arm's minus the second's, or a trend.

    Parameters
    ----------
    comparison : dict
        Of a claim. Its metric is ``macro_auc``, or ``auc_`` and a class with ``_`` for what is no letter or digit.
    runs : list of lists of dict
        Results of each arm, or of each at each share of the labels; a run per seed.
    level : float
    seed : int
        Of the resampling.

    Returns
    -------
    Area or None
        None where the runs cannot tell: another task, or a class without positives or negatives.
    """
    tasks = {tuple(run["run"]["classes"]) for arm in runs for run in arm}
    if len(tasks) != 1:
        return None
    (classes,) = tasks
    how = {"level": level, "seed": seed, "clusters": patients(run for arm in runs for run in arm)}
    if comparison["rule"] == "trend":
        return _trend(comparison, runs, classes, how)
    tables = [stacked(arm) for arm in runs]
    measure = macro_auc_estimate if len(tables) == 1 else _difference(runs)
    found = measure(*tables, classes, minimum_positives=ALL, n_resamples=RESAMPLES, **how)
    metric = comparison["metric"]
    row = found if metric == MACRO else _of_class(metric, found.classes, len(tables))
    if row is None:
        return None
    return Area(row.estimate, row.low, row.high, level, found.n_seeds, found.n_records, found.design,
                "two-level bootstrap over seeds and records")  # fmt: skip


def _trend(comparison, runs, classes, how):
    """Trend of macro AUC along arms or shares; of two arms along shares that of the first minus the second."""
    scores = [_by_seed(arm, classes, how) for arm in runs]
    half = len(scores) // 2
    if len(comparison["arms"]) == 2 and isinstance(comparison["label_fraction"], list):
        scores = [first - second for first, second in zip(scores[:half], scores[half:], strict=True)]
    values = pd.concat(scores, axis=1).dropna()
    found = trend_of_values(values.to_numpy(), metric=comparison["metric"], seeds=values.index, level=how["level"],
                            seed=how["seed"])  # fmt: skip
    return Area(found.estimate, found.low, found.high, found.level, len(values), None, found.design,
                "the mean line's change, interval by permutation within seeds")  # fmt: skip


def _by_seed(arm, classes, how):
    """Macro AUC of each seed: Series by seed."""
    found = macro_auc_estimate(stacked(arm), classes, minimum_positives=ALL, n_resamples=100, **how)
    return found.per_seed.set_index("seed").score


def _difference(runs):
    """Paired where both arms were tested on the same recordings of each seed."""
    first, second = ({run["trial"]["seed"]: _tested(run) for run in arm} for arm in runs)
    return paired_macro_auc_difference if first == second else unpaired_macro_auc_difference


def _tested(run):
    table = run["predictions"]
    return tuple(sorted(table.record_id[table.part == "test"]))


def _of_class(metric, table, n_arms):
    """Row of a class as an estimate, None where it has no area."""
    names = {
        OF_CLASS + "".join(letter if letter.isalnum() else "_" for letter in name): name
        for name in table["class"]
    }
    rows = table[table["class"] == names.get(metric)]
    score = "auc" if n_arms == 1 else "difference"
    rows = rows[rows[score].notna()].rename(columns={score: "estimate"})
    return next(rows.itertuples(), None)


def patients(runs):
    """Recording to what it is resampled with, where several tested ones are of one patient: dict of str to str."""
    together = [group for run in runs for group in run["run"].get("drawn_together", ())]
    return {record: group[0] for group in together for record in group}
