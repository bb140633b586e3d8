import matplotlib.pyplot as plt
import numpy as np
import pytest

from ecgrepro.claims import ledger
from ecgrepro.studies import designs, evidence, resnet1d, spectrogram2d
from ecgrepro.studies import spectrogram2d_page as page
from ecgrepro.studies.arm_tables import of_arms, run_table, score_table
from ecgrepro.studies.comparisons import pair_table, power_table
from ecgrepro.studies.figures import WATERMARK
from ecgrepro.studies.scale import configure
from tests.studies import fabricated

CLAIMS = {claim.id: claim for claim in ledger.load()}
SEEDS = 3
TWO = configure(spectrogram2d.SCALES, "pilot", seeds=SEEDS)
ONE = configure(resnet1d.SCALES, "pilot", seeds=SEEDS, arms=["random", "beat_2048"], labels=[1.0, 0.1])
RISES = {"2d": 0.0, "2d_scaled": 0.06, "2d_constants": 0.12, "2d_matched": 0.18, "2d_log": 0.24}


def accuracy(trial):
    """Each step is right more often than the one before, the 1-D net more often than all, pre-training too."""
    start, _, step = trial.arm.partition("_")
    gain = 0.1 if start == "beat" else 0.0
    if trial.study == "resnet1d":
        return 0.75 + gain
    if "window" in step:
        return 0.3 + int(step.rpartition("_")[2]) / 2000
    return 0.4 + gain + RISES[step]


def listed(scale, study):
    return study.trials(scale, fabricated.WORKSPACE)


@pytest.fixture(scope="module", autouse=True)
def _few_resamples():
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(evidence.RESAMPLING, "n_resamples", 200)
        yield


@pytest.fixture(scope="module")
def found():
    return fabricated.results([*listed(ONE, resnet1d), *listed(TWO, spectrogram2d)], accuracy)


@pytest.fixture(scope="module")
def steps(found):
    return page.step_table(found, [1.0, 0.1])


@pytest.fixture(scope="module")
def windows(found):
    return page.window_table(found, [0.1])


@pytest.fixture(scope="module")
def scores(found):
    return score_table(of_arms(found, page.ORDER), ["macro_f1"])


@pytest.fixture(scope="module")
def classes(found):
    return score_table(of_arms(found, page.CHOSEN), page.PER_CLASS)


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


def without(found, *arms):
    return [result for result in found if result["trial"]["arm"] not in arms]


def test_every_arm_of_the_pilot_has_its_place_once():
    assert len(set(page.ORDER)) == len(page.ORDER)
    assert set(page.ORDER) == {*spectrogram2d.SCALES["pilot"].arms, "random", "beat_2048"}
    assert {arm for pair in page.PAIRS for arm in pair} <= set(page.ORDER)
    assert set(page.CHOSEN) <= set(page.ORDER)


def test_margin_and_effect_are_the_ledgers():
    assert page.margin() == CLAIMS["T1F-1d2d-0"].margin
    assert {claim.margin for claim in page.equality_claims().values()} == {page.margin()}
    assert {pair: -effect for pair, effect in page.published_effects().items()} == dict.fromkeys(
        [("beat_2d", "beat_2048"), ("beat_2d_matched", "beat_2048"), ("beat_2d_log", "beat_2048")],
        CLAIMS["T1F-1d2d-100-88"].published,
    )


def test_pairs_are_2d_minus_1d_wherever_both_were_run(found):
    table = pair_table(found, page.PAIRS, [1.0, 0.1])
    assert table.labels.tolist() == [1.0] * 4 + [0.1] * 6
    for (first, second), row in zip(page.PAIRS[:4], table.itertuples(), strict=False):
        assert row.difference == pytest.approx(page.level(found, first, 1.0) - page.level(found, second, 1.0))
    assert (table.difference < 0).all()
    assert len(power_table(found, page.published_effects(), [1.0, 0.1])) == 5


def test_each_step_changes_the_level_before_into_the_one_after(found, steps):
    for row in steps.to_dict("records"):
        arms = [f"{row['start']}_{row[end]}" for end in ("from", "to")]
        before, after = (page.level(found, arm, row["labels"]) for arm in arms)
        assert (row["before"], row["after"]) == pytest.approx((before, after))
        assert row["change"] == pytest.approx(after - before)
        assert row["low"] <= row["change"] <= row["high"]
        assert row["1-D net"] == page.level(found, page.ONE_DIMENSIONAL[row["start"]], row["labels"])
        assert row["seeds"] == SEEDS


def test_steps_follow_one_another_through_the_arms_that_were_run(steps):
    walks = {key: [*part["from"][:1], *part.to] for key, part in steps.groupby(["labels", "start"])}
    assert walks == {
        (1.0, "random"): ["2d", "2d_matched"], (1.0, "beat"): ["2d", "2d_matched"],
        (0.1, "random"): ["2d", "2d_constants", "2d_matched", "2d_log"],
        (0.1, "beat"): ["2d", "2d_scaled", "2d_constants", "2d_matched", "2d_log"],
    }  # fmt: skip


def test_a_step_without_runs_is_stepped_over_and_a_1d_net_without_runs_left_out(found):
    table = page.step_table(without(found, "beat_2d_constants", "beat_2048"), [0.1])
    walk = table[table.start == "beat"]
    assert list(zip(walk["from"], walk.to, strict=True)) == [
        ("2d", "2d_scaled"), ("2d_scaled", "2d_matched"), ("2d_matched", "2d_log")
    ]  # fmt: skip
    assert walk["1-D net"].isna().all()
    assert "1-D net" not in page.draw_steps(walk).axes[0].get_title()


def test_the_staircase_stands_on_the_levels_of_its_table(steps):
    few = steps[steps.labels == 0.1]
    made = page.draw_steps(few)
    assert len(made.axes) == 2
    for ax, start in zip(made.axes, ("random", "beat"), strict=True):
        part = few[few.start == start]
        stairs = [segment[0][1] for segment in ax.collections[0].get_segments()]
        assert stairs == pytest.approx([part.before.iloc[0], *part.after])
        bars = [bar.lines[2][0].get_segments()[0] for bar in ax.containers]
        assert [tuple(bar[:, 1]) for bar in bars] == [
            pytest.approx((row.before + row.low, row.before + row.high)) for row in part.itertuples()
        ]
        assert len(ax.get_xticklabels()) == len(part) + 1
        assert [text.get_text() for text in ax.texts] == [f"{change:+.3f}" for change in part.change]


def test_windows_are_told_in_milliseconds_beside_the_published_one(found, windows):
    assert windows.milliseconds.tolist() == [256, 512, 1024, 2048]
    base = windows[windows.window == 256].iloc[0]
    assert np.isnan(base.difference)
    assert base.estimate == pytest.approx(page.level(found, "random_2d_matched", 0.1))
    for row in windows[windows.window != 256].itertuples():
        assert row.difference == pytest.approx(row.estimate - base.estimate)
        assert row.difference_low <= row.difference <= row.difference_high
    assert (windows["1-D net"] == page.level(found, "random", 0.1)).all()


def test_windows_without_the_published_one_have_no_differences(found):
    table = page.window_table(without(found, "random_2d_matched"), [0.1])
    assert table.window.tolist() == [64, 128, 512]
    assert table.difference.isna().all()


def test_every_seed_of_every_window_has_its_dot(found, windows):
    (ax,) = page.draw_windows(windows, found).axes
    dots = [y for line in ax.lines if line.get_marker() == "o" for y in line.get_ydata()]
    arms = list(page.WINDOW_ARMS.values())
    expected = run_table(of_arms(found, arms, [0.1]))["test macro F1"]
    assert sorted(dots) == sorted(expected)
    assert [text.get_text() for text in ax.get_xticklabels()] == ["256", "512", "1,024", "2,048"]


def test_every_run_has_its_dot_in_the_row_of_its_arm(found, scores):
    runs = run_table(of_arms(found, page.ORDER))
    made = page.draw_scores(scores, runs)
    for ax, share in zip(made.axes, (1.0, 0.1), strict=True):
        dots = [line for line in ax.lines if line.get_marker() == "o"]
        assert sum(len(line.get_xdata()) for line in dots) == (runs.labels == share).sum()
        for line in dots:
            arm = page.ORDER[-round(line.get_ydata()[0])]
            expected = runs[(runs.labels == share) & (runs.arm == arm)]["test macro F1"]
            assert sorted(line.get_xdata()) == sorted(expected)
    assert len(made.axes[0].get_yticklabels()) == len(page.ORDER)


def test_classes_have_a_mark_for_every_arm(classes):
    made = page.draw_classes(classes)
    for ax, share in zip(made.axes, (1.0, 0.1), strict=True):
        drawn = sorted(y for bar in ax.containers for y in bar.lines[0].get_ydata())
        assert drawn == sorted(classes[classes.labels == share].estimate)
    assert len(made.legends[0].get_texts()) == len(page.CHOSEN)


def test_printed_nets_are_2d_minus_1d_with_the_readers_t():
    table = page.printed_nets().set_index("comparison")
    assert list(table.index) == list(page.SIZES.values())
    for name, claim in page.equality_claims().items():
        row = table.loc[page.SIZES[name.removeprefix(page.EQUAL_NETS)]]
        assert row.difference_from < -claim.published < row.difference_to
    # 1-D after all of Icentia11k and 2-D after 88 %, from the figures as printed
    row = table.loc["88 % − all"]
    assert row.t_from < -1.49 < row.t_to


@pytest.mark.parametrize("synthetic", [True, False])
def test_figures_of_synthetic_data_carry_the_mark_and_others_do_not(
    found, steps, windows, scores, classes, synthetic
):
    drawn = [
        page.draw_steps(steps[steps.labels == 0.1], synthetic=synthetic),
        page.draw_windows(windows, found, synthetic=synthetic),
        page.draw_scores(scores, run_table(of_arms(found, page.ORDER)), synthetic=synthetic),
        page.draw_classes(classes, synthetic=synthetic),
    ]
    for made in drawn:
        made.canvas.draw()
        assert (WATERMARK in [text.get_text() for text in made.texts]) is synthetic


@pytest.fixture
def pilots(tmp_path, monkeypatch):
    """Small pilots of both studies, one run of which is missing: what `committed` reads."""
    wanted = {
        resnet1d: {"arms": ["random", "beat_512"], "labels": [1.0, 0.5]},
        spectrogram2d: {"arms": ["random_2d", "beat_2d"], "labels": 1.0},
    }
    small = {
        study: configure(study.SCALES, "pilot", seeds=2, **settings) for study, settings in wanted.items()
    }
    monkeypatch.setenv("ECGREPRO_HOME", str(tmp_path))
    for study, scale in small.items():
        monkeypatch.setitem(study.SCALES, "pilot", scale)
        trials = listed(scale, study)
        if study is spectrogram2d:
            trials = trials[:-1]
        fabricated.commit(tmp_path / "results" / "pilot" / study.STUDY, trials, lambda trial: 0.7)
    designs.forget()
    yield
    designs.forget()


def test_only_whole_arms_are_shown_and_of_the_1d_ones_those_beside(pilots):
    found, state = page.committed()
    tuned = {
        (r["trial"]["arm"], r["trial"]["recipe"]["labels"])
        for r in found
        if r["trial"]["stage"] == "fine-tuning"
    }
    assert tuned == {("random", 1.0), ("random_2d", 1.0)}
    assert {r["trial"]["arm"] for r in found if r["trial"]["stage"] == "pretraining"} == {"beat_2d"}
    assert state[["arm", "seeds", "finished"]].to_numpy().tolist() == [
        ["random_2d", 2, 2],
        ["beat_2d", 2, 1],
    ]


def test_without_results_the_page_has_empty_tables(tmp_path, monkeypatch):
    monkeypatch.setenv("ECGREPRO_HOME", str(tmp_path))
    designs.forget()
    found, state = page.committed()
    assert found == []
    assert not state.finished.any()
    assert set(state.arm) == set(page.ORDER) - set(page.ONE_DIMENSIONAL.values())
    assert page.step_table(found, []).empty
    assert page.window_table(found, []).empty
    assert pair_table(found, page.PAIRS, []).empty
    designs.forget()


def test_the_pages_difference_is_the_ledgers_turned_round(found):
    claim = CLAIMS["T1F-1d2d-0"]
    one, two = (designs.predictions(found, arm, 1.0) for arm in ("random", "random_2d"))
    made = evidence.paired_difference(one, two, claim.comparison["metric"], **evidence.RESAMPLING)
    row = pair_table(found, page.PAIRS[:1], [1.0]).iloc[0]
    assert row.difference == pytest.approx(-made.estimate)
    assert (row.low, row.high) == pytest.approx((-made.high, -made.low))
