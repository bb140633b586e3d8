"""The paper's table re-read: which of its accuracies its own recalls can give."""

import matplotlib.pyplot as plt
import pytest

from ecgrepro.studies import printed_quality

SEGMENTS = (47_439, 1_168)


@pytest.fixture(scope="module")
def table():
    return printed_quality.printed_table().set_index("depth")


def test_every_depth_of_the_paper_has_a_row(table):
    assert table.index.tolist() == list(range(8))
    assert table.sensitivity[0] == 0.881
    assert table.specificity[3] == 0.850
    assert table.accuracy[7] == 0.885


def test_the_recalls_weighed_by_the_classes_lie_within_the_range(table):
    high, low = SEGMENTS
    weighed = (table.sensitivity * high + table.specificity * low) / (high + low)
    assert ((table.low <= weighed) & (weighed <= table.high)).all()
    assert (table.high - table.low).max() < 0.0011


def test_three_rows_cannot_have_the_accuracy_they_print(table):
    possible = (table.accuracy + 0.0005 >= table.low) & (table.accuracy - 0.0005 <= table.high)
    assert possible.index[~possible].tolist() == [0, 1, 2]


def test_the_constant_answer_is_above_every_printed_accuracy(table):
    assert (table["constant answer"] > table.accuracy).all()


def test_the_figure_shows_every_depth(table):
    made = printed_quality.draw_printed(table.reset_index())
    assert [len(line.get_xdata()) for line in made.axes[1].get_lines()] == [8]
    plt.close(made)
