"""Every unknown, missing or impossible field of a ledger entry is named in an InputError."""

import pytest

from ecgrepro.claims.schema import check_entry, multilabel
from ecgrepro.errors import InputError


def test_complete_entry_passes(content):
    for entry in content["claims"]:
        check_entry(entry, content)


@pytest.mark.parametrize(
    "key", ["id", "study", "source", "statement", "quantity", "published", "comparison", "margin"]
)
def test_missing_field_is_named(content, key):
    entry = content["claims"][0]
    del entry[key]
    with pytest.raises(InputError, match=key):
        check_entry(entry, content)


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (("margn",), 0.02, "also.*margn"),
        (("source", "page"), 3, "source.*also.*page"),
        (("source", "document"), "rumour", "document.*rumour"),
        (("requires", "colour"), "red", "requires.*also.*colour"),
        (("study",), "astrology", "study.*astrology"),
        (("margin",), 0, "margin.*a positive number"),
        (("margin",), -0.02, "margin.*a positive number"),
        (("margin",), float("nan"), "margin.*a positive number"),
        (("margin",), float("inf"), "margin.*a positive number"),
        (("margin",), True, "margin.*a positive number"),
        (("margin",), ".02", "margin.*a positive number"),
        (("published",), None, "published.*a number"),
        (("published",), "60 s", "published.*a number"),
        (("published",), {}, "published.*a number"),
        (("published",), {"a": None}, "published.*a number"),
        (("printed", "rounding"), "ceiling", "rounding.*ceiling"),
        (("comparison", "rule"), "guess", "rule.*guess"),
        (("comparison", "rule"), ["value"], "rule.*value"),
        (("comparison", "arms"), ["beat"], "comparison.*also.*arms"),
        (("comparison", "arm"), "magic", "arm.*magic"),
        (("comparison", "metric"), "f1", "metric.*'f1'"),
        (("comparison",), "value", "rule.*None"),
        (("comparison",), {"rule": "arithmetic", "check": "astrology"}, "check.*astrology"),
        (("comparison",), {"rule": "arithmetic", "check": "totals", "level": 95}, "level.*between 0 and 1"),
    ],
)
def test_impossible_field_is_named(content, path, value, message):
    entry = content["claims"][0]
    target = entry
    for key in path[:-1]:
        target = target[key]
    target[path[-1]] = value
    with pytest.raises(InputError, match=message):
        check_entry(entry, content)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"direction": 2}, "direction"),
        ({"direction": None}, "direction"),
        ({"arms": ["beat"]}, "two arms"),
        ({"arms": "beat"}, "two arms"),
        ({"arms": ["beat", "random", "beat"]}, "two arms"),
        ({"arms": ["beat", "magic"]}, "arm.*magic"),
    ],
)
def test_difference_needs_a_sign_and_two_known_arms(content, change, message):
    entry = content["claims"][0]
    comparison = {
        "rule": "difference",
        "metric": "macro_f1",
        "arms": ["beat", "random"],
        "label_fraction": 1.0,
    }
    entry["comparison"] = {**comparison, "direction": 1}
    check_entry(entry, content)
    entry["comparison"] |= change
    with pytest.raises(InputError, match=message):
        check_entry(entry, content)


SAME = ["beat", "beat"]


@pytest.mark.parametrize(
    ("rule", "arms", "fraction"),
    [
        ("difference", SAME, [0.9, 0.1]),
        ("difference", ["beat", "random"], 0.1),
        ("equivalence", SAME, [1, 0.5]),
        ("trend", ["beat"], [0.1, 0.5, 1.0]),
        ("trend", ["beat", "random"], [0.1, 1.0]),
        ("trend", ["beat", "random", "beat"], 0.1),
    ],
)
def test_share_of_labels_is_one_or_one_per_arm_or_those_of_a_trend(content, rule, arms, fraction):
    check_entry(along(content, rule, arms, fraction), content)


@pytest.mark.parametrize(
    ("rule", "arms", "fraction", "message"),
    [
        ("value", ["beat"], [0.1, 0.2], "label_fraction"),
        ("value", ["beat"], 0, "label_fraction"),
        ("value", ["beat"], 1.1, "label_fraction"),
        ("value", ["beat"], True, "label_fraction"),
        ("value", ["beat"], "all", "label_fraction"),
        ("difference", SAME, [0.9], "label_fraction"),
        ("difference", SAME, [0.9, 0.5, 0.1], "label_fraction"),
        ("difference", SAME, [], "label_fraction"),
        ("trend", ["beat"], [0.5, 0.1], "label_fraction.*least to most"),
        ("trend", ["beat"], [0.5, 0.5], "label_fraction"),
        ("trend", ["beat"], [0.5], "label_fraction"),
        ("trend", ["beat"], [0.5, "1"], "label_fraction"),
        ("trend", ["beat"], 0.5, "two arms"),
        ("trend", [], [0.5, 1.0], "two arms"),
        ("trend", ["beat", "random", "beat"], [0.5, 1.0], "one or two"),
    ],
)
def test_impossible_share_of_labels_is_refused(content, rule, arms, fraction, message):
    with pytest.raises(InputError, match=message):
        check_entry(along(content, rule, arms, fraction), content)


def along(content, rule, arms, fraction):
    named = {"arm": arms[0]} if rule == "value" else {"arms": arms}
    direction = {"direction": 1} if rule in ("difference", "trend") else {}
    comparison = {"rule": rule, "metric": "macro_f1", "label_fraction": fraction, **named, **direction}
    return {**content["claims"][0], "comparison": comparison}


def test_metrics_of_several_labels_are_told_from_those_of_one():
    assert [multilabel(name) for name in ("macro_auc", "auc_LPFB", "multilabel_macro_f1")] == [True] * 3
    assert [multilabel(name) for name in ("macro_f1", "accuracy", "last_epoch")] == [False] * 3


def test_entry_that_is_no_mapping_is_refused(content):
    with pytest.raises(InputError, match="a mapping"):
        check_entry("WC-T1", content)
