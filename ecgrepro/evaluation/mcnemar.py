"""McNemar's test of two nets that answered the same records, plain and with the recording as cluster.

Only records that exactly one net gets right count. If both nets are right equally often, such a record is as likely
to be the first net's as the second's (McNemar 1947, doi:10.1007/BF02295996).

**Plain.** The chi-squared statistic without and with Edwards' continuity correction, the exact binomial test, and its
mid-p, which is less conservative than the exact test and seldom exceeds its level (Fagerland, Lydersen & Laake 2013,
doi:10.1186/1471-2288-13-91). All take the records for independent. Intervals of one recording
are not: they share their label, their noise and what a net makes of both, so that the test counts the same luck
several times and rejects far too often.

**With clusters.** Obuchowski (1998, doi:10.1002/(SICI)1097-0258(19980715)17:13<1495::AID-SIM863>3.0.CO;2-I) estimates
the variance from the clusters: with d the surplus of the first net in each of K recordings, chi squared is
``(K - 1) / K * sum(d) ** 2 / sum(d ** 2)``. It asks the same question as the plain test, whether as many *intervals*
are right, to which a long recording adds more than a short one; Durkalski et al. (2003, doi:10.1002/sim.1438) weigh
each recording alike and so answer another. It needs no model of the correlation, but enough recordings in which the
nets differ: below some twenty its chi squared is a rough guide.
"""

from dataclasses import dataclass

import numpy as np
from scipy import stats

from ecgrepro.errors import InputError, SettingsError

#: Corrections for several tests.
ADJUSTMENTS = ("holm", "bonferroni")


@dataclass(frozen=True)
class McNemarTest:
    """McNemar's tests of the records that exactly one of two nets gets right. All p values are two-sided.

    Attributes
    ----------
    first_only, second_only : int
        Records right in the first and wrong in the second net, and the other way round.
    chi2, p : float
        Without continuity correction, one degree of freedom.
    chi2_continuity, p_continuity : float
        With it: the difference is taken one smaller, but not below 0.
    p_exact : float
        Twice the smaller binomial tail, at most 1.
    p_mid : float
        As p_exact, with half the probability of the observed count.
    """

    first_only: int
    second_only: int
    chi2: float
    p: float
    chi2_continuity: float
    p_continuity: float
    p_exact: float
    p_mid: float


@dataclass(frozen=True)
class ClusteredMcNemarTest:
    """Obuchowski's test of two nets on clustered records.

    Attributes
    ----------
    n_clusters, n_unequal : int
        All clusters, and those in which one net is right more often: only these carry evidence.
    chi2, p : float
        One degree of freedom, two-sided.
    """

    n_clusters: int
    n_unequal: int
    chi2: float
    p: float


def mcnemar_test(first_only, second_only):
    """Test two counts of discordant records.

    Parameters
    ----------
    first_only, second_only : int
        Records that only the first, and only the second net gets right; where there are none at all every p is 1.

    Returns
    -------
    McNemarTest

    Raises
    ------
    InputError
        For counts that are not whole numbers of at least 0.
    """
    counts = _whole_counts([first_only, second_only])
    n, gap, smaller = int(counts.sum()), abs(int(counts[0]) - int(counts[1])), int(counts.min())
    chi2, chi2_continuity = gap**2 / max(n, 1), max(gap - 1, 0) ** 2 / max(n, 1)
    tail, point = stats.binom.cdf(smaller, n, 0.5), stats.binom.pmf(smaller, n, 0.5)
    p, p_continuity = stats.chi2.sf([chi2, chi2_continuity], 1).tolist()
    return McNemarTest(
        int(first_only), int(second_only), chi2, p, chi2_continuity, p_continuity,
        p_exact=float(min(1.0, 2 * tail)), p_mid=float(min(1.0, 2 * tail - point)),
    )  # fmt: skip


def clustered_mcnemar_test(first_only, second_only):
    """Test two counts of discordant records in each cluster.

    Parameters
    ----------
    first_only, second_only : integer arrays, (n_clusters,)
        As for `mcnemar_test`, for every cluster, concordant ones included; where no cluster has a surplus p is 1.

    Returns
    -------
    ClusteredMcNemarTest

    Raises
    ------
    InputError
        For counts that are not whole numbers of at least 0, unequal lengths, or fewer than two clusters.
    """
    first_only, second_only = _whole_counts(first_only), _whole_counts(second_only)
    if first_only.ndim != 1 or first_only.shape != second_only.shape or len(first_only) < 2:
        got = f"shapes {first_only.shape} and {second_only.shape}"
        fix = "Count every recording, with 0 where the nets agree."
        raise InputError("clusters", "one count per cluster and net, for two clusters or more", got, fix)
    surplus, n = first_only - second_only, len(first_only)
    squares = int((surplus**2).sum())
    chi2 = (n - 1) / n * int(surplus.sum()) ** 2 / max(squares, 1)
    return ClusteredMcNemarTest(n, int(np.count_nonzero(surplus)), chi2, float(stats.chi2.sf(chi2, 1)))


def _whole_counts(values):
    counts = np.asarray(values)
    if counts.dtype.kind not in "iu" or (counts < 0).any():
        got = f"dtype {counts.dtype}, smallest {counts.min() if counts.size else None}"
        raise InputError("counts", "whole numbers of at least 0", got, "Count the discordant records.")
    return counts.astype(np.int64)


def adjusted_p(p, method):
    """Return p values corrected for their number: rejecting those below alpha keeps the family-wise error at alpha.

    Parameters
    ----------
    p : float array, (n_tests,)
    method : {"holm", "bonferroni"}
        Holm's step-down (1979, Scand J Stat 6:65) rejects whatever Bonferroni does, and more.

    Returns
    -------
    float64 array, (n_tests,)
        In the order given, at most 1.

    Raises
    ------
    InputError
        For p values outside 0 .. 1, or none.
    SettingsError
        For another method.
    """
    if method not in ADJUSTMENTS:
        raise SettingsError("method", f"one of {ADJUSTMENTS}", repr(method), "Holm is never the weaker test.")
    p = np.asarray(p, np.float64)
    if p.ndim != 1 or not len(p) or not ((p >= 0) & (p <= 1)).all():
        fix = "Leave out tests that are undefined."
        raise InputError("p", "a list of numbers from 0 to 1", f"shape {p.shape}, {p}", fix)
    if method == "bonferroni":
        return np.minimum(1, p * len(p))
    order = np.argsort(p)
    steps = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(1, steps)
    return adjusted
