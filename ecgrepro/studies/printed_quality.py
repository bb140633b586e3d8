"""Table 2 of Huerta et al. (CinC 2022) re-read: the accuracy that its own recalls give, and the constant answer."""

import pandas as pd

from ecgrepro.claims import ledger
from ecgrepro.claims.arithmetic_freezing import accuracies
from ecgrepro.studies.figures import figure

#: The claim whose inputs are the recalls of every row and the sizes of the classes.
RECALLS = "HU-T2-Acc-from-Se-Sp"
CONSTANT = "HU-baseline"


def printed_table():
    """One row per depth of the paper's Table 2: DataFrame.

    Columns: ``depth``; ``sensitivity``, ``specificity`` and ``accuracy`` as printed; ``low`` and ``high``, between
    which the accuracy must lie by the printed recalls; ``balanced accuracy``, the mean of both recalls; ``constant
    answer``, the accuracy of answering "high quality" always.
    """
    claims = ledger.by_id()
    found, rows = accuracies(claims[RECALLS]), []
    for name, (low, high) in found.items():
        depth = int(name.rpartition("_")[2])
        printed = {metric: _published(claims, depth, metric) for metric in ("Se", "Sp", "Acc")}
        rows.append({"depth": depth, "sensitivity": printed["Se"], "specificity": printed["Sp"],
                     "accuracy": printed["Acc"], "low": low, "high": high,
                     "balanced accuracy": (printed["Se"] + printed["Sp"]) / 2,
                     "constant answer": claims[CONSTANT].published})  # fmt: skip
    return pd.DataFrame(rows).sort_values("depth", ignore_index=True)


def _published(claims, depth, metric):
    frozen = f"f{depth}" if depth < 2 else f"f1-{depth}"
    return claims[f"HU-T2-{frozen}-{metric}"].published


def draw_printed(table):
    """Draw accuracy by depth as printed and as the recalls give it, and balanced accuracy. Returns the figure."""
    made, axes = figure(1, 2, height=3.2)
    middle = (table.low + table.high) / 2
    axes[0].plot(table.depth, table.accuracy, "o-", color="#D55E00", label="accuracy as printed")
    axes[0].errorbar(table.depth, middle, (table.high - table.low) / 2, fmt="s-", color="#0072B2", capsize=2,
                     label="from the printed recalls")  # fmt: skip
    axes[0].axhline(table["constant answer"].iloc[0], color="#222222", linestyle="--", linewidth=0.9,
                    label="constant answer")  # fmt: skip
    axes[0].legend(frameon=False, fontsize="small", loc="center right")
    axes[1].plot(table.depth, table["balanced accuracy"], "o-", color="#0072B2")
    axes[0].set_ylabel("accuracy")
    axes[1].set_ylabel("balanced accuracy, from the recalls")
    for ax in axes:
        ax.set_xlabel("layers frozen")
    return made
