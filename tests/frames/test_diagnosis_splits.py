"""Splits of PTB-XL are the published ones, those of Georgia keep every label's share and every group whole."""

import random

import numpy as np
import pytest

from ecgrepro.errors import InputError, SettingsError
from ecgrepro.frames.diagnosis_splits import (
    PROJECT_FOLDS,
    Parts,
    fifth_split,
    iterative_folds,
    nested_share,
    nine_tenths_split,
    official_split,
    project_split,
    validation_as_test,
)

RNG = np.random.default_rng(0)
#: Six labels from frequent to rare, two of them often together; some recordings without any.
LABELS = (RNG.random((1200, 6)) < [0.4, 0.2, 0.1, 0.05, 0.02, 0.008]).astype(np.float32)
LABELS[:, 3] = np.maximum(LABELS[:, 3], LABELS[:, 1] * (RNG.random(1200) < 0.2))
GROUPS = np.array([f"record {i:04d}" for i in range(1200)], object)


def spread(folds, n_folds, labels=LABELS):
    """Largest difference between folds in the number of recordings of a label: int (n_classes,)."""
    return np.ptp([labels[folds == fold].sum(axis=0) for fold in range(n_folds)], axis=0)


def test_the_official_split_by_hand():
    parts = official_split([1, 10, 9, 8, -8, 5, 10])
    assert [rows.tolist() for rows in parts] == [[0, 3, 4, 5], [2], [1, 6]]


def test_the_projects_split_by_hand():
    parts = project_split(np.array([1, 10, 9, 8, -8, 5, 3]))
    # -8 may be fold 5: in no part
    assert [rows.tolist() for rows in parts] == [[0, 1, 3, 6], [2], [5]]


def test_the_projects_folds_are_those_its_seed_draws():
    draw, folds = random.Random(37), list(range(1, 11))
    train = draw.sample(folds, 8)
    validation = draw.sample([fold for fold in folds if fold not in train], 1)
    test = [fold for fold in folds if fold not in train + validation]
    assert (tuple(sorted(train)), tuple(validation), tuple(test)) == PROJECT_FOLDS


@pytest.mark.parametrize("split", [official_split, project_split])
def test_folds_that_are_not_ptbxls_are_refused(split):
    for wrong in ([0, 0, 0], [1, 9, 10, 11, 5]):
        with pytest.raises(InputError, match="fold"):
            split(wrong)
    with pytest.raises(InputError, match="none to test"):
        split([1, 9])


def test_a_few_labels_by_hand():
    """Two folds; label 1 is the rarest, one of it goes to each fold, then label 0 evens out."""
    labels = np.array([[1, 1], [0, 1], [1, 0], [1, 0], [1, 0], [0, 0], [0, 0], [0, 0]])
    for seed in range(5):
        folds = iterative_folds(labels, np.arange(8), 2, seed)
        assert folds[0] != folds[1]
        assert labels[folds == 0].sum(axis=0).tolist() == [2, 1]
        assert np.bincount(folds).tolist() == [4, 4]


def test_labels_that_exclude_each_other_are_dealt_out_exactly():
    labels = np.eye(4)[np.repeat(np.arange(4), [100, 50, 23, 5])]
    folds = iterative_folds(labels, np.arange(len(labels)), 10, 0)
    assert (spread(folds, 10, labels) <= 1).all()
    # ten folds of 178 recordings
    assert set(np.bincount(folds)) <= {17, 18}


@pytest.mark.parametrize("seed", [0, 5])
def test_every_label_keeps_its_share_where_labels_come_together(seed):
    folds = iterative_folds(LABELS, GROUPS, 10, seed)
    assert set(folds) == set(range(10))
    assert (spread(folds, 10) <= [4, 4, 3, 2, 1, 1]).all()
    assert np.ptp(np.bincount(folds)) <= 12
    by_chance = np.random.default_rng(seed).permutation(np.arange(1200) % 10)
    assert spread(folds, 10).sum() < spread(by_chance, 10).sum() / 3


def test_folds_depend_on_the_seed_alone():
    first = iterative_folds(LABELS, GROUPS, 10, 3)
    np.testing.assert_array_equal(first, iterative_folds(LABELS.astype(int), GROUPS.copy(), 10, 3))
    order = np.random.default_rng(1).permutation(1200)
    np.testing.assert_array_equal(first[order], iterative_folds(LABELS[order], GROUPS[order], 10, 3))
    assert (first != iterative_folds(LABELS, GROUPS, 10, 4)).mean() > 0.5


def test_groups_stay_together_and_folds_even():
    groups = GROUPS.copy()
    groups[100:112], groups[500], groups[900:903] = "patient 7", groups[10], "patient 8"
    folds = iterative_folds(LABELS, groups, 5, 0)
    assert all(len(set(folds[groups == group])) == 1 for group in set(groups))
    assert (spread(folds, 5) <= [6, 6, 5, 4, 2, 2]).all()
    assert np.ptp(np.bincount(folds)) <= 15


def test_parts_share_nothing_and_every_recording_is_tested_once():
    tested, validated = np.zeros(1200, int), np.zeros(1200, int)
    for fold in range(5):
        parts = fifth_split(LABELS, GROUPS, fold, 0)
        np.testing.assert_array_equal(np.sort(np.concatenate(parts)), np.arange(1200))
        assert all((np.diff(rows) > 0).all() for rows in parts)
        np.testing.assert_allclose([len(rows) / 1200 for rows in parts], (0.6, 0.2, 0.2), atol=0.01)
        tested[parts.test] += 1
        validated[parts.validation] += 1
    assert set(tested) == set(validated) == {1}


def test_the_projects_nine_tenths_are_all_but_the_test_which_validates_too():
    tested = np.zeros(1200, int)
    for fold in range(10):
        parts = nine_tenths_split(LABELS, GROUPS, fold, 0)
        np.testing.assert_array_equal(np.sort(np.concatenate([parts.train, parts.test])), np.arange(1200))
        np.testing.assert_array_equal(parts.validation, parts.test)
        assert (np.diff(parts.train) > 0).all()
        tested[parts.test] += 1
    assert set(tested) == {1}


def test_another_seed_is_another_repeat():
    first, other = (set(fifth_split(LABELS, GROUPS, 0, seed).test) for seed in (0, 1))
    assert len(first & other) < 0.4 * len(first)


def test_the_project_hands_the_test_over_as_validation():
    parts = Parts(np.arange(5), np.array([5]), np.array([6, 7]))
    wrong = validation_as_test(parts)
    assert [rows.tolist() for rows in wrong] == [[0, 1, 2, 3, 4], [6, 7], [6, 7]]


def test_shares_are_nested_and_keep_labels_in_proportion():
    train = np.flatnonzero(np.arange(1200) % 5 > 0)
    shares = [0.05, 0.1, 0.25, 0.5, 0.75, 0.95, 1.0]
    found = [nested_share(train, share, LABELS, 0) for share in shares]
    for share, rows in zip(shares, found, strict=True):
        assert (np.diff(rows) > 0).all()
        assert set(rows) <= set(train)
        assert len(rows) == pytest.approx(share * len(train), abs=8)
        np.testing.assert_allclose(LABELS[rows].sum(axis=0), share * LABELS[train].sum(axis=0), atol=6)
    for smaller, larger in zip(found, found[1:], strict=False):
        assert set(smaller) < set(larger)
    np.testing.assert_array_equal(found[-1], train)
    np.testing.assert_array_equal(found[2], nested_share(train, 0.25, LABELS, 0))
    assert set(found[2]) != set(nested_share(train, 0.25, LABELS, 1))


@pytest.mark.parametrize("share", [0, 0.03, 1.05, -0.5, 0.125])
def test_other_shares_are_refused(share):
    with pytest.raises(SettingsError, match="multiple of 0.05"):
        nested_share(np.arange(100), share, LABELS, 0)


def test_what_cannot_be_split_is_told():
    with pytest.raises(InputError, match="at least 20 different"):
        nested_share(np.arange(19), 0.5, LABELS, 0)
    with pytest.raises(InputError, match="0 and 1"):
        iterative_folds(LABELS * 0.5, GROUPS, 10, 0)
    with pytest.raises(InputError, match="0 and 1"):
        iterative_folds(np.full((1200, 2), np.nan), GROUPS, 10, 0)
    with pytest.raises(InputError, match="0 and 1"):
        iterative_folds(LABELS[:, 0], GROUPS, 10, 0)
    with pytest.raises(InputError, match="groups"):
        iterative_folds(LABELS, GROUPS[:-1], 10, 0)
    with pytest.raises(InputError, match="5 different"):
        iterative_folds(LABELS[:10], np.repeat(np.arange(5), 2), 10, 0)
    with pytest.raises(SettingsError, match="at least 2"):
        iterative_folds(LABELS, GROUPS, 1, 0)
    for fold in (-1, 10):
        with pytest.raises(SettingsError, match="0 to 9"):
            nine_tenths_split(LABELS, GROUPS, fold, 0)
