"""Trend over ordered arms, such as sizes of pre-training, by permutation over repeats.

The estimate is the change over the range of x that the arms span: the least-squares slope of a seed's scores
on x, averaged over seeds, times the range.

**Test and interval.** If x does not matter, the scores of a seed could stand in any order of its arms: p is
the share of orders with a slope at least as large, doubled for two sides (Pitman 1937,
doi:10.2307/2983647; in blocks, as here the seeds, Page 1963, doi:10.2307/2282965). Inverted: were the change
d, then scores - d * (x / range) could stand in any order; the interval holds every d that the test does not
reject (Gabriel & Hall 1983, J Am Stat Assoc 78:827; Tritchler 1984, same journal 79:200). No search is needed:
each order has one d at which its slope equals the observed one, and the limits are order statistics of
these. The interval leaves out 0 exactly where p <= 1 - level. All orders are taken where they are few;
otherwise orders are drawn, and the observed one counts among them (Phipson & Smyth 2010,
doi:10.2202/1544-6115.1585).

**This interval is the one that verdicts use** (rule "trend": interval by permutation over repeats). Beside it
stand the two-level bootstrap over seeds and records, and the t interval over the seeds' own slopes.

**What it assumes.** Deviations from the line are exchangeable between the arms of a seed, and seeds are
independent. Where the score is no line of x, the bend counts as noise and the interval is too wide. It is too
narrow in three cases:

* an arm has something in common over all seeds: one pre-training run that all seeds start from, one sample
  of patients, one test set. Then ``permute="whole arms"``, which reorders all seeds alike; it needs five arms
  or more for a 95 % interval, since four have 24 orders;
* the true slope differs from seed to seed, or from fold to fold: read the t interval, which then is the wider
  one (where these differences outweigh all other noise, 95 % intervals by permutation cover about 75 %);
* neighbouring arms share their luck, as checkpoints of one run do: read the t interval.
"""

import itertools
import math
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ecgrepro.errors import InputError, SettingsError
from ecgrepro.evaluation.arms import check_several_seeds, matching_arms
from ecgrepro.evaluation.intervals import check_resampling, percentile_limits
from ecgrepro.evaluation.metrics import get_metric
from ecgrepro.evaluation.seed_tests import TTest, paired_t_test
from ecgrepro.evaluation.two_level import bootstrap_means, count_by_seed

#: What is reordered: the arms of each seed by themselves, or the arms of all seeds alike.
PERMUTE = ("within seeds", "whole arms")
# Sums of the same numbers in another order differ by rounding; nothing that differs by less is told apart.
_EQUAL = 1e-9


@dataclass(frozen=True, eq=False)
class Trend:
    """A change over ordered arms with its permutation interval.

    Attributes
    ----------
    metric : str
    estimate : float
        Change from the first arm's x to the last's along the mean line, in the metric's unit.
    low, high : float
        Limits by inverted permutation; infinite where there are too few orders for the level.
    level : float
    p : float
        Two-sided, of no trend; never below 2 / number of orders.
    slope : float
        The estimate per unit of x.
    x : float64 array, (n_arms,)
    t_test : TTest
        Of the seeds' own changes against 0, at the same level.
    per_seed : pandas.DataFrame
        seed, arm_1 .. arm_{n_arms} (scores in order), change.
    n_seeds : int
    n_permutations : int
        Orders that were counted, the observed one included.
    exact : bool
        Whether these are all orders.
    permute : {"within seeds", "whole arms"}
    n_records : int or None
        Distinct records; None for values of runs.
    design : {"nested", "crossed", "repeated", "runs"}
    """

    metric: str
    estimate: float
    low: float
    high: float
    level: float
    p: float
    slope: float
    x: np.ndarray
    t_test: TTest
    per_seed: pd.DataFrame
    n_seeds: int
    n_permutations: int
    exact: bool
    permute: str
    n_records: int | None
    design: str

    @property
    def smallest_margin(self):
        """Half the interval's width: no narrower margin could hold the interval, whatever the estimate."""
        return (self.high - self.low) / 2


@dataclass(frozen=True, eq=False)
class ScoreTrend(Trend):
    """A trend of scores; the fields of `Trend`, and bootstrap intervals of the same change.

    Attributes
    ----------
    bootstrap_low, bootstrap_high : float
        Two-level percentile limits over seeds and records.
    records_low, records_high : float
        Limits when only records are resampled: other recordings, these very nets.
    n_resamples : int
    """

    bootstrap_low: float
    bootstrap_high: float
    records_low: float
    records_high: float
    n_resamples: int


def trend(
    tables, metric, x=None, *, part="test", level=0.95, permute="within seeds", n_permutations=20_000,
    n_resamples=2000, seed, clusters=None,
):  # fmt: skip
    """Return the trend of a metric over ordered arms.

    Parameters
    ----------
    tables : list of pandas.DataFrame
        Predictions of the arms in order, for the same seeds, folds, records and labels.
    metric : str or Metric
    x : float array, (n_arms,), optional
        Rising from arm to arm; equal values are samples of one size. Default: ranks 0, 1, 2 and so on. Sizes are
        best given as logarithms (``np.log10(patients)``); "no pre-training" has none: give ranks, or leave it out.
    part : {"test", "validation"}
    level : float
    permute : {"within seeds", "whole arms"}
        See the module's docstring.
    n_permutations : int
        All orders are taken where there are no more than this, else so many are drawn.
    n_resamples : int
        Of the bootstrap.
    seed : int
        Of permutation and resampling, not of the training.
    clusters : mapping of str to str, optional
        Record to the cluster it is drawn with; see `two_level.count_by_seed`.

    Returns
    -------
    ScoreTrend

    Raises
    ------
    InputError
        For fewer than two arms or seeds, arms that cannot be paired, scores that are equal in all arms, or an x
        that does not rise.
    SettingsError
        For an unknown metric or ``permute``, or an impossible level or number.
    """
    metric = get_metric(metric)
    check_resampling(level, min(n_resamples, n_permutations))
    arms = matching_arms(tables, part)
    records = count_by_seed(arms, clusters)
    x = _positions(x, len(arms))
    weights = _change_weights(x)
    streams = map(np.random.default_rng, np.random.SeedSequence(seed).spawn(3))
    summary = _permutation_trend(
        metric(records.matrices), records.seeds, x, level, permute, n_permutations, next(streams)
    )

    def limits(**settings):
        changes = bootstrap_means(
            records, lambda m: metric(m) @ weights, n_resamples, next(streams), **settings
        )
        return percentile_limits(changes, level)

    low, high = limits()
    records_low, records_high = limits(resample_seeds=False)
    return ScoreTrend(
        metric=metric.name, n_records=records.n_records, design=records.design,
        bootstrap_low=low, bootstrap_high=high, records_low=records_low, records_high=records_high,
        n_resamples=n_resamples, **summary,
    )  # fmt: skip


def trend_of_values(
    values, x=None, *, metric, seeds=None, level=0.95, permute="within seeds", n_permutations=20_000, seed
):
    """Return the trend of one number per run, such as epochs until the best.

    Parameters
    ----------
    values : float array, (n_seeds, n_arms)
    x, level, permute, n_permutations, seed
        As for `trend`.
    metric : str
        What the numbers are.
    seeds : sequence of int, (n_seeds,), optional
        For the table only; default 0, 1, 2 and so on.

    Returns
    -------
    Trend

    Raises
    ------
    InputError, SettingsError
        As `trend`, and for values of another shape or not finite.
    """
    check_resampling(level, n_permutations)
    values = np.asarray(values, np.float64)
    if values.ndim != 2 or values.shape[1] < 2 or not np.isfinite(values).all():
        expected = "finite numbers of shape (n_seeds, n_arms) for two or more arms"
        raise InputError(
            metric, expected, f"shape {values.shape}", "Give one number per run, a row per seed."
        )
    seeds = np.arange(len(values)) if seeds is None else np.asarray(seeds)
    x, rng = _positions(x, values.shape[1]), np.random.default_rng(seed)
    summary = _permutation_trend(values, seeds, x, level, permute, n_permutations, rng)
    return Trend(metric=metric, n_records=None, design="runs", **summary)


def _positions(x, n_arms):
    x = np.arange(n_arms, dtype=np.float64) if x is None else np.asarray(x, np.float64)
    if x.shape != (n_arms,) or not np.isfinite(x).all() or (np.diff(x) < 0).any() or x[0] == x[-1]:
        fix = "Order the arms; a size of 0 has no logarithm, so give ranks or leave that arm out."
        raise InputError("x", f"{n_arms} finite values that rise from arm to arm", str(x.tolist()), fix)
    return x


def _change_weights(x):
    """Return w, (n_arms,), such that scores @ w is the least-squares slope on x times the range of x."""
    centred = x - x.mean()
    return centred * (x[-1] - x[0]) / (centred @ centred)


def _permutation_trend(scores, seeds, x, level, permute, n_permutations, rng):
    """Return the fields of `Trend` that follow from scores (n_seeds, n_arms)."""
    check_several_seeds(len(scores))
    if np.ptp(scores, axis=1).max() == 0:
        fix = "Look whether one arm was passed several times."
        raise InputError("scores", "arms that differ in at least one seed", "the same score in all arms", fix)
    weights, span = _change_weights(x), x[-1] - x[0]
    orders, exact = _orders(*scores.shape, permute, n_permutations, rng)
    changes = (scores[np.arange(len(scores))[:, None], orders] @ weights).mean(axis=1)
    # what the same orders make of a line that rises by 1 over the range
    unit = ((x / span)[orders] @ weights).mean(axis=1)
    low, high = _invert(changes, unit, level)
    own = scores @ weights
    per_seed = pd.DataFrame({"seed": seeds} | {f"arm_{i}": column for i, column in enumerate(scores.T, 1)})
    return {
        "estimate": float(own.mean()), "low": low, "high": high, "level": level, "p": _two_sided(changes),
        "slope": float(own.mean() / span), "x": x, "t_test": paired_t_test(own, np.zeros_like(own), level),
        "per_seed": per_seed.assign(change=own), "n_seeds": len(scores), "n_permutations": len(orders),
        "exact": exact, "permute": permute,
    }  # fmt: skip


def _orders(n_seeds, n_arms, permute, n_permutations, rng):
    """Return orders of the arms, int64 (n_orders, n_seeds, n_arms), the observed one first; and if they are all."""
    if permute not in PERMUTE:
        raise SettingsError("permute", f"one of {PERMUTE}", repr(permute), "See the docstring of trend.py.")
    n_free = n_seeds if permute == "within seeds" else 1
    exact = math.factorial(n_arms) ** n_free <= n_permutations
    if exact:
        each = np.array(list(itertools.permutations(range(n_arms))))
        orders = each[np.indices((len(each),) * n_free).reshape(n_free, -1).T]
    else:
        orders = np.tile(np.arange(n_arms), (n_permutations + 1, n_free, 1))
        orders[1:] = rng.permuted(orders[1:], axis=-1)
    return np.broadcast_to(orders, (len(orders), n_seeds, n_arms)), exact


def _invert(changes, unit, level):
    """Return the limits of the changes that the test does not reject.

    Under the hypothesis d, order i is as extreme as the observed order 0 where changes[i] - d * unit[i] >=
    changes[0] - d * unit[0], that is where d >= crossing i: for unit[0] = 1 is the largest. Orders that leave x
    as it is, as do those that swap arms of equal x, are so under every hypothesis.
    """
    gaps = unit[0] - unit
    moved = gaps > _EQUAL
    crossings = np.sort((changes[0] - changes)[moved] / gaps[moved])
    rejected = math.floor((1 - level) / 2 * len(changes) + _EQUAL)
    place = rejected - np.count_nonzero(~moved)
    if place < 0:
        return -math.inf, math.inf
    return float(crossings[place]), float(crossings[-1 - place])


def _two_sided(changes):
    slack = _EQUAL * np.ptp(changes)
    greater, less = np.mean(changes >= changes[0] - slack), np.mean(changes <= changes[0] + slack)
    return float(min(1.0, 2 * min(greater, less)))
