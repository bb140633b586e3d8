import numpy as np
import pytest

from ecgrepro.training.parts import split, split_patients
from tests.training import tiny

INPUT = tiny.FINE_TUNING.input


@pytest.fixture(scope="module")
def data(workspace):
    inputs, labels = workspace.af("cinc2017", INPUT)
    return inputs, labels, workspace.corpus("cinc2017").groups()


def parts_of(workspace, data, **settings):
    return split(tiny.fine_tuning(workspace, **settings), data[1], data[2])


def test_parts_are_disjoint_and_cover_all_records(workspace, data):
    parts = parts_of(workspace, data)
    both = np.concatenate([parts.train, parts.validation, parts.test])
    assert sorted(both) == list(range(len(data[1])))


def test_folds_test_every_record_once(workspace, data):
    tested = np.concatenate([parts_of(workspace, data, fold=fold).test for fold in range(4)])
    assert sorted(tested) == list(range(len(data[1])))


def test_the_test_records_depend_on_the_fold_alone(workspace, data):
    first, second = (parts_of(workspace, data, seed=seed) for seed in (0, 1))
    assert (first.test == second.test).all()
    assert set(first.validation) != set(second.validation)


def test_arms_of_a_seed_share_their_parts(workspace, data):
    other = parts_of(workspace, data, arm="beat", parent=tiny.pretraining(workspace))
    for name in ("train", "validation", "test"):
        assert (getattr(other, name) == getattr(parts_of(workspace, data), name)).all()


def test_fewer_labels_are_a_stratified_subset_with_the_same_validation_records(workspace, data):
    labels = data[1]
    whole, few = (parts_of(workspace, data, labels=share) for share in (1.0, 0.4))
    assert set(few.train) < set(whole.train)
    assert (few.validation == whole.validation).all()
    assert (few.test == whole.test).all()
    assert len(few.train) == round(0.4 * len(whole.train))
    expected = 0.4 * np.bincount(labels[whole.train], minlength=4)
    assert np.abs(np.bincount(labels[few.train], minlength=4) - expected).max() < 1


def test_classes_keep_their_shares_in_every_part(workspace, data):
    parts = parts_of(workspace, data)
    shares = np.bincount(data[1], minlength=4) / len(data[1])
    for part in (parts.train, parts.validation, parts.test):
        found = np.bincount(data[1][part], minlength=4) / len(part)
        assert np.abs(found - shares).max() < 0.08


def test_copies_of_a_recording_stay_on_one_side(workspace, data):
    _, labels, groups = data
    groups = groups.copy()
    groups[::7] = np.repeat(groups[::14], 2)[: len(groups[::7])]
    labels = labels[np.searchsorted(np.unique(groups), groups)]  # copies have one label
    for fold in range(4):
        parts = split(tiny.fine_tuning(workspace, fold=fold), labels, groups)
        sides = [set(groups[part]) for part in (parts.train, parts.validation, parts.test)]
        assert len(set.union(*sides)) == sum(len(side) for side in sides)


def test_every_corpus_holds_patients_out_and_none_is_on_both_sides(workspace):
    table = workspace.streams(["icentia11k"], 250.0).table
    two = table.assign(corpus=np.where(table.group.str[-1] < "3", "a", "b"))
    for seed in range(5):
        inside, outside = split_patients(two, 0.05, seed)
        assert not set(inside) & set(outside)
        assert set(inside) | set(outside) == set(two.group)
        assert set(two[two.group.isin(outside)].corpus) == {"a", "b"}


def test_the_share_of_held_out_patients_is_the_one_asked_for(workspace):
    table = workspace.streams(["icentia11k"], 250.0).table
    assert [len(split_patients(table, share, 0)[1]) for share in (0.01, 0.34, 0.5)] == [1, 2, 3]
