import numpy as np
import pytest

from ecgrepro.errors import InputError, SettingsError
from ecgrepro.evaluation.mcnemar import adjusted_p, clustered_mcnemar_test, mcnemar_test
from ecgrepro.evaluation.pairwise_mcnemar import P_VALUES, pairwise_mcnemar
from ecgrepro.evaluation.predictions import combine_predictions, predicted_classes, prediction_table
from ecgrepro.evaluation.quality import recordings


@pytest.fixture
def arms(build_intervals):
    return {
        f"frozen_{i}": build_intervals(n_seeds=3, arm_seed=i, noise=noise)
        for i, noise in enumerate([0.5, 1, 2])
    }


def right(table):
    return (predicted_classes(table) == table["label"]).to_numpy()


def of_classes(answers, labels, seed, n_classes=3, strength=1.0):
    logits = strength * np.eye(n_classes)[answers]
    ids = [f"R{index}" for index in range(len(labels))]
    return prediction_table(ids, labels, logits, part="test", fold=0, seed=seed)


def test_each_run_is_tested_by_itself(arms):
    found = pairwise_mcnemar(arms, unit="run", clusters=recordings(arms["frozen_0"]["record_id"]))
    assert len(found) == 9
    assert list(zip(found["first"], found["second"], strict=True))[:3] == [
        ("frozen_0", "frozen_1"), ("frozen_0", "frozen_2"), ("frozen_1", "frozen_2"),
    ]  # fmt: skip
    row = found[(found["seed"] == 1) & (found["second"] == "frozen_2")].iloc[0]
    a, b = (right(arms[name][arms[name]["seed"] == 1]) for name in ("frozen_0", "frozen_2"))
    assert (row["both_right"], row["both_wrong"]) == ((a & b).sum(), (~a & ~b).sum())
    expected = mcnemar_test((a & ~b).sum(), (b & ~a).sum())
    assert (row["first_only"], row["second_only"]) == (expected.first_only, expected.second_only)
    assert row["p_mid"] == expected.p_mid
    per_recording = [only.reshape(60, 4).sum(axis=1) for only in (a & ~b, b & ~a)]
    clustered = clustered_mcnemar_test(*per_recording)
    assert (row["p_clustered"], row["n_unequal"]) == (clustered.p, clustered.n_unequal)
    assert (row["n_answers"], row["n_clusters"]) == (240, 60)


def test_pooling_adds_the_runs_up_and_keeps_recordings_together(arms):
    clusters = recordings(arms["frozen_0"]["record_id"])
    runs = pairwise_mcnemar(arms, unit="run", clusters=clusters)
    pooled = pairwise_mcnemar(arms, unit="pooled", clusters=clusters)
    assert pooled["seed"].tolist() == [-1] * 3
    counts = ["n_answers", "both_right", "first_only", "second_only", "both_wrong"]
    sums = runs.groupby(["first", "second"], sort=False)[counts].sum().to_numpy()
    np.testing.assert_array_equal(pooled[counts], sums)
    assert pooled["n_clusters"].tolist() == [60] * 3


def test_repeating_the_same_runs_convinces_the_plain_test_alone(build_intervals):
    once = {
        name: build_intervals(arm_seed=i, noise=n) for i, (name, n) in enumerate([("a", 0.5), ("b", 1.5)])
    }
    repeated = {
        name: combine_predictions([arm.assign(seed=seed) for seed in range(10)]) for name, arm in once.items()
    }
    clusters = recordings(once["a"]["record_id"])
    single, pooled = (
        pairwise_mcnemar(arms, unit="pooled", clusters=clusters).iloc[0] for arms in (once, repeated)
    )
    assert pooled["chi2"] == pytest.approx(10 * single["chi2"])
    assert pooled["chi2_clustered"] == pytest.approx(single["chi2_clustered"])


def test_a_vote_is_the_class_most_seeds_answer_and_ties_go_to_the_larger_sum_of_logits():
    labels = [0, 1, 2, 0, 1]
    #            majority 0, 1; tie 1-2 with 2 stronger; tie 0-1 with 0 stronger; three-way: 0, 1, 2 equal
    runs = [([0, 1, 2, 0, 1], 3.0), ([0, 1, 2, 0, 0], 2.0), ([1, 2, 1, 1, 1], 1.0), ([2, 1, 1, 1, 0], 2.0)]
    voter = combine_predictions(
        [of_classes(np.array(a), labels, seed, strength=s) for seed, (a, s) in enumerate(runs)]
    )
    never = combine_predictions([of_classes((np.array(labels) + 1) % 3, labels, seed) for seed in range(4)])
    row = pairwise_mcnemar({"voter": voter, "never": never}, unit="vote").iloc[0]
    # the last record ties two to two and in its logits: the lowest class, which is wrong
    assert (row["n_answers"], row["first_only"], row["both_wrong"]) == (5, 4, 1)


def test_p_values_are_corrected_over_the_pairs_of_each_run(arms):
    found = pairwise_mcnemar(arms, unit="run")
    for _, rows in found.groupby("seed"):
        for column in P_VALUES:
            for method in ("holm", "bonferroni"):
                expected = adjusted_p(rows[column], method)
                np.testing.assert_array_equal(rows[f"{column}_{method}"], expected)


@pytest.mark.parametrize("unit", ["run", "pooled", "vote"])
def test_row_order_does_not_matter(arms, unit):
    shuffled = {name: arm.sample(frac=1, random_state=3) for name, arm in arms.items()}
    assert pairwise_mcnemar(shuffled, unit=unit).equals(pairwise_mcnemar(arms, unit=unit))


def test_seeds_with_records_of_their_own_can_be_run_and_pooled_but_not_vote(build_intervals):
    arms = {name: build_intervals(2, arm_seed=i, crossed=False) for i, name in enumerate("ab")}
    assert pairwise_mcnemar(arms, unit="run")["n_answers"].tolist() == [240, 240]
    assert pairwise_mcnemar(arms, unit="pooled")["n_clusters"].tolist() == [480]
    with pytest.raises(InputError, match="records of one seed each"):
        pairwise_mcnemar(arms, unit="vote")


def test_what_cannot_be_compared_is_refused(arms):
    with pytest.raises(SettingsError, match="'run', 'pooled', 'vote'"):
        pairwise_mcnemar(arms, unit="seed")
    with pytest.raises(InputError, match="two or more tables"):
        pairwise_mcnemar({"a": arms["frozen_0"]}, unit="run")
    with pytest.raises(InputError, match="arms 1 and 2: expected the same records"):
        pairwise_mcnemar({"a": arms["frozen_0"], "b": arms["frozen_1"].iloc[1:]}, unit="run")
