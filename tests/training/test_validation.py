"""Loss and scores after an epoch, against scikit-learn."""

import numpy as np
import pytest
from sklearn.metrics import f1_score, log_loss, roc_auc_score

from ecgrepro.training.validation import RULES


@pytest.fixture
def logits():
    return np.random.default_rng(1).normal(0, 2, (40, 3)).astype(np.float32)


def test_one_class_each(logits):
    labels = np.arange(40) % 3
    loss, score = RULES[labels.ndim]
    odds = np.exp(logits.astype(float))
    assert loss(labels, logits) == pytest.approx(log_loss(labels, odds / odds.sum(axis=1, keepdims=True)))
    expected = f1_score(labels, logits.argmax(axis=1), average="macro")
    assert score(labels, logits, ("macro_f1",)) == {"macro_f1": pytest.approx(expected)}


def test_several_classes_or_none(logits):
    labels = (np.random.default_rng(2).random((40, 3)) < 0.3).astype(np.int8)
    labels[:, 2] = 0  # a class that nobody has
    loss, score = RULES[labels.ndim]
    chance = 1 / (1 + np.exp(-logits.astype(float)))
    each = [log_loss(labels[:, k], chance[:, k], labels=[0, 1]) for k in range(3)]
    assert loss(labels, logits) == pytest.approx(np.mean(each))
    areas = [roc_auc_score(labels[:, k], logits[:, k]) for k in range(2)]
    assert score(labels, logits, ("macro_auc",)) == {"macro_auc": pytest.approx(np.mean(areas))}


def test_the_loss_of_a_sure_and_wrong_answer_is_finite():
    loss, _ = RULES[2]
    assert loss(np.array([[1]]), np.array([[-800.0]])) == 800
