import numpy as np
import pandas as pd
import pytest
from sklearn import metrics as sklearn_metrics
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.multitest import multipletests

from ecgrepro.corpora.cinc2017 import DUPLICATES
from ecgrepro.errors import InputError
from ecgrepro.evaluation.comparison import arm_estimate, equivalence, paired_difference
from ecgrepro.evaluation.metrics import METRICS
from ecgrepro.evaluation.predictions import combine_predictions, predicted_classes, prediction_table
from ecgrepro.evaluation.quality import low_quality_scores
from ecgrepro.evaluation.ranking import RANKINGS
from ecgrepro.evaluation.ranking_comparison import ranking_estimate
from ecgrepro.evaluation.trend import trend
from ecgrepro.studies import quality_tables
from ecgrepro.studies.evidence import RESAMPLING

SEEDS = (0, 1, 2)
#: Recordings of the test part; every eighth is of low quality. The first two are copies of one another.
RECORDINGS = [*next(iter(DUPLICATES.items())), *(f"A{9000 + i:05d}" for i in range(46))]
IDS = [f"{name}/{i}" for place, name in enumerate(RECORDINGS) for i in range(3 + place % 3)]
#: Recording of each interval.
NAMES = np.array([name.split("/")[0] for name in IDS])
LABELS = np.isin(NAMES, RECORDINGS[7::8]).astype(int)
FEW = {"n_resamples": 150}
SKLEARN = {
    "balanced_accuracy": sklearn_metrics.balanced_accuracy_score,
    "accuracy": sklearn_metrics.accuracy_score,
    "sensitivity": lambda labels, answers: sklearn_metrics.recall_score(labels, answers, pos_label=0),
    "specificity": sklearn_metrics.recall_score,
    "matthews_correlation": sklearn_metrics.matthews_corrcoef,
}


def predictions(seed, skill, luck):
    """Test and validation predictions; what is hard is hard for every net, and scores are rounded so that some tie."""
    hard = np.random.default_rng(0).normal(size=len(RECORDINGS))[pd.factorize(NAMES)[0]]
    scores = skill * (LABELS - 0.4) + hard + np.random.default_rng([seed, luck]).normal(size=len(IDS))
    logits = np.stack([np.zeros(len(IDS)), np.round(4 * scores) / 4], axis=1)
    test = prediction_table(IDS, LABELS, logits, part="test", fold=0, seed=seed)
    labels = np.arange(40) % 2
    shown = np.stack([np.zeros(40), labels - 0.2 + 0.4 * np.sin(np.arange(40) + seed)], axis=1)
    ids = [f"100/{i}" for i in range(40)]
    return pd.concat(
        [prediction_table(ids, labels, shown, part="validation", fold=0, seed=seed), test], ignore_index=True
    )


def run(arm, seed, skill=2.0):
    depth = int(arm.rpartition("_")[2])
    return {
        "key": f"{arm} {seed}",
        "trial": {"stage": "fine-tuning", "arm": arm, "seed": seed, "freeze_depth": depth, "model": "alexnet",
                  "recipe": {"labels": 1.0}},
        "run": {"seconds": 60.0 - depth, "trainable_parameters": 100 - depth, "epochs": 10,
                "cached_features": depth > 1, "feature_seconds": 3.0, "best_epoch": 2},
        "history": pd.DataFrame({"epoch": [1, 2, 3], "val_balanced_accuracy": [0.5, 0.9 - depth / 100, 0.7]}),
        "predictions": predictions(seed, skill, depth + 10 * arm.startswith("random")),
    }  # fmt: skip


@pytest.fixture(scope="module")
def found():
    beat = [run(f"beat_{depth}", seed, 2 + depth / 2) for depth in (2, 0, 1, 5) for seed in SEEDS]
    return [*beat, *(run("random_0", seed) for seed in SEEDS)]


def stacked(found, arm):
    return combine_predictions([one["predictions"] for one in found if one["trial"]["arm"] == arm])


def by_seed(found, arm):
    """Test part of each seed, by seed."""
    return dict(list(stacked(found, arm).query("part == 'test'").groupby("seed")))


def settings(**more):
    clusters = {interval: DUPLICATES.get(name, name) for interval, name in zip(IDS, NAMES, strict=True)}
    return {"seed": RESAMPLING["seed"], "clusters": clusters} | more


def row_of(table, **values):
    (row,) = [row for row in table.to_dict("records") if all(row[name] == values[name] for name in values)]
    return row


def rhythms():
    named = {name: "NAO"[place % 3] for place, name in enumerate(RECORDINGS)}
    return pd.Series(named | dict.fromkeys(RECORDINGS[7::8], "~"))


EMPTY = {
    "depth": quality_tables.depth_table,
    "runs": quality_tables.run_table,
    "equality": quality_tables.equality_table,
    "trend": quality_tables.trend_table,
    "mcnemar": quality_tables.mcnemar_table,
    "rhythm": lambda found, **more: quality_tables.rhythm_table(found, rhythms(), **more),
    "threshold": quality_tables.threshold_table,
    "transfer": lambda found, n_resamples=None, **more: quality_tables.transfer_table(found, **more),
}


@pytest.mark.parametrize("make", EMPTY.values(), ids=EMPTY)
def test_without_runs_tables_are_empty_and_have_the_columns_of_full_ones(found, make):
    empty, full = make([]), make(found)
    assert empty.empty
    assert not full.empty
    assert list(empty.columns) == list(full.columns)
    assert make(found, starts=("imagenet",)).empty


def test_empty_tables_can_be_worded_and_counted():
    assert quality_tables.wide_table(quality_tables.depth_table([])).empty
    assert quality_tables.significant_pairs(quality_tables.mcnemar_table([])).empty


def test_results_are_grouped_by_start_and_depth_in_order(found):
    others = [run("wide_0", 0), run("wide_7", 0), run("grid_adam_grey_0", 0)]
    pretraining = run("beat_0", 0) | {"trial": {"stage": "pretraining", "arm": "beat", "seed": 0}}
    named_alike = run("beat_3", 0) | {"trial": run("beat_3", 0)["trial"] | {"arm": "beat"}}
    grouped = quality_tables.by_depth([named_alike, *others, pretraining, *found[::-1]])
    assert {start: list(depths) for start, depths in grouped.items()} == {"beat": [0, 1, 2, 5], "random": [0]}
    assert [one["trial"]["seed"] for one in grouped["beat"][5]] == list(SEEDS)
    assert list(quality_tables.by_depth(others, ("wide",))["wide"]) == [0, 7]


def test_scores_are_means_over_seeds(found):
    table = quality_tables.depth_table(found, **FEW)
    for start, depth in (("beat", 0), ("beat", 5), ("random", 0)):
        parts = by_seed(found, f"{start}_{depth}").values()
        for metric, score in SKLEARN.items():
            expected = np.mean([score(part.label, predicted_classes(part)) for part in parts])
            made = row_of(table, start=start, depth=depth, metric=metric)
            assert made["estimate"] == pytest.approx(expected)
            assert (made["seeds"], made["records"]) == (3, len(IDS))
        for metric, score in (("roc_auc", sklearn_metrics.roc_auc_score),
                              ("average_precision", sklearn_metrics.average_precision_score)):  # fmt: skip
            expected = np.mean([score(part.label, low_quality_scores(part)) for part in parts])
            assert row_of(table, start=start, depth=depth, metric=metric)["estimate"] == pytest.approx(
                expected
            )


@pytest.mark.parametrize("seeds", [SEEDS, SEEDS[:1]])
def test_intervals_are_those_of_the_ledger(found, seeds):
    some = [one for one in found if one["trial"]["seed"] in seeds]
    table = quality_tables.depth_table(some, **FEW)
    for metric in (*quality_tables.METRICS, *RANKINGS):
        estimate = ranking_estimate if metric in RANKINGS else arm_estimate
        expected = estimate(stacked(some, "beat_1"), metric, **settings(**FEW))
        made = row_of(table, start="beat", depth=1, metric=metric)
        limits = expected.estimate, expected.low, expected.high
        assert (made["estimate"], made["low"], made["high"]) == pytest.approx(limits, abs=1e-12)


def test_the_constant_answer_is_a_row_of_every_table(found):
    table = quality_tables.depth_table(found, **FEW)
    made = table[table.start == quality_tables.CONSTANT].set_index("metric")
    assert made.depth.isna().all()
    expected = {"accuracy": 1 - LABELS.mean(), "balanced_accuracy": 0.5, "sensitivity": 1, "specificity": 0,
                "matthews_correlation": 0, "roc_auc": 0.5, "average_precision": LABELS.mean()}  # fmt: skip
    assert made.estimate.to_dict() == pytest.approx(expected)
    assert made.low["accuracy"] < 1 - LABELS.mean() < made.high["accuracy"]


def test_indices_are_a_row_with_the_constant_answer_beside_even_without_a_net():
    indices = combine_predictions([predictions(seed, 1.0, 99) for seed in SEEDS[:2]])
    table = quality_tables.depth_table([], indices, **FEW)
    assert list(dict.fromkeys(table.start)) == [quality_tables.CONSTANT, quality_tables.INDICES]
    made = row_of(table, start=quality_tables.INDICES, metric="accuracy")
    expected = arm_estimate(indices, "accuracy", **settings(**FEW))
    assert (made["estimate"], made["low"], made["seeds"]) == pytest.approx(
        (expected.estimate, expected.low, 2)
    )


def test_a_test_set_of_one_class_has_no_areas(found):
    high = [one | {"predictions": one["predictions"].query("part == 'validation' or label == 0")}
            for one in found[:3]]  # fmt: skip
    table = quality_tables.depth_table(high, **FEW)
    assert set(table.metric) == set(quality_tables.METRICS)


def test_the_order_of_rows_and_of_results_does_not_matter(found):
    shuffled = [one | {"predictions": one["predictions"].sample(frac=1, random_state=place)}
                for place, one in enumerate(found)][::-1]  # fmt: skip
    made, same = (
        quality_tables.depth_table(some, starts=("beat",), **FEW).set_index(["depth", "metric"]).estimate
        for some in (shuffled, found)
    )
    np.testing.assert_allclose(made, same)
    gain = quality_tables.threshold_table(shuffled, **FEW).gain
    np.testing.assert_allclose(gain, quality_tables.threshold_table(found, **FEW).gain)


def _other_label(table):
    return table.assign(label=np.where(table.record_id == IDS[-1], 1 - table.label, table.label))


CHANGES = {"an interval less": lambda table: table[table.record_id != IDS[3]], "another label": _other_label}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_runs_with_other_intervals_or_labels_are_refused(found, change):
    runs = [found[0], found[1] | {"predictions": change(found[1]["predictions"])}]
    with pytest.raises(InputError, match="the same test intervals and labels in every run"):
        quality_tables.depth_table(runs, **FEW)


def test_a_table_is_worded_with_one_row_per_arm(found):
    table = quality_tables.depth_table(found, **FEW)
    wide = quality_tables.wide_table(table)
    assert list(wide.depth.fillna(-1)) == [0, 1, 2, 5, 0, -1]
    assert list(wide.start.unique()) == ["AlexNet, beats", "AlexNet, random start", quality_tables.CONSTANT]
    row = row_of(table, start="beat", depth=5, metric="accuracy")
    assert wide.accuracy[3] == f"{row['estimate']:.3f} ({row['low']:.3f} to {row['high']:.3f})"


def test_every_run_has_a_row_with_its_scores_and_cost(found):
    table = quality_tables.run_table(found)
    assert len(table) == len(found)
    part = by_seed(found, "beat_2")[1]
    row = row_of(table, start="beat", depth=2, seed=1)
    for metric, score in SKLEARN.items():
        assert row[metric] == pytest.approx(score(part.label, predicted_classes(part)))
    assert (row["seconds"], row["trainable_parameters"], row["cached_features"]) == (58, 98, True)


def test_equality_is_judged_as_in_the_ledger(found):
    table = quality_tables.equality_table(found, **FEW)
    assert list(zip(table.depth, table.metric, strict=True)) == [
        (depth, metric) for depth in (1, 2, 5) for metric in ("balanced_accuracy", "accuracy")
    ]
    for margin in (0.02, 0.2):
        table = quality_tables.equality_table(found, margin=margin, **FEW)
        for row in table.itertuples():
            arms = stacked(found, f"beat_{row.depth}"), stacked(found, "beat_0")
            made = equivalence(*arms, row.metric, margin, **settings(**FEW))
            expected = made.difference.estimate, made.difference.low, made.difference.high, made.test.p
            assert (row.difference, row.low, row.high, row.tost_p) == pytest.approx(expected, abs=1e-12)
            assert table.loc[row.Index, "they are"] == made.answer
            assert row.smallest_margin == pytest.approx(made.difference.smallest_margin)
    assert "equal" in set(table["they are"])


def test_depths_are_compared_over_the_seeds_that_both_have(found):
    some = [one for one in found if one["trial"]["arm"] != "beat_5" or one["trial"]["seed"] == 1]
    row = quality_tables.equality_table(some, **FEW).iloc[-1]
    assert (row.depth, row.seeds) == (5, 1)
    other = [
        one for one in found if (one["trial"]["arm"], one["trial"]["seed"]) in (("beat_0", 0), ("beat_1", 1))
    ]
    assert quality_tables.equality_table(other).empty
    assert quality_tables.mcnemar_table(other).empty
    assert quality_tables.trend_table(other).empty


def test_the_trend_is_that_of_the_ledger(found):
    table = quality_tables.trend_table(found)
    assert list(table.start) == ["beat"] * 2, "a single depth has no trend"
    tables, x = [stacked(found, f"beat_{depth}") for depth in (0, 1, 2, 5)], np.array([0.0, 1.0, 2.0, 5.0])
    for row in table.itertuples():
        made, whole = (
            trend(tables, row.metric, x, permute=permute, **settings(**FEW))
            for permute in ("within seeds", "whole arms")
        )
        expected = made.estimate, made.low, made.high, made.p, made.t_test.low, whole.p
        assert (row.change, row.low, row.high, row.p, row.t_low, row.whole_p) == pytest.approx(
            expected, abs=1e-12
        )
        assert (row.depths, row.seeds) == (4, 3)
    assert table["to"].tolist() == [5, 5]


def test_a_trend_needs_two_seeds_and_nets_that_differ(found):
    assert quality_tables.trend_table([one for one in found if one["trial"]["seed"] == 0]).empty
    same = [run("beat_0", seed) for seed in SEEDS]
    alike = [
        run("beat_1", seed) | {"predictions": one["predictions"]}
        for seed, one in zip(SEEDS, same, strict=True)
    ]
    assert quality_tables.trend_table(same + alike).empty


def test_mcnemar_counts_recordings_and_corrects_for_the_pairs(found):
    table = quality_tables.mcnemar_table(found)
    assert set(zip(table["first"], table["second"], strict=True)) == {
        (0, 1),
        (0, 2),
        (0, 5),
        (1, 2),
        (1, 5),
        (2, 5),
    }
    right = {depth: np.concatenate([predicted_classes(part) == part.label for part in by_seed(found, f"beat_{depth}")
                                    .values()]) for depth in (0, 1, 2, 5)}  # fmt: skip
    clusters = np.tile([DUPLICATES.get(name, name) for name in NAMES], len(SEEDS))
    for row in table.itertuples():
        first, second = right[row.first], right[row.second]
        counts = [[(first & second).sum(), (first & ~second).sum()],
                  [(second & ~first).sum(), (~first & ~second).sum()]]  # fmt: skip
        assert row.difference == pytest.approx(first.mean() - second.mean())
        assert row.p_continuity == pytest.approx(mcnemar(counts, exact=False, correction=True).pvalue)
        surplus = pd.Series(first.astype(int) - second).groupby(clusters).sum()
        assert (row.n_clusters, row.n_unequal) == (len(RECORDINGS) - 1, (surplus != 0).sum())
    for p in ("p_continuity", "p_clustered"):
        for method in ("holm", "bonferroni"):
            expected = multipletests(table[p], method=method)[1]
            np.testing.assert_allclose(table[f"{p}_{method}"], expected)


def test_eight_depths_make_28_pairs_and_each_run_can_be_tested(found):
    eight = [run(f"beat_{depth}", seed, 2 + depth) for depth in range(8) for seed in SEEDS[:2]]
    table = quality_tables.mcnemar_table(eight, unit="run")
    assert table.seed.value_counts().to_dict() == {0: 28, 1: 28}
    counts = quality_tables.significant_pairs(table)
    assert counts.pairs.tolist() == [28, 28]
    expected = [(table[table.seed == seed].p_clustered < 0.05).sum() for seed in (0, 1)]
    assert counts.p_clustered.tolist() == expected
    assert 0 < max(expected) < 28
    assert (counts.p_clustered_bonferroni <= counts.p_clustered_holm).all()


def test_rhythms_are_told_apart_in_what_is_called_low(found):
    table = quality_tables.rhythm_table(found, rhythms(), **FEW)
    assert list(table.rhythm[:4]) == ["N", "A", "O", "~"]
    of_interval = rhythms().loc[NAMES].to_numpy()
    for row in table[table.start == "beat"].itertuples():
        answers = np.mean(
            [predicted_classes(part) for part in by_seed(found, f"beat_{row.depth}").values()], axis=0
        )
        assert row.share == pytest.approx(answers[of_interval == row.rhythm].mean())
        assert row.low <= row.share <= row.high
        assert row.records == (of_interval == row.rhythm).sum()
    noisy = row_of(table, start="beat", depth=5, rhythm="~")
    only = stacked(found, "beat_5").query("label == 1 and part == 'test'")
    expected = arm_estimate(only, METRICS["specificity"], **settings(**FEW))
    assert (noisy["low"], noisy["high"]) == pytest.approx((expected.low, expected.high))


def test_a_recording_without_rhythm_is_refused(found):
    with pytest.raises(InputError, match=f"{RECORDINGS[9]}/0"):
        quality_tables.rhythm_table(found, rhythms().drop(RECORDINGS[9]))


def test_thresholds_are_chosen_on_validation_and_judged_on_test(found):
    shifted = [
        one | {"predictions": one["predictions"].assign(logit_1=lambda table: table.logit_1 + 3)}
        for one in found[:3]
    ]
    (row,) = quality_tables.threshold_table(shifted, **FEW).itertuples()
    own, chosen, thresholds = [], [], []
    for one in shifted:
        validation, part = (one["predictions"].query(f"part == '{part}'") for part in ("validation", "test"))
        scores = np.sort(low_quality_scores(validation))
        candidates = (scores[1:] + scores[:-1]) / 2
        gains = [
            sklearn_metrics.balanced_accuracy_score(validation.label, low_quality_scores(validation) > value)
            for value in candidates
        ]
        best = candidates[gains == np.max(gains)]
        thresholds.append(best[np.argmin(np.abs(best))])
        answers = low_quality_scores(part) > thresholds[-1], low_quality_scores(part) > 0
        for scored, answer in zip((chosen, own), answers, strict=True):
            scored.append(sklearn_metrics.balanced_accuracy_score(part.label, answer))
    assert (row.own, row.chosen) == pytest.approx((np.mean(own), np.mean(chosen)))
    assert row.gain == pytest.approx(np.mean(chosen) - np.mean(own))
    assert row.gain > 0.05
    assert row.threshold == pytest.approx(np.mean(thresholds))


def test_the_gain_of_a_threshold_is_a_paired_difference(found):
    from ecgrepro.evaluation.threshold import threshold_for, with_thresholds

    row = row_of(quality_tables.threshold_table(found, **FEW), start="beat", depth=2)
    table = stacked(found, "beat_2")
    moved = with_thresholds(table, threshold_for(table))
    made = paired_difference(moved, table, "balanced_accuracy", **settings(**FEW))
    expected = made.estimate, made.low, made.high
    assert (row["gain"], row["low"], row["high"]) == pytest.approx(expected, abs=1e-12)


def test_choices_are_compared_with_the_one_that_all_others_make():
    runs = [run(arm, seed, skill) for arm, skill in (("random_0", 2.0), ("grid_momentum_grey_log_0", 3.0))
            for seed in SEEDS]  # fmt: skip
    for one in runs[3:]:
        one["trial"]["arm"] = "grid_momentum_grey_log"
    (row,) = quality_tables.choice_table(runs, "random_0", **FEW).to_dict("records")
    assert row["choice"] == "momentum, grey, log"
    arms = [stacked(runs, arm) for arm in ("grid_momentum_grey_log", "random_0")]
    expected = paired_difference(*arms, "balanced_accuracy", **settings(**FEW))
    assert (row["difference"], row["low"], row["high"]) == pytest.approx(
        (expected.estimate, expected.low, expected.high)
    )
    assert quality_tables.choice_table(runs[:3], "random_0").empty


def test_what_was_learned_stands_beside_what_carries_over(found):
    made = quality_tables.transfer_table(found).set_index(["start", "depth"])
    row = made.loc[(quality_tables.STARTS["beat"], 5)]
    assert row.validation == pytest.approx(0.85)
    expected = arm_estimate(stacked(found, "beat_5"), "balanced_accuracy", **settings(**FEW))
    assert row.test == pytest.approx(expected.estimate)
    assert row.seeds == len(SEEDS)
