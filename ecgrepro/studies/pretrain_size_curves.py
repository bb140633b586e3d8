"""Where the curve of score against size ends, for the `pretrain_size` page: trend, saturation, equivalence.

Functions take finished arms as `pretrain_size_tables.by_size` groups them, and leave out what is too little.
"""

import math
from functools import lru_cache

import numpy as np
import pandas as pd

from ecgrepro.claims import ledger
from ecgrepro.evaluation.comparison import equivalence
from ecgrepro.evaluation.saturation import saturation
from ecgrepro.evaluation.trend import trend, trend_of_values
from ecgrepro.studies.designs import stacked
from ecgrepro.studies.evidence import RESAMPLING
from ecgrepro.studies.pretrain_size_tables import METRIC, RANDOM, lines

#: Equivalence is judged by the margin of the report's own claim of a flat curve.
FLAT_CLAIM = "T1F-flat-1d-100-minus-10"


#: Kinds whose sizes are compared with each other.
KINDS_TESTED = ("fixed", "pass")


@lru_cache
def margin():
    """Margin of equivalence, from the ledger."""
    return next(claim.margin for claim in ledger.load() if claim.id == FLAT_CLAIM)


def saturation_fits(both, kinds=KINDS_TESTED):
    """Fit saturating curves: dict of (share of labels, kind) to `Saturation`, without lines of fewer than four sizes.

    The random start belongs to the curve of passes alone: a pass of no patients has no steps either, whereas the fixed
    number of steps stays at any number of patients.
    """
    fits = {}
    for share, kind, sizes, runs in lines(both, kinds=kinds):
        zero = [RANDOM] if kind == "pass" and RANDOM in runs else []
        if len(sizes) + len(zero) >= 4:
            tables = [stacked(runs[place]) for place in (*zero, *((kind, n) for n in sizes))]
            fits[share, kind] = saturation(tables, [0] * len(zero) + sizes, METRIC, **RESAMPLING)
    return fits


def saturation_table(fits):
    """Parameters of fitted curves with their 95 % intervals, and what speaks against quoting them: DataFrame."""
    rows = []
    for (share, kind), fit in fits.items():
        row = {"labels": share, "kind": kind}
        for name in ("top", "power"):
            row |= dict(zip((name, f"{name}_low", f"{name}_high"), getattr(fit, name), strict=True))
        rows.append(row | {"doubts": "; ".join(fit.doubts) or "none"})
    columns = ["labels", "kind", "top", "top_low", "top_high", "power", "power_low", "power_high", "doubts"]
    return pd.DataFrame(rows, columns=columns)


def curve_table(fits):
    """Fitted curves with their 95 % bands: DataFrame."""
    return _stacked(fits, "curve", ["patients", "score", "low", "high"])


def remaining_table(fits):
    """What the curves still rise from each size to the largest: DataFrame, from ``remaining`` on with its interval."""
    table = _stacked(fits, "remaining", ["patients", "remaining", "low", "high"])
    return table[table.patients != 0]


def _stacked(fits, name, columns):
    columns = ["labels", "kind", *columns]
    parts = [
        getattr(fit, name).rename(columns={"size": "patients"}).assign(labels=share, kind=kind)[columns]
        for (share, kind), fit in fits.items()
    ]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=columns)


def trend_table(both):
    """Test whether the score rises with the logarithm of the number of patients: DataFrame, one row per line.

    ``change`` is from the fewest to the most; ``low``, ``high`` and ``p`` by permutation within seeds, ``whole_p`` by
    permutation of whole arms (of four or more), ``t_low`` and ``t_high`` by the t interval over the seeds' changes.
    """
    rows = []
    for share, kind, sizes, runs in lines(both, least=2):
        x, seed = np.log10(sizes), RESAMPLING["seed"]
        made = trend([stacked(runs[kind, n]) for n in sizes], METRIC, x, **RESAMPLING)
        scores = made.per_seed.filter(like="arm_").to_numpy()
        whole = trend_of_values(scores, x, metric=METRIC, permute="whole arms", seed=seed)
        rows.append((share, kind, len(sizes), made.estimate, made.low, made.high, made.p,
                     whole.p if len(sizes) > 3 else math.nan, made.t_test.low, made.t_test.high))  # fmt: skip
    columns = ["labels", "kind", "sizes", "change", "low", "high", "p", "whole_p", "t_low", "t_high"]
    return pd.DataFrame(rows, columns=columns)


def pair_table(both, kinds=KINDS_TESTED):
    """Test neighbouring sizes, and each against the largest, for equivalence: DataFrame.

    ``difference`` is the larger minus the smaller, with its 90 % interval; ``p`` of two one-sided t tests over seeds;
    ``equal`` where the interval lies within the ledger's margin.
    """
    rows = []
    for share, kind, sizes, runs in lines(both, least=2, kinds=kinds):
        pairs = [*zip(sizes, sizes[1:], strict=False), *((n, sizes[-1]) for n in sizes[:-2])]
        for n, larger in pairs:
            tables = [stacked(runs[kind, size]) for size in (larger, n)]
            made = equivalence(*tables, METRIC, margin(), **RESAMPLING)
            rows.append((share, kind, n, larger, made.difference.estimate, made.difference.low, made.difference.high,
                         made.test.p, made.difference.smallest_margin, made.within_margin))  # fmt: skip
    columns = [
        "labels",
        "kind",
        "patients",
        "against",
        "difference",
        "low",
        "high",
        "p",
        "smallest_margin",
        "equal",
    ]
    return pd.DataFrame(rows, columns=columns)


def flat_table(pairs):
    """Ask from which size on the score is flat: DataFrame, from that of `pair_table`.

    As `ecgrepro.evaluation.flatness.flat_after` asks: the largest size must equal every one from there on. ``furthest``
    is the difference that is furthest from 0, ``low`` and ``high`` are the outermost limits of all, ``p`` the largest.
    """
    rows = []
    for (share, kind, n), _ in pairs.groupby(["labels", "kind", "patients"], sort=False):
        chosen = pairs[(pairs.labels == share) & (pairs.kind == kind) & (pairs.patients >= n)]
        chosen = chosen[chosen.against == chosen.against.max()]
        furthest = chosen.difference[chosen.difference.abs().idxmax()]
        rows.append((share, kind, n, furthest, chosen.low.min(), chosen.high.max(), chosen.p.max(skipna=False),
                     bool(chosen.equal.all())))  # fmt: skip
    return pd.DataFrame(rows, columns=["labels", "kind", "patients", "furthest", "low", "high", "p", "flat"])
