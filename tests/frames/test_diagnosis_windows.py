"""Crops and windows lie where the benchmark has them, and one answer comes of many."""

import numpy as np
import pytest
from scipy.special import expit, logit

from ecgrepro.errors import InputError, SettingsError
from ecgrepro.frames.diagnosis_windows import (
    aggregate,
    centre_crops,
    cut_windows,
    random_crops,
    window_starts,
    windows_recorded,
)

#: Sample t of lead l of input i is 1000 i + 10 t + l.
INPUTS = (1000 * np.arange(3)[:, None, None] + 10 * np.arange(8)[:, None] + np.arange(2)).astype(np.float32)


def rng():
    return np.random.default_rng(0)


def test_random_crops_are_stretches_of_their_rows_at_every_start():
    rows = np.repeat([2, 0], 200)
    crops = random_crops(INPUTS, rows, 3, rng())
    assert (crops.shape, crops.dtype) == ((400, 3, 2), np.float32)
    starts = (crops[:, 0, 0] % 1000) // 10
    np.testing.assert_array_equal(crops[:, 0, 0] // 1000, rows)
    np.testing.assert_array_equal(crops[:, :, 1] - crops[:, :1, 0], np.tile([1, 11, 21], (400, 1)))
    assert np.unique(starts).tolist() == [0, 1, 2, 3, 4, 5]
    assert np.bincount(starts.astype(int)).min() > 40


def test_random_crops_depend_on_the_generator_alone():
    first, again = (random_crops(INPUTS, np.arange(3), 2, rng()) for _ in range(2))
    np.testing.assert_array_equal(first, again)
    np.testing.assert_array_equal(random_crops(INPUTS, [1], 8, rng())[0], INPUTS[1])


def test_crops_lie_within_what_was_recorded():
    recorded = np.array([8, 5, 2])
    crops = random_crops(INPUTS, np.repeat([1, 2], 100), 4, rng(), recorded)
    starts = (crops[:, 0, 0] % 1000) // 10
    assert np.unique(starts[:100]).tolist() == [0, 1]
    # shorter than a crop: from its beginning, zeros included
    assert set(starts[100:]) == {0}
    middle = centre_crops(INPUTS, np.arange(3), 3, recorded)
    assert ((middle[:, 0, 0] % 1000) // 10).tolist() == [2, 1, 0]


def test_the_centre_is_the_projects():
    np.testing.assert_array_equal(centre_crops(INPUTS, [1], 3)[0], INPUTS[1, 2:5])
    values = np.arange(5000.0)[None, :, None]
    assert centre_crops(values, [0], 1250)[0, 0, 0] == 1875


def test_windows_are_the_benchmarks():
    assert window_starts(1000, 250, 125).tolist() == [0, 125, 250, 375, 500, 625, 750]
    assert window_starts(5000, 1250, 625)[-1] == 3750
    assert window_starts(7, 7, 1).tolist() == [0]
    assert window_starts(8, 3, 2).tolist() == [0, 2, 4]


def test_windows_are_cut_from_every_row():
    starts = window_starts(8, 4, 2)
    found = cut_windows(INPUTS, [2, 0], starts, 4)
    assert found.shape == (2, 3, 4, 2)
    for i, row in enumerate([2, 0]):
        for k, start in enumerate(starts):
            np.testing.assert_array_equal(found[i, k], INPUTS[row, start : start + 4])


def test_windows_that_reach_into_added_zeros_are_told():
    found = windows_recorded([8, 6, 5, 1], [0, 2, 4], 4)
    assert found.tolist() == [[True] * 3, [True, True, False], [True, False, False], [True, False, False]]


def test_the_highest_probability_is_that_of_the_highest_logit():
    logits = np.random.default_rng(1).normal(size=(4, 7, 3)).astype(np.float32)
    found = aggregate(logits)
    assert (found.shape, found.dtype) == ((4, 3), np.float32)
    np.testing.assert_allclose(expit(found), expit(logits).max(axis=1), rtol=1e-6)


def test_the_mean_is_that_of_probabilities():
    found = aggregate(np.array([[[0.0], [np.log(3)]]]), "mean")
    # (1/2 + 3/4) / 2 = 5/8
    assert found[0, 0] == pytest.approx(np.log(5 / 3))
    logits = np.random.default_rng(2).normal(scale=4, size=(5, 7, 3))
    np.testing.assert_allclose(aggregate(logits, "mean"), logit(expit(logits).mean(axis=1)), rtol=1e-9)


def test_only_windows_that_count_are_taken():
    logits = np.array([[[1.0, -5.0], [2.0, 0.0], [9.0, 9.0]]])
    counted = np.array([[True, True, False]])
    assert aggregate(logits, "max", counted).tolist() == [[2.0, 0.0]]
    np.testing.assert_allclose(aggregate(logits, "mean", counted), aggregate(logits[:, :2], "mean"))


@pytest.mark.parametrize("how", ["max", "mean"])
def test_extreme_logits_stay_finite(how):
    for pair in ([1e4, 1e4], [-1e4, -1e4], [1e4, -1e4], [800.0, 0.0]):
        found = aggregate(np.array(pair, np.float32)[None, :, None], how)
        assert np.isfinite(found).all()
    assert aggregate(np.full((1, 7, 1), -1e4), how)[0, 0] == pytest.approx(-1e4)
    # certain in one of two windows: one half
    assert aggregate(np.array([[[1e4], [-1e4]]]), "mean")[0, 0] == pytest.approx(0)


@pytest.mark.parametrize(
    "wrong", [np.zeros((2, 3)), np.zeros((2, 0, 3)), np.full((2, 1, 1), np.inf), np.zeros((1, 1, 1), int)]
)
def test_logits_that_are_none_are_refused(wrong):
    with pytest.raises(InputError, match="logits"):
        aggregate(wrong)


def test_impossible_crops_windows_and_ways_are_refused():
    with pytest.raises(SettingsError, match="aggregate"):
        aggregate(np.zeros((1, 1, 1)), "median")
    for counted in (np.zeros((1, 2), bool), np.ones((1, 3), bool)):
        with pytest.raises(InputError, match="counted"):
            aggregate(np.zeros((1, 2, 1)), "max", counted)
    for window, stride in ((9, 1), (0, 1), (4, 0)):
        with pytest.raises(SettingsError, match="windows"):
            window_starts(8, window, stride)
    with pytest.raises(InputError, match="windows"):
        cut_windows(INPUTS, [0], [5], 4)
    with pytest.raises(InputError, match="shorter"):
        random_crops(INPUTS, [0], 9, rng())
    with pytest.raises(SettingsError, match="crop"):
        centre_crops(INPUTS, [0], 0)
    for rows in ([3], [-1], [[0]]):
        with pytest.raises(InputError, match="rows"):
            random_crops(INPUTS, rows, 3, rng())
