"""Macro AUC of a multi-label task over the classes that can bear it, with intervals over seeds and records.

Which classes count is a rule, fixed before the run: those with at least 20 positives, and as many negatives, in the
test set. The AUC of a class with a handful of positives moves by tenths with a single record, and a macro gives it the
weight of any other class: in the CSC2541 project half of the gain came from three classes with 2 to 9 positives in a
test fold. Such classes are shown, each with its interval, and left out of the macro. So are those without positives or
without negatives in training, where a caller names them (`untrained`): a net learns nothing about them, and their AUC
is near one half whatever it is worth. The macro over all classes that can be computed, as publications print it, always
stands beside it: it has no minimum and leaves out none of these.

Where seeds have test sets of their own, a class must pass in each of them: a mean over seeds of macros over different
classes would compare unlike things.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from ecgrepro.errors import InputError, SettingsError
from ecgrepro.evaluation.class_bootstrap import ClassBootstrap, SeededClassRanks, class_limits, difference
from ecgrepro.evaluation.class_ranks import missing_side
from ecgrepro.evaluation.comparison import ArmEstimate, select_part

#: Positives, and negatives, that a class needs in a test set to count (protocols: the rigorous version).
MINIMUM_POSITIVES = 20
#: Name of the macro over the classes that count, and of the one over all that can be computed.
MACRO, MACRO_OF_ALL = "macro_auc", "macro_auc_of_all_classes"


@dataclass(frozen=True, eq=False)
class MacroAUC(ArmEstimate):
    """Macro AUC over the classes that count; the fields of `ArmEstimate` and what it is made of.

    Attributes
    ----------
    all_classes : ArmEstimate
        The macro over all classes that can be computed, from the same resamples: without a minimum, and with the
        classes that nothing was learnt about.
    classes : pandas.DataFrame
        As `class_table` returns it.
    minimum_positives : int
    """

    all_classes: ArmEstimate
    classes: pd.DataFrame
    minimum_positives: int


@dataclass(frozen=True, eq=False)
class ClassRule:
    """Which classes count, and why others do not.

    Attributes
    ----------
    names : list of str
    positives, negatives : int64 arrays, (n_classes,)
        In the smallest test set.
    minimum_positives : int
    computable, trained, counted : bool arrays, (n_classes,)
        With an AUC in every test set; not named as untrained; with both, and passing the rule too.
    reasons : list of str
        Why a class does not count; "" for one that does.
    """

    names: list
    positives: np.ndarray
    negatives: np.ndarray
    minimum_positives: int
    computable: np.ndarray
    trained: np.ndarray
    counted: np.ndarray
    reasons: list


def class_rule(classes, positives, negatives, minimum_positives=MINIMUM_POSITIVES, untrained=None):
    """Apply the rule to classes with so many positives and negatives.

    Parameters
    ----------
    classes : sequence of str
        Names in the order of the logits.
    positives, negatives : integer arrays, (n_classes,)
        In the test set; of several, the fewest.
    minimum_positives : int
        Also the least number of negatives.
    untrained : mapping of int to str, optional
        Index of each class that nothing was learnt about, to the reason, such as "no positives in training". It does
        not count, but has its AUC. None unless given.

    Returns
    -------
    ClassRule

    Raises
    ------
    InputError
        For names that repeat, or not one per class, or an untrained class that is not among them.
    SettingsError
        For a minimum below 1.
    """
    classes = list(classes)
    if len(classes) != len(positives) or len(set(classes)) != len(classes):
        got = f"{len(classes)} names, {len(set(classes))} different ones"
        raise InputError("classes", f"{len(positives)} different names", got, "Name the logits in order.")
    if minimum_positives < 1:
        fix = "Use 20, or 1 to count every class that has an AUC."
        raise SettingsError("minimum_positives", "an integer of at least 1", repr(minimum_positives), fix)
    missing, untrained = missing_side(positives, negatives), _untrained(untrained, len(classes))
    reasons = [
        missing.get(k) or untrained.get(k) or _too_few(positives[k], negatives[k], minimum_positives)
        for k in range(len(classes))
    ]
    computable, trained = (
        np.array([k not in out for k in range(len(classes))]) for out in (missing, untrained)
    )
    counted = np.array([not reason for reason in reasons])
    return ClassRule(classes, positives, negatives, minimum_positives, computable, trained, counted, reasons)


def _untrained(given, n_classes):
    given = dict(given or {})
    if outside := sorted(set(given) - set(range(n_classes))):
        fix = "Index the classes in the order of the logits."
        raise InputError("untrained", f"indices from 0 to {n_classes - 1}", f"{outside}", fix)
    return given


def _too_few(positives, negatives, minimum):
    for count, side in ((positives, "positives"), (negatives, "negatives")):
        if count < minimum:
            return f"{side}: {count}, fewer than {minimum}"
    return ""


def check_countable(rule):
    """Raise InputError where no class counts: there is then no macro, and `class_table` shows what there is."""
    if not rule.computable.any():
        told = "; ".join(f"{n}: {why}" for n, why in zip(rule.names[:3], rule.reasons[:3], strict=True))
        fix = "Test on records with and without the classes."
        raise InputError("classes", "a class with positives and negatives", told, fix)
    if not rule.counted.any():
        most = np.minimum(rule.positives, rule.negatives)[rule.trained].max(initial=0)
        expected = f"a class with {rule.minimum_positives} positives and negatives in every test set"
        got = f"{most} at most" + (" of those learnt in training" if not rule.trained.all() else "")
        fix = "Test on more records, or read class_table; to lower minimum_positives changes the rule."
        raise InputError("classes", expected, got, fix)


def macro_auc_estimate(
    table, classes, *, part="test", level=0.95, n_resamples=2000, seed, clusters=None,
    minimum_positives=MINIMUM_POSITIVES, untrained=None,
):  # fmt: skip
    """Return one arm's mean macro AUC over seeds with its intervals, as `comparison.arm_estimate` does.

    Parameters
    ----------
    table : pandas.DataFrame
        Multi-label predictions of one or more seeds. Either every seed has its own records, or all seeds share all
        records.
    classes : sequence of str
        Names in the order of the logits.
    part : {"test", "validation"}
    level : float
        Nominal coverage.
    n_resamples : int
    seed : int
        Of the resampling, not of the training.
    clusters : mapping of str to str, optional
        Record to the cluster it is drawn with, for instance its patient.
    minimum_positives, untrained
        See `class_rule`.

    Returns
    -------
    MacroAUC
        Its ``pooled`` ranks the records of all seeds in one list, which is fair only where their scores share a scale.

    Raises
    ------
    InputError
        For an invalid table, one class per record, no row of that part, no class that counts, an untrained one that is
        not there, or seeds that share only some records.
    SettingsError
        For an impossible level, number of resamples or minimum.

    Notes
    -----
    With a single seed both intervals are over records alone and say nothing about training again.
    """
    ranked = SeededClassRanks([select_part(table, part, "table")], clusters)
    rule = class_rule(classes, ranked.positives, ranked.negatives, minimum_positives, untrained)
    check_countable(rule)
    bootstrap = ClassBootstrap(ranked, level, n_resamples, seed)
    return MacroAUC(
        **bootstrap.fields(MACRO, rule.counted),
        all_classes=ArmEstimate(**bootstrap.fields(MACRO_OF_ALL, rule.computable)),
        classes=arm_class_table(bootstrap, rule), minimum_positives=minimum_positives,
    )  # fmt: skip


def class_table(
    table, classes, *, part="test", level=0.95, n_resamples=2000, seed, clusters=None,
    minimum_positives=MINIMUM_POSITIVES, untrained=None,
):  # fmt: skip
    """Return the AUC of every class with its intervals, whether it counts, and if not why.

    Parameters
    ----------
    table, classes, part, level, n_resamples, seed, clusters, minimum_positives, untrained
        As for `macro_auc_estimate`.

    Returns
    -------
    pandas.DataFrame
        One row per class, in order: class; positives, negatives (of the seed that has the fewest); auc, mean over
        seeds; low, high, seeds and records drawn; records_low, records_high, records (or clusters) alone; n_lost, in
        how many resamples of the records a seed had no AUC, which are left out; counted; reason, "" where counted.
        The AUC and limits of a class that cannot be computed are NaN, and its reason says why.

    Raises
    ------
    InputError, SettingsError
        As `macro_auc_estimate`, but not for want of a class that counts.
    """
    ranked = SeededClassRanks([select_part(table, part, "table")], clusters)
    rule = class_rule(classes, ranked.positives, ranked.negatives, minimum_positives, untrained)
    return arm_class_table(ClassBootstrap(ranked, level, n_resamples, seed), rule)


def arm_class_table(bootstrap, rule):
    """Return the rows of `class_table` from resamples that are there already."""
    limits = class_limits(*bootstrap.by_class(), bootstrap.level)
    return table_of_classes(rule, {"auc": difference(bootstrap.areas)}, limits, bootstrap.lost())


def table_of_classes(rule, scores, limits, lost):
    """Put together a table of classes.

    Parameters
    ----------
    rule : ClassRule
    scores : dict of str to masked float64 arrays, (n_seeds, n_classes)
        Columns, to be averaged over seeds.
    limits : pandas.DataFrame
        As `class_bootstrap.class_limits` returns it.
    lost : integer array, (n_classes,)

    Returns
    -------
    pandas.DataFrame
        class, positives, negatives, the scores, low, high, records_low, records_high, n_lost, counted, reason.
    """
    means = {name: values.mean(axis=0).filled(np.nan) for name, values in scores.items()}
    # a class that only some seeds have gets no number: it would be of other records than its neighbours
    measured = pd.concat([pd.DataFrame(means), limits], axis=1)
    measured.loc[~rule.computable] = np.nan
    table = pd.DataFrame({"class": rule.names, "positives": rule.positives, "negatives": rule.negatives})
    ends = {"n_lost": lost, "counted": rule.counted, "reason": rule.reasons}
    return pd.concat([table, measured], axis=1).assign(**ends)
