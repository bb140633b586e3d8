"""Study `calibration`: may a net's probabilities be believed, and does pre-training change that?

    ecgrepro run calibration --scale demo      # half a minute: simulated logits of known truth, decides nothing
    ecgrepro run calibration --scale pilot     # the same page with the simulation, and the pilot's predictions

Trains nothing. Each trial of the other studies leaves the logits of its validation and its test records; here a
calibrator is fitted on the validation records of a seed and judged on the test records of the same seed. Which arms are
compared stands in `PAIRS`, written down before anything was computed.

Source of the questions: Experiment 4 of the CSC2541 project (announced, no result given) and its program, which fits
one temperature on the records it is then judged on (X-27).

On CinC 2017 the validation records have chosen each run's epoch too (recipe ``select``), so that a net may do a little
better on them than on new ones: a calibrator can come out a little overconfident, and the test records show it. Runs
on signal quality and on PTB-XL keep the last epoch; the validation records of PTB-XL are its publisher's validation
fold, those of signal quality another data set than the test.
"""

from dataclasses import dataclass

import numpy as np

from ecgrepro.errors import InputError
from ecgrepro.evaluation.calibration_inputs import MIN_PER_CLASS, countable_classes, indicators
from ecgrepro.evaluation.calibrators import make_calibrator
from ecgrepro.evaluation.predictions import is_multi_label, labels, logit_columns, logits
from ecgrepro.studies.designs import complete, stacked

STUDY = "calibration"
#: Classes of tasks with one class per record, by their number; those of multi-label tasks stand in their run records.
CLASSES = {4: ("normal", "AF", "other rhythm", "noisy"), 2: ("high quality", "low quality")}


@dataclass(frozen=True)
class PredictionSet:
    """Predictions of one arm at one share of the training labels, over all its seeds.

    Attributes
    ----------
    net : str
        How tables call it.
    study, arm : str
    labels : float
    """

    net: str
    study: str
    arm: str
    labels: float = 1.0

    @property
    def name(self):
        """Net and share of the labels."""
        return f"{self.net}, {self.labels:.0%}"

    def runs(self, scale):
        """Results by seed, or None unless all seeds that the scale lists are committed."""
        return complete(self.study, scale, self.arm, self.labels)


@dataclass(frozen=True)
class Pair:
    """A net from a random start and the same net pre-trained.

    Attributes
    ----------
    name : str
    random, pretrained : PredictionSet
    """

    name: str
    random: PredictionSet
    pretrained: PredictionSet


def _pairs(task, study, random, pretrained, shares=(1.0,), random_of=""):
    """Pairs of two arms at several shares of the labels; the random one may be another study's."""
    net = task.partition(", ")[0]
    return [
        Pair(
            f"{task}, {share:.0%} of labels",
            PredictionSet(f"{net}, random start", random_of or study, random, share),
            PredictionSet(task, study, pretrained, share),
        )
        for share in shares
    ]


#: What is compared; fixed before.
PAIRS = (
    *_pairs("1-D ResNet, beats", "resnet1d", "random", "beat_2048", (1.0, 0.25, 0.1, 0.05)),
    *_pairs("1-D ResNet, beats of 16.4 s frames", "resnet1d", "random", "beat_4096", (0.1,)),
    *_pairs("1-D ResNet, rhythms", "resnet1d", "random", "rhythm", (1.0, 0.1)),
    *_pairs("1-D ResNet, beats and a linear probe", "resnet1d", "random", "linear_probe", (0.1,)),
    *_pairs("1-D ResNet, beats of 25 people", "pretrain_size", "random", "patients_25_pass", (0.1,), "resnet1d"),
    *_pairs("1-D ResNet, beats of 100 people", "pretrain_size", "random", "patients_100_few", (0.1,), "resnet1d"),
    *_pairs("2-D ResNet as published, beats", "spectrogram2d", "random_2d", "beat_2d", (1.0, 0.1)),
    *_pairs("2-D ResNet matched, beats", "spectrogram2d", "random_2d_matched", "beat_2d_matched", (1.0, 0.1)),
    *_pairs("quality by AlexNet, beats", "freezing", "random_0", "beat_0"),
    *_pairs("quality by 1-D ResNet, beats", "freezing", "resnet1d_random_0", "resnet1d_beat_0"),
    *_pairs("PTB-XL, beats", "ptbxl_transfer", "random", "beat"),
    *_pairs("PTB-XL, beats and a linear probe", "ptbxl_transfer", "random", "beat_probe"),
    *_pairs("Georgia, diagnoses of PTB-XL", "ptbxl_transfer", "georgia_random", "georgia_fine_tuned"),
)  # fmt: skip
#: Pairs that are drawn class by class.
DRAWN = (
    "1-D ResNet, beats, 100% of labels", "1-D ResNet, beats, 10% of labels",
    "2-D ResNet as published, beats, 10% of labels", "quality by AlexNet, beats, 100% of labels",
    "PTB-XL, beats, 100% of labels", "Georgia, diagnoses of PTB-XL, 100% of labels",
)  # fmt: skip


#: Sets without a partner, whose calibrators are carried to another.
OTHERS = (PredictionSet("PTB-XL, shared diagnoses", "ptbxl_transfer", "ptbxl_shared"),)


def drawn_sets():
    """Return each `PredictionSet` of the pairs in `DRAWN`, once, in order."""
    drawn = [pair for pair in PAIRS if pair.name in DRAWN]
    return list(dict.fromkeys(one for pair in drawn for one in (pair.random, pair.pretrained)))


def prediction_sets(scale):
    """Return each `PredictionSet` of `PAIRS` and `OTHERS` that is committed, once: dict of it to its results."""
    named = dict.fromkeys([*(one for pair in PAIRS for one in (pair.random, pair.pretrained)), *OTHERS])
    return {one: runs for one in named if (runs := one.runs(scale))}


def tables(pair, scale):
    """Return the predictions of a pair's random and pre-trained net, or None unless both are committed.

    Where one has fewer seeds, those that both have.

    Returns
    -------
    tuple of DataFrame, or None

    Raises
    ------
    InputError
        Where the two were not tested on the same records with the same labels.
    """
    runs = [one.runs(scale) for one in (pair.random, pair.pretrained)]
    if None in runs:
        return None
    found = [stacked(one) for one in runs]
    shared = set(found[0]["seed"]) & set(found[1]["seed"])
    first, second = (table[table["seed"].isin(shared)] for table in found)
    _check_same_tests(pair, first, second)
    return first, second


def _check_same_tests(pair, first, second):
    tests = [by_seed(table, "test") for table in (first, second)]
    for seed, one in tests[0].items():
        other = tests[1][seed]
        same = one["record_id"].tolist() == other["record_id"].tolist()
        if not same or not np.array_equal(labels(one), labels(other)):
            got = f"others in seed {seed}"
            fix = "Compare nets of one split and one label revision."
            raise InputError(pair.name, "the same test records and labels for both nets", got, fix)


def by_seed(table, part):
    """Return the rows of a part: dict of seed, ascending, to DataFrame in the order of the record ids.

    Raises
    ------
    InputError
        Where a seed has no row of that part.
    """
    rows = table[table["part"] == part].sort_values("record_id")
    found = {
        int(seed): rows[rows["seed"] == seed].reset_index(drop=True) for seed in sorted(set(table["seed"]))
    }
    for seed, one in found.items():
        if one.empty:
            fix = "Calibrate runs that left both parts."
            raise InputError("predictions", f"{part} records of every seed", f"none of seed {seed}", fix)
    return found


def fitted(table, calibrator, part="validation"):
    """Fit a calibrator for each seed.

    Parameters
    ----------
    table : DataFrame
        Predictions, see `ecgrepro.evaluation.predictions`.
    calibrator : str
        A key of `ecgrepro.evaluation.calibrators.CALIBRATORS`.
    part : {"validation", "test"}
        Records that it is fitted on. "test" is what the CSC2541 project did, and no way to judge a calibrator.

    Returns
    -------
    dict of int to Calibrator
        By seed.

    Raises
    ------
    InputError
        As `by_seed` and the calibrator's `fit`.
    """
    return fit(by_seed(table, part), calibrator)


def calibrated(table, calibrator, part="validation"):
    """Return calibrated probabilities of the test records.

    Parameters
    ----------
    table, calibrator, part
        As for `fitted`.

    Returns
    -------
    dict of int to float64 array, (n_records, n_classes)
        By seed, the rows in the order of `by_seed`.

    Raises
    ------
    InputError
        As `fitted`.
    """
    return apply(fitted(table, calibrator, part), by_seed(table, "test"))


def fit(rows, calibrator):
    """Fit a calibrator on the rows of each seed: dict of int to DataFrame, to dict of int to Calibrator."""
    return {
        seed: make_calibrator(calibrator).fit(float64_logits(one), labels(one)) for seed, one in rows.items()
    }


def apply(calibrators, rows):
    """Return the probabilities of each seed's rows from its calibrator, whatever this was fitted on.

    Parameters
    ----------
    calibrators : dict of int to Calibrator
    rows : dict of int to DataFrame

    Raises
    ------
    InputError
        For a seed without a calibrator, or another number of classes.
    """
    if missing := sorted(set(rows) - set(calibrators)):
        fix = "Take the seeds that both have."
        raise InputError("calibrators", "one for each seed", f"none for {missing}", fix)
    return {seed: calibrators[seed].transform(float64_logits(one)) for seed, one in rows.items()}


def float64_logits(table):
    """The committed float32 logits as they are, in float64."""
    return logits(table).astype(np.float64)


def class_names(runs):
    """Return the names of the classes in the order of the logits: list of str."""
    table = runs[0]["predictions"]
    if is_multi_label(table):
        return list(runs[0]["run"]["classes"])
    return list(CLASSES[len(logit_columns(table))])


def judged_classes(*arms, minimum=MIN_PER_CLASS):
    """Return the indices of the classes with enough positives and negatives in every seed.

    Parameters
    ----------
    arms : dict of int to DataFrame
        Test rows by seed, with the same classes.
    minimum : int

    Returns
    -------
    list of int
    """
    counted = [
        countable_classes(indicators(labels(one), (len(one), len(logit_columns(one)))), minimum)[0]
        for rows in arms
        for one in rows.values()
    ]
    return np.flatnonzero(np.all(counted, axis=0)).tolist()
