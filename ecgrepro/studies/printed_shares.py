"""Experiment 1 of the CSC2541 project: what shares of Georgia do to both of its nets, as printed and as run again.

Printed values are the ledger's: the net trained on Georgia alone from the project's result file, the gain of the
fine-tuned one read off its figure. Both are means over all labels; so is what stands beside them here.
"""

import re

import numpy as np
import pandas as pd

from ecgrepro.claims import ledger
from ecgrepro.studies.diagnosis_tables import compare, levels
from ecgrepro.studies.figures import figure

ARMS = ("fine_tuned", "independent_xresnet1d101")
COLUMNS = ["share", "alone", "fine-tuned", "gain", "gain_low", "gain_high", "our alone", "our fine-tuned", "our gain",
           "low", "high", "seeds"]  # fmt: skip
#: Nets, with their colours of the page's other figure.
NETS = (
    ("alone", "#555555", "trained on Georgia alone"),
    ("fine-tuned", "#D55E00", "from PTB-XL, fine-tuned"),
)
_GAIN = re.compile(r"SL-E1-\d+$")


def shares_table(found, **settings):
    """One row per share of Georgia that the project printed, ascending: DataFrame.

    ``alone`` and ``fine-tuned`` are macro AUCs as printed, ``gain`` their difference with ``gain_low`` and
    ``gain_high``, between which the reading of the figure leaves it. The columns of our own runs are missing, and
    ``seeds`` is 0, where these are not committed.

    Parameters
    ----------
    found : list of dict
        Results with the project's arms as coded.
    settings
        See `ecgrepro.studies.diagnosis_tables.compare`.
    """
    claims = ledger.by_id()
    rows = []
    for name in filter(_GAIN.match, claims):
        gain, alone = claims[name], claims[f"{name}-independent"].published
        share = gain.comparison["label_fraction"]
        rows.append([share, alone, alone + gain.published, gain.published, *gain.published_interval(),
                     *_ours(found, share, settings)])  # fmt: skip
    return pd.DataFrame(rows, columns=COLUMNS).sort_values("share", ignore_index=True)


def _ours(found, share, settings):
    # the published macro has no minimum
    compared = compare(found, *ARMS, labels=share, minimum_positives=1, **settings)
    if compared is None:
        return [np.nan] * 5 + [0]
    made = compared.made
    return [*reversed(levels(compared)), made.estimate, made.low, made.high, made.n_seeds]


def brief_shares(table):
    """A `shares_table` as a reader wants it: DataFrame."""
    ours = [
        f"{row['our gain']:+.3f} ({row.low:.3f} to {row.high:.3f})" if row.seeds else "no run"
        for _, row in table.iterrows()
    ]
    return pd.DataFrame({
        "share of Georgia": [f"{share:.0%}" for share in table.share], "alone": table.alone,
        "fine-tuned": table["fine-tuned"], "gain": [f"{gain:+.3f}" for gain in table.gain], "our gain": ours,
    })  # fmt: skip


def draw_shares(table):
    """Draw a `shares_table`: lines as printed, marks for our own runs. Returns the figure."""
    made, axes = figure(1, 1, height=3.0)
    for column, colour, words in NETS:
        axes.plot(
            100 * table.share, table[column], "o-", color=colour, markersize=4, label=f"{words}, as printed"
        )
        ran = table[table.seeds > 0]
        if len(ran):
            axes.plot(100 * ran.share, ran[f"our {column}"], "s", color=colour, markerfacecolor="none",
                      label=f"{words}, ours")  # fmt: skip
    axes.set(xlabel="share of Georgia's recordings that is trained on, %", ylabel="macro AUC of all labels")
    axes.set_xticks(100 * table.share)
    axes.legend(frameon=False, fontsize="small", loc="lower right")
    return made
