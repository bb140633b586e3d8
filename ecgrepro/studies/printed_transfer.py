"""The CSC2541 project's printed figures read again, label by label: which labels bring its gain, and with how many.

Everything is from the ledger: the AUC of each label after training on Georgia alone, from the project's own result
file; the gain of the fine-tuned net, read off its figure with the legend's names put right (X-17); and the number of
Georgia's recordings with the label, from the slides. One of ten folds was tested.
"""

import numpy as np
import pandas as pd

from ecgrepro.claims import ledger
from ecgrepro.claims.arithmetic_ptbxl_transfer import share_limits
from ecgrepro.errors import InputError
from ecgrepro.evaluation.macro_auc import MINIMUM_POSITIVES
from ecgrepro.studies.figures import figure

#: Claims: the share of the gain that three labels bring, the mean gain of the others, what the legend says.
SHARE, OTHERS, LEGEND, GAIN = "SL-cls-three-share", "SL-cls-others-gain", "SL-cls-legend", "SL-cls-gain"
FOLDS = 10
#: Name of the group of rare labels in a `share_table`.
FEW = f"fewer than {MINIMUM_POSITIVES} positives in a fold"
COLUMNS = ["label", "positives", "alone", "fine-tuned", "gain", "gain_low", "gain_high", "of the three"]


def printed_table():
    """One row per label, from the most frequent to the rarest as the figure has them: DataFrame.

    Columns: ``label``; ``positives``, Georgia's recordings with it in one of ten folds on average, missing where the
    slides count another label; ``alone``, AUC of the net trained on Georgia alone; ``gain`` of the fine-tuned net with
    ``gain_low`` and ``gain_high``, between which the reading of the figure leaves it; ``fine-tuned``, both added;
    ``of the three``, whether it is one of the labels that bring about half of the gain.

    Raises
    ------
    InputError
        A label whose gain or level the ledger lacks.
    """
    claims = ledger.by_id()
    three, rows = _three(claims), []
    for name, label in _labels(claims).items():
        gain, alone = claims.get(name), claims.get(f"{name}-independent")
        if gain is None or alone is None:
            raise InputError(f"ledger claim {name}", "the label's gain and its AUC alone", "one is missing",
                             "Enter both.")  # fmt: skip
        low, high = gain.published_interval()
        rows.append([label, _positives(claims, label), alone.published, alone.published + gain.published,
                     gain.published, low, high, label in three])  # fmt: skip
    return pd.DataFrame(rows, columns=COLUMNS)


def _labels(claims):
    """Claim of a label's gain to the label, in the order of the ledger."""
    given = {value["claim"]: name for name, value in claims[GAIN].inputs.items()}
    return {name: given[name] for name in claims if name in given}


def _three(claims):
    return {name.removeprefix("part/") for name in claims[SHARE].inputs if name.startswith("part/")}


def _positives(claims, label):
    counted = claims.get(f"SL-lab-{label}")
    return np.nan if counted is None else counted.published["georgia"] / FOLDS


def share_table(table):
    """What groups of labels bring of the gain: DataFrame, a row per group; the first is part of the others.

    Columns: ``group``; ``labels``; ``number``; ``positives``, the fewest and the most that one of them has in a tested
    fold on average; ``mean gain``; ``share of the gain``, with ``low`` and ``high`` left open by the reading of the
    figure. The first group was chosen for its gain; the others by `MINIMUM_POSITIVES`, which is this project's rule.

    Parameters
    ----------
    table : DataFrame
        See `printed_table`.
    """
    few, counted = table.positives < MINIMUM_POSITIVES, table.positives.notna()
    groups = {
        "the three largest gains": table["of the three"],
        FEW: few,
        f"{MINIMUM_POSITIVES} positives or more": counted & ~few,
        "not counted by the slides": ~counted,
    }
    return pd.DataFrame([_group_row(name, table, chosen) for name, chosen in groups.items()])


def _group_row(name, table, chosen):
    part, rest = table[chosen], table[~chosen]
    low, high = share_limits(*((rows.gain_low.sum(), rows.gain_high.sum()) for rows in (part, rest)))
    counted = part.positives.notna().any()
    positives = f"{part.positives.min():.1f} to {part.positives.max():.1f}" if counted else "?"
    return {"group": name, "labels": ", ".join(part.label), "number": len(part), "positives": positives,
            "mean gain": part.gain.mean(), "share of the gain": part.gain.sum() / table.gain.sum(), "low": low,
            "high": high}  # fmt: skip


def brief_shares(shares):
    """A `share_table` as a reader wants it: DataFrame, the share with its limits in words."""
    told = [
        f"{row['share of the gain']:.0%} ({row.low:.0%} to {row.high:.0%})" for _, row in shares.iterrows()
    ]
    return shares.drop(columns=["low", "high"]).assign(**{"share of the gain": told})


def legend_table():
    """The mean difference of the two lines as the figure's legend names them, and with its names put right."""
    inputs = ledger.by_id()[LEGEND].inputs
    printed = inputs["treated"]["value"] - inputs["reference"]["value"]
    return pd.DataFrame({"names of the lines": ["as the legend has them", "exchanged, as the program draws them"],
                         "mean gain of the fine-tuned net": [printed, -printed]})  # fmt: skip


def draw_printed(table):
    """Draw a `printed_table`: AUC of both nets and the gain of each label, the three apart. Returns the figure."""
    made, axes = figure(2, 1, height=5.2, sharex=True, gridspec_kw={"height_ratios": (1, 1)})
    x = np.arange(len(table))
    for column, colour, words in (
        ("alone", "#555555", "trained on Georgia alone, result file"),
        ("fine-tuned", "#D55E00", "the same plus the gain read off the figure"),
    ):
        axes[0].plot(x, table[column], "o", color=colour, label=words)
    axes[0].set(ylabel="AUC")
    axes[0].legend(frameon=False, fontsize="small", loc="lower left")
    for chosen, colour, words in (
        (False, "#9ecae1", "other labels"),
        (True, "#D55E00", "the three largest gains"),
    ):
        part = (table["of the three"] == chosen).to_numpy()
        own = table[part]
        reach = [own.gain - own.gain_low, own.gain_high - own.gain]
        axes[1].bar(x[part], own.gain, yerr=reach, color=colour, ecolor="#222222", capsize=2, label=words)
    axes[1].axhline(0, color="#222222", linewidth=0.8)
    axes[1].set(ylabel="gain", xlabel="label, and a tenth of Georgia's recordings with it")
    axes[1].set_xticks(
        x, [_tick(row) for row in table.itertuples()], rotation=45, ha="right", fontsize="small"
    )
    axes[1].legend(frameon=False, fontsize="small", loc="upper left")
    return made


def _tick(row):
    return f"{row.label.replace('_', '/')}, {'?' if np.isnan(row.positives) else f'{row.positives:.0f}'}"
