"""Every rule at and around its limits, and everything that must not be decided."""

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecgrepro.claims import ledger
from ecgrepro.claims.verdicts import (
    LEVELS,
    WORDS,
    Estimate,
    capped_runs,
    count_estimate,
    decide,
    replaced_parts,
)
from ecgrepro.errors import InputError

EPS = 1e-9
M = 0.02
CLAIMS = {claim.id: claim for claim in ledger.load()}
DIFFERENCE = CLAIMS["WC-T1-beat2048-macro-minus-random"]
EQUIVALENCE = CLAIMS["T134-rhythm-minus-random"]
INTERVALS = st.tuples(st.floats(-0.2, 0.2), st.floats(0, 0.3)).map(lambda pair: (pair[0], pair[0] + pair[1]))


def measured(claim, low, high, **changes):
    settings = {"level": LEVELS[claim.rule], "scale": "pilot", **changes}
    return Estimate((low + high) / 2, low, high, **settings)


def word(claim, low, high, **changes):
    return decide(claim, measured(claim, low, high, **changes)).word


@pytest.mark.parametrize("rule", ["difference", "trend"])
@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (EPS, 0.1, "supported"),
        (0.0, 0.1, "inconclusive"),
        (-EPS, 0.1, "inconclusive"),
        (EPS, M / 2, "supported"),  # on the claimed side comes before "too small to matter"
        (-0.1, -EPS, "contradicted"),
        (-0.1, 0.0, "inconclusive"),
        (-M + EPS, M - EPS, "contradicted"),  # flat within the margin
        (-M, M - EPS, "inconclusive"),
        (-M + EPS, M, "inconclusive"),
        (-0.1, 0.1, "inconclusive"),
    ],
)
def test_direction_at_its_limits(make_claim, rule, low, high, expected):
    assert word(make_claim(rule), low, high) == expected
    # a claim of the opposite sign mirrors every case
    assert word(make_claim(rule, direction=-1), -high, -low) == expected


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (-M + EPS, M - EPS, "supported"),
        (-M, M - EPS, "inconclusive"),
        (-M + EPS, M, "inconclusive"),
        (M + EPS, 0.1, "contradicted"),
        (M, 0.1, "inconclusive"),
        (-0.1, -M - EPS, "contradicted"),
        (-0.1, -M, "inconclusive"),
        (-0.1, 0.1, "inconclusive"),
    ],
)
def test_closeness_at_its_limits(make_claim, low, high, expected):
    assert word(make_claim("equivalence"), low, high) == expected
    if not (low == -M or M in (low, high) or high == -M):  # .75 + .02 is not exact in binary
        assert word(make_claim("value", published=0.75), 0.75 + low, 0.75 + high) == expected


def test_value_counts_the_rounding_of_the_printed_figure_against_it(make_claim):
    truncated = make_claim("value", published=0.702, printed={"digits": 3, "rounding": "truncated"})
    exact = make_claim("value", published=0.702)
    assert word(exact, 0.6825, 0.7215) == "supported"
    assert word(truncated, 0.6825, 0.7215) == "inconclusive"  # against .703 the lower limit is .0205 off
    assert word(truncated, 0.6835, 0.7215) == "supported"


@given(INTERVALS)
def test_rules_are_total_and_never_contradict_what_they_support(interval):
    low, high = interval
    assert word(EQUIVALENCE, low, high) in WORDS
    opposite = dataclasses.replace(DIFFERENCE, comparison={**DIFFERENCE.comparison, "direction": -1})
    pair = {word(DIFFERENCE, low, high), word(opposite, low, high)}
    assert pair != {"supported"}
    if low > 0 or high < 0:
        assert pair == {"supported", "contradicted"}


@given(INTERVALS, st.floats(0.001, 0.5))
def test_smallest_margin_is_what_would_have_decided_an_estimate_of_zero(interval, margin):
    low, high = interval
    half = decide(EQUIVALENCE, measured(EQUIVALENCE, low, high)).smallest_margin
    assert half == pytest.approx((high - low) / 2)
    decided = word(dataclasses.replace(EQUIVALENCE, margin=margin), -half, half) == "supported"
    assert decided == (half < margin)


@pytest.mark.parametrize("rule", ["difference", "equivalence", "value", "trend", "count"])
def test_demo_never_decides(make_claim, rule):
    claim = make_claim(rule)
    estimate = Estimate(0.75, 0.7499, 0.7501, LEVELS.get(rule), "demo")
    verdict = decide(claim, estimate)
    assert (verdict.word, verdict.estimate) == ("not run", estimate)
    assert "synthetic" in verdict.reason


def test_demo_without_an_interval_is_not_run_rather_than_refused(make_claim):
    assert decide(make_claim("difference"), Estimate(float("nan"), scale="demo")).word == "not run"


@pytest.mark.parametrize("rule", ["difference", "equivalence", "value", "trend", "count"])
def test_claim_without_estimate_is_not_run(make_claim, rule):
    verdict = decide(make_claim(rule))
    assert (verdict.word, verdict.estimate, verdict.smallest_margin) == ("not run", None, None)
    assert verdict.reason == "no run has measured it; it takes corpora: cinc2017"


@pytest.mark.parametrize(
    ("rule", "expected"),
    [("difference", "supported"), ("trend", "supported"), ("equivalence", "not run"), ("value", "not run")],
)
def test_with_a_replaced_part_only_direction_and_trend_are_judged(make_claim, rule, expected):
    verdict = decide(make_claim(rule), measured(make_claim(rule), 0.001, 0.01, substitutes=("width: 0.25",)))
    assert (verdict.word, verdict.substitute) == (expected, True)


def test_full_replacement_is_no_substitute(make_claim):
    assert not decide(make_claim("difference"), measured(make_claim("difference"), 0.1, 0.2)).substitute


def test_runs_at_the_epoch_cap_leave_a_clear_difference_undecided(make_claim):
    claim = make_claim("difference")
    verdict = decide(claim, measured(claim, 0.1, 0.2, undecidable=capped_runs(3, 20), substitutes=("width",)))
    assert (verdict.word, verdict.substitute) == ("inconclusive", True)
    assert "more than a tenth of the runs hit the epoch cap (3 of 20)" in verdict.reason
    assert verdict.smallest_margin == pytest.approx(0.05)


@pytest.mark.parametrize(
    ("capped", "runs", "stops"), [(0, 20, False), (2, 20, False), (3, 20, True), (1, 9, True)]
)
def test_a_tenth_of_the_runs_may_hit_the_cap(capped, runs, stops):
    assert bool(capped_runs(capped, runs)) == stops


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"scale": "Demo"}, "scale"),
        ({"level": 0.90}, "95% interval"),
        ({"level": None}, "95% interval"),
        ({"low": None}, "finite limits"),
        ({"low": float("nan")}, "finite limits"),
        ({"high": float("inf")}, "finite limits"),
        ({"low": 0.3}, "low <= high"),
    ],
)
def test_estimate_that_cannot_be_judged_is_refused(make_claim, changes, message):
    claim = make_claim("difference")
    estimate = dataclasses.replace(measured(claim, 0.1, 0.2), **changes)
    with pytest.raises(InputError, match=message):
        decide(claim, estimate)


def test_equivalence_is_judged_at_ninety_percent(make_claim):
    claim = make_claim("equivalence")
    with pytest.raises(InputError, match="90% interval"):
        decide(claim, measured(claim, -0.01, 0.01, level=0.95))


def test_replaced_parts_are_worded_from_what_the_run_states(make_claim):
    requires = {
        "corpora": ["cinc2017"],
        "pretraining_corpus": "icentia11k",
        "width": 1.0,
        "sampling_rate": 250,
        "frame": 16384,
    }
    supplied = {
        "corpora": ["svdb", "cinc2017"],
        "pretraining_corpus": ["mitbih_arrhythmia", "svdb"],
        "width": 1,
        "sampling_rate": 125,
    }
    assert replaced_parts(make_claim("difference", requires=requires), supplied) == (
        "pretraining corpus: mitbih_arrhythmia + svdb in place of icentia11k",
        "sampling rate: 125 in place of 250",
        "frame: not stated in place of 16384",
    )


@pytest.mark.parametrize(
    ("supplied", "met"), [([1, 0.1], True), ([0.1, None], False), ([0.1, "25 patients"], False)]
)
def test_parts_in_which_arms_differ_are_compared_in_any_order_and_kind(make_claim, supplied, met):
    claim = make_claim("difference", requires={"pretraining_share": [0.1, 1.0]})
    assert bool(replaced_parts(claim, {"pretraining_share": supplied})) != met


def test_an_estimate_that_says_why_it_has_no_interval_is_inconclusive(make_claim):
    estimate = Estimate(0.01, level=0.95, substitutes=("width",), undecidable="too few orders")
    verdict = decide(make_claim("trend"), estimate)
    assert (verdict.word, verdict.substitute, verdict.reason) == ("inconclusive", True, "too few orders")
    assert verdict.smallest_margin is None


COUNTS = {"cinc2017": {"v2": {"N": 5, "A": 3}, "v3": {"N": 6, "A": 3}}}


@pytest.mark.parametrize(
    ("published", "expected"), [({"N": 5, "A": 3}, "supported"), ({"N": 5, "A": 4}, "contradicted")]
)
def test_counts_are_equal_or_not(make_claim, published, expected):
    claim = make_claim("count", published=published, margin=0.5)
    assert decide(claim, count_estimate(claim, COUNTS, "pilot")).word == expected


def test_count_names_only_the_parts_that_disagree(make_claim):
    claim = make_claim("count", published={"N": 5, "A": 4}, margin=0.5)
    reason = decide(claim, count_estimate(claim, COUNTS, "pilot")).reason
    assert "A 3 against 4" in reason
    assert "N 5" not in reason


def test_count_with_several_readings_takes_the_one_that_agrees_and_says_so(make_claim):
    claim = make_claim("count", published={"N": 6, "A": 3}, margin=0.5, key=["cinc2017.v2", "cinc2017.v3"])
    verdict = decide(claim, count_estimate(claim, COUNTS, "pilot"))
    assert verdict.word == "supported"
    assert "cinc2017.v3, the closest of 2 readings" in verdict.reason


@pytest.mark.parametrize(
    "counts", [{}, {"cinc2017": {}}, {"cinc2017": {"v2": {"N": 5}}}, {"cinc2017": {"v2": 8}}]
)
def test_counts_that_lack_a_published_part_give_no_estimate(make_claim, counts):
    claim = make_claim("count", published={"N": 5, "A": 3}, margin=0.5)
    assert count_estimate(claim, counts, "pilot") is None


def test_count_that_no_reading_meets_is_set_against_the_nearest(make_claim):
    claim = make_claim("count", published={"N": 9, "A": 9}, margin=0.5, key=["cinc2017.v2", "cinc2017.v3"])
    verdict = decide(claim, count_estimate(claim, COUNTS, "pilot"))
    assert verdict.word == "contradicted"
    assert "N 6 against 9" in verdict.reason


def test_count_lacking_a_part_is_not_run(make_claim):
    claim = make_claim("count", published={"N": 5, "A": 3}, margin=0.5)
    verdict = decide(claim, Estimate({"N": 5}, scale="pilot"))
    assert (verdict.word, verdict.reason) == ("not run", "not counted: A")


def test_single_count_is_judged_like_a_mapping(make_claim):
    claim = make_claim("count", published=8, margin=0.5, key="n")
    assert decide(claim, count_estimate(claim, {"n": 8}, "pilot")).word == "supported"
    assert decide(claim, count_estimate(claim, {"n": 9}, "pilot")).word == "contradicted"


def test_arithmetic_is_decided_without_a_run():
    verdict = decide(CLAIMS["WC-ABS-657"])
    assert (verdict.word, verdict.substitute) == ("supported", False)
    assert verdict.estimate.low < 6.57 < verdict.estimate.high
    assert verdict.smallest_margin == pytest.approx((verdict.estimate.high - verdict.estimate.low) / 2)


def test_arithmetic_of_several_parts_keeps_an_interval_for_each():
    claim = CLAIMS["T1F-epochred"]
    estimate = decide(claim).estimate
    assert set(estimate.low) == set(estimate.high) == set(claim.published)
