"""What goes into calibration: logits, labels of either kind, probabilities, and the checks that keep them apart.

Labels say which task it is. Class indices (n_records,) are single labels: exactly one class is right and probabilities
are a softmax. Zeros and ones (n_records, n_classes) are multi-label: each class is a question of its own and
probabilities are sigmoids.

A probability of exactly 0 or 1 has no finite logit and can cost an infinite log loss. It is moved to `CLIP` or
1 - `CLIP`, and whoever does so says how many were moved (X-27 in the discrepancies: a float32 probability of 1 became
an infinite logit, was replaced by 0, and so stood for .5).
"""

from dataclasses import dataclass

import numpy as np
from scipy import special

from ecgrepro.errors import InputError, SettingsError

#: Nearest that a probability may come to 0 and 1 where its logarithm is taken: the resolution of float32 below 1.
CLIP = 1e-7
#: Fewest positives, and fewest negatives, from which a class is calibrated or its calibration judged.
MIN_PER_CLASS = 10
# Softmax of float32 logits sums to one well within this.
_ROW_SUM = 1e-3


@dataclass(frozen=True, eq=False)
class ClassScores:
    """One score per class, and the mean over the classes that have enough records.

    Attributes
    ----------
    values : float64 array, (n_classes,)
        NaN for the classes left out.
    counted : bool array, (n_classes,)
        Which classes have enough positives and negatives.
    mean : float
        Over the counted classes.
    notes : tuple of str
        One for each class left out.
    """

    values: np.ndarray
    counted: np.ndarray
    mean: float
    notes: tuple


def check_logits(logits, *, allow_probabilities=False, where="logits"):
    """Return logits as float64 (n_records, n_classes).

    Parameters
    ----------
    logits : array, (n_records, n_classes)
    allow_probabilities : bool
        Accept numbers that all lie in 0 .. 1, as the logits of a barely trained net might.
    where : str
        Named in the error.

    Raises
    ------
    InputError
        For another number of dimensions, no record, logits that are not finite, or such as are all in 0 .. 1 and so
        very probably probabilities.
    """
    logits = np.asarray(logits, np.float64)
    if logits.ndim != 2 or not logits.size:
        fix = "Pass one row per record and one column per class."
        raise InputError(where, "shape (n_records, n_classes)", f"shape {logits.shape}", fix)
    broken = ~np.isfinite(logits).all(axis=1)
    if broken.any():
        got = f"{broken.sum()} rows with NaN or infinite ones, first row {np.flatnonzero(broken)[0]}"
        fix = "Take the net's logits, not the logarithms of its saturated probabilities."
        raise InputError(where, "finite logits", got, fix)
    if not allow_probabilities and logits.min() >= 0 and logits.max() <= 1:
        sums = "rows that sum to one" if np.allclose(logits.sum(1), 1, atol=_ROW_SUM) else "no sum of one"
        got = f"values that all lie in 0 .. 1, with {sums}: probabilities, it seems"
        fix = "Use logits_from_probabilities, or allow_probabilities=True if these are logits indeed."
        raise InputError(where, "logits", got, fix)
    return logits


def is_multi_class(labels):
    """Return whether labels are class indices, (n_records,), and not zeros and ones of each class."""
    return np.ndim(labels) == 1


def indicators(labels, shape, where="labels"):
    """Return which classes are right, bool (n_records, n_classes), from labels of either kind.

    Parameters
    ----------
    labels : integer array (n_records,) of class indices, or array (n_records, n_classes) of zeros and ones
    shape : tuple of int
        (n_records, n_classes) of the logits or probabilities.

    Raises
    ------
    InputError
        For labels of another shape, indices out of range, single labels of one class alone, or values other than
        0 and 1.
    """
    labels = np.asarray(labels)
    if labels.ndim == 1 and labels.shape == shape[:1]:
        return _one_hot(labels, shape[1], where)
    if labels.shape != tuple(shape):
        expected = f"shape ({shape[0]},) or {tuple(shape)}, as the predictions have"
        raise InputError(where, expected, f"shape {labels.shape}", "Align labels and predictions.")
    if not np.isin(labels, (0, 1)).all():
        got = f"other values, such as {labels[~np.isin(labels, (0, 1))][0]}"
        raise InputError(where, "zeros and ones", got, "Leave out records whose label is unknown.")
    return labels.astype(bool)


def _one_hot(labels, n_classes, where):
    expected = f"integers from 0 to {n_classes - 1} for two classes or more"
    if not np.issubdtype(labels.dtype, np.integer) or n_classes < 2:
        got = f"dtype {labels.dtype} and {n_classes} classes"
        raise InputError(where, expected, got, "Multi-label zeros and ones have one column per class.")
    if labels.min() < 0 or labels.max() >= n_classes:
        got = f"values from {labels.min()} to {labels.max()}"
        raise InputError(where, expected, got, "Check the class order and the number of columns.")
    return labels[:, None] == np.arange(n_classes)


def check_probabilities(probabilities, *, multi_class, where="probabilities"):
    """Return probabilities as float64 (n_records, n_classes).

    Raises
    ------
    InputError
        For another number of dimensions, no record, values outside 0 .. 1 or NaN, or (where ``multi_class``) rows
        that do not sum to one within .001.
    """
    probabilities = np.asarray(probabilities, np.float64)
    if probabilities.ndim != 2 or not probabilities.size:
        fix = "Pass one row per record and one column per class."
        raise InputError(where, "shape (n_records, n_classes)", f"shape {probabilities.shape}", fix)
    _check_range(probabilities, where)
    sums = probabilities.sum(axis=1)
    if multi_class and np.abs(sums - 1).max() > _ROW_SUM:
        got = f"sums from {sums.min():.3g} to {sums.max():.3g}"
        fix = "Single labels need a softmax; multi-label ones are zeros and ones, one column per class."
        raise InputError(where, "rows that sum to one", got, fix)
    return probabilities


def _check_range(probabilities, where):
    if not (probabilities.min() >= 0 and probabilities.max() <= 1):  # NaN fails both
        got = f"values from {probabilities.min():.4g} to {probabilities.max():.4g}"
        fix = "Logits go through a calibrator first; 'none' makes probabilities of them."
        raise InputError(where, "values from 0 to 1", got, fix)


def check_binary(probabilities, outcomes, where="probabilities"):
    """Return float64 probabilities and bool outcomes of one class, both (n_records,).

    Raises
    ------
    InputError
        For other or unequal shapes, no record, values outside 0 .. 1, or outcomes other than 0 and 1.
    """
    probabilities = np.asarray(probabilities, np.float64)
    if probabilities.ndim != 1 or not probabilities.size:
        fix = "Pass one class's column."
        raise InputError(where, "shape (n_records,)", f"shape {probabilities.shape}", fix)
    _check_range(probabilities, where)
    outcomes = np.asarray(outcomes).reshape(len(outcomes), -1)
    return probabilities, indicators(outcomes, (len(probabilities), 1), "outcomes")[:, 0]


def clip_probabilities(probabilities, clip=CLIP):
    """Move probabilities below ``clip`` or above 1 - ``clip`` to these limits.

    Returns
    -------
    tuple of float64 array and int
        The probabilities in the same shape, and how many were moved.

    Raises
    ------
    SettingsError
        For a clip outside 0 .. .5, both excluded.
    """
    if not 0 < clip < 0.5:
        raise SettingsError("clip", "a number between 0 and .5", repr(clip), f"Leave it at {CLIP}.")
    probabilities = np.asarray(probabilities, np.float64)
    moved = (probabilities < clip) | (probabilities > 1 - clip)
    return np.clip(probabilities, clip, 1 - clip), int(moved.sum())


def logits_from_probabilities(probabilities, *, multi_class, clip=CLIP):
    """Return logits whose softmax or sigmoid is (but for the clip) the given probabilities.

    Parameters
    ----------
    probabilities : array, (n_records, n_classes)
    multi_class : bool
        Rows sum to one: the logits are ln p, each row's own constant being lost. Else ln p - ln(1 - p).
    clip : float

    Returns
    -------
    tuple of float64 array (n_records, n_classes) and tuple of str
        The logits, and a note where probabilities were clipped.

    Raises
    ------
    InputError
        As `check_probabilities`.
    """
    clipped, n_moved = clip_probabilities(check_probabilities(probabilities, multi_class=multi_class), clip)
    note = f"{n_moved} of {clipped.size} probabilities were nearer to 0 or 1 than {clip:g} and moved to it"
    return np.log(clipped) if multi_class else special.logit(clipped), (note,) if n_moved else ()


def class_log_odds(logits, *, multi_class):
    """Return each class's ln p - ln(1 - p), float64 (n_records, n_classes), without ever forming p.

    Multi-label: the logits themselves. Single labels: ``logit_k - logsumexp(the other logits)``, the log-odds of the
    softmax probability of class k against the rest.
    """
    if not multi_class:
        return logits
    columns = range(logits.shape[1])
    others = [special.logsumexp(np.delete(logits, column, axis=1), axis=1) for column in columns]
    return logits - np.stack(others, axis=1)


def countable_classes(targets, minimum=MIN_PER_CLASS):
    """Return which classes have enough of both outcomes, and a note for each that has not.

    Parameters
    ----------
    targets : bool array, (n_records, n_classes)
        Of `indicators`.
    minimum : int

    Returns
    -------
    tuple of bool array (n_classes,) and tuple of str
    """
    positives = targets.sum(axis=0)
    negatives = len(targets) - positives
    counted = np.minimum(positives, negatives) >= minimum
    notes = [
        f"class {k}: {positives[k]} positives and {negatives[k]} negatives, fewer than {minimum}"
        for k in np.flatnonzero(~counted)
    ]
    return counted, tuple(notes)


def class_scores(score, targets, minimum=MIN_PER_CLASS):
    """Return `ClassScores` of a function of a class's index, for the classes with enough records.

    Raises
    ------
    InputError
        When no class has enough.
    """
    counted, notes = countable_classes(targets, minimum)
    if not counted.any():
        fix = "Judge calibration on a larger test part, or lower the minimum and say so."
        raise InputError("classes", f"one with {minimum} positives and negatives", "none", fix)
    values = np.full(len(counted), np.nan)
    values[counted] = [score(index) for index in np.flatnonzero(counted)]
    return ClassScores(values, counted, float(values[counted].mean()), notes)
