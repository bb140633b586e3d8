"""What the `resnet1d` page shows beside the tables and figures that all pages share."""

from ecgrepro.studies.printed_tables import printed_pairs

#: Arms of the main question, in reading order.
TASKS = ("random", "beat_512", "beat_2048", "beat_4096", "rhythm", "heart_rate", "future")
#: Pairs of arms, first minus second: what probes hold, and what pre-training gains in other nets and at other rates.
PROBES = (("linear_probe", "beat_2048"), ("linear_probe", "random"), ("linear_probe", "frozen_random"),
          ("rhythm", "beat_mitbih"))  # fmt: skip
DEPTHS_AND_RATES = (("beat_resnet34", "random_resnet34"), ("beat_resnet50", "random_resnet50"),
                    ("beat_62hz", "random_62hz"), ("beat_250hz", "random_250hz"))  # fmt: skip


def printed_table():
    """What the printed means and spreads of macro F1 say against the random arm of the same table.

    Weimann & Conrad's table 1 and the class report's table 2; see `ecgrepro.studies.printed_tables.printed_pairs`.
    """
    frames = {
        f"Weimann & Conrad: beat, {frame:,} samples": f"WC-T1-beat{frame}-macro"
        for frame in (512, 2048, 4096)
    }
    pairs = {name: (claim, "WC-T1-none-macro") for name, claim in frames.items()}
    pairs["class report: beat, 4,096 samples"] = "T1F-T2-100-macro", "T1F-T2-0-macro"
    return printed_pairs(pairs)


def published_effects(rows):
    """Published differences to the random arm, by pair of arms, from rows of the ledger."""
    wanted = {
        f"WC-T1-beat{frame}-macro-minus-random": (f"beat_{frame}", "random") for frame in (512, 2048, 4096)
    }
    return {wanted[row["id"]]: row["published"] for row in rows if row["id"] in wanted}
