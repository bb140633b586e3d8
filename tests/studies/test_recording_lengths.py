import matplotlib.pyplot as plt
import pytest

from ecgrepro.studies.recording_lengths import describe, draw_recording_lengths, duration, recording_lengths


@pytest.fixture
def table(make_corpus, make_record):
    short = make_corpus([make_record(str(n), n_samples=n) for n in (500, 501, 1000, 1004)], "short")
    long = make_corpus([make_record("long", n_samples=36_000, fs=5.0)], "long")
    return recording_lengths({"short ones": short, "long ones": long})


def test_recordings_are_counted_by_tenths_of_a_second(table):
    assert table.to_numpy().tolist() == [
        ["short ones", 5.0, 2],
        ["short ones", 10.0, 2],
        ["long ones", 7200.0, 1],
    ]


def test_each_corpus_has_a_row_with_its_number_and_range(table):
    ax = draw_recording_lengths(table).axes[0]
    plt.close("all")
    assert [label.get_text() for label in ax.get_yticklabels()] == ["short ones", "long ones"]
    assert [text.get_text() for text in ax.texts] == ["4: 5.0 s to 10.0 s", "1: 2.0 h"]
    heights = [patch.get_data().values.max() - patch.get_data().baseline for patch in ax.patches]
    assert heights == pytest.approx([0.75, 0.75])


def test_lengths_beyond_the_axis_are_counted_in_its_outermost_bins(table):
    beyond = table.assign(seconds=[0.01, 10.0, 1e9])
    ax = draw_recording_lengths(beyond).axes[0]
    plt.close("all")
    assert [int((patch.get_data().values > patch.get_data().baseline).sum()) for patch in ax.patches] == [
        2,
        1,
    ]


@pytest.mark.parametrize(
    ("seconds", "printed"),
    [(9.05, "9.1 s"), (60.95, "61.0 s"), (1805.6, "30.1 min"), (4194.3, "69.9 min"), (140_000, "38.9 h")],
)
def test_lengths_are_printed_in_the_unit_that_suits_them(seconds, printed):
    assert duration(seconds) == printed


def test_equal_lengths_are_printed_once(table):
    assert describe(table[table.corpus == "long ones"]) == "1: 2.0 h"
