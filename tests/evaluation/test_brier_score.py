import numpy as np
import pytest
import sklearn.metrics
from hypothesis import given
from hypothesis import strategies as st
from scipy import special

from ecgrepro.errors import InputError
from ecgrepro.evaluation.brier_score import (
    brier_decomposition,
    brier_per_class,
    brier_score,
    brier_skill,
)


def test_multi_label_agrees_with_scikit_learn():
    rng = np.random.default_rng(0)
    probabilities, labels = rng.random((80, 3)), rng.integers(2, size=(80, 3))
    expected = [sklearn.metrics.brier_score_loss(labels[:, k], probabilities[:, k]) for k in range(3)]
    np.testing.assert_allclose(brier_per_class(probabilities, labels), expected)
    assert brier_score(probabilities, labels) == pytest.approx(np.mean(expected))


def test_single_labels_sum_over_classes_as_brier_did():
    # right with .5, .25, .25: .25 + .0625 + .0625; sure and wrong: 1 + 1
    assert brier_score([[0.5, 0.25, 0.25], [0, 1, 0]], [0, 2]) == pytest.approx((0.375 + 2) / 2)


def test_decomposition_by_hand():
    # two bins: (.1, .3) with shares 1/2, (.6, .8) with shares 1/2
    parts = brier_decomposition([0.1, 0.3, 0.6, 0.8], [0, 1, 1, 0], n_bins=2)
    assert parts.reliability == pytest.approx((0.3**2 + 0.2**2) / 2)
    assert parts.resolution == 0
    assert parts.uncertainty == 0.25
    assert parts.within_bin_variance == pytest.approx(0.01)
    assert parts.within_bin_covariance == pytest.approx(2 * (0.1 - 0.1) / 4)
    assert parts.score == pytest.approx((0.01 + 0.49 + 0.16 + 0.64) / 4)


@given(
    st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=60),
    st.integers(1, 20),
)
def test_parts_sum_up_exactly(records, n_bins):
    probabilities, outcomes = map(np.array, zip(*records, strict=True))
    parts = brier_decomposition(probabilities, outcomes, n_bins)
    assert parts.score == pytest.approx(np.square(probabilities - outcomes).mean(), abs=1e-12)
    generalised = parts.reliability - parts.generalised_resolution + parts.uncertainty
    assert parts.score == pytest.approx(generalised, abs=1e-12)


def test_bins_of_one_value_have_no_within_bin_terms():
    parts = brier_decomposition(np.repeat([0.2, 0.7], 10), np.tile([0, 1], 10), n_bins=2)
    assert parts.within_bin_variance == pytest.approx(0)
    assert parts.within_bin_covariance == pytest.approx(0)
    assert parts.n_bins == 2


def test_prevalence_has_no_skill_and_the_truth_has_all():
    labels = np.random.default_rng(0).integers(2, size=(100, 2))
    constant = np.tile(labels.mean(axis=0), (100, 1))
    assert brier_skill(constant, labels).mean == pytest.approx(0)
    assert brier_skill(labels, labels).values.tolist() == [1, 1]


def test_a_prevalence_from_elsewhere_is_a_weaker_reference():
    rng = np.random.default_rng(0)
    labels = rng.integers(2, size=(100, 2))
    probabilities = special.expit(labels + rng.normal(size=(100, 2)))
    own, other = brier_skill(probabilities, labels), brier_skill(probabilities, labels, prevalence=[0.1, 0.9])
    assert (other.values > own.values).all()
    expected = 1 - np.square(probabilities - labels).mean(0) / np.square([0.1, 0.9] - labels).mean(0)
    np.testing.assert_allclose(other.values, expected)
    with pytest.raises(InputError, match="prevalence"):
        brier_skill(probabilities, labels, prevalence=[10, 90])


def test_a_class_without_positives_has_no_skill_and_is_named():
    labels = np.column_stack([np.tile([0, 1], 20), np.zeros(40, int)])
    result = brier_skill(np.full((40, 2), 0.4), labels)
    assert result.counted.tolist() == [True, False]
    assert result.notes == ("class 1: 0 positives and 40 negatives, fewer than 10",)
    assert result.mean == result.values[0]


def test_logits_are_refused():
    with pytest.raises(InputError, match="values from 0 to 1"):
        brier_score([[3.0, -1.0]], [0])
