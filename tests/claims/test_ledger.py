"""The loader is strict, derives the differences, and the packaged ledger is sound."""

import pytest

from ecgrepro.claims import ledger
from ecgrepro.claims.schema import RUN_METRICS, STUDIES, multilabel
from ecgrepro.errors import InputError
from ecgrepro.evaluation.metrics import METRICS

CLAIMS = {claim.id: claim for claim in ledger.load()}
CLASSES = ("macro", "N", "A", "O", "noisy")
#: Budgets whose levels are claimed arm by arm, and whose arms are then compared.
BUDGETS = ("class_report_2024", "huerta_2022")
DEPTHS = ("f0", "f1", *(f"f1-{last}" for last in range(2, 8)))
TASKS = ("all", "diagnostic", "subdiagnostic", "superdiagnostic", "form", "rhythm")
NETS = ("xresnet1d101", "inception1d", "resnet1d_wang", "fcn_wang", "lstm", "lstm_bidir", "Wavelet+NN")
SHARES = (10, 20, 30, 50, 70, 80, 90)
#: Per-class AUC of the net trained on Georgia alone: in the result file, and as read off the figure drawn from it.
FILE = {
    "NDT": (0.800086, 0.802), "LNGQT": (0.878830, 0.879), "LVH": (0.867250, 0.868), "ISCLA": (0.829608, 0.83),
    "LAO_LAE": (0.870801, 0.873), "1AVB": (0.980890, 0.981), "ISCIN": (0.828992, 0.831), "IRBBB": (0.920493, 0.92),
    "ISCAN": (0.870932, 0.873), "CLBBB": (0.944378, 0.944), "IVCD": (0.854803, 0.856), "LAFB": (0.902944, 0.902),
    "RVH": (0.768067, 0.769), "ILBBB": (0.861018, 0.861), "SEHYP": (0.812560, 0.815), "CRBBB": (0.964444, 0.963),
    "LPFB": (0.698003, 0.699), "2AVB": (0.607222, 0.609),
}  # fmt: skip
#: Ids under which the claims of these studies were collected from the documents.
COLLECTED = {
    "spectrogram2d": {
        *(f"T1F-T4-{size}-{name}" for size in (0, 1, 10, 20, 88) for name in CLASSES),
        *(f"T1F-T3-{size}" for size in (0, 1, 10, 20, 88)),
        *("T1F-1d2d", "T1F-2d-epochs", "T1F-cost", "T1P-H2"),
    },
    "pretrain_size": {
        *(f"T1F-T2-{size}-{name}" for size in (1, 10, 20) for name in CLASSES),
        *(f"T1F-T1-{size}" for size in (0, 1, 10, 20, 100)),
        *("T1F-A-1pct", "T1F-H2", "T1F-flat", "T1F-PT-final", "T1D-time", "T1P-H3", "WC-samples"),
    },
    "freezing": {
        *(f"HU-T2-{depth}-{name}" for depth in DEPTHS for name in ("Se", "Sp", "Acc")),
        *("HU-mcnemar", "HU-trend", "HU-reco", "HU-balance", "HU-std", "HU-T1", "HU-baseline"),
    },
    "ptbxl_transfer": {
        *(f"ST-{task}-{net}" for task in TASKS for net in NETS),
        *("SL-ind-XResNet", "SL-ind-ResNet", "SL-ind-InceptionNet", "SL-pt", "SL-ft", "SL-concl7"),
        *(f"SL-E1-{share}" for share in (*SHARES, "trend", "drop")),
        *(f"SL-E2-{share}" for share in (25, 50, 75, 100, "claim")),
        *("SL-E3", "SL-E5", "T134-ptbxl"),
        *(f"SL-cls-{label}" for label in FILE),
    },
    "calibration": {"SL-E4", "SL-E4-code", "SL-E4-rank"},
}
#: Studies in which claims set arms of one publication against each other, all of whose levels are claimed.
TABLES = ("spectrogram2d", "pretrain_size", "freezing")


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


def test_input_carries_the_printed_spread_where_it_is_asked_for(content, write_ledger):
    content["claims"][1]["published_spread"] = {"std": 0.014, "n": 10}
    inputs = {"first": {"claim": "BEAT", "spread": True}, "second": {"claim": "BEAT"}}
    content["claims"][0]["comparison"] = {"rule": "arithmetic", "check": "welch_intervals", "inputs": inputs}
    del content["claims"][1]["implied_difference"]
    resolved = ledger.load(write_ledger(content))[0].inputs
    assert (resolved["first"]["std"], resolved["first"]["n"]) == (0.014, 10)
    assert "std" not in resolved["second"]


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


def test_block_may_be_merged_into_one_that_is_merged_itself_and_overrules_it(content, write_ledger):
    path = write_ledger(content)
    blocks = "shared:\n- [&a {margin: 1, note: first}, &b {<<: *a, margin: 2}]\n"
    path.write_text(blocks + path.read_text().replace("  margin: 0.02\n  p", "  <<: *b\n  p", 1))
    merged = next(claim for claim in ledger.load(path) if claim.note)
    assert (merged.margin, merged.note) == (2, "first")


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


@pytest.mark.parametrize("study", COLLECTED)
def test_every_collected_claim_is_a_claim_or_stands_behind_one_or_is_left_out_with_a_reason(study):
    entered = {name for claim in CLAIMS.values() for name in (claim.id, *claim.derived_from)}
    assert COLLECTED[study] <= entered | set(ledger.excluded())
    assert {name for name in COLLECTED[study] & set(CLAIMS) if CLAIMS[name].study != study} == set()


def levels():
    return [c for c in CLAIMS.values() if c.rule == "value" and "initialisation" in c.requires]


#: Random arm of study and net, where it is not `random`.
RANDOM = {(study, "resnet18_2d"): "random_2d" for study in TABLES}
RANDOM["ptbxl_transfer", "resnet18_1d"] = "ptbxl_rhythm_random"


def test_packaged_ledger_derives_a_difference_for_every_pretrained_level():
    pretrained = [claim for claim in levels() if claim.requires["initialisation"] == "pretrained"]
    assert pretrained
    for claim in pretrained:
        if claim.requires["budget"] != "csc2541":  # that project's arms have their own names
            random = RANDOM.get((claim.study, claim.requires["model"]), "random")
            assert CLAIMS[f"{claim.id}-minus-random"].comparison["arms"] == [claim.comparison["arm"], random]


def comparisons():
    """Claims that set arms of one publication against each other, other than an arm against its random one."""
    written = [c for c in CLAIMS.values() if "arms" in c.comparison and not c.id.endswith("-minus-random")]
    assert {claim.study for claim in written} == set(COLLECTED)
    return [claim for claim in written if claim.study in TABLES]


def test_packaged_comparisons_require_what_their_arms_require_by_themselves():
    by_arm = {c.comparison["arm"]: c.requires for c in levels() if c.requires["budget"] in BUDGETS}
    for claim in comparisons():
        arms = [by_arm[arm] for arm in claim.comparison["arms"]]
        arms = [arm for arm in arms if arm["initialisation"] == "pretrained"] or arms
        for part, required in claim.requires.items():
            required = required if isinstance(required, list) else [required]
            single = [arm[part] if isinstance(arm[part], list) else [arm[part]] for arm in arms]
            assert set(required) == {value for values in single for value in values}, claim.id
        assert {len(arm) for arm in arms} == {len(claim.requires)}, claim.id


def printed_level(claim, arm):
    """An arm's figure among those that a claim comes from; of a balanced accuracy the mean of its two recalls."""
    rows = [CLAIMS[name] for name in claim.derived_from if name in CLAIMS and CLAIMS[name].rule == "value"]
    rows = [row for row in rows if row.comparison["arm"] == arm]
    balanced = claim.comparison["metric"] == "balanced_accuracy"
    wanted = ["sensitivity", "specificity"] if balanced else [claim.comparison["metric"]]
    found = {row.comparison["metric"]: row.published for row in rows}
    assert len(rows) == len(found)
    return sum(found[metric] for metric in wanted) / len(wanted) if found else None


def test_packaged_comparisons_publish_the_difference_of_the_printed_figures():
    for claim in comparisons():
        first, *_, last = (printed_level(claim, arm) for arm in claim.comparison["arms"])
        change = last - first if claim.rule == "trend" else first - last
        assert claim.published == pytest.approx(change, abs=1e-9), claim.id


def test_packaged_ledger_names_only_metrics_that_can_be_computed_or_read_from_a_run():
    named = {claim.comparison["metric"] for claim in CLAIMS.values() if "metric" in claim.comparison}
    assert {name for name in named if not multilabel(name)} <= {*METRICS, *RUN_METRICS}
    assert not set(METRICS) & set(RUN_METRICS)


def test_packaged_ledger_compares_every_depth_with_none_frozen_in_both_metrics():
    equal = [c.comparison for c in CLAIMS.values() if c.study == "freezing" and c.rule == "equivalence"]
    compared = {(comparison["metric"], *comparison["arms"]) for comparison in equal}
    metrics = ("accuracy", "balanced_accuracy")
    assert compared == {(metric, f"frozen_{k}", "frozen_0") for metric in metrics for k in range(1, 8)}


def test_packaged_trend_of_depths_is_ordered_from_none_to_all_but_the_last():
    trends = [c.comparison for c in CLAIMS.values() if c.study == "freezing" and c.rule == "trend"]
    assert {comparison["metric"] for comparison in trends} == {"accuracy", "balanced_accuracy"}
    for comparison in trends:
        assert comparison["arms"] == [f"frozen_{k}" for k in range(8)]


def test_margin_of_a_claimed_gain_in_accuracy_is_below_that_gain():
    for name in ("HU-trend", "HU-trend-7-minus-0"):
        assert CLAIMS[name].margin < CLAIMS[name].published_interval()[0]


def test_every_claim_that_needs_a_run_says_what_the_run_requires():
    assert all(claim.requires["corpora"] for claim in CLAIMS.values() if claim.rule != "arithmetic")


def test_published_differences_agree_with_the_sign_they_claim():
    for claim in CLAIMS.values():
        if claim.rule == "difference":
            assert claim.published * claim.comparison["direction"] > 0, claim.id
        if claim.rule == "equivalence":
            assert abs(claim.published) < claim.margin, claim.id
