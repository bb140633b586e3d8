import numpy as np
import pytest
import sklearn.metrics
from scipy import special

from ecgrepro.errors import InputError
from ecgrepro.evaluation.log_loss import log_loss, log_loss_from_logits
from ecgrepro.evaluation.metrics import cross_entropy


@pytest.fixture
def logits():
    return np.random.default_rng(0).normal(size=(200, 4)) * 2


def test_single_labels_agree_with_scikit_learn(logits):
    labels = np.random.default_rng(1).integers(4, size=200)
    probabilities = special.softmax(logits, axis=1)
    expected = sklearn.metrics.log_loss(labels, probabilities)
    assert log_loss_from_logits(logits, labels) == pytest.approx(expected)
    assert cross_entropy(logits, labels) == pytest.approx(expected)
    assert log_loss(probabilities, labels).value == pytest.approx(expected)


def test_multi_label_is_the_mean_over_classes_of_scikit_learns(logits):
    labels = np.random.default_rng(1).integers(2, size=(200, 4))
    probabilities = special.expit(logits)
    expected = [sklearn.metrics.log_loss(labels[:, k], probabilities[:, k]) for k in range(4)]
    assert log_loss_from_logits(logits, labels) == pytest.approx(np.mean(expected))
    result = log_loss(probabilities, labels)
    assert result.value == pytest.approx(np.mean(expected))
    np.testing.assert_allclose(result.per_class, expected)
    assert (result.n_clipped, result.notes) == (0, ())


def test_large_logits_cost_what_they_are_worth():
    assert log_loss_from_logits([[1000.0, 0.0]], [1]) == 1000
    assert log_loss_from_logits([[1000.0, -1000.0]], [[0, 0]]) == 500


def test_a_sure_mistake_costs_the_stated_clip():
    result = log_loss([[1.0, 0.0], [0.5, 0.5]], [1, 0], clip=1e-3)
    assert result.value == pytest.approx((np.log(1e3) + np.log(2)) / 2)
    assert (result.n_clipped, result.clip) == (2, 1e-3)
    assert "2 probabilities were clipped at 0.001" in result.notes[0]


def test_logits_and_probabilities_are_not_confused(logits):
    with pytest.raises(InputError, match="probabilities, it seems"):
        log_loss_from_logits(special.expit(logits), np.zeros((200, 4), int))
    with pytest.raises(InputError, match="Logits go through a calibrator"):
        log_loss(logits, np.zeros(200, int))
