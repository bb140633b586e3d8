import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from ecgrepro.errors import InputError, SettingsError
from ecgrepro.evaluation.class_bootstrap import ClassBootstrap, SeededClassRanks, class_limits, macro
from ecgrepro.evaluation.intervals import resampled_counts
from ecgrepro.evaluation.predictions import combine_predictions, labels, logits
from ecgrepro.evaluation.seeded_units import on_drawn_seeds
from tests.evaluation.multi_label_arms import build_arm
from tests.evaluation.test_seeded_units import repeat


def by_seed(table):
    return [
        roc_auc_score(labels(rows), logits(rows), average=None)
        for _, rows in table.groupby("seed", sort=True)
    ]


@pytest.mark.parametrize("crossed", [False, True])
def test_areas_by_arm_seed_and_class(crossed):
    arms = [build_arm((1.0, 0.5, 2.0), arm_seed=seed, crossed=crossed) for seed in (1, 2)]
    ranked = SeededClassRanks(arms)
    np.testing.assert_allclose(ranked.areas(), [by_seed(arm) for arm in arms], rtol=0, atol=1e-12)
    pooled = [[roc_auc_score(labels(arm), logits(arm), average=None)] for arm in arms]
    np.testing.assert_allclose(ranked.pooled(), pooled, rtol=0, atol=1e-12)
    assert ranked.positives.tolist() == [100, 40, 150, 6]
    assert ranked.negatives.tolist() == [100, 160, 50, 194]
    assert (ranked.units.crossed, ranked.units.n_records) == (crossed, 200 if crossed else 600)


def test_two_arms_are_on_the_same_resamples():
    table = build_arm((1.0, 2.0))
    bootstrap = ClassBootstrap(SeededClassRanks([table, table]), 0.95, 40, seed=0)
    assert bootstrap.two_level.shape == (40, 2, 4)
    assert np.abs(bootstrap.two_level).max() == 0
    assert np.abs(bootstrap.records_only).max() == 0


def resampled_on(draws, table):
    ranked = SeededClassRanks([table])
    return on_drawn_seeds(ranked.units, ranked.resampled, draws, np.random.default_rng(0))


def test_crossed_seeds_share_a_resample_and_nested_ones_do_not():
    table = build_arm((1.0,))
    other = table.assign(seed=1, record_id=table["record_id"] + "/copy")
    crossed, nested = (combine_predictions([table, one]) for one in (table.assign(seed=1), other))
    found = [resampled_on(np.tile([0, 1], (30, 1)), one) for one in (crossed, nested)]
    np.testing.assert_array_equal(found[0][:, 0], found[0][:, 1])
    assert np.abs(found[1][:, 0] - found[1][:, 1]).min() > 0


def test_a_seed_drawn_twice_has_one_resample_if_crossed_and_two_if_nested():
    draws = np.ones((30, 2), int)
    found = [resampled_on(draws, build_arm((1.0, 2.0), crossed=crossed)) for crossed in (True, False)]
    np.testing.assert_array_equal(found[0][:, 0], found[0][:, 1])
    assert (found[1][:, 0, 0] != found[1][:, 1, 0]).sum() > 20


def test_one_seed_has_the_same_limits_at_both_levels():
    bootstrap = ClassBootstrap(SeededClassRanks([build_arm((1.0,))]), 0.9, 100, seed=3)
    fields = bootstrap.fields("macro_auc", np.ones(4, bool))
    assert (fields["low"], fields["high"]) == (fields["records_low"], fields["records_high"])
    assert fields["low"] < fields["estimate"] < fields["high"]


def test_lost_classes_are_counted_and_leave_the_macro_to_the_others():
    table = build_arm((1.0,), n_records=40, shares=(0.5, 0.025))
    bootstrap = ClassBootstrap(SeededClassRanks([table]), 0.95, 400, seed=0)
    lost = bootstrap.lost()
    assert lost[0] == 0
    assert lost[1] == pytest.approx(400 * (1 - 1 / 40) ** 40, abs=40)
    areas = bootstrap.records_only
    missing = areas.mask[:, 0, 1]
    assert missing.sum() == lost[1]
    means = macro(areas, np.ones(2, bool))
    np.testing.assert_array_equal(means[missing], areas[missing, 0, 0])
    np.testing.assert_allclose(means[~missing], areas.data[~missing, 0].mean(axis=1))


def test_limits_of_a_class_without_two_resamples_are_nan():
    replicates = np.ma.masked_invalid([[1.0, np.nan, 0.2], [0.5, np.nan, np.nan]])
    limits = class_limits(replicates, replicates, 0.5)
    assert limits["low"].tolist() == pytest.approx([0.625, np.nan, np.nan], nan_ok=True)
    assert limits["records_high"].tolist() == pytest.approx([0.875, np.nan, np.nan], nan_ok=True)


def test_what_cannot_be_resampled_is_refused(build_intervals):
    table = build_arm((1.0, 2.0), crossed=True)
    with pytest.raises(InputError, match="a multi-label table"):
        SeededClassRanks([build_intervals()])
    with pytest.raises(InputError, match="tested by 1 to 2 of 2 seeds"):
        SeededClassRanks([table.iloc[1:]])
    with pytest.raises(InputError, match="each cluster within one seed's test set"):
        SeededClassRanks([build_arm((1.0, 2.0))], {"0-0-0000": "x", "0-1-0000": "x"})
    with pytest.raises(SettingsError, match="level"):
        ClassBootstrap(SeededClassRanks([table]), 95, 100, seed=0)


def test_repeated_seeds_are_ranked_on_their_own_records():
    table = repeat(build_arm((1.0, 0.5, 2.0)))
    ranked = SeededClassRanks([table])
    assert (ranked.units.design, ranked.units.n_records) == ("repeated", 600)
    np.testing.assert_allclose(ranked.areas()[0], by_seed(table), rtol=0, atol=1e-12)
    chosen = np.ones(4, bool)
    fields = ClassBootstrap(ranked, 0.95, 40, seed=0).fields("macro_auc", chosen)
    assert fields["estimate"] == pytest.approx(np.mean(by_seed(table)))
    assert (fields["design"], fields["n_seeds"]) == ("repeated", 6)


def test_a_resample_of_repeated_seeds_weighs_each_record_once_for_all():
    table = repeat(build_arm((1.0, 2.0), n_records=40, shares=(0.5, 0.2)))
    ranked = SeededClassRanks([table])
    (weights,) = resampled_counts(80, 20, np.random.default_rng(0))
    names = np.unique(table["record_id"])
    found = ranked.resampled(0, 20, np.random.default_rng(0))
    for place, (_, rows) in enumerate(table.groupby("seed")):
        drawn = weights[np.searchsorted(names, rows["record_id"])]
        for number in range(20):
            expected = roc_auc_score(labels(rows)[:, 0], logits(rows)[:, 0], sample_weight=drawn[:, number])
            assert found[number, place, 0] == pytest.approx(expected)


def test_identical_answers_in_a_second_partition_do_not_make_the_interval_narrower():
    nested = build_arm((1.0,) * 5, shares=(0.5, 0.3))
    as_if_new = repeat(nested).assign(record_id=lambda rows: rows["record_id"] + (rows["seed"] > 4).map(str))
    deviations = np.array([
        macro(ClassBootstrap(SeededClassRanks([arm]), 0.9, 2000, seed=0).records_only, np.ones(2, bool)).std()
        for arm in (nested, repeat(nested), as_if_new)
    ])  # fmt: skip
    assert deviations[1] == pytest.approx(deviations[0], rel=0.07)
    assert deviations[2] == pytest.approx(deviations[0] / np.sqrt(2), rel=0.07)


def test_repeated_seeds_that_lose_a_class_are_left_out_of_a_resample():
    table = repeat(build_arm((1.0, 1.0), n_records=30, shares=(0.5, 0.1)))
    bootstrap = ClassBootstrap(SeededClassRanks([table]), 0.95, 300, seed=0)
    assert bootstrap.lost()[1] > 10
    assert np.isfinite(bootstrap.macros(np.ones(2, bool))).all()
