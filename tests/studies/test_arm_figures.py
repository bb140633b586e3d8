import matplotlib.pyplot as plt
import numpy as np
import pytest

from ecgrepro.studies import arm_figures, arm_tables
from ecgrepro.studies.figures import WATERMARK
from ecgrepro.studies.resnet1d import SCALES
from ecgrepro.studies.scale import configure
from tests.studies import fabricated

PILOT = configure(SCALES, "pilot", seeds=3, arms=["random", "beat_2048"], labels=[1.0, 0.1])


@pytest.fixture(scope="module")
def found():
    return fabricated.results(fabricated.trials(PILOT), fabricated.gain)


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


def only(found, **wanted):
    return [r for r in found if all(r["trial"][name] == value for name, value in wanted.items())]


def test_one_arm_alone_has_no_differences_and_no_pretrainings(found):
    alone = only(arm_tables.tuned(found), arm="random")
    assert arm_tables.difference_table(alone).empty
    assert arm_tables.pretraining_table(alone).empty
    assert "another" in arm_figures.draw_differences(alone).axes[0].get_title()
    pretrained = only(arm_tables.tuned(found), arm="beat_2048")
    assert arm_tables.difference_table(pretrained).empty


def test_differences_of_two_arms_are_titled_by_their_share_of_labels(found):
    titles = [ax.get_title() for ax in arm_figures.draw_differences(found).axes]
    assert titles == [f"{share:.0%} of the labels" for share in arm_tables.shares(found)]


def test_differences_at_hand_are_drawn_and_not_made_again(found, monkeypatch):
    table = arm_tables.difference_table(found).assign(difference=0.25, low=0.2, high=0.3)
    monkeypatch.setattr(arm_figures, "difference_table", None)
    for ax in arm_figures.draw_differences(found, table).axes:
        (marks,) = [line for line in ax.lines if line.get_marker() == "o"]
        assert set(marks.get_xdata()) == {0.25}


def test_one_seed_still_makes_a_page(found):
    one = only(found, seed=0)
    assert np.isfinite(arm_tables.difference_table(one).difference).all()
    arm_figures.draw_differences(one)
    arm_figures.draw_scores(one)


DRAWN = [
    arm_figures.draw_scores,
    arm_figures.draw_differences,
    arm_figures.draw_learning_curves,
    arm_figures.draw_confusion,
]


@pytest.mark.parametrize("draw", DRAWN)
@pytest.mark.parametrize("synthetic", [True, False])
def test_figures_of_synthetic_data_carry_the_mark_and_others_do_not(found, draw, synthetic):
    made = draw(found, synthetic=synthetic)
    made.canvas.draw()
    assert (WATERMARK in [text.get_text() for text in made.texts]) is synthetic


def test_every_run_has_its_learning_curve_with_its_best_epoch(found):
    made = arm_figures.draw_learning_curves(found)
    for ax in made.axes:
        curves = [line for line in ax.lines if len(line.get_xdata()) == 3]
        dots = [line for line in ax.lines if len(line.get_xdata()) == 1]
        assert len(curves) == len(dots) == 6
        assert {float(dot.get_xdata()[0]) for dot in dots} == {2.0}


def test_every_seed_has_its_dot(found):
    made = arm_figures.draw_scores(found)
    runs = arm_tables.run_table(found)
    for ax, share in zip(made.axes, (1.0, 0.1), strict=True):
        drawn = sorted(y for line in ax.lines if line.get_marker() == "o" for y in line.get_ydata())
        assert drawn == sorted(runs[runs.labels == share]["test macro F1"])


def test_confusion_counts_all_test_records_of_all_seeds(found):
    made = arm_figures.draw_confusion(found)
    for ax in made.axes:
        assert sum(int(text.get_text().replace(",", "")) for text in ax.texts) == 3 * fabricated.RECORDS


def test_confusion_can_be_drawn_for_a_share(found):
    made = arm_figures.draw_confusion(found, share=0.1)
    assert len(made.axes) == 2


def test_arms_without_runs_at_a_share_of_labels_are_left_out(found):
    few = [r for r in found if (r["trial"]["arm"], r["trial"]["recipe"].get("labels")) != ("beat_2048", 1.0)]
    assert set(arm_tables.score_table(few, ["macro_f1"]).query("labels == 1").arm) == {"random"}
    assert set(arm_tables.difference_table(few).labels) == {0.1}
    arm_figures.draw_scores(few)
    arm_figures.draw_differences(few)
    arm_figures.draw_learning_curves(few)
