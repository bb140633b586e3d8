"""The bracket behind the AUCs of the PTB-XL benchmark, such as the (07) of ``.925(07)``.

It is the larger distance of the macro AUC to the 5 % or 95 % quantile over 100 bootstrap resamples of the test records,
cut (not rounded) to thousandths; no standard deviation, and half of a 90 % interval only where that is symmetric.
Resamples in which a class has no positive are drawn again until every class has one, which favours resamples rich in
rare classes. Source: Strodthoff et al. 2021, doi:10.1109/JBHI.2020.3022989, and the benchmark's public code,
github.com/helme/ecg_ptbxl_benchmarking, ``utils/utils.py``.

For an interval of ours, which counts seeds and keeps to a rule on rare classes, see `ecgrepro.evaluation.macro_auc`.
"""

from dataclasses import dataclass

import numpy as np

from ecgrepro.errors import InputError
from ecgrepro.evaluation.class_ranks import ClassRanks, check_classes, missing_side
from ecgrepro.evaluation.intervals import check_resampling, resampled_counts

#: Resamples drawn for each one wanted before giving up: rare classes can be missing from nearly all.
_MOST_TRIES = 1000


@dataclass(frozen=True)
class Bracket:
    """A macro AUC as the benchmark prints it.

    Attributes
    ----------
    point : float
        Macro AUC of the test records as they are.
    low, high : float
        Its 5 % and 95 % quantiles over resamples.
    distance : float
        The larger of ``high - point`` and ``point - low``.
    n_resamples, n_redrawn : int
        Resamples used, and those drawn beside them that missed a class.
    left_out : dict of int to str
        Classes without an AUC, and why. The benchmark's code would stop at them.
    """

    point: float
    low: float
    high: float
    distance: float
    n_resamples: int
    n_redrawn: int
    left_out: dict

    def __str__(self):
        """As in the benchmark's table: three digits, and the distance in whole thousandths, cut."""
        return f"{self.point:.3f}({int(1000 * self.distance):02d})".removeprefix("0")


def bracket(labels, scores, n=100, *, seed):
    """Return a macro AUC with the benchmark's bracket.

    Parameters
    ----------
    labels : integer or bool array, (n_records, n_classes)
        0 or 1.
    scores : float array, (n_records, n_classes)
        Finite, logits or probabilities.
    n : int
        Resamples.
    seed : int

    Returns
    -------
    Bracket

    Raises
    ------
    InputError
        As `class_ranks.ClassRanks`, where no class has an AUC, or where nearly every resample misses a class.
    SettingsError
        For fewer than two resamples.
    """
    check_resampling(0.9, n)
    labels, scores = check_classes(labels, scores)
    positives = labels.sum(axis=0, dtype=np.int64)
    left_out = missing_side(positives, len(labels) - positives)
    kept = [k for k in range(labels.shape[1]) if k not in left_out]
    if not kept:
        got, fix = f"{len(left_out)} classes without", "Test on records with and without the classes."
        raise InputError("classes", "a class with positives and negatives", got, fix)
    ranks = ClassRanks(labels[:, kept], scores[:, kept])
    replicates, n_drawn = _replicates(ranks, labels[:, kept], n, np.random.default_rng(seed))
    point = float(ranks.areas(np.ones((len(labels), 1), np.float32)).mean())
    low, high = map(float, np.quantile(replicates, [0.05, 0.95]))
    return Bracket(point, low, high, max(high - point, point - low), n, n_drawn - n, left_out)


def _replicates(ranks, labels, n, rng):
    """Return n macro AUCs, of resamples that hold every class, and how many resamples were drawn up to the last."""
    found, n_drawn = [], 0
    for weights in resampled_counts(len(labels), n * _MOST_TRIES, rng):
        counts = labels.T.astype(np.float32) @ weights
        whole = np.flatnonzero((counts > 0).all(axis=0) & (counts < len(labels)).all(axis=0))[
            : n - len(found)
        ]
        if len(whole):
            found.extend(ranks.areas(np.ascontiguousarray(weights[:, whole])).mean(axis=1))
        if len(found) == n:
            return np.array(found), n_drawn + int(whole[-1]) + 1
        n_drawn += weights.shape[1]
    got = f"{len(found)} of {n_drawn}"
    fix = "Leave out the classes with one or two positives, or use macro_auc_estimate."
    raise InputError("resamples", f"{n} that hold every class", got, fix)
