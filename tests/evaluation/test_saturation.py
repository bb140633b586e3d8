import numpy as np
import pytest
from scipy import optimize

from ecgrepro.errors import InputError, SettingsError
from ecgrepro.evaluation.saturation import POWERS, curve_values, fit_curves, saturation

SIZES = np.array([0.0, 6, 12, 25, 50, 100])


def true_curve(top=0.9, gain=0.4, power=1.0, sizes=SIZES, shift=6):
    return top - gain * (1 + sizes / shift) ** -power


@pytest.fixture
def build_curve(build_arm):
    def build(accuracies, n_seeds=6, n_records=600, shared=1.0, **settings):
        return [
            build_arm([a] * n_seeds, arm_seed=i + 1, n_records=n_records, shared=shared, **settings)
            for i, a in enumerate(accuracies)
        ]

    return build


@pytest.mark.parametrize("power", [0.1, 0.37, 1.0, 2.9])
@pytest.mark.parametrize("gain", [0.3, -0.1])
def test_an_exact_curve_is_found_again(power, gain):
    scores = np.stack([true_curve(gain=gain, power=power), true_curve(0.5, gain, power)])
    fits = fit_curves(scores, SIZES, 6)
    np.testing.assert_allclose(fits.power, power, rtol=1e-3)
    np.testing.assert_allclose(fits.gain, gain, rtol=3e-3)
    np.testing.assert_allclose(fits.top, [0.9, 0.5], atol=2e-3)
    np.testing.assert_allclose(curve_values(fits, SIZES, 6), scores, atol=1e-5)
    assert not fits.at_bound.any()


def test_noisy_scores_are_fitted_as_by_scipy():
    rng = np.random.default_rng(0)
    scores = true_curve(gain=0.2, power=0.6) + rng.normal(0, 0.01, size=(30, 6))
    fits = fit_curves(scores, SIZES, 6)
    own = ((curve_values(fits, SIZES, 6) - scores) ** 2).sum(axis=1)
    for row, error, power in zip(scores, own, fits.power, strict=True):
        found = [
            optimize.least_squares(
                lambda p, row=row: true_curve(*p) - row,
                [row[-1], row[-1] - row[0], start],
                bounds=([-10, -10, POWERS[0]], [10, 10, POWERS[1]]),
                xtol=1e-12,
                ftol=1e-12,
            )
            for start in (0.1, 0.5, 2.0)
        ]
        best = min(found, key=lambda result: result.cost)
        assert error == pytest.approx(2 * best.cost, rel=1e-4)
        assert power == pytest.approx(best.x[2], rel=0.02)


def test_a_clear_curve_is_identified_and_covered(build_curve):
    result = saturation(build_curve(true_curve()), SIZES, "accuracy", seed=0, n_resamples=400)
    assert result.is_identified, result.doubts
    for parameter, truth in ((result.top, 0.9), (result.gain, 0.4), (result.power, 1.0)):
        assert parameter.low < truth < parameter.high
        assert parameter.low < parameter.value < parameter.high
    assert result.shift == 6
    np.testing.assert_allclose(result.arms["fitted"], result.arms["score"], atol=0.01)
    assert (result.n_seeds, result.n_records, result.design) == (6, 3600, "nested")
    assert result.metric == "accuracy"


def test_the_curve_and_what_remains_follow_from_the_parameters(build_curve):
    arms = build_curve(true_curve(), n_seeds=3, n_records=200)
    result = saturation(arms, SIZES, "accuracy", seed=0, n_resamples=200, at=[0, 25, 400])
    shape = (1 + np.array([0, 25, 400]) / 6) ** -result.power.value
    np.testing.assert_allclose(result.curve["score"], result.top.value - result.gain.value * shape)
    assert (result.curve["low"] < result.curve["high"]).all()
    assert result.remaining["size"].tolist() == [0, 6, 12, 25, 50]
    fitted = result.arms["fitted"]
    np.testing.assert_allclose(result.remaining["remaining"], fitted.iloc[-1] - fitted.iloc[:-1])
    assert (result.remaining["high"] > result.remaining["remaining"]).all()


def test_default_points_begin_at_zero_only_where_an_arm_does(build_curve):
    arms = build_curve(true_curve(), n_seeds=2, n_records=100)
    settings = {"seed": 0, "n_resamples": 20}
    with_zero = saturation(arms, SIZES, "accuracy", **settings).curve["size"]
    without = saturation(arms[1:], SIZES[1:], "accuracy", **settings).curve["size"]
    assert (with_zero.iloc[0], with_zero.iloc[-1], len(with_zero)) == pytest.approx((0, 100, 51))
    assert (without.iloc[0], len(without)) == pytest.approx((6, 50))


RISES_WITH_LOGARITHM = 0.5 + 0.15 * np.log10(1 + SIZES / 6) ** 1.2
STEP = [0.6, 0.8, 0.8, 0.8, 0.8, 0.8]


@pytest.mark.parametrize(
    ("accuracies", "shared", "doubt"),
    [
        (RISES_WITH_LOGARITHM, 0.9, "lower bound"),
        (RISES_WITH_LOGARITHM, 0.9, "interval of the top"),
        (STEP, 1.0, "upper bound"),
        (STEP, 0.9, "of the replicates"),
        ([0.8] * 6, 0.9, "interval of the gain holds 0"),
        (true_curve(0.5, -0.4), 0.9, "falls with the size"),
    ],
)
def test_what_the_data_cannot_tell_is_said(build_curve, accuracies, shared, doubt):
    arms = build_curve(accuracies, n_seeds=3, n_records=300, shared=shared)
    result = saturation(arms, SIZES, "accuracy", seed=0, n_resamples=200)
    assert any(doubt in sentence for sentence in result.doubts), result.doubts
    assert not result.is_identified


def test_several_samples_of_one_size_are_several_points(build_curve):
    sizes = np.array([0, 6, 6, 6, 25, 100])
    arms = build_curve(true_curve(sizes=sizes), n_seeds=2, n_records=200, shared=0.9)
    result = saturation(arms, sizes, "accuracy", seed=0, n_resamples=50)
    assert result.arms["fitted"][1:4].nunique() == 1
    assert result.arms["score"][1:4].nunique() > 1
    assert result.remaining["size"].tolist() == [0, 6, 25]


def test_a_unit_of_size_changes_only_the_shift(build_curve):
    arms = build_curve(true_curve(), n_seeds=2, n_records=200)
    patients, frames = (
        saturation(arms, SIZES * unit, "accuracy", seed=0, n_resamples=50) for unit in (1, 4096)
    )
    assert frames.top == pytest.approx(patients.top)
    assert frames.power == pytest.approx(patients.power)
    assert frames.shift == 4096 * patients.shift


def test_the_same_seed_gives_the_same_intervals(build_curve):
    arms = build_curve(true_curve(), n_seeds=2, n_records=100, crossed=True)
    tops = [saturation(arms, SIZES, "accuracy", seed=s, n_resamples=50).top for s in (0, 0, 1)]
    assert tops[0] == tops[1] != tops[2]


@pytest.mark.parametrize(
    ("sizes", "settings", "error", "message"),
    [
        (SIZES[:5], {}, InputError, "6 finite numbers"),
        ([0, 1, 2, 3, 4, -1], {}, InputError, "at least 0"),
        ([0, 1, 2, 3, 4, np.inf], {}, InputError, "finite"),
        ([0, 1, 1, 2, 2, 2], {}, InputError, "four different ones"),
        (SIZES, {"shift": 0}, InputError, "a size above 0"),
        (SIZES, {"level": 95}, SettingsError, "level"),
        (SIZES, {"metric": "f1"}, SettingsError, "say which"),
    ],
)
def test_impossible_sizes_and_settings_are_refused(build_curve, sizes, settings, error, message):
    arms = build_curve([0.8] * 6, n_seeds=2, n_records=50)
    with pytest.raises(error, match=message):
        saturation(arms, sizes, **({"metric": "accuracy", "seed": 0, "n_resamples": 10} | settings))


def test_arms_without_a_curve_are_refused(build_curve):
    arms = build_curve([0.8] * 6, n_seeds=2, n_records=50)
    with pytest.raises(InputError, match="the same mean score in all"):
        saturation([arms[0]] * 6, SIZES, "accuracy", seed=0)
    with pytest.raises(InputError, match="two or more; got 1"):
        saturation([arm[arm["seed"] == 0] for arm in arms], SIZES, "accuracy", seed=0)
    with pytest.raises(InputError, match="arms 1 and 6: expected the same records"):
        saturation([*arms[:5], arms[5].iloc[1:]], SIZES, "accuracy", seed=0)
