"""What printed means and spreads over runs say by themselves, as tables for the study pages."""

import math

import pandas as pd

from ecgrepro.claims import ledger
from ecgrepro.evaluation.published import (
    compare_printed,
    level_claims,
    printed_arm,
    published_differences,
)

#: Results of `ecgrepro.evaluation.published.PublishedDifference` that pages print, with their headings and digits.
SHOWN = {"difference": ("difference", ".3f"), "t": ("t", ".2f"), "p": ("p", ".2g"), "low": ("low", ".3f"),
         "high": ("high", ".3f"), "equivalence_p": ("p of equivalence", ".2g"),
         "seeds_needed": ("runs needed", ",.0f")}  # fmt: skip


def printed_pairs(pairs, *, level=0.95):
    """Compare pairs of printed arms.

    Parameters
    ----------
    pairs : dict of str to (str, str)
        What the row is called, to the ids of two claims of the ledger with mean and spread, first minus second.
    level : float

    Returns
    -------
    DataFrame
        ``comparison``, ``first_mean`` and ``second_mean`` as printed, ``margin`` of the first claim, and of every
        result of `SHOWN` the columns NAME_from and NAME_to.
    """
    claims, rows = ledger.by_id(), []
    for name, (first, second) in pairs.items():
        chosen = claims[first], claims[second]
        found = compare_printed(*map(_arm, chosen), chosen[0].margin, level=level)
        row = {"comparison": name, "first_mean": chosen[0].published, "second_mean": chosen[1].published}
        rows.append(row | {"margin": chosen[0].margin} | _ends(found))
    return pd.DataFrame(rows)


def printed_gains(study, reference, *, document="report2024", metric="macro_f1"):
    """Compare the printed arms of a study with one of them, and each with the one before: DataFrame.

    See `ecgrepro.evaluation.published.published_differences`; ``comparison`` says which arms a row compares.
    """
    claims = level_claims(ledger.load(), study, metric, document)
    found = published_differences(claims, reference)
    found.insert(0, "comparison", found.first_arm + " − " + found.second_arm)
    return found


def readable(table):
    """Turn a table of `printed_pairs` or `printed_gains` into text: what cannot be told from the print is a range."""
    shown = table[["comparison"]].copy()
    for name, (heading, digits) in SHOWN.items():
        ends = zip(table[f"{name}_from"], table[f"{name}_to"], strict=True)
        shown[heading] = [_range(low, high, digits) for low, high in ends]
    return shown.assign(margin=table.margin)


def _range(low, high, digits):
    low, high = ("no number" if math.isinf(value) else format(value, digits) for value in (low, high))
    return low if low == high else f"{low} to {high}"


def _arm(claim):
    return printed_arm(claim.published, **claim.published_spread, printed=claim.printed)


def _ends(found):
    """Lowest and highest of every result."""
    results = {name: getattr(found, name) for name in SHOWN}
    return {
        f"{name}_{end}": value
        for name, pair in results.items()
        for end, value in zip(("from", "to"), pair, strict=True)
    }
