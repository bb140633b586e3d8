import math
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from ecgrepro.errors import InputError, SettingsError
from ecgrepro.evaluation.comparison import paired_difference
from ecgrepro.evaluation.power import n_seeds_to_see
from ecgrepro.evaluation.seed_tests import seeds_needed


def observed(differences, records_sd, design="crossed"):
    half = stats.norm.isf(0.025) * records_sd
    return SimpleNamespace(
        n_seeds=len(differences), per_seed=pd.DataFrame({"difference": differences}), design=design, level=0.95,
        records_low=0.01 - half, records_high=0.01 + half,
    )  # fmt: skip


def simulated_power(effect, seeds_sd, records_sd):
    """Share of 100,000 t tests of n seeds that find an effect, as a function of n.

    The error is the records' part with the seeds' mean, in the measure of `n_seeds_to_see`: a t of n - 1 degrees.
    """

    def power(n):
        rng = np.random.default_rng(n)
        spread = math.sqrt(seeds_sd**2 + n * records_sd**2)
        samples = rng.normal(effect, spread, (100_000, n))
        t = samples.mean(1) / (samples.std(1, ddof=1) / math.sqrt(n))
        return np.mean(np.abs(t) > stats.t.isf(0.025, n - 1))

    return power


DIFFERENCES = [0.01, 0.03, 0.00, 0.02, 0.04]
SD = np.std(DIFFERENCES, ddof=1)


def test_over_seeds_alone_it_is_the_t_tests_number():
    found = n_seeds_to_see(-0.02, observed(DIFFERENCES, 0.001))
    assert found.sd == pytest.approx(SD)
    assert found.n_seeds == seeds_needed(0.02, SD)
    assert found.effect == -0.02


def test_records_that_matter_little_change_little():
    found = n_seeds_to_see(0.02, observed(DIFFERENCES, 1e-9))
    assert found.n_seeds_fixed_records == found.n_seeds


@pytest.mark.parametrize("records_sd", [0.003, 0.006])
def test_fixed_records_need_the_smallest_number_with_the_power(records_sd):
    found = n_seeds_to_see(0.02, observed(DIFFERENCES, records_sd))

    def power(n):
        centre = 0.02 / math.sqrt(SD**2 / n + records_sd**2)
        critical = stats.t.isf(0.025, n - 1)
        return stats.nct.sf(critical, n - 1, centre) + stats.nct.cdf(-critical, n - 1, centre)

    assert found.n_seeds_fixed_records > found.n_seeds
    assert power(found.n_seeds_fixed_records) >= 0.8 > power(found.n_seeds_fixed_records - 1)


def test_no_number_of_seeds_finds_what_the_records_hide():
    found = n_seeds_to_see(0.02, observed(DIFFERENCES, 0.01))
    assert found.n_seeds_fixed_records is None
    assert found.smallest_effect == pytest.approx(0.01 * (1.959964 + 0.841621))
    assert n_seeds_to_see(1.01 * found.smallest_effect, observed(DIFFERENCES, 0.01)).n_seeds_fixed_records


def test_nested_seeds_hold_the_records_part_already():
    records_sd = 0.005
    nested = n_seeds_to_see(0.02, observed(DIFFERENCES, records_sd, "nested"))
    assert nested.seeds_sd == pytest.approx(math.sqrt(SD**2 - 5 * records_sd**2))
    assert n_seeds_to_see(0.02, observed(DIFFERENCES, 0.02, "nested")).seeds_sd == 0
    assert n_seeds_to_see(0.02, observed(DIFFERENCES, records_sd)).seeds_sd == pytest.approx(SD)


@pytest.mark.parametrize("effect", [0.03, 0.05])
def test_one_split_of_a_nested_design_has_the_records_of_one_seed(effect):
    records_sd = 0.004
    nested = n_seeds_to_see(effect, observed(DIFFERENCES, records_sd, "nested"))
    assert nested.split_sd == pytest.approx(math.sqrt(5) * records_sd)
    assert nested.smallest_effect_one_split == pytest.approx(math.sqrt(5) * nested.smallest_effect)
    power = simulated_power(effect, nested.seeds_sd, nested.split_sd)
    assert nested.n_seeds_one_split >= nested.n_seeds_fixed_records
    assert power(nested.n_seeds_one_split) > 0.79
    assert power(nested.n_seeds_one_split - 1) < 0.81


def test_one_split_may_hide_what_all_records_show():
    nested = n_seeds_to_see(0.02, observed(DIFFERENCES, 0.004, "nested"))
    assert nested.n_seeds_one_split is None
    assert nested.n_seeds_fixed_records


def test_one_split_of_a_crossed_design_is_the_one_that_all_seeds_share():
    crossed = n_seeds_to_see(0.02, observed(DIFFERENCES, 0.004))
    assert crossed.n_seeds_one_split == crossed.n_seeds_fixed_records
    assert crossed.split_sd == crossed.records_sd
    assert crossed.smallest_effect_one_split == crossed.smallest_effect


def test_an_effect_far_beyond_the_spread_takes_few_seeds():
    differences = 0.2 * (np.array(DIFFERENCES) - np.mean(DIFFERENCES)) / SD
    found = n_seeds_to_see(1.0, observed(differences, 0.05))
    assert (found.n_seeds, found.n_seeds_fixed_records) == (3, 3)
    power = simulated_power(1.0, 0.2, 0.05)
    assert power(2) < 0.8 < power(3)


def test_without_any_spread_two_seeds_suffice():
    found = n_seeds_to_see(0.02, observed([0.01, 0.01], 0.0))
    assert (found.n_seeds, found.n_seeds_fixed_records, found.n_seeds_one_split) == (2, 2, 2)


@pytest.mark.parametrize("crossed", [False, True])
def test_it_takes_a_comparison_of_arms(build_arm, crossed):
    arms = [build_arm([0.8, 0.75, 0.7], arm_seed=i, crossed=crossed, shared=0.9) for i in (1, 2)]
    paired = paired_difference(*arms, "accuracy", seed=0, n_resamples=200)
    found = n_seeds_to_see(0.05, paired)
    assert found.records_sd == pytest.approx((paired.records_high - paired.records_low) / 3.92, rel=1e-3)
    assert found.n_seeds >= 2
    single = paired_difference(*(arm[arm["seed"] == 0] for arm in arms), "accuracy", seed=0, n_resamples=50)
    with pytest.raises(InputError, match="two or more; got 1"):
        n_seeds_to_see(0.05, single)
    with pytest.raises(SettingsError, match="difference other than 0"):
        n_seeds_to_see(0, paired)
