"""The project's printed figures read again, beside what was read off its figure."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from ecgrepro.claims import ledger
from ecgrepro.studies import printed_transfer

#: From the most frequent to the rarest label: fine-tuned and trained on Georgia alone, as read off the figure.
LABELS = ("NDT", "LNGQT", "LVH", "ISCLA", "LAO_LAE", "1AVB", "ISCIN", "IRBBB", "ISCAN", "CLBBB", "IVCD", "LAFB",
          "RVH", "ILBBB", "SEHYP", "CRBBB", "LPFB", "2AVB")  # fmt: skip
TUNED = np.array([0.811, 0.855, 0.967, 0.937, 0.927, 0.955, 0.91, 0.942, 0.943, 0.972, 0.884, 0.973, 0.943, 0.936,
                  0.876, 0.912, 0.939, 0.859])  # fmt: skip
ALONE = np.array([0.802, 0.879, 0.868, 0.83, 0.873, 0.981, 0.831, 0.92, 0.873, 0.944, 0.856, 0.902, 0.769, 0.861,
                  0.815, 0.963, 0.699, 0.609])  # fmt: skip


@pytest.fixture(scope="module")
def table():
    return printed_transfer.printed_table()


def test_labels_stand_from_the_most_frequent_to_the_rarest(table):
    assert tuple(table.label) == LABELS
    counted = table.positives.dropna()
    assert counted.is_monotonic_decreasing
    assert table.label[table.positives.isna()].to_list() == ["NDT", "LVH"]


def test_levels_and_gains_are_those_of_the_figure_within_its_reading(table):
    assert np.abs(table.alone - ALONE).max() <= 0.003
    assert np.abs(table["fine-tuned"] - TUNED).max() <= 0.006
    assert ((table.gain_low <= TUNED - ALONE) & (table.gain_high >= TUNED - ALONE)).all()


def test_three_labels_bring_half_of_the_gain(table):
    shares = printed_transfer.share_table(table)
    three = np.isin(LABELS, ("LPFB", "2AVB", "RVH"))
    gains = TUNED - ALONE
    assert shares["share of the gain"][0] == pytest.approx(gains[three].sum() / gains.sum(), abs=1e-9)
    assert (shares.low < shares["share of the gain"]).all()
    assert (shares["share of the gain"] < shares.high).all()
    assert shares.positives[0] == "2.3 to 8.6"
    assert printed_transfer.brief_shares(shares)["share of the gain"][0].startswith("52% (")


def test_groups_by_positives_hold_every_label_once(table):
    shares = printed_transfer.share_table(table)[1:]
    assert sorted(", ".join(shares.labels).split(", ")) == sorted(LABELS)
    assert shares["share of the gain"].sum() == pytest.approx(1)
    assert shares.number.to_list() == [7, 9, 2]
    assert "CRBBB" in shares.labels[1]
    assert shares.positives[3] == "?"


def test_the_shares_are_those_that_the_ledger_judges(table):
    claim = next(claim for claim in ledger.load() if claim.id == printed_transfer.SHARE)
    low, high = claim.published_interval()
    assert (
        low - claim.margin < printed_transfer.share_table(table)["share of the gain"][0] < high + claim.margin
    )


def test_the_legend_turns_the_sign(table):
    printed, right = printed_transfer.legend_table()["mean gain of the fine-tuned net"]
    assert printed == pytest.approx(-0.07)
    assert right == pytest.approx(table.gain.mean(), abs=0.006)


def test_the_figure_has_a_bar_per_label_and_marks_the_three(table):
    made = printed_transfer.draw_printed(table)
    bars = made.axes[1].patches
    assert sorted(bar.get_height() for bar in bars) == pytest.approx(sorted(table.gain))
    assert made.axes[1].get_xticklabels()[0].get_text() == "NDT, ?"
    assert len({bar.get_facecolor() for bar in bars}) == 2
    plt.close(made)
