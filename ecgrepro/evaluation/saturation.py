"""A saturating curve of score over size of pre-training.

The curve is a shifted power law with three free parameters,

    score(n) = top - gain * (1 + n / shift) ** -power,

so that score(0) = top - gain, and for n far above the shift the plain power law top - gain' * n ** -power.

**Why this form.** Downstream error after fine-tuning on fixed data has been found to fall with the size n of
pre-training as D * n ** -a + C, with C left over however much one pre-trains (Mikami et al. 2021,
arXiv:2108.11018). Of the forms in use for learning curves, power laws and exponentials have the most evidence
behind them, and none is universal (Viering & Loog 2023, doi:10.1109/TPAMI.2022.3220744). An exponential has one
scale, beyond which nothing more is gained; sizes here span two orders of magnitude. The plain power law is
infinite at n = 0; with its argument shifted (the form called pow4 there) the arm without pre-training belongs to
the curve. Four free parameters are too many for five or six sizes, so the shift is fixed, by default at the
smallest size above 0: below it the data say nothing about the shape. That the arm without pre-training lies on
the same curve is an assumption, to be checked against the fitted value beside the measured one.

**Fit.** Unweighted least squares on the arms' mean scores over seeds; several arms of one size count as several
points. For a given power the best top and gain follow by linear regression, so only the power is searched
(variable projection, Golub & Pereyra 1973, doi:10.1137/0710036), within `POWERS`. Not with
`scipy.optimize.least_squares`, which the tests compare with: this way thousands of replicates are fitted at once.
The sign of the gain is free: were it held above 0, noise around a flat curve would look like a rise.

**Intervals** are percentiles over the two-level bootstrap of seeds and records, all arms on the same resamples.
Samples of patients (several arms of one size) and pre-training runs are not drawn again, unless each seed has
its own.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd

from ecgrepro.errors import InputError
from ecgrepro.evaluation.arms import arm_replicates, check_several_seeds, matching_arms
from ecgrepro.evaluation.intervals import check_resampling, percentile_limits
from ecgrepro.evaluation.metrics import get_metric
from ecgrepro.evaluation.two_level import count_by_seed

#: Bounds of the power. At the lower one the curve is all but a line in log(n), with no top in sight; at the upper
#: one all but a thirtieth of the gain is there at n = shift.
POWERS = (0.05, 5.0)
_GRID = np.geomspace(*POWERS, 401)
#: Share of replicates at a bound from which the power counts as not identified.
_TOO_MANY_AT_BOUND = 0.05


class Fits(NamedTuple):
    """Fitted curves: float64 arrays (n_curves,), and whether the power lies at a bound, bool (n_curves,)."""

    top: np.ndarray
    gain: np.ndarray
    power: np.ndarray
    at_bound: np.ndarray


class Parameter(NamedTuple):
    """An estimate with its percentile limits."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, eq=False)
class Saturation:
    """A fitted curve with its intervals.

    Attributes
    ----------
    metric : str
    level : float
    top : Parameter
        The score that pre-training on endless data would lead to.
    gain : Parameter
        The top minus the score at n = 0.
    power : Parameter
    shift : float
        In the unit of the sizes.
    arms : pandas.DataFrame
        One row per arm: size, score (mean over seeds), fitted.
    curve : pandas.DataFrame
        size, score, low, high at the sizes asked for.
    remaining : pandas.DataFrame
        For every size below the largest: size, remaining (fitted score at the largest size minus that at the
        size), low, high.
    at_bound : float
        Share of replicates whose power lies at a bound.
    doubts : tuple of str
        Why the parameters are not to be quoted, in sentences; empty where nothing was found.
    n_seeds, n_records, n_resamples : int
    design : {"nested", "crossed", "repeated"}
    """

    metric: str
    level: float
    top: Parameter
    gain: Parameter
    power: Parameter
    shift: float
    arms: pd.DataFrame
    curve: pd.DataFrame
    remaining: pd.DataFrame
    at_bound: float
    doubts: tuple
    n_seeds: int
    n_records: int
    n_resamples: int
    design: str

    @property
    def is_identified(self):
        """Whether the data determine the parameters; the curve between the sizes may be fine without."""
        return not self.doubts


def saturation(
    tables,
    sizes,
    metric,
    *,
    part="test",
    shift=None,
    at=None,
    level=0.95,
    n_resamples=2000,
    seed,
    clusters=None,
):
    """Fit the saturating curve to the mean scores of arms.

    Parameters
    ----------
    tables : list of pandas.DataFrame
        Predictions of the arms, for the same seeds, folds, records and labels.
    sizes : float array, (n_arms,)
        What each arm was pre-trained on: patients, frames, steps; 0 for none. At least four different ones.
    metric : str or Metric
    part : {"test", "validation"}
    shift : float, optional
        In the unit of the sizes; default: the smallest size above 0.
    at : float array, (n_points,), optional
        Sizes to give the curve at; default: 50 from the smallest above 0 to the largest, evenly spaced as
        logarithms, and 0 where an arm has it.
    level : float
    n_resamples, seed, clusters
        As for `comparison.arm_estimate`.

    Returns
    -------
    Saturation

    Raises
    ------
    InputError
        For one seed, fewer than four sizes, negative ones, not one per arm, equal scores in all arms, or arms that
        cannot be paired.
    SettingsError
        For an unknown metric or an impossible level or number of resamples.
    """
    metric = get_metric(metric)
    check_resampling(level, n_resamples)
    arms = matching_arms(tables, part)
    sizes, shift = _check_sizes(sizes, len(arms), shift)
    records = count_by_seed(arms, clusters)
    check_several_seeds(len(records.seeds))
    scores = metric(records.matrices).mean(axis=0)
    if np.ptp(scores) == 0:
        raise InputError("scores", "arms that differ", "the same mean score in all", "Pass different arms.")
    replicates = arm_replicates(records, metric, n_resamples, np.random.default_rng(seed))
    fit, fits = fit_curves(scores[None], sizes, shift), fit_curves(replicates, sizes, shift)
    parameters = [_parameter(*pair, level) for pair in zip(fit[:3], fits[:3], strict=True)]
    fitted = curve_values(fit, sizes, shift)[0]
    return Saturation(
        metric.name, level, *parameters, shift,
        arms=pd.DataFrame({"size": sizes, "score": scores, "fitted": fitted}),
        curve=_curve(fit, fits, _points(sizes, at), shift, level),
        remaining=_remaining(fit, fits, np.unique(sizes), shift, level),
        at_bound=float(fits.at_bound.mean()), doubts=_doubts(fit, fits, *parameters[:2], scores),
        n_seeds=len(records.seeds), n_records=records.n_records, n_resamples=n_resamples,
        design=records.design,
    )  # fmt: skip


def fit_curves(scores, sizes, shift):
    """Fit a curve to each row of scores by least squares.

    Parameters
    ----------
    scores : float array, (n_curves, n_arms)
    sizes : float array, (n_arms,)
    shift : float

    Returns
    -------
    Fits
    """
    deviations = scores - scores.mean(axis=1, keepdims=True)
    shapes = (1 + sizes / shift) ** -_GRID[:, None]
    shapes -= shapes.mean(axis=1, keepdims=True)
    shapes /= np.linalg.norm(shapes, axis=1, keepdims=True)
    explained = (deviations @ shapes.T) ** 2
    best = explained.argmax(axis=1)
    power = np.exp(_summit(explained, best))
    shape = (1 + sizes / shift) ** -power[:, None]
    centred = shape - shape.mean(axis=1, keepdims=True)
    gain = -(centred * deviations).sum(axis=1) / (centred**2).sum(axis=1)
    top = scores.mean(axis=1) + gain * shape.mean(axis=1)
    return Fits(top, gain, power, (best == 0) | (best == len(_GRID) - 1))


def _summit(explained, best):
    """Return the logarithm of the power of the parabola's summit through the best grid point and its neighbours."""
    middle = np.clip(best, 1, len(_GRID) - 2)
    left, centre, right = (np.take_along_axis(explained, (middle + i)[:, None], 1)[:, 0] for i in (-1, 0, 1))
    bend = left - 2 * centre + right
    inside = (best == middle) & (bend < 0)
    offset = np.divide(left - right, 2 * bend, out=np.zeros_like(bend), where=inside)
    step = np.log(_GRID[1] / _GRID[0])
    return np.log(_GRID[best]) + offset * step


def curve_values(fits, sizes, shift):
    """Return the curves' scores, float64 (n_curves, n_sizes), at sizes (n_sizes,)."""
    return fits.top[:, None] - fits.gain[:, None] * (1 + np.asarray(sizes) / shift) ** -fits.power[:, None]


def _check_sizes(sizes, n_arms, shift):
    sizes = np.asarray(sizes, np.float64)
    if sizes.shape != (n_arms,) or not np.isfinite(sizes).all() or sizes.min() < 0:
        fix = "Give what each arm was pre-trained on, 0 for no pre-training."
        raise InputError("sizes", f"{n_arms} finite numbers of at least 0", str(sizes.tolist()), fix)
    if len(np.unique(sizes)) < 4:
        fix = "Three parameters need four sizes; with fewer, compare the arms in pairs."
        raise InputError("sizes", "at least four different ones", str(np.unique(sizes).tolist()), fix)
    shift = sizes[sizes > 0].min() if shift is None else float(shift)
    if not 0 < shift < np.inf:
        raise InputError("shift", "a size above 0", repr(shift), "Leave it out for the smallest size.")
    return sizes, float(shift)


def _points(sizes, at):
    if at is not None:
        return np.asarray(at, np.float64)
    spaced = np.geomspace(sizes[sizes > 0].min(), sizes.max(), 50)
    return np.concatenate([[0], spaced]) if sizes.min() == 0 else spaced


def _parameter(value, replicates, level):
    return Parameter(float(value[0]), *percentile_limits(replicates, level))


def _frame(size, name, values, replicates, level):
    low, high = np.quantile(replicates, [(1 - level) / 2, (1 + level) / 2], axis=0)
    return pd.DataFrame({"size": size, name: values, "low": low, "high": high})


def _curve(fit, fits, points, shift, level):
    values, replicates = (curve_values(each, points, shift) for each in (fit, fits))
    return _frame(points, "score", values[0], replicates, level)


def _remaining(fit, fits, sizes, shift, level):
    values, replicates = (curve_values(each, sizes, shift) for each in (fit, fits))
    values, replicates = (each[:, -1:] - each[:, :-1] for each in (values, replicates))
    return _frame(sizes[:-1], "remaining", values[0], replicates, level)


def _doubts(fit, fits, top, gain, scores):
    """Return what speaks against quoting the parameters."""
    lowest, highest = POWERS
    share, spread = fits.at_bound.mean(), np.ptp(scores)
    power = fit.power[0]
    found = {
        f"the power is at its lower bound {lowest}: no top in sight": fit.at_bound[0] and power < 1,
        f"the power is at its upper bound {highest}: the sizes do not show how fast the top is reached":
            fit.at_bound[0] and power > 1,
        f"the power is at a bound in {share:.0%} of the replicates": share > _TOO_MANY_AT_BOUND,
        f"the interval of the top is {top.high - top.low:.3f} wide, the scores span {spread:.3f}":
            top.high - top.low > spread,
        "the interval of the gain holds 0": gain.low <= 0 <= gain.high,
        "the score falls with the size": gain.high < 0,
    }  # fmt: skip
    return tuple(sentence for sentence, holds in found.items() if holds)
