"""Tables of the `ptbxl_transfer` page: macro AUC of arms and classes, and differences between arms.

Functions take results as `ecgrepro.training.store.read_result` gives them and use what is there: a table is empty where
nothing has run. Everything is of the test part. Two macros stand side by side: over the classes that count, which have
at least `MINIMUM_POSITIVES` positives and negatives in every test set and some in training, and over all that have an
AUC, as publications print it (`ecgrepro.evaluation.macro_auc`). Intervals are at 95 %, over seeds and recordings, the
recordings of a patient together.
"""

from collections import namedtuple

import pandas as pd

from ecgrepro.errors import InputError
from ecgrepro.evaluation.macro_auc import MACRO, MACRO_OF_ALL, MINIMUM_POSITIVES, macro_auc_estimate
from ecgrepro.evaluation.macro_auc_comparison import (
    paired_macro_auc_difference,
    unpaired_macro_auc_difference,
)
from ecgrepro.evaluation.predictions import labels as label_array
from ecgrepro.studies.arm_tables import arms
from ecgrepro.studies.designs import fine_tuning, stacked
from ecgrepro.studies.evidence import RESAMPLING
from ecgrepro.studies.evidence_areas import patients
from ecgrepro.training.diagnosis_parts import untrained

#: What is asked of starts: first minus second.
STARTS = (
    ("beat", "random"), ("beat_probe", "random"), ("beat_gradual", "random"), ("beat_gradual_frozen_bn", "random"),
    ("beat_gradual_frozen_bn", "beat_gradual"), ("beat_frozen_bn", "beat"), ("georgia_fine_tuned", "georgia_random"),
    ("georgia_probe", "georgia_random"), ("georgia_gradual", "georgia_random"),
    ("georgia_gradual_frozen_bn", "georgia_random"), ("georgia_gradual_frozen_bn", "georgia_gradual"),
    ("georgia_frozen_bn", "georgia_fine_tuned"),
    ("fine_tuned", "independent_xresnet1d101"),
)  # fmt: skip
PARTS = ("train", "validation", "test")
#: Columns of the macro over all classes.
_ALL = ["all classes", "all_low", "all_high"]
SCORE_COLUMNS = ["arm", "macro AUC", "low", "high", "counted", *_ALL, "classes", "seeds", "records"]
SEED_COLUMNS = ["arm", "seed", "records", MACRO, MACRO_OF_ALL]
CLASS_COLUMNS = ["arm", "class", "positives", "negatives", "AUC", "low", "high", "counted", "why not"]
DIFFERENCE_COLUMNS = ["first", "second", "of first", "of second", "difference", "low", "high", *_ALL, "counted",
                      "t_p", "smallest_margin", "paired", "seeds", "records"]  # fmt: skip

Comparison = namedtuple("Comparison", "first second made paired")
Comparison.__doc__ = (
    """Two arms compared: their names, what `macro_auc_comparison` made of them, whether paired."""
)


def estimates(found, names=None, *, labels=1.0, minimum_positives=MINIMUM_POSITIVES, **settings):
    """Estimate the macro AUC of every arm that has runs: dict of arm to `MacroAUC`.

    Parameters
    ----------
    found : list of dict
    names : sequence of str, optional
        Arms, in the order wanted; without it all.
    labels : float
        Share of the training labels.
    minimum_positives : int
        Of a class that counts.
    settings : n_resamples
        See `ecgrepro.evaluation.macro_auc.macro_auc_estimate`.

    Raises
    ------
    InputError
        An arm of which no class counts, or whose runs are of different tasks.
    """
    made = {}
    for arm in arms(found) if names is None else names:
        if runs := fine_tuning(found, arm, labels):
            made[arm] = macro_auc_estimate(
                stacked(runs), classes_of(runs), seed=RESAMPLING["seed"], clusters=patients(runs),
                minimum_positives=minimum_positives, untrained=untrained(runs), **settings,
            )  # fmt: skip
    return made


def parts_table(found, arm):
    """Recordings of each part of an arm's first run, and those with each class: DataFrame, empty without runs.

    Classes of the recordings trained on are those of the run record, and stay blank where it has no ``positives``:
    the labels of these recordings are not committed.
    """
    runs = fine_tuning(found, arm, 1.0)
    if not runs:
        return pd.DataFrame()
    table, run, classes = runs[0]["predictions"], runs[0]["run"], list(classes_of(runs))
    known = {part: label_array(rows).sum(axis=0) for part, rows in table.groupby("part")}
    known |= run.get("positives", {})
    rows = [[part, run["records"][part], *known.get(part, [None] * len(classes))] for part in PARTS]
    return pd.DataFrame(rows, columns=["part", "recordings", *classes]).astype(
        dict.fromkeys(classes, "Int64")
    )


def classes_of(runs):
    """Classes that runs were trained on, in the order of their logits: tuple of str.

    Raises InputError where runs differ.
    """
    tasks = {tuple(run["run"]["classes"]) for run in runs}
    if len(tasks) != 1:
        got = "; ".join(f"{len(task)} from {task[0]} to {task[-1]}" for task in sorted(tasks)) or "no run"
        raise InputError("classes", "runs of one task", got, "Compare arms of one task.")
    return tasks.pop()


def score_table(estimated):
    """Macro AUC of every arm with its interval: DataFrame, from `estimates`.

    ``macro AUC``, ``low`` and ``high`` are over the ``counted`` classes; ``all classes``, ``all_low`` and ``all_high``
    over those of all ``classes`` that have an AUC.
    """
    rows = []
    for arm, made in estimated.items():
        every = made.all_classes
        rows.append([arm, made.estimate, made.low, made.high, int(made.classes.counted.sum()), every.estimate,
                     every.low, every.high, len(made.classes), made.n_seeds, made.n_records])  # fmt: skip
    return pd.DataFrame(rows, columns=SCORE_COLUMNS)


def seed_table(estimated):
    """Both macros of every seed by itself: DataFrame with ``arm``, ``seed``, ``records``, and the macros."""
    parts = []
    for arm, made in estimated.items():
        part = made.per_seed.rename(columns={"score": MACRO, "n_records": "records"})
        part[MACRO_OF_ALL] = made.all_classes.per_seed["score"]
        parts.append(part.assign(arm=arm)[SEED_COLUMNS])
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=SEED_COLUMNS)


def class_table(estimated, names=None):
    """AUC of every class of some arms with its interval, whether it counts and if not why: DataFrame.

    ``positives`` and ``negatives`` are of the smallest test set. A class without an AUC has none here, and says why.

    Parameters
    ----------
    estimated : dict of str to MacroAUC
        See `estimates`.
    names : sequence of str, optional
    """
    shown = {"auc": "AUC", "reason": "why not"}
    parts = [
        estimated[arm].classes.rename(columns=shown).assign(arm=arm)[CLASS_COLUMNS]
        for arm in (estimated if names is None else names)
        if arm in estimated
    ]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=CLASS_COLUMNS)


def compare(found, first, second, *, labels=1.0, minimum_positives=MINIMUM_POSITIVES, **settings):
    """Compare the macro AUC of two arms: `Comparison`, None where one of them has no run.

    Paired on the seeds that both have, where these tested the same recordings with the same labels in both arms;
    otherwise each arm is resampled by itself, with all its seeds.

    Parameters
    ----------
    found, labels, minimum_positives, settings
        As for `estimates`.
    first, second : str
        Arms.

    Raises
    ------
    InputError
        As `estimates`.
    """
    runs = [fine_tuning(found, arm, labels) for arm in (first, second)]
    if not all(runs):
        return None
    shared = set.intersection(*({run["trial"]["seed"] for run in arm} for arm in runs))
    both = [[run for run in arm if run["trial"]["seed"] in shared] for arm in runs]
    paired = bool(shared) and all(map(_same_test, *both))
    chosen = both if paired else runs
    measure = paired_macro_auc_difference if paired else unpaired_macro_auc_difference
    every = [run for arm in chosen for run in arm]
    made = measure(
        *map(stacked, chosen), classes_of(every), seed=RESAMPLING["seed"], clusters=patients(every),
        minimum_positives=minimum_positives, untrained=untrained(every), **settings,
    )  # fmt: skip
    return Comparison(first, second, made, paired)


def _same_test(one, other):
    """Whether two runs were tested on the same recordings with the same labels."""
    tables = [run["predictions"].query("part == 'test'") for run in (one, other)]
    keys = ["record_id", *(name for name in tables[0] if name.startswith("label"))]
    if any(set(keys) - set(table) for table in tables):
        return False
    first, second = (table[keys].sort_values("record_id", ignore_index=True) for table in tables)
    return first.equals(second)


def difference_table(found, pairs=STARTS, **settings):
    """Differences of chosen pairs of arms: DataFrame, without pairs that lack runs.

    ``difference`` with ``low`` and ``high`` is ``of first`` minus ``of second`` over the ``counted`` classes, ``all
    classes`` over all; ``t_p`` is of the t test over seeds, paired or Welch's.

    Parameters
    ----------
    found : list of dict
    pairs : sequence of (str, str)
        First minus second.
    settings
        See `compare`.
    """
    compared = [compare(found, *pair, **settings) for pair in pairs]
    rows = [_difference(each) for each in compared if each]
    return pd.DataFrame(rows, columns=DIFFERENCE_COLUMNS)


def class_difference_table(found, first, second, **settings):
    """AUC of every class in two arms, and the difference with its interval: DataFrame, empty where one has no run.

    Columns: ``class``, ``positives`` of the smallest test set, ``first``, ``second``, ``difference``, ``low``,
    ``high``, ``counted``. Intervals are of each class by itself.

    Parameters
    ----------
    found, first, second, settings
        See `compare`.
    """
    columns = ["class", "positives", "first", "second", "difference", "low", "high", "counted"]
    compared = compare(found, first, second, **settings)
    return compared.made.classes[columns] if compared else pd.DataFrame(columns=columns)


def levels(comparison):
    """Mean over seeds of the macro AUC of the first and the second arm, over the classes that count in both."""
    made = comparison.made
    if comparison.paired:
        return made.per_seed["first"].mean(), made.per_seed["second"].mean()
    return made.first.estimate, made.second.estimate


def _difference(comparison):
    made, every = comparison.made, comparison.made.all_classes
    test = made.t_test if comparison.paired else made.welch
    return [comparison.first, comparison.second, *levels(comparison), made.estimate, made.low, made.high,
            every.estimate, every.low, every.high, int(made.classes.counted.sum()), test.p,
            (made.high - made.low) / 2, comparison.paired, made.n_seeds, made.n_records]  # fmt: skip
