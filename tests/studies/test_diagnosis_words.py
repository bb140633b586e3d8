"""Tables in words hold the numbers of the tables that they come from."""

import pandas as pd
import pytest

from ecgrepro.studies import diagnosis_tables as tables
from ecgrepro.studies import diagnosis_words as words
from tests.studies import fabricated_diagnoses as made

FEW = {"n_resamples": 50}


@pytest.fixture(scope="module")
def found():
    return made.results(made.trials("random", "beat", seeds=(0, 1, 2)))


def test_words_of_scores_are_their_numbers(found):
    scores = tables.score_table(tables.estimates(found, **FEW))
    brief = words.brief_scores(scores)
    row = scores.iloc[0]
    assert brief["macro AUC"][0] == f"{row['macro AUC']:.3f} ({row.low:.3f} to {row.high:.3f})"
    assert brief["classes counted"][0] == "4 of 5"
    assert brief.training.to_list() == ["random start", "pre-trained on beats"]


def test_words_of_differences_name_both_arms(found):
    brief = words.brief_differences(tables.difference_table(found, [("beat", "random")], **FEW))
    assert brief.comparison.to_list() == ["pre-trained on beats − random start"]
    by_class = tables.class_difference_table(found, "beat", "random", **FEW)
    named = words.brief_class_differences(by_class, "beat", "random")
    assert named.columns.tolist()[2:4] == ["pre-trained on beats", "random start"]


def test_a_class_that_does_not_count_says_why(found):
    brief = words.brief_classes(tables.class_table(tables.estimates(found, **FEW), ["beat"]))
    told = dict(zip(brief["class"], brief["counts in the macro"], strict=True))
    assert told["NORM"] == "yes"
    assert told["HYP"] == "positives: 12, fewer than 20"


def test_signs_are_printed_with_minus_and_zero_has_none_below():
    shown = words.with_interval(*(pd.Series(x) for x in ([-0.0001, -0.2], [-0.1, -0.3], [0.1, -0.1])), "+")
    assert shown == ["+0.000 (−0.100 to 0.100)", "−0.200 (−0.300 to −0.100)"]


def test_nothing_has_run():
    for brief, table in (
        (words.brief_scores, tables.score_table({})),
        (words.brief_classes, tables.class_table({})),
        (words.brief_differences, tables.difference_table([])),
    ):
        assert brief(table).empty
