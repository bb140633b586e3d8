"""Fingerprints of the rules, so that a rule changed after a run cannot pass for one fixed before it."""

import hashlib
import json
from numbers import Real

from ecgrepro.claims import ledger


def rule_hash(claim):
    """Return the SHA-256 of what judges a claim: figure, rounding, comparison, inputs, margin, requirements.

    The wording, the source and the notes may change without a trace; these may not.
    """
    judging = (claim.published, claim.printed, claim.comparison, claim.inputs, claim.margin, claim.requires)
    return _sha256(judging)


def rules_hash(study, claims=None):
    """Return the SHA-256 over the rules of all claims of a study, whatever their order."""
    return _sha256(rule_hashes(study, claims))


def rule_hashes(study=None, claims=None):
    """Return claim id to `rule_hash` for the claims of a study, or for all: these a trial stores.

    All, because a claim may compare arms of two studies.
    """
    claims = ledger.load() if claims is None else claims
    return {claim.id: rule_hash(claim) for claim in claims if study in (None, claim.study)}


def changed_after_run(stored, claims=None):
    """Return claim id to "rule changed after run" (or withdrawn, added) against a trial's stored hashes.

    Parameters
    ----------
    stored : mapping of claim id to hash
        As `rule_hashes` gave them when the trial ran, of one or more studies, complete.
    claims : sequence of Claim, optional
        The present ledger.
    """
    claims = ledger.load() if claims is None else claims
    studies = {claim.study for claim in claims if claim.id in stored}
    present = {claim.id: rule_hash(claim) for claim in claims if claim.study in studies}
    changes = {name: "rule withdrawn after run" for name in stored if name not in present}
    for name, value in present.items():
        if stored.get(name) != value:
            changes[name] = "rule changed after run" if name in stored else "rule added after run"
    return changes


def _sha256(value):
    canonical = json.dumps(_plain(value), sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(canonical.encode()).hexdigest()


def _plain(value):
    """Write every number as a float: 1 and 1.0 are the same rule."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return float(value) if isinstance(value, Real) and not isinstance(value, bool) else value
