"""Tables of the `calibration` page, from committed predictions alone.

Probabilities are clipped at `ecgrepro.evaluation.calibration_inputs.CLIP` before their logarithm is taken, the net's
own too, so that all calibrators are judged alike. Calibration errors are over fifteen bins of equal mass, debiased, and
so squared: they may come out a little below zero.
"""

import re

import pandas as pd

from ecgrepro.evaluation.brier_score import brier_decomposition, brier_score
from ecgrepro.evaluation.calibration_comparison import calibration_differences
from ecgrepro.evaluation.calibration_inputs import class_log_odds, clip_probabilities, indicators
from ecgrepro.evaluation.calibration_scores import CALIBRATION_SCORES
from ecgrepro.evaluation.calibrators import CALIBRATORS
from ecgrepro.evaluation.class_ranks import class_auc
from ecgrepro.evaluation.log_loss import log_loss
from ecgrepro.evaluation.predictions import is_multi_label, labels
from ecgrepro.studies.calibration import (
    DRAWN,
    PAIRS,
    apply,
    by_seed,
    calibrated,
    class_names,
    fit,
    fitted,
    float64_logits,
    judged_classes,
    prediction_sets,
    tables,
)
from ecgrepro.studies.designs import stacked
from ecgrepro.studies.evidence import RESAMPLING, clusters_of
from ecgrepro.studies.evidence_areas import patients

#: Scores of probabilities, with what pages call them; the first two are proper, the others say calibration alone.
SCORES = {"brier": "Brier score", "log_loss": "log loss", "classwise_debiased": "classwise calibration error",
          "top_label_debiased": "top-label calibration error"}  # fmt: skip
#: Half of what decides a claim: there are a hundred differences, and none of them is one.
N_RESAMPLES = 1000
#: Calibrators that are compared between random start and pre-training.
COMPARED = ("none", "temperature")
STATE_COLUMNS = ["pair", "classes", "seeds", "validation records", "test records", "state"]
SCORE_COLUMNS = ["net", "labels", "calibrator", *SCORES, "macro_auc", "auc_change", "answers_changed", "clipped",
                 "left_uncalibrated", "classes", "classes_judged", "multi_label", "validation_records",
                 "seeds"]  # fmt: skip
NOTE_COLUMNS = ["net", "labels", "calibrator", "note", "times"]
DIFFERENCE_COLUMNS = ["pair", "calibrator", "score", "difference", "low", "high", "records_low", "records_high", "t_p",
                      "smallest_margin", "seeds", "records", "design"]  # fmt: skip
TEMPERATURE_COLUMNS = ["net", "labels", "seed", "temperature", "validation_records"]
DECOMPOSITION_COLUMNS = ["pair", "class", "net", "calibrator", "brier", "reliability", "resolution", "uncertainty",
                         "within_bins", "share", "seeds"]  # fmt: skip


def state_table(scale="pilot"):
    """Say which pairs are committed: DataFrame, a row per pair of `PAIRS`."""
    rows = []
    for pair in PAIRS:
        found = tables(pair, scale)
        if found is None:
            rows.append({"pair": pair.name, "state": "no runs yet"})
            continue
        parts = found[1].groupby("seed").part.value_counts().unstack()
        rows.append({"pair": pair.name, "classes": len(class_names(pair.random.runs(scale))), "seeds": len(parts),
                     "validation records": int(parts.validation.min()), "test records": int(parts.test.min()),
                     "state": "committed"})  # fmt: skip
    return pd.DataFrame(rows, columns=STATE_COLUMNS).astype(dict.fromkeys(STATE_COLUMNS[1:5], "Int64"))


def calibrators_for(table):
    """Return the names of the calibrators that a table allows: the project's own is for multi-label nets alone."""
    return [name for name in CALIBRATORS if is_multi_label(table) or name != "project_temperature"]


def macro_auc(one, scores, classes):
    """Return the mean ROC area of the chosen classes, each against the rest; None without a class.

    Parameters
    ----------
    one : DataFrame
        Test rows of a seed.
    scores : float array, (n_records, n_classes)
    classes : list of int
    """
    targets = indicators(labels(one), scores.shape)
    return float(class_auc(targets[:, classes], scores[:, classes]).areas.mean()) if classes else None


def seed_scores(one, probabilities, classes):
    """Score one seed's calibrated probabilities, and compare them with its logits.

    Parameters
    ----------
    one, probabilities, classes
        As for `probability_scores`; the ROC area is of these classes, too.

    Returns
    -------
    dict
        Those of `probability_scores`; ``macro_auc``; ``auc_change``, from that of the logits; ``answers_changed``,
        share of records whose most probable class changes (multi-label: of answers on either side of one half).
    """
    multi_label, area = is_multi_label(one), macro_auc(one, probabilities, classes)
    raw = class_log_odds(float64_logits(one), multi_class=not multi_label)
    return probability_scores(one, probabilities, classes) | {
        "macro_auc": area, "auc_change": area - macro_auc(one, raw, classes) if classes else None,
        "answers_changed": _answers_changed(raw, probabilities, multi_label),
    }  # fmt: skip


def probability_scores(one, probabilities, classes):
    """Score one seed's calibrated probabilities: dict of `SCORES`, None for one that the net does not have.

    With them ``clipped``, probabilities at the clip.

    Parameters
    ----------
    one : DataFrame
        Test rows of the seed, in the order of the probabilities.
    probabilities : float64 array, (n_records, n_classes)
    classes : list of int
        Those whose calibration error is taken, see `calibration.judged_classes`.
    """
    truth = labels(one)
    loss, brier = log_loss(probabilities, truth), brier_score(probabilities, truth)
    errors = {
        name: CALIBRATION_SCORES[name](probabilities, truth, **how)
        for name, how in _errors(one, classes).items()
    }
    return (
        dict.fromkeys(SCORES) | {"brier": brier, "log_loss": loss.value, "clipped": loss.n_clipped} | errors
    )


def _errors(table, classes):
    """Return the calibration errors that a net has with their settings: that of the top label needs a single label."""
    of_classes = {"classwise_debiased": {"classes": classes}} if classes else {}
    return of_classes if is_multi_label(table) else of_classes | {"top_label_debiased": {}}


def _answers_changed(raw, probabilities, multi_label):
    if multi_label:
        return float(((raw > 0) != (probabilities > 0.5)).mean())
    return float((raw.argmax(axis=1) != probabilities.argmax(axis=1)).mean())


def scores_by_seed(tests, probabilities, score=seed_scores):
    """Score calibrated probabilities of all seeds: DataFrame, a row per seed.

    Parameters
    ----------
    tests : dict of int to DataFrame
        Test rows, see `calibration.by_seed`.
    probabilities : dict of int to float64 array, (n_records, n_classes)
    score : callable
        `seed_scores`, or the quicker `probability_scores` where nothing else is asked.
    """
    classes = judged_classes(tests)
    rows = [{"seed": seed} | score(one, probabilities[seed], classes) for seed, one in tests.items()]
    return pd.DataFrame(rows)


def score_table(scale="pilot"):
    """Score every committed set with every calibrator, mean over seeds: DataFrame, empty without runs.

    ``left_uncalibrated`` counts classes of a seed with too few validation records, ``classes_judged`` those whose
    errors and ROC areas are taken, ``validation_records`` is that of the seed with the fewest.
    """
    rows = []
    for one, runs in prediction_sets(scale).items():
        table = stacked(runs)
        validation, tests = by_seed(table, "validation"), by_seed(table, "test")
        for name in calibrators_for(table):
            maps = fit(validation, name)
            rows.append({"net": one.net, "labels": one.labels, "calibrator": name, "classes": len(class_names(runs)),
                         "classes_judged": len(judged_classes(tests)), "multi_label": is_multi_label(table)}
                        | _mean_scores(tests, maps))  # fmt: skip
    return pd.DataFrame(rows, columns=SCORE_COLUMNS)


def _mean_scores(tests, maps):
    found = scores_by_seed(tests, apply(maps, tests))
    return found.drop(columns="seed").mean(numeric_only=True).to_dict() | {
        "clipped": int(found.clipped.sum()), "left_uncalibrated": sum(map(_n_left_out, maps.values())),
        "validation_records": min(each.n_records for each in maps.values()), "seeds": len(found),
    }  # fmt: skip


def _n_left_out(calibrator):
    return sum("left uncalibrated" in note for note in calibrator.notes)


def note_table(scale="pilot"):
    """List what calibrators did other than usual, and how often over seeds and classes: DataFrame.

    Of isotonic knots the number is left out, so that one row says it for all classes of a net.
    """
    rows = []
    for one, runs in prediction_sets(scale).items():
        table = stacked(runs)
        for name in calibrators_for(table):
            notes = [_short(note) for made in fitted(table, name).values() for note in made.notes]
            rows += [{"net": one.net, "labels": one.labels, "calibrator": name, "note": note, "times": n}
                     for note, n in pd.Series(notes, dtype=str).value_counts(sort=False).items()]  # fmt: skip
    return pd.DataFrame(rows, columns=NOTE_COLUMNS)


def _short(note):
    return re.sub(r"^class \d+: \d+ (?=knots)", "", note)


def clusters(runs):
    """Record to what it is resampled with: its recording, the first of its copies, or its patient: dict of str."""
    if is_multi_label(runs[0]["predictions"]):
        return patients(runs)
    if "interval" in runs[0]["trial"]["recipe"]["input"]:
        return clusters_of(runs[0]["predictions"]["record_id"])
    return RESAMPLING["clusters"]


def difference_table(scale="pilot"):
    """Pre-trained minus random start, paired, 95 % over seeds and records: DataFrame, empty without a pair.

    A row per pair, calibrator of `COMPARED` and score of `SCORES`; below zero is better with pre-training. Columns as
    `ecgrepro.evaluation.comparison.PairedDifference` has them.
    """
    rows = []
    for pair in PAIRS:
        found = tables(pair, scale)
        for name in COMPARED if found else ():
            rows += [
                {"pair": pair.name, "calibrator": name} | row
                for row in differences(*found, name, clusters(pair.random.runs(scale)))
            ]
    return pd.DataFrame(rows, columns=DIFFERENCE_COLUMNS)


def differences(random, pretrained, calibrator, together=None):
    """Compare two tables with the same calibrator: list of dict, one per score; see `difference_table`."""
    arms = [_clipped(calibrated(table, calibrator)) for table in (pretrained, random)]
    tests = by_seed(random, "test")
    classes = judged_classes(tests)
    truth = [labels(one) for one in tests.values()]
    records = [one["record_id"].tolist() for one in tests.values()]
    how = RESAMPLING | {"clusters": together, "seeds": list(tests), "n_resamples": N_RESAMPLES}
    asked = {"brier": {}, "log_loss": {}} | _errors(random, classes)
    found = calibration_differences(*arms, truth, records, asked, **how)
    return [
        {"score": score, "difference": made.estimate, "low": made.low, "high": made.high,
         "records_low": made.records_low, "records_high": made.records_high, "t_p": made.t_test.p,
         "smallest_margin": made.smallest_margin, "seeds": made.n_seeds, "records": made.n_records,
         "design": made.design}
        for score, made in found.items()
    ]  # fmt: skip


def _clipped(by):
    return [clip_probabilities(probabilities)[0] for probabilities in by.values()]


def temperature_table(scale="pilot"):
    """List the temperature of each seed's validation records: DataFrame; above 1 the net is overconfident."""
    rows = [
        {"net": one.net, "labels": one.labels, "seed": seed, "temperature": made.parameters["temperature"],
         "validation_records": made.n_records}
        for one, runs in prediction_sets(scale).items()
        for seed, made in fitted(stacked(runs), "temperature").items()
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=TEMPERATURE_COLUMNS)


def temperature_summary(found):
    """Shorten a `temperature_table` to a row per net and share of labels: DataFrame."""
    made = found.groupby(["net", "labels"], sort=False).agg(
        mean=("temperature", "mean"), lowest=("temperature", "min"), highest=("temperature", "max"),
        above=("temperature", lambda each: int((each > 1).sum())), seeds=("seed", "size"),
        records=("validation_records", "min"),
    )  # fmt: skip
    names = {"mean": "temperature", "above": "seeds above one", "records": "validation records"}
    return made.reset_index().rename(columns=names)


def decomposition_table(scale="pilot", names=DRAWN):
    """Split the Brier score of each class of the drawn pairs into its parts, mean over seeds: DataFrame.

    ``brier`` = ``reliability`` - ``resolution`` + ``uncertainty`` + ``within_bins``, see
    `ecgrepro.evaluation.brier_score`; ``share`` is that of the class among the test records.
    """
    rows = []
    for pair in (one for one in PAIRS if one.name in names):
        found = tables(pair, scale)
        called = class_names(pair.random.runs(scale)) if found else ()
        for k, each in enumerate(called):
            for net, table in zip((pair.random.net, pair.pretrained.net), found, strict=True):
                rows += [{"pair": pair.name, "class": each, "net": net, "calibrator": name} | _parts(table, name, k)
                         for name in COMPARED]  # fmt: skip
    return pd.DataFrame(rows, columns=DECOMPOSITION_COLUMNS)


def _parts(table, calibrator, k):
    tests, made = by_seed(table, "test"), calibrated(table, calibrator)
    rows = []
    for seed, one in tests.items():
        right = indicators(labels(one), made[seed].shape)[:, k]
        parts = brier_decomposition(made[seed][:, k], right)
        within = parts.within_bin_variance - parts.within_bin_covariance
        rows.append({"brier": parts.score, "reliability": parts.reliability, "resolution": parts.resolution,
                     "uncertainty": parts.uncertainty, "within_bins": within, "share": right.mean()})  # fmt: skip
    return pd.DataFrame(rows).mean().to_dict() | {"seeds": len(rows)}
