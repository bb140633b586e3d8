"""Figures of the `ptbxl_transfer` page, from the tables of `diagnosis_tables` and `artefact_tables`.

A figure of an empty table says so in its title.
"""

import numpy as np
from matplotlib.ticker import MaxNLocator

from ecgrepro.evaluation.macro_auc import MACRO, MACRO_OF_ALL
from ecgrepro.studies.diagnosis_words import name_of
from ecgrepro.studies.figures import figure, reach

#: Colours of arms that stand side by side (Okabe & Ito's palette).
COLOURS = ("#555555", "#0072B2", "#D55E00", "#009E73", "#CC79A7")
#: What each macro is drawn with: columns of the estimate and its limits, column of the seeds, colour, words.
_MACROS = (
    (("macro AUC", "low", "high"), MACRO, "#0072B2", "classes that count"),
    (("all classes", "all_low", "all_high"), MACRO_OF_ALL, "#999999", "all classes"),
)
_EMPTY = "no finished run"
MARGIN = 0.02


def draw_macros(scores, seeds, *, synthetic=False):
    """Draw the macro AUC of every arm with 95 % intervals, every seed as a small dot. Returns the figure.

    Both macros, unless all classes count.

    Parameters
    ----------
    scores : DataFrame
        See `diagnosis_tables.score_table`.
    seeds : DataFrame
        See `diagnosis_tables.seed_table`.
    synthetic : bool
    """
    made, axes = figure(height=1.2 + 0.4 * max(len(scores), 2), synthetic=synthetic)
    y = -np.arange(len(scores))
    alike = (scores.counted == scores.classes).all()
    for side, ((middle, low, high), by_seed, colour, words) in zip(
        (1, -1), _MACROS[: 1 if alike else 2], strict=False
    ):
        shown = scores[["arm", middle, low, high]].set_axis(["arm", "estimate", "low", "high"], axis=1)
        axes.errorbar(shown.estimate, y + 0.12 * side, xerr=reach(shown), fmt="o", color=colour, capsize=2,
                      markersize=5, label=words)  # fmt: skip
        for row, arm in zip(y, scores.arm, strict=True):
            dots = seeds.loc[seeds.arm == arm, by_seed]
            axes.plot(dots, np.full(len(dots), row + 0.28 * side), "o", color=colour, alpha=0.5, markersize=3)
    axes.set_yticks(y, [name_of(arm) for arm in scores.arm])
    axes.axvline(0.5, color="#222222", linewidth=0.8, linestyle="--")
    axes.set(xlabel="macro AUC", ylim=(0.4 - max(len(scores), 1), 0.6))
    _finish(made, axes, scores, 2)
    return made


def draw_differences(table, *, synthetic=False, words="comparison"):
    """Draw differences as marks with 95 % intervals, a row each, and the margin shaded. Returns the figure.

    Filled marks are paired on the same recordings, hollow ones are not; grey ones are of all classes.

    Parameters
    ----------
    table : DataFrame
        See `diagnosis_tables.difference_table` or `artefact_tables.artefact_table`.
    synthetic : bool
    words : {"comparison", "artefact"}
        Which of them it is.
    """
    made, axes = figure(height=1.2 + 0.42 * max(len(table), 2), synthetic=synthetic)
    y = -np.arange(len(table))
    for place, (middle, low, high) in enumerate(
        (("difference", "low", "high"), ("all classes", "all_low", "all_high"))
    ):
        shown = table[[middle, low, high]].set_axis(["estimate", "low", "high"], axis=1)
        colour, name = (_MACROS[place][2], _MACROS[place][3])
        for paired in (True, False):
            chosen = (table.paired == paired).to_numpy(bool)
            own = {} if paired else {"markerfacecolor": "white"}
            if chosen.any():
                axes.errorbar(shown.estimate[chosen], y[chosen] + 0.13 - 0.26 * place, xerr=reach(shown[chosen]),
                              fmt="o", color=colour, capsize=2, markersize=5,
                              label=name if paired else f"{name}, not paired", **own)  # fmt: skip
    axes.axvspan(-MARGIN, MARGIN, color="#dddddd", zorder=0)
    axes.axvline(0, color="#222222", linewidth=0.8)
    axes.set_yticks(y, [_told(row, words) for _, row in table.iterrows()], fontsize="small")
    axes.set(xlabel="difference in macro AUC", ylim=(0.6 - max(len(table), 1), 0.6))
    axes.xaxis.set_major_locator(MaxNLocator(6))
    _finish(made, axes, table, 2)
    return made


def _told(row, words):
    if words == "comparison":
        return f"{name_of(row['first'])}\nminus {name_of(row['second'])}"
    alone = " (one class)" if row["counted"] == 1 else ""
    return f"{name_of(row['arm'])}{alone}\nminus {name_of(row['against'])}"


def draw_classes(classes, *, synthetic=False):
    """Draw the AUC of every class with its 95 % interval, arms side by side. Returns the figure.

    Classes are ordered by their positives, which stand below; hollow marks do not count in the macro, and a class
    without an AUC has no mark.

    Parameters
    ----------
    classes : DataFrame
        See `diagnosis_tables.class_table`.
    synthetic : bool
    """
    made, axes = figure(height=3.4, synthetic=synthetic)
    arms, order = list(dict.fromkeys(classes.arm)), _by_positives(classes)
    for place, arm in enumerate(arms):
        part = classes[classes.arm == arm].set_index("class").reindex(list(order))
        x = np.arange(len(part)) + 0.16 * (place - (len(arms) - 1) / 2)
        for counted in (True, False):
            chosen = ((part.counted == counted) & part.AUC.notna()).to_numpy(bool)
            shown = part[chosen].rename(columns={"AUC": "estimate"})
            own = {} if counted else {"markerfacecolor": "white"}
            if chosen.any():
                axes.errorbar(x[chosen], shown.estimate, reach(shown), fmt="o", color=COLOURS[place % len(COLOURS)],
                              capsize=2, label=name_of(arm) + ("" if counted else ", does not count"),
                              **own)  # fmt: skip
    turned = 90 if len(order) > 24 else 0
    axes.set_xticks(
        range(len(order)),
        [f"{name}\n{n}" for name, n in order.items()],
        rotation=turned,
        fontsize=9 if len(order) < 12 else 6,
    )
    axes.axhline(0.5, color="#222222", linewidth=0.8, linestyle="--")
    axes.set(ylabel="AUC", xlabel="class, and its positives in the smallest test set")
    _finish(made, axes, classes, 2, grid="y")
    return made


def _by_positives(classes):
    """Class to its fewest positives, the most frequent class first."""
    fewest = classes.groupby("class", sort=False).positives.min()
    return fewest.sort_values(ascending=False, kind="stable").to_dict()


def _finish(made, axes, table, columns, grid="x"):
    """Draw the grid along which values are read, and the key; an empty table is told in the title."""
    axes.grid(visible=False)
    axes.grid(axis=grid, color="#dddddd", linewidth=0.6)
    if table.empty:
        axes.set_title(_EMPTY)
        return
    made.legend(frameon=False, fontsize="small", loc="outside lower center", ncols=columns)
