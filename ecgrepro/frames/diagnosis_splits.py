"""Which recordings train, validate and test in the diagnosis tasks.

PTB-XL comes with ten folds by patient (`official_split`; the project drew its own parts of them, `project_split`).
Georgia comes with none: they are made by iterative stratification, which keeps the share of each of several labels.

Source: Sechidis K, Tsoumakas G, Vlahavas I, On the stratification of multi-label data, ECML PKDD 2011, LNCS 6913:145,
Algorithm 1. Here what is dealt out is a group of recordings, as in PTB-XL's own folds, and folds are of equal size.
"""

from typing import NamedTuple

import numpy as np

from ecgrepro.corpora.ptbxl_tables import fold_group
from ecgrepro.errors import InputError, SettingsError

#: PTB-XL's folds that the project trained and validated on and tested with (X-18): drawn with Python's
#: ``random.seed(37)`` in its `reproduce_results.py`.
PROJECT_FOLDS = ((1, 2, 3, 4, 6, 7, 8, 10), (9,), (5,))
#: Training fractions are whole numbers of these parts of the training recordings.
PARTS_OF_TRAINING = 20


class Parts(NamedTuple):
    """Positions of recordings, ascending: int64 arrays."""

    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray


def official_split(folds):
    """Split PTB-XL as its publisher and the benchmark do: folds 1 to 8 train, 9 validates, 10 tests.

    Parameters
    ----------
    folds : int array, (n,)
        1 to 10, or `ptbxl_tables.FOLDS_1_TO_8` where a partial copy says no more: training.

    Returns
    -------
    Parts

    Raises
    ------
    InputError
        Another fold, or a part without recordings.
    """
    groups = np.array([fold_group(int(fold)) for fold in folds], object)
    return _checked(Parts(*(np.flatnonzero(groups == name) for name in ("1-8", "9", "10"))))


def project_split(folds):
    """Split PTB-XL as the CSC2541 project did; arguments, result and errors as `official_split`.

    Recordings whose fold is one of 1 to 8 and not known closer are in no part: they may be of fold 5, the test.
    """
    for fold in np.unique(folds):
        fold_group(int(fold))
    return _checked(Parts(*(np.flatnonzero(np.isin(folds, wanted)) for wanted in PROJECT_FOLDS)))


def fifth_split(labels, groups, fold, seed):
    """Split into five folds: one tests, the next one validates, the others train.

    Parameters
    ----------
    labels : array of 0 and 1, (n, n_classes)
    groups : array of str, (n,)
        Recordings of one group stay together.
    fold : int
        0 to 4: the test fold; after 4 comes 0.
    seed : int
        Another one gives other folds: a repeat.

    Returns
    -------
    Parts

    Raises
    ------
    SettingsError
        A fold that is not there.
    InputError
        As `iterative_folds`; a part without recordings.
    """
    return _rotated(labels, groups, fold, seed, 5)


def nine_tenths_split(labels, groups, fold, seed):
    """Split into ten folds as the project did: one tests and stands for validation too, nine train (X-18).

    The rest as `fifth_split`, with folds 0 to 9. Nothing may be selected by this validation.
    """
    parts = _rotated(labels, groups, fold, seed, 10)
    train = np.sort(np.concatenate([parts.train, parts.validation]))
    return validation_as_test(parts._replace(train=train))


def _rotated(labels, groups, fold, seed, n_folds):
    if not 0 <= fold < n_folds:
        raise SettingsError("fold", f"0 to {n_folds - 1}", str(fold), "Name one of the folds.")
    # folds counted from the test fold on
    place = (iterative_folds(labels, groups, n_folds, seed) - fold) % n_folds
    sides = (place > 1, place == 1, place == 0)
    return _checked(Parts(*map(np.flatnonzero, sides)))


def validation_as_test(parts):
    """Hand the test recordings over as validation, as the project did with Georgia: `Parts`.

    Its nets were judged on the fold that training was given as validation (X-18). Nothing was selected there; whoever
    selects an epoch by it and judges on it selects on the test. Training and test recordings stay as they are, so that
    a difference to the right way is the selection's.
    """
    return parts._replace(validation=parts.test)


def iterative_folds(labels, groups, n_folds, seed):
    """Deal recordings out to folds so that every label keeps its share in each.

    The rarest label that is left is dealt out first, each group to the fold that lacks most of that label; where folds
    are equal in that, to the one that lacks most recordings; where they are equal again, at random. Groups without any
    label come last.

    Parameters
    ----------
    labels : array of 0 and 1, (n, n_classes)
    groups : array of str, (n,)
        Recordings of one group share a fold.
    n_folds : int
        At least 2.
    seed : int

    Returns
    -------
    int64 array, (n,)
        0 to n_folds - 1. A label with fewer groups than folds is not in all of them.

    Raises
    ------
    InputError
        Labels that are not 0 and 1, groups that are not as many, fewer groups than folds.
    SettingsError
        Fewer than two folds.
    """
    labels, groups = _checked_labels(labels), np.asarray(groups)
    names, inverse = np.unique(groups.astype(str), return_inverse=True)
    if n_folds < 2:
        raise SettingsError("folds", "at least 2", str(n_folds), "Five and ten are usual.")
    if groups.shape != labels.shape[:1] or len(names) < n_folds:
        raise InputError("groups", f"a group for each of {len(labels)} recordings, at least {n_folds} different ones",
                         f"{groups.shape}, {len(names)} different", "Use more recordings or fewer folds.")  # fmt: skip
    counts = np.zeros((len(names), labels.shape[1]), np.int64)
    np.add.at(counts, inverse, labels)
    return _dealt(counts, np.bincount(inverse), n_folds, np.random.RandomState(seed))[inverse]


def _dealt(counts, sizes, n_folds, random):
    """Fold of each group: int64 (n_groups,), from its count of each label and its number of recordings."""
    folds, order = np.full(len(counts), -1), random.permutation(len(counts))
    # what a fold lacks, times the number of folds: whole numbers, so that equal needs are found equal
    lacks = np.tile(np.column_stack([counts, sizes]).sum(axis=0), (n_folds, 1))
    left = counts.sum(axis=0)
    while (left > 0).any():
        label = np.argmin(np.where(left > 0, left, np.iinfo(np.int64).max))
        found = order[(folds[order] < 0) & (counts[order, label] > 0)]
        # large groups first, while every fold has room for them
        found = found[np.argsort(-counts[found, label], kind="stable")]
        _deal(found, label, counts, sizes, folds, lacks, random)
        left = left - counts[found].sum(axis=0)
    rest = order[folds[order] < 0]
    _deal(rest[np.argsort(-sizes[rest], kind="stable")], -1, counts, sizes, folds, lacks, random)
    return folds


def _deal(found, label, counts, sizes, folds, lacks, random):
    """Deal out groups by their need of one column of `lacks`; fills `folds`, lowers `lacks`."""
    for group in found:
        best = np.flatnonzero(lacks[:, label] == lacks[:, label].max())
        best = best[lacks[best, -1] == lacks[best, -1].max()]
        fold = best[random.randint(len(best))] if len(best) > 1 else best[0]
        folds[group] = fold
        lacks[fold, :-1] -= len(lacks) * counts[group]
        lacks[fold, -1] -= len(lacks) * sizes[group]


def nested_share(train, share, labels, seed):
    """Choose a share of the training recordings, labels in proportion; a smaller share lies within a larger one.

    Parameters
    ----------
    train : int array, (n_train,)
        Positions of the training recordings, ascending.
    share : float
        A multiple of .05 up to 1.
    labels : array of 0 and 1, (n, n_classes)
        Of all recordings.
    seed : int
        The same for all shares that are to be nested.

    Returns
    -------
    int64 array
        Positions, ascending.

    Raises
    ------
    SettingsError
        Another share.
    InputError
        Fewer than twenty training recordings; as `iterative_folds`.
    """
    train, count = np.asarray(train, np.int64), round(share * PARTS_OF_TRAINING)
    if not 1 <= count <= PARTS_OF_TRAINING or abs(share * PARTS_OF_TRAINING - count) > 1e-6:
        raise SettingsError(
            "share", f"a multiple of {1 / PARTS_OF_TRAINING:g} up to 1", repr(share), "Such as .25."
        )
    parts = iterative_folds(np.asarray(labels)[train], np.arange(len(train)), PARTS_OF_TRAINING, seed)
    return train[parts < count]


def _checked_labels(labels):
    labels = np.asarray(labels)
    if labels.ndim != 2 or not np.isin(labels, (0, 1)).all():
        raise InputError("labels", "0 and 1, (n, n_classes)", f"{labels.dtype} {labels.shape}",
                         "Give multi-hot labels, a column for each class.")  # fmt: skip
    return labels.astype(np.int64)


def _checked(parts):
    empty = [name for name, rows in parts._asdict().items() if not len(rows)]
    if empty:
        raise InputError("split", "recordings in every part", f"none to {' or '.join(empty)}",
                         "Use more recordings; folds must be those of PTB-XL.")  # fmt: skip
    return parts
