"""The checks of Huerta et al.'s tables agree with calculations made otherwise, and flip with the numbers they judge."""

import dataclasses
from itertools import permutations

import numpy as np
import pytest
from scipy.stats import spearmanr

from ecgrepro.claims import arithmetic_freezing
from ecgrepro.claims.arithmetic import run_check
from ecgrepro.claims.verdicts import Estimate, decide
from ecgrepro.errors import InputError
from tests.claims.huerta_table import (
    ACCURACY,
    CLAIMS,
    HIGH,
    IMPLIED,
    LOW,
    SENSITIVITY,
    SPECIFICITY,
    N,
    alter,
    exactly,
    replaced,
)

# ---- accuracy from sensitivity and specificity ----


def test_accuracy_is_the_share_of_all_segments_that_are_right():
    claim = exactly(CLAIMS["HU-T2-Acc-from-Se-Sp"])
    computed = run_check(claim).computed
    for k in range(8):
        assert computed[f"frozen_{k}"] == pytest.approx((IMPLIED[k], IMPLIED[k]), abs=1e-12)


def test_three_rows_miss_and_the_others_agree():
    claim = CLAIMS["HU-T2-Acc-from-Se-Sp"]
    sentences = run_check(claim).sentence.split("; ")
    assert [" excludes " in sentence for sentence in sentences] == [True] * 3 + [False] * 5
    assert claim.published == {f"frozen_{k}": value for k, value in enumerate(ACCURACY)}
    for missed in range(3):
        rest = {part: value for part, value in claim.published.items() if part != f"frozen_{missed}"}
        assert (
            run_check(alter("HU-T2-Acc-from-Se-Sp", rest | {f"frozen_{missed}": 0.8})).word == "contradicted"
        )


def test_table_with_the_three_accuracies_mended_agrees():
    mended = {f"frozen_{k}": round(float(value), 3) for k, value in enumerate(IMPLIED)}
    assert run_check(alter("HU-T2-Acc-from-Se-Sp", mended)).word == "supported"


def test_notes_of_the_three_rows_tell_what_their_recalls_give():
    for k, name in enumerate(("HU-T2-f0-Acc", "HU-T2-f1-Acc", "HU-T2-f1-2-Acc")):
        assert f"give {IMPLIED[k]:.3f}".replace("0.", ".") in CLAIMS[name].note


# ---- rank correlation ----


def test_rank_correlations_of_the_printed_figures_lie_in_the_intervals():
    for name, column, rho in (("HU-trend-Acc", ACCURACY, 0.874), ("HU-trend-Se-Sp", IMPLIED, 0.31)):
        low, high = run_check(CLAIMS[name]).computed[None]
        assert low <= spearmanr(range(8), column).statistic <= high
        assert spearmanr(range(8), column).statistic == pytest.approx(rho, abs=0.005)


def test_rank_correlation_reaches_its_limits_and_no_further_in_tables_rounded_alike():
    draw = np.random.default_rng(1)
    shape = (20_000, 8)
    exact_se = SENSITIVITY + draw.uniform(-0.0005, 0.0005, shape)
    exact_sp = SPECIFICITY + draw.uniform(-0.0005, 0.0005, shape)
    tables = {
        "HU-trend-Acc": ACCURACY + draw.uniform(-0.0005, 0.0005, shape),
        "HU-trend-Se-Sp": (HIGH * exact_se + LOW * exact_sp) / N,
    }
    for name, table in tables.items():
        ranks = table.argsort(axis=1).argsort(axis=1)
        rho = 1 - 6 * ((ranks - np.arange(8)) ** 2).sum(axis=1) / (8 * 63)
        low, high = run_check(CLAIMS[name]).computed[None]
        assert low == pytest.approx(rho.min())
        assert high >= rho.max() - 1e-12
        assert high - rho.max() < 0.08  # the highest takes three roundings at once, which few draws have


def test_a_tendency_asks_for_a_correlation_that_one_order_in_twenty_has():
    orders = np.array(list(permutations(range(8))))
    rho = np.sort(1 - 6 * ((orders - np.arange(8)) ** 2).sum(axis=1) / (8 * 63))
    asked = CLAIMS["HU-trend-Acc"].published
    attained = [value for value in np.unique(rho) if 2 * (rho >= value - 1e-9).mean() <= 0.05]
    assert asked == round(float(min(attained)), 3) == CLAIMS["HU-trend-Se-Sp"].published


@pytest.mark.parametrize("name", ["HU-trend-Acc", "HU-trend-Se-Sp"])
def test_tendency_follows_the_order_of_the_accuracies(name):
    rising, column = np.linspace(0.8, 0.9, 8), name.removeprefix("HU-trend-")[:3].rstrip("-")
    claim = CLAIMS[name]
    if column == "Se":
        claim = replaced(claim, "Sp", np.full(8, 0.85))
    assert run_check(replaced(claim, column, rising)).computed[None] == pytest.approx((1, 1))
    assert run_check(replaced(claim, column, rising)).word == "supported"
    assert run_check(replaced(claim, column, rising[::-1])).word == "contradicted"


def test_rank_correlation_of_two_columns_at_once_is_refused():
    either = CLAIMS["HU-mcnemar-either"]
    comparison = CLAIMS["HU-trend-Acc"].comparison
    with pytest.raises(InputError, match="inputs that the check can use"):
        run_check(dataclasses.replace(either, published=0.7, comparison=comparison))


# ---- spreads, balance, the constant answer ----


def with_spreads(**stds):
    """HU-std with other standard deviations of some inputs, named as in the ledger with __ for the slash."""
    claim = CLAIMS["HU-std"]
    changed = {key.replace("__", "/"): std for key, std in stds.items()}
    inputs = {name: {**given, "std": changed.get(name, given["std"])} for name, given in claim.inputs.items()}
    return dataclasses.replace(claim, inputs=inputs)


def test_spreads_are_one_to_three_percent_without_two_of_them():
    assert len(CLAIMS["HU-std"].inputs) == 24
    computed = run_check(CLAIMS["HU-std"]).computed
    assert computed == {
        "smallest": pytest.approx((0.0065, 0.0075)),
        "largest": pytest.approx((0.0895, 0.0905)),
    }
    misprint = run_check(with_spreads(frozen_0__Sp=0.009))
    assert misprint.word == "contradicted"
    assert misprint.computed["largest"] == pytest.approx((0.0355, 0.0365))
    assert run_check(with_spreads(frozen_0__Sp=0.009, frozen_4__Sp=0.03)).word == "supported"
    assert (
        run_check(with_spreads(frozen_0__Sp=0.009, frozen_4__Sp=0.03, frozen_5__Acc=0.001)).word
        == "contradicted"
    )


def test_balance_is_lost_when_one_recall_falls():
    claim = CLAIMS["HU-balance"]
    computed = run_check(claim).computed
    for k in range(8):
        low, high = computed[f"frozen_{k}"]
        assert low <= SPECIFICITY[k] / SENSITIVITY[k] <= high
    assert run_check(claim).word == "supported"
    assert run_check(alter("HU-balance", frozen_3__Sp=0.6)).word == "contradicted"


def test_constant_answer_has_the_share_of_high_quality():
    assert run_check(CLAIMS["HU-baseline"]).computed[None] == pytest.approx((HIGH / N, HIGH / N))
    assert run_check(alter("HU-baseline", high=N - 2 * LOW)).word == "contradicted"


def test_constant_answer_beats_every_model_unless_one_is_better():
    assert min(HIGH / N - ACCURACY) > 0.09
    assert run_check(CLAIMS["HU-baseline-above-models"]).word == "supported"
    better = alter("HU-baseline-above-models", frozen_6__reference=0.95)
    assert run_check(better).word == "contradicted"


# ---- layers ----


def test_layer_table_is_that_of_the_net_as_built():
    from ecgrepro.models.alexnet import CONVOLUTIONS, UNITS, alexnet

    built = {
        name: (kernel, filters, groups) for name, (filters, kernel, _, groups, _) in CONVOLUTIONS.items()
    }
    dense = {"fc1": (6, UNITS, 1), "fc2": (1, UNITS, 1), "fc3": (1, 1000, 1)}
    assert built | dense == arithmetic_freezing.ALEXNET
    layers = [layer for layer in alexnet(n_outputs=1000, width=0.0625).layers if layer.weights]
    shapes = [layer.kernel.shape for layer in layers]
    for (kernel, filters, groups), shape, before in zip(
        arithmetic_freezing.ALEXNET.values(), shapes, [(3,), *shapes], strict=False
    ):
        depth = before[-1] // groups
        expected = (kernel, kernel, depth) if len(shape) == 4 else (kernel**2 * depth,)
        assert shape == (*expected, filters if filters == 1000 else filters // 16)


def test_published_counts_follow_from_the_kernels_and_add_up():
    claim = CLAIMS["HU-T1"]
    computed = run_check(claim).computed
    counts = {part: low for part, (low, _) in computed.items()}
    total = counts.pop("total")
    assert total == sum(counts.values()) == 60_965_224
    assert counts["conv2"] == 5 * 5 * 48 * 256 + 256
    assert counts["fc1"] == 6 * 6 * 256 * 4096 + 4096


def test_a_net_without_groups_or_with_other_filters_refutes_the_table():
    assert run_check(alter("HU-T1", conv2__depth=96)).word == "contradicted"
    assert run_check(alter("HU-T1", conv1__filters=64)).word == "contradicted"
    assert run_check(alter("HU-T1", conv1__kernel=11)).word == "supported"


def test_text_gives_other_counts_than_the_table_unless_its_two_numbers_are_mended():
    computed = run_check(CLAIMS["HU-T1-text"]).computed
    assert computed["conv2"][0] == 5 * 5 * 3 * 256 + 256
    assert computed["fc3"][0] == 4096 * 4096 + 4096
    assert run_check(alter("HU-T1-text", conv2__depth=48, fc3__filters=1000)).word == "supported"


@pytest.mark.parametrize("name", ["conv6/depth", "conv2/colour", "depth"])
def test_unknown_layer_or_quantity_is_refused(name):
    claim = CLAIMS["HU-T1-text"]
    inputs = {name: {"value": 3, "printed": None, "claim": None}}
    with pytest.raises(InputError, match="inputs that the check can use"):
        run_check(dataclasses.replace(claim, inputs=inputs))


# ---- what a run on other training data can decide ----


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("HU-T2-f0-Acc", "not run"),
        ("HU-mcnemar-7-minus-0-balanced", "not run"),
        ("HU-trend", "supported"),
        ("HU-trend-7-minus-0", "supported"),
    ],
)
def test_other_training_data_leave_direction_and_trend_alone_to_be_decided(name, word):
    claim = CLAIMS[name]
    assert claim.requires["training_corpus"] == "huerta_pdb"
    level = 0.9 if claim.rule == "equivalence" else 0.95
    replacement = ("training corpus: butqdb in place of huerta_pdb",)
    estimate = Estimate(0.01, 0.008, 0.012, level, "paper", substitutes=replacement)
    verdict = decide(claim, estimate)
    assert (verdict.word, verdict.substitute) == (word, True)
