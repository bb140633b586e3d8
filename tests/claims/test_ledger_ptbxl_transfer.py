"""The claims on PTB-XL and Georgia: those of one kind are alike, and differ where their arms do."""

import pytest

from ecgrepro.claims import ledger
from ecgrepro.corpora.snomed import SHARED_CLASSES
from tests.claims.test_ledger import CLAIMS, FILE, NETS, SHARES, TASKS

OURS = [c for c in CLAIMS.values() if c.study == "ptbxl_transfer"]
#: Nets of the benchmark that this project has.
BUILT = ("xresnet1d101", "inception1d")


def test_metrics_and_claims_cover_the_labels_that_both_data_sets_have():
    labels = {shared.statement.replace("/", "_") for shared in SHARED_CLASSES}
    assert labels == set(FILE)
    for label in labels:
        level, gain = CLAIMS[f"SL-cls-{label}-independent"], CLAIMS[f"SL-cls-{label}"]
        assert level.comparison["metric"] == gain.comparison["metric"] == f"auc_{label}"
        assert label.replace("_", "/") in level.statement
        assert gain.comparison["arms"] == ["fine_tuned", "independent_xresnet1d101"]


def test_benchmark_is_claimed_for_every_task_and_net_under_its_own_arm():
    for task in TASKS:
        for net in NETS:
            claim = CLAIMS[f"ST-{task}-{net}"]
            suffix = "" if net == "xresnet1d101" else "_" + net.replace("+", "_").lower()
            assert claim.comparison == {
                "rule": "value", "metric": "macro_auc", "arm": f"benchmark_{task}{suffix}", "label_fraction": 1.0,
            }  # fmt: skip
            assert (claim.margin, claim.requires["budget"]) == (0.02, "strodthoff_2021")
            assert (claim.requires["corpora"], claim.requires["sampling_rate"]) == (["ptbxl"], 100)
            assert (claim.command is None) == (net in BUILT)


def test_claims_of_the_slides_on_georgia_require_its_records_the_net_and_the_budget():
    slides = [c for c in OURS if c.id.startswith("SL-") and c.rule != "arithmetic"]
    assert len(slides) > 60
    for claim in slides:
        on_georgia = not any("ptbxl_diagnostic" in arm for arm in arms(claim))
        assert claim.requires["corpora"] == ["georgia" if on_georgia else "ptbxl"], claim.id
        assert claim.requires["budget"] == "csc2541"
        assert claim.margin == 0.02
        pretrained = any(arm.startswith(("fine_tuned", "ptbxl_1", "ptbxl_2")) for arm in arms(claim))
        assert (claim.requires["initialisation"] == "pretrained") == pretrained, claim.id


def arms(claim):
    return claim.comparison.get("arms") or [claim.comparison["arm"]]


@pytest.mark.parametrize(
    ("ending", "part", "usual"), [("_100hz", "sampling_rate", 500), ("_fourier_", "input", "signal")]
)
def test_claims_require_the_rate_and_the_input_that_the_names_of_their_arms_tell(ending, part, usual):
    seen = [c for c in OURS if c.rule != "arithmetic" and any(ending in arm for arm in arms(c))]
    assert seen
    for claim in seen:
        wanted = {told(arm, ending, usual) for arm in arms(claim)}
        required = claim.requires[part]
        assert set(required if isinstance(required, list) else [required]) == wanted, claim.id


def told(arm, ending, usual):
    if ending not in arm and not (arm == "independent_100hz" and ending == "_100hz"):
        return usual
    return 100 if ending == "_100hz" else "fourier_" + arm.rpartition("_")[2]


def test_shares_of_georgia_are_claimed_one_by_one_and_together():
    for share in SHARES:
        assert CLAIMS[f"SL-E1-{share}"].comparison["label_fraction"] == share / 100
        assert CLAIMS[f"SL-E1-{share}-independent"].comparison["label_fraction"] == share / 100
    trend = CLAIMS["SL-E1-trend"]
    assert trend.comparison["label_fraction"] == [share / 100 for share in SHARES]
    change = CLAIMS["SL-E1-90"].published - CLAIMS["SL-E1-10"].published
    assert trend.published == pytest.approx(change)
    assert trend.published * trend.comparison["direction"] > 0


def test_published_differences_of_levels_are_those_of_the_printed_figures():
    pairs = {
        "SL-ft-gain": ("SL-ft", "SL-ind-XResNet"),
        "SL-ft-minus-ResNet": ("SL-ft", "SL-ind-ResNet"),
        "SL-ft-minus-InceptionNet": ("SL-ft", "SL-ind-InceptionNet"),
        "SL-E3-ptbxl": ("SL-E3-ptbxl-100hz", "SL-pt"),
        "SL-E3-independent": ("SL-ind-XResNet", "SL-E3-independent-100hz"),
        "SL-E5-ptbxl": ("SL-pt", "SL-E5-ptbxl-abs"),
        "SL-E5-georgia": ("SL-ft", "SL-E5-georgia-abs"),
        "SL-E5-georgia-abs-minus-real": ("SL-E5-georgia-abs", "SL-E5-georgia-real"),
    }
    for name, (first, second) in pairs.items():
        assert CLAIMS[name].published == pytest.approx(CLAIMS[first].published - CLAIMS[second].published), (
            name
        )
        assert CLAIMS[name].comparison["arms"] == [arms(CLAIMS[first])[0], arms(CLAIMS[second])[0]]


def test_figures_read_off_are_within_their_stated_error_of_the_file_that_the_figure_was_drawn_from():
    for label, (file, read) in FILE.items():
        assert CLAIMS[f"SL-cls-{label}-independent"].published == file
        assert abs(read - file) < 0.003
        assert f" and {read:.3f}".replace("0.", ".") in CLAIMS[f"SL-cls-{label}"].note


def test_no_level_is_judged_by_a_figure_that_was_read_off():
    read = [c for c in CLAIMS.values() if (c.printed or {}).get("rounding", "").startswith("within_")]
    assert read
    assert {claim.rule for claim in read} == {"difference", "equivalence", "trend"}


def test_label_is_claimed_to_gain_or_lose_unless_its_printed_gain_is_inside_the_margin():
    for label in FILE:
        claim = CLAIMS[f"SL-cls-{label}"]
        low, high = claim.published_interval()
        assert low * high > 0  # whatever the reading error, the sign stands
        wanted = "equivalence" if max(-low, high) < claim.margin else "difference"
        assert claim.rule == wanted, label


def test_calibration_keeps_one_control_and_says_why_the_rest_is_left_out():
    (control,) = (c for c in CLAIMS.values() if c.study == "calibration")
    assert control.comparison["arms"] == ["temperature", "uncalibrated"]
    assert (control.rule, control.published, control.margin) == ("equivalence", 0, 0.001)
    assert {"SL-E4", "SL-E4-code"} <= set(ledger.excluded())
