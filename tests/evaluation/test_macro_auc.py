import math

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from ecgrepro.errors import InputError, SettingsError
from ecgrepro.evaluation.comparison import ArmEstimate
from ecgrepro.evaluation.macro_auc import class_rule, class_table, macro_auc_estimate
from ecgrepro.evaluation.predictions import combine_predictions, labels, logits
from tests.evaluation.multi_label_arms import CLASSES, build_arm

QUICK = {"seed": 0, "n_resamples": 200}


def limits(result):
    return result.low, result.high, result.records_low, result.records_high


def width(result):
    return result.high - result.low


def without(table, index):
    """Return a table without positives of a class."""
    return table.assign(**{f"label_{index}": np.int8(0)})


def test_a_class_counts_with_twenty_on_either_side():
    rule = class_rule("abcdef", np.array([20, 19, 0, 100, 100, 1]), np.array([100, 101, 120, 20, 19, 0]))
    assert rule.counted.tolist() == [True, False, False, True, False, False]
    assert rule.computable.tolist() == [True, True, False, True, True, False]
    assert rule.reasons == [
        "", "positives: 19, fewer than 20", "no positives", "", "negatives: 19, fewer than 20", "no negatives",
    ]  # fmt: skip


def test_a_class_that_nothing_was_learnt_about_does_not_count_and_says_why():
    told = {0: "no positives in training", 2: "no negatives in training", 3: "no positives in training"}
    rule = class_rule("abcd", np.array([50, 50, 5, 0]), np.array([50, 50, 95, 100]), untrained=told)
    assert rule.counted.tolist() == [False, True, False, False]
    assert rule.computable.tolist() == [True, True, True, False]
    assert rule.trained.tolist() == [False, True, False, False]
    assert rule.reasons == ["no positives in training", "", "no negatives in training", "no positives"]


def test_a_class_that_nothing_was_learnt_about_keeps_its_auc_and_its_part_in_the_macro_of_all():
    table = build_arm((1.0, 0.5))
    plain = macro_auc_estimate(table, CLASSES, **QUICK)
    result = macro_auc_estimate(table, CLASSES, untrained={1: "no positives in training"}, **QUICK)
    seeds = [(labels(rows)[:, [0, 2]], logits(rows)[:, [0, 2]]) for _, rows in table.groupby("seed")]
    assert result.estimate == pytest.approx(np.mean([roc_auc_score(*seed) for seed in seeds]))
    assert result.all_classes.estimate == plain.all_classes.estimate
    told = ["counted", "reason"]
    assert result.classes.loc[1, told].tolist() == [False, "no positives in training"]
    pd.testing.assert_frame_equal(result.classes.drop(columns=told), plain.classes.drop(columns=told))
    shown = class_table(table, CLASSES, untrained={1: "no positives in training"}, **QUICK)
    pd.testing.assert_frame_equal(shown, result.classes)


def test_where_nothing_was_learnt_about_the_classes_with_enough_there_is_no_macro():
    told = dict.fromkeys(range(3), "no positives in training")
    with pytest.raises(InputError, match="in every test set; got 6 at most of those learnt in training"):
        macro_auc_estimate(build_arm((1.0,)), CLASSES, untrained=told, **QUICK)


@pytest.mark.parametrize("index", [4, -1, "MI"])
def test_an_untrained_class_that_is_not_there_is_refused(index):
    with pytest.raises(InputError, match=r"untrained: expected indices from 0 to 3; got .*" + str(index)):
        macro_auc_estimate(build_arm((1.0,)), CLASSES, untrained={index: "no positives"}, **QUICK)


@pytest.mark.parametrize("crossed", [False, True])
def test_the_estimate_is_the_mean_over_seeds_of_the_macro_over_the_classes_that_count(crossed):
    table = build_arm((1.0, 0.5, 2.0), crossed=crossed)
    result = macro_auc_estimate(table, CLASSES, **QUICK)
    seeds = [(labels(rows), logits(rows)) for _, rows in table.groupby("seed")]
    per_seed = [roc_auc_score(y[:, :3], scores[:, :3]) for y, scores in seeds]
    np.testing.assert_allclose(result.per_seed["score"], per_seed)
    assert result.estimate == pytest.approx(np.mean(per_seed))
    assert result.pooled == pytest.approx(roc_auc_score(labels(table)[:, :3], logits(table)[:, :3]))
    assert result.low < result.estimate < result.high
    assert result.records_low < result.estimate < result.records_high
    assert isinstance(result, ArmEstimate)
    assert (result.metric, result.n_seeds, result.level, result.n_resamples) == ("macro_auc", 3, 0.95, 200)
    assert result.per_seed["n_records"].tolist() == [200] * 3
    assert (result.n_records, result.design) == ((200, "crossed") if crossed else (600, "nested"))


def test_the_macro_over_all_classes_stands_beside_it():
    table = build_arm((1.0, 0.5))
    result = macro_auc_estimate(without(table, 1), CLASSES, **QUICK)
    kept = [0, 2, 3]
    expected = np.mean(
        [roc_auc_score(labels(rows)[:, kept], logits(rows)[:, kept]) for _, rows in table.groupby("seed")]
    )
    assert result.all_classes.estimate == pytest.approx(expected)
    assert result.all_classes.metric == "macro_auc_of_all_classes"
    assert type(result.all_classes) is ArmEstimate
    # a class of six positives moves its macro more than others do
    assert width(result.all_classes) > 1.2 * width(result)


def test_replicates_are_those_of_a_plain_loop():
    table = build_arm((1.0,), n_records=100, shares=(0.5, 0.3))
    result = macro_auc_estimate(table, "ab", level=0.68, n_resamples=4000, seed=0)
    rng, y, scores = np.random.default_rng(5), labels(table), logits(table)
    draws = rng.integers(100, size=(500, 100))
    expected = np.quantile([roc_auc_score(y[rows], scores[rows]) for rows in draws], [0.16, 0.84])
    assert limits(result) == pytest.approx((*expected, *expected), abs=np.ptp(expected) / 7)


def test_drawing_seeds_widens_the_interval_where_seeds_differ():
    same, unlike = (build_arm(signals, crossed=True) for signals in ((1,) * 4, (0.2, 0.3, 2.5, 3)))
    result = [macro_auc_estimate(table, CLASSES, **QUICK) for table in (same, unlike)]
    ratios = [width(one) / (one.records_high - one.records_low) for one in result]
    assert ratios[0] < 1.5
    assert ratios[1] > 2


def test_records_of_a_cluster_are_drawn_together():
    table = build_arm((1.0,), n_records=150, shares=(0.5, 0.3))
    copies = pd.concat([table.assign(record_id=table["record_id"] + f"/{i}") for i in range(4)])
    clusters = {name: name.split("/")[0] for name in copies["record_id"]}
    alone = macro_auc_estimate(table, "ab", **QUICK)
    apart = macro_auc_estimate(copies, "ab", **QUICK)
    together = macro_auc_estimate(copies, "ab", clusters=clusters, **QUICK)
    assert together.estimate == pytest.approx(alone.estimate)
    assert width(together) == pytest.approx(width(alone), rel=0.25)
    assert width(apart) < 0.7 * width(together)


def test_the_seed_decides_and_row_order_does_not():
    table = build_arm((1.0, 2.0))
    found = [
        limits(macro_auc_estimate(one, CLASSES, seed=seed, n_resamples=50))
        for one, seed in ((table, 1), (table.sample(frac=1, random_state=0), 1), (table, 2))
    ]
    assert found[0] == found[1] != found[2]


def test_probabilities_give_the_same_answer_as_logits():
    table = build_arm((1.0, 2.0))
    scores = [f"logit_{index}" for index in range(4)]
    probabilities = table.assign(**{name: 1 / (1 + np.exp(-table[name])) for name in scores})
    assert limits(macro_auc_estimate(probabilities, CLASSES, **QUICK)) == limits(
        macro_auc_estimate(table, CLASSES, **QUICK)
    )


def test_the_table_shows_every_class_and_says_why_one_does_not_count():
    table = without(build_arm((1.0,)), 0)
    found = class_table(table, CLASSES, **QUICK)
    assert found.columns.tolist() == [
        "class", "positives", "negatives", "auc", "low", "high", "records_low", "records_high", "n_lost",
        "counted", "reason",
    ]  # fmt: skip
    assert found["class"].tolist() == list(CLASSES)
    assert found["positives"].tolist() == [0, 40, 150, 6]
    assert found["counted"].tolist() == [False, True, True, False]
    assert found["reason"].tolist() == ["no positives", "", "", "positives: 6, fewer than 20"]
    expected = roc_auc_score(labels(table)[:, 1:], logits(table)[:, 1:], average=None)
    np.testing.assert_allclose(found["auc"][1:], expected)
    assert found.loc[0, ["auc", "low", "high", "records_low", "records_high"]].isna().all()
    shown = found[1:]
    assert ((shown["low"] < shown["auc"]) & (shown["auc"] < shown["high"])).all()
    assert found["n_lost"].tolist()[:3] == [200, 0, 0]
    pd.testing.assert_frame_equal(macro_auc_estimate(table, CLASSES, **QUICK).classes, found)


def test_a_class_that_one_seed_lacks_is_left_out_for_all():
    table = build_arm((1.0, 2.0))
    table.loc[table["seed"] == 1, "label_1"] = np.int8(0)
    result = macro_auc_estimate(table, CLASSES, **QUICK)
    assert result.classes.loc[1, "reason"] == "no positives"
    assert math.isnan(result.classes.loc[1, "auc"])
    assert math.isfinite(result.all_classes.estimate)
    assert result.classes["counted"].tolist() == [True, False, True, False]


def test_a_test_set_of_one_class_has_a_table_but_no_macro():
    table = build_arm((1.0,)).assign(**{f"label_{index}": np.int8(index == 0) for index in range(4)})
    found = class_table(table, CLASSES, **QUICK)
    assert found["reason"].tolist() == ["no negatives"] + ["no positives"] * 3
    assert found["auc"].isna().all()
    with pytest.raises(InputError, match="a class with positives and negatives; got NORM: no negatives; MI"):
        macro_auc_estimate(table, CLASSES, **QUICK)


def test_no_macro_where_no_class_counts_unless_the_rule_is_another():
    table = build_arm((1.0,), n_records=30)
    with pytest.raises(InputError, match="with 20 positives and negatives in every test set; got 15 at most"):
        macro_auc_estimate(table, CLASSES, **QUICK)
    result = macro_auc_estimate(table, CLASSES, minimum_positives=1, **QUICK)
    assert result.classes["counted"].all()
    assert result.minimum_positives == 1
    assert result.estimate == result.all_classes.estimate


def test_only_the_asked_part_is_scored():
    table = combine_predictions(
        [build_arm((1.0,)), build_arm((3.0,), record_seed=1).assign(part="validation")]
    )
    found = [macro_auc_estimate(table, CLASSES, part=part, **QUICK) for part in ("test", "validation")]
    assert found[1].estimate > found[0].estimate + 0.1


@pytest.mark.parametrize("classes", [CLASSES[:3], ("NORM", "MI", "SR", "SR")])
def test_names_that_do_not_fit_are_refused(classes):
    with pytest.raises(InputError, match="4 different names"):
        macro_auc_estimate(build_arm((1.0,)), classes, **QUICK)


def test_impossible_settings_are_refused():
    table = build_arm((1.0,))
    with pytest.raises(SettingsError, match="minimum_positives"):
        macro_auc_estimate(table, CLASSES, minimum_positives=0, **QUICK)
    with pytest.raises(SettingsError, match="level"):
        macro_auc_estimate(table, CLASSES, level=95, **QUICK)
    with pytest.raises(SettingsError, match="n_resamples"):
        class_table(table, CLASSES, seed=0, n_resamples=1)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_logits_that_are_not_finite_are_refused(value):
    with pytest.raises(InputError, match="finite logits"):
        macro_auc_estimate(build_arm((1.0,)).assign(logit_2=value), CLASSES, **QUICK)
