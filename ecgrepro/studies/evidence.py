"""From committed results to the ledger's estimates: what the book and `ecgrepro claims` print.

Nothing is trained here, and nothing is typed in: every estimate is computed from per-record predictions under
``results/``. A claim takes the widest scale that has what it compares: paper, then colab, then pilot; and only the
runs that the scale lists, all of them, so that no estimate comes from a design that was stopped half-way. An arm that
the claim's own study does not have is taken from another study, at the same scale.
"""

import json

from ecgrepro import paths
from ecgrepro.claims import ledger
from ecgrepro.claims.schema import RUN_METRICS
from ecgrepro.claims.table import claims_table
from ecgrepro.claims.verdicts import LEVELS, Estimate, capped_runs, count_estimate, replaced_parts
from ecgrepro.corpora.aliases import data_set_of
from ecgrepro.corpora.cinc2017 import DUPLICATES
from ecgrepro.evaluation.comparison import arm_estimate, paired_difference
from ecgrepro.evaluation.epochs import run_difference, run_estimate, values_by_seed
from ecgrepro.evaluation.trend import trend
from ecgrepro.studies.designs import STUDIES, complete, find_arm, results, stacked
from ecgrepro.studies.switches import switch_effects
from ecgrepro.training.published_start import provenance

SCALES = ("paper", "colab", "pilot")
#: Metrics of a run that every run record holds.
EPOCHS = ("last_epoch",)
#: How every interval is drawn: one seed, part of the rules, so that none is drawn again until it pleases; and copies
#: of a recording together.
RESAMPLING = {"seed": 2017, "clusters": DUPLICATES}


def estimates():
    """Estimate every claim that the committed results can speak to: claim id to `Estimate`."""
    found = {}
    for claim in ledger.load():
        if claim.rule == "arithmetic":
            continue
        made = next((made for scale in SCALES if (made := estimate(claim, scale))), None)
        if made:
            found[claim.id] = made
    return found


def ledger_rows():
    """Rows of `claims_table` for all claims, with estimates and the rules their trials stored."""
    return claims_table(estimates(), stored_rules=stored_rules())


def stored_rules():
    """Rule hashes that the trials stored when they ran, of each study those of the first to finish; None without."""
    stored = {}
    for study in STUDIES:
        runs = [result["run"] for scale in SCALES for result in results(study, scale)]
        runs = sorted((run for run in runs if run.get("rules")), key=lambda run: run["finished"])
        stored |= runs[0]["rules"] if runs else {}
    return stored or None


def estimate(claim, scale):
    """Estimate one claim from one scale's results, or None unless they hold all runs that it compares."""
    if claim.rule == "count":
        counts = paths.results(scale, "data") / "counts.json"
        return count_estimate(claim, json.loads(counts.read_text()), scale) if counts.exists() else None
    comparison = claim.comparison
    if comparison["metric"] in RUN_METRICS and comparison["metric"] not in EPOCHS:
        return None  # asks for another machine's hours, or for an accuracy that histories do not hold
    arms = comparison.get("arms") or [comparison["arm"]]
    places = [find_arm(claim.study, scale, arm, claim.requires.get("budget")) for arm in arms]
    if claim.study not in STUDIES or None in places:
        return None
    runs = [complete(study, scale, arm, comparison["label_fraction"]) for study, arm in places]
    if None in runs or (comparison["metric"] in EPOCHS and _is_constant(runs, comparison["metric"])):
        return None
    return _measure(claim, scale, places, runs)


def _is_constant(runs, metric):
    """Whether epochs are the same in every run, or differ by as many between two arms: no interval follows."""
    first, *others = (values_by_seed(arm, metric) for arm in runs)
    return (first - others[0] if others else first).nunique() == 1


def gains(scale="pilot", arm="beat_2048", reference="random", metric="macro_f1"):
    """What an arm of `resnet1d` gains at each share of the labels, claimed or not: one dict per share.

    Shares at which a run of the scale is missing are left out. Keys: ``arm``, ``labels``, ``estimate``, ``low``,
    ``high`` (95 %, two-level bootstrap), ``n_seeds``, ``n_records``.
    """
    design, made = STUDIES["resnet1d"].SCALES[scale], []
    for share in sorted(design.arms[arm].labels or design.labels, reverse=True):
        runs = [complete("resnet1d", scale, name, share) for name in (arm, reference)]
        if None in runs:
            continue
        result = paired_difference(*map(stacked, runs), metric, **RESAMPLING)
        kept = ("estimate", "low", "high", "n_seeds", "n_records")
        made.append({"arm": arm, "labels": share} | {key: getattr(result, key) for key in kept})
    return made


def switch_effects_of(scale="pilot", labels=0.1):
    """What each switch of `resnet1d` does to macro F1: see `ecgrepro.studies.switches.switch_effects`."""

    def table(arm, share):
        runs = complete("resnet1d", scale, arm, share)
        return runs and stacked(runs)

    return switch_effects(table, labels, **RESAMPLING)


def _measure(claim, scale, places, runs):
    result, how = _result(claim, runs)
    flat = [run for chosen in runs for run in chosen]
    parts = [supplied(*place, scale, chosen) for place, chosen in zip(places, runs, strict=True)]
    return Estimate(
        result.estimate, result.low, result.high, result.level, scale,
        substitutes=replaced_parts(claim, _together(parts)), n_seeds=result.n_seeds, n_records=result.n_records,
        detail=f"mean over {result.n_seeds} seeds, {how}",
        undecidable=capped_runs(sum(run["run"]["hit_epoch_cap"] for run in flat), len(flat)),
    )  # fmt: skip


def _result(claim, runs):
    """Estimate with its interval at the level that the claim's rule asks for, and in words how it was made."""
    metric, level = claim.comparison["metric"], LEVELS[claim.rule]
    if metric in EPOCHS:
        measure = run_estimate if len(runs) == 1 else run_difference
        return measure(
            *(values_by_seed(arm, metric) for arm in runs), metric, level=level
        ), "t interval over seeds"
    tables = [stacked(arm) for arm in runs]
    if claim.rule == "trend":
        found = trend(tables, metric, level=level, **RESAMPLING)
        return found, f"{found.design}, the mean line's change, interval by permutation of arms within seeds"
    measure = arm_estimate if len(runs) == 1 else paired_difference
    found = measure(*tables, metric, level=level, **RESAMPLING)
    return found, f"{found.design}, two-level bootstrap over seeds and records"


def _together(parts):
    """What several arms had: of a part in which they differ the list of all; arms that are pre-trained count alone."""
    parts = [part for part in parts if part["initialisation"] != "random"] or parts
    told = {}
    for name in dict.fromkeys(name for part in parts for name in part):
        values = []
        for part in parts:
            if part.get(name) not in values:
                values.append(part.get(name))
        told[name] = values[0] if len(values) == 1 else values
    return told


def supplied(study, name, scale, runs):
    """Say what the runs of an arm had, under the keys of `ecgrepro.claims.schema.REQUIREMENTS`."""
    trial, arm = runs[0]["trial"], STUDIES[study].SCALES[scale].arms[name]
    parent = next(
        (r["trial"] for r in results(study, scale) if r["key"] == trial["initialisation"].split("@")[0]), None
    )
    parts = {
        "corpora": [data_set_of(corpus) for corpus, _ in trial["corpora"]],
        "label_revision": runs[0]["run"]["label_revision"],
        "initialisation": "random" if trial["initialisation"] == "random" else "pretrained",
        "model": trial["model"] if trial["model"].endswith("_2d") else f"{trial['model']}_1d",
        "width": trial["width"],
        "sampling_rate": trial["recipe"]["input"]["fs"],
        "frame": trial["recipe"]["input"]["length"],
        "budget": arm.budget or trial["scale"],
    }
    if parent:
        parts |= {
            "pretraining_corpus": " + ".join(data_set_of(name) for name, _ in parent["corpora"]),
            "pretraining_task": parent["recipe"]["task"],
            "pretraining_frame": parent["recipe"]["length"],
            "pretraining_share": _share(arm, trial, parent),
        }
    return parts | provenance(trial["initialisation"])


def _share(arm, trial, parent):
    """Share of the pre-training patients as the publication counts it; without one the patients, or the pass."""
    if arm.published_share is not None:
        return arm.published_share
    if parent["recipe"].get("patients"):
        return f"{parent['recipe']['patients']} patients"
    return float(trial["initialisation"].split("@")[1])
