"""The loader is strict, derives the differences, and the packaged ledger is sound."""

import pytest

from ecgrepro.claims import ledger
from ecgrepro.claims.schema import STUDIES
from ecgrepro.errors import InputError
from ecgrepro.evaluation.metrics import METRICS

CLAIMS = {claim.id: claim for claim in ledger.load()}


def test_level_of_a_pretrained_arm_implies_a_difference_of_the_printed_figures(content, write_ledger):
    random, beat, difference = ledger.load(write_ledger(content))
    assert (random.id, beat.id, difference.id) == ("RANDOM", "BEAT", "BEAT-minus-random")
    assert difference.published == 0.048
    assert difference.published_interval() == pytest.approx((0.047, 0.049))
    assert difference.comparison == {
        "rule": "difference",
        "metric": "macro_f1",
        "label_fraction": 1.0,
        "arms": ["beat", "random"],
        "direction": 1,
    }
    assert difference.derived_from == ("BEAT", "RANDOM")
    assert (
        difference.statement
        == "Four-class macro F1 is higher after beat pre-training than after random initialisation."
    )
    assert difference.requires == beat.requires


def test_claim_carries_the_title_of_its_document(content, write_ledger):
    assert ledger.load(write_ledger(content))[0].source["title"] == "A paper"


def test_inputs_are_resolved_to_the_printed_figures_of_other_claims(content, write_ledger):
    inputs = {"treated": {"claim": "BEAT"}, "reference": {"value": 0.7, "digits": 1}}
    content["claims"][0]["comparison"] = {"rule": "arithmetic", "check": "relative_gain", "inputs": inputs}
    del content["claims"][1]["implied_difference"]
    resolved = ledger.load(write_ledger(content))[0].inputs
    assert resolved["treated"] == {
        "value": 0.779,
        "printed": {"digits": 3, "rounding": "rounded"},
        "claim": "BEAT",
    }
    assert resolved["reference"] == {"value": 0.7, "printed": {"digits": 1}, "claim": None}


def spoil_reference(content):
    content["claims"][1]["implied_difference"]["reference"] = "NOBODY"


def spoil_implied_margin(content):
    content["claims"][1]["implied_difference"]["margin"] = 0


def spoil_implied_rule(content):
    content["claims"][1]["implied_difference"]["rule"] = "value"


def spoil_implied_direction(content):
    content["claims"][1]["implied_difference"]["direction"] = 0


def spoil_metric_of_reference(content):
    content["claims"][0]["comparison"]["metric"] = "f1_N"


def repeat_id(content):
    content["claims"][1]["id"] = "RANDOM"


def exclude_a_claim(content):
    content["excluded"][0]["id"] = "BEAT"


def take_the_derived_id(content):
    content["excluded"][0]["id"] = "BEAT-minus-random"


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (spoil_reference, "a claim of this ledger.*NOBODY"),
        (spoil_implied_margin, "implied_difference: margin.*a positive number"),
        (spoil_implied_rule, "implied_difference.*beside a value"),
        (spoil_implied_direction, "direction"),
        (spoil_metric_of_reference, "rows of one table"),
        (repeat_id, "every id once.*two entries"),
        (exclude_a_claim, "every id once.*BEAT"),
        (take_the_derived_id, "every id once.*BEAT-minus-random"),
    ],
)
def test_inconsistent_ledger_is_refused_by_name(content, write_ledger, spoil, message):
    spoil(content)
    with pytest.raises(InputError, match=message):
        ledger.load(write_ledger(content))


def test_input_must_name_the_part_of_a_claim_of_several_figures(content, write_ledger):
    inputs = {"N": {"claim": "BEAT", "part": "N"}}
    content["claims"][0]["comparison"] = {"rule": "arithmetic", "check": "totals", "inputs": inputs}
    del content["claims"][1]["implied_difference"]
    with pytest.raises(InputError, match="one of the parts"):
        ledger.load(write_ledger(content))


def test_key_given_twice_is_refused_with_its_line(write_ledger):
    with pytest.raises(InputError, match=r"line 1.*\['arms'\] twice"):
        ledger.load(write_ledger("arms: {}\nclaims: []\narms: {}\n"))


def test_text_that_is_no_yaml_is_refused(write_ledger):
    with pytest.raises(InputError, match="a YAML file"):
        ledger.load(write_ledger("claims: [unclosed"))


def test_ledger_without_claims_section_is_refused(write_ledger):
    with pytest.raises(InputError, match="none for.*claims"):
        ledger.load(write_ledger("documents: {}\nmetrics: {}\narms: {}\n"))


def test_packaged_ledger_gives_every_claim_a_reason_to_stand_there():
    assert {claim.study for claim in CLAIMS.values()} == set(STUDIES)
    assert not set(CLAIMS) & set(ledger.excluded())
    assert all(ledger.excluded().values())


def test_packaged_ledger_derives_a_difference_for_every_pretrained_level():
    levels = [
        c for c in CLAIMS.values() if c.rule == "value" and c.requires.get("initialisation") == "pretrained"
    ]
    assert levels
    for claim in levels:
        assert CLAIMS[f"{claim.id}-minus-random"].comparison["arms"] == [claim.comparison["arm"], "random"]


def test_packaged_ledger_names_only_metrics_that_can_be_computed():
    named = {claim.comparison["metric"] for claim in CLAIMS.values() if "metric" in claim.comparison}
    assert named <= set(METRICS)


def test_every_claim_that_needs_a_run_says_what_the_run_requires():
    assert all(claim.requires["corpora"] for claim in CLAIMS.values() if claim.rule != "arithmetic")


def test_published_differences_agree_with_the_sign_they_claim():
    for claim in CLAIMS.values():
        if claim.rule == "difference":
            assert claim.published * claim.comparison["direction"] > 0, claim.id
        if claim.rule == "equivalence":
            assert abs(claim.published) < claim.margin, claim.id
