"""Tables and figures of differences between arms that the study pages share."""

import numpy as np
import pandas as pd

from ecgrepro.evaluation.comparison import equivalence, paired_difference
from ecgrepro.evaluation.power import n_seeds_to_see
from ecgrepro.studies.designs import predictions
from ecgrepro.studies.evidence import RESAMPLING
from ecgrepro.studies.figures import called, colour, figure, reach

PAIR_COLUMNS = [
    "labels",
    "comparison",
    "difference",
    "low",
    "high",
    "t_p",
    "smallest_margin",
    "seeds",
    "records",
]
EQUALITY_COLUMNS = ["labels", "comparison", "difference", "low", "high", "margin", "they are", "tost_p"]
POWER_COLUMNS = ["labels", "comparison", "effect", "observed", "sd over seeds", "seeds", "seeds, records fixed",
                 "seeds, one split", "smallest effect", "smallest effect, one split"]  # fmt: skip


def pairs_of(found, pairs, labels):
    """Yield (share of labels, words, first table, second table) of those pairs of arms that both have runs."""
    for share in labels:
        for first, second in pairs:
            tables = [predictions(found, arm, share) for arm in (first, second)]
            if not any(table is None for table in tables):
                yield share, f"{called(first)} − {called(second)}", *tables


def pair_table(found, pairs, labels, metric="macro_f1"):
    """Paired differences of chosen pairs of arms, 95 %: DataFrame, without pairs that lack runs.

    Parameters
    ----------
    found : list of dict
        See `ecgrepro.studies.designs.results`.
    pairs : sequence of (str, str)
        First minus second.
    labels : sequence of float
    metric : str
    """
    rows = []
    for share, words, first, second in pairs_of(found, pairs, labels):
        made = paired_difference(first, second, metric, **RESAMPLING)
        rows.append({"labels": share, "comparison": words, "difference": made.estimate, "low": made.low,
                     "high": made.high, "t_p": made.t_test.p, "smallest_margin": made.smallest_margin,
                     "seeds": made.n_seeds, "records": made.n_records})  # fmt: skip
    return pd.DataFrame(rows, columns=PAIR_COLUMNS)


def equality_table(found, pairs, labels, margin=0.02, metric="macro_f1"):
    """Whether pairs of arms differ by less than a margin: the two-level interval at 90 % and TOST over seeds.

    ``they are`` equal, different or open, see `ecgrepro.evaluation.comparison.Equivalence.answer`.
    """
    rows = []
    for share, words, first, second in pairs_of(found, pairs, labels):
        made = equivalence(first, second, metric, margin, **RESAMPLING)
        rows.append({"labels": share, "comparison": words, "difference": made.difference.estimate,
                     "low": made.difference.low, "high": made.difference.high, "margin": margin,
                     "they are": made.answer, "tost_p": made.test.p})  # fmt: skip
    return pd.DataFrame(rows, columns=EQUALITY_COLUMNS)


def power_table(found, effects, labels, metric="macro_f1"):
    """Seeds that it takes to see a published effect with the spread that we observed, power 80 %.

    Parameters
    ----------
    effects : dict of (str, str) to float
        Pair of arms to the published difference of them.

    Returns
    -------
    DataFrame
        ``seeds`` where each draws other recordings; with the records of all folds fixed; and with those of one split,
        as the publications have it. "no number" where recordings alone leave the matter open. See
        `ecgrepro.evaluation.power.SeedsToSee`.
    """
    rows = []
    for pair, effect in effects.items():
        for share, words, first, second in pairs_of(found, [pair], labels):
            made = paired_difference(first, second, metric, **RESAMPLING)
            seen = n_seeds_to_see(effect, made)
            rows.append({"labels": share, "comparison": words, "effect": effect, "observed": made.estimate,
                         "sd over seeds": seen.sd, "seeds": str(seen.n_seeds),
                         "seeds, records fixed": _or_none(seen.n_seeds_fixed_records),
                         "seeds, one split": _or_none(seen.n_seeds_one_split),
                         "smallest effect": seen.smallest_effect,
                         "smallest effect, one split": seen.smallest_effect_one_split})  # fmt: skip
    return pd.DataFrame(rows, columns=POWER_COLUMNS)


def _or_none(number):
    return "no number" if number is None else str(number)


def draw_pairs(table, *, synthetic=False, margin=0.02):
    """Draw the rows of a `pair_table` as marks with intervals, the margin shaded. Returns the figure."""
    made, axes = figure(height=0.9 + 0.32 * max(len(table), 2), synthetic=synthetic)
    y = -np.arange(len(table))
    axes.errorbar(table.difference, y, xerr=reach(table), fmt="o",
                  color="#0072B2", capsize=3)  # fmt: skip
    axes.axvspan(-margin, margin, color="#dddddd", zorder=0)
    axes.axvline(0, color="#222222", linewidth=0.8)
    axes.set_yticks(y, [f"{row.comparison}, {row.labels:.0%} of labels" for row in table.itertuples()])
    axes.set(xlabel="difference in macro F1")
    axes.grid(axis="x", color="#eeeeee")
    return made


def draw_scarcity(scores, *, synthetic=False):
    """Draw mean scores with intervals against the share of labels, one line per arm. Returns the figure.

    Parameters
    ----------
    scores : DataFrame
        See `ecgrepro.studies.arm_tables.score_table`, of one metric.
    """
    made, axes = figure(height=3.4, synthetic=synthetic)
    for arm, part in scores.groupby("arm", sort=False):
        part = part.sort_values("labels")
        axes.errorbar(part.labels, part.estimate, reach(part), fmt="o-",
                      color=colour(arm), capsize=3, label=called(arm))  # fmt: skip
    axes.set_xscale("log")
    shares = sorted(scores.labels.unique())
    axes.set_xticks(shares, [f"{share:.0%}" for share in shares])
    axes.minorticks_off()
    axes.set(xlabel="share of the training labels", ylabel="macro F1, four classes")
    axes.legend(frameon=False)
    return made
