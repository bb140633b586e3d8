import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from ecgrepro.errors import InputError
from ecgrepro.evaluation import class_ranks
from ecgrepro.evaluation.class_ranks import class_auc, resampled_auc
from ecgrepro.evaluation.intervals import resampled_counts
from tests.evaluation.multi_label_arms import build_labels


@pytest.fixture
def problem():
    """Return labels and scores of 120 records and 5 classes; many scores tie, one class is had by most records."""
    rng = np.random.default_rng(0)
    labels = build_labels(120, rng, (0.5, 0.1, 0.8, 0.3, 0.05))
    return labels, np.round(2 * (labels + rng.normal(size=labels.shape))) / 2


def drawn(n_records, n_resamples, seed=1):
    counts = resampled_counts(n_records, n_resamples, np.random.default_rng(seed))
    return np.concatenate([chunk.T for chunk in counts]).astype(int)


def test_areas_by_hand():
    # pairs of class 0: .9 > .1, .9 > .4, .4 > .1, and .4 ties with .4: 3.5 of 4
    labels = np.array([[0, 1], [0, 0], [1, 1], [1, 0]])
    scores = np.array([[0.1, 3.0], [0.4, 1.0], [0.4, 2.0], [0.9, 2.5]])
    np.testing.assert_array_equal(class_auc(labels, scores).areas, [3.5 / 4, 3 / 4])


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64])
def test_areas_are_those_of_scikit_learn_ties_included(problem, dtype):
    labels, scores = problem[0], (2 * problem[1]).astype(dtype)
    found = class_auc(labels, scores)
    np.testing.assert_allclose(found.areas, roc_auc_score(labels, scores, average=None), rtol=0, atol=1e-14)
    assert found.left_out == {}


def test_weighted_areas_are_those_of_scikit_learn(problem):
    labels, scores = problem
    weights = np.random.default_rng(2).random(len(labels))
    expected = roc_auc_score(labels, scores, average=None, sample_weight=weights)
    np.testing.assert_allclose(class_auc(labels, scores, weights).areas, expected, rtol=0, atol=1e-12)


def test_probabilities_and_booleans_rank_as_logits_and_integers(problem):
    labels, scores = problem
    found = class_auc(labels.astype(bool), 1 / (1 + np.exp(-scores)))
    np.testing.assert_array_equal(found.areas, class_auc(labels, scores).areas)


def test_classes_without_a_side_are_left_out_with_the_reason(problem):
    labels, scores = problem
    labels[:, 1], labels[:, 3] = 0, 1
    found = class_auc(labels, scores)
    assert found.left_out == {1: "no positives", 3: "no negatives"}
    assert found.areas.mask.tolist() == [False, True, False, True, False]
    assert found.areas.mean() == pytest.approx(roc_auc_score(labels[:, [0, 2, 4]], scores[:, [0, 2, 4]]))


def test_weights_of_zero_can_take_a_class_away(problem):
    labels, scores = problem
    found = class_auc(labels, scores, 1.0 - labels[:, 4])
    assert found.left_out == {4: "no positives"}
    assert found.areas.mask.tolist() == [False] * 4 + [True]


def test_who_ignores_the_mask_gets_nan_and_no_number(problem):
    labels, scores = problem
    labels[:, 0] = 0
    assert np.isnan(np.asarray(class_auc(labels, scores).areas)[0])


def test_resampled_areas_are_those_of_scikit_learn_on_each_resample(problem):
    labels, scores = problem
    counts = drawn(len(labels), 70)
    found = resampled_auc(labels, scores, counts)
    assert found.shape == (70, 5)
    for values, copies in zip(found, counts, strict=True):
        rows = np.repeat(np.arange(len(labels)), copies)
        assert (values.mask == (labels[rows].sum(axis=0) == 0)).all()
        held = ~values.mask
        expected = roc_auc_score(labels[rows][:, held], scores[rows][:, held], average=None)
        np.testing.assert_allclose(values.compressed(), expected, rtol=0, atol=1e-12)


def test_records_of_a_unit_are_drawn_together(problem):
    labels, scores = problem
    units = np.arange(len(labels)) // 3
    counts = drawn(40, 10)
    whole = resampled_auc(labels, scores, counts, units)
    record_by_record = resampled_auc(labels, scores, counts[:, units])
    assert (whole.mask == record_by_record.mask).all()
    np.testing.assert_array_equal(whole.compressed(), record_by_record.compressed())


def test_a_class_that_loses_its_positives_is_masked_there_and_counted():
    labels, scores = np.array([[1, 1], [0, 0], [0, 1]]), np.arange(6.0).reshape(3, 2)
    found = resampled_auc(labels, scores, [[1, 1, 1], [0, 3, 0], [0, 1, 2], [2, 0, 1]])
    assert found.mask.tolist() == [[False, False], [True, True], [True, False], [False, True]]
    assert found.mask.sum(axis=0).tolist() == [2, 2]
    # class 1: records 0 and 2 against 1; class 0: record 0, the lowest
    assert found.mean(axis=1).tolist() == [0.25, None, 1, 0]


def test_chunks_do_not_change_the_areas(monkeypatch):
    rng = np.random.default_rng(0)
    labels, scores = rng.integers(0, 2, (30, 2)), rng.normal(size=(30, 2))
    before = resampled_auc(labels, scores, drawn(30, 50))
    monkeypatch.setattr(class_ranks, "_CHUNK", 7)
    np.testing.assert_array_equal(resampled_auc(labels, scores, drawn(30, 50)), before)


@pytest.mark.parametrize(("value", "told"), [(np.nan, "1 NaN or infinite"), (-np.inf, "first of class 2")])
def test_scores_that_are_not_finite_are_refused(problem, value, told):
    labels, scores = problem
    scores[5, 2] = value
    with pytest.raises(InputError, match=f"finite scores.*{told}"):
        class_auc(labels, scores)


@pytest.mark.parametrize(
    ("labels", "scores", "message"),
    [
        (np.zeros(3, int), np.zeros(3), "one shape"),
        (np.zeros((3, 2), int), np.zeros((3, 1)), "one shape"),
        (np.zeros((0, 2), int), np.zeros((0, 2)), "one shape"),
        (np.full((3, 2), 2), np.zeros((3, 2)), "0 or 1, or booleans; got int64 from 2 to 2"),
        (np.full((3, 2), 0.5), np.zeros((3, 2)), "got float64"),
    ],
)
def test_what_is_no_multi_label_problem_is_refused(labels, scores, message):
    with pytest.raises(InputError, match=message):
        class_auc(labels, scores)


@pytest.mark.parametrize("weights", [np.ones(3), -np.ones(120), np.full(120, np.nan), np.ones((120, 1))])
def test_impossible_weights_are_refused(problem, weights):
    with pytest.raises(InputError, match="120 finite numbers"):
        class_auc(*problem, weights)


@pytest.mark.parametrize(
    ("counts", "message"),
    [
        (np.ones(120, int), r"shape \(n_resamples, 120\)"),
        (np.ones((2, 119), int), r"shape \(n_resamples, 120\); got shape \(2, 119\)"),
        (np.full((2, 120), -1), "whole numbers"),
        (np.full((2, 120), 0.5), "whole numbers"),
        (np.full((2, 120), np.inf), "whole numbers"),
        (np.full((2, 120), np.nan), "whole numbers"),
    ],
)
def test_impossible_counts_are_refused(problem, counts, message):
    with pytest.raises(InputError, match=message):
        resampled_auc(*problem, counts)


@pytest.mark.parametrize("units", [np.arange(3), np.arange(120) - 1, np.arange(120) + 1, np.ones(120)])
def test_units_that_do_not_fit_are_refused(problem, units):
    with pytest.raises(InputError, match="units"):
        resampled_auc(*problem, np.ones((2, 120), int), units)
