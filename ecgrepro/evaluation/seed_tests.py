"""Student's t over seeds: what most authors of small repeated runs report.

One number per seed goes in. The tests assume independent seeds with normal scores. Where seed i
tests fold i, seed and fold cannot be told apart, and the training sets of different folds overlap,
so that the seeds' scores are dependent and the true error rate lies above the nominal one
(Nadeau & Bengio 2003, doi:10.1023/A:1024068626366).
"""

import math
import warnings
from dataclasses import dataclass

import numpy as np
from scipy import stats

from ecgrepro.errors import InputError, SettingsError

# Scores whose spread is below this are equal but for rounding: no t statistic exists.
_EQUAL = 1e-12


@dataclass(frozen=True)
class TTest:
    """A two-sided t test of a mean difference. All but level are NaN where it is undefined.

    Attributes
    ----------
    t, df, p : float
        Statistic, degrees of freedom, p value.
    low, high : float
        Confidence limits of the difference.
    level : float
    """

    t: float
    df: float
    p: float
    low: float
    high: float
    level: float


@dataclass(frozen=True)
class EquivalenceTest:
    """Two one-sided paired t tests; NaN where undefined.

    Attributes
    ----------
    p : float
        The larger of the two; equivalence within the margin is shown at level alpha if p < alpha.
    p_lower, p_upper : float
        Against a difference at or below -margin, and at or above +margin.
    df : float
    """

    p: float
    p_lower: float
    p_upper: float
    df: float


def _scores(first, second, paired):
    first, second = np.asarray(first, np.float64), np.asarray(second, np.float64)
    if first.ndim != 1 or second.ndim != 1 or (paired and len(first) != len(second)):
        got = f"shapes {first.shape} and {second.shape}"
        raise InputError("scores", "one score per seed for each arm", got, "Pass the scores in seed order.")
    return first, second


def _is_constant(values):
    return len(values) < 2 or np.ptp(values) <= _EQUAL


def _test(result, level):
    interval = result.confidence_interval(level)
    values = result.statistic, result.df, result.pvalue, interval.low, interval.high
    return TTest(*map(float, values), level)


def paired_t_test(first, second, level=0.95):
    """Test the mean of first - second over seeds (`scipy.stats.ttest_rel`).

    Parameters
    ----------
    first, second : float arrays, (n_seeds,)
        Scores in the same order of seeds.
    level : float
        Of the confidence interval.

    Returns
    -------
    TTest
        NaN for fewer than two seeds or equal differences.

    Raises
    ------
    InputError
        For unequal lengths.
    """
    first, second = _scores(first, second, paired=True)
    if _is_constant(first - second):
        return TTest(*[math.nan] * 5, level)
    return _test(stats.ttest_rel(first, second), level)


def welch_t_test(first, second, level=0.95):
    """Test the difference of two means, unpaired and with unequal variances (`scipy.stats.ttest_ind`).

    Parameters
    ----------
    first, second : float arrays, (n_first,), (n_second,)
    level : float

    Returns
    -------
    TTest
        NaN for an arm of fewer than two seeds or when neither arm varies.
    """
    first, second = _scores(first, second, paired=False)
    if min(len(first), len(second)) < 2 or (_is_constant(first) and _is_constant(second)):
        return TTest(*[math.nan] * 5, level)
    with warnings.catch_warnings():
        # One arm may be constant: its variance is 0, which scipy reports as lost precision.
        warnings.filterwarnings("ignore", "Precision loss occurred", RuntimeWarning)
        return _test(stats.ttest_ind(first, second, equal_var=False), level)


def equivalence_test(first, second, margin):
    """Test that first and second differ by less than ``margin`` (`statsmodels` `ttost_paired`).

    Source: Schuirmann (1987), doi:10.1007/BF01068419.

    Parameters
    ----------
    first, second : float arrays, (n_seeds,)
    margin : float
        In the metric's units, above 0.

    Returns
    -------
    EquivalenceTest
        NaN for fewer than two seeds or equal differences.

    Raises
    ------
    SettingsError
        For a margin that is not above 0.
    InputError
        For unequal lengths.
    """
    from statsmodels.stats.weightstats import ttost_paired  # takes a second to import

    check_margin(margin)
    first, second = _scores(first, second, paired=True)
    if _is_constant(first - second):
        return EquivalenceTest(*[math.nan] * 4)
    p, (_, p_lower, df), (_, p_upper, _) = ttost_paired(first, second, -margin, margin)
    return EquivalenceTest(*map(float, (p, p_lower, p_upper, df)))


def check_margin(margin):
    """Raise SettingsError unless the margin is finite and above 0."""
    if not (math.isfinite(margin) and margin > 0):
        fix = "Give the largest difference that would not matter, such as .02."
        raise SettingsError("margin", "a number above 0", repr(margin), fix)


def seeds_needed(difference, sd, *, power=0.8, alpha=0.05):
    """Return how many paired seeds a two-sided t test needs.

    Parameters
    ----------
    difference : float
        True mean difference to be found, in the metric's units; its sign does not matter.
    sd : float
        Standard deviation over seeds of the paired difference, not of one arm.
    power, alpha : float
        Probability of finding it; level of the test.

    Returns
    -------
    int
        The smallest number of seeds, at least 2, whose power (`t_test_power`) suffices.

    Raises
    ------
    SettingsError
        For a difference of 0, a negative sd, or shares outside 0 .. 1.
    """
    _check_power_settings(difference, sd, power, alpha)
    if sd == 0:
        return 2
    return smallest_number(lambda n: t_test_power(difference / sd, n, alpha) >= power)


def t_test_power(effect, n, alpha=0.05):
    """Return the power of a two-sided paired t test.

    Parameters
    ----------
    effect : float
        True mean difference in standard deviations of the difference.
    n : int
        Pairs, at least 2.
    alpha : float
        Level of the test.

    Returns
    -------
    float

    Notes
    -----
    The square of a noncentral t with n - 1 degrees of freedom is a noncentral F with 1 and n - 1. SciPy's noncentral t,
    on which the power of `statsmodels` stands, is NaN for some large effects; no such case of its noncentral F is
    known, and should there be one, a sum over quantiles of the standard deviation takes its place.
    """
    critical = stats.t.isf(alpha / 2, n - 1)
    with warnings.catch_warnings():
        # its series converges slowly at levels that nobody uses, and SciPy says so
        warnings.simplefilter("ignore", RuntimeWarning)
        power = float(stats.ncf.sf(critical * critical, 1, n - 1, n * effect * effect))
    return power if math.isfinite(power) else _summed_power(effect, n, critical)


def _summed_power(effect, n, critical):
    """Power as a mean of normal probabilities over quantiles of the standard deviation; right to four digits."""
    nodes, weights = np.polynomial.legendre.leggauss(200)
    sd = np.sqrt(stats.chi2.ppf((nodes + 1) / 2, n - 1) / (n - 1))
    centre = math.sqrt(n) * effect
    beyond = stats.norm.sf(critical * sd - centre) + stats.norm.cdf(-critical * sd - centre)
    return float(weights @ beyond / 2)


def smallest_number(suffices, most=math.inf):
    """Return the smallest whole number from 2 on that suffices, None where none up to about ``most`` does.

    Parameters
    ----------
    suffices : callable
        From a number to bool; true for every number above one for which it is true.
    most : float
    """
    high = 2
    while not suffices(high):
        high *= 2
        if high > most:
            return None
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if suffices(middle) else (middle, high)
    return high


def _check_power_settings(difference, sd, power, alpha):
    if not (math.isfinite(difference) and difference != 0 and 0 <= sd < math.inf):
        got = f"difference {difference!r}, sd {sd!r}"
        fix = "No number of seeds finds a difference of 0; ask for the smallest that matters."
        raise SettingsError("seeds_needed", "a difference other than 0 and an sd of at least 0", got, fix)
    if not (0 < alpha < power < 1):
        got = f"alpha {alpha!r}, power {power!r}"
        raise SettingsError("seeds_needed", "0 < alpha < power < 1", got, "Common are .05 and .8.")
