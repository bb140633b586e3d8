import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecgrepro.errors import InputError
from ecgrepro.evaluation.metrics import balanced_accuracy, confusion_matrix
from ecgrepro.evaluation.predictions import combine_predictions, predicted_classes, prediction_table
from ecgrepro.evaluation.threshold import threshold_for, with_thresholds


def of_scores(scores, labels, part="validation", seed=0):
    logits = np.stack([np.zeros(len(scores)), scores], axis=1)
    ids = [f"{part}{index}" for index in range(len(scores))]
    return prediction_table(ids, np.array(labels), logits, part=part, fold=0, seed=seed)


def chosen(scores, labels):
    return threshold_for(of_scores(scores, labels))[0]


def gain(scores, labels, threshold):
    predictions = (np.asarray(scores) > threshold).astype(int)
    return balanced_accuracy(confusion_matrix(np.asarray(labels), predictions, 2))


def both_parts(build_intervals, n_seeds=2):
    validation = build_intervals(n_seeds, n_recordings=30, part="validation")
    validation = validation.assign(record_id="V" + validation["record_id"])
    validation["logit_1"] += np.float32(1.25)
    test = build_intervals(n_seeds, arm_seed=2)
    return combine_predictions([validation, test])


@given(st.lists(st.tuples(st.integers(-6, 6), st.integers(0, 1)), min_size=2, max_size=25))
def test_no_threshold_does_better_and_none_as_good_is_nearer_zero(pairs):
    scores, labels = np.array([*pairs, (0, 0), (0, 1)]).T
    found = chosen(scores, labels)
    grid = np.arange(-7, 7.01, 0.5)
    gains = np.array([gain(scores, labels, threshold) for threshold in grid])
    assert gain(scores, labels, found) == pytest.approx(gains.max())
    distinct = np.unique(scores)
    rivals = [0.0, distinct[0] - 1, distinct[-1] + 1, *(distinct[1:] + distinct[:-1]) / 2]
    as_good = [abs(rival) for rival in rivals if gain(scores, labels, rival) > gains.max() - 1e-9]
    assert abs(found) == min(as_good)


def test_a_separating_threshold_is_the_midpoint_unless_zero_separates():
    assert chosen([1, 2, 5, 6], [0, 0, 1, 1]) == 3.5
    assert chosen([-1, -0.5, 3, 4], [0, 0, 1, 1]) == 0


def test_of_equally_good_thresholds_the_one_nearest_zero_is_taken_then_the_lower():
    # one of four is wrong on either side of the middle two
    assert chosen([0, 1, 2, 3], [0, 1, 0, 1]) == 0
    assert chosen([1, 2, 3, 4], [0, 1, 0, 1]) == 1.5
    assert chosen([-3, -1, 1, 3], [0, 1, 0, 1]) == -2


def test_a_net_that_ranks_the_wrong_way_keeps_its_own_answer_over_a_constant_one():
    assert chosen([2, 1], [0, 1]) == 0


def test_the_answer_at_the_threshold_is_high_quality():
    table = with_thresholds(of_scores([1, 2, 3], [0, 0, 1], part="test"), {0: 2.0})
    assert predicted_classes(table).tolist() == [0, 0, 1]
    np.testing.assert_array_equal(table["logit_1"] - table["logit_0"], [-1, 0, 1])


def test_a_threshold_mends_answers_that_are_shifted(build_intervals):
    table = both_parts(build_intervals)
    validation = table[table["part"] == "validation"]
    mended = with_thresholds(validation, threshold_for(table))
    scores = [
        balanced_accuracy(confusion_matrix(rows["label"], predicted_classes(rows), 2))
        for rows in (validation, mended)
    ]
    assert scores[1] > scores[0] + 0.05


def test_each_seed_has_its_own_threshold(build_intervals):
    table = both_parts(build_intervals)
    table.loc[table["seed"] == 1, "logit_1"] += np.float32(4)
    first = threshold_for(both_parts(build_intervals))
    second = threshold_for(table)
    assert set(second) == {0, 1}
    assert second[0] == first[0]
    assert second[1] == pytest.approx(first[1] + 4)
    np.testing.assert_array_equal(
        predicted_classes(with_thresholds(table, second)),
        predicted_classes(with_thresholds(both_parts(build_intervals), first)),
    )


def test_test_labels_and_scores_cannot_influence_the_threshold(build_intervals):
    table = both_parts(build_intervals)
    test = table["part"] == "test"
    turned = table.copy()
    turned.loc[test, "label"] = 1 - turned.loc[test, "label"]
    others = turned.copy()
    others.loc[test, "logit_1"] -= np.float32(9)
    thresholds = threshold_for(table)
    assert threshold_for(turned) == threshold_for(others) == threshold_for(table[~test]) == thresholds
    answers = [predicted_classes(with_thresholds(arm[test], thresholds)) for arm in (table, turned)]
    np.testing.assert_array_equal(*answers)


def test_validation_labels_do_influence_it(build_intervals):
    table = both_parts(build_intervals)
    turned = table.copy()
    validation = table["part"] == "validation"
    turned.loc[validation, "label"] = 1 - turned.loc[validation, "label"]
    assert threshold_for(turned) != threshold_for(table)


def test_a_seed_without_validation_records_of_both_classes_is_refused(build_intervals):
    table = both_parts(build_intervals)
    without = table[(table["part"] == "test") | (table["seed"] == 0)]
    with pytest.raises(InputError, match="0 of high and 0 of low quality for seed 1"):
        threshold_for(without)
    one_class = table[(table["part"] == "test") | (table["label"] == 1)]
    with pytest.raises(InputError, match="0 of high and 32 of low quality for seed 0"):
        threshold_for(one_class)


def test_a_seed_without_threshold_is_refused(build_intervals):
    with pytest.raises(InputError, match=r"none for seeds \[1\]"):
        with_thresholds(build_intervals(n_seeds=2), {0: 0.0})


def test_four_classes_have_no_threshold(build_arm):
    with pytest.raises(InputError, match="two classes"):
        threshold_for(build_arm([0.7]).assign(part="validation"))
