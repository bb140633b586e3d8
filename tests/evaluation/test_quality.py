import pytest

from ecgrepro.errors import InputError
from ecgrepro.evaluation.predictions import predicted_classes
from ecgrepro.evaluation.quality import LOW, low_quality_scores, recordings


def test_a_positive_score_is_the_answer_low(build_intervals):
    table = build_intervals()
    assert ((low_quality_scores(table) > 0) == (predicted_classes(table) == LOW)).all()


def test_other_numbers_of_classes_have_no_score(build_arm):
    with pytest.raises(InputError, match="got 4 logits"):
        low_quality_scores(build_arm([0.7]))


def test_an_interval_belongs_to_what_stands_before_its_last_slash(build_intervals):
    assert recordings(["A1/0", "A1/1", "set/A2/0", "A1/0"]) == {
        "A1/0": "A1", "A1/1": "A1", "set/A2/0": "set/A2",
    }  # fmt: skip
    table = build_intervals(n_recordings=3, n_intervals=2)
    assert sorted(set(recordings(table["record_id"]).values())) == ["R0000", "R0001", "R0002"]


@pytest.mark.parametrize("name", ["A1", "/3", "A1/"])
def test_a_name_without_recording_or_number_is_refused(name):
    with pytest.raises(InputError, match="1 others, first "):
        recordings(["A1/0", name])
