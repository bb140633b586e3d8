import pandas as pd
import pytest

from ecgrepro.corpora.cinc2017 import CLASSES
from ecgrepro.evaluation import metrics
from ecgrepro.evaluation.predictions import predicted_classes
from ecgrepro.studies import arm_tables
from ecgrepro.studies.resnet1d import SCALES
from ecgrepro.studies.scale import configure
from ecgrepro.training.store import read_results
from tests.studies import fabricated

PILOT = configure(SCALES, "pilot", seeds=3, arms=["random", "beat_2048"], labels=[1.0, 0.1])


@pytest.fixture(scope="module")
def found():
    return fabricated.results(fabricated.trials(PILOT), fabricated.gain)


def only(found, **wanted):
    return [r for r in found if all(r["trial"][name] == value for name, value in wanted.items())]


def test_arms_and_shares_come_in_reading_order(found):
    assert arm_tables.arms(found[::-1]) == ["random", "beat_2048"]
    assert arm_tables.shares(found[::-1]) == [1.0, 0.1]
    assert len(arm_tables.tuned(found)) == 12


def test_arms_are_chosen_in_the_order_asked_for(found):
    few = arm_tables.of_arms(found, ("beat_2048", "random", "rhythm"), (0.1,))
    assert [(r["trial"]["arm"], r["trial"]["recipe"]["labels"]) for r in few] == (
        [("beat_2048", 0.1)] * 3 + [("random", 0.1)] * 3
    )
    assert len(arm_tables.of_arms(found, ("random",))) == 6


def test_the_state_of_a_design_is_told_in_words():
    state = pd.DataFrame(
        {"arm": ["random", "beat"], "labels": [1.0, 0.1], "seeds": [5, 5], "finished": [5, 5]}
    )
    assert (
        arm_tables.state_sentence(state)
        == "10 of 10 fine-tuning runs of this design are committed: it is complete."
    )
    state.loc[1, "finished"] = 4
    told = arm_tables.state_sentence(state)
    assert told.startswith("9 of 10")
    assert "1 of 2 arms are whole" in told
    assert told.endswith("beat (10%).")


def test_scores_are_means_over_seeds_with_intervals(found):
    table = arm_tables.score_table(found)
    assert len(table) == 2 * 2 * len(arm_tables.METRICS)
    row = table.query("labels == 1.0 and arm == 'random' and metric == 'macro_f1'").iloc[0]
    runs = arm_tables.run_table(found).query("labels == 1.0 and arm == 'random'")
    assert row.estimate == pytest.approx(runs["test macro F1"].mean())
    assert row.low < row.estimate < row.high
    assert (row.seeds, row.records) == (3, 3 * fabricated.RECORDS)


def test_differences_are_to_the_random_arm_with_every_test_beside(found):
    table = arm_tables.difference_table(found)
    assert set(table.arm) == {"beat_2048"}
    assert len(table) == 2 * len(arm_tables.METRICS)
    scores = arm_tables.score_table(found).set_index(["labels", "arm", "metric"]).estimate
    for row in table.itertuples():
        expected = scores[row.labels, "beat_2048", row.metric] - scores[row.labels, "random", row.metric]
        assert row.difference == pytest.approx(expected)
        assert row.low <= row.difference <= row.high
        assert row.t_low <= row.difference <= row.t_high
    first = table.iloc[0]
    assert first.smallest_margin == pytest.approx((first.high - first.low) / 2)


def test_the_pages_interval_is_the_ledgers(found, tmp_path, monkeypatch):
    from ecgrepro.claims import ledger
    from ecgrepro.studies import evidence

    monkeypatch.setenv("ECGREPRO_HOME", str(tmp_path))
    folder = tmp_path / "results" / "pilot" / "resnet1d"
    two = configure(SCALES, "pilot", arms=["random", "beat_2048"], labels=[1.0])
    monkeypatch.setitem(SCALES, "pilot", two)
    fabricated.commit(folder, fabricated.trials(two), fabricated.gain)
    (claim,) = (claim for claim in ledger.load() if claim.id == "WC-T1-beat2048-macro-minus-random")
    made = evidence.estimate(claim, "pilot")
    row = (
        arm_tables.difference_table(read_results(folder))
        .query("labels == 1.0 and metric == 'macro_f1'")
        .iloc[0]
    )
    assert (row.difference, row.low, row.high) == (made.value, made.low, made.high)


def test_runs_are_listed_with_what_they_were(found):
    table = arm_tables.run_table(found)
    assert table[["labels", "seed"]].drop_duplicates().to_numpy().tolist() == [
        [share, seed] for share in (1.0, 0.1) for seed in range(3)
    ]
    first = table.iloc[0]
    assert (first["training records"], first["epochs"], first["best epoch"], first["hit cap"]) == (
        100,
        3,
        2,
        False,
    )
    assert first["validation macro F1"] == pytest.approx(0.2)
    (result,) = only(
        arm_tables.tuned(found), arm=first.arm, seed=first.seed, recipe=found_recipe(found, first.labels)
    )
    test = result["predictions"].query("part == 'test'")
    matrix = metrics.confusion_matrix(test.label.to_numpy(), predicted_classes(test), 4)
    assert first["test macro F1"] == metrics.macro_f1(matrix)


def test_pretrainings_are_judged_per_database_beside_the_majority(found):
    table = arm_tables.pretraining_table(found)
    assert table[["corpus", "seed"]].to_numpy().tolist() == [
        [corpus, seed] for corpus in ("mitbih_arrhythmia", "svdb") for seed in range(3)
    ]
    assert (table["majority class"] == 0.2).all()
    assert (table["balanced accuracy"] > table["majority class"]).all()
    assert table.frames.sum() == 3 * fabricated.RECORDS


def test_a_summary_of_pretrainings_holds_what_the_nets_span(found):
    table = arm_tables.pretraining_table(found)
    rows = arm_tables.pretraining_summary(table)
    assert list(rows.corpus) == ["mitbih_arrhythmia", "svdb"]
    part = table[table.corpus == "svdb"]["balanced accuracy"]
    row = rows.set_index("corpus").loc["svdb"]
    assert (row.nets, row.lowest, row.highest) == (3, part.min(), part.max())
    assert row["balanced accuracy"] == pytest.approx(part.mean())


def test_histories_name_their_runs(found):
    table = arm_tables.history_table(found)
    runs = arm_tables.tuned(found)
    assert len(table) == 3 * len(runs)
    assert len(table[["labels", "arm", "seed"]].drop_duplicates()) == len(runs)


def test_confusion_counts_hold_every_test_recording(found):
    table = arm_tables.confusion_table(found).query("labels == 1.0 and arm == 'random'")
    counts = table.set_index("labelled")[list(CLASSES)]
    assert (counts.sum(axis=1) == 3 * fabricated.RECORDS / 4).all()
    right = {name: counts.loc[name, name] for name in CLASSES}
    assert sum(right.values()) == sum(
        (predicted_classes(test) == test.label).sum()
        for result in only(arm_tables.tuned(found), arm="random")
        if result["trial"]["recipe"]["labels"] == 1.0
        for test in [result["predictions"].query("part == 'test'")]
    )


def test_an_arm_with_fewer_seeds_is_compared_with_the_same_seeds_of_the_reference(found):
    fewer = [r for r in found if r["trial"]["arm"] == "random" or r["trial"]["seed"] < 2]
    (row,) = arm_tables.difference_table(fewer).query("labels == 1.0 and metric == 'macro_f1'").itertuples()
    runs = arm_tables.run_table(found).query("labels == 1.0 and seed < 2")
    means = runs.groupby("arm")["test macro F1"].mean()
    assert row.seeds == 2
    assert row.difference == pytest.approx(means["beat_2048"] - means["random"])


def test_an_arm_with_other_labels_is_left_out_of_the_differences(found):
    def relabelled(result):
        table = result["predictions"]
        return result | {"predictions": table.assign(label=(table.label + 1) % 4)}

    other = [
        relabelled(r) if r["trial"]["arm"] == "beat_2048" and r["trial"]["stage"] == "fine-tuning" else r
        for r in found
    ]
    assert arm_tables.difference_table(other).empty
    assert not arm_tables.difference_table(found).empty


def found_recipe(found, share):
    return next(
        r["trial"]["recipe"] for r in arm_tables.tuned(found) if r["trial"]["recipe"]["labels"] == share
    )
