"""The table beside which the book and the command line print."""

import dataclasses
import json

import numpy as np
import pytest

from ecgrepro.claims import ledger
from ecgrepro.claims.rules import rule_hashes
from ecgrepro.claims.table import claims_table
from ecgrepro.claims.verdicts import WORDS, Estimate
from ecgrepro.errors import InputError

NAME = "WC-T1-beat2048-macro-minus-random"
ESTIMATE = Estimate(
    np.float64(0.03), np.float32(0.01), 0.05, 0.95, "pilot", ("width: 0.25",), 5, np.int64(8528)
)


def row(rows, name):
    return next(row for row in rows if row["id"] == name)


def test_every_claim_has_one_row_that_json_can_hold():
    rows = claims_table({NAME: ESTIMATE})
    assert [row["id"] for row in rows] == [claim.id for claim in ledger.load()]
    assert json.loads(json.dumps(rows, allow_nan=False)) == rows
    assert {row["verdict"] for row in rows} <= set(WORDS)
    wanted = {"id", "study", "source", "published", "ours", "interval", "verdict", "scale"}
    assert all(wanted <= set(row) for row in rows)


def test_measured_claim_shows_the_estimate_beside_the_published_figure():
    found = row(claims_table({NAME: ESTIMATE}), NAME)
    assert found["published"] == 0.048
    assert found["ours"] == 0.03
    assert found["interval"] == pytest.approx([0.01, 0.05])
    assert (found["verdict"], found["substitute"], found["scale"]) == ("supported", True, "pilot")
    assert (found["n_seeds"], found["n_records"]) == (5, 8528)
    assert (found["missing"], found["command"]) == ("", "")


def test_claim_not_run_says_what_is_missing_and_which_command_supplies_it():
    rows = claims_table()
    found = row(rows, NAME)
    assert found["missing"] == "real data: cinc2017, icentia11k; budget weimann_conrad_2021"
    assert found["command"] == "ecgrepro run resnet1d --scale paper"
    assert row(rows, "DA-17v-v3")["command"] == (
        "ecgrepro data fetch cinc2017 && ecgrepro data ingest cinc2017 && ecgrepro run data --scale pilot"
    )
    assert "ecgrepro data fetch georgia" in row(rows, "SL-sizes")["command"]
    assert row(rows, "DA-17v-v1")["command"] == ""


def test_claims_of_the_class_report_say_what_supplies_them():
    rows = claims_table()
    found = row(rows, "T1F-T4-88-macro-minus-random")
    assert found["missing"] == "real data: cinc2017, icentia11k; label revision v2; budget class_report_2024"
    assert found["command"] == "ecgrepro run spectrogram2d --scale paper"
    assert row(rows, "T1F-H2-trend")["command"] == "ecgrepro run pretrain_size --scale paper"
    assert "; machine V100" in row(rows, "T1D-time-pretraining")["missing"]


def test_commands_of_the_studies_stand_in_where_the_ledger_has_none():
    rows = claims_table(commands={NAME: "run both", "DA-17v-v1": "count it"})
    assert row(rows, NAME)["command"] == "run both"
    assert row(rows, "DA-17v-v1")["command"] == ""
    assert row(claims_table({NAME: ESTIMATE}, commands={NAME: "run both"}), NAME)["command"] == ""


def test_reason_tells_how_an_interval_was_made_and_which_arms_ran_before_the_rule():
    estimate = dataclasses.replace(ESTIMATE, detail="over five seeds", before_rule=("a of x", "b of x"))
    stored = rule_hashes("resnet1d") | {NAME: "another"}
    found = row(claims_table({NAME: estimate}, stored_rules=stored), NAME)
    assert found["detail"] == "over five seeds"
    marks = "(rule changed after run; a of x and b of x ran before the rule was on record)"
    assert found["reason"].endswith(f"margin 0.02; over five seeds {marks}")
    assert row(claims_table({NAME: ESTIMATE}), NAME)["reason"].endswith("margin 0.02")


def test_replaced_part_is_what_a_level_claim_is_missing():
    estimate = dataclasses.replace(ESTIMATE, value=0.73)
    found = row(claims_table({"WC-T1-none-macro": estimate}), "WC-T1-none-macro")
    assert (found["verdict"], found["missing"]) == ("not run", "width: 0.25")
    assert found["ours"] == 0.73


def test_demo_estimate_is_shown_but_decides_nothing():
    demo = dataclasses.replace(ESTIMATE, value=float("nan"), low=float("nan"), scale="demo", substitutes=())
    found = row(claims_table({NAME: demo}), NAME)
    assert (found["verdict"], found["ours"], found["interval"], found["scale"]) == (
        "not run",
        None,
        None,
        "demo",
    )
    assert "real data" in found["missing"]


def test_arithmetic_rows_carry_intervals_by_part():
    found = row(claims_table(), "T1F-epochred")
    assert found["scale"] == "arithmetic"
    assert set(found["interval"]) == set(found["published"])
    assert row(claims_table(), "WC-ABS-657")["interval"][0] < 6.57


def test_rule_changed_after_the_run_is_printed_with_the_reason():
    stored = rule_hashes("resnet1d") | {NAME: "another"}
    rows = claims_table({NAME: ESTIMATE}, stored_rules=stored)
    assert row(rows, NAME)["rule_changed"] == "rule changed after run"
    assert "rule changed after run" in row(rows, NAME)["reason"]
    assert sum(bool(row["rule_changed"]) for row in rows) == 1


def test_estimate_of_an_unknown_claim_is_refused():
    with pytest.raises(InputError, match="WC-T9"):
        claims_table({"WC-T9": ESTIMATE})
