import matplotlib.pyplot as plt
import pytest

from ecgrepro.evaluation.comparison import paired_difference
from ecgrepro.studies import comparisons
from ecgrepro.studies.arm_tables import score_table
from ecgrepro.studies.designs import predictions
from ecgrepro.studies.evidence import RESAMPLING
from ecgrepro.studies.figures import WATERMARK
from ecgrepro.studies.resnet1d import SCALES
from ecgrepro.studies.scale import configure
from tests.studies import fabricated

PILOT = configure(SCALES, "pilot", seeds=3, arms=["random", "beat_2048", "linear_probe"], labels=[1.0, 0.1])
PAIRS = (("beat_2048", "random"), ("linear_probe", "random"), ("rhythm", "random"))


@pytest.fixture(scope="module")
def found():
    return fabricated.results(fabricated.trials(PILOT), fabricated.gain)


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


def test_pairs_without_runs_are_left_out(found):
    table = comparisons.pair_table(found, PAIRS, (1.0, 0.5))
    assert list(table.comparison) == [
        "beat, 8.2 s frames − random start",
        "linear probe on beat − random start",
    ]
    assert set(table.labels) == {1.0}
    assert comparisons.pair_table([], PAIRS, (1.0,)).empty


def test_a_row_is_the_paired_difference_of_its_arms(found):
    row = comparisons.pair_table(found, PAIRS, (0.1,)).iloc[0]
    first, second = (predictions(found, arm, 0.1) for arm in ("beat_2048", "random"))
    made = paired_difference(first, second, "macro_f1", **RESAMPLING)
    assert (row.difference, row.low, row.high) == (made.estimate, made.low, made.high)
    assert (row.seeds, row.records) == (3, 3 * fabricated.RECORDS)


def test_equality_needs_the_whole_interval_within_the_margin(found):
    pairs = [("beat_2048", "random"), ("beat_2048", "linear_probe")]
    far, _ = comparisons.equality_table(found, pairs, (1.0,)).itertuples()
    answers = "they are"
    assert list(comparisons.equality_table(found, pairs, (1.0,))[answers]) == ["different", "equal"]
    assert set(comparisons.equality_table(found, pairs, (1.0,), margin=0.9)[answers]) == {"equal"}
    between = (far.low + far.high) / 2
    (row,) = comparisons.equality_table(found, pairs[:1], (1.0,), margin=between)[answers]
    assert row == "open", "an interval that holds the margin itself decides nothing"


def test_seeds_needed_grow_as_the_effect_shrinks(found):
    pair = ("beat_2048", "random")
    few, many = (
        int(comparisons.power_table(found, {pair: effect}, (1.0,)).seeds[0]) for effect in (0.5, 0.01)
    )
    assert few < many


def test_the_figure_has_a_line_for_every_row(found):
    table = comparisons.pair_table(found, PAIRS, (1.0, 0.1))
    (axes,) = comparisons.draw_pairs(table).axes
    words = [label.get_text() for label in axes.get_yticklabels()]
    assert len(words) == len(table) == 4
    assert words[0] == "beat, 8.2 s frames − random start, 100% of labels"


def test_label_shares_are_drawn_in_order_one_line_per_arm(found):
    made = comparisons.draw_scarcity(score_table(found, ["macro_f1"]), synthetic=True)
    (axes,) = made.axes
    assert [label.get_text() for label in axes.get_xticklabels()] == ["10%", "100%"]
    assert len(axes.get_legend_handles_labels()[1]) == 3
    assert [text.get_text() for text in made.texts] == [WATERMARK]
