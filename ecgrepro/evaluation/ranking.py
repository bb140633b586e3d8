"""Areas of ranks, ROC and precision-recall, of many weighted copies of the same records at once.

Class 1 is what is looked for (low quality where the classes are those of `quality`), and the score is
``logit_1 - logit_0``. A bootstrap resample gives each resampling unit, such as a recording, a whole number of copies;
the scores keep their order. So they are sorted once, and only as far as an area can depend on it: the records of
class 0 are counted **between** and **at** the distinct scores of class 1. Both areas are sums over these scores of
weights that one sparse matrix product makes for a whole chunk of resamples. Equal scores are a single threshold, as
in scikit-learn: a tie counts one half in the ROC area, and average precision takes one step for all of them.

The cost grows with records times resamples: two or three seconds of one core for an arm of ten seeds, 55,000
intervals, 1,800 of them of class 1, and 2,000 resamples, where calls to scikit-learn would take several minutes. Where
class 1 is not rare the sums run over more scores, and the time is a multiple of that.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from ecgrepro.errors import InputError, SettingsError


class RankedRecords:
    """The scores of one net's records, sorted, ready to be counted under any weights of their units.

    Parameters
    ----------
    scores : float array, (n_records,)
        Finite; large for class 1.
    labels : integer array, (n_records,)
        0 or 1.
    units : integer array, (n_records,)
        The resampling unit of each record, 0 .. n_units - 1.
    n_units : int

    Raises
    ------
    InputError
        Where a class has no record: nothing can then be ranked.
    """

    def __init__(self, scores, labels, units, n_units):
        scores, labels, units = np.asarray(scores), np.asarray(labels), np.asarray(units)
        positive = labels == 1
        if positive.all() or not positive.any():
            got = f"{np.count_nonzero(~positive)} of class 0 and {np.count_nonzero(positive)} of class 1"
            raise InputError("ranking", "records of both classes", got, "Rank a test set that holds both.")
        thresholds, places = np.unique(scores[positive], return_inverse=True)
        # place 2 k lies below threshold k and above the one before it, place 2 k + 1 at threshold k
        others = scores[~positive]
        below = np.searchsorted(thresholds, others)
        equal = thresholds[np.minimum(below, len(thresholds) - 1)] == others
        self._positive = _counts(places, units[positive], len(thresholds), n_units)
        self._negative = _counts(2 * below + equal, units[~positive], 2 * len(thresholds) + 1, n_units)

    def weigh(self, weights):
        """Count under weights of the units.

        Parameters
        ----------
        weights : float32 array, (n_units, n_resamples)
            Whole numbers; exact as long as a resample's total stays below 2 ** 24 records.

        Returns
        -------
        tuple of float64 arrays, each (n_thresholds, n_resamples)
            At each distinct score of class 1, ascending: records of class 1 at it, of class 0 below it, at it, and
            above it.
        """
        positive = (self._positive @ weights).astype(np.float64)
        negative = (self._negative @ weights).astype(np.float64)
        at = negative[1::2]
        upto = negative.cumsum(axis=0)
        return positive, upto[:-1:2], at, upto[-1] - upto[1::2]


def _counts(places, units, n_places, n_units):
    """Return a sparse float32 matrix (n_places, n_units) of the records of each unit at each place."""
    ones = np.ones(len(places), np.float32)
    return sparse.csr_array((ones, (places, units)), shape=(n_places, n_units))


def _roc_area(positive, below, at, above):
    with np.errstate(invalid="ignore"):  # a resample without one of the classes is NaN
        pairs = positive.sum(0) * (below[0] + at[0] + above[0])
        return (positive * (below + at / 2)).sum(0) / pairs


def _average_precision(positive, below, at, above):
    found = positive[::-1].cumsum(axis=0)[::-1]
    answered = found + at + above
    precision = np.divide(found, answered, out=np.zeros_like(found), where=answered > 0)
    with np.errstate(invalid="ignore"):
        return np.where(below[0] + at[0] + above[0] > 0, (positive * precision).sum(0) / found[0], np.nan)


@dataclass(frozen=True)
class Ranking:
    """An area under a curve of ranks.

    Attributes
    ----------
    name : str
        Its key in `RANKINGS`.
    label : str
        For axes and table heads.
    function : callable
        The four arrays that `RankedRecords.weigh` returns to an array (n_resamples,), NaN for a resample that lacks
        a class.
    """

    name: str
    label: str
    function: Callable

    def __call__(self, scores, labels):
        """Return the area of scores, float (n_records,), and labels, 0 or 1; InputError where a class is missing."""
        ranked = RankedRecords(scores, labels, np.zeros(len(labels), np.int64), 1)
        return float(self.function(*ranked.weigh(np.ones((1, 1), np.float32)))[0])


#: Every ranking by name.
RANKINGS = {
    ranking.name: ranking
    for ranking in (
        Ranking("roc_auc", "ROC area", _roc_area),
        Ranking("average_precision", "average precision of low quality", _average_precision),
    )
}


def get_ranking(ranking):
    """Return the `Ranking` of that name, or the `Ranking` itself; raise SettingsError for another name."""
    if isinstance(ranking, Ranking):
        return ranking
    if ranking not in RANKINGS:
        fix = "Metrics of confusion matrices are those of metrics.py."
        raise SettingsError("ranking", f"one of {', '.join(RANKINGS)}", repr(ranking), fix)
    return RANKINGS[ranking]
