"""Which outcomes of McNemar's test the printed accuracies of several models allow.

`ecgrepro.evaluation.mcnemar` tests predictions; here there are none, only accuracies on the same segments.
"""

import itertools
import math

from scipy.special import ndtri

from ecgrepro.claims.arithmetic_freezing import accuracy_columns

#: McNemar's test by the name of a published part: (continuity correction, Bonferroni's correction for all pairs).
MCNEMAR = {
    "plain": (False, False),
    "continuity": (True, False),
    "bonferroni": (False, True),
    "continuity_bonferroni": (True, True),
}


def mcnemar_bounds(first, second, n, *, continuity=False):
    """Bound McNemar's statistic between two models by their accuracies on the same segments.

    Source: McNemar (1947), doi:10.1007/BF02295996.

    Let b and c be the segments that only the one, and only the other model gets right: z = (b - c) / sqrt(b + c). The
    accuracies fix ``|b - c| = n |first - second|``. The sum b + c is at least that, and at most the errors of both,
    ``n (2 - first - second)``, which it reaches where no segment is wrong in both.

    Parameters
    ----------
    first, second : (low, high)
        Accuracies, at least one half; low and high are the same where they are known.
    n : float
        Segments.
    continuity : bool
        Subtract 1 from ``|b - c|`` (Edwards 1948, doi:10.1007/BF02289261).

    Returns
    -------
    (float, float)
        Smallest and largest possible ``|z|``.
    """
    if first[0] + first[1] < second[0] + second[1]:
        first, second = second, first
    # the smallest |z| falls with a smaller difference, and rises where the models have fewer errors
    low = _statistic(n * (first[0] - second[1]), n * (2 - first[0] - second[1]), continuity)
    apart = n * (first[1] - second[0])
    return low, _statistic(apart, apart, continuity)


def _statistic(apart, discordant, continuity):
    """|z| from |b - c| and b + c; 0 where the first is not above 0."""
    apart_corrected = apart - 1 if continuity else apart
    return apart_corrected / math.sqrt(discordant) if apart_corrected > 0 else 0.0


def significant_pairs(claim):
    """Pairs of rows that McNemar's test must find to differ, and those that it can: (fewest, most).

    The comparison's ``level`` is the test's confidence, the published parts are names of `MCNEMAR`. Accuracies are
    those printed, or follow from the recalls; where both are given, the fewest are the pairs that must differ by the
    one as by the other.

    All of it is about tables of segments with these very accuracies: averaged over repeats, or pooled, which makes
    ``|z|`` larger. As (b - c)^2 / (b + c) is convex, the averaged table's smallest ``|z|`` is reached in at least one
    of the tests run by run. It is not so for runs picked by hand, a vote over repeats, or decisions by recording.
    """
    columns, segments = accuracy_columns(claim)
    n, level = segments["high"] + segments["low"], claim.comparison["level"]
    return {test: _count_pairs(columns, n, level, *MCNEMAR[test]) for test in claim.published}


def _count_pairs(columns, n, level, continuity, bonferroni):
    pairs = list(itertools.combinations(columns[0], 2))
    critical = -ndtri((1 - level) / 2 / (len(pairs) if bonferroni else 1))
    bounds = [
        [mcnemar_bounds(column[first], column[second], n, continuity=continuity) for column in columns]
        for first, second in pairs
    ]
    fewest = sum(all(low > critical for low, _ in pair) for pair in bounds)
    return float(fewest), float(sum(any(high > critical for _, high in pair) for pair in bounds))
