"""ROC area of every class of a multi-label problem, of many resamples of the same records at once.

A record has each of the classes or not, and a score for each. The area of a class (AUC) is the share of pairs of a
record with the class and one without in which the former has the higher score; equal scores count one half, as in
scikit-learn. Any scores in the right order serve, logits as well as probabilities; but probabilities in float32 round
to 1 where logits still differ.

A class is sorted once, by `ecgrepro.evaluation.ranking`, and counted between the scores of its rarer side: that of the
records without it where most have it. One sparse product then counts all resamples. Counts are whole numbers, exact in
float32, and their products in float64: an area differs from scikit-learn's by rounding alone.

A class without positives or without negatives has no area. What stands in its place is masked, with the reason, and
never a number; masked entries hold NaN, so that who ignores the mask sees it.
"""

from dataclasses import dataclass

import numpy as np

from ecgrepro.errors import InputError
from ecgrepro.evaluation.ranking import RANKINGS, RankedRecords

# Resamples drawn and counted at once: what a class holds of them then stays within a core's cache.
_CHUNK = 32
_roc_area = RANKINGS["roc_auc"].function


@dataclass(frozen=True, eq=False)
class ClassAreas:
    """The ROC area of each class.

    Attributes
    ----------
    areas : numpy.ma.MaskedArray, float64 (n_classes,)
        Masked where a class has none.
    left_out : dict of int to str
        Why, for each class that is masked.
    """

    areas: np.ma.MaskedArray
    left_out: dict


class ClassRanks:
    """The scores of one net's records, sorted class by class, ready to be counted under any weights of their units.

    Parameters
    ----------
    labels : integer or bool array, (n_records, n_classes)
        0 or 1.
    scores : float array, (n_records, n_classes)
        Finite; large for records with the class.
    units : integer array, (n_records,), optional
        The resampling unit of each record, 0 .. n_units - 1; every record is its own unless given.
    n_units : int, optional
        Needed only where the last units have no record.

    Attributes
    ----------
    positives, negatives : int64 arrays, (n_classes,)
    n_units : int

    Raises
    ------
    InputError
        For arrays of another or unequal shape, labels that are not 0 or 1, scores that are not finite, or units that do
        not fit.
    """

    def __init__(self, labels, scores, units=None, n_units=None):
        labels, scores = check_classes(labels, scores)
        units = np.arange(len(labels)) if units is None else _check_units(units, len(labels), n_units)
        self.n_units = int(units.max()) + 1 if n_units is None else n_units
        self.positives = labels.sum(axis=0, dtype=np.int64)
        self.negatives = len(labels) - self.positives
        usable = np.flatnonzero((self.positives > 0) & (self.negatives > 0))
        self._ranked = {k: self._rank(labels[:, k], scores[:, k], units) for k in usable}

    def _rank(self, labels, scores, units):
        """Sort a class, turned around where most records have it: the area is the same, and there is less to count."""
        if 2 * labels.sum(dtype=np.int64) > len(labels):
            labels, scores = 1 - labels, -scores
        return RankedRecords(scores, labels, units, self.n_units)

    def areas(self, weights):
        """Return the area of each class under weights of the units.

        Parameters
        ----------
        weights : float array, (n_units, n_resamples)
            Not negative. float32 is exact for whole numbers as long as a resample stays below 2 ** 24 records.

        Returns
        -------
        numpy.ma.MaskedArray, float64 (n_resamples, n_classes)
            Masked where a resample has no positive or no negative of a class.
        """
        found = np.full((weights.shape[1], len(self.positives)), np.nan)
        for k, ranked in self._ranked.items():
            found[:, k] = _roc_area(*ranked.weigh(weights))
        return np.ma.masked_invalid(found, copy=False)


def check_classes(labels, scores):
    """Return labels int8 and scores float, both (n_records, n_classes); raise InputError as `ClassRanks` says."""
    labels, scores = np.asarray(labels), np.asarray(scores)
    if labels.ndim != 2 or labels.shape != scores.shape or not labels.size:
        got, fix = f"shapes {labels.shape} and {scores.shape}", "Pass one label and one score of each class."
        raise InputError("classes", "labels and scores of one shape (n_records, n_classes)", got, fix)
    if labels.dtype.kind not in "biu" or labels.min() < 0 or labels.max() > 1:
        got = f"{labels.dtype} from {labels.min()} to {labels.max()}"
        raise InputError("labels", "0 or 1, or booleans", got, "Write one column per class.")
    unusable = ~np.isfinite(scores)
    if unusable.any():
        got = f"{unusable.sum()} NaN or infinite, first of class {np.argmax(unusable.any(axis=0))}"
        fix = "A net that diverged cannot be ranked; of probabilities of 0 and 1 pass the logits instead."
        raise InputError("scores", "finite scores", got, fix)
    return labels.astype(np.int8), scores if scores.dtype.kind == "f" else scores.astype(np.float64)


def _check_units(units, n_records, n_units):
    units = np.asarray(units)
    if units.shape != (n_records,) or units.dtype.kind not in "iu":
        got = f"{units.dtype} of shape {units.shape}"
        raise InputError("units", f"integers of shape ({n_records},)", got, "Pass one unit per record.")
    if units.min() < 0 or (n_units is not None and units.max() >= n_units):
        got, fix = f"units from {units.min()} to {units.max()}", "Number them from 0."
        raise InputError("units", f"0 to {'n' if n_units is None else n_units} - 1", got, fix)
    return units


def class_auc(labels, scores, weights=None):
    """Return the ROC area of each class.

    Parameters
    ----------
    labels : integer or bool array, (n_records, n_classes)
        0 or 1.
    scores : float array, (n_records, n_classes)
        Finite, logits or probabilities.
    weights : float array, (n_records,), optional
        Not negative; 1 each unless given.

    Returns
    -------
    ClassAreas
        The values of `sklearn.metrics.roc_auc_score` with ``average=None``, and what it would refuse or answer with NaN
        left out by name.

    Raises
    ------
    InputError
        As `ClassRanks`, or for weights of another shape, negative or not finite.
    """
    ranks = ClassRanks(labels, scores)
    weights = np.ones(ranks.n_units) if weights is None else np.asarray(weights, np.float64)
    if weights.shape != (ranks.n_units,) or not np.isfinite(weights).all() or weights.min() < 0:
        got = f"shape {weights.shape}, from {weights.min(initial=np.inf)} to {weights.max(initial=-np.inf)}"
        raise InputError(
            "weights", f"{ranks.n_units} finite numbers of 0 or more", got, "Pass one per record."
        )
    present = np.asarray(labels)[weights > 0]
    positives = present.sum(axis=0, dtype=np.int64)
    return ClassAreas(ranks.areas(weights[:, None])[0], missing_side(positives, len(present) - positives))


def missing_side(positives, negatives):
    """Return why classes have no area, a dict of int to str, from their counts, integer (n_classes,) each."""
    found = {int(k): "no positives" for k in np.flatnonzero(positives == 0)}
    return found | {int(k): "no negatives" for k in np.flatnonzero((negatives == 0) & (positives > 0))}


def resampled_auc(labels, scores, counts, units=None):
    """Return the ROC area of each class in each resample.

    Parameters
    ----------
    labels, scores
        As for `class_auc`.
    counts : integer array, (n_resamples, n_units)
        How often a resample holds each unit.
    units : integer array, (n_records,), optional
        The unit of each record, 0 .. n_units - 1, for instance its patient; every record is its own unless given.

    Returns
    -------
    numpy.ma.MaskedArray, float64 (n_resamples, n_classes)
        Masked where a resample lacks positives or negatives of a class: ``.mask.sum(axis=0)`` counts these resamples,
        and ``.mean(axis=1)`` is the macro over the classes that a resample does have.

    Raises
    ------
    InputError
        As `ClassRanks`, or for counts that are negative, not whole, or of another number of units.
    """
    counts = _check_counts(counts, len(labels) if units is None else None)
    ranks = ClassRanks(labels, scores, units, counts.shape[1])
    chunks = (counts[start : start + _CHUNK].T for start in range(0, len(counts), _CHUNK))
    areas = [ranks.areas(np.ascontiguousarray(chunk, np.float32)).data for chunk in chunks]
    return np.ma.masked_invalid(np.concatenate(areas), copy=False)  # np.ma.concatenate may drop the mask


def _check_counts(counts, n_units):
    counts = np.asarray(counts)
    expected = f"shape (n_resamples, {'n_units' if n_units is None else n_units})"
    if counts.ndim != 2 or not counts.size or n_units not in (None, counts.shape[1]):
        raise InputError(
            "counts", expected, f"shape {counts.shape}", "Count every unit, those not drawn as 0."
        )
    whole = counts.dtype.kind in "biu" or (np.isfinite(counts) & (counts == np.rint(counts))).all()
    if counts.min() < 0 or not whole:
        got = f"{counts.dtype} from {counts.min()} to {counts.max()}"
        raise InputError("counts", "whole numbers of 0 or more", got, "Count how often each unit is drawn.")
    return counts
