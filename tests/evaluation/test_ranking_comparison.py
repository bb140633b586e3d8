import numpy as np
import pytest
import sklearn.metrics

from ecgrepro.errors import InputError, SettingsError
from ecgrepro.evaluation.predictions import combine_predictions, prediction_table
from ecgrepro.evaluation.quality import low_quality_scores, recordings
from ecgrepro.evaluation.ranking_comparison import ranking_difference, ranking_estimate
from ecgrepro.evaluation.seed_tests import paired_t_test

SKLEARN = {
    "roc_auc": sklearn.metrics.roc_auc_score,
    "average_precision": sklearn.metrics.average_precision_score,
}


def width(result, level="records"):
    return result.records_high - result.records_low if level == "records" else result.high - result.low


def limits(result):
    return result.low, result.high, result.records_low, result.records_high


@pytest.mark.parametrize("crossed", [False, True])
@pytest.mark.parametrize("name", SKLEARN)
def test_an_arms_estimate_is_the_mean_over_seeds(build_intervals, name, crossed):
    table = build_intervals(n_seeds=3, crossed=crossed)
    result = ranking_estimate(table, name, seed=0, n_resamples=200, clusters=recordings(table["record_id"]))
    per_seed = [SKLEARN[name](rows["label"], low_quality_scores(rows)) for _, rows in table.groupby("seed")]
    np.testing.assert_allclose(result.per_seed["score"], per_seed)
    assert result.estimate == pytest.approx(np.mean(per_seed))
    assert result.pooled == pytest.approx(SKLEARN[name](table["label"], low_quality_scores(table)))
    assert result.low < result.estimate < result.high
    assert result.records_low < result.estimate < result.records_high
    assert (result.metric, result.n_seeds, result.n_resamples) == (name, 3, 200)
    assert result.per_seed["n_records"].tolist() == [240] * 3
    assert (result.n_records, result.design) == ((240, "crossed") if crossed else (720, "nested"))


@pytest.mark.parametrize("crossed", [False, True])
def test_the_difference_is_first_minus_second_seed_by_seed(build_intervals, crossed):
    first, second = (build_intervals(3, arm_seed=i, noise=n, crossed=crossed) for i, n in ((1, 0.3), (2, 2)))
    settings = {"seed": 0, "n_resamples": 300}
    result = ranking_difference(first, second.sample(frac=1, random_state=0), "roc_auc", **settings)
    scores = [
        [SKLEARN["roc_auc"](rows["label"], low_quality_scores(rows)) for _, rows in arm.groupby("seed")]
        for arm in (first, second)
    ]
    np.testing.assert_allclose(result.per_seed[["first", "second"]].T, scores)
    np.testing.assert_allclose(result.per_seed["difference"], np.subtract(*scores))
    assert result.t_test.t == pytest.approx(paired_t_test(*scores).t)
    assert 0 < result.low < result.estimate < result.high
    back = ranking_difference(second, first, "roc_auc", **settings)
    assert limits(back) == pytest.approx([-x for x in np.array(limits(result))[[1, 0, 3, 2]]])


def test_replicates_are_those_of_a_plain_loop(build_intervals):
    table = build_intervals(n_recordings=40, n_intervals=3)
    clusters = recordings(table["record_id"])
    settings = {"level": 0.68, "n_resamples": 3000, "clusters": clusters}
    result = ranking_estimate(table, "average_precision", seed=0, **settings)
    rows = table.groupby(table["record_id"].map(clusters)).indices
    rng, scores, labels = np.random.default_rng(5), low_quality_scores(table), table["label"].to_numpy()
    found = []
    for _ in range(800):
        drawn = np.concatenate([rows[name] for name in rng.choice(list(rows), size=len(rows))])
        found.append(SKLEARN["average_precision"](labels[drawn], scores[drawn]))
    expected = np.quantile(found, [0.16, 0.84])
    assert limits(result) == pytest.approx((*expected, *expected), abs=np.ptp(expected) / 10)


def test_intervals_of_one_recording_are_drawn_together(build_intervals):
    table = build_intervals(n_seeds=2, n_intervals=6, noise=0.1)
    settings = {"seed": 0, "n_resamples": 600}
    apart = ranking_estimate(table, "roc_auc", **settings)
    together = ranking_estimate(table, "roc_auc", clusters=recordings(table["record_id"]), **settings)
    assert apart.estimate == together.estimate
    assert width(together) > 1.8 * width(apart)


def test_drawing_seeds_widens_the_interval_where_seeds_differ(build_intervals):
    arms = [build_intervals(1, arm_seed=i, noise=n) for i, n in enumerate([0.1, 0.1, 4, 4])]
    table = combine_predictions([arm.assign(seed=seed) for seed, arm in enumerate(arms)])
    result = ranking_estimate(table, "roc_auc", seed=0, n_resamples=600)
    assert width(result, "both") > 1.3 * width(result)


def test_the_seed_decides(build_intervals):
    table = build_intervals(n_seeds=2)
    found = [limits(ranking_estimate(table, "roc_auc", seed=seed, n_resamples=70)) for seed in (1, 1, 2)]
    assert found[0] == found[1] != found[2]


def test_resamples_without_a_class_are_left_out():
    logits = np.stack([np.zeros(12), np.arange(12.0)], axis=1)
    labels = np.array([0] * 11 + [1])
    table = prediction_table([f"R{i:02d}" for i in range(12)], labels, logits, part="test", fold=0, seed=0)
    result = ranking_estimate(table, "roc_auc", seed=0, n_resamples=100)
    assert limits(result) == (1, 1, 1, 1)


def test_too_few_usable_resamples_are_refused():
    table = prediction_table(["a", "b"], [0, 1], np.eye(2), part="test", fold=0, seed=0)

    def some_resamples_lack_a_class():
        for seed in range(50):
            ranking_estimate(table, "roc_auc", seed=seed, n_resamples=2)

    with pytest.raises(InputError, match="two or more that have a score"):
        some_resamples_lack_a_class()


def test_what_cannot_be_ranked_or_paired_is_refused(build_intervals, build_arm):
    table = build_intervals(n_seeds=2)
    with pytest.raises(InputError, match="two classes"):
        ranking_estimate(build_arm([0.7]), "roc_auc", seed=0)
    with pytest.raises(InputError, match="records of both classes"):
        ranking_estimate(table[table["label"] == 0], "roc_auc", seed=0)
    with pytest.raises(InputError, match="tested by 1 to 2 of 2 seeds"):
        ranking_estimate(table.iloc[:-1], "roc_auc", seed=0)
    with pytest.raises(InputError, match="the same seeds"):
        ranking_difference(table, table[table["seed"] == 0], "roc_auc", seed=0)
    with pytest.raises(InputError, match="rows of part 'validation'"):
        ranking_estimate(table, "roc_auc", part="validation", seed=0)
    with pytest.raises(SettingsError, match="roc_auc"):
        ranking_estimate(table, "accuracy", seed=0)
    with pytest.raises(SettingsError, match="level"):
        ranking_estimate(table, "roc_auc", level=95, seed=0)
