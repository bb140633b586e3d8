import numpy as np
import pytest
from scipy import stats
from sklearn.calibration import calibration_curve

from ecgrepro.errors import InputError, SettingsError
from ecgrepro.evaluation.reliability import reliability_table


def predictions(n=200, seed=0):
    rng = np.random.default_rng(seed)
    probabilities = rng.random(n)
    return probabilities, (rng.random(n) < probabilities).astype(int)


def test_rows_are_scikit_learns_curve():
    probabilities, outcomes = predictions()
    table = reliability_table(probabilities, outcomes)
    observed, means = calibration_curve(outcomes, probabilities, n_bins=10, strategy="quantile")
    np.testing.assert_allclose(table["observed"], observed)
    np.testing.assert_allclose(table["mean_probability"], means)
    assert table["n"].tolist() == [20] * 10
    assert table["positives"].sum() == outcomes.sum()


def test_limits_are_wilsons():
    table = reliability_table([0.1, 0.2, 0.3, 0.4], [0, 1, 0, 0], n_bins=1, level=0.9)
    expected = stats.binomtest(1, 4).proportion_ci(0.9, method="wilson")
    assert (table["low"][0], table["high"][0]) == pytest.approx((expected.low, expected.high))
    assert (table["lowest"][0], table["highest"][0], table["interval"][0]) == (0.1, 0.4, "wilson")


def test_limits_of_a_rows_bin_hold_its_probabilities():
    table = reliability_table(*predictions())
    assert (table["lowest"] <= table["mean_probability"]).all()
    assert (table["highest"].to_numpy()[:-1] < table["lowest"].to_numpy()[1:]).all()


def test_clusters_of_one_record_agree_with_wilson():
    probabilities, outcomes = predictions(2000)
    plain = reliability_table(probabilities, outcomes, n_bins=4)
    drawn = reliability_table(probabilities, outcomes, n_bins=4, clusters=np.arange(2000), seed=1)
    np.testing.assert_allclose(drawn[["low", "high"]], plain[["low", "high"]], atol=0.01)
    assert set(drawn["interval"]) == {"bootstrap"}


def test_copies_do_not_make_the_interval_narrower():
    probabilities, outcomes = predictions(400)
    clusters = np.tile(np.arange(400), 9)
    honest = reliability_table(probabilities, outcomes, n_bins=4)
    copied = reliability_table(
        np.tile(probabilities, 9), np.tile(outcomes, 9), n_bins=4, clusters=clusters, n_resamples=600
    )
    ratio = (copied["high"] - copied["low"]) / (honest["high"] - honest["low"])
    np.testing.assert_allclose(ratio, 1, atol=0.15)


def test_a_bin_without_a_positive_has_wilsons_limits_for_its_clusters():
    probabilities = np.repeat([0.1, 0.9], 12)
    outcomes = np.concatenate([np.zeros(12, int), np.tile([0, 1], 6)])
    table = reliability_table(probabilities, outcomes, n_bins=2, clusters=np.arange(24) // 3)
    assert table["interval"].tolist() == ["wilson of clusters", "bootstrap"]
    assert table["low"][0] == pytest.approx(0)
    assert table["high"][0] == pytest.approx(stats.binomtest(0, 4).proportion_ci(method="wilson").high)


def test_a_constant_prediction_has_one_row():
    assert len(reliability_table(np.full(30, 0.2), np.tile([0, 1, 0], 10))) == 1


def test_impossible_input_is_refused():
    with pytest.raises(InputError, match="one cluster per record"):
        reliability_table([0.1, 0.2], [0, 1], clusters=["a"])
    with pytest.raises(InputError, match="values from 0 to 1"):
        reliability_table([-2.0, 3.0], [0, 1])
    with pytest.raises(SettingsError, match="level"):
        reliability_table([0.1, 0.2], [0, 1], level=95)
