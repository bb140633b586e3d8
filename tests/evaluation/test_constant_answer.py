import numpy as np
import pytest

from ecgrepro.errors import SettingsError
from ecgrepro.evaluation.comparison import arm_estimate, paired_difference
from ecgrepro.evaluation.constant_answer import constant_answer
from ecgrepro.evaluation.metrics import majority_balanced_accuracy
from ecgrepro.evaluation.predictions import predicted_classes
from ecgrepro.evaluation.ranking_comparison import ranking_estimate
from ecgrepro.evaluation.two_level import count_by_seed


def score(table, metric):
    return arm_estimate(table, metric, seed=0, n_resamples=20).estimate


def test_every_record_gets_the_one_answer_and_keeps_the_rest(build_intervals):
    table = build_intervals(n_seeds=2)
    for answer in (0, 1):
        constant = constant_answer(table, answer)
        assert (predicted_classes(constant) == answer).all()
        keys = ["record_id", "part", "label", "fold", "seed"]
        assert constant[keys].equals(table[keys])


def test_high_quality_for_all_is_as_accurate_as_high_quality_is_common(build_intervals):
    constant = constant_answer(build_intervals(n_seeds=2))
    found = {
        name: score(constant, name)
        for name in ("accuracy", "sensitivity", "specificity", "balanced_accuracy", "f1_low")
    }
    assert found == {
        "accuracy": 0.75, "sensitivity": 1, "specificity": 0, "balanced_accuracy": 0.5, "f1_low": 0,
    }  # fmt: skip
    assert score(constant, "matthews_correlation") == 0
    matrices = count_by_seed([constant]).matrices
    assert found["balanced_accuracy"] == majority_balanced_accuracy(matrices).mean()


def test_a_constant_answer_ranks_nothing(build_intervals):
    constant = constant_answer(build_intervals())
    assert ranking_estimate(constant, "roc_auc", seed=0, n_resamples=20).estimate == 0.5
    assert ranking_estimate(constant, "average_precision", seed=0, n_resamples=20).estimate == 0.25


def test_an_arm_can_be_compared_with_it(build_intervals):
    arm = build_intervals(n_seeds=3, noise=0.2)
    result = paired_difference(arm, constant_answer(arm), "balanced_accuracy", seed=0, n_resamples=200)
    assert result.low > 0
    assert np.isfinite(result.high)


def test_a_class_that_does_not_exist_is_refused(build_intervals, build_arm):
    assert (predicted_classes(constant_answer(build_arm([0.7]), 3)) == 3).all()
    with pytest.raises(SettingsError, match="from 0 to 1; got 3"):
        constant_answer(build_intervals(), 3)
