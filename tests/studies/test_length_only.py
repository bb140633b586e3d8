import numpy as np
import pytest

from ecgrepro.studies.length_only import SMALLEST_LEAF, length_only, predict_from_length
from ecgrepro.training.recipe import FineTuning

RECIPE = FineTuning(folds=2)


@pytest.fixture
def corpus_of(make_corpus, make_record):
    def make(lengths):
        return make_corpus([
            make_record(f"{label}{length}-{i}", label=label, n_samples=length)
            for label, lengths in lengths.items() for length in lengths for i in range(SMALLEST_LEAF)
        ])  # fmt: skip

    return make


def test_lengths_that_tell_the_class_are_seen(corpus_of):
    table = length_only(
        corpus_of({"N": [300, 310], "A": [400, 410], "O": [500, 510], "~": [100, 110]}), RECIPE
    )
    assert (table["length only"] == 1).all()
    assert table["constant answer"].iloc[0] == 0.25


def test_equal_lengths_tell_nothing(corpus_of):
    table = length_only(corpus_of(dict.fromkeys("NAO~", [300, 310])), RECIPE).set_index("metric")
    row = table.loc["balanced accuracy"]
    assert row["length only"] <= 0.3
    assert row.low <= row["length only"] <= row.high


def test_a_recording_is_predicted_by_a_tree_that_has_not_seen_its_fold():
    # class follows length in fold 0 and runs against it in fold 1: each fold is judged by the other one's rule
    seconds = np.tile(np.repeat([10.0, 30.0], SMALLEST_LEAF), 2)
    folds = np.repeat([0, 1], 2 * SMALLEST_LEAF)
    labels = np.where(folds == 0, seconds > 20, seconds < 20).astype(np.int64)
    assert (predict_from_length(seconds, labels, folds) == 1 - labels).all()
