import pytest

from ecgrepro.errors import InputError, SettingsError
from ecgrepro.evaluation.comparison import equivalence
from ecgrepro.evaluation.flatness import flat_after

SETTINGS = {"seed": 0, "n_resamples": 300}


@pytest.fixture
def arms(build_arm):
    """Sizes 100, 0, 50, 10: out of order on purpose."""
    accuracies = (0.8, 0.6, 0.8, 0.78)
    return [build_arm([a] * 5, arm_seed=i, shared=0.97, n_records=400) for i, a in enumerate(accuracies)]


def test_every_arm_from_the_size_on_is_compared_with_the_largest(arms):
    result = flat_after(arms, [100, 0, 50, 10], "accuracy", 10, 0.1, **SETTINGS)
    assert result.comparisons["size"].tolist() == [10, 50]
    expected = [equivalence(arms[0], arms[i], "accuracy", 0.1, **SETTINGS) for i in (3, 2)]
    for row, made in zip(result.comparisons.itertuples(), expected, strict=True):
        assert (row.difference, row.low, row.high) == (
            made.difference.estimate, made.difference.low, made.difference.high,
        )  # fmt: skip
        assert row.p == made.test.p
    assert result.estimate == expected[0].difference.estimate
    assert result.low == min(made.difference.low for made in expected)
    assert result.high == max(made.difference.high for made in expected)
    assert result.p == max(made.test.p for made in expected)
    assert (result.level, result.n_seeds, result.n_records) == (0.9, 5, 2000)


def test_one_arm_outside_the_margin_is_enough_against_it(arms):
    sizes = [100, 0, 50, 10]
    assert flat_after(arms, sizes, "accuracy", 50, 0.05, **SETTINGS).within_margin
    everything = flat_after(arms, sizes, "accuracy", 0, 0.05, **SETTINGS)
    assert not everything.within_margin
    assert everything.p > 0.9
    assert everything.estimate > 0.1


@pytest.mark.parametrize(
    ("sizes", "size", "message"),
    [
        ([100, 0, 50], 50, r"one size per arm \(4\)"),
        ([100, 0, 50, 10], 20, "20 among them"),
        ([100, 0, 50, 10], 100, "not the largest"),
        ([100, 0, 100, 10], 10, "2 arms of size 100"),
    ],
)
def test_sizes_that_leave_nothing_to_compare_are_refused(arms, sizes, size, message):
    with pytest.raises(InputError, match=message):
        flat_after(arms, sizes, "accuracy", size, 0.02, **SETTINGS)


def test_one_seed_or_no_margin_or_other_records_are_refused(arms):
    single = [arm[arm["seed"] == 0] for arm in arms]
    with pytest.raises(InputError, match="two or more; got 1"):
        flat_after(single, [100, 0, 50, 10], "accuracy", 10, 0.02, **SETTINGS)
    with pytest.raises(SettingsError, match="above 0"):
        flat_after(arms, [100, 0, 50, 10], "accuracy", 10, 0, **SETTINGS)
    with pytest.raises(InputError, match="same records"):
        flat_after(
            [arms[0], *(arm.iloc[1:] for arm in arms[1:])], [100, 0, 50, 10], "accuracy", 10, 0.02, seed=0
        )
