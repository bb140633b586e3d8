import numpy as np
import pytest
import sklearn.metrics
from hypothesis import given
from hypothesis import strategies as st

from ecgrepro.errors import InputError, SettingsError
from ecgrepro.evaluation import metrics
from ecgrepro.evaluation.metrics import METRICS, confusion_matrix

# Rows N, A, O, noisy; the sums are easy to check by hand.
CRAFTED = np.array([[50, 0, 0, 10], [0, 20, 0, 0], [0, 0, 30, 0], [10, 0, 0, 0]])

pairs = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=60)


@given(pairs)
def test_metrics_equal_scikit_learn(pairs):
    labels, predictions = np.array(pairs).T
    cm = confusion_matrix(labels, predictions, 4)
    classes = {"labels": range(4), "zero_division": 0}
    np.testing.assert_array_equal(cm, sklearn.metrics.confusion_matrix(labels, predictions, labels=range(4)))
    f1 = sklearn.metrics.f1_score(labels, predictions, average=None, **classes)
    np.testing.assert_allclose(metrics.f1_per_class(cm), f1)
    macro = sklearn.metrics.f1_score(labels, predictions, average="macro", **classes)
    assert METRICS["macro_f1"](cm) == pytest.approx(macro)
    three = sklearn.metrics.f1_score(labels, predictions, average="macro", labels=[0, 1, 2], zero_division=0)
    assert METRICS["challenge_f1"](cm) == pytest.approx(three)
    assert METRICS["accuracy"](cm) == pytest.approx(sklearn.metrics.accuracy_score(labels, predictions))
    recalls = sklearn.metrics.recall_score(labels, predictions, average=None, **classes)
    assert METRICS["balanced_accuracy"](cm) == pytest.approx(recalls[np.unique(labels)].mean())


def test_balanced_accuracy_equals_scikit_learn_when_all_classes_are_present():
    rng = np.random.default_rng(0)
    labels = np.concatenate([np.arange(4), rng.integers(4, size=100)])
    predictions = rng.integers(4, size=104)
    expected = sklearn.metrics.balanced_accuracy_score(labels, predictions)
    assert metrics.balanced_accuracy(confusion_matrix(labels, predictions, 4)) == pytest.approx(expected)


def test_weights_count_as_in_scikit_learn():
    rng = np.random.default_rng(0)
    labels, predictions = rng.integers(3, size=(2, 50))
    weights = rng.random(50)
    expected = sklearn.metrics.confusion_matrix(labels, predictions, sample_weight=weights)
    np.testing.assert_allclose(confusion_matrix(labels, predictions, 3, weights), expected)


def test_rows_are_the_reference():
    assert confusion_matrix(np.array([0]), np.array([1]), 2).tolist() == [[0, 1], [0, 0]]


def test_hand_computed_scores_of_a_crafted_matrix():
    np.testing.assert_allclose(metrics.f1_per_class(CRAFTED), [100 / 120, 1, 1, 0])
    assert METRICS["challenge_f1"](CRAFTED) == pytest.approx((100 / 120 + 2) / 3)
    assert METRICS["macro_f1"](CRAFTED) == pytest.approx((100 / 120 + 2) / 4)
    assert METRICS["f1_A"](CRAFTED) == 1
    assert METRICS["balanced_accuracy"](CRAFTED) == pytest.approx((50 / 60 + 2) / 4)
    assert METRICS["accuracy"](CRAFTED) == pytest.approx(100 / 120)


def test_challenge_f1_ignores_the_noisy_class_but_not_its_confusions():
    more_noise = CRAFTED + np.diag([0, 0, 0, 40])
    assert metrics.challenge_f1(more_noise) == metrics.challenge_f1(CRAFTED)
    assert metrics.macro_f1(more_noise) > metrics.macro_f1(CRAFTED)
    missed = CRAFTED.copy()
    missed[3, 1] += 5
    assert metrics.challenge_f1(missed) < metrics.challenge_f1(CRAFTED)


def test_a_class_neither_present_nor_predicted_scores_zero():
    assert metrics.f1_per_class(np.diag([3, 0])).tolist() == [1, 0]


def test_majority_answer_scores_one_over_classes_present():
    cm = np.array([[9, 0, 0], [4, 0, 0], [0, 0, 0]])
    assert metrics.majority_balanced_accuracy(cm) == metrics.balanced_accuracy(cm) == 0.5


@pytest.mark.parametrize("name", METRICS)
def test_a_stack_of_matrices_is_scored_like_each_alone(name):
    n_classes = METRICS[name].n_classes or 4
    stack = np.random.default_rng(0).integers(0, 9, size=(2, 3, n_classes, n_classes))
    together = METRICS[name](stack)
    assert together.shape == (2, 3)
    assert together[1, 2] == pytest.approx(float(METRICS[name](stack[1, 2])))


@given(st.lists(st.tuples(st.integers(0, 1), st.integers(0, 1)), min_size=1, max_size=30))
def test_two_class_metrics_equal_scikit_learn(pairs):
    labels, predictions = np.array(pairs).T
    cm = confusion_matrix(labels, predictions, 2)
    recalls = sklearn.metrics.recall_score(labels, predictions, average=None, labels=[0, 1], zero_division=0)
    assert (METRICS["sensitivity"](cm), METRICS["specificity"](cm)) == pytest.approx(tuple(recalls))
    f1 = sklearn.metrics.f1_score(labels, predictions, pos_label=1, zero_division=0)
    assert METRICS["f1_low"](cm) == pytest.approx(f1)
    table = [[np.sum((labels == a) & (predictions == b)) for b in (0, 1)] for a in (0, 1)]
    varied = len(set(labels)) == len(set(predictions)) == 2
    # its correlation warns where there is one class only
    matthews = sklearn.metrics.matthews_corrcoef(labels, predictions) if varied else 0
    assert METRICS["matthews_correlation"](np.array(table)) == pytest.approx(matthews)


def test_accuracy_is_the_mean_of_sensitivity_and_specificity_by_class_share():
    cm = np.array([[970, 30], [9, 16]])
    recalls = METRICS["sensitivity"](cm), METRICS["specificity"](cm)
    assert recalls == (0.97, 0.64)
    assert METRICS["accuracy"](cm) == pytest.approx((1000 * 0.97 + 25 * 0.64) / 1025)
    assert METRICS["balanced_accuracy"](cm) == pytest.approx(np.mean(recalls))


def test_matthews_correlation_of_many_records_does_not_overflow():
    cm = np.array([[3_000_000_000, 10], [10, 3_000_000_000]])
    assert METRICS["matthews_correlation"](cm) == pytest.approx(1)


@pytest.mark.parametrize("name", ["sensitivity", "specificity", "f1_low", "matthews_correlation"])
def test_metrics_of_two_qualities_refuse_four_rhythms(name):
    with pytest.raises(InputError, match=r"shape \(..., 2, 2\); got shape \(4, 4\)"):
        METRICS[name](CRAFTED)


def test_no_metric_is_called_just_f1():
    with pytest.raises(SettingsError, match="'macro_f1' averages all classes, 'challenge_f1'"):
        metrics.get_metric("f1")
    assert len({metric.label for metric in METRICS.values()}) == len(METRICS)


def test_challenge_f1_refuses_another_number_of_classes():
    with pytest.raises(InputError, match=r"shape \(3, 3\)"):
        METRICS["challenge_f1"](np.eye(3))
    with pytest.raises(InputError, match=r"shape \(2, 3\)"):
        METRICS["macro_f1"](np.ones((2, 3)))


@pytest.mark.parametrize(
    ("labels", "predictions", "got"),
    [
        ([0, 4], [0, 1], "values from 0 to 4"),
        ([0, -1], [0, 1], "values from -1 to 0"),
        ([0.0, 1.0], [0, 1], "dtype float64"),
        ([0, 1], [0], "2 labels and 1 predictions"),
        (np.empty(0, int), np.empty(0, int), "0 labels"),
    ],
)
def test_confusion_matrix_refuses_what_are_not_classes(labels, predictions, got):
    with pytest.raises(InputError, match=got):
        confusion_matrix(labels, predictions, 4)


def test_confusion_matrix_refuses_too_few_weights():
    with pytest.raises(InputError, match="one weight per record"):
        confusion_matrix([0, 1], [0, 1], 2, weights=[1.0])


def test_cross_entropy_equals_scikit_learn_and_survives_large_logits():
    rng = np.random.default_rng(0)
    logits, labels = rng.normal(size=(30, 4)), np.arange(30) % 4
    expected = sklearn.metrics.log_loss(labels, metrics.softmax(logits))
    assert metrics.cross_entropy(logits, labels) == pytest.approx(expected)
    assert metrics.cross_entropy(np.float32([[1000, 0]]), [1]) == pytest.approx(1000)


def test_cross_entropy_refuses_misaligned_labels():
    with pytest.raises(InputError, match="one row per label"):
        metrics.cross_entropy(np.zeros((2, 4)), [0])


def test_softmax_is_a_distribution_in_the_order_of_the_logits():
    probabilities = metrics.softmax(np.array([[0.0, np.log(3.0)]]))
    np.testing.assert_allclose(probabilities, [[0.25, 0.75]])
