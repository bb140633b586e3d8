"""What the printed figures of the CSC2541 project say by themselves, and that other figures would say otherwise."""

import dataclasses
from statistics import mean

import numpy as np
import pytest

from ecgrepro.claims import ledger
from ecgrepro.claims.arithmetic import run_check
from ecgrepro.claims.verdicts import decide
from ecgrepro.errors import InputError

CLAIMS = {claim.id: claim for claim in ledger.load()}
#: Figure by label, from the most frequent to the rarest: fine-tuned and trained on Georgia alone, as read off.
LABELS = ("NDT", "LNGQT", "LVH", "ISCLA", "LAO_LAE", "1AVB", "ISCIN", "IRBBB", "ISCAN", "CLBBB", "IVCD", "LAFB",
          "RVH", "ILBBB", "SEHYP", "CRBBB", "LPFB", "2AVB")  # fmt: skip
TUNED = np.array([0.811, 0.855, 0.967, 0.937, 0.927, 0.955, 0.91, 0.942, 0.943, 0.972, 0.884, 0.973, 0.943, 0.936,
                  0.876, 0.912, 0.939, 0.859])  # fmt: skip
ALONE = np.array([0.802, 0.879, 0.868, 0.83, 0.873, 0.981, 0.831, 0.92, 0.873, 0.944, 0.856, 0.902, 0.769, 0.861,
                  0.815, 0.963, 0.699, 0.609])  # fmt: skip
GAINS = dict(zip(LABELS, TUNED - ALONE, strict=True))
THREE = ("LPFB", "2AVB", "RVH")


def alter(name, published=None, **inputs):
    """Return the claim with another published figure, or other input values, named with __ for the slash."""
    claim = CLAIMS[name]
    told = {key.replace("__", "/"): value for key, value in inputs.items()}
    changed = {key: {**claim.inputs[key], "value": value} for key, value in told.items()}
    published = claim.published if published is None else published
    return dataclasses.replace(claim, published=published, inputs={**claim.inputs, **changed})


def exactly(claim):
    return dataclasses.replace(
        claim, inputs={name: {**given, "printed": None} for name, given in claim.inputs.items()}
    )


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("SL-ft-gain-printed", "supported"),
        ("SL-concl7", "supported"),
        ("SL-concl7-relative", "contradicted"),
        ("SL-ft-figure", "contradicted"),
        ("SL-ind-figure", "contradicted"),
        ("SL-ft-gain-figure", "contradicted"),
        ("SL-cls-macro", "supported"),
        ("SL-cls-gain", "supported"),
        ("SL-cls-legend", "contradicted"),
        ("SL-cls-three-share", "supported"),
        ("SL-cls-others-gain", "supported"),
        ("SL-cls-three-positives", "supported"),
        ("SL-E1-trend-figure", "supported"),
        ("SL-E1-drop-figure", "supported"),
        ("SL-E2-claim-figure", "contradicted"),
        ("SL-E2-ptbxl-figure", "supported"),
        ("SL-E3-chance", "supported"),
    ],
)
def test_word_on_each_claim(name, word):
    assert decide(CLAIMS[name]).word == word


def test_every_claim_of_arithmetic_of_the_study_is_judged_above():
    words = test_word_on_each_claim.pytestmark[0].args[1]
    decided = {c.id for c in CLAIMS.values() if (c.study, c.rule) == ("ptbxl_transfer", "arithmetic")}
    assert {name for name, _ in words} == decided


# ---- share of a sum ----


def test_share_of_three_labels_is_that_of_the_gains_read_off():
    low, high = run_check(exactly(CLAIMS["SL-cls-three-share"])).computed[None]
    share = sum(GAINS[label] for label in THREE) / sum(GAINS.values())
    assert low == pytest.approx(high) == pytest.approx(share)
    assert round(share, 2) == 0.52


def test_share_reaches_its_limits_and_no_further_for_gains_read_off_alike():
    low, high = run_check(CLAIMS["SL-cls-three-share"]).computed[None]
    gains = np.array([GAINS[label] for label in LABELS])
    three = np.isin(LABELS, THREE)
    ends = []
    for sign in (-1, 1):
        shifted = gains + 0.006 * np.where(three, sign, -sign)
        ends.append(shifted[three].sum() / shifted.sum())
    assert (low, high) == pytest.approx(tuple(ends))
    drawn = gains + np.random.default_rng(1).uniform(-0.006, 0.006, (5_000, 18))
    shares = drawn[:, three].sum(1) / drawn.sum(1)
    assert low <= shares.min()
    assert shares.max() <= high


def test_share_that_the_gains_exclude_is_contradicted():
    assert run_check(alter("SL-cls-three-share", 0.4)).word == "contradicted"
    assert run_check(alter("SL-cls-three-share", part__LPFB=0.0, part__2AVB=0.0)).word == "contradicted"


def test_share_of_a_sum_that_may_not_be_positive_is_refused():
    with pytest.raises(InputError, match="two positive sums"):
        run_check(alter("SL-cls-three-share", part__LPFB=-0.24, part__2AVB=-0.25))
    lost = {f"rest__{label}": -0.1 for label in LABELS if label not in THREE}
    with pytest.raises(InputError, match="two positive sums"):
        run_check(alter("SL-cls-three-share", **lost))


# ---- the other claims on labels ----


def test_gains_in_the_ledger_are_those_of_the_figure():
    for label in LABELS:
        assert CLAIMS[f"SL-cls-{label}"].published == pytest.approx(GAINS[label])


def test_mean_gains_are_those_of_the_figure():
    for name, labels in (("SL-cls-gain", LABELS), ("SL-cls-others-gain", set(LABELS) - set(THREE))):
        low, high = run_check(exactly(CLAIMS[name])).computed[None]
        assert low == pytest.approx(high) == pytest.approx(mean(GAINS[label] for label in labels))
    assert run_check(alter("SL-cls-others-gain", 0.07)).word == "contradicted"


def test_legend_is_judged_by_the_means_of_the_two_lines():
    means = CLAIMS["SL-cls-legend"].inputs
    assert means["treated"]["value"] == pytest.approx(ALONE.mean(), abs=0.0005)
    assert means["reference"]["value"] == pytest.approx(TUNED.mean(), abs=0.0005)
    assert run_check(alter("SL-cls-legend", treated=0.919, reference=0.849)).word == "supported"


def test_macro_of_the_file_is_the_mean_over_all_labels():
    levels = [CLAIMS[f"SL-cls-{label}-independent"].published for label in LABELS]
    assert mean(levels) == pytest.approx(CLAIMS["SL-E1-90-independent"].published, abs=1e-6)
    assert run_check(alter("SL-cls-macro", **{"2AVB": 0.7})).word == "contradicted"


# ---- what would have been said of other figures ----


@pytest.mark.parametrize(
    ("name", "changed", "word"),
    [
        ("SL-ft-gain-printed", {"treated": 0.919}, "contradicted"),
        ("SL-concl7", {"treated": 0.93}, "contradicted"),
        ("SL-concl7-relative", {"treated": 0.902}, "supported"),
        ("SL-ft-figure", {"program": 0.9162}, "supported"),
        ("SL-ind-figure", {"file": 0.843}, "supported"),
        ("SL-ft-gain-figure", {"treated": 0.9209}, "supported"),
        ("SL-E1-trend-figure", {"treated": 0.07}, "contradicted"),
        ("SL-E1-drop-figure", {"reference": 0.9}, "contradicted"),
        ("SL-E2-claim-figure", {"reference": 0.8}, "supported"),
        ("SL-E2-claim-figure", {"reference": 0.825}, "inconclusive"),
        ("SL-E2-ptbxl-figure", {"reference": 0.94}, "contradicted"),
        ("SL-E3-chance", {"fine_tuned__slides": 0.6}, "contradicted"),
        ("SL-cls-three-positives", {"RVH__records": 96}, "contradicted"),
    ],
)
def test_other_figures_would_give_the_other_word(name, changed, word):
    assert run_check(alter(name, **changed)).word == word
