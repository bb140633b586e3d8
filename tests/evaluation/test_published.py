import itertools
import math

import numpy as np
import pytest
from scipy import optimize, stats
from statsmodels.stats.weightstats import ttost_ind

from ecgrepro.claims.claim import Claim
from ecgrepro.errors import InputError, SettingsError
from ecgrepro.evaluation.published import (
    RESULTS,
    compare_printed,
    level_claims,
    printed_arm,
    published_differences,
    runs_needed,
)
from ecgrepro.evaluation.seed_tests import seeds_needed, welch_t_test

CUT = {"digits": 3, "rounding": "truncated"}
ROUNDED = {"digits": 3}
SCORES = (
    np.random.default_rng(0).normal(0.75, 0.02, size=10),
    np.random.default_rng(1).normal(0.73, 0.04, size=8),
)


def summary(scores):
    return printed_arm(scores.mean(), scores.std(ddof=1), len(scores))


def only(interval):
    """The value of a result from exact figures."""
    assert interval[0] == pytest.approx(interval[1])
    return interval[0]


def test_exact_summaries_give_the_tests_of_the_scores_themselves():
    found = compare_printed(*map(summary, SCORES), 0.03)
    expected = welch_t_test(*SCORES)
    for name in ("t", "df", "p", "low", "high"):
        assert only(getattr(found, name)) == pytest.approx(getattr(expected, name))
    p, _, _ = ttost_ind(*SCORES, -0.03, 0.03, usevar="unequal")
    assert only(found.equivalence_p) == pytest.approx(p)
    assert only(found.difference) == pytest.approx(SCORES[0].mean() - SCORES[1].mean())
    assert (found.n_first, found.n_second, found.level, found.margin) == (10, 8, 0.95, 0.03)


@pytest.mark.parametrize(
    ("first", "second", "t"),
    [
        # class report, Table 2: all of Icentia11k, 10 %, 1 % and none; Weimann & Conrad's Table 1, no pre-training
        ((0.773, 0.012), (0.702, 0.030), 6.95),
        ((0.773, 0.012), (0.765, 0.012), 1.49),
        ((0.773, 0.012), (0.754, 0.011), 3.69),
        ((0.765, 0.012), (0.754, 0.011), 2.14),
        ((0.731, 0.019), (0.702, 0.030), 2.58),
    ],
)
def test_printed_figures_give_the_t_that_a_reader_computes(first, second, t):
    found = compare_printed(printed_arm(*first, 10), printed_arm(*second, 10), 0.02)
    assert only(found.t) == pytest.approx(t, abs=0.005)
    expected = stats.ttest_ind_from_stats(*first, 10, *second, 10, equal_var=False)
    assert only(found.p) == pytest.approx(expected.pvalue)


def test_hedges_g_is_the_corrected_difference_in_pooled_deviations():
    found = compare_printed(*map(summary, SCORES), 0.03)
    n = [len(scores) for scores in SCORES]
    pooled = np.sqrt(sum((k - 1) * s.var(ddof=1) for k, s in zip(n, SCORES, strict=True)) / (sum(n) - 2))
    correction = math.gamma(8) / (
        math.sqrt(8) * math.gamma(7.5)
    )  # Hedges 1981, eq. 6e, 16 degrees of freedom
    g = correction * (SCORES[0].mean() - SCORES[1].mean()) / pooled
    assert only(found.hedges_g) == pytest.approx(g, rel=1e-3)
    assert found.hedges_low[0] < g < found.hedges_high[0]


def test_limits_of_hedges_g_are_near_those_of_the_noncentral_t():
    found = compare_printed(printed_arm(0.75, 0.02, 30), printed_arm(0.735, 0.02, 30), 0.02)
    t, unit = only(found.t), math.sqrt(2 / 30)
    exact = [
        optimize.brentq(lambda centre, tail=tail: stats.nct.sf(t, 58, centre) - tail, -5, 10)
        for tail in (0.025, 0.975)
    ]
    limits = found.hedges_low[0], found.hedges_high[0]
    assert limits == pytest.approx([centre * unit for centre in exact], abs=0.05)


@pytest.mark.parametrize("printed", [CUT, ROUNDED])
@pytest.mark.parametrize("figures", [((0.773, 0.012), (0.702, 0.030)), ((0.765, 0.012), (0.765, 0.014))])
def test_whatever_the_printed_figures_stand_for_lies_within_the_result(printed, figures):
    arms = [printed_arm(*figure, 10, printed) for figure in figures]
    whole = compare_printed(*arms, 0.02)
    rng = np.random.default_rng(0)
    corners = list(itertools.product((0, 1), repeat=4))
    for shares in [*corners, *rng.random((30, 4))]:
        exact = [
            printed_arm(np.interp(a, (0, 1), arm.mean), np.interp(b, (0, 1), arm.std), 10)
            for arm, a, b in zip(arms, shares[::2], shares[1::2], strict=True)
        ]
        inside = compare_printed(*exact, 0.02)
        for name in RESULTS:
            low, high = getattr(whole, name)
            value = getattr(inside, name)[0]
            slack = 1e-4 * max(1, abs(value)) if math.isfinite(value) else 0
            assert low - slack <= value <= high + slack, name


def test_a_cut_figure_leaves_room_above_only():
    arms = printed_arm(0.773, 0.012, 10, CUT), printed_arm(0.702, 0.030, 10, CUT)
    found = compare_printed(*arms, 0.02)
    assert found.difference == pytest.approx((0.070, 0.072))
    assert found.t[0] < 6.95 < found.t[1]
    assert found.p[1] < 1e-4
    assert found.low[0] > 0.04


def test_equal_printed_means_may_hide_either_sign():
    arms = printed_arm(0.765, 0.012, 10, CUT), printed_arm(0.765, 0.014, 10, CUT)
    found = compare_printed(*arms, 0.02)
    assert found.difference[0] < 0 < found.difference[1]
    assert found.p[1] == pytest.approx(1)
    assert found.seeds_needed[1] == math.inf
    assert found.equivalence_p[1] < 0.05


def test_runs_needed_are_those_of_pairs_that_gain_nothing():
    assert runs_needed(0.008, 0.012, 0.012) == seeds_needed(0.008, 0.012 * math.sqrt(2))
    assert runs_needed(0, 0.012, 0.012) == math.inf
    found = compare_printed(printed_arm(0.773, 0.012, 10), printed_arm(0.765, 0.012, 10), 0.02)
    assert only(found.seeds_needed) == runs_needed(0.773 - 0.765, 0.012, 0.012)


@pytest.mark.parametrize(
    ("mean", "std", "n", "printed"),
    [
        (0.7, None, 1, None),
        (0.7, 0.01, 1, None),
        (0.7, None, 10, None),
        (0.7, 0.0, 10, None),
        (0.7, 0.0, 10, ROUNDED),
        (0.7, 0.01, 10, {"digits": 2, "rounding": "lower_bound"}),
    ],
)
def test_arms_without_a_spread_or_a_bound_are_refused(mean, std, n, printed):
    with pytest.raises(InputError, match="printed arm"):
        printed_arm(mean, std, n, printed)


def test_an_impossible_margin_or_level_is_refused():
    arms = [printed_arm(0.7, 0.01, 10)] * 2
    with pytest.raises(SettingsError, match="margin"):
        compare_printed(*arms, 0)
    with pytest.raises(SettingsError, match="level"):
        compare_printed(*arms, 0.02, level=95)


def printed_claim(name, published, std, **changes):
    document, arm = name.split("/")
    fields = {
        "id": name, "study": "resnet1d", "statement": "", "source": {"document": document, "place": "Table 1"},
        "quantity": {"metric": "macro_f1"}, "published": published, "margin": 0.02, "printed": ROUNDED,
        "published_spread": {"std": std, "n": 10 if std else 1},
        "comparison": {"rule": "value", "metric": "macro_f1", "arm": arm},
    }  # fmt: skip
    return Claim(**(fields | changes))


# Weimann & Conrad's Table 1; the class report's Table 2, cut off, and its draft's single run
CLAIMS = [
    printed_claim("paper/random", 0.731, 0.019),
    printed_claim("paper/beat_512", 0.769, 0.011),
    printed_claim("paper/beat_2048", 0.779, 0.014),
    printed_claim("paper/beat_4096", 0.768, 0.010),
    printed_claim("report/random", 0.702, 0.030, printed=CUT),
    printed_claim("report/single", 0.715, None),
    printed_claim("report/none", 0.881, 0.011, comparison={"rule": "value", "metric": "f1_N", "arm": "none"}),
    printed_claim("report/gain", 0.048, 0.02, comparison={"rule": "difference", "metric": "macro_f1"}),
    printed_claim("other/random", 0.715, 0.017, study="spectrogram2d"),
]


def named(*names):
    return [claim for claim in CLAIMS if claim.id in names]


def test_level_claims_are_those_with_a_spread():
    chosen = level_claims(CLAIMS, "resnet1d", "macro_f1", "paper")
    assert [claim.comparison["arm"] for claim in chosen] == ["random", "beat_512", "beat_2048", "beat_4096"]
    assert level_claims(CLAIMS, "resnet1d", "macro_f1") == CLAIMS[:5]
    assert not level_claims(CLAIMS, "data", "macro_f1")


def test_the_table_pairs_every_arm_with_the_reference_and_its_neighbour():
    table = published_differences(CLAIMS[:4], "paper/random")
    pairs = list(zip(table["first_arm"], table["second_arm"], table["pair"], strict=True))
    assert pairs == [
        ("beat_512", "random", "reference"),
        ("beat_2048", "random", "reference"),
        ("beat_4096", "random", "reference"),
        ("beat_2048", "beat_512", "neighbours"),
        ("beat_4096", "beat_2048", "neighbours"),
    ]
    assert table["one_source"].all()
    assert (table["margin"] == 0.02).all()
    for name in RESULTS:
        assert (table[f"{name}_from"] <= table[f"{name}_to"]).all()
    # .779 and .731 rounded: the difference is .048 give or take one unit of the last digit
    assert (table["difference_from"][1], table["difference_to"][1]) == pytest.approx((0.047, 0.049))


def test_arms_of_two_documents_are_marked():
    table = published_differences(named("paper/random", "report/random"), "report/random", margin=0.01)
    row = table.iloc[0]
    assert not row["one_source"]
    assert row["margin"] == 0.01
    assert row["t_from"] < 2.58 < row["t_to"]


@pytest.mark.parametrize(
    ("names", "reference", "message"),
    [
        (["paper/random"], "paper/random", "two or more"),
        (["paper/random", "paper/beat_512"], "report/random", "among them"),
        (["paper/random", "report/none"], "paper/random", "one metric"),
        (["paper/random", "report/single"], "paper/random", "standard deviation"),
    ],
)
def test_claims_that_cannot_be_compared_are_refused(names, reference, message):
    with pytest.raises(InputError, match=message):
        published_differences(named(*names), reference)


def test_a_claim_twice_or_a_margin_of_zero_is_refused():
    with pytest.raises(InputError, match="two or more"):
        published_differences(CLAIMS[:2] + CLAIMS[:1], "paper/random")
    with pytest.raises(SettingsError, match="margin"):
        published_differences(CLAIMS[:2], "paper/random", margin=0)
