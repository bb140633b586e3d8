import warnings

import numpy as np
import pytest
from scipy import optimize, special
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression

from ecgrepro.evaluation.binary_calibrators import (
    beta_map,
    identity_map,
    isotonic_map,
    platt_map,
    platt_targets,
    temperature_map,
)
from ecgrepro.evaluation.calibration_inputs import CLIP

SEPARABLE = np.array([-3.0, -2.0, 1.0, 4.0]), np.array([False, False, True, True])


def records(slope=0.6, intercept=-0.4, n=500, seed=0):
    rng = np.random.default_rng(seed)
    scores = rng.normal(size=n) * 3
    return scores, rng.random(n) < special.expit(slope * scores + intercept)


def logistic_regression(features, targets):
    with warnings.catch_warnings():
        # how to ask for no penalty changed in scikit-learn 1.8
        warnings.simplefilter("ignore", FutureWarning)
        model = LogisticRegression(C=np.inf, tol=1e-10, max_iter=5000).fit(features, targets)
    return *model.coef_[0], model.intercept_[0]


def log_loss(probabilities, targets):
    return -np.log(np.where(targets, probabilities, 1 - probabilities)).mean()


def test_platt_is_scikit_learns_logistic_regression():
    scores, targets = records()
    fitted = platt_map(scores, targets)
    expected = logistic_regression(scores[:, None], targets)
    assert (fitted.parameters["slope"], fitted.parameters["intercept"]) == pytest.approx(expected, rel=1e-4)
    np.testing.assert_allclose(fitted(scores), special.expit(expected[0] * scores + expected[1]), rtol=1e-3)
    assert fitted.notes == ()


def test_platt_finds_a_rare_class_far_from_zero():
    scores, targets = records(slope=1.0, intercept=-3.0, n=4000)
    fitted = platt_map(scores * 50 - 400, targets)
    expected = logistic_regression(scores[:, None], targets)
    assert fitted.parameters["slope"] * 50 == pytest.approx(expected[0], rel=1e-4)
    assert fitted.notes == ()


def test_platts_own_targets():
    np.testing.assert_allclose(platt_targets(np.array([True, True, False])), [3 / 4, 3 / 4, 1 / 3])


def test_separable_records_get_platts_targets_and_a_finite_slope():
    fitted = platt_map(*SEPARABLE)
    assert "smoothed as by Platt (1999)" in fitted.notes[0]
    goals = np.array([0.25, 0.25, 0.75, 0.75])
    # at the optimum the fit keeps the mean and the product with the scores
    residuals = fitted(SEPARABLE[0]) - goals
    assert residuals.sum() == pytest.approx(0, abs=1e-6)
    assert residuals @ SEPARABLE[0] == pytest.approx(0, abs=1e-6)


def test_a_tie_across_the_gap_is_still_separable():
    fitted = platt_map(np.array([-1.0, 0.0, 0.0, 2.0]), SEPARABLE[1])
    assert 0 < fitted.parameters["slope"] < 10
    assert len(fitted.notes) == 1


def test_scores_against_the_labels_are_turned_round_with_a_note():
    scores, targets = records()
    fitted = platt_map(-scores, targets)
    assert fitted.parameters["slope"] < 0
    assert "is not above 0" in fitted.notes[0]
    assert len(platt_map(-SEPARABLE[0], SEPARABLE[1]).notes) == 2


@pytest.mark.parametrize("fit", [platt_map, beta_map])
def test_constant_scores_leave_the_prevalence_and_are_not_smoothed(fit):
    fitted = fit(np.full(8, 2.0), np.arange(8) < 2)
    assert not any("smoothed" in note for note in fitted.notes)
    np.testing.assert_allclose(fitted(np.array([2.0, 9.0])), 2 / 8)


def test_scores_of_which_only_one_differs_are_still_smoothed():
    fitted = platt_map(np.array([2.0, 2.0, 2.0, 2.5]), np.array([False, False, True, True]))
    assert "smoothed" in fitted.notes[0]
    assert 0 < fitted.parameters["slope"] < 100


def beta_features(scores):
    p = special.expit(scores)
    return np.column_stack([np.log(p), -np.log(1 - p)])


def test_beta_without_active_bounds_is_a_logistic_regression():
    scores, targets = records()
    fitted = beta_map(scores, targets)
    expected = logistic_regression(beta_features(scores), targets)
    assert min(expected[:2]) > 0
    assert [fitted.parameters[name] for name in "abc"] == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize("seed", range(4))
def test_beta_never_falls_and_is_the_best_such_curve(seed):
    rng = np.random.default_rng(seed)
    scores = rng.normal(size=120) * 2
    # a dip on one side pulls one of the weights below 0
    targets = rng.random(120) < special.expit(np.abs(scores + 1) - 1)
    fitted = beta_map(scores, targets)
    a, b = fitted.parameters["a"], fitted.parameters["b"]
    assert min(a, b) == 0
    assert (np.diff(fitted(np.linspace(-9, 9, 99))) >= 0).all()

    def loss(weights):
        curve = special.expit(beta_features(scores) @ np.square(weights[:2]) + weights[2])
        return log_loss(curve, targets)

    best = min(optimize.minimize(loss, start, method="Nelder-Mead", options={"maxiter": 2000}).fun
               for start in ([0.1, 1, 0], [1, 0.1, 0], [0.1, 0.1, 0]))  # fmt: skip
    assert log_loss(fitted(scores), targets) == pytest.approx(best, abs=1e-6)
    assert not any("settle" in note for note in fitted.notes)


def test_beta_is_the_identity_on_calibrated_scores():
    scores, targets = records(slope=1, intercept=0, n=40000)
    assert [beta_map(scores, targets).parameters[name] for name in "abc"] == pytest.approx([1, 1, 0], abs=0.1)


def test_beta_takes_saturated_scores_without_a_clip():
    scores = np.array([-800.0, -2, -1, 1, 2, 800])
    fitted = beta_map(scores, np.array([False, True, False, False, True, True]))
    assert np.isfinite(fitted(scores)).all()


def test_beta_of_separable_records_is_smoothed_and_of_reversed_ones_constant():
    assert "smoothed" in beta_map(*SEPARABLE).notes[0]
    reversed_map = beta_map(-SEPARABLE[0], SEPARABLE[1])
    assert "every record has the same probability" in reversed_map.notes[0]
    np.testing.assert_allclose(reversed_map(SEPARABLE[0]), 0.5, atol=1e-6)


def test_isotonic_is_scikit_learns_but_never_sure():
    scores, targets = records()
    fitted = isotonic_map(scores, targets)
    expected = IsotonicRegression(out_of_bounds="clip").fit_transform(special.expit(scores), targets)
    np.testing.assert_allclose(fitted(scores), np.clip(expected, CLIP, 1 - CLIP))
    assert (fitted(np.array([-99.0, 99.0])) == [CLIP, 1 - CLIP]).all()
    assert "exactly 0 or 1 were moved to 1e-07" in fitted.notes[0]


def test_isotonic_by_hand():
    fitted = isotonic_map(np.array([0.0, 1, 2, 3]), np.array([True, False, True, True]))
    np.testing.assert_allclose(fitted(np.array([-5, 0, 1, 1.5])), [0.5, 0.5, 0.5, 0.75])


def test_temperature_of_one_class_and_identity():
    scores, targets = records(slope=0.5, intercept=0, n=5000)
    fitted = temperature_map(scores, targets)
    assert fitted.parameters["temperature"] == pytest.approx(2, rel=0.1)
    np.testing.assert_allclose(fitted(scores), special.expit(scores / fitted.parameters["temperature"]))
    np.testing.assert_array_equal(identity_map()(scores), special.expit(scores))
