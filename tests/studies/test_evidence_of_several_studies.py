"""Claims whose arms are run by several studies, or by one of several arms: whose runs speak, and how honestly."""

import json
import math

import pytest

from ecgrepro.claims import decide, ledger
from ecgrepro.claims.rules import rule_hashes
from ecgrepro.claims.schema import RUN_METRICS
from ecgrepro.studies import (
    designs,
    evidence,
    evidence_parts,
    figures,
    pretrain_size,
    resnet1d,
    spectrogram2d,
)
from ecgrepro.studies.book_ledger import Ledger
from ecgrepro.studies.scale import configure
from tests.studies import fabricated, fabricated_sizes

CLAIMS = {claim.id: claim for claim in ledger.load()}
TWO_SIZES = CLAIMS["T1P-H3-draft"]
TREND = CLAIMS["T1F-H2-trend"]
GAIN_OF_10 = CLAIMS["T1F-T2-10-macro-minus-random"]
HEART = CLAIMS["T134-heart-minus-random"]
LEVEL_20 = CLAIMS["T1F-T2-20-macro"]
NETS = CLAIMS["T1F-1d2d-100-88"]
EARLY, LATE = "2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z"


def runs(study, scale, *arms, **changes):
    """Fabricated results of arms of a study, all seeds, at all labels; `changes` are of the run records."""
    listed = study.trials(configure(study.SCALES, scale, arms=list(arms), labels=[1.0]), fabricated.WORKSPACE)
    return fabricated.results(listed, fabricated_sizes.accuracy, **changes)


@pytest.fixture
def leave(monkeypatch):
    """A function that lets the studies find these results at one scale: of each study a list."""
    monkeypatch.setitem(evidence.RESAMPLING, "n_resamples", 100)

    def found(scale, **of_study):
        for module in (designs, evidence, evidence_parts):
            monkeypatch.setattr(
                module, "results", lambda study, asked: of_study.get(study, []) if asked == scale else []
            )

    found("pilot")
    return found


def test_two_arms_of_five_seeds_have_too_few_orders_for_a_verdict_on_a_trend(leave):
    leave("pilot", pretrain_size=runs(pretrain_size, "pilot", "patients_12_pass", "patients_25_pass"))
    made = evidence.estimate(TWO_SIZES, "pilot")
    assert (made.low, made.high, made.n_seeds) == (None, None, 5)
    assert made.undecidable == f"{math.factorial(2) ** 5} orders of the arms are too few for a 95 % interval"
    verdict = decide(TWO_SIZES, made)
    assert (verdict.word, verdict.smallest_margin) == ("inconclusive", None)


def test_a_trend_without_limits_is_printed_everywhere(leave):
    leave("pilot", pretrain_size=runs(pretrain_size, "pilot", "patients_12_pass", "patients_25_pass"))
    rows = evidence.ledger_rows("pretrain_size")
    assert json.loads(json.dumps(rows, allow_nan=False)) == rows
    (row,) = (row for row in rows if row["id"] == TWO_SIZES.id)
    assert (row["interval"], figures.interval(row["interval"])) == (None, "")
    assert "too few for a 95 % interval" in Ledger(rows).table("pretrain_size")
    assert "too few for a 95 % interval" in figures.verdict_table(rows)._repr_html_()
    assert "inconclusive" in Ledger(rows).sentence(TWO_SIZES.id)


def test_a_trend_shows_the_t_interval_over_seeds_beside_that_by_permutation(leave):
    arms = [designs.find_arm(TREND.study, "pilot", arm)[1] for arm in TREND.comparison["arms"]]
    leave("pilot", pretrain_size=runs(pretrain_size, "pilot", *arms))
    (row,) = (row for row in evidence.ledger_rows(TREND.study) if row["id"] == TREND.id)
    assert row["interval"][0] < row["ours"] < row["interval"][1]
    assert "by permutation of arms within seeds; t interval over seeds [" in row["reason"]
    assert f"{arms[0]} of pretrain_size" in row["reason"]


def test_a_number_of_epochs_that_patience_cannot_shorten_is_no_cap(leave):
    arm, reference = "team_134_heart_rate", "team_134_random"
    fixed = runs(resnet1d, "paper", arm, hit_epoch_cap=True, label_revision="v2")
    recipe = fixed[-1]["trial"]["recipe"]
    assert recipe["epochs"] <= recipe["patience"]
    free = runs(resnet1d, "paper", reference, label_revision="v2")
    leave("paper", resnet1d=fixed + free)
    made = evidence.estimate(HEART, "paper")
    assert (made.undecidable, made.substitutes) == ("", ())
    capped = [one | {"run": one["run"] | {"hit_epoch_cap": i < 2}} for i, one in enumerate(free)]
    leave("paper", resnet1d=fixed + capped)
    assert "2 of 10" in evidence.estimate(HEART, "paper").undecidable


def test_weights_that_the_report_gave_away_speak_where_ours_have_not_run(leave):
    weights = runs(resnet1d, "paper", "report_weights_20", label_revision="v2")
    leave("paper", resnet1d=weights)
    made = evidence.estimate(LEVEL_20, "paper")
    assert made.substitutes == ()
    assert made.detail.startswith("report_weights_20 of resnet1d: ")
    own = runs(pretrain_size, "paper", "beat_4096_20pct", label_revision="v2")
    leave("paper", resnet1d=weights, pretrain_size=own)
    assert evidence.estimate(LEVEL_20, "paper").detail.startswith("beat_4096_20pct of pretrain_size: ")
    leave("paper", resnet1d=weights, pretrain_size=own[:-1])
    assert evidence.estimate(LEVEL_20, "paper").detail.startswith("report_weights_20 of resnet1d: ")


@pytest.mark.parametrize(
    ("study", "arm"),
    [(pretrain_size, "beat_4096_100pct"), (resnet1d, "report_beat_100"), (resnet1d, "report_weights_100")],
)
@pytest.mark.parametrize("second", ["beat_2d_88pct", "report_weights_2d_88"])
def test_of_arms_by_one_protocol_any_that_has_run_may_be_compared(leave, study, arm, second):
    other = runs(spectrogram2d, "paper", second, label_revision="v2")
    leave("paper", spectrogram2d=other, **{study.STUDY: runs(study, "paper", arm, label_revision="v2")})
    made = evidence.estimate(NETS, "paper")
    assert made.detail.startswith(f"{arm} of {study.STUDY}, {second} of spectrogram2d: ")
    assert made.substitutes == ()


def test_every_claims_command_runs_each_study_that_has_one_of_its_arms(leave):
    for row in evidence.ledger_rows():
        claim = CLAIMS[row["id"]]
        arms = claim.comparison.get("arms") or [claim.comparison.get("arm")]
        places = [designs.find_arm(claim.study, "paper", arm, claim.requires.get("budget")) for arm in arms]
        if (
            claim.command is None
            and places != [None]
            and row["metric"] not in set(RUN_METRICS) - set(evidence.EPOCHS)
        ):
            named = {f"ecgrepro run {study} --scale paper" for study, _ in places}
            assert set(row["command"].split(" && ")) == named, claim.id


def test_what_no_run_of_ours_measures_has_no_command_and_says_why(leave):
    unmeasured = [
        row for row in evidence.ledger_rows() if row["metric"] in set(RUN_METRICS) - set(evidence.EPOCHS)
    ]
    assert {row["metric"] for row in unmeasured} == set(RUN_METRICS) - set(evidence.EPOCHS)
    assert {row["command"] for row in unmeasured} == {""}
    assert all("Not judged here" in row["note"] or "none replaces" in row["note"] for row in unmeasured)


@pytest.mark.parametrize(
    ("reference", "own", "early"),
    [
        ({"finished": EARLY, "rules": rule_hashes("resnet1d")}, {"finished": LATE}, True),
        ({"finished": LATE, "rules": rule_hashes("resnet1d")}, {"finished": EARLY}, False),
        ({"finished": EARLY, "rules": rule_hashes("pretrain_size")}, {"finished": LATE}, False),
        ({"finished": LATE, "rules": {}}, {"finished": EARLY, "rules": {}}, True),
        ({"finished": LATE}, {"finished": EARLY, "rules": {GAIN_OF_10.id: "another"}}, True),
    ],
    ids=["ran before", "ran after", "ran before, but holds the rule", "no rule kept", "another rule kept"],
)
def test_a_reference_that_ran_before_the_rule_was_on_record_is_told(leave, reference, own, early):
    own = {"rules": rule_hashes("pretrain_size")} | own
    leave(
        "pilot",
        resnet1d=runs(resnet1d, "pilot", "random", **reference),
        pretrain_size=runs(pretrain_size, "pilot", "patients_12_pass", **own),
    )
    assert evidence.estimate(GAIN_OF_10, "pilot").before_rule == (("random of resnet1d",) if early else ())
    (row,) = (row for row in evidence.ledger_rows("pretrain_size") if row["id"] == GAIN_OF_10.id)
    assert ("random of resnet1d ran before the rule was on record" in row["reason"]) == early


def test_a_record_speaks_for_the_rules_of_its_own_study_alone(leave):
    kept = rule_hashes("resnet1d") | {GAIN_OF_10.id: "as it was before any run of its study"}
    leave("pilot", resnet1d=runs(resnet1d, "pilot", "random", rules=kept))
    assert evidence.stored_rules() == rule_hashes("resnet1d")
