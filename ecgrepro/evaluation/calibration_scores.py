"""Scores of calibration as sums over records, so that a resample of records is a weighted sum and nothing more.

Each record contributes a few numbers (its losses; its place in the bins), a resample weighs them, and the score is a
function of the totals. Bins are those of the records as observed and stay where they are in every resample.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from ecgrepro.errors import InputError, SettingsError
from ecgrepro.evaluation.calibration_error import error_of_bins, top_label
from ecgrepro.evaluation.calibration_inputs import (
    MIN_PER_CLASS,
    check_probabilities,
    countable_classes,
    indicators,
    is_multi_class,
)
from ecgrepro.evaluation.log_loss import losses_from_probabilities
from ecgrepro.evaluation.probability_bins import equal_mass_bins


@dataclass(frozen=True)
class CalibrationScore:
    """A score of probabilities and labels that can be resampled.

    Attributes
    ----------
    name, label : str
        Key in `CALIBRATION_SCORES`; for axes and table heads.
    contributions : callable
        (probabilities, labels, classes, minimum, n_bins) to float64 array or sparse array (n_records, n_columns).
    value : callable
        Totals (n_columns, ...) and number of bins to the score (...).
    binned : bool
        Whether it is a calibration error over bins; see `calibration_comparison` for what follows.
    """

    name: str
    label: str
    contributions: Callable
    value: Callable
    binned: bool

    def __call__(self, probabilities, labels, *, classes=None, minimum=MIN_PER_CLASS, n_bins=15):
        """Return the score of the records as they are; parameters as `calibration_comparison.calibration_estimate`."""
        columns = self.contributions(probabilities, labels, classes, minimum, n_bins)
        return float(self.value(np.asarray(columns.sum(axis=0)).ravel(), n_bins))


def _checked(probabilities, labels, classes):
    """Return probabilities, targets and the indices of the wanted classes."""
    probabilities = check_probabilities(probabilities, multi_class=is_multi_class(labels))
    targets = indicators(labels, probabilities.shape)
    n_classes = probabilities.shape[1]
    wanted = list(range(n_classes) if classes is None else classes)
    if not wanted or len(set(wanted)) < len(wanted) or not set(wanted) <= set(range(n_classes)):
        fix = "Name each class once."
        raise SettingsError("classes", f"distinct indices from 0 to {n_classes - 1}", str(wanted), fix)
    return probabilities, targets, wanted


def _with_count(losses):
    return np.column_stack([np.ones(len(losses)), losses])


def _mean(totals, n_bins):
    return totals[1] / totals[0]


def _brier(probabilities, labels, classes, minimum, n_bins):
    probabilities, targets, wanted = _checked(probabilities, labels, classes)
    squares = np.square(probabilities - targets)[:, wanted]
    whole = is_multi_class(labels) and classes is None
    return _with_count(squares.sum(axis=1) if whole else squares.mean(axis=1))


def _log_loss(probabilities, labels, classes, minimum, n_bins):
    probabilities, targets, wanted = _checked(probabilities, labels, classes)
    whole = is_multi_class(labels) and classes is None
    if whole:
        losses = losses_from_probabilities(probabilities, targets, multi_class=True)
    else:
        losses = losses_from_probabilities(
            probabilities[:, wanted], targets[:, wanted], multi_class=False
        ).mean(axis=1)
    if np.isinf(losses).any():
        got = f"{np.isinf(losses).sum()} records whose label has probability 0"
        fix = "Move them with clip_probabilities, and say so."
        raise InputError("probabilities", "a finite log loss of every record", got, fix)
    return _with_count(losses)


def _classwise(probabilities, labels, classes, minimum, n_bins):
    probabilities, targets, wanted = _checked(probabilities, labels, classes)
    counted, notes = countable_classes(targets[:, wanted], minimum)
    if notes:
        named = [f"class {wanted[k]}" for k in np.flatnonzero(~counted)]
        fix = "Name the others in `classes`, and say which are left out."
        expected = f"{minimum} positives and negatives of each class in every seed"
        raise InputError("classes", expected, f"fewer of {', '.join(named)}", fix)
    return _binned(probabilities[:, wanted], targets[:, wanted], n_bins)


def _top_label(probabilities, labels, classes, minimum, n_bins):
    if classes is not None:
        fix = "Use a classwise score for single classes."
        raise SettingsError("classes", "none: a top label may be any class", str(classes), fix)
    confidence, right = top_label(probabilities, labels)
    return _binned(confidence[:, None], right[:, None], n_bins)


def _binned(probabilities, targets, n_bins):
    """Return a sparse array (n_records, n_classes * n_bins * 3): record, positive and probability in its bin."""
    n_records, n_classes = probabilities.shape
    if n_records < 2 * n_bins:
        fix = "Use fewer bins."
        raise InputError("bins", "two records for each bin", f"{n_records} records, {n_bins} bins", fix)
    bins = np.stack([equal_mass_bins(column, n_bins) for column in probabilities.T], axis=1)
    first = (np.arange(n_classes) * n_bins + bins) * 3
    columns = first[..., None] + np.arange(3)
    values = np.stack([np.ones(bins.shape), targets, probabilities], axis=-1)
    rows = np.repeat(np.arange(n_records), n_classes * 3)
    shape = n_records, n_classes * n_bins * 3
    return sparse.csr_array((values.ravel(), (rows, columns.ravel())), shape=shape)


def _mean_error(kind):
    def value(totals, n_bins):
        cells = np.moveaxis(totals.reshape(-1, n_bins, 3, *totals.shape[1:]), (2, 1), (0, -1))
        return error_of_bins(*cells, kind).mean(axis=0)

    return value


#: Every score by name.
CALIBRATION_SCORES = {
    score.name: score
    for score in (
        CalibrationScore("brier", "Brier score", _brier, _mean, False),
        CalibrationScore("log_loss", "log loss (nats)", _log_loss, _mean, False),
        CalibrationScore(
            "classwise_error",
            "calibration error, mean of classes",
            _classwise,
            _mean_error("equal_mass"),
            True,
        ),
        CalibrationScore(
            "classwise_debiased",
            "squared calibration error without bias, mean of classes",
            _classwise,
            _mean_error("debiased"),
            True,
        ),
        CalibrationScore(
            "top_label_error",
            "calibration error of the top label",
            _top_label,
            _mean_error("equal_mass"),
            True,
        ),
        CalibrationScore(
            "top_label_debiased",
            "squared calibration error of the top label without bias",
            _top_label,
            _mean_error("debiased"),
            True,
        ),
    )
}


def get_calibration_score(score):
    """Return the `CalibrationScore` of that name, or the score itself; raise SettingsError for another name."""
    if isinstance(score, CalibrationScore):
        return score
    if score not in CALIBRATION_SCORES:
        fix = "Metrics of confusion matrices are those of metrics.py."
        raise SettingsError("score", f"one of {', '.join(CALIBRATION_SCORES)}", repr(score), fix)
    return CALIBRATION_SCORES[score]
