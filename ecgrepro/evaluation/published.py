"""What printed means and standard deviations over runs say by themselves: tests recomputed by arithmetic.

Most reports print a mean and a standard deviation over n runs, and test nothing. From these alone follow Welch's
t test, the standardised difference, and the test of equivalence, as if the runs were independent and their scores
normal. What does not follow: whether other recordings would give the same, since all runs share one test set; and
what pairing the runs by seed would gain.

Every printed figure stands for an interval (`ecgrepro.claims.claim.printed_interval`: rounded or cut off), and so
does every result. The results are monotone in the size of the difference, so its ends are taken, and 0 where it
lies between them; of each standard deviation nine values from end to end, because the degrees of freedom may have
their extreme inside. What is given is the lowest and highest result found.
"""

import math
from dataclasses import dataclass, fields
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import stats

from ecgrepro.claims.claim import printed_interval
from ecgrepro.errors import InputError, SettingsError
from ecgrepro.evaluation.seed_tests import check_margin, seeds_needed

_STD_VALUES = 9


class PrintedArm(NamedTuple):
    """A printed mean and sample standard deviation (divisor n - 1), each as (low, high), over n runs."""

    mean: tuple
    std: tuple
    n: int


@dataclass(frozen=True)
class PublishedDifference:
    """First minus second arm from printed figures; every result is (lowest, highest) over what they can stand for.

    Attributes
    ----------
    difference : tuple of float
    t, df, p : tuple of float
        Welch's t test, two-sided.
    low, high : tuple of float
        Confidence limits of the difference.
    hedges_g, hedges_low, hedges_high : tuple of float
        Difference in pooled standard deviations with the small-sample correction (Hedges 1981,
        doi:10.3102/10769986006002107), and its limits from the large-sample variance (`statsmodels`
        `effectsize_smd`): rough for ten runs, and for effects of several standard deviations.
    equivalence_p : tuple of float
        The larger p of two one-sided Welch tests against the margin (Schuirmann 1987, doi:10.1007/BF01068419).
    seeds_needed : tuple of float
        Runs per arm for 80 % power at 5 % to find such a difference, see `runs_needed`; infinite for none.
    n_first, n_second : int
        Runs.
    level : float
        Of all confidence limits.
    margin : float
    """

    difference: tuple
    t: tuple
    df: tuple
    p: tuple
    low: tuple
    high: tuple
    hedges_g: tuple
    hedges_low: tuple
    hedges_high: tuple
    equivalence_p: tuple
    seeds_needed: tuple
    n_first: int
    n_second: int
    level: float
    margin: float


#: Results that are intervals over the room of the printed figures, in order.
RESULTS = tuple(field.name for field in fields(PublishedDifference))[:11]


def printed_arm(mean, std, n, printed=None):
    """Return a `PrintedArm` from figures as printed.

    Parameters
    ----------
    mean, std : float
    n : int
        Runs, at least 2.
    printed : mapping, optional
        ``digits`` and ``rounding`` of both figures, see `ecgrepro.claims.claim.printed_interval`; None: exact.

    Raises
    ------
    InputError
        For fewer than two runs, no standard deviation, one that may be 0, or figures without bounds.
    """
    where, fix = "printed arm", "Leave out single runs and figures that are bounds."
    if std is None or n is None or n < 2:
        raise InputError(where, "a standard deviation over two or more runs", f"{std!r} over {n!r}", fix)
    arm = PrintedArm(printed_interval(mean, printed), printed_interval(std, printed), int(n))
    if not np.isfinite([arm.mean, arm.std]).all() or arm.std[0] <= 0:
        got = f"mean {arm.mean}, standard deviation {arm.std}"
        raise InputError(where, "finite figures, a standard deviation above 0", got, fix)
    return arm


def compare_printed(first, second, margin, *, level=0.95):
    """Test first minus second arm from their printed figures.

    Parameters
    ----------
    first, second : PrintedArm
    margin : float
        Of equivalence, in the figures' unit.
    level : float

    Returns
    -------
    PublishedDifference

    Raises
    ------
    SettingsError
        For a margin that is not above 0 or a level outside 0 .. 1.
    """
    check_margin(margin)
    if not 0 < level < 1:
        raise SettingsError("level", "a share between 0 and 1", repr(level), "Write .95 for 95 %.")
    ends = first.mean[0] - second.mean[1], first.mean[1] - second.mean[0]
    differences = [*ends, 0.0] if ends[0] < 0 < ends[1] else [*ends]
    spreads = [np.linspace(*arm.std, _STD_VALUES) for arm in (first, second)]
    difference, std1, std2 = (axis.ravel() for axis in np.meshgrid(differences, *spreads))
    found = welch(difference, std1, first.n, std2, second.n, margin, level)
    found |= standardised(difference, std1, first.n, std2, second.n, level)
    found["difference"] = difference
    results = {name: (float(values.min()), float(values.max())) for name, values in found.items()}
    results["seeds_needed"] = _runs_needed_over_room(ends, first, second)
    return PublishedDifference(**results, n_first=first.n, n_second=second.n, level=level, margin=margin)


def welch(difference, std1, n1, std2, n2, margin, level):
    """Return Welch's t test and the equivalence test from summaries, as float arrays of the inputs' shape.

    Parameters
    ----------
    difference, std1, std2 : float arrays of one shape
    n1, n2 : int
    margin, level : float

    Returns
    -------
    dict of str to array
        t, df, p, low, high, equivalence_p. Source: Welch 1947, doi:10.1093/biomet/34.1-2.28.
    """
    parts = std1**2 / n1, std2**2 / n2
    error = np.sqrt(sum(parts))
    df = error**4 / (parts[0] ** 2 / (n1 - 1) + parts[1] ** 2 / (n2 - 1))
    half = stats.t.isf((1 - level) / 2, df) * error
    one_sided = stats.t.sf((difference + margin) / error, df), stats.t.cdf((difference - margin) / error, df)
    return {
        "t": difference / error,
        "df": df,
        "p": 2 * stats.t.sf(abs(difference) / error, df),
        "low": difference - half,
        "high": difference + half,
        "equivalence_p": np.maximum(*one_sided),
    }


def standardised(difference, std1, n1, std2, n2, level):
    """Return Hedges' g and its limits from summaries: hedges_g, hedges_low, hedges_high as for `welch`."""
    from statsmodels.stats.meta_analysis import effectsize_smd  # takes a second to import

    g, variance = effectsize_smd(difference, std1, n1, np.zeros_like(difference), std2, n2)
    half = stats.norm.isf((1 - level) / 2) * np.sqrt(variance)
    return {"hedges_g": g, "hedges_low": g - half, "hedges_high": g + half}


def runs_needed(difference, std1, std2):
    """Return the runs per arm that find a difference with 80 % power at 5 %; infinite for a difference of 0.

    `seed_tests.seeds_needed` for runs paired by seed, with what the standard deviation of the paired difference
    is where pairing gains nothing, sqrt(std1**2 + std2**2): printed figures do not tell how the arms correlate.
    """
    return math.inf if difference == 0 else float(seeds_needed(difference, math.hypot(std1, std2)))


def _runs_needed_over_room(ends, first, second):
    nearest = 0.0 if ends[0] <= 0 <= ends[1] else min(ends, key=abs)
    fewest = runs_needed(max(ends, key=abs), first.std[0], second.std[0])
    return fewest, runs_needed(nearest, first.std[1], second.std[1])


def level_claims(claims, study, metric, document=None):
    """Return the claims that print a mean and its standard deviation over runs, in the ledger's order.

    Parameters
    ----------
    claims : sequence of Claim
    study, metric : str
    document : str, optional
        Key of the source; default: any.
    """
    return [
        claim
        for claim in claims
        if claim.rule == "value" and claim.study == study and claim.comparison["metric"] == metric
        and (claim.published_spread or {}).get("std") is not None
        and document in (None, claim.source["document"])
    ]  # fmt: skip


def published_differences(claims, reference, *, margin=None, level=0.95):
    """Compare printed arms: each with the reference, and each with the one before it.

    Parameters
    ----------
    claims : sequence of Claim
        Of one metric, in an order that makes neighbours meaningful, such as by size; see `level_claims`.
    reference : str
        Id of the claim that is subtracted from the others.
    margin : float, optional
        Of equivalence; default: each first claim's own.
    level : float

    Returns
    -------
    pandas.DataFrame
        One row per pair: first, second (claim ids), first_arm, second_arm, pair ("reference" or "neighbours"),
        one_source (whether both stand in one document; if not, they may have different test sets), n_first,
        n_second, margin, level, and of every name in `RESULTS` the columns NAME_from and NAME_to.

    Raises
    ------
    InputError
        For fewer than two claims, another metric among them, a reference that is not among them, or a claim
        without a spread.
    """
    claims = list(claims)
    _check_claims(claims, reference)
    arms = {
        claim.id: printed_arm(claim.published, **_spread(claim), printed=claim.printed) for claim in claims
    }
    base = next(claim for claim in claims if claim.id == reference)
    pairs = [(claim, base, "reference") for claim in claims if claim is not base]
    pairs += [
        (later, earlier, "neighbours")
        for earlier, later in zip(claims, claims[1:], strict=False)
        if base not in (earlier, later)
    ]
    rows = []
    for first, second, pair in pairs:
        tolerance = first.margin if margin is None else margin
        found = compare_printed(arms[first.id], arms[second.id], tolerance, level=level)
        rows.append(_row(first, second, pair, found))
    return pd.DataFrame(rows)


def _spread(claim):
    return {name: (claim.published_spread or {}).get(name) for name in ("std", "n")}


def _check_claims(claims, reference):
    ids = [claim.id for claim in claims]
    if len(set(ids)) < 2 or len(set(ids)) < len(ids) or reference not in ids:
        fix = "Choose them with level_claims, and name one of them as the reference."
        raise InputError("claims", f"two or more, {reference!r} among them", str(ids), fix)
    if len(metrics := {claim.comparison["metric"] for claim in claims}) > 1:
        raise InputError("claims", "one metric", str(sorted(metrics)), "Compare figures of one metric.")


def _row(first, second, pair, found):
    row = {
        "first": first.id, "second": second.id, "first_arm": first.comparison["arm"],
        "second_arm": second.comparison["arm"], "pair": pair,
        "one_source": first.source["document"] == second.source["document"],
    }  # fmt: skip
    row |= {name: getattr(found, name) for name in ("n_first", "n_second", "margin", "level")}
    for name in RESULTS:
        row[f"{name}_from"], row[f"{name}_to"] = getattr(found, name)
    return row
