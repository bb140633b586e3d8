"""Macro AUC of two arms compared, paired on the same records or, where they were tested on different ones, unpaired.

Paired is what a comparison should be: both arms on the same resampled seeds and records, so that a hard record or a
lucky fold cancels. Unpaired is for arms that were judged on different test records, as the CSC2541 project judged its
two on different folds of Georgia: each is resampled by itself, the interval is as much wider, and what part of the
difference the test records made cannot be told.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from ecgrepro.errors import InputError
from ecgrepro.evaluation.class_bootstrap import (
    ClassBootstrap,
    SeededClassRanks,
    check_multi_label,
    class_limits,
    difference,
)
from ecgrepro.evaluation.comparison import (
    ArmEstimate,
    PairedDifference,
    check_paired,
    select_part,
    with_tests,
)
from ecgrepro.evaluation.macro_auc import (
    MACRO,
    MACRO_OF_ALL,
    MINIMUM_POSITIVES,
    check_countable,
    class_rule,
    table_of_classes,
)
from ecgrepro.evaluation.predictions import logit_columns
from ecgrepro.evaluation.seed_tests import TTest, welch_t_test
from ecgrepro.evaluation.seeded_units import usable_limits


@dataclass(frozen=True, eq=False)
class PairedMacroAUC(PairedDifference):
    """First minus second arm over the classes that count; the fields of `PairedDifference` and what it is made of.

    Attributes
    ----------
    all_classes : PairedDifference
        The same for all classes that can be computed, without a minimum, from the same resamples.
    classes : pandas.DataFrame
        As `macro_auc.class_table`, with first, second and difference in place of auc; the limits are the difference's.
    minimum_positives : int
    """

    all_classes: PairedDifference
    classes: pd.DataFrame
    minimum_positives: int


@dataclass(frozen=True, eq=False)
class UnpairedDifference(ArmEstimate):
    """First minus second arm on different records; the fields of `ArmEstimate`, with ``design`` "unpaired".

    Its ``per_seed`` has arm, seed, n_records, score; ``n_seeds`` is that of the arm with fewer, ``n_records`` counts
    the distinct records of both.

    Attributes
    ----------
    first, second : ArmEstimate
        Each arm by itself, from the same resamples.
    welch : TTest
        Over seeds, at the same level.
    """

    first: ArmEstimate
    second: ArmEstimate
    welch: TTest


@dataclass(frozen=True, eq=False)
class UnpairedMacroAUC(UnpairedDifference):
    """First minus second arm over the classes that count in both; fields of `UnpairedDifference` and its parts.

    Attributes
    ----------
    all_classes : UnpairedDifference
    classes : pandas.DataFrame
        As in `PairedMacroAUC`; positives and negatives are those of the arm that has fewer.
    minimum_positives : int
    n_shared_records : int
        Records that both arms were tested on. The more there are, the wider the interval is than it need be.
    """

    all_classes: UnpairedDifference
    classes: pd.DataFrame
    minimum_positives: int
    n_shared_records: int


def paired_macro_auc_difference(
    first, second, classes, *, part="test", level=0.95, n_resamples=2000, seed, clusters=None,
    minimum_positives=MINIMUM_POSITIVES, untrained=None,
):  # fmt: skip
    """Return the mean over seeds of first - second with its intervals, both arms on the same resamples.

    Parameters
    ----------
    first, second : pandas.DataFrame
        Multi-label predictions of the two arms for the same seeds, folds, records and labels, in any order.
    classes, part, level, n_resamples, seed, clusters, minimum_positives, untrained
        As for `macro_auc.macro_auc_estimate`; untrained are those of either arm.

    Returns
    -------
    PairedMacroAUC

    Raises
    ------
    InputError
        When the arms differ in seeds, records, folds, labels or number of classes, and as `macro_auc_estimate`.
    SettingsError
        As `macro_auc_estimate`.
    """
    tables = [select_part(first, part, "first arm"), select_part(second, part, "second arm")]
    for table in tables:
        check_multi_label(table)
    check_paired(*tables)
    ranked = SeededClassRanks(tables, clusters)
    rule = class_rule(classes, ranked.positives, ranked.negatives, minimum_positives, untrained)
    check_countable(rule)
    bootstrap = ClassBootstrap(ranked, level, n_resamples, seed)

    def compared(metric, chosen):
        scores = bootstrap.areas[..., chosen].mean(axis=-1).filled(np.nan)
        return with_tests(bootstrap.fields(metric, chosen), scores, level)

    limits = class_limits(*bootstrap.by_class(), level)
    return PairedMacroAUC(
        **vars(compared(MACRO, rule.counted)), all_classes=compared(MACRO_OF_ALL, rule.computable),
        classes=table_of_classes(rule, _columns(*bootstrap.areas), limits, bootstrap.lost()),
        minimum_positives=minimum_positives,
    )  # fmt: skip


def _columns(first, second):
    return {"first": first, "second": second, "difference": first - second}


def unpaired_macro_auc_difference(
    first, second, classes, *, part="test", level=0.95, n_resamples=2000, seed, clusters=None,
    minimum_positives=MINIMUM_POSITIVES, untrained=None,
):  # fmt: skip
    """Return the difference of two arms' mean macro AUCs with its intervals, each arm resampled by itself.

    For arms tested on different records, of any number of seeds. On the same records it is valid but wide: use
    `paired_macro_auc_difference`.

    Parameters
    ----------
    first, second : pandas.DataFrame
        Multi-label predictions of the two arms for the same classes.
    classes, part, level, n_resamples, seed, clusters, minimum_positives, untrained
        As for `macro_auc.macro_auc_estimate`; a class counts if it passes in the test sets of both arms and is not
        untrained.

    Returns
    -------
    UnpairedMacroAUC

    Raises
    ------
    InputError
        When the arms differ in the number of classes, and as `macro_auc_estimate` for either.
    SettingsError
        As `macro_auc_estimate`.
    """
    tables = [select_part(first, part, "first arm"), select_part(second, part, "second arm")]
    _check_same_classes(*tables)
    ranked = [SeededClassRanks([table], clusters) for table in tables]
    fewest = [np.minimum(*(getattr(arm, side) for arm in ranked)) for side in ("positives", "negatives")]
    rule = class_rule(classes, *fewest, minimum_positives, untrained)
    check_countable(rule)
    streams = np.random.SeedSequence(seed).spawn(2)
    arms = [
        ClassBootstrap(arm, level, n_resamples, stream) for arm, stream in zip(ranked, streams, strict=True)
    ]
    ids = [set(table["record_id"]) for table in tables]

    def compared(metric, chosen):
        return _unpaired(arms, metric, chosen, len(ids[0] | ids[1]))

    return UnpairedMacroAUC(
        **vars(compared(MACRO, rule.counted)), all_classes=compared(MACRO_OF_ALL, rule.computable),
        classes=_unpaired_classes(arms, rule), minimum_positives=minimum_positives,
        n_shared_records=len(ids[0] & ids[1]),
    )  # fmt: skip


def _check_same_classes(first, second):
    counts = [len(logit_columns(table)) for table in (first, second)]
    if counts[0] != counts[1]:
        got = f"{counts[0]} and {counts[1]}"
        raise InputError("arms", "the same number of classes", got, "Compare nets of one task.")


def _unpaired(arms, metric, chosen, n_records):
    estimates = [ArmEstimate(**arm.fields(metric, chosen)) for arm in arms]
    first, second = estimates
    levels = [one - other for one, other in zip(*(arm.macros(chosen) for arm in arms), strict=True)]
    low, high, records_low, records_high = (
        limit for level in levels for limit in usable_limits(level, first.level)
    )
    scores = [estimate.per_seed["score"].to_numpy() for estimate in estimates]
    return UnpairedDifference(
        metric=metric, estimate=first.estimate - second.estimate, level=first.level,
        low=low, high=high, records_low=records_low, records_high=records_high,
        pooled=first.pooled - second.pooled,
        per_seed=pd.concat([first.per_seed.assign(arm="first"), second.per_seed.assign(arm="second")],
                           ignore_index=True)[["arm", "seed", "n_records", "score"]],
        n_seeds=min(first.n_seeds, second.n_seeds), n_records=n_records, n_resamples=first.n_resamples,
        design="unpaired", first=first, second=second, welch=welch_t_test(*scores, first.level),
    )  # fmt: skip


def _unpaired_classes(arms, rule):
    replicates = [one - other for one, other in zip(*(arm.by_class() for arm in arms), strict=True)]
    means = [difference(arm.areas).mean(axis=0, keepdims=True) for arm in arms]
    limits = class_limits(*replicates, arms[0].level)
    return table_of_classes(rule, _columns(*means), limits, arms[0].lost() + arms[1].lost())
