"""From committed results to the ledger's estimates: what the book and `ecgrepro claims` print.

Nothing is trained here, and nothing is typed in: every estimate is computed from per-record predictions under
``results/``. A claim takes the widest scale that has what it compares: paper, then colab, then pilot; and only the
runs that the scale lists, all of them, so that no estimate comes from a design that was stopped half-way. An arm that
the claim's own study does not have is taken from another study, at the same scale.
"""

import json
import math

from ecgrepro import paths
from ecgrepro.claims import ledger
from ecgrepro.claims.rules import rule_hash
from ecgrepro.claims.schema import RUN_METRICS, multilabel
from ecgrepro.claims.table import claims_table
from ecgrepro.claims.verdicts import LEVELS, Estimate, capped_runs, count_estimate, replaced_parts
from ecgrepro.corpora.cinc2017 import DUPLICATES
from ecgrepro.evaluation.comparison import arm_estimate, paired_difference
from ecgrepro.evaluation.epochs import run_difference, run_estimate, values_by_seed
from ecgrepro.evaluation.quality import recordings
from ecgrepro.evaluation.trend import trend
from ecgrepro.studies.calibration_rank import rank_control
from ecgrepro.studies.designs import STUDIES, complete, find_arm, find_arms, results, stacked
from ecgrepro.studies.evidence_areas import area
from ecgrepro.studies.evidence_parts import supplied
from ecgrepro.studies.remembered import remembered
from ecgrepro.studies.switches import switch_effects

SCALES = ("paper", "colab", "pilot")
#: Metrics of a run that every run record holds.
EPOCHS = ("last_epoch",)
#: How every interval is drawn: one seed, part of the rules, so that none is drawn again until it pleases; and copies
#: of a recording together.
RESAMPLING = {"seed": 2017, "clusters": DUPLICATES}


def estimates(study=None):
    """Estimate every claim, or those of one study, that the committed results can speak to: claim id to `Estimate`."""
    found = {}
    for claim in ledger.load():
        if claim.rule == "arithmetic" or study not in (None, claim.study):
            continue
        made = next((made for scale in SCALES if (made := estimate(claim, scale))), None)
        if made:
            found[claim.id] = made
    return found


def ledger_rows(study=None):
    """Rows of `claims_table` for all claims, or one study's, with estimates, stored rules and commands."""
    rows = claims_table(estimates(study), stored_rules=stored_rules(), commands=commands())
    return [row for row in rows if study in (None, row["study"])]


def commands():
    """What runs the arms of each claim at paper scale, those of other studies too: claim id to command."""
    made = {}
    for claim in ledger.load():
        places = [find_arm(claim.study, "paper", arm, claim.requires.get("budget")) for arm in _arms(claim)]
        if places and None not in places:
            needed = {study for study, _ in places}
            named = [f"ecgrepro run {study} --scale paper" for study in STUDIES if study in needed]
            made[claim.id] = " && ".join(named)
    return made


def stored_rules():
    """Rule hashes that the trials stored when they ran, of each study those of its first to finish; None without."""
    study_of = {claim.id: claim.study for claim in ledger.load()}
    stored = {}
    for study in STUDIES:
        rules = min(_records_with_rules(study), key=lambda run: run["finished"], default={}).get("rules", {})
        stored |= {name: value for name, value in rules.items() if study_of.get(name, study) == study}
    return stored or None


def _records_with_rules(study):
    runs = [result["run"] for scale in SCALES for result in results(study, scale)]
    return [run for run in runs if run.get("rules")]


def estimate(claim, scale):
    """Estimate one claim from one scale's results, or None unless they hold all runs that it compares."""
    if claim.rule == "count":
        counts = paths.results(scale, "data") / "counts.json"
        return count_estimate(claim, json.loads(counts.read_text()), scale) if counts.exists() else None
    if claim.study == "calibration":
        return _of_temperature(claim, scale)
    comparison = claim.comparison
    if comparison["metric"] in RUN_METRICS and comparison["metric"] not in EPOCHS:
        return None  # asks for another machine's hours, or for an accuracy that histories do not hold
    found = [_first_complete(claim, scale, *pair) for pair in _compared(claim)]
    if claim.study not in STUDIES or None in found or comparison["metric"] == "multilabel_macro_f1":
        return None
    places, runs = zip(*found, strict=True)
    if comparison["metric"] in EPOCHS and _is_constant(runs, comparison["metric"]):
        return None
    return _measure(claim, scale, places, runs)


def _arms(claim):
    """Arms of the ledger that a claim names; none for one that is decided without."""
    comparison = claim.comparison
    return comparison.get("arms") or [comparison[key] for key in ("arm",) if key in comparison]


def _of_temperature(claim, scale):
    """Macro AUC after one temperature minus before, of a net that gives a recording several labels."""
    study, level = "ptbxl_transfer", LEVELS[claim.rule]

    def make():
        made = rank_control(study, scale, level=level, seed=RESAMPLING["seed"])
        return made and (made.place, made.difference)

    found = remembered("temperature", results(study, scale), (scale, level, RESAMPLING["seed"]), make)
    if found is None:
        return None
    place, result = found
    runs = complete(place[0], scale, place[1], claim.comparison["label_fraction"])
    return Estimate(
        result.estimate, result.low, result.high, level, scale,
        substitutes=replaced_parts(claim, supplied(*place, scale, runs)),
        n_seeds=result.n_seeds, n_records=result.n_records,
        detail=f"{_named([place])}: {result.design}, two-level bootstrap over seeds and records",
    )  # fmt: skip


def _compared(claim):
    """Pairs of an arm of the ledger and a share of the labels, in the order in which a claim compares them."""
    arms, shares = _arms(claim), claim.comparison.get("label_fraction")
    if not isinstance(shares, list):
        return [(arm, shares) for arm in arms]
    if claim.rule == "trend":
        return [(arm, share) for arm in arms for share in shares]
    return list(zip(arms, shares, strict=True))


def _first_complete(claim, scale, arm, share):
    """The first of the arms that may speak for one of the ledger whose runs are all there: its place and its runs."""
    for place in find_arms(claim.study, scale, arm, claim.requires.get("budget")):
        if runs := complete(place[0], scale, place[1], share):
            return place, runs
    return None


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
        result = remembered("gain", [run for chosen in runs for run in chosen], (metric, RESAMPLING),
                            lambda runs=runs: paired_difference(*map(stacked, runs), metric, **RESAMPLING))  # fmt: skip
        kept = ("estimate", "low", "high", "n_seeds", "n_records")
        made.append({"arm": arm, "labels": share} | {key: getattr(result, key) for key in kept})
    return made


def switch_effects_of(scale="pilot", labels=0.1):
    """What each switch of `resnet1d` does to macro F1: see `ecgrepro.studies.switches.switch_effects`."""

    def table(arm, share):
        runs = complete("resnet1d", scale, arm, share)
        return runs and stacked(runs)

    return remembered("switches", results("resnet1d", scale), (scale, labels, RESAMPLING),
                      lambda: switch_effects(table, labels, **RESAMPLING))  # fmt: skip


def _measure(claim, scale, places, runs):
    result, how = remembered(
        "estimate", [run for chosen in runs for run in chosen], (claim.rule, claim.comparison, places),
        lambda: _result(claim, runs),
    )  # fmt: skip
    if result is None:
        return None
    few = _too_few_orders(result)
    parts = [supplied(*place, scale, chosen) for place, chosen in zip(places, runs, strict=True)]
    return Estimate(
        result.estimate, None if few else result.low, None if few else result.high, result.level, scale,
        substitutes=replaced_parts(claim, _together(parts)), n_seeds=result.n_seeds, n_records=result.n_records,
        detail=f"{_named(places)}: mean over {result.n_seeds} seeds, {how}",
        undecidable="; ".join(filter(None, (few, _capped([run for chosen in runs for run in chosen])))),
        before_rule=_before_rule(claim, places, runs),
    )  # fmt: skip


def _too_few_orders(result):
    """Say why an interval by permutation has no limits; "" for one that has."""
    if math.isfinite(result.low) and math.isfinite(result.high):
        return ""
    return f"{result.n_permutations} orders of the arms are too few for a {100 * result.level:g} % interval"


def _capped(runs):
    """Say whether too many runs hit the epoch cap; "" if not.

    Only runs whose patience could have stopped them count: where the recipe's epochs are no more than its patience, no
    run can stop early, and the number of epochs is the protocol.
    """
    recipes = [run["trial"]["recipe"] for run in runs]
    free = [run for run, recipe in zip(runs, recipes, strict=True) if recipe["patience"] < recipe["epochs"]]
    return capped_runs(sum(run["run"]["hit_epoch_cap"] for run in free), len(free))


def _before_rule(claim, places, runs):
    """Arms of other studies of which a run finished before the first record that holds the claim's rule.

    A record may hold the rules of its own study alone. What the rule of another study was when it ran, then only the
    time can tell: later than a record with the rule as it is, or nobody knows.
    """
    rule = rule_hash(claim)
    holding = [
        run for study in STUDIES for run in _records_with_rules(study) if run["rules"].get(claim.id) == rule
    ]
    since = min((run["finished"] for run in holding), default=None)
    return tuple(
        _named([place])
        for place, chosen in zip(places, runs, strict=True)
        if place[0] != claim.study
        and (since is None or min(run["run"]["finished"] for run in chosen) < since)
    )


def _named(places):
    return ", ".join(f"{arm} of {study}" for study, arm in places)


def _result(claim, runs):
    """Estimate with its interval at the level that the claim's rule asks for, and in words how it was made."""
    metric, level = claim.comparison["metric"], LEVELS[claim.rule]
    if metric in EPOCHS:
        measure = run_estimate if len(runs) == 1 else run_difference
        return measure(
            *(values_by_seed(arm, metric) for arm in runs), metric, level=level
        ), "t interval over seeds"
    if multilabel(metric):
        found = area(claim.comparison, runs, level=level, seed=RESAMPLING["seed"])
        return found, found and f"{found.design}, {found.how}"
    tables = [stacked(arm) for arm in runs]
    if claim.rule == "trend":
        found = trend(tables, metric, level=level, **_resampling(runs[0]))
        return found, f"{found.design}, {_how_trend(found.t_test)}"
    measure = arm_estimate if len(runs) == 1 else paired_difference
    found = measure(*tables, metric, level=level, **_resampling(runs[0]))
    return found, f"{found.design}, two-level bootstrap over seeds and records"


def _resampling(runs):
    """How intervals are drawn: those of AF by recording; quality has several of a recording, which go together."""
    if "interval" not in runs[0]["trial"]["recipe"]["input"]:
        return RESAMPLING
    return RESAMPLING | {"clusters": clusters_of(runs[0]["predictions"]["record_id"])}


def clusters_of(ids):
    """Interval to the recording that it is drawn with, the first of its exact copies: dict of str to str."""
    return {interval: DUPLICATES.get(recording, recording) for interval, recording in recordings(ids).items()}


def _how_trend(t_test):
    """How a trend is measured, with the t interval that is the wider one where the slope differs between seeds."""
    how = "the mean line's change, interval by permutation of arms within seeds"
    if math.isnan(t_test.low):
        return f"{how}; no t interval, as all seeds change alike"
    return f"{how}; t interval over seeds [{t_test.low:.4f}, {t_test.high:.4f}]"


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
