"""Checks of printed numbers against each other: each must be able to say yes and no."""

import dataclasses

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import stats

from ecgrepro.claims import ledger
from ecgrepro.claims.arithmetic import (
    CHECKS,
    EQUIVALENCE_LEVEL,
    RESNET18_1D,
    judge,
    judge_equivalence,
    resnet18_parameters,
    run_check,
)
from ecgrepro.claims.verdicts import Estimate, decide
from ecgrepro.errors import InputError

CLAIMS = {claim.id: claim for claim in ledger.load()}
ARITHMETIC = [name for name, claim in CLAIMS.items() if claim.rule == "arithmetic"]


def alter(claim, published=None, **inputs):
    """Return the claim with another published figure, or with other input values."""
    changed = {name: {**claim.inputs[name], "value": value} for name, value in inputs.items()}
    published = claim.published if published is None else published
    return dataclasses.replace(claim, published=published, inputs={**claim.inputs, **changed})


def shifted(published):
    if isinstance(published, dict):
        return {part: shifted(value) for part, value in published.items()}
    return published * 1.9 if published else 100


def test_tables_refute_some_sentences_about_them_and_leave_one_open():
    words = {name: run_check(CLAIMS[name]).word for name in ARITHMETIC}
    refuted = {name for name in words if words[name] == "contradicted"}
    assert refuted == {
        *("T1F-A-10pctgain-paper", "T1F-A-1pct", "T1F-2d-epochs"),
        *("HU-T2-Acc-from-Se-Sp", "HU-trend-Se-Sp", "HU-std", "HU-T1-text"),
        *("HU-mcnemar", "HU-mcnemar-Se-Sp", "HU-mcnemar-either"),
        *("SL-concl7-relative", "SL-ft-figure", "SL-ind-figure", "SL-ft-gain-figure"),
        *("SL-cls-legend", "SL-E2-claim-figure"),
    }
    assert {name for name in words if words[name] == "inconclusive"} == {"T1F-1d2d-printed"}


@pytest.mark.parametrize("name", ARITHMETIC)
def test_no_check_supports_another_published_figure(name):
    assert run_check(alter(CLAIMS[name], shifted(CLAIMS[name].published))).word == "contradicted"


def test_every_check_is_used_by_the_ledger():
    assert {CLAIMS[name].comparison["check"] for name in ARITHMETIC} == set(CHECKS)


def test_relative_gain_takes_the_rounding_of_both_figures_into_account():
    claim = CLAIMS["WC-ABS-657"]
    low, high = run_check(claim).computed[None]
    assert low == pytest.approx(100 * (0.7785 / 0.7315 - 1))
    assert high == pytest.approx(100 * (0.7795 / 0.7305 - 1))
    assert run_check(alter(claim, 6.52)).word == "supported"
    assert run_check(alter(claim, 6.43)).word == "inconclusive"
    assert run_check(alter(claim, 6.41)).word == "contradicted"
    assert run_check(alter(claim, treated=0.768)).word == "contradicted"


def test_a_check_too_coarse_for_its_margin_is_inconclusive():
    claim = dataclasses.replace(CLAIMS["WC-ABS-657"], margin=0.05)
    assert run_check(claim).word == "inconclusive"


def test_one_wrong_class_count_contradicts_the_sum_of_its_revision_alone():
    result = run_check(alter(CLAIMS["DA-17v-sum"], **{"v1/N": 5041}))
    assert result.word == "contradicted"
    assert result.computed["v1"] == (8529, 8529)
    assert result.computed["v2"] == (8528, 8528)


def test_gpu_hours_leave_room_for_whole_hours_but_not_for_a_missing_stage():
    claim = CLAIMS["T1F-GPU"]
    assert run_check(claim).computed["total"] == pytest.approx((72.3, 74.5))
    assert run_check(alter(claim, **{"total/finetuning_2d": 0.0})).word == "contradicted"


def test_macro_f1_over_three_classes_is_refuted_by_the_printed_table():
    claim = CLAIMS["WC-T1-macro-is-mean-of-four"]
    three = {name: given for name, given in claim.inputs.items() if not name.endswith("noisy")}
    assert run_check(dataclasses.replace(claim, inputs=three)).word == "contradicted"


def test_reduction_of_epochs_is_relative_to_the_random_arm():
    result = run_check(CLAIMS["T1F-epochred"])
    assert result.computed["1pct"] == pytest.approx((11.84, 12.10), abs=0.01)
    assert run_check(alter(CLAIMS["T1F-epochred"], **{"1pct": 57.0})).word == "contradicted"


def test_gain_quoted_for_1_percent_is_that_of_10_percent():
    computed = run_check(CLAIMS["T1F-A-1pct"]).computed
    assert computed["first_1pct"] == pytest.approx((0.051, 0.053))
    assert computed["remaining_99pct"] == pytest.approx((0.018, 0.020))
    claim = CLAIMS["T1F-A-1pct-is-10pct"]
    assert run_check(claim).word == "supported"
    assert run_check(alter(claim, **{"first_10pct/treated": 0.754})).word == "contradicted"


@given(*[st.floats(0, 0.001, exclude_max=True)] * 3)
def test_share_of_the_gain_lies_within_its_limits_whatever_the_digits_cut_off(first, second, third):
    reference, early, full = 0.702 + first, 0.754 + second, 0.773 + third
    low, high = run_check(CLAIMS["T1F-flat"]).computed["1d"]
    assert low - 1e-12 <= (early - reference) / (full - reference) <= high + 1e-12


def test_gain_that_comes_late_refutes_that_most_comes_early():
    assert run_check(alter(CLAIMS["T1F-flat"], **{"1d/early": 0.725})).word == "contradicted"


def test_hours_of_pretraining_agree_with_the_patients_of_the_program_and_not_of_the_text():
    claim = CLAIMS["T1F-cost-minutes"]
    assert run_check(claim).computed["1d"] == pytest.approx((13.5 * 60 / 11, 14.5 * 60 / 11))
    assert run_check(alter(claim, **{"2d/per_thousand_patients": 9.068})).word == "contradicted"


def test_fewer_epochs_at_the_smallest_and_largest_size_refute_that_none_were_saved():
    claim = CLAIMS["T1F-2d-epochs"]
    computed = run_check(claim).computed
    assert {part for part, (low, _) in computed.items() if low > 0} == {"1pct", "88pct"}
    same = {f"{part}/second": 60.4 for part in computed}
    assert run_check(alter(claim, **same)).word == "supported"


def welch_claim(first, second, level, printed=None):
    """A claim that two arms, each given as (mean, SD, runs), are the same."""
    given = {"a/first": first, "a/second": second}
    inputs = {
        name: {"value": mean, "std": std, "n": n, "printed": printed}
        for name, (mean, std, n) in given.items()
    }
    comparison = {"rule": "arithmetic", "check": "welch_intervals", "level": level}
    claim = CLAIMS["T1F-flat-printed"]
    return dataclasses.replace(claim, published={"a": 0}, inputs=inputs, comparison=comparison)


ARMS = st.tuples(st.floats(-1, 1), st.floats(0.01, 1), st.integers(2, 30))
UNPRINTED = st.tuples(st.floats(0, 0.001), st.floats(0, 0.001))


@given(ARMS, ARMS)
def test_welch_interval_touches_0_at_the_level_of_the_tests_p_value(first, second):
    p = stats.ttest_ind_from_stats(*first, *second, equal_var=False).pvalue
    assume(1e-6 < p < 0.999)
    low, high = run_check(welch_claim(first, second, 1 - p)).computed["a"]
    assert min(abs(low), abs(high)) < 1e-6
    assert (low + high) / 2 == pytest.approx(first[0] - second[0], abs=1e-9)


@given(ARMS, ARMS, UNPRINTED, UNPRINTED)
def test_welch_interval_from_cut_off_digits_holds_every_interval_they_stand_for(first, second, third, fourth):
    cut = run_check(welch_claim(first, second, 0.9, {"digits": 3, "rounding": "truncated"})).computed["a"]
    exact = [
        (mean + more[0], std + more[1], n)
        for (mean, std, n), more in zip((first, second), (third, fourth), strict=True)
    ]
    low, high = run_check(welch_claim(*exact, 0.9)).computed["a"]
    assert cut[0] - 1e-9 <= low <= high <= cut[1] + 1e-9


@pytest.mark.parametrize(
    ("first", "level", "word"),
    [
        ((0.76, 0.005, 10), EQUIVALENCE_LEVEL, "supported"),  # a difference, but less than the margin
        ((0.76, 0.005, 10), 0.95, "contradicted"),
        ((0.77, 0.005, 10), EQUIVALENCE_LEVEL, "inconclusive"),
        ((0.79, 0.005, 10), EQUIVALENCE_LEVEL, "contradicted"),
        ((0.75, 0.005, 10), EQUIVALENCE_LEVEL, "supported"),
        ((0.75, 0.005, 10), 0.95, "supported"),
    ],
)
def test_two_one_sided_tests_ask_for_the_margin_and_a_significance_test_for_zero(first, level, word):
    result = run_check(welch_claim(first, (0.75, 0.005, 10), level))
    low, high = result.computed["a"]
    assert (first[0] == 0.75) == (low < 0 < high)
    assert result.word == word


def test_the_ledgers_equalities_are_judged_as_such_and_its_saving_of_epochs_by_zero():
    levels = {name: CLAIMS[name].comparison.get("level") for name in ARITHMETIC}
    equal = {name for name, level in levels.items() if level == EQUIVALENCE_LEVEL}
    assert equal == {"T1F-flat-printed", "T1F-1d2d-printed"}
    assert all(
        "lies within the margin of no difference" in run_check(CLAIMS[name]).sentence for name in equal
    )
    assert "excludes no difference" in run_check(CLAIMS["T1F-2d-epochs"]).sentence


@given(st.floats(-0.1, 0.1), st.floats(0, 0.1), st.floats(0.01, 0.05))
def test_arithmetic_judges_an_equivalence_as_the_rule_does(start, width, margin):
    claim = dataclasses.replace(CLAIMS["T134-rhythm-minus-random"], margin=margin)
    estimate = Estimate(start, start, start + width, EQUIVALENCE_LEVEL, "paper")
    assert judge_equivalence((start, start + width), (0.0, 0.0), margin) == decide(claim, estimate).word


def test_welch_interval_needs_the_printed_spreads():
    claim = CLAIMS["T1F-flat-printed"]
    inputs = {name: {**given, "std": None} for name, given in claim.inputs.items()}
    with pytest.raises(InputError, match="inputs that the check can use"):
        run_check(dataclasses.replace(claim, inputs=inputs))


def test_smaller_segments_would_refute_the_tebibyte():
    claim = CLAIMS["T1P-size-uncompressed"]
    assert run_check(alter(claim, segments=520_000)).word == "contradicted"


def test_sentence_is_formatted_from_the_computed_numbers():
    sentence = run_check(alter(CLAIMS["T1F-counts-sum"], N=5000)).sentence
    assert "8,478 excludes the printed 8,528" in sentence


def test_parameter_count_from_layers_gives_the_published_numbers():
    assert resnet18_parameters(**RESNET18_1D, n_outputs=0) == 4_492_480
    assert resnet18_parameters(**RESNET18_1D, n_outputs=5) == 4_495_045


def test_kernel_three_in_the_stem_refutes_the_published_count():
    # the report's text says 3, its model summary and the code 7
    assert resnet18_parameters(**{**RESNET18_1D, "stem_kernel": 3}, n_outputs=5) != 4_495_045


def test_parameter_count_agrees_with_adding_up_the_stages_of_the_published_summary():
    # blocks as the class report's 2-D model summary prints them, the first two by their layers
    blocks = [74_368, 74_368, 231_296, 296_192, 921_344, 1_182_208, 3_677_696, 4_723_712]
    stem = 7 * 7 * 64 + 64 + 4 * 64
    net = {"dimensions": 2, "kernels": (3, 3, 3, 3), "stem_kernel": 7, "bias": True}
    assert resnet18_parameters(**net, n_outputs=5) == stem + sum(blocks) + 512 * 5 + 5


@given(st.floats(-10, 10), st.floats(0, 5), st.floats(-10, 10), st.floats(0, 5), st.floats(0.01, 3))
def test_word_follows_from_the_overlap_of_two_intervals(
    start, width, published_start, published_width, margin
):
    computed, published = (start, start + width), (published_start, published_start + published_width)
    word = judge(computed, published, margin)
    overlap = min(computed[1], published[1]) - max(computed[0], published[0])
    if overlap > 1e-6:
        assert word != "contradicted"
    if overlap < -1e-6:
        assert word == "contradicted"
    if word == "supported":
        assert computed[0] >= published[0] - margin - 1e-6
        assert computed[1] <= published[1] + margin + 1e-6


def test_inputs_that_do_not_fit_the_check_are_an_input_error(make_claim):
    claim = make_claim("arithmetic", check="relative_gain", inputs={})
    with pytest.raises(InputError, match="inputs that the check can use.*docstring"):
        run_check(claim)
