import dataclasses

import pandas as pd
import pytest
from scipy import stats

from ecgrepro.errors import InputError, SettingsError
from ecgrepro.evaluation.comparison import ArmEstimate, PairedDifference
from ecgrepro.evaluation.epochs import (
    RunDifference,
    RunEstimate,
    run_difference,
    run_estimate,
    values_by_seed,
)

RANDOM, BEAT = {0: 71.0, 1: 66.0, 2: 80.0, 3: 75.0}, {0: 57.0, 1: 61.0, 2: 55.0, 3: 58.0}


def result(seed, losses, best_epoch):
    run = {"epochs": len(losses), "best_epoch": best_epoch}
    history = pd.DataFrame({"epoch": range(1, len(losses) + 1), "val_loss": losses})
    return {"trial": {"seed": seed}, "run": run, "history": history}


def test_epochs_are_read_by_seed_and_counted_from_zero():
    runs = [result(3, [0.9, 0.5, 0.6, 0.7], 3), result(1, [0.9, 0.8], 2)]
    assert values_by_seed(runs, "last_epoch").to_dict() == {1: 1, 3: 3}
    assert values_by_seed(runs, "lowest_loss_epoch").to_dict() == {1: 1, 3: 1}
    assert values_by_seed(runs, "best_epoch").to_dict() == {1: 1, 3: 2}
    assert values_by_seed(runs, "best_epoch").index.tolist() == [1, 3]


def test_runs_that_are_no_arm_are_refused():
    runs = [result(3, [0.9], 1)]
    with pytest.raises(InputError, match=r"one run per seed; got seeds \[3, 3\]"):
        values_by_seed(runs * 2, "last_epoch")
    with pytest.raises(InputError, match="one run per seed"):
        values_by_seed([], "last_epoch")
    with pytest.raises(SettingsError, match="one of last_epoch"):
        values_by_seed(runs, "epochs")


@pytest.mark.parametrize("level", [0.95, 0.9])
def test_an_arms_interval_is_students(level):
    found = run_estimate(RANDOM, "last epoch", level=level)
    values = list(RANDOM.values())
    expected = stats.ttest_1samp(values, 0).confidence_interval(level)
    assert found.estimate == pytest.approx(73)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))
    assert (found.metric, found.level, found.n_seeds, found.n_records) == ("last epoch", level, 4, None)
    assert found.per_seed["score"].tolist() == values


def test_the_difference_pairs_runs_by_seed_whatever_their_order():
    backwards = dict(reversed(BEAT.items()))
    found = run_difference(RANDOM, backwards, "last epoch")
    expected = stats.ttest_rel(list(RANDOM.values()), list(BEAT.values()))
    limits = expected.confidence_interval(0.95)
    assert found.estimate == pytest.approx(15.25)
    assert (found.low, found.high) == pytest.approx((limits.low, limits.high))
    assert found.t_test.p == pytest.approx(expected.pvalue)
    welch = stats.ttest_ind(list(RANDOM.values()), list(BEAT.values()), equal_var=False)
    assert found.welch.p == pytest.approx(welch.pvalue)
    assert found.per_seed["difference"].tolist() == [14, 5, 25, 17]
    assert found.smallest_margin == pytest.approx((limits.high - limits.low) / 2)


def test_fields_are_named_as_those_of_scores():
    names = {kind: {field.name for field in dataclasses.fields(kind)}
             for kind in (ArmEstimate, PairedDifference, RunEstimate, RunDifference)}  # fmt: skip
    assert names[RunEstimate] < names[ArmEstimate]
    assert names[RunDifference] < names[PairedDifference]


@pytest.mark.parametrize(
    ("first", "second", "message"),
    [
        ({0: 5.0}, {0: 4.0}, "two or more; got 1"),
        (RANDOM, {0: 1.0, 1: 2.0, 2: 3.0, 4: 5.0}, "the same seeds in both arms"),
        (RANDOM, RANDOM, "the same value in all 4 runs"),
        ({0: 5.0, 1: float("nan")}, {0: 4.0, 1: 3.0}, "one finite number per seed"),
        (pd.Series([1.0, 2.0], [0, 0]), {0: 4.0, 1: 3.0}, "one finite number per seed"),
    ],
)
def test_runs_without_a_difference_to_test_are_refused(first, second, message):
    with pytest.raises(InputError, match=message):
        run_difference(first, second, "last epoch")


def test_runs_that_are_all_equal_have_no_interval():
    with pytest.raises(InputError, match="Without spread"):
        run_estimate({0: 200.0, 1: 200.0}, "last epoch")
    with pytest.raises(SettingsError, match="level"):
        run_estimate(RANDOM, "last epoch", level=95)
