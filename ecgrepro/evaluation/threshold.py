"""The threshold between two classes, chosen on validation records and then applied to all.

A net may rank intervals well and yet answer badly, where its logits are shifted against each other. A threshold mends
that, provided that it never sees the test labels. Here it is a function of the validation rows alone, one for each
seed; where training and test recordings are of different kinds it may not fit the latter, which is part of the result.
"""

import numpy as np

from ecgrepro.errors import InputError
from ecgrepro.evaluation.predictions import validate_predictions
from ecgrepro.evaluation.quality import HIGH, LOW, low_quality_scores


def threshold_for(table):
    """Return each seed's threshold of largest balanced accuracy on its validation records.

    A record is called low quality where its score (`quality.low_quality_scores`) is **above** the threshold.

    Parameters
    ----------
    table : pandas.DataFrame
        Predictions of one or more seeds. Only rows of part "validation" are looked at.

    Returns
    -------
    dict of int to float
        Seed to threshold, in units of a difference of logits.

    Raises
    ------
    InputError
        For an invalid table, another number of classes than two, or a seed whose validation records are missing or
        of one class only.

    Notes
    -----
    Tried are 0 (the larger logit wins), the midpoint of each two neighbouring distinct scores, and one threshold
    beyond either end. Of thresholds of equal balanced accuracy the one nearest 0 is taken, which departs least from
    the net's own answer, and of two equally near the lower. Equality is decided on whole numbers of records.
    """
    table = validate_predictions(table)
    scores, labels = low_quality_scores(table), table["label"].to_numpy()
    seeds, validation = table["seed"].to_numpy(), (table["part"] == "validation").to_numpy()
    chosen = {}
    for seed in np.unique(seeds):
        rows = validation & (seeds == seed)
        _check_both_classes(labels[rows], seed)
        chosen[int(seed)] = _best_threshold(scores[rows], labels[rows])
    return chosen


def _check_both_classes(labels, seed):
    counts = np.bincount(labels, minlength=2)
    if not counts.all():
        got = f"{counts[HIGH]} of high and {counts[LOW]} of low quality for seed {seed}"
        fix = "Keep the validation predictions of each seed; never choose on the test part."
        raise InputError("threshold", "validation records of both classes", got, fix)


def _best_threshold(scores, labels):
    distinct = np.unique(scores)
    ends = [distinct[0] - 1, distinct[-1] + 1]
    candidates = np.concatenate([[0.0], ends, (distinct[1:] + distinct[:-1]) / 2])
    high, low = np.sort(scores[labels == HIGH]), np.sort(scores[labels == LOW])
    right_high = np.searchsorted(high, candidates, side="right")
    right_low = len(low) - np.searchsorted(low, candidates, side="right")
    # the sum of the two recalls over their common denominator
    gains = right_high * len(low) + right_low * len(high)
    best = candidates[gains == gains.max()]
    return float(best[np.lexsort([best, np.abs(best)])[0]])


def with_thresholds(table, thresholds):
    """Return predictions whose larger logit is the answer at each seed's threshold.

    Parameters
    ----------
    table : pandas.DataFrame
        Predictions of two classes, of any part.
    thresholds : mapping of int to float
        Seed to threshold, as `threshold_for` returns it.

    Returns
    -------
    pandas.DataFrame
        The same rows; ``logit_0`` is 0 and ``logit_1`` the score minus the threshold, so that 0 is the answer where
        they tie. Ranks stay but for rounding to float32.

    Raises
    ------
    InputError
        For an invalid table, another number of classes than two, or a seed without a threshold.
    """
    table = validate_predictions(table)
    missing = sorted(set(table["seed"]) - set(thresholds))
    if missing:
        fix = "Choose them with threshold_for, on the validation rows of these seeds."
        raise InputError("thresholds", "one for each seed", f"none for seeds {missing}", fix)
    shifted = low_quality_scores(table) - table["seed"].map(dict(thresholds)).to_numpy(np.float64)
    return table.assign(logit_0=np.float32(0), logit_1=shifted.astype(np.float32))
