import numpy as np
import pytest
import sklearn.metrics
from hypothesis import given
from hypothesis import strategies as st

from ecgrepro.errors import InputError, SettingsError
from ecgrepro.evaluation.ranking import RANKINGS, RankedRecords, get_ranking

SKLEARN = {
    "roc_auc": sklearn.metrics.roc_auc_score,
    "average_precision": sklearn.metrics.average_precision_score,
}
# few distinct scores, so that they tie within and between the classes
records = st.lists(st.tuples(st.integers(-3, 3), st.integers(0, 1)), min_size=2, max_size=40).filter(
    lambda pairs: len({label for _, label in pairs}) == 2
)


@pytest.mark.parametrize("name", RANKINGS)
@given(records)
def test_areas_equal_scikit_learn_ties_included(name, pairs):
    scores, labels = np.array(pairs).T
    assert RANKINGS[name](scores, labels) == pytest.approx(SKLEARN[name](labels, scores))


@pytest.mark.parametrize("name", RANKINGS)
def test_areas_of_weighted_units_equal_scikit_learns_sample_weights(name):
    rng = np.random.default_rng(0)
    scores, labels = np.round(rng.normal(size=90), 1), rng.integers(2, size=90)
    units = rng.permutation(np.arange(90) // 5)
    weights = rng.multinomial(18, np.full(18, 1 / 18), size=40)
    found = RANKINGS[name].function(*RankedRecords(scores, labels, units, 18).weigh(np.float32(weights.T)))
    expected = [SKLEARN[name](labels, scores, sample_weight=row[units]) for row in weights]
    np.testing.assert_allclose(found, expected)


def test_counts_at_a_threshold_are_those_of_its_records():
    ranked = RankedRecords([1.0, 2.0, 2.0, 3.0, 4.0], [0, 1, 0, 1, 0], np.arange(5), 5)
    found = np.concatenate(ranked.weigh(np.array([[1], [1], [3], [2], [7]], np.float32)), axis=1)
    # the scores 2 and 3 of class 1: records of it, then of class 0 below, at and above
    assert found.tolist() == [[1, 1, 3, 7], [2, 4, 0, 7]]


@pytest.mark.parametrize("name", RANKINGS)
def test_a_resample_without_one_of_the_classes_has_no_area(name):
    ranked = RankedRecords([1.0, 2.0], [0, 1], np.arange(2), 2)
    areas = RANKINGS[name].function(*ranked.weigh(np.float32([[0, 2, 1], [2, 0, 1]])))
    np.testing.assert_array_equal(areas, [np.nan, np.nan, 1])


@pytest.mark.parametrize("label", [0, 1])
def test_one_class_alone_is_refused(label):
    with pytest.raises(InputError, match=f"{2 - 2 * label} of class 0 and {2 * label} of class 1"):
        get_ranking("roc_auc")([0.1, 0.2], [label, label])


def test_an_unknown_ranking_is_refused():
    assert get_ranking(RANKINGS["roc_auc"]) is RANKINGS["roc_auc"]
    with pytest.raises(SettingsError, match="one of roc_auc, average_precision; got 'auc'"):
        get_ranking("auc")
