"""Tables and figures of the `spectrogram2d` page, beside those that it shares with the others.

Differences are 2-D minus 1-D throughout; the ledger's, as the report's, are 1-D minus 2-D.
"""

import numpy as np
import pandas as pd

from ecgrepro.claims import ledger
from ecgrepro.evaluation.comparison import arm_estimate, paired_difference
from ecgrepro.studies.arm_tables import METRICS, run_table
from ecgrepro.studies.designs import fine_tuning, finished, predictions
from ecgrepro.studies.evidence import RESAMPLING
from ecgrepro.studies.figures import called, colour, figure, reach
from ecgrepro.studies.printed_tables import printed_pairs
from ecgrepro.studies.spectrogram2d import PUBLISHED, STUDY, WINDOWS

#: Arms of `resnet1d` by the start that they share with the arms here.
ONE_DIMENSIONAL = {"random": "random", "beat": "beat_2048"}
#: What an arm's name ends with, in the order in which one difference after the other is taken away, and what is then
#: as in the 1-D net; the last changes the representation itself.
STEPS = {
    "2d": "as published",
    "2d_scaled": "same scale\nin both phases",
    "2d_constants": "layers set as\nin the 1-D net",
    "2d_matched": "as many\nparameters",
    "2d_log": "logarithm of\nthe magnitude",
}
#: Arms by window in samples at 250 Hz; the report's window is that of the matched arm.
WINDOW_ARMS = {
    w: "random_2d_matched" if w == PUBLISHED["window"] else f"random_2d_window_{w}" for w in WINDOWS
}
#: Every arm of the page, in reading order; a random start knows no scale of pre-training.
ORDER = tuple(ONE_DIMENSIONAL.values())
ORDER += tuple(
    f"{start}_{step}"
    for step in STEPS
    for start in ONE_DIMENSIONAL
    if (start, step) != ("random", "2d_scaled")
)
ORDER += tuple(arm for arm in WINDOW_ARMS.values() if arm not in ORDER)
#: Pairs of arms, 2-D minus 1-D: the pipelines as published, what they are shown alone, and that on a log scale.
PAIRS = tuple(
    (f"{start}_{step}", one)
    for step in ("2d", "2d_matched", "2d_log")
    for start, one in ONE_DIMENSIONAL.items()
)
#: Arms whose learning curves and classes are shown.
CHOSEN = ("random", "beat_2048", "random_2d", "beat_2d", "random_2d_matched", "beat_2d_matched")
PER_CLASS = tuple(name for name in METRICS if name.startswith("f1_"))
#: The ledger's claims that both nets do equally well.
EQUAL_NETS = "T1F-1d2d-"
#: Pre-training patients of both nets, 2-D first, by the end of the claim's id.
SIZES = {"0": "none", "1": "1 %", "10": "10 %", "20": "20 %", "100-88": "88 % − all"}
STEP_COLUMNS = [
    "labels",
    "start",
    "from",
    "to",
    "before",
    "change",
    "low",
    "high",
    "t_p",
    "after",
    "1-D net",
    "seeds",
]
WINDOW_COLUMNS = ["labels", "window", "milliseconds", "estimate", "low", "high", "difference", "difference_low",
                  "difference_high", "1-D net", "seeds"]  # fmt: skip


def committed(scale="pilot"):
    """Results that the page compares: arms of this study that are whole, and those of `resnet1d` beside them.

    Returns
    -------
    found : list of dict
    state : DataFrame
        Of this study alone, see `ecgrepro.studies.designs.finished`.
    """
    found, state = finished(STUDY, scale)
    shares = set(state.labels)
    others, _ = finished("resnet1d", scale)
    beside = ONE_DIMENSIONAL.values()
    # a pre-training has no share of labels
    wanted = {(arm, share) for arm in beside for share in (*shares, None)}
    others = [r for r in others if (r["trial"]["arm"], r["trial"]["recipe"].get("labels")) in wanted]
    return others + found, state


def equality_claims():
    """Claims of the ledger that both nets do equally well, by id, in its order."""
    return {c.id: c for c in ledger.load() if c.id.startswith(EQUAL_NETS) and c.rule == "equivalence"}


def margin():
    """The ledger's margin for the 1-D and the 2-D net to be equal."""
    return equality_claims()[f"{EQUAL_NETS}0"].margin


def published_effects():
    """The largest pre-trained nets' published difference, 2-D minus 1-D, for the pairs of arms that ask after it."""
    effect = -equality_claims()[f"{EQUAL_NETS}100-88"].published
    return {pair: effect for pair in PAIRS if pair[1] == ONE_DIMENSIONAL["beat"]}


def printed_nets():
    """What the report's printed means say of 2-D minus 1-D, size by size: see `printed_tables.printed_pairs`."""
    levels = {claim.id for claim in ledger.load() if claim.rule == "value"}
    pairs = {}
    for name, claim in equality_claims().items():
        one, two = (other for other in claim.derived_from if other in levels)
        pairs[SIZES[name.removeprefix(EQUAL_NETS)]] = two, one
    return printed_pairs(pairs)


def level(found, arm, labels):
    """Mean test macro F1 of an arm over its runs; NaN where it has none."""
    runs = fine_tuning(found, arm, labels)
    return float(run_table(runs)["test macro F1"].mean()) if runs else np.nan


def step_table(found, labels, metric="macro_f1"):
    """What each step from the published 2-D pipeline changes, 95 %; arms without runs are stepped over.

    Parameters
    ----------
    found : list of dict
    labels : sequence of float
        Shares of the labels.
    metric : str

    Returns
    -------
    DataFrame
        ``from`` and ``to`` are keys of `STEPS`; ``change`` is the paired difference of scores, ``after`` minus
        ``before``; ``1-D net`` its macro F1.
    """
    rows = []
    for share in labels:
        for start, reference in ONE_DIMENSIONAL.items():
            tables = {step: predictions(found, f"{start}_{step}", share) for step in STEPS}
            there = [step for step, table in tables.items() if table is not None]
            for first, second in zip(there, there[1:], strict=False):
                made = paired_difference(tables[second], tables[first], metric, **RESAMPLING)
                before, after = made.per_seed["second"].mean(), made.per_seed["first"].mean()
                change = made.estimate, made.low, made.high, made.t_test.p
                one = level(found, reference, share)
                rows.append([share, start, first, second, before, *change, after, one, made.n_seeds])
    return pd.DataFrame(rows, columns=STEP_COLUMNS)


def draw_steps(steps, *, synthetic=False):
    """Draw a `step_table` of one share of labels as a staircase per start. Returns the figure."""
    starts = list(dict.fromkeys(steps.start))
    made, axes = figure(
        len(starts), 1, height=2.9 * len(starts), synthetic=synthetic, sharey=True, squeeze=False
    )
    for ax, start in zip(axes[:, 0], starts, strict=True):
        part = steps[steps.start == start]
        one, reference = part["1-D net"].iloc[0], ONE_DIMENSIONAL[start]
        _draw_staircase(ax, part, [part["from"].iloc[0], *part.to])
        title = called(reference)
        if np.isfinite(one):
            ax.axhline(one, color=colour(reference), linestyle="--")
            title += " (dashed: the 1-D net)"
        ax.set(title=title, ylabel=METRICS["macro_f1"])
        ax.margins(y=0.15)
    return made


def _draw_staircase(ax, part, stages):
    """Draw a level for every stage and, on each but the first, the interval of its change from the level before."""
    places, levels = np.arange(len(stages)), [part.before.iloc[0], *part.after]
    colours = [colour(f"{part.start.iloc[0]}_{stage}") for stage in stages]
    ax.hlines(levels, places - 0.3, places + 0.3, linewidth=4, colors=colours)
    for x, row in enumerate(part.itertuples(), 1):
        ax.plot([x - 0.7, x + 0.3], [row.before] * 2, ":", color="#777777", linewidth=0.9)
        reached = np.maximum([[row.change - row.low], [row.high - row.change]], 0)
        ax.errorbar(x, row.after, reached, color="#222222", capsize=4)
        top = row.before + max(row.high, 0)
        ax.annotate(f"{row.change:+.3f}", (x, top), (0, 4), textcoords="offset points", ha="center")
    ax.set_xticks(places, [STEPS[stage] for stage in stages])


def window_table(found, labels, metric="macro_f1"):
    """Scores by the length of the window, and paired differences to the report's window, 95 %: DataFrame."""
    rows = []
    for share in labels:
        base = predictions(found, WINDOW_ARMS[PUBLISHED["window"]], share)
        for window, arm in WINDOW_ARMS.items():
            table = predictions(found, arm, share)
            if table is None:
                continue
            made, difference = arm_estimate(table, metric, **RESAMPLING), [np.nan] * 3
            if base is not None and window != PUBLISHED["window"]:
                against = paired_difference(table, base, metric, **RESAMPLING)
                difference = [against.estimate, against.low, against.high]
            rows.append([share, window, 1000 * window / 250, made.estimate, made.low, made.high, *difference,
                         level(found, "random", share), made.n_seeds])  # fmt: skip
    return pd.DataFrame(rows, columns=WINDOW_COLUMNS)


def draw_windows(windows, found, *, synthetic=False):
    """Draw a `window_table` of one share of labels, each seed as a dot. Returns the figure."""
    made, ax = figure(height=3.3, synthetic=synthetic)
    share = windows.labels.iloc[0]
    for row in windows.itertuples():
        dots = run_table(fine_tuning(found, WINDOW_ARMS[row.window], share))["test macro F1"]
        x = row.milliseconds * 2 ** np.linspace(-0.16, -0.04, len(dots))
        ax.plot(x, dots, "o", color=colour(WINDOW_ARMS[row.window]), alpha=0.55, markersize=5)
    ax.errorbar(
        windows.milliseconds * 2**0.08,
        windows.estimate,
        reach(windows),
        fmt="D-",
        color="#222222",
        capsize=4,
        linewidth=0.8,
    )
    if np.isfinite(windows["1-D net"].iloc[0]):
        ax.axhline(
            windows["1-D net"].iloc[0], color=colour("random"), linestyle="--", label="1-D net, random start"
        )
        ax.legend(frameon=False)
    ax.set_xscale("log", base=2)
    ax.set_xticks(windows.milliseconds, [f"{value:,.0f}" for value in windows.milliseconds])
    ax.set(xlabel="window of the transform in ms", ylabel="macro F1, four classes")
    return made


def draw_scores(scores, runs, *, synthetic=False):
    """Draw every run's test macro F1 as a dot, the mean with its interval below, one row per arm. Returns the figure.

    Parameters
    ----------
    scores : DataFrame
        `ecgrepro.studies.arm_tables.score_table` of macro F1.
    runs : DataFrame
        `run_table` of the same results.
    """
    names = [arm for arm in ORDER if arm in set(scores.arm)]
    shares = list(dict.fromkeys(scores.labels))
    made, axes = figure(
        1, len(shares), height=1.1 + 0.36 * len(names), synthetic=synthetic, sharey=True, squeeze=False
    )
    for ax, share in zip(axes[0], shares, strict=True):
        for row in scores[scores.labels == share].itertuples():
            y, dots = (
                -names.index(row.arm),
                runs[(runs.labels == share) & (runs.arm == row.arm)]["test macro F1"],
            )
            ax.plot(dots, np.full(len(dots), y + 0.14), "o", color=colour(row.arm), alpha=0.55, markersize=5)
            ax.errorbar(row.estimate, y - 0.16, xerr=reach(row)[:, None], fmt="D",
                        color=colour(row.arm), capsize=3, markersize=5)  # fmt: skip
        ax.grid(axis="x", color="#eeeeee")
        ax.set(title=f"{share:.0%} of the labels", xlabel=METRICS["macro_f1"], ylim=(-len(names) + 0.5, 0.5))
    axes[0][0].set_yticks(-np.arange(len(names)), [called(arm) for arm in names])
    return made


def draw_classes(scores, *, synthetic=False):
    """Draw F1 per class with intervals, a panel per share of labels. Returns the figure.

    Parameters
    ----------
    scores : DataFrame
        `score_table` of `PER_CLASS`.
    """
    names, shares = list(dict.fromkeys(scores.arm)), list(dict.fromkeys(scores.labels))
    made, axes = figure(
        len(shares), 1, height=0.6 + 2.5 * len(shares), synthetic=synthetic, sharex=True, squeeze=False
    )
    for ax, share in zip(axes[:, 0], shares, strict=True):
        for place, arm in enumerate(names):
            part = scores[(scores.labels == share) & (scores.arm == arm)]
            x = [PER_CLASS.index(metric) + 0.7 * ((place + 0.5) / len(names) - 0.5) for metric in part.metric]
            ax.errorbar(x, part.estimate, reach(part), fmt="o", capsize=3,
                        color=colour(arm), label=called(arm))  # fmt: skip
        ax.set(title=f"{share:.0%} of the labels", ylabel="F1")
    axes[-1][0].set_xticks(range(len(PER_CLASS)), [METRICS[name] for name in PER_CLASS])
    made.legend(*axes[0][0].get_legend_handles_labels(), loc="outside lower center", ncols=3, frameon=False)
    return made
