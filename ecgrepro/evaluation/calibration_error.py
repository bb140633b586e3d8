"""Calibration error over bins of equal mass: as usually printed, and freed of its bias.

equal_mass
    Sum over bins of (records in bin / records) * abs(observed share - mean probability), with equal-mass bins. A
    perfectly calibrated net has a positive one, since shares of few records scatter: .037 is expected with 1,700
    records in 15 bins where every probability is .5.
debiased
    The same with squares, less the scatter that chance alone would cause: each bin's square loses
    share * (1 - share) / (n - 1). It is an unbiased estimate of the binned squared error, and so may come out below 0.
    Kumar, Liang & Ma (2019), "Verified uncertainty calibration", NeurIPS 32, section on the debiased
    estimator; the same correction in Bröcker (2012), doi:10.1007/s00382-011-1191-1.
sweep
    equal_mass with as many bins as keep the observed shares from falling: Roelofs et al. (2022), "Mitigating bias in
    calibration error estimation", AISTATS 25 (ECE_sweep).

The first two depend on the number of bins: compare only equal ones. None is a proper score: a predictor that always
says the prevalence has almost no calibration error, so read them beside `brier_score` and `log_loss`.
"""

import numpy as np

from ecgrepro.errors import InputError, SettingsError
from ecgrepro.evaluation.calibration_inputs import (
    MIN_PER_CLASS,
    check_binary,
    check_probabilities,
    class_scores,
    indicators,
    is_multi_class,
)
from ecgrepro.evaluation.probability_bins import bin_totals, bins_of_groups, equal_mass_bins


def error_of_bins(n, positives, sums, kind):
    """Return the calibration error of binned records, shape (...).

    Parameters
    ----------
    n, positives, sums : arrays, (..., n_bins)
        Records, positive records and sum of the probabilities in each bin.
    kind : {"equal_mass", "debiased"}
        The latter leaves out bins of fewer than two records, from which no scatter can be told; NaN where all are.
    """
    if kind == "equal_mass":
        return np.abs(positives - sums).sum(-1) / n.sum(-1)
    told = n > 1
    size = np.where(told, n, 2)
    share = positives / size
    squares = np.square((positives - sums) / size) - share * (1 - share) / (size - 1)
    with np.errstate(invalid="ignore"):
        return (squares * n * told).sum(-1) / (n * told).sum(-1)


def calibration_error(probabilities, outcomes, *, n_bins=15):
    """Return one class's expected calibration error over bins of equal mass.

    Parameters
    ----------
    probabilities : array, (n_records,)
    outcomes : array, (n_records,)
        Zeros and ones.
    n_bins : int
        Largest number of bins; equal probabilities share one (`probability_bins`).

    Returns
    -------
    float
        From 0 to 1, biased upwards.

    Raises
    ------
    InputError
        As `calibration_inputs.check_binary`.
    SettingsError
        For fewer than one bin.
    """
    return float(error_of_bins(*_binned(probabilities, outcomes, n_bins), "equal_mass"))


def debiased_calibration_error(probabilities, outcomes, *, n_bins=15, squared=True):
    """Return one class's squared calibration error without the bias of few records in a bin.

    Parameters
    ----------
    probabilities, outcomes, n_bins
        As for `calibration_error`.
    squared : bool
        Without it the root, taken of 0 where the estimate is below 0; it is then biased upwards again.

    Returns
    -------
    float
        Squared: from below 0 to 1.

    Raises
    ------
    InputError
        As `calibration_error`, or when no bin holds two records.
    SettingsError
        For fewer than one bin.
    """
    value = float(error_of_bins(*_binned(probabilities, outcomes, n_bins), "debiased"))
    if np.isnan(value):
        fix = "Use fewer bins."
        raise InputError("bins", "two records in a bin", f"one in each of {n_bins}", fix)
    return value if squared else max(value, 0.0) ** 0.5


def sweep_calibration_error(probabilities, outcomes):
    """Return one class's equal-mass calibration error with the most bins whose observed shares never fall.

    Parameters
    ----------
    probabilities, outcomes
        As for `calibration_error`.

    Returns
    -------
    float
        From 0 to 1.

    Raises
    ------
    InputError
        As `calibration_inputs.check_binary`.
    """
    probabilities, outcomes = check_binary(probabilities, outcomes)
    values, place = np.unique(probabilities, return_inverse=True)
    n, positives, sums = bin_totals(place, outcomes, probabilities)
    best = n[None].sum(-1), positives[None].sum(-1), sums[None].sum(-1)
    for n_bins in range(2, len(probabilities) + 1):
        bins = bins_of_groups(n.astype(np.int64), n_bins)
        totals = [np.bincount(bins, column) for column in (n, positives, sums)]
        if (np.diff(totals[1] / totals[0]) < 0).any():
            break
        best = totals
        if len(totals[0]) == len(values):
            break  # each value has its bin already
    return float(error_of_bins(*best, "equal_mass"))


def _binned(probabilities, outcomes, n_bins):
    probabilities, outcomes = check_binary(probabilities, outcomes)
    return bin_totals(equal_mass_bins(probabilities, n_bins), outcomes, probabilities)


#: Every estimator by name; "sweep" chooses its bins itself.
ESTIMATORS = {
    "equal_mass": calibration_error,
    "debiased": debiased_calibration_error,
    "sweep": sweep_calibration_error,
}


def _estimator(name, n_bins):
    if name not in ESTIMATORS:
        raise SettingsError("estimator", f"one of {', '.join(ESTIMATORS)}", repr(name), "Use 'debiased'.")
    settings = {} if name == "sweep" else {"n_bins": n_bins}
    return lambda probabilities, outcomes: ESTIMATORS[name](probabilities, outcomes, **settings)


def classwise_calibration_error(
    probabilities, labels, *, estimator="equal_mass", n_bins=15, minimum=MIN_PER_CLASS
):
    """Return the calibration error of each class against the rest.

    Parameters
    ----------
    probabilities : array, (n_records, n_classes)
    labels : array, (n_records,) of class indices or (n_records, n_classes) of zeros and ones
    estimator : {"equal_mass", "debiased", "sweep"}
    n_bins : int
    minimum : int
        Fewest positives, and negatives, of a class; others are left out of the mean and named.

    Returns
    -------
    ClassScores

    Raises
    ------
    InputError
        As `calibration_inputs.check_probabilities`, or when no class has enough records.
    SettingsError
        For an unknown estimator or fewer than one bin.
    """
    function = _estimator(estimator, n_bins)
    probabilities = check_probabilities(probabilities, multi_class=is_multi_class(labels))
    targets = indicators(labels, probabilities.shape)
    return class_scores(lambda k: function(probabilities[:, k], targets[:, k]), targets, minimum)


def top_label(probabilities, labels):
    """Return the largest probability of each record and whether its class is right, for single labels.

    The pair is what confidence calibration (Guo et al. 2017, "On calibration of modern neural networks", ICML) is
    judged on, whichever class is on top.

    Parameters
    ----------
    probabilities : array, (n_records, n_classes)
    labels : integer array, (n_records,)

    Returns
    -------
    tuple of float64 array and bool array, (n_records,)
        The lowest class index wins a tie.

    Raises
    ------
    InputError
        For multi-label records, which have no top label, and as `calibration_inputs.check_probabilities`.
    """
    if not is_multi_class(labels):
        fix = "Judge multi-label predictions class by class."
        raise InputError("labels", "class indices (n_records,)", f"shape {np.shape(labels)}", fix)
    probabilities = check_probabilities(probabilities, multi_class=True)
    indicators(labels, probabilities.shape)
    return probabilities.max(axis=1), probabilities.argmax(axis=1) == np.asarray(labels)


def top_label_calibration_error(probabilities, labels, *, estimator="equal_mass", n_bins=15):
    """Return the calibration error of the largest probability (`top_label`).

    Returns
    -------
    float

    Raises
    ------
    InputError, SettingsError
        As `top_label` and `classwise_calibration_error`.
    """
    return _estimator(estimator, n_bins)(*top_label(probabilities, labels))
