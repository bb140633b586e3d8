import dataclasses
import math

import numpy as np
import pytest
import sklearn.metrics

from ecgrepro.errors import InputError, SettingsError
from ecgrepro.evaluation.comparison import arm_estimate, equivalence, paired_difference
from ecgrepro.evaluation.predictions import combine_predictions, predicted_classes
from ecgrepro.evaluation.seed_tests import paired_t_test


def width(result):
    return result.high - result.low


def same(first, second):
    """Compare two estimates field by field, the table of seeds included."""
    fields = [field.name for field in dataclasses.fields(first) if field.name != "per_seed"]
    equal = [getattr(first, name) == getattr(second, name) for name in fields]
    return all(equal) and first.per_seed.equals(second.per_seed)


def score(table):
    return sklearn.metrics.f1_score(table["label"], predicted_classes(table), average="macro")


def test_an_arms_estimate_is_the_mean_over_seeds(build_arm):
    table = build_arm([0.9, 0.8, 0.7])
    result = arm_estimate(table, "macro_f1", seed=0, n_resamples=200)
    per_seed = [score(rows) for _, rows in table.groupby("seed")]
    np.testing.assert_allclose(result.per_seed["score"], per_seed)
    assert result.estimate == pytest.approx(np.mean(per_seed))
    assert result.pooled == pytest.approx(score(table))
    assert result.low < result.estimate < result.high
    assert (result.n_seeds, result.n_records, result.design) == (3, 600, "nested")
    assert result.per_seed["n_records"].tolist() == [200, 200, 200]


@pytest.mark.parametrize("crossed", [False, True])
def test_the_difference_is_first_minus_second_seed_by_seed(build_arm, crossed):
    first, second = (
        build_arm(a, arm_seed=i, crossed=crossed) for i, a in enumerate([[0.9, 0.85], [0.7, 0.75]])
    )
    result = paired_difference(first, second, "macro_f1", seed=0, n_resamples=200)
    scores = [[score(rows) for _, rows in arm.groupby("seed")] for arm in (first, second)]
    np.testing.assert_allclose(result.per_seed[["first", "second"]].T, scores)
    np.testing.assert_allclose(result.per_seed["difference"], np.subtract(*scores))
    assert list(result.per_seed.columns) == ["seed", "n_records", "first", "second", "difference"]
    assert result.estimate == pytest.approx(np.mean(np.subtract(*scores)))
    assert result.pooled == pytest.approx(score(first) - score(second))
    assert result.design == ("crossed" if crossed else "nested")
    assert result.t_test == paired_t_test(*scores)


def test_swapping_the_arms_turns_the_sign(build_arm):
    first, second = build_arm([0.9, 0.8], arm_seed=1), build_arm([0.7, 0.8], arm_seed=2)
    forth = paired_difference(first, second, "accuracy", seed=0, n_resamples=4000)
    back = paired_difference(second, first, "accuracy", seed=0, n_resamples=4000)
    assert forth.estimate == -back.estimate
    assert (forth.low, forth.high) == pytest.approx((-back.high, -back.low), abs=0.01)


@pytest.mark.parametrize("crossed", [False, True])
def test_row_order_does_not_matter(build_arm, crossed):
    first, second = (build_arm([0.9, 0.8], arm_seed=i, crossed=crossed) for i in (1, 2))
    shuffled = first.sample(frac=1, random_state=0)
    settings = {"seed": 0, "n_resamples": 100}
    result = paired_difference(first, second, "macro_f1", **settings)
    assert same(result, paired_difference(shuffled, second, "macro_f1", **settings))


def test_pairing_narrows_the_interval_when_arms_correlate(build_arm):
    first, second = build_arm([0.8] * 5, arm_seed=1), build_arm([0.75] * 5, arm_seed=2)
    paired = paired_difference(first, second, "accuracy", seed=0)
    alone = [arm_estimate(arm, "accuracy", seed=0) for arm in (first, second)]
    assert width(paired) < 0.6 * math.hypot(*map(width, alone))


def test_pairing_gains_nothing_when_arms_are_independent(build_arm):
    first = build_arm([0.8] * 5, arm_seed=1, shared=0.0, n_records=400)
    second = build_arm([0.8] * 5, arm_seed=2, shared=0.0, n_records=400)
    paired = paired_difference(first, second, "accuracy", seed=0)
    alone = [arm_estimate(arm, "accuracy", seed=0) for arm in (first, second)]
    records = math.hypot(*(arm.records_high - arm.records_low for arm in alone))
    assert paired.records_high - paired.records_low == pytest.approx(records, rel=0.15)


@pytest.mark.parametrize("crossed", [False, True])
def test_two_levels_are_wider_than_records_alone_when_seeds_vary(build_arm, crossed):
    table = build_arm([0.95, 0.6, 0.9, 0.65, 0.8], crossed=crossed)
    result = arm_estimate(table, "accuracy", seed=0)
    assert width(result) > 1.5 * (result.records_high - result.records_low)


def test_the_nested_interval_covers_when_only_records_vary(build_arm):
    covered = []
    for trial in range(60):
        table = build_arm([0.8] * 5, difficulty_seed=trial, arm_seed=trial + 1000, n_records=100)
        result = arm_estimate(table, "accuracy", seed=trial, n_resamples=200)
        covered.append(result.low <= 0.8 <= result.high)
    assert np.mean(covered) >= 0.95


def test_an_arm_against_itself_differs_by_nothing(build_arm):
    table = build_arm([0.8, 0.7])
    result = paired_difference(table, table, "challenge_f1", seed=0, n_resamples=50)
    assert (result.estimate, result.low, result.high, result.pooled) == (0, 0, 0, 0)
    assert math.isnan(result.t_test.p)


def test_one_seed_has_an_interval_but_no_t_test(build_arm):
    first, second = build_arm([0.9], arm_seed=1), build_arm([0.7], arm_seed=2)
    result = paired_difference(first, second, "macro_f1", seed=0, n_resamples=200)
    assert result.low < result.estimate < result.high
    assert math.isnan(result.t_test.t)
    assert math.isnan(result.welch.t)


def test_only_the_asked_part_is_scored(build_arm):
    test, validation = build_arm([0.9, 0.9], arm_seed=1), build_arm([0.5, 0.5], arm_seed=2)
    table = combine_predictions([test, validation.assign(part="validation")])
    scores = [
        arm_estimate(table, "accuracy", part=p, seed=0, n_resamples=20).estimate
        for p in ("test", "validation")
    ]
    assert scores[0] > 0.8
    assert scores[1] < 0.6
    with pytest.raises(InputError, match="rows of part 'validation'"):
        arm_estimate(test, "accuracy", part="validation", seed=0)


def test_duplicates_named_as_clusters_are_drawn_together(build_arm):
    first, second = build_arm([0.9], arm_seed=1), build_arm([0.6], arm_seed=2)
    copies = {f"R{index:05d}": f"R{index // 4:05d}" for index in range(200)}
    result = paired_difference(first, second, "accuracy", seed=0, clusters=copies)
    assert width(result) != width(paired_difference(first, second, "accuracy", seed=0))


def relabelled(table):
    labels = table["label"].to_numpy().copy()
    labels[3] = (labels[3] + 1) % 4
    return table.assign(label=labels)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda table: table[table["seed"] == 0], r"same seeds; got \[0, 1\] and \[0\]"),
        (lambda table: table.iloc[1:], "1 only in the first and 0 only in the second, such as 'R00000'"),
        (relabelled, "same label of each record; got 1 that differ, first 'R00003'"),
        (lambda table: table.assign(fold=table["fold"] + 1), "same fold of each record; got 400 that differ"),
        (lambda table: table.assign(logit_4=0.0), "same number of classes; got 4 and 5"),
        (lambda table: table.assign(logit_0=np.nan), "second arm: expected finite logits"),
    ],
)
def test_arms_that_cannot_be_paired_are_refused(build_arm, change, message):
    first, second = build_arm([0.9, 0.8], arm_seed=1), build_arm([0.7, 0.8], arm_seed=2)
    with pytest.raises(InputError, match=message):
        paired_difference(first, change(second), "accuracy", seed=0)


def test_what_has_several_labels_per_record_is_refused(build_arm):
    table = build_arm([0.9])
    several = table.drop(columns="label").assign(
        **{f"label_{k}": np.int8(table["label"] == k) for k in range(4)}
    )
    for compare in (arm_estimate, lambda *given, **how: paired_difference(several, *given, **how)):
        with pytest.raises(InputError, match="one class per record"):
            compare(several, "accuracy", seed=0)
    with pytest.raises(InputError, match="got one of each"):
        paired_difference(table, several, "accuracy", seed=0)


def test_unknown_metrics_and_levels_are_refused(build_arm):
    table = build_arm([0.9])
    with pytest.raises(SettingsError, match="say which"):
        paired_difference(table, table, "f1", seed=0)
    with pytest.raises(SettingsError, match="level"):
        arm_estimate(table, "accuracy", seed=0, level=95)


def test_equivalence_holds_within_a_wide_margin_and_not_within_a_narrow_one(build_arm):
    first, second = build_arm([0.8] * 5, arm_seed=1), build_arm([0.8] * 5, arm_seed=2, shared=0.97)
    wide = equivalence(first, second, "accuracy", 0.1, seed=0)
    narrow = equivalence(first, second, "accuracy", 0.001, seed=0)
    assert wide.within_margin
    assert wide.test.p < 0.05
    assert not narrow.within_margin
    assert narrow.test.p > 0.05
    assert wide.difference.level == 0.9
    assert narrow.margin < wide.difference.smallest_margin < wide.margin


def test_arms_far_apart_are_not_equivalent(build_arm):
    first, second = build_arm([0.9, 0.92, 0.94], arm_seed=1), build_arm([0.6, 0.62, 0.61], arm_seed=2)
    result = equivalence(first, second, "accuracy", 0.02, seed=0)
    assert not result.within_margin
    assert result.test.p > 0.9


def test_equivalence_needs_a_margin_above_zero(build_arm):
    table = build_arm([0.9])
    with pytest.raises(SettingsError, match="above 0"):
        equivalence(table, table, "accuracy", 0, seed=0)


def test_results_do_not_depend_on_the_global_random_state(build_arm):
    table = build_arm([0.9, 0.8])
    results = []
    for state in (0, 1):
        np.random.seed(state)  # noqa: NPY002 - the state that must not matter
        results.append(arm_estimate(table, "macro_f1", seed=5, n_resamples=50))
    assert same(*results)
