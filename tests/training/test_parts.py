import math
from collections import Counter

import numpy as np
import pandas as pd
import pytest

from ecgrepro.errors import SettingsError
from ecgrepro.training.parts import choose_patients, sampling_order, split, split_patients
from ecgrepro.training.seeds import derive
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


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"labels": 0.01}, "labels: expected at least two recordings of every class on each side; got 0.01"),
        ({"labels": 0.05}, "labels: expected a share that leaves 2 records of every class; got 0.05"),
        (
            {"validation": 0.01},
            "validation: expected at least two recordings of every class on each side; got 0.01",
        ),
        ({"validation": 0.99}, "validation: expected at least two recordings"),
    ],
)
def test_a_share_that_leaves_too_few_records_of_a_class_is_told_by_its_name(settings, named):
    labels = np.repeat(np.arange(4), (120, 40, 60, 20))
    groups = np.array([f"record {i}" for i in range(240)], object)
    recipe = {"validation": 0.2} | settings
    with pytest.raises(SettingsError, match=named):
        split(tiny.fine_tuning(Unlooked, **recipe), labels, groups)


class Unlooked:
    """Stands in for a workspace whose corpora are not opened."""

    @staticmethod
    def fingerprints(*names):
        return tuple((name, "") for name in names)


def recordings(**patients):
    """A table of as many patients of each corpus, each with two recordings of 1,000 samples."""
    names = [(corpus, f"{corpus} patient {i}") for corpus, n in patients.items() for i in range(n)]
    return pd.DataFrame(2 * names, columns=["corpus", "group"]).assign(n_samples=1000)


def sampled(table, *, seed=0, reach=256, **changes):
    return choose_patients(tiny.pretraining(Unlooked, seed=seed, **changes), table, reach)


def test_without_a_sample_all_patients_that_are_not_held_out_are_trained_on():
    table = recordings(a=20, b=30)
    for seed in range(3):
        expected = split_patients(table, tiny.PRETRAINING.held_out, derive(seed, "held_out"))
        assert sampled(table, seed=seed) == expected


def test_samples_are_disjoint_and_the_same_people_for_every_seed():
    table = recordings(a=20, b=30)
    found = [sampled(table, patients=7, sample=j) for j in range(5)]
    assert len({tuple(outside) for _, outside in found}) == 1
    drawn = [group for inside, _ in found for group in inside]
    assert len(drawn) == len(set(drawn)) == 35
    assert not set(drawn) & set(found[0][1])
    assert sampled(table, patients=7, sample=3, seed=5) == found[3]
    assert sampled(table[::-1], patients=7, sample=3) == found[3]


def test_a_sample_of_all_is_all_that_are_not_held_out():
    table = recordings(a=20, b=30)
    inside, outside = sampled(table, patients=40)
    assert (len(inside), len(outside)) == (40, 10)
    assert set(inside) | set(outside) == set(table.group)


def test_a_sample_twice_as_large_is_two_samples():
    table = recordings(a=20, b=30)
    large, first, second = (sampled(table, **of)[0] for of in ({"patients": 12}, {"patients": 6},
                                                              {"patients": 6, "sample": 1}))  # fmt: skip
    assert set(large) == set(first) | set(second)


def test_samples_are_not_the_first_patients():
    table = recordings(a=200)
    inside, _ = sampled(table, patients=50)
    numbers = [int(group.split()[-1]) for group in inside]
    assert 70 < np.mean(numbers) < 130


@pytest.mark.parametrize(("a", "b"), [(42, 70), (1, 9), (5, 5), (7, 21), (3, 100), (31, 17)])
def test_every_block_has_each_of_two_corpora_by_its_share(a, b):
    order = [group.split()[0] for group in sampling_order(recordings(a=a, b=b))]
    assert Counter(order) == {"a": a, "b": b}
    for size in range(1, a + b + 1):
        share = size * a / (a + b)
        for first in range(0, a + b - size + 1, size):
            found = order[first : first + size].count("a")
            assert found in (math.floor(share), math.ceil(share)), (size, first)


def test_three_corpora_are_all_in_every_block_that_has_room():
    order = [group.split()[0] for group in sampling_order(recordings(a=10, b=25, c=40))]
    for first in range(0, 75, 15):
        assert set(order[first : first + 15]) == {"a", "b", "c"}


@pytest.mark.parametrize(
    ("changes", "reach", "named"),
    [
        ({"patients": 41}, 256, "patients: expected 1 to 40, those not held out; got 41"),
        ({"patients": 0}, 256, "patients: expected 1 to 40, those not held out; got 0"),
        (
            {"patients": 13, "sample": 3},
            256,
            "sample: expected 0 to 2: 40 patients make 3 disjoint samples of 13; got 3",
        ),
        ({"patients": 13, "sample": -1}, 256, "sample: expected 0 to 2"),
        (
            {"held_out": 0.99},
            256,
            "held_out: expected a share that leaves patients to train on; got 0.99 of 50",
        ),
        (
            {"length": 1000},
            1000,
            "length: expected a recording longer than 1000 samples; got 1000, longest recording 1000",
        ),
        ({"batch_size": 6000}, 256, "batch_size: expected at most the frames of one pass; got 6000 of 5120"),
        ({"batch_size": 300}, 256, r"batch_size: .*got 300 of 240 \(held out\)"),
        ({"patients": 2, "batch_size": 300}, 256, r"batch_size: .*got 300 of 256 \(trained on\)"),
    ],
)
def test_patients_that_cannot_be_chosen_are_told_by_the_parameter(changes, reach, named):
    with pytest.raises(SettingsError, match=named):
        sampled(recordings(a=20, b=30), reach=reach, **changes)


def shortened(table, groups):
    return table.assign(n_samples=np.where(table.group.isin(groups), 100, 1000))


def test_a_patient_without_a_frame_is_left_out_of_all_and_refused_in_a_sample():
    table = recordings(a=20, b=30)
    inside, outside = sampled(table)
    assert sampled(shortened(table, inside[:1])) == (inside, outside)
    chosen, _ = sampled(table, patients=8)
    with pytest.raises(
        SettingsError, match=f"length: expected sampled patients .*; got 256; none of {chosen[0]}"
    ):
        sampled(shortened(table, chosen[:1]), patients=8)
    with pytest.raises(SettingsError, match="length: expected a patient held out with more than 256 samples"):
        sampled(shortened(table, outside))
