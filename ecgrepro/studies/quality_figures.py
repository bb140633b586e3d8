"""Figures of the `freezing` page, from the tables of `quality_tables`.

A figure of an empty table says so in its title.
"""

import numpy as np

from ecgrepro.corpora.cinc2017 import CLASSES
from ecgrepro.errors import InputError, SettingsError
from ecgrepro.evaluation.metrics import METRICS
from ecgrepro.evaluation.ranking import RANKINGS
from ecgrepro.studies import figures
from ecgrepro.studies.quality_tables import CONSTANT, INDICES, STARTS

#: Colours of starts and of rhythms (Okabe & Ito's palette).
COLOURS = {"imagenet": "#D55E00", "beat": "#0072B2", "random": "#555555", "resnet1d_beat": "#0072B2",
           "resnet1d_random": "#555555"}  # fmt: skip
RHYTHMS = {"N": ("#0072B2", "normal"), "A": ("#D55E00", "AF"), "O": ("#009E73", "other rhythm"),
           "~": ("#555555", "noisy")}  # fmt: skip
LEVELS = {CONSTANT: "#222222", INDICES: "#CC79A7"}
#: What a depth can cost, with the words of its axis.
COSTS = {"milliseconds_per_interval": "milliseconds per training interval",
         "epoch_seconds": "seconds per epoch", "trainable_parameters": "trainable parameters",
         **dict.fromkeys(("peak_memory_MB", "peak_memory"), "peak memory (MB)")}  # fmt: skip
LAYERS = "layers frozen"
LOW = "share called low quality"
_ONE_DIMENSIONAL = "resnet1d_"
_EMPTY = "no finished run"
_LABELS = {name: each.label for name, each in (METRICS | RANKINGS).items()}


def draw_depths(table, metric="balanced_accuracy", seeds=None, *, synthetic=False):
    """Draw a score against the number of frozen layers, one line per start, a panel per net. Returns the figure.

    Bars are the 95 % intervals, the dashed line is the constant answer, the band the interval of signal-quality
    indices.

    Parameters
    ----------
    table : DataFrame
        See `quality_tables.depth_table`.
    metric : str
    seeds : DataFrame, optional
        See `quality_tables.run_table`; draws each seed as a dot where it has that metric.
    synthetic : bool
    """
    shown = table[table.metric == metric]
    nets = _nets(shown)
    made, axes = figures.figure(
        1, max(len(nets), 1), height=3.4, synthetic=synthetic, sharey=True, squeeze=False
    )
    for ax, (title, starts) in zip(axes[0], nets.items(), strict=False):
        for place, start in enumerate(starts):
            aside = 0.12 * (place - (len(starts) - 1) / 2)
            _draw_line(ax, shown[shown.start == start], start, aside)
            if seeds is not None and metric in seeds:
                dots = seeds[seeds.start == start]
                x = dots.depth.to_numpy(float) + aside + 0.05
                ax.plot(x, dots[metric], "o", color=_colour(start), alpha=0.4, markersize=3)
        ax.set(title=title, xlabel=LAYERS)
        ax.set_xticks(sorted(set(shown[shown.start.isin(starts)].depth.astype(int))))
    for ax in axes[0]:
        _draw_levels(ax, shown)
        _title_if_empty(ax, shown)
    axes[0][0].set_ylabel(_LABELS.get(metric, metric))
    _legend(made, axes[0])
    return made


def _nets(table):
    """Starts of each net in reading order: dict of title to list; levels of constant and indices are no start."""
    present = [start for start in dict.fromkeys(table.start) if start not in LEVELS]
    flat = [start for start in present if not start.startswith(_ONE_DIMENSIONAL)]
    found = {"AlexNet": flat, "1-D ResNet-18": [start for start in present if start not in flat]}
    return {title: starts for title, starts in found.items() if starts}


def _draw_line(ax, part, start, aside):
    part = part.sort_values("depth")
    ax.errorbar(
        part.depth.to_numpy(float) + aside, part.estimate, figures.reach(part), fmt="o-", color=_colour(start),
        capsize=2, linewidth=1, label=STARTS.get(start, start.replace("_", " ")),
    )  # fmt: skip


def _draw_levels(ax, shown):
    for row in shown[shown.start.isin(list(LEVELS))].itertuples():
        dashes = "--" if row.start == CONSTANT else "-"
        ax.axhline(row.estimate, color=LEVELS[row.start], linewidth=0.9, linestyle=dashes, label=row.start)
        if row.start == INDICES:
            ax.axhspan(row.low, row.high, color=LEVELS[row.start], alpha=0.15, linewidth=0, zorder=0)


def draw_pareto(
    scores, costs, x="milliseconds_per_interval", *, start=None, metric="balanced_accuracy", synthetic=False
):
    """Draw the score of each depth against its cost, on a logarithmic axis. Returns the figure.

    Full marks are uncached, hollow ones with the frozen layers' features cached; each is labelled with its number of
    frozen layers. The line joins the marks that no other one beats in both cost and mean score, see `non_dominated`.

    Parameters
    ----------
    scores : DataFrame
        See `quality_tables.depth_table`.
    costs : DataFrame
        Columns ``depth``, ``cached`` (bool) and one or more of `COSTS`; memory in MB.
    x : str
        Column of `COSTS`.
    start : str, optional
        Whose scores; without it those of the first start.
    metric : str
    synthetic : bool

    Raises
    ------
    SettingsError
        For another x.
    """
    if x not in COSTS:
        raise SettingsError("x", f"one of {', '.join(COSTS)}", repr(x), "Name a column of the costs.")
    shown = scores[(scores.metric == metric) & scores.depth.notna()]
    start = start or next(iter(shown.start), None)
    points = shown[shown.start == start].astype({"depth": int}).merge(costs.dropna(subset=[x]), on="depth")
    made, axes = figures.figure(height=3.6, synthetic=synthetic)
    for cached, part in points.groupby("cached"):
        own = {"markerfacecolor": "white"} if cached else {}
        axes.errorbar(part[x], part.estimate, figures.reach(part), fmt="o", color=_colour(start), capsize=2,
                      markersize=7, label="features cached" if cached else "not cached", **own)  # fmt: skip
    for row in points.itertuples():
        aside = (5, 5) if row.cached else (5, -13)  # the same depth stands twice, and neighbours lie close
        axes.annotate(f"{row.depth}", (getattr(row, x), row.estimate), aside, textcoords="offset points")
    best = points[non_dominated(points[x], points.estimate)].sort_values(x)
    axes.plot(best[x], best.estimate, color="#222222", linewidth=0.9, zorder=0, label="beaten by none")
    axes.set(xscale="log", xlabel=COSTS[x], ylabel=_LABELS[metric])
    _title_if_empty(axes, points)
    if len(points):
        axes.legend(frameon=False, fontsize="small")
    return made


def non_dominated(costs, scores):
    """Say which points no other one beats, by costing no more and scoring no less and one of them better.

    Parameters
    ----------
    costs, scores : float arrays, (n_points,)

    Returns
    -------
    bool array, (n_points,)
    """
    costs, scores = np.asarray(costs, float), np.asarray(scores, float)
    no_worse = (costs[:, None] <= costs) & (scores[:, None] >= scores)
    better = (costs[:, None] < costs) | (scores[:, None] > scores)
    return ~(no_worse & better).any(axis=0)


def draw_mcnemar(table, p="p_clustered_holm", *, level=0.05, synthetic=False):
    """Draw every two depths against each other, a grid per start. Returns the figure.

    Below the diagonal stands the accuracy of the row minus that of the column, in points, coloured; above it the p
    value of the same pair, bold where it is below the level.

    Parameters
    ----------
    table : DataFrame
        See `quality_tables.mcnemar_table`, one row per pair: unit "pooled" or "vote", or a single seed.
    p : str
        Column of p values.
    level : float
    synthetic : bool

    Raises
    ------
    InputError
        For several rows of a pair.
    """
    if table.duplicated(["start", "first", "second"]).any():
        fix = "Choose the rows of one seed, or test with unit='pooled'."
        raise InputError("table", "one row per start and pair", "several seeds", fix)
    groups = list(table.groupby("start", sort=False))
    made, axes = figures.figure(1, max(len(groups), 1), width=5.6 * max(len(groups), 1), height=4.8,
                                synthetic=synthetic, squeeze=False)  # fmt: skip
    for ax, (start, part) in zip(axes[0], groups, strict=False):
        _draw_grid(ax, part, p, level)
        ax.set(title=STARTS.get(start, start), xlabel=LAYERS, ylabel=LAYERS)
    _title_if_empty(axes[0][0], table)
    return made


def _draw_grid(ax, part, p, level):
    depths = sorted({*part["first"].astype(int), *part["second"].astype(int)})
    grid = np.full((len(depths), len(depths)), np.nan)
    for row in part.to_dict("records"):
        first, second = depths.index(row["first"]), depths.index(row["second"])
        grid[second, first] = -100 * row["difference"]  # the deeper one is the row
        ax.text(
            first,
            second,
            f"{round(grid[second, first], 1) + 0:+.1f}",
            ha="center",
            va="center",
            fontsize="small",
        )
        weight = "bold" if row[p] < level else "normal"
        ax.text(second, first, _short(row[p]), ha="center", va="center", fontsize="x-small", weight=weight)
    reach = max(np.nanmax(np.abs(grid)), 1.0)
    ax.imshow(grid, cmap="RdBu", vmin=-1.6 * reach, vmax=1.6 * reach)
    ax.set_xticks(range(len(depths)), depths)
    ax.set_yticks(range(len(depths)), depths)
    ax.grid(False)


def _short(p):
    return "<.001" if p < 0.0005 else f"{p:.3f}".lstrip("0")


def draw_answers(table, *, synthetic=False):
    """Draw how many intervals of each rhythm are called low quality, by depth, a panel per start. Returns the figure.

    Parameters
    ----------
    table : DataFrame
        See `quality_tables.rhythm_table`.
    synthetic : bool
    """
    groups = list(table.groupby("start", sort=False))
    made, axes = figures.figure(1, max(len(groups), 1), width=max(7.2, 3.2 * len(groups)), height=3.2,
                                synthetic=synthetic, sharey=True, squeeze=False)  # fmt: skip
    for ax, (start, part) in zip(axes[0], groups, strict=False):
        for place, rhythm in enumerate(name for name in CLASSES if name in set(part.rhythm)):
            own = part[part.rhythm == rhythm].sort_values("depth")
            colour, words = RHYTHMS[rhythm]
            x = own.depth.to_numpy(float) + 0.08 * (place - 1.5)
            ax.errorbar(x, own.share, figures.reach(own.rename(columns={"share": "estimate"})), fmt="o-",
                        color=colour, capsize=2, linewidth=1, label=words)  # fmt: skip
        ax.set(title=STARTS.get(start, start), xlabel=LAYERS, ylim=(-0.02, 1.02))
        ax.set_xticks(sorted(set(part.depth.astype(int))))
    axes[0][0].set_ylabel(LOW)
    _title_if_empty(axes[0][0], table)
    _legend(made, axes[0], columns=len(RHYTHMS))
    return made


def _title_if_empty(ax, table):
    if table.empty:
        ax.set_title(_EMPTY)


def _colour(start):
    return COLOURS.get(start, "#009E73")


def _legend(made, axes, columns=3):
    """One key of all panels, below them."""
    named = {}
    for ax in axes:
        named |= dict(zip(*reversed(ax.get_legend_handles_labels()), strict=True))
    if named:
        made.legend(
            named.values(),
            named.keys(),
            frameon=False,
            fontsize="small",
            loc="outside lower center",
            ncols=columns,
        )
