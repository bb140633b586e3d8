import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from ecgrepro.errors import InputError, SettingsError
from ecgrepro.studies import quality_figures as drawn
from ecgrepro.studies.figures import WATERMARK
from ecgrepro.studies.quality_tables import (
    CONSTANT,
    INDICES,
    depth_table,
    mcnemar_table,
    rhythm_table,
)

DEPTHS = (0, 3, 5, 7)


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


def scores(starts=("beat", "random", "resnet1d_beat")):
    rows = [
        (start, depth, metric, 0.7 + depth / 100 + shift / 10, 0.6, 0.9)
        for metric, shift in (("balanced_accuracy", 0), ("accuracy", 1))
        for start in starts
        for depth in DEPTHS
    ]
    rows += [(CONSTANT, None, "balanced_accuracy", 0.5, 0.5, 0.5)]
    rows += [(INDICES, None, "balanced_accuracy", 0.66, 0.62, 0.71)]
    columns = ["start", "depth", "metric", "estimate", "low", "high"]
    return pd.DataFrame(rows, columns=columns).astype({"depth": "Int64"})


def seeds():
    rows = [
        (start, depth, seed, 0.7 + seed / 50)
        for start in ("beat", "random")
        for depth in DEPTHS
        for seed in (0, 1)
    ]
    return pd.DataFrame(rows, columns=["start", "depth", "seed", "balanced_accuracy"])


def costs():
    rows = [(depth, cached, (10 - depth) / (1 + 5 * cached), 100 - depth, 50.0)
            for depth in DEPTHS for cached in (False, True) if depth or not cached]  # fmt: skip
    columns = ["depth", "cached", "milliseconds_per_interval", "trainable_parameters", "peak_memory_MB"]
    return pd.DataFrame(rows, columns=columns)


def pairs(starts=("beat",)):
    rows = [
        (start, first, second, -1, (second - first) / 100, 0.0001 if second == 7 else 0.31)
        for start in starts
        for place, first in enumerate(DEPTHS)
        for second in DEPTHS[place + 1 :]
    ]
    return pd.DataFrame(rows, columns=["start", "first", "second", "seed", "difference", "p_clustered_holm"])


def answers():
    rows = [("beat", depth, rhythm, share, share - 0.05, share + 0.05)
            for depth in DEPTHS for rhythm, share in zip("NAO~", (0.1, 0.2, 0.3, 0.8), strict=True)]  # fmt: skip
    columns = ["start", "depth", "rhythm", "share", "low", "high"]
    return pd.DataFrame(rows, columns=columns).astype({"depth": "Int64"})


FULL = {
    "depths": lambda **more: drawn.draw_depths(scores(), seeds=seeds(), **more),
    "pareto": lambda **more: drawn.draw_pareto(scores(), costs(), **more),
    "mcnemar": lambda **more: drawn.draw_mcnemar(pairs(), **more),
    "answers": lambda **more: drawn.draw_answers(answers(), **more),
}


@pytest.mark.parametrize("draw", FULL.values(), ids=FULL)
@pytest.mark.parametrize("synthetic", [True, False])
def test_figures_of_synthetic_data_carry_the_mark_and_others_do_not(draw, synthetic):
    made = draw(synthetic=synthetic)
    made.canvas.draw()
    assert (WATERMARK in [text.get_text() for text in made.texts]) is synthetic


EMPTY = {
    "depths": lambda: drawn.draw_depths(depth_table([])),
    "pareto": lambda: drawn.draw_pareto(depth_table([]), costs()),
    "pareto without costs of its depths": lambda: drawn.draw_pareto(scores(), costs().iloc[:0]),
    "mcnemar": lambda: drawn.draw_mcnemar(mcnemar_table([])),
    "answers": lambda: drawn.draw_answers(rhythm_table([], pd.Series(dtype=object))),
}


@pytest.mark.parametrize("draw", EMPTY.values(), ids=EMPTY)
def test_a_figure_of_nothing_says_so(draw):
    made = draw()
    made.canvas.draw()
    assert made.axes[0].get_title() == "no finished run"


def marks(ax, size=None):
    """Lines drawn with round marks, as lists of (x, y)."""
    lines = [line for line in ax.lines if line.get_marker() == "o"]
    return [line for line in lines if size is None or line.get_markersize() == size]


def heights(line):
    return [float(y) for y in line.get_ydata()]


def test_each_start_is_a_line_and_each_net_a_panel():
    made = drawn.draw_depths(scores(), seeds=seeds())
    flat, one_dimensional = made.axes
    assert (flat.get_title(), one_dimensional.get_title()) == ("AlexNet", "1-D ResNet-18")
    lines, others = ([line for line in marks(ax) if line.get_markersize() != 3] for ax in made.axes)
    assert (len(lines), len(others)) == (2, 1)
    for line in lines:
        np.testing.assert_allclose(heights(line), [0.7, 0.73, 0.75, 0.77])
        np.testing.assert_allclose(line.get_xdata(), DEPTHS, atol=0.2)
    assert flat.get_ylabel() == "balanced accuracy"


def test_every_seed_is_a_dot():
    flat = drawn.draw_depths(scores(), seeds=seeds()).axes[0]
    dots = sorted(y for line in marks(flat, 3) for y in line.get_ydata())
    assert dots == sorted(seeds().balanced_accuracy)


def test_the_constant_answer_is_dashed_and_the_indices_have_a_band():
    for ax in drawn.draw_depths(scores()).axes:
        across = {
            line.get_ydata()[0]: line.get_linestyle() for line in ax.lines if list(line.get_xdata()) == [0, 1]
        }
        assert across == {0.5: "--", 0.66: "-"}
        (band,) = ax.patches
        assert (band.get_y(), band.get_y() + band.get_height()) == pytest.approx((0.62, 0.71))


def test_another_metric_can_be_drawn():
    (first, *_) = drawn.draw_depths(scores(), "accuracy").axes
    np.testing.assert_allclose(heights(marks(first)[0]), [0.8, 0.83, 0.85, 0.87])
    assert first.get_ylabel() == "accuracy"


def test_points_that_another_one_beats_are_known():
    values, scored = [1, 2, 2, 3, 4, 1], [0.5, 0.7, 0.6, 0.7, 0.9, 0.5]
    expected = [
        not any(
            c <= cost and s >= score and (c, s) != (cost, score) for c, s in zip(values, scored, strict=True)
        )
        for cost, score in zip(values, scored, strict=True)
    ]
    assert drawn.non_dominated(values, scored).tolist() == expected == [True, True, False, False, True, True]
    assert drawn.non_dominated([], []).tolist() == []


def test_a_pareto_figure_has_a_mark_per_depth_and_a_line_through_those_beaten_by_none():
    made = drawn.draw_pareto(scores(), costs())
    (axes,) = made.axes
    assert sorted(text.get_text() for text in axes.texts) == ["0", "3", "3", "5", "5", "7", "7"]
    (best,) = [line for line in axes.lines if line.get_label() == "beaten by none"]
    np.testing.assert_allclose(
        best.get_xydata(), [[0.5, 0.77]]
    )  # cheapest and best at once: seven layers, cached
    named = dict(zip(*reversed(axes.get_legend_handles_labels()), strict=True))
    hollow, full = (named[name].lines[0] for name in ("features cached", "not cached"))
    assert hollow.get_markerfacecolor() == "white"
    assert full.get_markerfacecolor() != "white"
    assert (len(hollow.get_xdata()), len(full.get_xdata())) == (3, 4)


def test_the_cost_and_the_start_of_a_pareto_figure_are_chosen():
    lower = scores().assign(estimate=lambda table: table.estimate - 0.1 * (table.start == "random"))
    (axes,) = drawn.draw_pareto(lower, costs(), "trainable_parameters", start="random").axes
    assert axes.get_xlabel() == "trainable parameters"
    assert {round(y, 2) for line in marks(axes) for y in heights(line)} == {0.60, 0.63, 0.65, 0.67}
    with pytest.raises(SettingsError, match="milliseconds_per_interval"):
        drawn.draw_pareto(scores(), costs(), "depth")


def test_pairs_stand_below_the_diagonal_and_their_p_values_above():
    (axes,) = drawn.draw_mcnemar(pairs()).axes
    texts = {text.get_position(): text for text in axes.texts}
    assert len(texts) == 2 * 6
    assert texts[0, 3].get_text() == "-7.0", "the row, seven layers, minus the column, none"
    assert (texts[3, 0].get_text(), texts[3, 0].get_weight()) == ("<.001", "bold")
    assert (texts[1, 0].get_text(), texts[1, 0].get_weight()) == (".310", "normal")
    assert [label.get_text() for label in axes.get_xticklabels()] == ["0", "3", "5", "7"]
    assert len(drawn.draw_mcnemar(pairs(("beat", "random"))).axes) == 2


def test_several_seeds_of_a_pair_cannot_be_drawn_as_one():
    both = pd.concat([pairs().assign(seed=seed) for seed in (0, 1)])
    with pytest.raises(InputError, match="unit='pooled'"):
        drawn.draw_mcnemar(both)


def test_each_rhythm_is_a_line_of_what_is_called_low():
    (axes,) = drawn.draw_answers(answers()).axes
    drawn_shares = [heights(line)[0] for line in marks(axes)]
    assert drawn_shares == [0.1, 0.2, 0.3, 0.8]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["0", "3", "5", "7"]
