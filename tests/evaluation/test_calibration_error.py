import numpy as np
import pytest
from sklearn.calibration import calibration_curve

from ecgrepro.errors import InputError, SettingsError
from ecgrepro.evaluation.calibration_error import (
    calibration_error,
    classwise_calibration_error,
    debiased_calibration_error,
    sweep_calibration_error,
    top_label,
    top_label_calibration_error,
)


def calibrated(n, seed, share=None):
    rng = np.random.default_rng(seed)
    probabilities = rng.random(n) if share is None else np.full(n, share)
    return probabilities, rng.random(n) < probabilities


def test_by_hand():
    # bins (.1, .3): share .5, mean .2; (.6, .8): share 1, mean .7
    assert calibration_error([0.1, 0.3, 0.6, 0.8], [0, 1, 1, 1], n_bins=2) == pytest.approx(0.3)
    debiased = debiased_calibration_error([0.1, 0.3, 0.6, 0.8], [0, 1, 1, 1], n_bins=2)
    assert debiased == pytest.approx(((0.09 - 0.25) + 0.09) / 2)
    assert debiased_calibration_error([0.1, 0.3, 0.6, 0.8], [0, 1, 1, 1], n_bins=2, squared=False) == 0


def test_bins_are_scikit_learns_quantile_bins():
    probabilities, outcomes = calibrated(300, 0)
    observed, means = calibration_curve(outcomes, probabilities**2, n_bins=10, strategy="quantile")
    expected = np.abs(observed - means).mean()
    assert calibration_error(probabilities**2, outcomes, n_bins=10) == pytest.approx(expected)


@pytest.mark.parametrize("n_bins", [10, 15])
def test_the_debiased_error_of_a_calibrated_predictor_is_zero_on_average_and_the_plain_one_is_not(n_bins):
    plain, debiased = [], []
    for seed in range(200):
        probabilities, outcomes = calibrated(300, seed)
        plain.append(calibration_error(probabilities, outcomes, n_bins=n_bins))
        debiased.append(debiased_calibration_error(probabilities, outcomes, n_bins=n_bins))
    error = np.std(debiased) / np.sqrt(200)
    assert abs(np.mean(debiased)) < 3 * error
    assert np.mean(plain) > 0.04


def test_the_documented_bias_of_the_plain_error():
    # half the records in each class, 15 bins of 113 records: mean absolute deviation of a share
    found = []
    for seed in range(100):
        _, outcomes = calibrated(1700, seed, 0.5)
        spread = 0.5 + 1e-9 * np.arange(1700)
        found.append(calibration_error(spread, outcomes, n_bins=15))
    assert np.mean(found) == pytest.approx(0.037, abs=0.002)


def test_a_known_miscalibration_is_found_by_all():
    rng = np.random.default_rng(0)
    probabilities = rng.uniform(0.3, 0.9, 20000)
    outcomes = rng.random(20000) < probabilities - 0.2
    assert calibration_error(probabilities, outcomes) == pytest.approx(0.2, abs=0.01)
    assert debiased_calibration_error(probabilities, outcomes, squared=False) == pytest.approx(0.2, abs=0.01)
    assert sweep_calibration_error(probabilities, outcomes) == pytest.approx(0.2, abs=0.01)


def test_the_sweep_stops_before_the_shares_fall():
    # two bins rise (0, 2/3), three fall (0, 1, 1/2)
    probabilities, outcomes = [0.1, 0.2, 0.5, 0.6, 0.8, 0.9], [0, 0, 1, 1, 1, 0]
    expected = calibration_error(probabilities, outcomes, n_bins=2)
    assert sweep_calibration_error(probabilities, outcomes) == pytest.approx(expected)
    assert expected != pytest.approx(calibration_error(probabilities, outcomes, n_bins=3))


def test_the_sweep_is_less_biased_than_many_bins():
    found = [(sweep_calibration_error(*data), calibration_error(*data)) for data in
             (calibrated(300, seed) for seed in range(100))]  # fmt: skip
    sweep, plain = np.mean(found, axis=0)
    assert sweep < 0.8 * plain


def test_the_sweep_ends_with_a_bin_for_each_value():
    assert sweep_calibration_error([0.2] * 5, [0, 0, 0, 0, 1]) == pytest.approx(0)
    assert sweep_calibration_error([0.0, 0.2, 0.8, 1.0], [0, 0, 1, 1]) == pytest.approx(0.1)


def test_single_records_in_every_bin_have_no_debiased_error():
    with pytest.raises(InputError, match="two records in a bin"):
        debiased_calibration_error([0.1, 0.9], [0, 1], n_bins=2)


def test_prevalence_is_calibrated_which_is_why_the_error_is_no_proper_score():
    labels = np.tile([0, 0, 0, 1], 25)
    assert calibration_error(np.full(100, 0.25), labels) == 0


def test_classwise_leaves_out_and_names_rare_classes():
    rng = np.random.default_rng(0)
    labels = np.array([0] * 60 + [1] * 35 + [2] * 5)
    probabilities = rng.dirichlet([3, 2, 1], size=100)
    result = classwise_calibration_error(probabilities, labels, estimator="debiased", n_bins=10)
    expected = debiased_calibration_error(probabilities[:, 1], labels == 1, n_bins=10)
    assert result.values[1] == pytest.approx(expected)
    assert result.counted.tolist() == [True, True, False]
    assert result.mean == pytest.approx(result.values[:2].mean())
    assert result.notes == ("class 2: 5 positives and 95 negatives, fewer than 10",)


def test_top_label_by_hand():
    probabilities = [[0.7, 0.2, 0.1], [0.4, 0.5, 0.1], [0.45, 0.45, 0.1]]
    confidence, right = top_label(probabilities, [0, 2, 1])
    assert (confidence.tolist(), right.tolist()) == ([0.7, 0.5, 0.45], [True, False, False])
    value = top_label_calibration_error(probabilities, [0, 2, 1], n_bins=1)
    assert value == pytest.approx(abs(1 / 3 - 1.65 / 3))


def test_multi_label_has_no_top_label():
    with pytest.raises(InputError, match="class by class"):
        top_label(np.full((2, 2), 0.5), np.eye(2, dtype=int))


def test_unknown_estimators_are_refused():
    with pytest.raises(SettingsError, match="sweep"):
        top_label_calibration_error([[0.5, 0.5]], [0], estimator="equal_width")
