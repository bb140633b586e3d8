"""Whether nothing more is gained from a size on: an equivalence, not the absence of a significant rise.

The largest size is compared with every arm from the named size on, each by `comparison.equivalence`; flat means
that all of them hold. No shape of the curve is assumed: that is `ecgrepro.evaluation.saturation`.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from ecgrepro.errors import InputError
from ecgrepro.evaluation.arms import check_several_seeds
from ecgrepro.evaluation.comparison import equivalence


@dataclass(frozen=True, eq=False)
class Flatness:
    """Whether nothing is gained beyond a size: the largest size against every arm from that size on.

    Attributes
    ----------
    size, margin : float
    comparisons : pandas.DataFrame
        One row per arm: size, difference (largest minus this), low, high, p (two one-sided t tests over seeds).
    estimate : float
        The difference furthest from 0.
    low, high : float
        From the lowest to the highest limit of all comparisons: within the margin exactly if all are.
    level : float
    p : float
        The largest p. All comparisons must hold, so none is corrected for their number (intersection-union
        test, Berger 1982, Technometrics 24:295).
    n_seeds, n_records : int
    """

    size: float
    margin: float
    comparisons: pd.DataFrame
    estimate: float
    low: float
    high: float
    level: float
    p: float
    n_seeds: int
    n_records: int

    @property
    def within_margin(self):
        """Whether every two-level interval lies strictly within the margin."""
        return -self.margin < self.low and self.high < self.margin


def flat_after(tables, sizes, metric, size, margin, *, level=0.90, **settings):
    """Ask whether the score is flat from a size on: equivalence of the largest size with every arm from there.

    Parameters
    ----------
    tables, sizes, metric
        As for `saturation.saturation`; any number of sizes, two or more.
    size : float
        The smallest size that takes part, one of `sizes` and below the largest.
    margin, level, **settings
        As for `comparison.equivalence`.

    Returns
    -------
    Flatness

    Raises
    ------
    InputError
        For one seed, a size that no arm has, several arms of the largest size, and as `comparison.equivalence`.
    SettingsError
        As `comparison.equivalence`.
    """
    sizes = np.asarray(sizes, np.float64)
    _check_flat(tables, sizes, size)
    largest = tables[sizes.argmax()]
    chosen = np.flatnonzero((sizes >= size) & (sizes < sizes.max()))
    chosen = chosen[np.argsort(sizes[chosen], kind="stable")]
    found = [equivalence(largest, tables[i], metric, margin, level=level, **settings) for i in chosen]
    check_several_seeds(found[0].difference.n_seeds)
    rows = [
        (sizes[i], made.difference.estimate, made.difference.low, made.difference.high, made.test.p)
        for i, made in zip(chosen, found, strict=True)
    ]
    table = pd.DataFrame(rows, columns=["size", "difference", "low", "high", "p"])
    furthest = table["difference"].abs().idxmax()
    return Flatness(
        float(size), margin, table, float(table["difference"][furthest]), float(table["low"].min()),
        float(table["high"].max()), level, float(table["p"].max(skipna=False)), found[0].difference.n_seeds,
        found[0].difference.n_records,
    )  # fmt: skip


def _check_flat(tables, sizes, size):
    if sizes.shape != (len(tables),) or size not in sizes or size >= sizes.max():
        expected = f"one size per arm ({len(tables)}), {size!r} among them and not the largest"
        raise InputError(
            "sizes", expected, str(sizes.tolist()), "Name the size from which the score is flat."
        )
    if (sizes == sizes.max()).sum() > 1:
        got = f"{(sizes == sizes.max()).sum()} arms of size {sizes.max():g}"
        raise InputError("sizes", "one arm of the largest size", got, "Choose which one is the reference.")
