"""What the `resnet1d` page shows beside the tables and figures that all pages share."""

import pandas as pd

from ecgrepro.claims import ledger
from ecgrepro.evaluation.published import published_differences

#: Arms of the main question, in reading order.
TASKS = ("random", "beat_512", "beat_2048", "beat_4096", "rhythm", "heart_rate", "future")
#: Pairs of arms, first minus second: what probes hold, and what pre-training gains in other nets and at other rates.
PROBES = (("linear_probe", "random"), ("linear_probe", "frozen_random"), ("rhythm", "beat_mitbih"))
DEPTHS_AND_RATES = (("beat_resnet34", "random_resnet34"), ("beat_resnet50", "random_resnet50"),
                    ("beat_62hz", "random_62hz"), ("beat_250hz", "random_250hz"))  # fmt: skip


def printed_table():
    """What the printed means and spreads of macro F1 say against the random arm of the same table: DataFrame.

    Weimann & Conrad's table 1 and the class report's table 2. Ends of a range are what rounding leaves open.
    """
    rows = []
    for prefix, reference in (("WC-T1", "WC-T1-none-macro"), ("T1F-T2", "T1F-T2-0-macro")):
        claims = [
            claim for claim in ledger.load() if claim.id.startswith(prefix) and claim.id.endswith("-macro")
        ]
        found = published_differences(claims, reference)
        rows += [
            {"source": prefix, "first": row.first, "difference": row.difference_from, "low": row.low_from,
             "high": row.high_to, "t from": row.t_from, "t to": row.t_to, "p at most": row.p_to,
             "runs needed, at most": row.seeds_needed_to}
            for row in found[found.pair == "reference"].itertuples()
        ]  # fmt: skip
    return pd.DataFrame(rows)


def published_effects(rows):
    """Published differences to the random arm, by pair of arms, from rows of the ledger."""
    wanted = {
        f"WC-T1-beat{frame}-macro-minus-random": (f"beat_{frame}", "random") for frame in (512, 2048, 4096)
    }
    return {wanted[row["id"]]: row["published"] for row in rows if row["id"] in wanted}
