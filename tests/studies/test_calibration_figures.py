import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from ecgrepro.studies import calibration, calibration_demo
from ecgrepro.studies import calibration_figures as draw
from ecgrepro.studies.calibration_tables import COMPARED, SCORES
from ecgrepro.studies.figures import WATERMARK
from tests.studies.test_calibration import SUPERCLASSES, multi_label_table


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def bins():
    table, _ = calibration_demo.simulated("overconfident", 300, 900, 0)
    return draw.reliability_of(table, "simulated", calibration.CLASSES[4])


def test_bins_hold_every_test_record_once_in_each_panel(bins):
    totals = bins.groupby(["calibrator", "class"]).n.sum()
    assert set(totals) == {900}
    assert set(bins["class"]) == {*calibration.CLASSES[4], draw.TOP}
    assert bins.groupby(["calibrator", "class"]).size().max() == draw.N_BINS


def test_a_mark_is_the_share_that_comes_true():
    table, _ = calibration_demo.simulated("overconfident", 300, 900, 0)
    bins = draw.reliability_of(table, "simulated", calibration.CLASSES[4], calibrators=("none",))
    test = table.query("part == 'test'").sort_values("record_id")
    probabilities = calibration.calibrated(table, "none")[0]
    last = bins[bins["class"] == "AF"].iloc[-1]
    chosen = probabilities[:, 1] >= last.lowest
    assert (chosen.sum(), (test.label[chosen] == 1).mean()) == (last.n, last.observed)


def test_records_of_several_seeds_are_drawn_together_in_fewer_bins():
    table = pd.concat([multi_label_table(seed) for seed in (0, 1)], ignore_index=True)
    bins = draw.reliability_of(table, "net", SUPERCLASSES, calibrators=("none",))
    assert set(bins["class"]) == set(SUPERCLASSES) - {"HYP"}, (
        "a rare class is left out, and no top label exists"
    )
    assert set(bins.groupby("class").size()) == {240 // draw.RECORDS_PER_BIN}
    assert set(bins.interval) <= {"bootstrap", "wilson of clusters"}
    alone = draw.reliability_of(multi_label_table(0), "net", SUPERCLASSES, calibrators=("none",))
    assert set(alone.interval) == {"wilson"}


def test_a_diagram_has_a_column_for_each_class_and_a_row_for_each_calibrator(bins):
    both = pd.concat([bins, bins.assign(net="other")])
    made = draw.draw_reliability(both, synthetic=True)
    assert len(made.axes) == 5 * len(COMPARED)
    assert [ax.get_title() for ax in made.axes[:5]] == [*calibration.CLASSES[4], draw.TOP]
    assert all(len(ax.containers) == 2 for ax in made.axes)
    assert [text.get_text() for text in made.texts] == [WATERMARK]
    assert [text.get_text() for text in made.legends[0].get_texts()] == ["simulated", "other"]


def test_differences_have_a_panel_for_each_score_and_a_line_for_each_pair():
    rows = [{"pair": pair, "calibrator": name, "score": score, "difference": -0.1, "low": -0.2, "high": 0.1}
            for pair in ("one", "two", "three") for name in COMPARED for score in SCORES]  # fmt: skip
    made = draw.draw_differences(pd.DataFrame(rows))
    assert [ax.get_title() for ax in made.axes] == list(SCORES.values())
    assert [label.get_text() for label in made.axes[0].get_yticklabels()] == ["one", "two", "three"]
    assert all(len(ax.containers) == 2 for ax in made.axes)


def test_a_score_that_a_pair_lacks_leaves_its_panel_empty():
    rows = [{"pair": "one", "calibrator": name, "score": "brier", "difference": 0.0, "low": -0.2, "high": 0.1}
            for name in COMPARED]  # fmt: skip
    made = draw.draw_differences(pd.DataFrame(rows))
    assert [len(ax.containers) for ax in made.axes] == [2, 0, 0, 0]


def test_temperatures_have_a_dot_for_each_run():
    rows = [{"net": net, "labels": share, "seed": seed, "temperature": 1.2 + seed}
            for net in ("net, random start", "net, beats") for share in (1.0, 0.1) for seed in (0, 1, 2)]  # fmt: skip
    (ax,) = draw.draw_temperatures(pd.DataFrame(rows)).axes
    assert [label.get_text() for label in ax.get_yticklabels()][0] == "net, random start, 100%"
    assert sum(len(line.get_xdata()) for line in ax.lines if line.get_marker() == "o") == 12


def test_calibrators_are_drawn_as_changes_of_the_net_as_it_is():
    values = {"none": 0.5, "platt": 0.3, "prevalence": 9.0}
    rows = [{"net": "net", "labels": 1.0, "calibrator": name, "brier": value, "log_loss": value,
             "classwise_debiased": value} for name, value in values.items()]  # fmt: skip
    made = draw.draw_calibrators(pd.DataFrame(rows))
    marks = [line for line in made.axes[0].lines if line.get_marker() == "o"]
    assert len(marks) == 1
    np.testing.assert_allclose(marks[0].get_xdata(), [-0.2])


def test_sample_sizes_have_a_line_for_each_calibrator():
    found = calibration_demo.sample_sizes(sizes=(50, 100), seeds=(0,))
    (ax,) = draw.draw_sample_sizes(found, synthetic=True).axes
    assert len(ax.get_legend().get_texts()) == len(calibration_demo.CALIBRATED)
    assert set(draw.CALLED) == set(draw.COLOURS) >= set(calibration_demo.CALIBRATED)
