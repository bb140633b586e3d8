"""Calibrators judged elsewhere than where they were fitted, and on the very records that they were fitted on.

The first asks whether a calibrator may be carried over to another net, another amount of labels or another data set.
The second is what the CSC2541 project did (X-27): a calibrator can only look good there. Fitted on the other half of
the test recordings it is judged fairly and on the same kind of recordings; what lies between that and the validation
records is not optimism but that these are of another kind. Where they are of another data set altogether, as those of
the quality nets are, that is what carrying a calibrator over to another data set costs (`data_set_table`).
"""

import numpy as np
import pandas as pd
from scipy import special

from ecgrepro.errors import InputError
from ecgrepro.evaluation.calibrators import make_calibrator
from ecgrepro.evaluation.predictions import is_multi_label, labels, logits
from ecgrepro.studies.calibration import (
    apply,
    by_seed,
    class_names,
    drawn_sets,
    fit,
    prediction_sets,
)
from ecgrepro.studies.calibration_tables import clusters, probability_scores, scores_by_seed
from ecgrepro.studies.designs import stacked

#: Which net's calibrator is carried over to which: the same classes in the same order; fixed before.
TRANSFERS = (
    ("1-D ResNet, random start, 10%", "1-D ResNet, beats, 10%"),
    ("1-D ResNet, beats, 10%", "1-D ResNet, random start, 10%"),
    ("1-D ResNet, random start, 100%", "1-D ResNet, random start, 10%"),
    ("1-D ResNet, beats, 100%", "1-D ResNet, beats, 10%"),
    ("1-D ResNet, random start, 10%", "2-D ResNet as published, random start, 10%"),
    ("1-D ResNet, beats, 10%", "2-D ResNet as published, beats, 10%"),
    ("quality by AlexNet, random start, 100%", "quality by AlexNet, beats, 100%"),
    ("quality by AlexNet, beats, 100%", "quality by AlexNet, random start, 100%"),
    ("quality by AlexNet, beats, 100%", "quality by 1-D ResNet, beats, 100%"),
    ("PTB-XL, random start, 100%", "PTB-XL, beats, 100%"),
    ("PTB-XL, beats, 100%", "PTB-XL, random start, 100%"),
    ("Georgia, random start, 100%", "Georgia, diagnoses of PTB-XL, 100%"),
    ("PTB-XL, shared diagnoses, 100%", "Georgia, random start, 100%"),
)
CARRIED = ("temperature", "platt")
JUDGED = ("brier", "log_loss", "classwise_debiased")
#: What a calibrator was fitted on, in reading order.
WAYS = ("nothing", "validation", "other half", "same records", "as the project")
TRANSFER_COLUMNS = ["fitted on", "judged on", "calibrator", "score", "none", "own", "carried", "lost"]
DATA_SET_COLUMNS = ["net", "fitted on", "judged on", "calibrator", "score", "none", "own data set", "carried", "lost",
                    "seeds"]  # fmt: skip
SAME_COLUMNS = ["net", "labels", "calibrator", "fitted on", *JUDGED, "replaced", "seeds"]


def transfer_table(scale="pilot"):
    """Score each net with its own calibrator and with another net's: DataFrame, empty without runs.

    ``none``, ``own`` and ``carried`` are means over the seeds that both nets have; ``lost`` is carried minus own, above
    zero where one's own calibrator is the better. Seed by seed, both nets have the same validation and test records,
    unless they are of two data sets.

    Raises
    ------
    InputError
        Where two nets have other classes or no seed in common, or a calibrator has seen records that it is judged on.
    """
    sets = {one.name: runs for one, runs in prediction_sets(scale).items()}
    rows = []
    for source, target in TRANSFERS:
        if source in sets and target in sets:
            _check_same_classes(source, target, sets)
            found = [stacked(sets[name]) for name in (source, target)]
            rows += [
                {"fitted on": source, "judged on": target} | row for name in CARRIED for row in carried(*found, name)
            ]  # fmt: skip
    return pd.DataFrame(rows, columns=TRANSFER_COLUMNS)


def _check_same_classes(source, target, sets):
    """Refuse nets whose logits are of other classes, or in another order."""
    names = [class_names(sets[name]) for name in (source, target)]
    if names[0] != names[1]:
        got, fix = f"{names[0][:3]} ... and {names[1][:3]} ...", "Carry over between nets of one task."
        raise InputError(f"{source} to {target}", "the same classes in the same order", got, fix)


def carried(source, target, calibrator):
    """Score a table with no calibrator, its own and that of another table: list of dict, one per score of `JUDGED`.

    Seeds that only one of the tables has are left out.

    Raises
    ------
    InputError
        Without a seed in common, or where a calibrator has seen records that it is judged on.
    """
    source, target = _of_shared_seeds(source, target)
    seen, tests = by_seed(source, "validation"), by_seed(target, "test")
    _check_unseen(seen, tests)
    ways = {
        "none": apply(fit(seen, "none"), tests),
        "own": apply(fit(by_seed(target, "validation"), calibrator), tests),
        "carried": apply(fit(seen, calibrator), tests),
    }
    return _scored(tests, ways, calibrator, "own")


def _of_shared_seeds(*found):
    shared = set.intersection(*(set(table["seed"]) for table in found))
    if not shared:
        got = " and ".join(str(sorted(set(table["seed"]))) for table in found)
        fix = "Carry over between nets that were trained with the same seeds."
        raise InputError("calibrator", "a seed that both nets have", got, fix)
    return [table[table["seed"].isin(shared)] for table in found]


def _check_unseen(seen, tests):
    """Refuse calibrators fitted on rows that they are judged on; both dict of seed to DataFrame."""
    for seed, rows in tests.items():
        if both := set(seen[seed]["record_id"]) & set(rows["record_id"]):
            got, fix = f"{len(both)} of seed {seed}", "Carry over between nets of one split."
            raise InputError("calibrator", "no record that it is judged on", got, fix)


def _scored(tests, ways, calibrator, own):
    """Mean over seeds of each score by way, and what "carried" loses against `own`: list of dict, one per score."""
    means = {name: _judged(tests, one) for name, one in ways.items()}
    return [
        {"calibrator": calibrator, "score": score} | {name: float(one[score]) for name, one in means.items()}
        | {"lost": float(means["carried"][score] - means[own][score])}
        for score in JUDGED
    ]  # fmt: skip


def data_set_table(scale="pilot"):
    """Score nets tested on another data set than validated on, calibrated on either: DataFrame, empty without runs.

    Of each net, ``carried`` is its calibrator of the validation records, of the corpora ``fitted on``. ``own data set``
    is that of one half of the test recordings, judged on the other half and the other way round; what is resampled
    together is in one half (`of_other_half`). Both are judged on all test records. ``none``, these two, and ``lost``,
    carried minus own data set, are means over ``seeds``: above zero, so much is lost by carrying over to another data
    set. Where the test records are many more than those of the validation, some of it is their number.

    Raises
    ------
    InputError
        Where a calibrator has seen records that it is judged on.
    """
    rows = []
    for one, runs in prediction_sets(scale).items():
        # of several corpora the last is tested, and what is learnt from and validated on is of the others
        *learnt, tested = [name for name, _ in runs[0]["trial"]["corpora"]]
        if learnt:
            named = {"net": one.net, "fitted on": ", ".join(learnt), "judged on": tested, "seeds": len(runs)}
            rows += [named | row for row in between_data_sets(runs)]
    return pd.DataFrame(rows, columns=DATA_SET_COLUMNS)


def between_data_sets(runs):
    """Score one net with calibrators of its validation records' data set and of that tested: list of dict.

    A row for each of `CARRIED` and `JUDGED`, see `data_set_table`.
    """
    table, together = stacked(runs), clusters(runs)
    validation, tests = by_seed(table, "validation"), by_seed(table, "test")
    _check_unseen(validation, tests)
    rows, none = [], apply(fit(validation, "none"), tests)
    for name in CARRIED:
        own, moved = of_other_half(tests, name, together), apply(fit(validation, name), tests)
        rows += _scored(tests, {"none": none, "own data set": own, "carried": moved}, name, "own data set")
    return rows


def same_records_table(scale="pilot", calibrators=("temperature", "platt", "isotonic")):
    """Score the drawn nets' calibrators by what they were fitted on: DataFrame, long, empty without runs; see `WAYS`.

    Every row is judged on all test records. ``replaced`` counts probabilities of a multi-label net that the project's
    program would have turned into one half, over all seeds.
    """
    rows = []
    for one in drawn_sets():
        if runs := one.runs(scale):
            rows += [{"net": one.net, "labels": one.labels} | row for row in same_records(runs, calibrators)]
    return pd.DataFrame(rows, columns=SAME_COLUMNS).astype({"replaced": "Int64"})


def same_records(runs, calibrators):
    """Score one net's calibrators by what they were fitted on: list of dict; see `same_records_table`."""
    table = stacked(runs)
    validation, tests = by_seed(table, "validation"), by_seed(table, "test")
    rows = [_row("none", "nothing", tests, apply(fit(validation, "none"), tests))]
    for name in calibrators:
        ways = {
            "validation": apply(fit(validation, name), tests),
            "other half": of_other_half(tests, name, clusters(runs)),
            "same records": apply(fit(tests, name), tests),
        }
        rows += [_row(name, way, tests, made) for way, made in ways.items()]
    return rows + ([_as_the_project(tests)] if is_multi_label(table) else [])


def _row(calibrator, way, tests, probabilities):
    made = _judged(tests, probabilities).to_dict()
    return {"calibrator": calibrator, "fitted on": way} | made | {"seeds": len(tests)}


def _judged(tests, probabilities):
    """Mean of each score of `JUDGED` over seeds: Series."""
    return scores_by_seed(tests, probabilities, probability_scores)[list(JUDGED)].mean()


def halves(rows, together):
    """Split rows in two so that what is resampled together stays together: bool array, (n_records,).

    Parameters
    ----------
    rows : DataFrame
        Of one seed.
    together : dict of str to str or None
        See `calibration_tables.clusters`.
    """
    names = rows["record_id"].map(lambda record: (together or {}).get(record, record))
    return np.unique(names, return_inverse=True)[1] % 2 == 1


def of_other_half(tests, calibrator, together=None):
    """Return probabilities of the test rows by seed, each half from the calibrator fitted on the other half."""
    made = {}
    for seed, rows in tests.items():
        second = halves(rows, together)
        probabilities = np.empty(logits(rows).shape)
        for half in (second, ~second):
            fitted = fit({seed: rows[~half]}, calibrator)
            probabilities[half] = apply(fitted, {seed: rows[half]})[seed]
        made[seed] = probabilities
    return made


def recovered_logits(net):
    """Return the logits that the project's program recovers from a net's float32 probabilities.

    A probability of exactly 0 or 1 has an infinite logit, which the program replaces by 0, that is by one half (X-27).

    Parameters
    ----------
    net : float32 array, (n_records, n_classes)
        The net's logits.

    Returns
    -------
    tuple of float64 array and int
        The logits in the same shape, and how many were replaced.
    """
    probabilities = special.expit(np.asarray(net, np.float32))
    with np.errstate(divide="ignore"):
        found = np.log(probabilities / (1 - probabilities))
    lost = ~np.isfinite(found)
    return np.where(lost, 0, found).astype(np.float64), int(lost.sum())


def _as_the_project(tests):
    """The project's temperature of the test records' recovered logits, judged on these records."""
    made, replaced = {}, 0
    for seed, rows in tests.items():
        recovered, n = recovered_logits(logits(rows))
        calibrator = make_calibrator("project_temperature").fit(recovered, labels(rows))
        made[seed], replaced = calibrator.transform(recovered), replaced + n
    return _row("project_temperature", "as the project", tests, made) | {"replaced": replaced}


def wide(found, score):
    """Put what calibrators were fitted on side by side, for one score: DataFrame, a row per net and calibrator."""
    none = found[found["calibrator"] == "none"].set_index(["net", "labels"])[score]
    shown = found[found["calibrator"] != "none"]
    made = shown.pivot_table(
        index=["net", "labels", "calibrator"], columns="fitted on", values=score, sort=False
    )
    made = made.reset_index().rename_axis(columns=None)
    keys = pd.MultiIndex.from_frame(made[["net", "labels"]])
    made.insert(3, "nothing", none.reindex(keys).to_numpy())
    return made[["net", "labels", "calibrator", *(way for way in WAYS if way in made)]]
