import itertools
import math

import numpy as np
import pytest
from scipy import stats

from ecgrepro.errors import InputError, SettingsError
from ecgrepro.evaluation.comparison import paired_difference
from ecgrepro.evaluation.quality import recordings
from ecgrepro.evaluation.trend import trend, trend_of_values

VALUES = np.array([[0.70, 0.74, 0.73], [0.71, 0.72, 0.78], [0.69, 0.75, 0.76]])


def of_values(values, x=None, **settings):
    return trend_of_values(values, x, metric="score", **({"seed": 0} | settings))


def noisy_line(rng, change=0.05, n_seeds=5, n_arms=4, noise=0.02):
    seeds = rng.normal(0.7, 0.05, size=(n_seeds, 1))
    return seeds + np.linspace(0, change, n_arms) + rng.normal(0, noise, size=(n_seeds, n_arms))


def test_the_estimate_is_the_mean_slope_times_the_range():
    x = [0.0, 1.0, 3.0]
    result = of_values(VALUES, x)
    slopes = [np.polyfit(x, row, 1)[0] for row in VALUES]
    assert result.slope == pytest.approx(np.mean(slopes))
    assert result.estimate == pytest.approx(3 * np.mean(slopes))
    np.testing.assert_allclose(result.per_seed["change"], 3 * np.array(slopes))
    assert list(result.per_seed.columns) == ["seed", "arm_1", "arm_2", "arm_3", "change"]
    expected = stats.ttest_1samp(3 * np.array(slopes), 0)
    assert (result.t_test.t, result.t_test.p) == pytest.approx((expected.statistic, expected.pvalue))


def test_p_equals_scipys_permutation_within_blocks():
    x = np.array([0.0, 1.0, 3.0])
    result = of_values(VALUES, x)
    expected = stats.permutation_test(
        tuple(VALUES.T),
        lambda *arms, axis: np.tensordot(x - x.mean(), np.stack(arms), 1).mean(axis=axis),
        permutation_type="samples",
        vectorized=True,
        n_resamples=np.inf,
    )
    assert result.exact
    assert result.n_permutations == 6**3
    assert result.p == pytest.approx(expected.pvalue)


def test_no_level_is_exceeded_over_all_orders_of_the_same_scores():
    rows = [list(itertools.permutations(row)) for row in VALUES]
    p = np.array([of_values(np.array(order)).p for order in itertools.product(*rows)])
    assert len(p) == 216
    for alpha in (0.02, 0.05, 0.1, 0.3):
        assert np.mean(p <= alpha + 1e-12) <= alpha


@pytest.mark.parametrize("x", [[0.0, 1.0, 3.0], [0.0, 3.0, 3.0]])
@pytest.mark.parametrize("n_permutations", [20_000, 150])
def test_the_interval_holds_what_the_test_does_not_reject(x, n_permutations):
    settings = {"level": 0.9, "n_permutations": n_permutations}
    result = of_values(VALUES, x, **settings)
    assert result.exact is (n_permutations > 216)
    line = np.array(x) / 3
    for limit, inwards in ((result.low, 1e-6), (result.high, -1e-6)):
        inside, outside = (
            of_values(VALUES - (limit + d) * line, x, **settings).p for d in (inwards, -inwards)
        )
        assert inside > 0.1 >= outside


def test_the_interval_leaves_out_zero_exactly_where_p_says_so():
    rng = np.random.default_rng(0)
    results = [of_values(noisy_line(rng, change=0.02), n_permutations=200) for _ in range(60)]
    excluded = [result.low > 0 or result.high < 0 for result in results]
    assert excluded == [result.p <= 0.05 for result in results]
    assert 0 < sum(excluded) < 60


def test_a_95_percent_interval_covers_about_95_percent():
    rng = np.random.default_rng(1)
    results = [of_values(noisy_line(rng), n_permutations=400, seed=trial) for trial in range(400)]
    covered = np.mean([result.low <= 0.05 <= result.high for result in results])
    assert 0.92 <= covered <= 0.98


def test_luck_that_an_arm_has_in_all_seeds_needs_the_arms_reordered_as_a_whole():
    rng = np.random.default_rng(2)
    rejected = {"within seeds": 0, "whole arms": 0}
    for _ in range(150):
        luck = rng.normal(0, 0.02, size=(1, 5))
        values = luck + rng.normal(0, 0.01, size=(6, 5))
        for permute in rejected:
            rejected[permute] += of_values(values, permute=permute, n_permutations=400).p <= 0.05
    assert rejected["whole arms"] / 150 < 0.1
    assert rejected["within seeds"] / 150 > 0.2


def test_slopes_that_differ_from_seed_to_seed_need_the_t_interval():
    rng = np.random.default_rng(3)
    covered = {"t": 0, "permutation": 0}
    for _ in range(150):
        slopes = rng.normal(0, 0.03, size=(5, 1)) * np.linspace(0, 1, 4)
        result = of_values(noisy_line(rng, noise=0.005) + slopes, n_permutations=400)
        covered["permutation"] += result.low <= 0.05 <= result.high
        covered["t"] += result.t_test.low <= 0.05 <= result.t_test.high
    assert covered["t"] / 150 > 0.9 > covered["permutation"] / 150


def test_arms_reordered_as_a_whole_have_as_many_orders_whatever_the_seeds():
    values = np.arange(5) + np.zeros((7, 1))
    result = of_values(values, permute="whole arms")
    assert (result.n_permutations, result.exact, result.permute) == (120, True, "whole arms")
    assert result.p == pytest.approx(2 / 120)
    assert (result.low, result.high) == pytest.approx((4, 4))


def test_too_few_orders_exclude_nothing():
    result = of_values(VALUES[:2, :2])
    assert result.n_permutations == 4
    assert (result.low, result.high) == (-math.inf, math.inf)
    assert result.p >= 0.5
    assert math.isfinite(of_values(VALUES[:2, :2], level=0.4).low)


def test_scores_of_opposite_sign_give_the_mirrored_result():
    forth, back = (of_values(sign * VALUES, n_permutations=100) for sign in (1, -1))
    mirrored = (-back.high, -back.low, -back.estimate, back.p)
    assert (forth.low, forth.high, forth.estimate, forth.p) == pytest.approx(mirrored)


def test_several_samples_of_one_size_share_their_x():
    values = noisy_line(np.random.default_rng(3), n_arms=5)
    x = [0, 1, 1, 1, 2]
    result = of_values(values, x)
    assert result.slope == pytest.approx(np.polyfit(x, values.mean(axis=0), 1)[0])
    swapped = of_values(values[:, [0, 3, 1, 2, 4]], x)
    assert swapped.estimate == pytest.approx(result.estimate)
    assert (swapped.low, swapped.high) == pytest.approx((result.low, result.high), abs=0.004)


@pytest.mark.parametrize("crossed", [False, True])
def test_scores_of_two_arms_give_the_paired_difference(build_arm, crossed):
    first, second = (build_arm([a, a, a], arm_seed=i, crossed=crossed) for i, a in ((1, 0.7), (2, 0.8)))
    result = trend([first, second], "macro_f1", seed=0, level=0.5)
    paired = paired_difference(second, first, "macro_f1", seed=0, level=0.5)
    assert result.estimate == pytest.approx(paired.estimate)
    assert result.t_test.p == pytest.approx(paired.t_test.p)
    bootstrap = (result.bootstrap_low, result.bootstrap_high, result.records_low, result.records_high)
    expected = (paired.low, paired.high, paired.records_low, paired.records_high)
    assert bootstrap == pytest.approx(expected, abs=0.005)
    assert (result.n_seeds, result.n_records, result.design) == (3, paired.n_records, paired.design)
    assert result.metric == "macro_f1"


def test_a_rise_over_arms_is_found(build_arm):
    arms = [build_arm([a] * 4, arm_seed=i) for i, a in enumerate([0.6, 0.7, 0.8, 0.9])]
    result = trend(arms, "accuracy", np.log10([1, 10, 100, 1000]), seed=0)
    assert 0 < result.low < result.estimate < result.high
    assert result.low < 0.3 < result.high
    assert 0 < result.bootstrap_low < result.records_low < result.estimate
    assert result.slope == pytest.approx(result.estimate / 3)
    assert result.smallest_margin == pytest.approx((result.high - result.low) / 2)


@pytest.mark.parametrize("permute", ["within seeds", "whole arms"])
@pytest.mark.parametrize("metric", ["balanced_accuracy", "specificity", "matthews_correlation"])
def test_eight_arms_of_ten_seeds_that_share_their_intervals(build_intervals, metric, permute):
    arms = [build_intervals(10, 24, 2, arm_seed=i, noise=2 - 0.25 * i) for i in range(8)]
    settings = {"n_permutations": 500, "n_resamples": 100, "seed": 0, "permute": permute}
    result = trend(arms, metric, clusters=recordings(arms[0]["record_id"]), **settings)
    assert (result.design, result.n_seeds, result.n_records) == ("crossed", 10, 48)
    assert 0 < result.low < result.estimate < result.high
    back = trend(arms[::-1], metric, clusters=recordings(arms[0]["record_id"]), **settings)
    assert back.estimate == pytest.approx(-result.estimate)
    assert back.high < 0


def test_row_order_does_not_matter_and_the_seed_decides(build_arm):
    arms = [build_arm([0.8, 0.7, 0.75], arm_seed=i, shared=0.5) for i in range(3)]
    settings = {"n_permutations": 50, "n_resamples": 50}
    results = [
        trend(tables, "accuracy", seed=seed, **settings)
        for tables, seed in ((arms, 1), ([arm.sample(frac=1, random_state=0) for arm in arms], 1), (arms, 2))
    ]
    limits = [(r.low, r.high, r.p, r.bootstrap_low, r.records_high) for r in results]
    assert limits[0] == limits[1] != limits[2]


@pytest.mark.parametrize(
    ("values", "x", "message"),
    [
        (VALUES[:1], None, "two or more; got 1"),
        (VALUES[:, :1], None, "two or more arms"),
        (np.full((3, 3), 0.7), None, "the same score in all arms"),
        (np.array([[0.7], [0.8]]) * np.ones(3), None, "the same score in all arms"),
        (VALUES * [1, np.nan, 1], None, "finite numbers"),
        (VALUES, [2, 1, 0], "rise from arm to arm"),
        (VALUES, [1, 1, 1], "rise from arm to arm"),
        (VALUES, [-np.inf, 0, 1], "a size of 0 has no logarithm"),
        (VALUES, [0, 1], "3 finite values"),
    ],
)
def test_values_without_a_trend_to_test_are_refused(values, x, message):
    with pytest.raises(InputError, match=message):
        of_values(values, x)


def test_arms_that_do_not_match_are_refused(build_arm):
    arms = [build_arm([0.8, 0.7], arm_seed=i) for i in range(3)]
    with pytest.raises(InputError, match="arms 1 and 2: expected the same records"):
        trend([arms[0], arms[1].iloc[1:], arms[2]], "accuracy", seed=0)
    with pytest.raises(InputError, match="two or more; got 1"):
        trend([arm[arm["seed"] == 0] for arm in arms], "accuracy", seed=0)
    with pytest.raises(InputError, match="the same score in all arms"):
        trend([arms[0]] * 3, "accuracy", seed=0)


@pytest.mark.parametrize("settings", [{"permute": "all"}, {"level": 95}, {"n_permutations": 1}])
def test_impossible_settings_are_refused(settings):
    with pytest.raises(SettingsError):
        of_values(VALUES, **settings)
