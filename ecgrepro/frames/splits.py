"""Splits that keep a patient, or a recording and its duplicates, on one side."""

import numpy as np
from sklearn.model_selection import StratifiedGroupKFold, train_test_split

from ecgrepro.errors import InputError


def stratified_folds(labels, groups, n_folds, seed):
    """Assign every record to one test fold: int array (n_records,) of 0 to n_folds - 1.

    Parameters
    ----------
    labels : int array, (n_records,)
        Class proportions are kept.
    groups : array of str, (n_records,)
        Records of one group share a fold.
    n_folds : int
        At least 2.
    seed : int

    Raises
    ------
    InputError
        Fewer records than folds in every class.
    """
    folds = np.full(len(labels), -1)
    # shuffled here: before release 1.7 scikit-learn's own shuffling lost track of which group is which, which gave
    # folds that were less even, and other ones
    _, inverse = np.unique(groups, return_inverse=True)
    order = np.arange(inverse.max(initial=-1) + 1)
    np.random.RandomState(seed).shuffle(order)
    shuffled = np.argsort(order)[inverse]
    try:
        for fold, (_, test) in enumerate(StratifiedGroupKFold(n_folds).split(labels, labels, shuffled)):
            folds[test] = fold
    except ValueError as error:
        raise InputError("folds", f"at least {n_folds} recordings of a class", str(error),
                         "Use more recordings or fewer folds.") from error  # fmt: skip
    return folds


def hold_out(labels, groups, share, seed):
    """Split records into kept and held out, stratified by class, groups whole.

    Parameters
    ----------
    labels : int array, (n_records,)
    groups : array of str, (n_records,)
    share : float
        Share of the groups to hold out, within (0, 1).
    seed : int

    Returns
    -------
    kept, held_out : int arrays of positions, ascending

    Raises
    ------
    InputError
        A class with fewer than two groups, which cannot be on both sides.
    """
    names, first, inverse = np.unique(groups, return_index=True, return_inverse=True)
    try:
        _, out = train_test_split(
            np.arange(len(names)), test_size=share, random_state=seed, stratify=labels[first], shuffle=True
        )
    except ValueError as error:
        raise InputError(
            "split", "at least two recordings of every class on each side", str(error),
            "Use more recordings or a larger share.",
        ) from error  # fmt: skip
    chosen = np.isin(inverse, out)
    return np.flatnonzero(~chosen), np.flatnonzero(chosen)
