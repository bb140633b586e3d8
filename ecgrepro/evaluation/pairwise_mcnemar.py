"""McNemar's test between every two of several arms, by run, pooled over seeds, or on a vote of the seeds.

Huerta et al. (2022) print that no two of eight nets differ by McNemar's test, and do not say on what: each net was
trained ten times. Three readings are offered as ``unit``:

"run"
    One test per seed: the two arms' nets of this seed on its test records.
"pooled"
    The answers of all seeds in one table. An interval that all seeds answer counts once for each; the plain tests take
    that for so many more intervals, the clustered test knows that they are of one recording.
"vote"
    One test of the class that most seeds of an arm answer. Ten seeds can tie: then the sum of the seeds' logits
    decides among the tied classes, and the lowest index where that ties too.

All compare these very nets: none says what training again would change, see `comparison.paired_difference` for that.
"""

import itertools
from dataclasses import asdict

import numpy as np
import pandas as pd

from ecgrepro.errors import InputError, SettingsError
from ecgrepro.evaluation.arms import matching_arms
from ecgrepro.evaluation.mcnemar import (
    ADJUSTMENTS,
    adjusted_p,
    clustered_mcnemar_test,
    mcnemar_test,
)
from ecgrepro.evaluation.predictions import logits, predicted_classes
from ecgrepro.evaluation.seeded_units import cluster_names, seeds_per_record

#: What is counted as one test: see the module's docstring.
UNITS = ("run", "pooled", "vote")
#: Columns of p values; each has two more, with ``_holm`` and ``_bonferroni`` added to its name.
P_VALUES = ("p", "p_continuity", "p_exact", "p_mid", "p_clustered")


def pairwise_mcnemar(tables, *, unit, part="test", clusters=None):
    """Test every two arms against each other.

    Parameters
    ----------
    tables : mapping of str to pandas.DataFrame
        Arm's name to its predictions, for the same seeds, folds, records and labels, rows in any order.
    unit : {"run", "pooled", "vote"}
    part : {"test", "validation"}
    clusters : mapping of str to str, optional
        Record to its cluster, for intervals `quality.recordings`; records that are not named stand for themselves.

    Returns
    -------
    pandas.DataFrame
        One row per pair, and per seed for unit "run": first, second (names), seed (int; -1 for all seeds together),
        n_answers, both_right, both_wrong, the fields of `McNemarTest`, n_clusters, n_unequal,
        chi2_clustered, p_clustered of `ClusteredMcNemarTest`, and each of `P_VALUES` corrected over the
        pairs (of the same seed).

    Raises
    ------
    InputError
        For fewer than two arms, arms that do not pair, fewer than two clusters, or for unit "vote" records that not
        every seed answers.
    SettingsError
        For an unknown unit.
    """
    if unit not in UNITS:
        raise SettingsError(
            "unit", f"one of {UNITS}", repr(unit), "See the docstring of pairwise_mcnemar.py."
        )
    arms = matching_arms(list(tables.values()), part)
    found = []
    for seed, units, right in _answers(arms, unit, clusters):
        pairs = itertools.combinations(zip(tables, right, strict=True), 2)
        rows = pd.DataFrame([_row(first, second, seed, units) for first, second in pairs])
        found.append(rows.assign(**_adjusted(rows)))
    return pd.concat(found, ignore_index=True)


def _answers(arms, unit, clusters):
    """Yield seed (-1 for all), each answer's cluster as an index from 0, and what each arm has right, bool arrays."""
    if unit == "vote":
        arms = _votes(arms)
    labels, seeds = arms[0]["label"].to_numpy(), arms[0]["seed"].to_numpy()
    right = [predicted_classes(arm) == labels for arm in arms]
    names = cluster_names(arms[0]["record_id"], clusters)
    for seed in np.unique(seeds) if unit == "run" else [-1]:
        rows = seeds == seed if unit == "run" else slice(None)
        yield int(seed), np.unique(names[rows], return_inverse=True)[1], [arm[rows] for arm in right]


def _votes(arms):
    """Return, for arms sorted by seed and record, one row per record whose largest logit is the seeds' vote."""
    n_seeds = arms[0]["seed"].nunique()
    n_answers = seeds_per_record(arms[0], n_seeds)
    if n_answers < n_seeds:
        got = "records of one seed each" if n_answers == 1 else f"by {n_answers} of {n_seeds} seeds"
        fix = "Use unit='run' or unit='pooled' where not every seed has all records."
        raise InputError("vote", "every record answered by every seed", got, fix)
    first_seed = arms[0].iloc[: len(arms[0]) // n_seeds]
    voted = []
    for arm in arms:
        scores = logits(arm).reshape(n_seeds, len(first_seed), -1).astype(np.float64)
        votes = _winners(scores)
        voted.append(first_seed.assign(**{f"logit_{i}": votes == i for i in range(scores.shape[-1])}))
    return voted


def _winners(scores):
    """Return the class most seeds answer, (n_records,), of logits (n_seeds, n_records, n_classes)."""
    answers = scores.argmax(axis=-1)
    counts = np.stack([(answers == index).sum(axis=0) for index in range(scores.shape[-1])], axis=-1)
    tied = counts == counts.max(axis=-1, keepdims=True)
    return np.where(tied, scores.sum(axis=0), -np.inf).argmax(axis=-1)


def _row(first, second, seed, units):
    (first_name, first_right), (second_name, second_right) = first, second
    first_only, second_only = first_right & ~second_right, second_right & ~first_right
    per_cluster = [np.bincount(units[only], minlength=units.max() + 1) for only in (first_only, second_only)]
    clustered = clustered_mcnemar_test(*per_cluster)
    return {
        "first": first_name, "second": second_name, "seed": seed, "n_answers": len(units),
        "both_right": np.count_nonzero(first_right & second_right),
        "both_wrong": np.count_nonzero(~first_right & ~second_right),
        **asdict(mcnemar_test(np.count_nonzero(first_only), np.count_nonzero(second_only))),
        "n_clusters": clustered.n_clusters, "n_unequal": clustered.n_unequal,
        "chi2_clustered": clustered.chi2, "p_clustered": clustered.p,
    }  # fmt: skip


def _adjusted(rows):
    return {
        f"{column}_{method}": adjusted_p(rows[column], method)
        for column in P_VALUES
        for method in ADJUSTMENTS
    }
