import time

import numpy as np
import pytest
from scipy import special

from ecgrepro.errors import InputError, SettingsError
from ecgrepro.evaluation import calibration_comparison
from ecgrepro.evaluation.calibration_comparison import (
    calibration_difference,
    calibration_differences,
    calibration_estimate,
)
from ecgrepro.evaluation.calibration_scores import CALIBRATION_SCORES
from ecgrepro.evaluation.seed_tests import paired_t_test


def arm(sharpness, *, n_seeds=3, n=200, crossed=False, multi_class=True, arm_seed=1):
    """Return probabilities, labels and record ids by seed; ``sharpness`` away from 1 is miscalibrated."""
    common, own = np.random.default_rng(0), np.random.default_rng(arm_seed)
    probabilities, labels, records = [], [], []
    for seed in range(n_seeds):
        if seed == 0 or not crossed:
            logits = common.normal(size=(n, 3)) * 2
            chance = special.softmax(logits, axis=1) if multi_class else special.expit(logits)
            if multi_class:
                truth = (chance.cumsum(axis=1) < common.random((n, 1))).sum(axis=1)
            else:
                truth = (common.random(chance.shape) < chance).astype(int)
        seen = sharpness * (logits + 0.3 * own.normal(size=logits.shape))
        probabilities.append(special.softmax(seen, axis=1) if multi_class else special.expit(seen))
        labels.append(truth)
        records.append([f"R{(0 if crossed else seed) * n + index:05d}" for index in range(n)])
    return probabilities, labels, records


def limits(result):
    return result.low, result.high, result.records_low, result.records_high


def width(result):
    return result.records_high - result.records_low


@pytest.mark.parametrize("crossed", [False, True])
@pytest.mark.parametrize("multi_class", [False, True])
@pytest.mark.parametrize("name", ["brier", "log_loss", "classwise_debiased"])
def test_the_difference_is_first_minus_second_seed_by_seed(name, multi_class, crossed):
    kind = {"crossed": crossed, "multi_class": multi_class}
    first, labels, records = arm(1, **kind)
    second, _, _ = arm(3, arm_seed=2, **kind)
    result = calibration_difference(first, second, labels, records, name, seed=0, n_resamples=300, n_bins=10)
    settings = {"n_bins": 10} if name == "classwise_debiased" else {}
    score = CALIBRATION_SCORES[name]
    scores = [[score(p, y, **settings) for p, y in zip(one, labels, strict=True)] for one in (first, second)]
    np.testing.assert_allclose(result.per_seed[["first", "second"]].T, scores)
    np.testing.assert_allclose(result.per_seed["difference"], np.subtract(*scores))
    assert result.t_test.t == pytest.approx(paired_t_test(*scores).t)
    assert result.low < result.estimate < result.high < 0
    pooled = [score(np.concatenate(one), np.concatenate(labels), **settings) for one in (first, second)]
    assert result.pooled == pytest.approx(np.subtract(*pooled))
    assert (result.design, result.n_records) == (("crossed", 200) if crossed else ("nested", 600))
    assert (result.metric, result.n_seeds) == (name, 3)


@pytest.mark.parametrize("crossed", [False, True])
def test_several_scores_at_once_are_those_one_by_one(crossed):
    first, labels, records = arm(1, crossed=crossed)
    second, _, _ = arm(3, arm_seed=2, crossed=crossed)
    settings = {"seed": 0, "n_resamples": 150, "n_bins": 10}
    own = {"brier": {}, "classwise_debiased": {"classes": [0, 2]}, "top_label_debiased": {"n_bins": 5}}
    together = calibration_differences(first, second, labels, records, own, **settings)
    assert list(together) == list(own)
    for score, chosen in own.items():
        alone = calibration_difference(first, second, labels, records, score, **settings | chosen)
        assert limits(together[score]) == limits(alone)
        assert together[score].estimate == alone.estimate
    with pytest.raises(TypeError, match="unexpected settings: bins"):
        calibration_differences(first, second, labels, records, own, seed=0, bins=10)


@pytest.mark.parametrize("crossed", [False, True])
def test_swapping_the_arms_turns_the_interval_round(crossed):
    first, labels, records = arm(1, crossed=crossed)
    second, _, _ = arm(2, arm_seed=2, crossed=crossed)
    settings = {"seed": 0, "n_resamples": 200, "n_bins": 10}
    there = calibration_difference(first, second, labels, records, "classwise_error", **settings)
    back = calibration_difference(second, first, labels, records, "classwise_error", **settings)
    assert limits(back) == pytest.approx([-x for x in np.array(limits(there))[[1, 0, 3, 2]]])


def test_replicates_of_a_mean_are_those_of_a_plain_loop():
    probabilities, labels, records = arm(2, n_seeds=1)
    result = calibration_estimate(
        probabilities, labels, records, "brier", seed=0, level=0.68, n_resamples=4000
    )
    losses = np.square(probabilities[0] - np.eye(3)[labels[0]]).sum(axis=1)
    drawn = np.random.default_rng(5).integers(200, size=(4000, 200))
    expected = np.quantile(losses[drawn].mean(axis=1), [0.16, 0.84])
    assert limits(result) == pytest.approx((*expected, *expected), abs=np.ptp(expected) / 15)


def test_replicates_of_an_error_are_those_of_a_plain_loop_with_fixed_bins_shifted():
    rng = np.random.default_rng(0)
    values = rng.choice([0.2, 0.5, 0.8], size=300)  # one bin for each, whatever is drawn
    outcomes = (rng.random(300) < values).astype(int)
    result = calibration_estimate(
        [values[:, None]], [outcomes[:, None]], [[f"R{i}" for i in range(300)]], "classwise_error",
        seed=0, level=0.68, n_resamples=4000, n_bins=3,
    )  # fmt: skip
    found = []
    for _ in range(3000):
        drawn = rng.integers(300, size=300)
        gaps = [(outcomes[drawn] - values[drawn])[values[drawn] == value].sum() for value in (0.2, 0.5, 0.8)]
        found.append(np.abs(gaps).sum() / 300)
    expected = np.quantile(found, [0.16, 0.84]) - np.mean(found) + result.estimate
    assert limits(result)[2:] == pytest.approx(expected, abs=np.ptp(expected) / 12)


def test_intervals_of_an_error_lie_about_the_estimate_although_resamples_are_biased():
    probabilities, labels, records = arm(1, crossed=True, n_seeds=2)
    result = calibration_estimate(
        probabilities, labels, records, "classwise_debiased", seed=0, n_resamples=500
    )
    assert result.records_low < result.estimate < result.records_high


def test_an_arm_against_itself_differs_by_nothing():
    probabilities, labels, records = arm(1)
    result = calibration_difference(probabilities, probabilities, labels, records, "log_loss", seed=0)
    assert limits(result) == (0, 0, 0, 0)


def test_coverage_of_the_records_interval_for_a_brier_difference():
    settings = {"n_seeds": 1, "n": 120}
    covered = 0
    rng = np.random.default_rng(0)
    for trial in range(60):
        # both arms err by chance alone: the expected difference is 0
        labels = rng.integers(2, size=(120, 1))
        arms = [[rng.random((120, 1))] for _ in range(2)]
        ids = [[f"R{index}" for index in range(settings["n"])]]
        result = calibration_difference(*arms, [labels], ids, "brier", seed=trial, n_resamples=200, level=0.9)
        covered += result.records_low < 0 < result.records_high
    assert 47 <= covered <= 60


def test_seeds_with_the_records_in_another_order_are_matched_by_name():
    probabilities, labels, records = arm(1, crossed=True)
    order = np.random.default_rng(0).permutation(200)
    mixed = [[part[0], np.asarray(part[1])[order], part[2]] for part in (probabilities, labels, records)]
    settings = {"seed": 0, "n_resamples": 100}
    expected = calibration_estimate(probabilities, labels, records, "brier", **settings)
    assert limits(calibration_estimate(*mixed, "brier", **settings)) == pytest.approx(limits(expected))


@pytest.mark.parametrize("crossed", [False, True])
def test_copies_drawn_together_do_not_make_the_interval_narrower(crossed):
    probabilities, labels, records = arm(1, crossed=crossed, n_seeds=2)
    settings = {"seed": 0, "n_resamples": 1000}
    plain = calibration_estimate(probabilities, labels, records, "brier", **settings)
    copies = [[f"{name}copy" for name in ids] for ids in records]
    twice = [np.concatenate([p, p]) for p in probabilities], [np.concatenate([y, y]) for y in labels]
    names = [[*ids, *others] for ids, others in zip(records, copies, strict=True)]
    clusters = {f"{name}copy": name for ids in records for name in ids}
    honest = calibration_estimate(*twice, names, "brier", clusters=clusters, **settings)
    assert width(honest) == pytest.approx(width(plain), rel=0.1)
    assert width(calibration_estimate(*twice, names, "brier", **settings)) < 0.8 * width(honest)


def test_drawing_seeds_widens_the_interval_where_seeds_differ():
    parts = [arm(sharpness, n_seeds=1, crossed=True) for sharpness in (1, 1, 6, 6)]
    probabilities, labels, records = ([part[place][0] for part in parts] for place in range(3))
    result = calibration_estimate(probabilities, labels, records, "brier", seed=0, n_resamples=500)
    assert result.high - result.low > 1.2 * width(result)


def test_the_seed_decides_and_chunks_do_not(monkeypatch):
    data = arm(1, n_seeds=2)
    found = [limits(calibration_estimate(*data, "brier", seed=seed, n_resamples=70)) for seed in (1, 1, 2)]
    assert found[0] == found[1] != found[2]
    monkeypatch.setattr(calibration_comparison, "_CHUNK", 7)
    assert limits(calibration_estimate(*data, "brier", seed=1, n_resamples=70)) == pytest.approx(found[0])


def test_the_trainings_names_are_shown():
    data = arm(1, n_seeds=2)
    result = calibration_estimate(*data, "brier", seed=0, n_resamples=20, seeds=[7, 3])
    assert result.per_seed["seed"].tolist() == [7, 3]


def test_a_thousand_resamples_of_a_whole_study_take_two_seconds():
    first, labels, records = arm(1, n_seeds=5, n=1700, crossed=True, multi_class=False)
    second, _, _ = arm(2, n_seeds=5, n=1700, crossed=True, multi_class=False, arm_seed=2)
    begin = time.process_time()
    calibration_difference(first, second, labels, records, "classwise_error", seed=0, n_resamples=1000)
    assert time.process_time() - begin < 2


def test_what_cannot_be_paired_is_refused():
    probabilities, labels, records = arm(1, crossed=True)

    def estimate(p=probabilities, y=labels, r=records, name="brier", **settings):
        return calibration_estimate(p, y, r, name, **({"seed": 0} | settings))

    with pytest.raises(InputError, match="same number of seeds"):
        estimate(p=probabilities[:2])
    with pytest.raises(InputError, match="same number of seeds"):
        calibration_difference(probabilities, probabilities[:1], labels, records, "brier", seed=0)
    with pytest.raises(InputError, match=r"199 labels, 200 record ids in seed 1"):
        estimate(y=[labels[0], labels[1][1:], labels[2]])
    with pytest.raises(InputError, match="same classes in each seed"):
        estimate(p=[*probabilities[:2], np.full((200, 2), 0.5)])
    with pytest.raises(InputError, match="1 repetitions, first 'R00000'"):
        estimate(r=[["R00000", "R00000", *records[0][2:]], *records[1:]])
    with pytest.raises(InputError, match="tested by 1 to 3 of 3 seeds"):
        estimate(r=[["other", *records[0][1:]], *records[1:]])
    with pytest.raises(InputError, match="one label per record"):
        estimate(y=[(labels[0] + 1) % 3, *labels[1:]])
    with pytest.raises(InputError, match="distinct ones"):
        estimate(seeds=[1, 1, 2])
    with pytest.raises(SettingsError, match="log_loss"):
        estimate(name="nll")
    with pytest.raises(SettingsError, match="level"):
        estimate(level=95)
