"""Splits: every record tested once, class shares kept, what belongs together on one side."""

import numpy as np
import pytest

from ecgrepro.errors import InputError
from ecgrepro.frames.splits import hold_out, stratified_folds

#: Class shares of CinC 2017, as counts of a set a fifth its size.
LABELS = np.random.default_rng(0).permutation(np.repeat(np.arange(4), [1015, 152, 483, 56]))
GROUPS = np.array([f"record {i:05d}" for i in range(len(LABELS))], object)


def with_copies(labels, groups):
    """Labels and groups with some records doubled, tripled and in a group of a dozen."""
    groups = groups.copy()
    groups[700], groups[900], groups[901] = groups[10], groups[11], groups[11]
    groups[1200:1212] = "patient 7"
    return labels, groups


def shares(labels):
    return np.bincount(labels, minlength=4) / len(labels)


def whole(groups, side):
    """Whether no group is on two sides."""
    return all(len(set(side[groups == group])) == 1 for group in set(groups))


@pytest.mark.parametrize("seed", [0, 7])
def test_every_record_is_tested_once_and_classes_keep_their_share(seed):
    folds = stratified_folds(LABELS, GROUPS, 5, seed)
    assert folds.shape == LABELS.shape
    assert set(folds) == set(range(5))
    for fold in range(5):
        assert np.abs(shares(LABELS[folds == fold]) - shares(LABELS)).max() < 0.01
        assert np.mean(folds == fold) == pytest.approx(0.2, abs=0.01)


def test_folds_keep_groups_whole():
    labels, groups = with_copies(LABELS, GROUPS)
    folds = stratified_folds(labels, groups, 5, 3)
    assert whole(groups, folds)
    for fold in range(5):
        assert np.abs(shares(labels[folds == fold]) - shares(labels)).max() < 0.01


def test_folds_depend_on_the_seed_alone():
    first = stratified_folds(LABELS, GROUPS, 5, 3)
    np.testing.assert_array_equal(first, stratified_folds(LABELS.copy(), GROUPS.copy(), 5, 3))
    assert (first != stratified_folds(LABELS, GROUPS, 5, 4)).mean() > 0.5


@pytest.mark.parametrize("share", [0.0625, 0.2, 0.9])
def test_the_held_out_share_is_stratified_and_disjoint(share):
    kept, held_out = hold_out(LABELS, GROUPS, share, 0)
    np.testing.assert_array_equal(np.sort(np.concatenate([kept, held_out])), np.arange(len(LABELS)))
    assert len(held_out) == pytest.approx(share * len(LABELS), abs=1)
    assert (np.diff(kept) > 0).all()
    assert (np.diff(held_out) > 0).all()
    for side in (kept, held_out):
        assert np.abs(shares(LABELS[side]) - shares(LABELS)).max() < 0.01


def test_holding_out_keeps_groups_whole():
    labels, groups = with_copies(LABELS, GROUPS)
    for seed in range(5):
        kept, held_out = hold_out(labels, groups, 0.3, seed)
        assert not set(groups[kept]) & set(groups[held_out])
        assert len(kept) + len(held_out) == len(labels)


def test_holding_out_depends_on_the_seed_alone():
    first, again, other = (hold_out(LABELS, GROUPS, 0.2, seed)[1] for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert len(set(first) & set(other)) < 0.5 * len(first)


def test_too_few_records_of_a_class_are_told():
    labels = np.array([0, 0, 0, 0, 1])
    groups = np.array(list("abcde"), object)
    with pytest.raises(InputError, match="at least two recordings"):
        hold_out(labels, groups, 0.4, 0)
    with pytest.raises(InputError, match="at least 9 recordings"):
        stratified_folds(labels, groups, 9, 0)


@pytest.mark.parametrize("share", [0.0, 1.0, -0.1, 1.5])
def test_an_impossible_share_is_refused(share):
    with pytest.raises(InputError, match="share"):
        hold_out(LABELS, GROUPS, share, 0)
