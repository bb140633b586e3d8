"""All claims side by side: what was published, what we found, the word on it."""

import math
from collections.abc import Mapping
from numbers import Integral, Real

from ecgrepro.claims import ledger
from ecgrepro.claims.rules import changed_after_run
from ecgrepro.claims.verdicts import LEVELS, decide
from ecgrepro.errors import InputError

_COPIED = ("level", "scale", "n_seeds", "n_records")


def claims_table(estimates=None, *, stored_rules=None, commands=None, claims=None):
    """Return one JSON-serialisable dict per claim, in the ledger's order.

    Parameters
    ----------
    estimates : mapping of claim id to Estimate, optional
        What the studies measured. Claims without an estimate are "not run", or decided by arithmetic.
    stored_rules : mapping of claim id to hash, optional
        What the trials stored (`ecgrepro.claims.rules.rule_hashes`); a difference is told in ``rule_changed``
        and in ``reason``.
    commands : mapping of claim id to str, optional
        What supplies a claim's runs, where the ledger does not say: see `what_supplies_it`.
    claims : sequence of Claim, optional
        Default: the packaged ledger.

    Returns
    -------
    list of dict
        Keys: id, study, source, statement, metric, rule, published (number or mapping), printed,
        published_spread, margin, ours (number, mapping or None), interval ([low, high], None or, for an
        arithmetic claim of several parts, a mapping of part to [low, high]), level, scale, n_seeds,
        n_records, detail (how it was measured), verdict, substitute, substitutes, reason, smallest_margin,
        rule_changed, missing, command, note, correction.
        ``missing`` and ``command`` are empty unless the verdict is "not run". ``reason`` also tells how an
        interval was made, of a trend the t interval too, and which arms ran before the rule was on record.

    Raises
    ------
    InputError
        For an estimate of a claim that the ledger does not have, or one that `decide` refuses.
    """
    claims = ledger.load() if claims is None else claims
    estimates = estimates or {}
    if unknown := sorted(set(estimates) - {claim.id for claim in claims}):
        raise InputError(
            "estimates", "ids of the ledger", str(unknown), "Correct the id, or enter the claim."
        )
    changed = {} if stored_rules is None else changed_after_run(stored_rules, claims)
    return [
        _row(claim, estimates.get(claim.id), changed.get(claim.id, ""), commands or {}) for claim in claims
    ]


def what_is_missing(claim, verdict):
    """Return in words what a verdict "not run" lacks; empty for every other verdict."""
    if verdict.word != "not run":
        return ""
    if verdict.substitute:
        return "; ".join(verdict.estimate.substitutes)
    requires = claim.requires
    needed = [*requires.get("corpora", ()), requires.get("pretraining_corpus")]
    data = f"real data: {', '.join(name for name in needed if name)}"
    named = ("label_revision", "budget", "machine")
    more = [f"{key.replace('_', ' ')} {requires[key]}" for key in named if key in requires]
    return "; ".join([data, *more])


def what_supplies_it(claim, commands=None):
    """Return the command that supplies a claim's estimate; empty where this project has none.

    The ledger's own goes first, then that of `commands` (claim id to command: the studies know where an arm is run),
    then the claim's own study.
    """
    if claim.command is not None:
        return claim.command
    if claim.id in (commands or {}):
        return commands[claim.id]
    if claim.rule == "count":
        names = claim.requires["corpora"]
        steps = [f"ecgrepro data {step} {name}" for name in names for step in ("fetch", "ingest")]
        return " && ".join([*steps, "ecgrepro run data --scale pilot"])
    return f"ecgrepro run {claim.study} --scale paper"


def _row(claim, estimate, changed, commands):
    verdict = decide(claim, estimate)
    not_run = verdict.word == "not run"
    return {
        "id": claim.id,
        "study": claim.study,
        "source": f"{claim.source['title']}, {claim.source['place']}",
        "statement": claim.statement,
        "metric": claim.comparison.get("metric", claim.quantity["metric"]),
        "rule": claim.rule,
        "published": _plain(claim.published),
        "printed": claim.printed,
        "published_spread": claim.published_spread,
        "margin": claim.margin,
        **_measured(verdict),
        "verdict": verdict.word,
        "substitute": verdict.substitute,
        "reason": _reason(claim, verdict, changed),
        "smallest_margin": _plain(verdict.smallest_margin),
        "rule_changed": changed,
        "missing": what_is_missing(claim, verdict),
        "command": what_supplies_it(claim, commands) if not_run else "",
        "note": claim.note,
        "correction": claim.correction,
    }


def _reason(claim, verdict, changed):
    estimate = verdict.estimate
    early = " and ".join(estimate.before_rule) if estimate else ""
    marks = [changed, early and f"{early} ran before the rule was on record"]
    parts = [verdict.reason, estimate.detail if estimate and claim.rule in LEVELS else ""]
    reason, mark = ("; ".join(filter(None, texts)) for texts in (parts, marks))
    return f"{reason} ({mark})" if mark else reason


def _measured(verdict):
    estimate = verdict.estimate
    if estimate is None:
        nothing = {**dict.fromkeys(_COPIED), "scale": "", "detail": "", "substitutes": []}
        return {"ours": None, "interval": None, **nothing}
    return {
        "ours": _plain(estimate.value),
        "interval": _interval(estimate.low, estimate.high),
        **{name: _plain(getattr(estimate, name)) for name in _COPIED},
        "detail": estimate.detail,
        "substitutes": list(estimate.substitutes),
    }


def _interval(low, high):
    if low is None or high is None:
        return None
    if isinstance(low, Mapping):
        return {str(part): _interval(low[part], high[part]) for part in low}
    limits = [_plain(low), _plain(high)]
    return None if None in limits else limits


def _plain(value):
    """Return JSON's own types for numbers of any library; NaN and infinity, which JSON lacks, become None."""
    if isinstance(value, Mapping):
        return {str(part): _plain(item) for part, item in value.items()}
    if isinstance(value, Integral):
        return int(value)
    if isinstance(value, Real):
        return float(value) if math.isfinite(value) else None
    return value
