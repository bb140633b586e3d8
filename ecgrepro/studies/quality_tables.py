"""Tables of the `freezing` page: what AlexNet scores on the intervals of CinC 2017 by the number of its frozen layers.

Functions take results as `ecgrepro.training.store.read_result` gives them and use what is there: arms are those of a
start and a depth, such as ``beat_5``, and a table is empty where it has none. Everything is of the test part.

Limits are at 95 % unless said otherwise; how answers are counted and drawn is told in `quality_answers`.
"""

import math
import re
from dataclasses import replace

import numpy as np
import pandas as pd

from ecgrepro.corpora.cinc2017 import CLASSES
from ecgrepro.errors import InputError
from ecgrepro.evaluation.comparison import Equivalence
from ecgrepro.evaluation.constant_answer import constant_answer
from ecgrepro.evaluation.metrics import METRICS as ALL_METRICS
from ecgrepro.evaluation.pairwise_mcnemar import pairwise_mcnemar
from ecgrepro.evaluation.predictions import combine_predictions
from ecgrepro.evaluation.quality import LOW, recordings
from ecgrepro.evaluation.ranking import RANKINGS
from ecgrepro.evaluation.seed_tests import equivalence_test
from ecgrepro.evaluation.threshold import threshold_for, with_thresholds
from ecgrepro.evaluation.trend import trend_of_values
from ecgrepro.studies.arm_tables import tuned
from ecgrepro.studies.evidence import clusters_of
from ecgrepro.studies.quality_answers import (
    METRICS,
    confusion_estimates,
    count_answers,
    differences,
    estimates,
    observed_scores,
    paired_answers,
    parts_tested,
    read_answers,
    scores_by_seed,
    seed_sequences,
    shared_seeds,
)

#: What an arm starts from, in reading order, and how it is called.
STARTS = {"imagenet": "AlexNet, ImageNet", "beat": "AlexNet, beats", "random": "AlexNet, random start",
          "resnet1d_beat": "1-D ResNet-18, beats", "resnet1d_random": "1-D ResNet-18, random start"}  # fmt: skip
#: Rows of `depth_table` that are no net's.
CONSTANT, INDICES = "constant answer, all high", "signal-quality indices"
DECIDING = METRICS[:2]
MARGIN = 0.02
#: Resamples where the ledger draws as many, and where no claim rests on a table.
N_RESAMPLES, N_FEWER = 2000, 1000
_SCORE = ["metric", "estimate", "low", "high", "seeds", "records"]
_COSTS = ["trainable_parameters", "epochs", "cached_features", "feature_seconds", "seconds"]
_TESTED = ["n_answers", "first_only", "second_only", "n_clusters", "n_unequal", "p_continuity", "p_continuity_holm",
           "p_continuity_bonferroni", "p_clustered", "p_clustered_holm", "p_clustered_bonferroni"]  # fmt: skip


def by_depth(found, starts=tuple(STARTS)):
    """Group fine-tuning results: dict of start to dict of depth, ascending, to list of dict by seed.

    Parameters
    ----------
    found : list of dict
    starts : sequence of str
        What stands before the depth in the name of an arm, such as ``beat`` or ``wide``; those without a result are
        left out.
    """
    made = {start: {} for start in starts}
    for result in sorted(tuned(found), key=lambda one: (one["trial"]["freeze_depth"], one["trial"]["seed"])):
        start = re.sub(r"_\d+$", "", result["trial"]["arm"])
        if start in made and start != result["trial"]["arm"]:
            made[start].setdefault(result["trial"]["freeze_depth"], []).append(result)
    return {start: depths for start, depths in made.items() if depths}


def depth_table(found, baselines=None, *, starts=tuple(STARTS), n_resamples=N_RESAMPLES):
    """Mean over seeds with its interval of every arm, then of the constant answer and the indices: long DataFrame.

    Columns: ``start``, ``depth`` (Int64, missing for what is no net), ``metric`` of `METRICS` or `RANKINGS`,
    ``estimate``, ``low``, ``high``, ``seeds``, ``records`` (test intervals). Sensitivity is the recall of high quality.

    Parameters
    ----------
    found : list of dict
    baselines : DataFrame, optional
        Predictions of one or more seeds from signal-quality indices.
    starts : sequence of str
        As for `by_depth`.
    n_resamples : int

    Raises
    ------
    InputError
        Where the seeds of an arm have not answered the same intervals, or intervals have other labels.
    """
    arms = [(start, depth, read_answers(parts_tested(runs))) for start, depth, runs in _arms(found, starts)]
    tested = [runs[0]["predictions"] for _, _, runs in _arms(found, starts)]
    tested += [] if baselines is None else [baselines]
    for table in tested[:1]:
        one_seed = table[table["seed"] == table["seed"].iat[0]]
        arms.append((CONSTANT, None, read_answers([constant_answer(one_seed)])))
    if baselines is not None:
        arms.append((INDICES, None, read_answers([baselines])))
    rows = [
        {"start": start, "depth": depth} | row
        for start, depth, answers in arms
        for row in estimates(answers, n_resamples)
    ]
    return _frame(rows, ["start", "depth", *_SCORE])


def wide_table(scores):
    """Write a `depth_table` with one row per arm, and each metric as its mean and interval in words: DataFrame."""
    labels = {name: each.label for name, each in (ALL_METRICS | RANKINGS).items()}
    rows = []
    for (start, depth), part in scores.groupby(["start", "depth"], sort=False, dropna=False):
        told = {
            labels[row.metric]: f"{row.estimate:.3f} ({row.low:.3f} to {row.high:.3f})"
            for row in part.itertuples()
        }
        rows.append({"start": STARTS.get(start, start), "depth": depth} | told | {"seeds": part.seeds.iat[0]})
    return _frame(rows, ["start", "depth", "seeds"] if not rows else list(rows[0]))


def run_table(found, starts=tuple(STARTS)):
    """One row per run: its start, depth and seed, the metrics of `METRICS`, and what it cost. DataFrame."""
    rows = []
    for start, depth, runs in _arms(found, starts):
        scores = scores_by_seed(runs, METRICS)
        for result, row in zip(runs, scores, strict=True):
            cost = {name: result["run"].get(name) for name in _COSTS}
            own = {"start": start, "depth": depth, "seed": result["trial"]["seed"]}
            rows.append(own | dict(zip(METRICS, row, strict=True)) | cost)
    return _frame(rows, ["start", "depth", "seed", *METRICS, *_COSTS])


def transfer_table(found, starts=tuple(STARTS)):
    """Balanced accuracy on validation segments and on the test, means over seeds: DataFrame, one row per arm."""
    rows = []
    for start, depth, runs in _arms(found, starts):
        known = [run["history"].val_balanced_accuracy.iloc[run["run"]["best_epoch"] - 1] for run in runs]
        rows.append({"start": STARTS.get(start, start), "depth": depth, "validation": np.mean(known),
                     "test": scores_by_seed(runs, DECIDING[:1]).mean(), "seeds": len(runs)})  # fmt: skip
    return _frame(rows, ["start", "depth", "validation", "test", "seeds"])


def equality_table(found, *, starts=tuple(STARTS), margin=MARGIN, metrics=DECIDING, n_resamples=N_RESAMPLES):
    """Ask whether each depth equals depth 0 within a margin: DataFrame, one row per start, depth and metric.

    ``difference`` is that to depth 0 over the seeds that both have, with its two-level interval at 90 %; ``they are``
    equal, different or open, see `ecgrepro.evaluation.comparison.Equivalence.answer`; ``tost_p`` is of two one-sided t
    tests over seeds. No row is corrected for the number of depths.
    """
    rows = []
    for start, depths in by_depth(found, starts).items():
        for depth in [depth for depth in depths if depth and 0 in depths]:
            arms = paired_answers([depths[depth], depths[0]])
            for made in differences(arms, metrics, n_resamples, level=0.90) if arms else ():
                rows.append({"start": start, "depth": depth} | _equality(made, margin))
    return _frame(rows, ["start", "depth", "metric", "difference", "low", "high", "margin", "they are", "tost_p",
                         "smallest_margin", "seeds", "records"])  # fmt: skip


def trend_table(found, *, starts=tuple(STARTS), metrics=DECIDING):
    """Test whether scores rise or fall with depth: DataFrame, one row per start and metric.

    ``change`` is along the mean line ``from`` the least ``to`` the greatest depth; ``low``, ``high`` and ``p`` by
    permutation within seeds; ``whole_p`` by permutation of whole arms (of four or more), which also holds where the
    seeds of a depth have something in common; ``t_low`` and ``t_high`` by the t interval over the seeds' changes. A
    start with fewer than two depths, or two seeds that all depths share, is left out: see `ecgrepro.evaluation.trend`.
    """
    rows = []
    for start, depths in by_depth(found, starts).items():
        arms, x = paired_answers(list(depths.values())), np.array(list(depths), float)
        if len(x) < 2 or not arms or len(arms[0].seeds) < 2:
            continue
        for metric, scores in zip(
            metrics, np.moveaxis(observed_scores(count_answers(arms), metrics), -1, 0), strict=True
        ):
            if np.ptp(scores, axis=1).any():
                rows.append({"start": start, "metric": metric} | _trend(scores, x, metric, arms[0].seeds))
    return _frame(rows, ["start", "metric", "from", "to", "depths", "change", "low", "high", "p", "whole_p", "t_low",
                         "t_high", "seeds"])  # fmt: skip


def mcnemar_table(found, *, starts=tuple(STARTS), unit="pooled"):
    """McNemar's test of every two depths of a start: DataFrame, one row per pair, and per seed for unit "run".

    ``difference`` is the accuracy of depth ``first`` minus that of ``second`` on the seeds that all depths share.
    ``p_clustered`` is Obuchowski's, with the recording as cluster; ``p_continuity`` takes intervals for independent.
    Both also as corrected for the number of pairs by Holm and by Bonferroni. See
    `ecgrepro.evaluation.pairwise_mcnemar` for ``unit`` and the columns.
    """
    made = []
    for start, depths in by_depth(found, starts).items():
        seeds = shared_seeds(list(depths.values()))
        if len(depths) < 2 or not seeds:
            continue
        tables = {depth: combine_predictions(parts_tested(runs, seeds)) for depth, runs in depths.items()}
        clusters = clusters_of(next(iter(tables.values()))["record_id"])
        tested = pairwise_mcnemar(tables, unit=unit, clusters=clusters)
        difference = (tested.first_only - tested.second_only) / tested.n_answers
        made.append(tested.assign(start=start, difference=difference))
    columns = ["start", "first", "second", "seed", "difference", *_TESTED]
    return pd.concat(made, ignore_index=True)[columns] if made else pd.DataFrame(columns=columns)


def significant_pairs(tests, level=0.05):
    """Count the pairs of a `mcnemar_table` that differ, by each test and correction: DataFrame by start and seed."""
    p_values = [column for column in tests if column.startswith("p_")]
    flags = tests[["start", "seed"]].join(tests[p_values] < level).assign(pairs=1)
    return flags.groupby(["start", "seed"], sort=False, as_index=False)[["pairs", *p_values]].sum()


def rhythm_table(found, rhythms, *, starts=tuple(STARTS), n_resamples=N_FEWER):
    """Share of intervals that an arm calls low quality, by rhythm: DataFrame with ``share``, its interval, and counts.

    Parameters
    ----------
    found, starts, n_resamples
        As for `depth_table`.
    rhythms : Series of str
        Recording to its label of `CLASSES`; all of "~" are labelled low.

    Raises
    ------
    InputError
        For a tested recording without a rhythm.
    """
    rows = []
    for start, depth, runs in _arms(found, starts):
        answers = read_answers(parts_tested(runs))
        of_interval = _rhythms(answers.ids, rhythms)
        for rhythm in [name for name in CLASSES if (of_interval == name).any()]:
            made = _called_low(answers, of_interval == rhythm, n_resamples)
            rows.append({"start": start, "depth": depth, "rhythm": rhythm} | made)
    return _frame(rows, ["start", "depth", "rhythm", "share", "low", "high", "seeds", "records"])


def threshold_table(found, *, starts=tuple(STARTS), n_resamples=N_FEWER):
    """Balanced accuracy of the nets' own answers, and by thresholds chosen on the validation part: DataFrame.

    ``threshold`` is the mean over seeds, as a difference of logits: 0 is the net's own. ``own`` and ``chosen`` are
    scores on the test part, ``gain`` is the latter minus the former with its interval, on the same resamples.
    """
    rows = []
    for start, depth, runs in _arms(found, starts):
        tables = [run["predictions"] for run in runs]
        thresholds = [threshold_for(table) for table in tables]
        moved = [with_thresholds(*pair) for pair in zip(tables, thresholds, strict=True)]
        own = read_answers(tables)
        (made,) = differences([read_answers(moved, own), own], DECIDING[:1], n_resamples, level=0.95)
        rows.append({"start": start, "depth": depth, "own": made.second.mean(), "chosen": made.first.mean(),
                     "gain": made.estimate, "low": made.low, "high": made.high,
                     "threshold": np.mean([value for each in thresholds for value in each.values()]),
                     "seeds": len(own.seeds), "records": len(own.ids)})  # fmt: skip
    return _frame(
        rows, ["start", "depth", "own", "chosen", "gain", "low", "high", "threshold", "seeds", "records"]
    )


def choice_table(found, reference, *, prefix="grid_", n_resamples=N_FEWER):
    """Compare arms that make another choice with the one that all others make: DataFrame, one row per arm.

    ``difference`` is balanced accuracy of the arm minus that of the arm `reference`, over the seeds that both have.
    """
    runs, rows = {}, []
    for result in sorted(tuned(found), key=lambda one: one["trial"]["seed"]):
        runs.setdefault(result["trial"]["arm"], []).append(result)
    for arm in [arm for arm in runs if arm.startswith(prefix) and reference in runs]:
        both = shared_seeds([runs[arm], runs[reference]])
        arms = paired_answers([runs[arm], runs[reference]])
        for made in differences(arms, DECIDING[:1], n_resamples, level=0.95) if arms else ():
            words = arm.removeprefix(prefix).replace("_", ", ")
            rows.append({"choice": words, "difference": made.estimate, "low": made.low, "high": made.high,
                         "seeds": len(both), "records": made.records})  # fmt: skip
    return _frame(rows, ["choice", "difference", "low", "high", "seeds", "records"])


def _equality(made, margin):
    test = equivalence_test(made.first, made.second, margin)
    # the rule is that of the ledger; it reads no more of a difference than its limits
    answer = Equivalence(margin, made, test).answer
    return {"metric": made.metric, "difference": made.estimate, "low": made.low, "high": made.high, "margin": margin,
            "they are": answer, "tost_p": test.p, "smallest_margin": (made.high - made.low) / 2,
            "seeds": len(made.first), "records": made.records}  # fmt: skip


def _trend(scores, x, metric, seeds):
    """Fields of a trend of scores (n_seeds, n_depths); draws orders as `ecgrepro.evaluation.trend.trend` does."""
    made, whole = (
        trend_of_values(scores, x, metric=metric, seeds=seeds, permute=permute, seed=seed_sequences(3)[0])
        for permute in ("within seeds", "whole arms")
    )
    return {"from": int(x[0]), "to": int(x[-1]), "depths": len(x), "change": made.estimate, "low": made.low,
            "high": made.high, "p": made.p, "whole_p": whole.p if len(x) > 3 else math.nan,
            "t_low": made.t_test.low, "t_high": made.t_test.high, "seeds": made.n_seeds}  # fmt: skip


def _rhythms(ids, rhythms):
    """Rhythm of each interval, object (n_records,)."""
    names = pd.Series(list(recordings(ids).values())).map(rhythms)
    if names.isna().any():
        got = f"none for {names.isna().sum()} intervals, first {ids[names.isna()][0]!r}"
        raise InputError(
            "rhythms", "one for each tested recording", got, "Take the labels of the revision tested."
        )
    return names.to_numpy()


def _called_low(answers, chosen, n_resamples):
    """Share of the chosen intervals, bool (n_records,), that are called low: the recall if all of them were low."""
    part = replace(
        answers, ids=answers.ids[chosen], labels=np.full(np.count_nonzero(chosen), LOW),
        units=np.unique(answers.units[chosen], return_inverse=True)[1], scores=answers.scores[:, chosen],
    )  # fmt: skip
    (row,) = confusion_estimates(part, ["specificity"], n_resamples)
    return {"share": row["estimate"]} | {name: row[name] for name in ("low", "high", "seeds", "records")}


def _arms(found, starts):
    """Yield start, depth, and the runs by seed."""
    for start, depths in by_depth(found, starts).items():
        for depth, runs in depths.items():
            yield start, depth, runs


def _frame(rows, columns):
    made = pd.DataFrame(rows, columns=columns)
    return made.astype({"depth": "Int64"}) if "depth" in made else made
