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
from ecgrepro.studies.pretrain_size_tables import METRIC, RANDOM, fewest_samples, lines

#: Equivalence is judged by the margin of the report's own claim of a flat curve.
FLAT_CLAIM = "T1F-flat-1d-100-minus-10"
#: Kinds whose sizes are compared with each other.
KINDS_TESTED = ("fixed", "pass")


@lru_cache
def margin():
    """Margin of equivalence, from the ledger."""
    return ledger.by_id()[FLAT_CLAIM].margin


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
    """Parameters of fitted curves with their 95 % intervals, or ``doubts`` that leave them blank: DataFrame."""
    rows = []
    for (share, kind), fit in fits.items():
        row, doubts = {"labels": share, "kind": kind}, _doubts(fit)
        for name in ("top", "power"):
            values = [math.nan] * 3 if doubts else getattr(fit, name)
            row |= dict(zip((name, f"{name}_low", f"{name}_high"), values, strict=True))
        rows.append(row | {"doubts": "; ".join(doubts) or "none"})
    columns = ["labels", "kind", "top", "top_low", "top_high", "power", "power_low", "power_high", "doubts"]
    return pd.DataFrame(rows, columns=columns)


def _doubts(fit):
    """What speaks against quoting the parameters; the fit itself does not know that a score ends at 1."""
    impossible = ("the top or its interval is above 1, the highest score",) if max(fit.top) > 1 else ()
    return fit.doubts + impossible


def curve_table(fits):
    """Fitted curves with their 95 % bands: DataFrame."""
    return _stacked(fits, "curve", ["patients", "score", "low", "high"])


def remaining_table(fits):
    """What the curves still rise between two numbers of patients, ``from`` each ``to`` the largest: DataFrame."""
    table = _stacked(fits, "remaining", ["patients", "remaining", "low", "high"])
    table = table[table.patients != 0].rename(columns={"patients": "from"})
    largest = [fits[line].arms["size"].max() for line in zip(table.labels, table.kind, strict=True)]
    table.insert(3, "to", largest)
    return table.astype({"from": int, "to": int})


def _stacked(fits, name, columns):
    columns = ["labels", "kind", *columns]
    parts = [
        getattr(fit, name).rename(columns={"size": "patients"}).assign(labels=share, kind=kind)[columns]
        for (share, kind), fit in fits.items()
    ]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=columns)


def trend_table(both):
    """Test whether the score rises with the logarithm of the number of patients: DataFrame, one row per line.

    ``change`` is along the line ``from`` the fewest patients ``to`` the most; ``low``, ``high`` and ``p`` by
    permutation within seeds, ``whole_p`` by permutation of whole arms (of four or more), ``t_low`` and ``t_high`` by
    the t interval over the seeds' changes.
    """
    rows = []
    for share, kind, sizes, runs in lines(both, least=2):
        x, seed = np.log10(sizes), RESAMPLING["seed"]
        made = trend([stacked(runs[kind, n]) for n in sizes], METRIC, x, **RESAMPLING)
        scores = made.per_seed.filter(like="arm_").to_numpy()
        whole = trend_of_values(scores, x, metric=METRIC, permute="whole arms", seed=seed)
        rows.append((share, kind, sizes[0], sizes[-1], len(sizes), made.estimate, made.low, made.high, made.p,
                     whole.p if len(sizes) > 3 else math.nan, made.t_test.low, made.t_test.high))  # fmt: skip
    columns = ["labels", "kind", "from", "to", "sizes", "change", "low", "high", "p", "whole_p", "t_low",
               "t_high"]  # fmt: skip
    return pd.DataFrame(rows, columns=columns)


def pair_table(both, kinds=KINDS_TESTED):
    """Test neighbouring sizes, and each against the largest, for equivalence: DataFrame.

    ``difference`` is the larger (``against``) minus the smaller (``patients``), with its 90 % interval; ``p`` of two
    one-sided t tests over seeds; ``they are`` equal, different or open by the ledger's margin, see
    `ecgrepro.evaluation.comparison.Equivalence.answer`. For ``samples`` see `pretrain_size_tables.gain_table`.
    """
    rows = []
    for share, kind, sizes, runs in lines(both, least=2, kinds=kinds):
        pairs = [*zip(sizes, sizes[1:], strict=False), *((n, sizes[-1]) for n in sizes[:-2])]
        for n, larger in pairs:
            arms = runs[kind, larger], runs[kind, n]
            made = equivalence(*map(stacked, arms), METRIC, margin(), **RESAMPLING)
            found = made.difference
            rows.append((share, kind, n, larger, found.estimate, found.low, found.high, made.test.p,
                         found.smallest_margin, fewest_samples(*arms), found.n_seeds, made.answer))  # fmt: skip
    columns = ["labels", "kind", "patients", "against", "difference", "low", "high", "p", "smallest_margin", "samples",
               "seeds", "they are"]  # fmt: skip
    return pd.DataFrame(rows, columns=columns)


def flat_table(pairs):
    """Ask from which size on the score is flat: DataFrame, from that of `pair_table`.

    It is where ``to``, the largest finished size, equals every one ``from`` there on, and it is not where one of them
    is different. ``furthest`` is the difference that is furthest from 0, ``lowest limit`` and ``highest limit`` are the
    outermost of all pairs, ``p`` is the largest: all must hold, so none is corrected for their number
    (intersection-union test, Berger 1982, Technometrics 24:295). No shape of the curve is assumed.
    """
    rows = []
    for line, part in pairs.groupby(["labels", "kind"], sort=False):
        largest = part.against.max()
        for n in part.patients.unique():
            chosen = part[(part.patients >= n) & (part.against == largest)]
            furthest = chosen.difference[chosen.difference.abs().idxmax()]
            rows.append((*line, n, largest, furthest, chosen.low.min(), chosen.high.max(), chosen.p.max(skipna=False),
                         chosen.samples.min(), chosen.seeds.min(), _flat(set(chosen["they are"]))))  # fmt: skip
    columns = ["labels", "kind", "from", "to", "furthest", "lowest limit", "highest limit", "p", "samples", "seeds",
               "flat"]  # fmt: skip
    return pd.DataFrame(rows, columns=columns)


def _flat(answers):
    if "different" in answers:
        return "no"
    return "yes" if answers == {"equal"} else "open"
