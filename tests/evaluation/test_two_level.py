import numpy as np
import pandas as pd
import pytest

from ecgrepro.errors import InputError
from ecgrepro.evaluation.comparison import arm_estimate, paired_difference
from ecgrepro.evaluation.metrics import METRICS, accuracy, confusion_matrix
from ecgrepro.evaluation.predictions import predicted_classes
from ecgrepro.evaluation.two_level import SeededRecords, bootstrap_means, count_by_seed
from tests.evaluation.test_seeded_units import repeat


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


def test_repeated_seeds_are_scored_on_their_own_records_only(build_arm):
    table = repeat(build_arm([0.9, 0.6, 0.7], n_records=40), 3)
    records = count_by_seed([table])
    assert (records.design, records.n_records, records.counts.tolist()) == ("repeated", 120, [40] * 9)
    for position, (_, rows) in enumerate(table.groupby("seed")):
        expected = confusion_matrix(rows["label"], predicted_classes(rows), 4)
        np.testing.assert_array_equal(records.matrices[position, 0], expected)
    (block,) = records.blocks
    # of the nine seeds each record was tested by three
    np.testing.assert_array_equal(block.reshape(120, 9, 16).sum(axis=2).sum(axis=1), 3)


def test_estimates_of_repeated_seeds_are_the_plain_mean(build_arm):
    arms = [repeat(build_arm(a, arm_seed=i, n_records=60)) for i, a in enumerate([[0.9, 0.6], [0.7, 0.8]])]
    by_seed = [[accuracy(confusion_matrix(rows["label"], predicted_classes(rows), 4))
                for _, rows in arm.groupby("seed")] for arm in arms]  # fmt: skip
    found = paired_difference(*arms, "accuracy", seed=0, n_resamples=50)
    assert found.estimate == pytest.approx(np.mean(by_seed[0]) - np.mean(by_seed[1]))
    assert found.per_seed["first"].tolist() == pytest.approx(by_seed[0])
    assert (found.design, found.n_seeds, found.n_records) == ("repeated", 4, 120)


def test_identical_answers_in_a_second_partition_do_not_make_the_records_interval_narrower(build_arm):
    nested = build_arm([0.7] * 5, n_records=100)
    as_if_new = repeat(nested).assign(record_id=lambda rows: rows["record_id"] + (rows["seed"] > 4).map(str))
    found = [
        arm_estimate(arm, "accuracy", seed=0, n_resamples=4000) for arm in (nested, repeat(nested), as_if_new)
    ]
    assert [result.design for result in found] == ["nested", "repeated", "nested"]
    widths = np.array([result.records_high - result.records_low for result in found])
    assert widths[1] == pytest.approx(widths[0], rel=0.07)
    assert widths[2] == pytest.approx(widths[0] / np.sqrt(2), rel=0.07)


def test_repeated_variance_is_as_documented(build_arm):
    nested = build_arm([0.7] * 5, n_records=300)
    rates = first_arm_accuracy(count_by_seed([repeat(nested)]).matrices)
    within = (rates * (1 - rates) / 300).mean()
    alone = spread(repeat(nested), resample_seeds=False)
    assert alone == pytest.approx(np.sqrt(within / 5), rel=0.05)
    # seeds drawn add their observed spread, and eight tenths of their resampled records' once
    expected = np.sqrt(2 * within / 10 + (rates.var() + 0.8 * within) / 10)
    assert spread(repeat(nested), resample_seeds=True) == pytest.approx(expected, rel=0.06)


def test_copies_in_several_repeated_test_sets_are_drawn_together(build_arm):
    table = repeat(build_arm([0.7, 0.7]))
    twins = table.assign(record_id=table["record_id"] + "copy", seed=(table["seed"] + 1) % 4)
    both = pd.concat([table, twins]).sort_values(["seed", "record_id"], ignore_index=True)
    copies = dict(zip(twins["record_id"], table["record_id"], strict=True))
    honest = spread(both, resample_seeds=False, clusters=copies)
    assert honest == pytest.approx(spread(table, resample_seeds=False), rel=0.1)
    assert spread(both, resample_seeds=False) == pytest.approx(honest / np.sqrt(2), rel=0.1)


@pytest.mark.parametrize("name", METRICS)
def test_metrics_of_no_record_are_zero(name):
    metric = METRICS[name]
    assert metric(np.zeros((3, *[metric.n_classes or 4] * 2))).tolist() == [0, 0, 0]


def test_a_seed_without_a_record_in_a_resample_scores_zero(build_arm):
    table = repeat(build_arm([1.0, 1.0], n_records=1))
    means = bootstrap_means(count_by_seed([table]), first_arm_accuracy, 2000, np.random.default_rng(0))
    # both records are drawn in half of the resamples, and then all seeds score 1
    assert np.isfinite(means).all()
    assert (means == 1).mean() == pytest.approx(0.5 + 0.5 * 0.5**4, abs=0.04)
