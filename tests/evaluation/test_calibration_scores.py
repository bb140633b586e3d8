import numpy as np
import pytest
from scipy import special

from ecgrepro.errors import InputError, SettingsError
from ecgrepro.evaluation.brier_score import brier_per_class, brier_score
from ecgrepro.evaluation.calibration_error import classwise_calibration_error, top_label_calibration_error
from ecgrepro.evaluation.calibration_scores import CALIBRATION_SCORES, get_calibration_score
from ecgrepro.evaluation.log_loss import log_loss

SCORES = CALIBRATION_SCORES


def predictions(multi_class, n=300):
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(n, 3))
    if multi_class:
        return special.softmax(2 * logits, axis=1), (logits + rng.gumbel(size=logits.shape)).argmax(axis=1)
    return special.expit(2 * logits), (rng.random(logits.shape) < special.expit(logits)).astype(int)


@pytest.mark.parametrize("multi_class", [False, True])
def test_scores_are_those_of_their_own_modules(multi_class):
    data = predictions(multi_class)
    expected = {
        "brier": brier_score(*data),
        "log_loss": log_loss(*data).value,
        "classwise_error": classwise_calibration_error(*data).mean,
        "classwise_debiased": classwise_calibration_error(*data, estimator="debiased").mean,
    }
    if multi_class:
        expected["top_label_error"] = top_label_calibration_error(*data)
        expected["top_label_debiased"] = top_label_calibration_error(*data, estimator="debiased")
    found = {name: SCORES[name](*data) for name in expected}
    assert found == pytest.approx(expected)


@pytest.mark.parametrize("multi_class", [False, True])
def test_named_classes_are_scored_against_the_rest(multi_class):
    data = predictions(multi_class)
    assert SCORES["brier"](*data, classes=[2]) == pytest.approx(brier_per_class(*data)[2])
    per_class = log_loss(*data).per_class
    assert SCORES["log_loss"](*data, classes=[0, 2]) == pytest.approx(per_class[[0, 2]].mean())
    errors = classwise_calibration_error(*data, n_bins=10).values
    assert SCORES["classwise_error"](*data, classes=[1], n_bins=10) == pytest.approx(errors[1])


def test_ties_leave_bins_empty_and_the_score_as_it_is():
    probabilities, labels = predictions(False)
    rounded = np.round(probabilities, 1)
    expected = classwise_calibration_error(rounded, labels, estimator="debiased").mean
    assert SCORES["classwise_debiased"](rounded, labels) == pytest.approx(expected)


def test_a_rare_class_is_refused_until_it_is_left_out_by_name():
    probabilities, labels = predictions(True)
    labels[np.flatnonzero(labels == 1)[9:]] = 0
    with pytest.raises(InputError, match="fewer of class 1"):
        SCORES["classwise_error"](probabilities, labels)
    with pytest.raises(InputError, match="fewer of class 1"):
        SCORES["classwise_error"](probabilities, labels, classes=[1, 2])
    expected = classwise_calibration_error(probabilities, labels).mean
    assert SCORES["classwise_error"](probabilities, labels, classes=[0, 2]) == pytest.approx(expected)


def test_an_infinite_log_loss_is_refused():
    probabilities = np.array([[1.0, 0.0], [1.0, 0.0]])
    assert SCORES["log_loss"](probabilities, [0, 0]) == 0
    with pytest.raises(InputError, match="1 records whose label has probability 0"):
        SCORES["log_loss"](probabilities, [0, 1])


def test_impossible_settings_are_refused():
    data = predictions(True)
    with pytest.raises(SettingsError, match="brier"):
        get_calibration_score("accuracy")
    for classes in ([], [3], [0, 0]):
        with pytest.raises(SettingsError, match="distinct indices from 0 to 2"):
            SCORES["brier"](*data, classes=classes)
    with pytest.raises(SettingsError, match="any class"):
        SCORES["top_label_error"](*data, classes=[0])
    with pytest.raises(InputError, match="300 records, 151 bins"):
        SCORES["top_label_error"](*data, n_bins=151)
    with pytest.raises(InputError, match="class by class"):
        SCORES["top_label_error"](*predictions(False))
