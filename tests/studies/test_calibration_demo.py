import numpy as np
import pytest

from ecgrepro.evaluation.calibration_scores import CALIBRATION_SCORES
from ecgrepro.studies import calibration
from ecgrepro.studies import calibration_demo as demo


@pytest.fixture(scope="module")
def scores():
    return demo.demo_scores(seeds=(0, 1), n_validation=400).set_index(["distortion", "calibrator"])


def test_labels_are_drawn_from_the_true_probabilities():
    right, answers = demo.truth(40_000, 3)
    shares = np.bincount(answers, minlength=4) / len(answers)
    np.testing.assert_allclose(shares, right.mean(axis=0), atol=0.01)
    assert abs(CALIBRATION_SCORES["classwise_debiased"](right, answers)) < 2e-4


@pytest.mark.parametrize(("distortion", "temperature"), [("overconfident", 2.5), ("underconfident", 0.5)])
def test_one_temperature_finds_what_the_logits_were_scaled_by(distortion, temperature):
    table, _ = demo.simulated(distortion, 5000, 100, 0)
    found = calibration.fitted(table, "temperature")[0].parameters["temperature"]
    assert found == pytest.approx(temperature, rel=0.05)


def test_validation_and_test_records_are_different_draws():
    table, right = demo.simulated("overconfident", 200, 200, 1)
    parts = [table[table.part == part].filter(like="logit_").to_numpy() for part in ("validation", "test")]
    assert not np.allclose(*parts)
    assert right.shape == (200, 4)


def test_nothing_beats_the_truth(scores):
    assert (scores.excess > -1e-3).all()
    assert (scores.xs(demo.TRUTH, level="calibrator").excess == 0).all()


def test_a_temperature_repairs_a_scale_and_not_a_favoured_class(scores):
    assert scores.loc[("overconfident", "temperature"), "excess"] < 0.005
    favoured = scores.loc["overconfident, one class favoured"].excess
    assert favoured["platt"] < 0.5 * favoured["temperature"] < 0.5 * favoured["none"]


def test_of_calibrators_that_see_the_net_few_records_harm_isotonic_regression_alone():
    found = demo.sample_sizes(sizes=(50, 1600)).groupby(["calibrator", "records"]).excess.mean()
    harmed = {name for name in demo.CALIBRATED if found[name, 50] > found["none", 50]}
    assert harmed - {"prevalence"} == {"isotonic"}
    assert found["isotonic", 1600] < 0.5 * found["none", 1600]
    assert found["platt", 1600] < 0.5 * found["platt", 50]
    assert found["temperature", 50] == pytest.approx(found["temperature", 1600], rel=0.2)
