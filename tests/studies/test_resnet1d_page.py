import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from ecgrepro.evaluation import metrics
from ecgrepro.evaluation.predictions import predicted_classes
from ecgrepro.studies import resnet1d_page as page
from ecgrepro.studies.figures import WATERMARK
from ecgrepro.studies.resnet1d import SCALES
from ecgrepro.studies.scale import configure
from ecgrepro.training.store import read_results
from tests.studies import fabricated

PILOT = configure(SCALES, "pilot", seeds=3, arms=["random", "beat_2048"], labels=[1.0, 0.1])


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    folder = tmp_path_factory.mktemp("page") / "results"
    fabricated.commit(folder, fabricated.trials(PILOT), fabricated.gain)
    return read_results(folder)


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


def only(found, **wanted):
    return [r for r in found if all(r["trial"][name] == value for name, value in wanted.items())]


def test_arms_and_shares_come_in_reading_order(found):
    assert page.arms(found[::-1]) == ["random", "beat_2048"]
    assert page.shares(found[::-1]) == [1.0, 0.1]
    assert len(page.tuned(found)) == 12


def test_arms_are_chosen_in_the_order_asked_for(found):
    few = page.of_arms(found, ("beat_2048", "random", "rhythm"), (0.1,))
    assert [(r["trial"]["arm"], r["trial"]["recipe"]["labels"]) for r in few] == (
        [("beat_2048", 0.1)] * 3 + [("random", 0.1)] * 3
    )
    assert len(page.of_arms(found, ("random",))) == 6


def test_the_state_of_a_design_is_told_in_words():
    state = pd.DataFrame(
        {"arm": ["random", "beat"], "labels": [1.0, 0.1], "seeds": [5, 5], "finished": [5, 5]}
    )
    assert (
        page.state_sentence(state)
        == "10 of 10 fine-tuning runs of this design are committed: it is complete."
    )
    state.loc[1, "finished"] = 4
    told = page.state_sentence(state)
    assert told.startswith("9 of 10")
    assert "1 of 2 arms are whole" in told
    assert told.endswith("beat (10%).")


def test_arms_without_runs_at_a_share_of_labels_are_left_out(found):
    few = [r for r in found if (r["trial"]["arm"], r["trial"]["recipe"].get("labels")) != ("beat_2048", 1.0)]
    assert set(page.score_table(few, ["macro_f1"]).query("labels == 1").arm) == {"random"}
    assert set(page.difference_table(few).labels) == {0.1}
    page.draw_scores(few)
    page.draw_differences(few)
    page.draw_learning_curves(few)


def test_printed_figures_are_set_against_the_random_arm_of_their_table():
    table = page.printed_table().set_index("first")
    best = table.loc["WC-T1-beat2048-macro"]
    assert best.difference == pytest.approx(0.779 - 0.731, abs=0.0011)
    assert best["t from"] <= best["t to"]
    assert "T1F-T2-100-macro" in table.index


def test_published_effects_are_the_papers_differences():
    from ecgrepro.claims.table import claims_table

    assert page.published_effects(claims_table())["beat_2048", "random"] == pytest.approx(0.048)


def test_scores_are_means_over_seeds_with_intervals(found):
    table = page.score_table(found)
    assert len(table) == 2 * 2 * len(page.METRICS)
    row = table.query("labels == 1.0 and arm == 'random' and metric == 'macro_f1'").iloc[0]
    runs = page.run_table(found).query("labels == 1.0 and arm == 'random'")
    assert row.estimate == pytest.approx(runs["test macro F1"].mean())
    assert row.low < row.estimate < row.high
    assert (row.seeds, row.records) == (3, 3 * fabricated.RECORDS)


def test_differences_are_to_the_random_arm_with_every_test_beside(found):
    table = page.difference_table(found)
    assert set(table.arm) == {"beat_2048"}
    assert len(table) == 2 * len(page.METRICS)
    scores = page.score_table(found).set_index(["labels", "arm", "metric"]).estimate
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
    row = page.difference_table(read_results(folder)).query("labels == 1.0 and metric == 'macro_f1'").iloc[0]
    assert (row.difference, row.low, row.high) == (made.value, made.low, made.high)


def test_runs_are_listed_with_what_they_were(found):
    table = page.run_table(found)
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
        page.tuned(found), arm=first.arm, seed=first.seed, recipe=found_recipe(found, first.labels)
    )
    test = result["predictions"].query("part == 'test'")
    matrix = metrics.confusion_matrix(test.label.to_numpy(), predicted_classes(test), 4)
    assert first["test macro F1"] == metrics.macro_f1(matrix)


def found_recipe(found, share):
    return next(r["trial"]["recipe"] for r in page.tuned(found) if r["trial"]["recipe"]["labels"] == share)


def test_pretrainings_are_judged_per_database_beside_the_majority(found):
    table = page.pretraining_table(found)
    assert table[["corpus", "seed"]].to_numpy().tolist() == [
        [corpus, seed] for corpus in ("mitbih_arrhythmia", "svdb") for seed in range(3)
    ]
    assert (table["majority class"] == 0.2).all()
    assert (table["balanced accuracy"] > table["majority class"]).all()
    assert table.frames.sum() == 3 * fabricated.RECORDS


def test_one_arm_alone_has_no_differences_and_no_pretrainings(found):
    alone = only(page.tuned(found), arm="random")
    assert page.difference_table(alone).empty
    assert page.pretraining_table(alone).empty
    assert "another" in page.draw_differences(alone).axes[0].get_title()
    pretrained = only(page.tuned(found), arm="beat_2048")
    assert page.difference_table(pretrained).empty


def test_differences_of_two_arms_are_titled_by_their_share_of_labels(found):
    titles = [ax.get_title() for ax in page.draw_differences(found).axes]
    assert titles == [f"{share:.0%} of the labels" for share in page.shares(found)]


def test_one_seed_still_makes_a_page(found):
    one = only(found, seed=0)
    assert np.isfinite(page.difference_table(one).difference).all()
    page.draw_differences(one)
    page.draw_scores(one)


DRAWN = [page.draw_scores, page.draw_differences, page.draw_learning_curves, page.draw_confusion]


@pytest.mark.parametrize("draw", DRAWN)
@pytest.mark.parametrize("synthetic", [True, False])
def test_figures_of_synthetic_data_carry_the_mark_and_others_do_not(found, draw, synthetic):
    made = draw(found, synthetic=synthetic)
    made.canvas.draw()
    assert (WATERMARK in [text.get_text() for text in made.texts]) is synthetic


def test_every_run_has_its_learning_curve_with_its_best_epoch(found):
    made = page.draw_learning_curves(found)
    for ax in made.axes:
        curves = [line for line in ax.lines if len(line.get_xdata()) == 3]
        dots = [line for line in ax.lines if len(line.get_xdata()) == 1]
        assert len(curves) == len(dots) == 6
        assert {float(dot.get_xdata()[0]) for dot in dots} == {2.0}


def test_every_seed_has_its_dot(found):
    made = page.draw_scores(found)
    runs = page.run_table(found)
    for ax, share in zip(made.axes, (1.0, 0.1), strict=True):
        drawn = sorted(y for line in ax.lines if line.get_marker() == "o" for y in line.get_ydata())
        assert drawn == sorted(runs[runs.labels == share]["test macro F1"])


def test_confusion_counts_all_test_records_of_all_seeds(found):
    made = page.draw_confusion(found)
    for ax in made.axes:
        assert sum(int(text.get_text().replace(",", "")) for text in ax.texts) == 3 * fabricated.RECORDS


def test_confusion_can_be_drawn_for_a_share(found):
    made = page.draw_confusion(found, share=0.1)
    assert len(made.axes) == 2
