"""Figures of the `pretrain_size` page, from the tables of `pretrain_size_tables` and `pretrain_size_curves`."""

import numpy as np

from ecgrepro.studies import figures
from ecgrepro.studies.pretrain_size_curves import margin
from ecgrepro.studies.pretrain_size_design import KINDS

#: Colours and marks of the kinds of arms (Okabe & Ito's palette).
COLOURS = {"fixed": "#0072B2", "pass": "#D55E00", "few": "#009E73", "one_run": "#CC79A7"}
MARKS = {"fixed": "o", "pass": "s", "few": "^", "one_run": "D"}
SCORE = "macro F1, four classes"
PEOPLE = "people pre-trained on"


def draw_design(design, report, *, synthetic=False):
    """Draw patients seen against optimiser steps: the report's sizes, and the pilot's arms. Returns the figure."""
    made, axes = figures.figure(1, 2, height=3.4, synthetic=synthetic)
    for _, part in report.groupby("run"):
        axes[0].plot(part.patients, part.steps, "o-", color="#555555", linewidth=0.8)
        for row in part.itertuples():
            axes[0].annotate(f'"{row.called:.0%}"', (row.patients, row.steps), (-7, 3), textcoords="offset points",
                             ha="right")  # fmt: skip
    for kind, part in design.groupby("kind", sort=False):
        hollow = {"markerfacecolor": "none", "markersize": 11} if kind == "one_run" else {"markersize": 6}
        axes[1].plot(
            part["patients seen"], part.steps, MARKS[kind], color=COLOURS[kind], label=KINDS[kind], **hollow
        )
    for ax, title in zip(
        axes, ("the report: size is steps", "the pilot: people and steps apart"), strict=True
    ):
        ax.set(title=title, xscale="log", yscale="log", xlabel=PEOPLE)
    axes[0].set_ylabel("optimiser steps")
    axes[0].margins(0.25)
    _people(axes[1], sorted(set(design.patients)))
    steps = sorted(set(design.steps[design.kind == "pass"]))
    axes[1].set_yticks(steps, [f"{n:,}" for n in steps])
    axes[1].minorticks_off()
    axes[1].legend(frameon=False, fontsize="small", loc="lower right", bbox_to_anchor=(1, 0.05))
    return made


def draw_gains(gains, seeds, *, synthetic=False):
    """Draw what pre-training gains over a random start against the number of people. Returns the figure.

    Parameters
    ----------
    gains, seeds : dict of float to DataFrame
        By share of the labels, see `pretrain_size_tables.gain_table` and `seed_table`.
    """
    made, axes = figures.figure(1, len(gains), height=3.4, synthetic=synthetic, sharey=True, squeeze=False)
    for ax, share in zip(axes[0], gains, strict=True):
        for kind, part in gains[share].groupby("kind", sort=False):
            aside = _aside(kind, gains[share])
            x = part.patients * aside
            ax.plot(
                x, part.difference, MARKS[kind] + "-", color=COLOURS[kind], linewidth=1, label=KINDS[kind]
            )
            ax.vlines(x, part.low, part.high, color=COLOURS[kind], linewidth=1.2)
            dots = seeds[share][seeds[share].kind == kind]
            ax.plot(
                dots.patients * aside * 1.03,
                dots.gain,
                "o",
                color=COLOURS[kind],
                alpha=0.4,
                markersize=3,
            )
        _no_difference(ax, "h")
        ax.set(title=f"{share:.0%} of the labels", xscale="log", xlabel=PEOPLE)
        _people(ax, sorted(set(gains[share].patients)))
    axes[0][0].set_ylabel("gain in macro F1 over random start")
    _legend(axes[0])
    return made


def draw_curves(fits, *, synthetic=False):
    """Draw fitted saturating curves with their 95 % bands over the arms' mean scores. Returns the figure."""
    made, axes = figures.figure(1, len(fits), height=3.2, synthetic=synthetic, squeeze=False)
    for ax, ((share, kind), fit) in zip(axes[0], fits.items(), strict=True):
        curve, arms = fit.curve[fit.curve["size"] > 0], fit.arms[fit.arms["size"] > 0]
        ax.fill_between(curve["size"], curve.low, curve.high, color=COLOURS[kind], alpha=0.18, linewidth=0)
        ax.plot(curve["size"], curve.score, color=COLOURS[kind])
        ax.plot(arms["size"], arms.score, "o", color=COLOURS[kind])
        ticks = {float(n): f"{n:.0f}" for n in arms["size"]}
        if (fit.arms["size"] == 0).any():  # no place on a logarithmic axis
            none = arms["size"].min() / 2.5
            ax.plot(none, fit.arms.score[fit.arms["size"] == 0], "D", color="#555555")
            ticks[none] = "none"
        ax.set_title(_line_title(share, kind), fontsize="small")
        ax.set(xscale="log", xlabel=PEOPLE)
        _people(ax, sorted(ticks), [ticks[n] for n in sorted(ticks)])
    axes[0][0].set_ylabel(SCORE)
    return made


def draw_pairs(pairs, *, synthetic=False):
    """Draw the larger minus the smaller size with 90 % intervals, the margin shaded. Returns the figure."""
    groups = list(pairs.groupby(["labels", "kind"], sort=False))
    made, axes = figures.figure(1, len(groups), height=3.2, synthetic=synthetic, sharex=True, squeeze=False)
    for ax, ((share, kind), part) in zip(axes[0], groups, strict=True):
        _forest(ax, part, [f"{row.against} − {row.patients}" for row in part.itertuples()], COLOURS[kind])
        ax.set_title(_line_title(share, kind), fontsize="small")
        ax.set(xlabel="difference in macro F1")
    return made


def _line_title(share, kind):
    return f"{KINDS[kind]},\n{share:.0%} of the labels"


def draw_contrasts(contrasts, *, synthetic=False):
    """Draw differences between arms, grouped by the question, with 95 % intervals. Returns the figure."""
    groups = dict(list(contrasts.groupby("question", sort=False)))
    counts = [len(part) for part in groups.values()]
    made, axes = figures.figure(
        len(groups), 1, height=0.8 + 0.55 * len(groups) + 0.22 * sum(counts), synthetic=synthetic, sharex=True,
        squeeze=False, gridspec_kw={"height_ratios": [count + 0.6 for count in counts]},
    )  # fmt: skip
    for ax, (question, part) in zip(axes[:, 0], groups.items(), strict=True):
        _forest(ax, part, [f"{row.first} − {row.second}" for row in part.itertuples()], "#0072B2")
        ax.set_title(question, loc="left", fontsize="medium")
    axes[-1, 0].set_xlabel("difference in macro F1")
    return made


def draw_held_out(table, *, synthetic=False):
    """Draw balanced accuracy of pre-trained nets on people that none was trained on. Returns the figure."""
    corpora = list(dict.fromkeys(table.corpus))
    made, axes = figures.figure(1, len(corpora), height=3.2, synthetic=synthetic, sharey=True, squeeze=False)
    for ax, corpus in zip(axes[0], corpora, strict=True):
        part = table[table.corpus == corpus]
        for kind in [kind for kind in KINDS if kind in set(part.kind)]:
            own, aside = part[part.kind == kind], _aside(kind, part)
            ax.plot(own.patients * aside, own["balanced accuracy"], MARKS[kind], color=COLOURS[kind],
                    alpha=0.5, markersize=4)  # fmt: skip
            mean = own.groupby("patients")["balanced accuracy"].mean()
            ax.plot(mean.index * aside, mean, "-", color=COLOURS[kind], label=KINDS[kind])
        ax.axhline(part["majority class"].mean(), color="#222222", linewidth=0.8, linestyle="--")
        ax.set(title=corpus, xscale="log", xlabel=PEOPLE)
        _people(ax, sorted(set(part.patients)))
    axes[0][0].set_ylabel("balanced accuracy")
    _legend(axes[0])
    return made


def draw_printed(table, *, synthetic=False):
    """Draw the report's printed differences with the widest 95 % interval they allow. Returns the figure."""
    made, axes = figures.figure(1, 2, height=2.8, synthetic=synthetic)
    shown = table.assign(
        difference=(table.difference_from + table.difference_to) / 2, low=table.low_from, high=table.high_to
    )
    to_none = shown.comparison.str.endswith("none")
    for ax, part, title in zip(
        axes, (shown[to_none], shown[~to_none]), ("gain", "between sizes"), strict=True
    ):
        _forest(ax, part, part.comparison, "#555555")
        ax.set(title=title, xlabel="difference in macro F1, as printed")
    return made


def _forest(ax, part, names, colour):
    """Draw differences with their intervals, one under another, the margin shaded."""
    y = -np.arange(len(part))
    ax.hlines(y, part.low, part.high, color=colour, linewidth=1.4)
    ax.plot(part.difference, y, "o", color=colour)
    ax.set_yticks(y, names)
    ax.set_ylim(-len(part) + 0.4, 0.6)
    ax.grid(axis="x", color="#eeeeee")
    _no_difference(ax, "v")


def _no_difference(ax, direction):
    """Shade what is no difference that matters: across ("h") or upright ("v")."""
    span, line = (ax.axhspan, ax.axhline) if direction == "h" else (ax.axvspan, ax.axvline)
    span(-margin(), margin(), color="#dddddd", zorder=0)
    line(0, color="#222222", linewidth=0.8)


def _aside(kind, table):
    """Factor that moves a kind along a logarithmic axis, so that intervals do not cover each other."""
    kinds = [known for known in KINDS if known in set(table.kind)]
    return 10 ** (0.035 * (kinds.index(kind) - (len(kinds) - 1) / 2))


def _people(ax, places, names=None):
    ax.set_xticks(places, names or [f"{n:g}" for n in places])
    ax.minorticks_off()
    if places:
        ax.set_xlim(min(places) / 1.35, max(places) * 1.35)


def _legend(axes):
    """One legend, where most lines are."""
    busiest = max(axes, key=lambda ax: len(ax.get_legend_handles_labels()[1]))
    if busiest.get_legend_handles_labels()[1]:
        busiest.legend(frameon=False, fontsize="small")
