import re

import pandas as pd
import pytest

from ecgrepro import paths
from ecgrepro.studies import book_numbers
from ecgrepro.studies import calibration_page as page
from ecgrepro.studies.calibration import CLASSES, PAIRS
from ecgrepro.studies.calibration_figures import TOP
from ecgrepro.studies.calibration_tables import COMPARED, SCORES
from tests.studies.test_calibration import MULTI_LABEL, PAIR, only

QUARTER, TENTH = (f"1-D ResNet, beats, {share} of labels" for share in ("25%", "10%"))
SIGNS = {QUARTER: (-0.2, -0.1), TENTH: (-0.1, 0.1), MULTI_LABEL.name: (0.1, 0.2)}


@pytest.fixture
def differences():
    rows = [{"pair": pair, "calibrator": name, "score": score, "difference": (low + high) / 2, "low": low, "high": high}
            for pair, (low, high) in SIGNS.items() for name in COMPARED for score in SCORES
            if (pair, score) != (MULTI_LABEL.name, "top_label_debiased")]  # fmt: skip
    return pd.DataFrame(rows)


TEMPERATURES = pd.DataFrame({"temperature": [0.9, 1.5, 2.0]})


def words(made):
    return re.sub("<[^>]+>", "", made._repr_html_())


def test_intervals_below_above_and_about_zero_are_counted(differences):
    assert page.counts(differences, "brier", "none") == (1, 1, 1)
    differences.loc[differences.pair == MULTI_LABEL.name, ["low", "high"]] = (-0.2, -0.1)
    assert page.counts(differences, "brier", "none") == (2, 0, 1)


def test_the_opening_counts_pairs_with_fewer_labels_and_with_all_apart(differences):
    text = words(page.opening(differences, TEMPERATURES))
    assert text.startswith(
        "Found: With a quarter of the labels or fewer, pre-training lowers the classwise calibration error in "
        "1 of 2 pairs, the top-label calibration error in 1 of 2 pairs and the log loss in 1 of 2 pairs; with all "
        "labels in 0 of 1 (raises it in 1), 0 of 0 and 0 of 1 (raises it in 1). After temperature scaling of every "
        "net, in the same order: with a quarter of the labels or fewer in 1 of 2,"
    )
    assert "no independent tests" in text


def test_counts_after_temperature_scaling_are_those_of_its_own_rows(differences):
    after = differences.calibrator == "temperature"
    differences.loc[after & (differences.pair == TENTH), ["low", "high"]] = (-0.2, -0.1)
    text = words(page.opening(differences, TEMPERATURES))
    assert "fewer, pre-training lowers the classwise calibration error in 1 of 2" in text
    assert "or fewer in 2 of 2, 2 of 2 and 2 of 2;" in text


def test_the_largest_share_below_one_is_told_in_words(differences):
    text = words(page.opening(differences[differences.pair != QUARTER], TEMPERATURES))
    assert "With a tenth of the labels or fewer, pre-training" in text


def test_without_a_pair_of_fewer_labels_the_sentence_begins_with_all(differences):
    text = words(page.opening(differences[differences.pair == MULTI_LABEL.name], TEMPERATURES))
    assert text.startswith("Found: With all labels, pre-training lowers the classwise calibration error")
    assert "or fewer" not in text


def test_the_opening_tells_how_many_runs_are_overconfident_and_what_has_no_runs(differences):
    text = words(page.opening(differences, TEMPERATURES))
    assert "On their validation records 2 of 3 runs are overconfident" in text
    assert f"No runs yet of: {PAIRS[0].name};" in text


def test_without_a_pair_the_question_is_open(differences):
    assert "is open" in words(page.opening(differences.iloc[:0], TEMPERATURES))


def test_differences_stand_side_by_side_with_their_intervals(differences):
    wide = page.with_intervals(differences)
    assert len(wide) == 6
    assert wide.columns.tolist() == ["pair", "calibrator", *SCORES]
    assert wide.brier[0] == "−0.1500 (−0.2000 to −0.1000)"


def test_tables_are_in_words_with_four_decimals_and_no_negative_zero():
    table = pd.DataFrame(
        {"labels": [0.1], "calibrator": ["platt"], "classwise_debiased": [-0.00001], "seeds": [5]}
    )
    html = page.show(table, "caption", synthetic=True).to_html()
    assert all(
        word in html
        for word in ("SYNTHETIC DATA", "Platt scaling", "classwise calibration error", ">0.0000<", "10%")
    )
    assert "-0.0000" not in html


def test_the_control_tells_apart_nets_whose_order_must_stay(differences):
    rows = [("temperature", 2, False, 1e-9), ("temperature", 5, True, -2e-9), ("temperature", 4, False, 0.003),
            ("platt", 2, False, 0.5)]  # fmt: skip
    columns = ["calibrator", "classes", "multi_label", "auc_change"]
    text = page.control(pd.DataFrame(rows, columns=columns).assign(answers_changed=0.0)).text
    assert "2.0e-09 among 2 nets of two classes" in text
    assert "3.0e-03 among 1 nets of more" in text


def test_notes_are_shown_but_for_isotonic_knots():
    knots = pd.DataFrame({"net": ["a"], "note": ["knots at exactly 0 or 1"], "calibrator": ["isotonic"]})
    assert "Nothing but" in page.notes(knots).text
    left = pd.DataFrame({"net": ["a"], "note": ["class 1: 6 positives"], "calibrator": ["platt"]})
    html = page.notes(pd.concat([knots, left])).to_html()
    assert "6 positives" in html
    assert "exactly" not in html


def test_a_diagram_of_committed_predictions_holds_both_nets(monkeypatch):
    runs = {one: one.runs("pilot")[:2] for one in (PAIR.random, PAIR.pretrained)}
    only(monkeypatch, runs)
    found = page.reliability("pilot", PAIR.name)
    assert list(found.net.unique()) == [PAIR.random.net, PAIR.pretrained.net]
    assert set(found["class"]) == {*CLASSES[4], TOP}
    n = sum(len(run["predictions"].query("part == 'test'")) for run in runs[PAIR.random])
    assert set(found.groupby(["net", "calibrator", "class"]).n.sum()) == {n}
    assert page.reliability("pilot", MULTI_LABEL.name) is None


def test_only_drawn_nets_are_in_the_short_table_of_scores():
    rows = [("1-D ResNet, beats", 0.1), ("1-D ResNet, beats", 0.25)]
    scores = pd.DataFrame(rows, columns=["net", "labels"]).assign(
        clipped=0, classes=4, multi_label=False, seeds=5
    )
    assert page.brief_scores(scores).labels.tolist() == [0.1]


def test_no_result_is_typed_into_the_page():
    book_numbers.check_prose([paths.home() / "notebooks" / "calibration.md"])
