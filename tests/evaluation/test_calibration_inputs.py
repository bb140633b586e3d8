import numpy as np
import pytest
from scipy import special

from ecgrepro.errors import InputError, SettingsError
from ecgrepro.evaluation.calibration_inputs import (
    CLIP,
    check_binary,
    check_logits,
    check_probabilities,
    class_log_odds,
    class_scores,
    clip_probabilities,
    countable_classes,
    indicators,
    logits_from_probabilities,
)


def test_softmax_output_taken_for_logits_is_named_and_refused():
    probabilities = special.softmax(np.random.default_rng(0).normal(size=(9, 4)), axis=1).astype(np.float32)
    with pytest.raises(InputError, match="rows that sum to one: probabilities, it seems"):
        check_logits(probabilities)
    np.testing.assert_array_equal(check_logits(probabilities, allow_probabilities=True), probabilities)


def test_sigmoid_output_taken_for_logits_is_refused_although_rows_do_not_sum_to_one():
    with pytest.raises(InputError, match="no sum of one"):
        check_logits([[0.9, 0.8], [0.0, 1.0]])


def test_logits_that_leave_the_unit_interval_pass_as_float64():
    assert check_logits(np.array([[0.2, 1.1], [-0.1, 0.5]], np.float32)).dtype == np.float64


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_logits_that_are_not_finite_are_refused_with_their_row(bad):
    with pytest.raises(InputError, match="1 rows with NaN or infinite ones, first row 1"):
        check_logits([[2.0, -1.0], [bad, 0.0]])


@pytest.mark.parametrize("shape", [(3,), (0, 4), (2, 2, 2)])
def test_logits_of_another_shape_are_refused(shape):
    with pytest.raises(InputError, match="n_records, n_classes"):
        check_logits(np.full(shape, 3.0))


def test_both_kinds_of_labels_become_indicators():
    expected = [[False, False, True], [True, False, False]]
    assert indicators([2, 0], (2, 3)).tolist() == expected
    assert indicators(np.array([[0, 0, 1], [1, 0, 0]], np.float32), (2, 3)).tolist() == expected


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([0, 3], "from 0 to 3"),
        ([0, -1], "from -1 to 0"),
        ([0.0, 1.0], "float64"),
        ([0, 1, 1], r"shape \(3,\)"),
        ([[0, 1], [1, 0]], r"shape \(2, 2\)"),
        ([[0, 1, 0.5], [0, 0, 1]], "0.5"),
        ([[0, 1, np.nan], [0, 0, 1]], "nan"),
    ],
)
def test_labels_that_do_not_fit_are_refused(labels, message):
    with pytest.raises(InputError, match=message):
        indicators(labels, (2, 3))


def test_single_labels_need_two_classes():
    with pytest.raises(InputError, match="two classes or more"):
        indicators([0, 0], (2, 1))


def test_logits_taken_for_probabilities_are_refused():
    with pytest.raises(InputError, match="from -2 to 3"):
        check_probabilities([[-2.0, 3.0]], multi_class=False)
    with pytest.raises(InputError, match="from nan to nan"):
        check_probabilities([[np.nan, 0.5]], multi_class=False)


def test_sigmoids_are_no_softmax():
    sigmoids = [[0.9, 0.8], [0.1, 0.9]]
    assert check_probabilities(sigmoids, multi_class=False).tolist() == sigmoids
    with pytest.raises(InputError, match=r"sums from 1 to 1\.7"):
        check_probabilities(sigmoids, multi_class=True)


def test_one_class_is_checked_as_a_column():
    probabilities, outcomes = check_binary([0.1, 1.0], [0, 1])
    assert (probabilities.tolist(), outcomes.tolist()) == ([0.1, 1.0], [False, True])
    for bad in (([0.1], [0, 1]), ([[0.1]], [[1]]), ([1.5], [1]), ([0.5], [2]), ([], [])):
        with pytest.raises(InputError):
            check_binary(*bad)


def test_clip_counts_what_it_moves():
    clipped, moved = clip_probabilities([0.0, 0.5, 1.0, 1 - 1e-9])
    np.testing.assert_array_equal(clipped, [CLIP, 0.5, 1 - CLIP, 1 - CLIP])
    assert moved == 3
    with pytest.raises(SettingsError, match="clip"):
        clip_probabilities([0.5], 0)


def test_a_probability_of_one_becomes_a_large_logit_and_not_zero():
    # the project's program made .5 of it
    logits, notes = logits_from_probabilities(np.array([[1.0, 0.25]], np.float32), multi_class=False)
    np.testing.assert_allclose(logits, [[np.log(1 / CLIP), np.log(1 / 3)]], rtol=1e-6)
    assert notes == ("1 of 2 probabilities were nearer to 0 or 1 than 1e-07 and moved to it",)


def test_logits_of_probabilities_give_them_back():
    probabilities = special.softmax(np.random.default_rng(0).normal(size=(9, 4)), axis=1)
    logits, notes = logits_from_probabilities(probabilities, multi_class=True)
    np.testing.assert_allclose(special.softmax(logits, axis=1), probabilities)
    assert notes == ()


def test_log_odds_are_those_of_the_softmax_and_stay_finite_where_it_saturates():
    logits = np.random.default_rng(0).normal(size=(9, 4))
    expected = special.logit(special.softmax(logits, axis=1))
    np.testing.assert_allclose(class_log_odds(logits, multi_class=True), expected)
    sure = class_log_odds(np.array([[900.0, 0.0, 0.0]]), multi_class=True)
    np.testing.assert_allclose(sure, [[900 - np.log(2), -900, -900]])
    assert class_log_odds(logits, multi_class=False) is logits


def test_classes_with_too_few_records_are_named_and_left_out_of_the_mean():
    targets = np.zeros((30, 3), bool)
    targets[:12, 0] = targets[:9, 1] = targets[:21, 2] = True
    counted, notes = countable_classes(targets)
    assert counted.tolist() == [True, False, False]
    assert notes[0] == "class 1: 9 positives and 21 negatives, fewer than 10"
    scores = class_scores(lambda index: index + 5.0, targets)
    assert scores.mean == 5
    np.testing.assert_array_equal(scores.values, [5, np.nan, np.nan])
    with pytest.raises(InputError, match="one with 13 positives"):
        class_scores(float, targets, 13)
