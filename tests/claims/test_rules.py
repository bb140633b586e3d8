"""The hash follows what judges a claim, and nothing else."""

import dataclasses
import hashlib
import json
from pathlib import Path

import pytest

from ecgrepro.claims import ledger
from ecgrepro.claims.rules import changed_after_run, rule_hash, rule_hashes, rules_hash


@pytest.mark.parametrize(
    "change",
    [
        {"margin": 0.03},
        {"published": 0.76},
        {"printed": {"digits": 2}},
        {"requires": {"corpora": ["cinc2017"], "width": 1.0}},
        {"inputs": {"a": {"value": 1, "printed": None, "claim": None}}},
        {"comparison": {"rule": "value", "metric": "f1_N", "arm": "random", "label_fraction": 1.0}},
    ],
)
def test_hash_changes_with_what_judges(make_claim, change):
    claim = make_claim("value")
    assert rule_hash(dataclasses.replace(claim, **change)) != rule_hash(claim)


@pytest.mark.parametrize("change", [{"statement": "Put better."}, {"note": "Aside."}, {"source": {}}])
def test_hash_does_not_change_with_wording(make_claim, change):
    claim = make_claim("value")
    assert rule_hash(dataclasses.replace(claim, **change)) == rule_hash(claim)


def test_hash_does_not_depend_on_how_a_number_or_mapping_is_written(make_claim):
    first = make_claim("value", margin=1, requires={"width": 1, "frame": 16384})
    second = make_claim("value", margin=1.0, requires={"frame": 16384, "width": 1.0})
    assert rule_hash(first) == rule_hash(second)


def test_hash_is_of_the_canonical_json_written_out_here(make_claim):
    claim = make_claim("count", published=1, margin=0.5, requires={}, key="a")
    canonical = b'[1.0,null,{"key":"a","rule":"count"},{},0.5,{}]'
    assert rule_hash(claim) == hashlib.sha256(canonical).hexdigest()


def test_hash_of_a_study_covers_its_claims_alone_in_any_order():
    claims = ledger.load()
    other = [dataclasses.replace(c, margin=9) if c.study == "data" else c for c in claims]
    assert rules_hash("resnet1d") == rules_hash("resnet1d", tuple(reversed(other)))
    assert rules_hash("data") != rules_hash("data", other)


def test_rules_that_committed_trials_were_run_under_still_hold():
    folder = Path(__file__).parents[2] / "results"
    stored = [json.loads(path.read_text()).get("rules") or {} for path in folder.glob("*/*/*/run.json")]
    assert any(stored)
    for rules in {json.dumps(rules, sort_keys=True) for rules in stored}:
        changes = changed_after_run(json.loads(rules))
        assert set(changes.values()) <= {"rule added after run"}, changes


def test_changed_withdrawn_and_added_rules_are_told_apart(make_claim):
    first, second, third = (dataclasses.replace(make_claim("value"), id=name) for name in "ABC")
    stored = rule_hashes("resnet1d", (first, second))
    assert changed_after_run(stored, (first, second)) == {}
    now = (dataclasses.replace(first, margin=0.1), third)
    assert changed_after_run(stored, now) == {
        "A": "rule changed after run",
        "B": "rule withdrawn after run",
        "C": "rule added after run",
    }


def test_rules_of_a_study_that_stored_nothing_are_not_called_new():
    assert changed_after_run(rule_hashes("data")) == {}
