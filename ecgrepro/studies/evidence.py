"""From committed results to the ledger's estimates: what the book and `ecgrepro claims` print.

Nothing is trained here, and nothing is typed in: every estimate is computed from per-record predictions under
``results/``. A claim takes the widest scale that has what it compares: paper, then colab, then pilot; and only the
runs that the scale lists, all of them, so that no estimate comes from a design that was stopped half-way.
"""

import json
from functools import lru_cache

from ecgrepro import paths
from ecgrepro.claims import ledger
from ecgrepro.claims.table import claims_table
from ecgrepro.claims.verdicts import LEVELS, Estimate, capped_runs, count_estimate, replaced_parts
from ecgrepro.corpora.cinc2017 import DUPLICATES
from ecgrepro.evaluation.comparison import arm_estimate, paired_difference
from ecgrepro.evaluation.predictions import combine_predictions
from ecgrepro.studies import resnet1d
from ecgrepro.studies.scale import declares
from ecgrepro.training.store import read_results

#: Scales of the studies whose runs are evidence.
DESIGNS = {resnet1d.STUDY: resnet1d.SCALES}
SCALES = ("paper", "colab", "pilot")
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
    """Rule hashes that the trials stored when they ran, those of the first to finish; None without trials."""
    runs = [result["run"] for scale in SCALES for result in results("resnet1d", scale)]
    runs = sorted((run for run in runs if run.get("rules")), key=lambda run: run["finished"])
    return runs[0]["rules"] if runs else None


@lru_cache
def _results(folder):
    return read_results(folder)


def results(study, scale):
    """Committed results of the runs that a study lists at a scale: list of dict, see `read_result`."""
    found = _results(paths.results(scale, study))
    return [result for result in found if declares(DESIGNS[study][scale], result)]


def fine_tuning(found, arm, labels):
    """Fine-tuning results of one arm at one share of labels, by seed."""
    chosen = [
        result
        for result in found
        if result["trial"]["stage"] == "fine-tuning"
        and result["trial"]["arm"] == arm
        and result["trial"]["recipe"]["labels"] == labels
    ]
    return sorted(chosen, key=lambda result: result["trial"]["seed"])


def predictions(found, arm, labels):
    """Predictions of one arm over all its seeds, as one table; None where it has no run."""
    chosen = fine_tuning(found, arm, labels)
    return _stacked(chosen) if chosen else None


def _stacked(runs):
    return combine_predictions([run["predictions"] for run in runs])


def estimate(claim, scale):
    """Estimate one claim from one scale's results, or None unless they hold all runs that it compares."""
    if claim.rule == "count":
        counts = paths.results(scale, "data") / "counts.json"
        return count_estimate(claim, json.loads(counts.read_text()), scale) if counts.exists() else None
    if scale not in DESIGNS.get(claim.study, ()):
        return None
    comparison = claim.comparison
    arms = comparison.get("arms") or [comparison["arm"]]
    runs = _all_seeds(claim.study, scale, arms, comparison["label_fraction"])
    return runs and _measure(claim, scale, results(claim.study, scale), runs)


def _all_seeds(study, scale, arms, labels):
    """Fine-tuning results of each arm by seed: list of lists; None unless every arm has every seed of the scale."""
    found, wanted = results(study, scale), sorted(DESIGNS[study][scale].seeds)
    runs = [fine_tuning(found, arm, labels) for arm in arms]
    if any([run["trial"]["seed"] for run in chosen] != wanted for chosen in runs):
        return None
    return runs


def gains(scale="pilot", reference="random", metric="macro_f1"):
    """What pre-training gains at each share of the labels, claimed or not: one dict per arm and share.

    Returns an empty list where a run of the scale is missing. Keys: ``arm``, ``labels``, ``estimate``, ``low``,
    ``high`` (95 %, two-level bootstrap), ``n_seeds``, ``n_records``.
    """
    design, made = DESIGNS[resnet1d.STUDY][scale], []
    for share in design.labels:
        runs = _all_seeds(resnet1d.STUDY, scale, design.arms, share)
        if runs is None:
            return []
        tables = dict(zip(design.arms, map(_stacked, runs), strict=True))
        base = tables.pop(reference)
        for arm, table in tables.items():
            result = paired_difference(table, base, metric, **RESAMPLING)
            kept = ("estimate", "low", "high", "n_seeds", "n_records")
            made.append({"arm": arm, "labels": share} | {key: getattr(result, key) for key in kept})
    return made


def _measure(claim, scale, found, runs):
    measure = arm_estimate if len(runs) == 1 else paired_difference
    result = measure(*map(_stacked, runs), claim.comparison["metric"], level=LEVELS[claim.rule], **RESAMPLING)
    flat = [run for chosen in runs for run in chosen]
    return Estimate(
        result.estimate, result.low, result.high, result.level, scale,
        substitutes=replaced_parts(claim, supplied(runs[0], found)),
        n_seeds=result.n_seeds, n_records=result.n_records,
        detail=f"mean over {result.n_seeds} seeds, {result.design}, two-level bootstrap over seeds and records",
        undecidable=capped_runs(sum(run["run"]["hit_epoch_cap"] for run in flat), len(flat)),
    )  # fmt: skip


def supplied(runs, found):
    """Say what the runs of an arm had, under the keys of `ecgrepro.claims.schema.REQUIREMENTS`."""
    trial = runs[0]["trial"]
    parent = next((r["trial"] for r in found if r["key"] == trial["initialisation"].split("@")[0]), None)
    parts = {
        "corpora": [name for name, _ in trial["corpora"]],
        "label_revision": runs[0]["run"]["label_revision"],
        "initialisation": "random" if trial["initialisation"] == "random" else "pretrained",
        "model": f"{trial['model']}_1d",
        "width": trial["width"],
        "sampling_rate": trial["recipe"]["input"]["fs"],
        "frame": trial["recipe"]["input"]["length"],
        "budget": trial["scale"],
    }
    if parent:
        parts |= {
            "pretraining_corpus": " + ".join(name for name, _ in parent["corpora"]),
            "pretraining_task": parent["recipe"]["task"],
            "pretraining_frame": parent["recipe"]["length"],
            "pretraining_share": float(trial["initialisation"].split("@")[1]),
        }
    return parts
