import numpy as np
import pytest

from ecgrepro.errors import InputError
from ecgrepro.evaluation.arms import arm_replicates, check_several_seeds, matching_arms
from ecgrepro.evaluation.metrics import get_metric
from ecgrepro.evaluation.two_level import bootstrap_means, count_by_seed

ACCURACY = get_metric("accuracy")


@pytest.fixture
def arms(build_arm):
    return [build_arm([0.6 + 0.1 * arm, 0.7], arm_seed=arm + 1) for arm in range(3)]


def test_arms_come_back_in_order_with_their_rows_sorted(arms):
    shuffled = [arm.sample(frac=1, random_state=1) for arm in arms]
    for found, arm in zip(matching_arms(shuffled), arms, strict=True):
        assert found["record_id"].tolist() == arm["record_id"].tolist()
        assert found["logit_0"].tolist() == arm["logit_0"].tolist()


def test_the_arm_that_does_not_match_is_named(arms):
    with pytest.raises(InputError, match="arms 1 and 3: expected the same records"):
        matching_arms([arms[0], arms[1], arms[2].iloc[1:]])
    with pytest.raises(InputError, match="arms 1 and 2: expected the same seeds"):
        matching_arms([arms[0], arms[1][arms[1]["seed"] == 0], arms[2]])
    with pytest.raises(InputError, match="arm 2: expected rows of part 'validation'"):
        matching_arms([arms[0].assign(part="validation"), arms[1]], "validation")


def test_a_single_arm_or_seed_is_refused(arms):
    with pytest.raises(InputError, match="two or more tables"):
        matching_arms(arms[:1])
    with pytest.raises(InputError, match="Run more seeds"):
        check_several_seeds(1)


@pytest.mark.parametrize("crossed", [False, True])
def test_replicates_are_those_of_the_two_level_bootstrap(build_arm, crossed):
    arms = [build_arm([0.9, 0.5, 0.7], arm_seed=i, crossed=crossed, shared=0.5) for i in (1, 2, 3)]
    records = count_by_seed(matching_arms(arms))
    all_arms = arm_replicates(records, ACCURACY, 50, np.random.default_rng(4))
    assert all_arms.shape == (50, 3)
    for arm in range(3):
        alone = bootstrap_means(
            records, lambda m, arm=arm: ACCURACY(m[..., arm, :, :]), 50, np.random.default_rng(4)
        )
        np.testing.assert_allclose(all_arms[:, arm], alone)


def test_arms_share_their_resamples(build_arm):
    arm = build_arm([0.9, 0.5, 0.7])
    replicates = arm_replicates(count_by_seed([arm, arm]), ACCURACY, 50, np.random.default_rng(0))
    np.testing.assert_array_equal(replicates[:, 0], replicates[:, 1])
    assert np.ptp(replicates[:, 0]) > 0


def test_few_resamples_may_leave_a_seed_out(build_arm):
    records = count_by_seed([build_arm([0.9, 0.5, 0.7, 0.8])] * 2)
    assert arm_replicates(records, ACCURACY, 1, np.random.default_rng(0)).shape == (1, 2)
