import math

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from ecgrepro.errors import InputError
from ecgrepro.evaluation.comparison import ArmEstimate, PairedDifference
from ecgrepro.evaluation.macro_auc import macro_auc_estimate
from ecgrepro.evaluation.macro_auc_comparison import (
    paired_macro_auc_difference,
    unpaired_macro_auc_difference,
)
from ecgrepro.evaluation.predictions import labels, logits
from ecgrepro.evaluation.seed_tests import paired_t_test, welch_t_test
from tests.evaluation.multi_label_arms import CLASSES, SHARES, build_arm

QUICK = {"seed": 0, "n_resamples": 300}


def limits(result):
    return result.low, result.high, result.records_low, result.records_high


def width(result):
    return result.high - result.low


def macros(table, n_classes):
    kept = slice(0, n_classes)
    return [roc_auc_score(labels(rows)[:, kept], logits(rows)[:, kept]) for _, rows in table.groupby("seed")]


@pytest.mark.parametrize("crossed", [False, True])
def test_the_difference_is_first_minus_second_seed_by_seed(crossed):
    first, second = build_arm((2.0, 1.8), 1, crossed=crossed), build_arm((0.6, 0.8), 2, crossed=crossed)
    result = paired_macro_auc_difference(first, second.sample(frac=1, random_state=0), CLASSES, **QUICK)
    scores = [macros(arm, 3) for arm in (first, second)]
    np.testing.assert_allclose(result.per_seed[["first", "second"]].T, scores)
    np.testing.assert_allclose(result.per_seed["difference"], np.subtract(*scores))
    assert result.estimate == pytest.approx(np.mean(np.subtract(*scores)))
    assert result.t_test.t == pytest.approx(paired_t_test(*scores).t)
    assert isinstance(result, PairedDifference)
    assert 0 < result.low < result.estimate < result.high
    assert result.design == ("crossed" if crossed else "nested")
    everything = result.all_classes
    assert everything.estimate == pytest.approx(
        np.mean(np.subtract(*[macros(arm, 4) for arm in (first, second)]))
    )
    assert type(everything) is PairedDifference
    back = paired_macro_auc_difference(second, first, CLASSES, **QUICK)
    assert limits(back) == pytest.approx([-x for x in np.array(limits(result))[[1, 0, 3, 2]]])


def test_classes_are_compared_one_by_one():
    first, second = build_arm((2.0, 1.8), 1), build_arm((0.6, 0.8), 2)
    found = paired_macro_auc_difference(first, second, CLASSES, **QUICK).classes
    for index, row in found.iterrows():
        areas = [
            np.mean([roc_auc_score(r[f"label_{index}"], r[f"logit_{index}"]) for _, r in arm.groupby("seed")])
            for arm in (first, second)
        ]
        assert [row["first"], row["second"]] == pytest.approx(areas)
        assert row["difference"] == pytest.approx(np.subtract(*areas))
        assert row["low"] < row["difference"] < row["high"]
        assert row["records_low"] < row["difference"] < row["records_high"]
    assert found["reason"].tolist() == ["", "", "", "positives: 6, fewer than 20"]
    assert found.loc[3, "high"] - found.loc[3, "low"] > 1.5 * (found.loc[0, "high"] - found.loc[0, "low"])


def test_an_arm_against_itself_differs_by_nothing():
    table = build_arm((1.0, 2.0))
    result = paired_macro_auc_difference(table, table, CLASSES, **QUICK)
    assert (result.estimate, *limits(result), result.pooled) == (0,) * 6
    assert math.isnan(result.t_test.p)


def test_pairing_narrows_the_interval_when_arms_share_their_hard_records():
    first, second = build_arm((1.0,), 1, shared=3), build_arm((1.2,), 2, shared=3)
    paired = paired_macro_auc_difference(first, second, CLASSES, **QUICK)
    unpaired = unpaired_macro_auc_difference(first, second, CLASSES, **QUICK)
    assert paired.estimate == pytest.approx(unpaired.estimate)
    assert width(paired) < 0.7 * width(unpaired)
    assert unpaired.n_shared_records == 200


def test_one_seed_has_an_interval_but_no_t_test():
    result = paired_macro_auc_difference(build_arm((2.0,), 1), build_arm((0.5,), 2), CLASSES, **QUICK)
    assert result.low < result.estimate < result.high
    assert math.isnan(result.t_test.t)
    assert math.isnan(result.welch.t)


def relabelled(table):
    changed = table["label_1"].to_numpy().copy()
    changed[3] = 1 - changed[3]
    return table.assign(label_1=changed)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda table: table[table["seed"] == 0], r"same seeds; got \[0, 1\] and \[0\]"),
        (lambda table: table.iloc[1:], "1 only in the first and 0 only in the second, such as '0-0-0000'"),
        (relabelled, "same label of each record; got 1 that differ, first '0-0-0003'"),
        (lambda table: table.assign(fold=7), "same fold of each record"),
        (lambda table: table.drop(columns=["label_3", "logit_3"]), "same number of classes; got 4 and 3"),
        (lambda table: table.assign(logit_0=np.nan), "second arm: expected finite logits"),
    ],
)
def test_arms_that_cannot_be_paired_are_refused(change, message):
    first, second = build_arm((1.0, 2.0), 1), build_arm((1.0, 2.0), 2)
    with pytest.raises(InputError, match=message):
        paired_macro_auc_difference(first, change(second), CLASSES, **QUICK)


@pytest.mark.parametrize("compare", [paired_macro_auc_difference, unpaired_macro_auc_difference])
def test_a_class_that_an_arm_learnt_nothing_about_is_shown_and_does_not_count(compare):
    first, second = build_arm((2.0, 1.8), 1), build_arm((0.6, 0.8), 2)
    plain = compare(first, second, CLASSES, **QUICK)
    result = compare(first, second, CLASSES, untrained={0: "no negatives in training"}, **QUICK)
    kept = result.classes.loc[[1, 2]]
    assert result.estimate == pytest.approx(kept["difference"].mean())
    assert result.estimate != pytest.approx(plain.estimate)
    assert result.all_classes.estimate == plain.all_classes.estimate
    assert result.classes["difference"].tolist() == plain.classes["difference"].tolist()
    assert result.classes["reason"].tolist() == [
        "no negatives in training", "", "", "positives: 6, fewer than 20"
    ]  # fmt: skip


@pytest.mark.parametrize("compare", [paired_macro_auc_difference, unpaired_macro_auc_difference])
def test_one_class_per_record_is_refused(compare, build_intervals):
    one, several = build_intervals(), build_arm((1.0,))
    for tables in ((one, one), (several, one), (one, several)):
        with pytest.raises(InputError, match="a multi-label table|same number of classes"):
            compare(*tables, CLASSES, **QUICK)


def test_unpaired_arms_have_seeds_and_records_of_their_own():
    first, second = build_arm((2.0, 1.8, 2.2), 1), build_arm((0.6, 0.8), 2, record_seed=1, n_records=300)
    result = unpaired_macro_auc_difference(first, second, CLASSES, **QUICK)
    scores = [macros(arm, 3) for arm in (first, second)]
    assert result.estimate == pytest.approx(np.mean(scores[0]) - np.mean(scores[1]))
    assert (result.design, result.n_seeds, result.n_records) == ("unpaired", 2, 3 * 200 + 2 * 300)
    assert result.n_shared_records == 0
    assert isinstance(result, ArmEstimate)
    assert 0 < result.low < result.estimate < result.high
    assert result.per_seed["arm"].tolist() == ["first"] * 3 + ["second"] * 2
    np.testing.assert_allclose(result.per_seed["score"], np.concatenate(scores))
    assert result.welch.t == pytest.approx(welch_t_test(*scores).t)
    assert result.first.estimate == pytest.approx(np.mean(scores[0]))
    assert result.all_classes.design == "unpaired"
    np.testing.assert_allclose(
        result.classes["difference"], result.classes["first"] - result.classes["second"]
    )


def test_the_unpaired_interval_is_that_of_two_independent_arms():
    first, second = build_arm((1.0, 1.0), 1), build_arm((1.0, 1.0), 2, record_seed=1)
    settings = {"seed": 0, "n_resamples": 2000}
    difference = unpaired_macro_auc_difference(first, second, CLASSES, **settings)
    alone = [macro_auc_estimate(arm, CLASSES, **settings) for arm in (first, second)]
    assert width(difference) == pytest.approx(math.hypot(*map(width, alone)), rel=0.1)


def test_a_class_counts_in_an_unpaired_difference_if_it_does_in_both_arms():
    first = build_arm((1.0,), 1)
    second = build_arm((1.0,), 2, record_seed=1, shares=(SHARES[0], 0.05, *SHARES[2:]))
    for arms in ((first, second), (second, first)):
        classes = unpaired_macro_auc_difference(*arms, CLASSES, **QUICK).classes
        assert classes["counted"].tolist() == [True, False, True, False]
        assert classes["positives"].tolist() == [100, 10, 150, 6]


def test_the_seed_of_an_unpaired_difference_decides():
    first, second = build_arm((1.0,), 1), build_arm((1.0,), 2, record_seed=1)
    found = [
        limits(unpaired_macro_auc_difference(first, second, CLASSES, seed=seed, n_resamples=50))
        for seed in (1, 1, 2)
    ]
    assert found[0] == found[1] != found[2]
