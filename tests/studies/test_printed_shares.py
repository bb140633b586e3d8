"""Experiment 1 as printed, and our own runs beside it where they are."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from ecgrepro.studies import designs, printed_shares
from ecgrepro.studies.ptbxl_transfer import SCALES
from tests.studies import fabricated_project

#: As read off the figure: fine-tuned, and trained on Georgia alone.
READ = {0.1: (0.840, 0.654), 0.2: (0.875, 0.736), 0.3: (0.890, 0.794), 0.5: (0.902, 0.806), 0.7: (0.911, 0.831),
        0.8: (0.914, 0.837), 0.9: (0.918, 0.848)}  # fmt: skip


def test_printed_shares_are_those_of_the_figure():
    table = printed_shares.shares_table([])
    assert table.share.tolist() == list(READ)
    np.testing.assert_allclose(table[["fine-tuned", "alone"]], list(READ.values()), atol=0.0021)
    assert ((table.gain_low < table.gain) & (table.gain < table.gain_high)).all()
    assert (table.seeds == 0).all()
    assert table[["our alone", "our fine-tuned", "our gain", "low", "high"]].isna().all(axis=None)
    assert printed_shares.brief_shares(table)["our gain"].tolist() == ["no run"] * len(READ)


def runs():
    """Runs of both arms at one share, the fine-tuned one the better."""
    listed = [
        trial for trial in fabricated_project.trials(SCALES["paper"])
        if trial.arm in printed_shares.ARMS and trial.recipe.labels == 0.5
    ]  # fmt: skip
    return fabricated_project.results(listed, lambda trial: 1.5 if trial.arm == "fine_tuned" else 0.5)


def test_runs_stand_beside_the_share_they_were_trained_on():
    found = runs()
    table = printed_shares.shares_table(found, n_resamples=50).set_index("share")
    assert table.index[table.seeds > 0].tolist() == [0.5]
    row = table.loc[0.5]
    assert row.low < row["our gain"] < row.high
    assert row["our gain"] == pytest.approx(row["our fine-tuned"] - row["our alone"])
    assert row["our fine-tuned"] > row["our alone"]
    assert len(designs.fine_tuning(found, "fine_tuned", 0.5)) == row.seeds


@pytest.mark.parametrize("found", [[], runs()])
def test_the_figure_shows_both_nets_and_our_marks_where_there_are_runs(found):
    made = printed_shares.draw_shares(printed_shares.shares_table(found, n_resamples=50))
    lines = made.axes[0].lines
    assert len(lines) == (4 if found else 2)
    assert lines[0].get_xdata().tolist() == [10, 20, 30, 50, 70, 80, 90]
    plt.close(made)
