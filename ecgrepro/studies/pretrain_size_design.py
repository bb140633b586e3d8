"""What is compared, for the `pretrain_size` page: the pilot's arms, the report's sizes and its printed differences."""

import math

import pandas as pd

from ecgrepro.claims import ledger
from ecgrepro.studies.pretrain_size import PAPER_SIZES, REPORT_ARMS, REPORT_SOURCES, SCALES, arm_of, sizes_of
from ecgrepro.studies.printed_tables import printed_pairs

#: What the arms have in common, by the word in their names.
KINDS = {"fixed": "as many frames for all", "pass": "as many frames of each", "few": "few frames for all",
         "one_run": "checkpoints of one run"}  # fmt: skip
#: Sizes of the report's Table 2, in per cent, as in the ids of its claims.
PRINTED = ("1", "10", "20", "100")
#: Claims of a difference between them.
DIFFERENCES = ("T1F-A-1pct-100-minus-1", "T1F-H2-10-minus-1", "T1F-H2-100-minus-10")
_AMOUNT = ["frames of each", "frames", "steps"]
_DESIGN = ["kind", "patients", "patients seen", *_AMOUNT, "times half an hour", "disjoint samples"]
#: Seconds that MIT-BIH and SVDB have of a patient; of one they have twice as much.
HALF_AN_HOUR = 1800


def design_table(scale="pilot"):
    """What the arms of a scale are pre-trained on: DataFrame, one row per kind and number of patients.

    ``times half an hour`` is how often a patient's frames, laid end to end, fill that time. ``disjoint samples`` is
    blank for a run's checkpoints before the end, which have seen a part of its sample.
    """
    design = SCALES[scale]
    rows = []
    for kind in KINDS:
        for n in sizes_of(design.arms):
            if name := arm_of(design.arms, kind, n):
                source, share = design.pretrainings[design.arms[name].source], design.arms[name].share or 1.0
                seen, amount = patients_seen(source.recipe, share), _amount(source.recipe, share)
                samples = source.samples if share == 1 else None
                rows.append((kind, n, seen, *amount, _half_hours(source.recipe), samples))
    return pd.DataFrame(rows, columns=_DESIGN).astype({"disjoint samples": "Int64"})


def patients_seen(recipe, share):
    """Patients that a share of a pass has shown frames of: those of every group that it has begun to mix."""
    frames = _amount(recipe, share)[2] * recipe.batch_size
    groups = math.ceil(frames / (recipe.shuffle_patients * recipe.frames_per_patient))
    return min(groups * recipe.shuffle_patients, recipe.patients)


def _half_hours(recipe):
    return round(recipe.frames_per_patient * recipe.length / recipe.fs / HALF_AN_HOUR)


def report_table():
    """What the report's sizes are: DataFrame with the run, how the report calls the size, patients, frames, steps.

    Patients seen up to the checkpoint; of all patients of Icentia11k those that this project holds out are left out.
    """
    rows = []
    for arm in REPORT_ARMS.values():
        recipe = REPORT_SOURCES[arm.source].recipe
        patients = recipe.patients or max(PAPER_SIZES)
        each, frames, steps = _amount(recipe, arm.share, patients)
        rows.append((arm.source, arm.published_share, round(patients * arm.share), each, frames, steps))
    return pd.DataFrame(rows, columns=["run", "called", "patients", *_AMOUNT])


def _amount(recipe, share, patients=None):
    """Frames of each patient, frames and optimiser steps up to a share of a pass."""
    frames = (patients or recipe.patients) * recipe.frames_per_patient
    return recipe.frames_per_patient, round(frames * share), math.ceil(frames // recipe.batch_size * share)


def printed_table():
    """Compare the report's printed means, see `printed_tables.printed_pairs`: sizes with none, and with each other."""
    pairs = [(size, "0") for size in PRINTED] + [
        ("10", "1"),
        ("20", "10"),
        ("100", "20"),
        ("100", "10"),
        ("100", "1"),
    ]
    called = {"0": "none"} | {size: f"{size} %" for size in PRINTED}
    return printed_pairs({
        f"{called[first]} − {called[second]}": tuple(f"T1F-T2-{size}-macro" for size in (first, second))
        for first, second in pairs
    })  # fmt: skip


def published_effects():
    """Published differences between sizes: dict of the pair of arms in their place in the pilot to float."""
    arms = {name: arm for arm, settings in SCALES["pilot"].arms.items() for name in settings.stands_for}
    claims = [claim for claim in ledger.load() if claim.id in DIFFERENCES]
    return {tuple(arms[name] for name in claim.comparison["arms"]): claim.published for claim in claims}
