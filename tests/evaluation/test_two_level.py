import numpy as np
import pytest

from ecgrepro.errors import InputError
from ecgrepro.evaluation.metrics import accuracy, confusion_matrix
from ecgrepro.evaluation.predictions import predicted_classes
from ecgrepro.evaluation.two_level import SeededRecords, bootstrap_means, count_by_seed


def first_arm_accuracy(matrices):
    return accuracy(matrices[..., 0, :, :])


def spread(table, *, resample_seeds, clusters=None, n_resamples=4000):
    records = count_by_seed([table], clusters)
    rng = np.random.default_rng(0)
    return bootstrap_means(records, first_arm_accuracy, n_resamples, rng, resample_seeds=resample_seeds).std()


@pytest.mark.parametrize("crossed", [False, True])
def test_counts_are_each_seeds_confusion_matrix(build_arm, crossed):
    table = build_arm([0.8, 0.6, 0.7], crossed=crossed)
    records = count_by_seed([table, table])
    assert records.crossed is crossed
    assert records.n_records == (200 if crossed else 600)
    for position, (_, rows) in enumerate(table.groupby("seed")):
        expected = confusion_matrix(rows["label"], predicted_classes(rows), 4)
        np.testing.assert_array_equal(records.matrices[position], [expected, expected])


@pytest.mark.parametrize("crossed", [False, True])
def test_replicates_centre_on_the_estimate(build_arm, crossed):
    table = build_arm([0.9, 0.5, 0.7], crossed=crossed)
    records = count_by_seed([table])
    means = bootstrap_means(records, first_arm_accuracy, 4000, np.random.default_rng(0))
    assert means.mean() == pytest.approx(first_arm_accuracy(records.matrices).mean(), abs=0.006)


def test_nested_variance_is_the_sum_of_both_levels_as_documented(build_arm):
    table = build_arm([0.95, 0.6, 0.7, 0.8], n_records=300)
    rates = first_arm_accuracy(count_by_seed([table]).matrices)
    within = (rates * (1 - rates) / 300).mean()
    assert spread(table, resample_seeds=False) == pytest.approx(np.sqrt(within / 4), rel=0.05)
    assert spread(table, resample_seeds=True) == pytest.approx(np.sqrt((rates.var() + within) / 4), rel=0.05)


def test_seeds_that_share_records_do_not_average_the_records_noise_away(build_arm):
    # Same nets, same luck: five copies of one test set hold no more recordings than one.
    shared = build_arm([0.7] * 5, crossed=True, n_records=300)
    apart = build_arm([0.7] * 5, crossed=False, n_records=300)
    ratio = spread(shared, resample_seeds=False) / spread(apart, resample_seeds=False)
    assert ratio == pytest.approx(np.sqrt(5), rel=0.1)


def test_one_seed_leaves_only_the_records(build_arm):
    table = build_arm([0.7])
    assert spread(table, resample_seeds=True) == pytest.approx(spread(table, resample_seeds=False), rel=0.06)


@pytest.mark.parametrize("crossed", [False, True])
def test_clusters_are_drawn_together(build_arm, crossed):
    table = build_arm([0.7, 0.7], crossed=crossed)
    twins = table.assign(record_id=table["record_id"] + "copy")
    both = type(table)(np.concatenate([table, twins]), columns=table.columns).astype(table.dtypes)
    both = both.sort_values(["seed", "record_id"], ignore_index=True)
    copies = dict(zip(twins["record_id"], table["record_id"], strict=True))
    honest = spread(both, resample_seeds=False, clusters=copies)
    assert honest == pytest.approx(spread(table, resample_seeds=False), rel=0.06)
    assert spread(both, resample_seeds=False) == pytest.approx(honest / np.sqrt(2), rel=0.06)


def test_a_cluster_in_two_seeds_test_sets_is_refused(build_arm):
    table = build_arm([0.7, 0.7])
    with pytest.raises(InputError, match="1 in the test sets of several seeds, first 'R00003'"):
        count_by_seed([table], {"R00210": "R00003"})


def test_seeds_that_share_only_some_records_are_refused(build_arm):
    table = build_arm([0.7, 0.7, 0.7], crossed=True)
    with pytest.raises(InputError, match="tested by 2 to 3 of 3 seeds"):
        count_by_seed([table.iloc[:-1]])


def test_seeds_keep_their_own_records_when_sizes_differ():
    block = np.zeros((10, 4), int)
    block[:, 0] = 1
    other = np.zeros((2, 4), int)
    other[:, 1] = 1
    matrices = np.stack([block.sum(0), other.sum(0)]).reshape(2, 1, 2, 2)
    records = SeededRecords(np.arange(2), matrices, (block, other), crossed=False, n_records=12)
    means = bootstrap_means(records, first_arm_accuracy, 4000, np.random.default_rng(0))
    values, counts = np.unique(means, return_counts=True)
    assert values.tolist() == [0, 0.5, 1]
    np.testing.assert_allclose(counts / 4000, [0.25, 0.5, 0.25], atol=0.03)
