"""Crops and windows lie where the benchmark has them, and one answer comes of many."""

import numpy as np
import pytest
from scipy.special import expit, logit

from ecgrepro.errors import InputError, SettingsError
from ecgrepro.frames.diagnosis_windows import aggregate, crop_starts, window_starts, windows_recorded


def starts_of(recorded, length):
    return crop_starts(np.asarray(recorded), length, np.random.default_rng(0))


def test_a_crop_starts_anywhere_it_fits():
    starts = starts_of([8] * 400, 3)
    assert (starts.shape, starts.dtype) == ((400,), np.int64)
    assert np.unique(starts).tolist() == [0, 1, 2, 3, 4, 5]
    assert np.bincount(starts).min() > 40


def test_crop_starts_depend_on_the_generator_alone():
    np.testing.assert_array_equal(starts_of([8, 9, 10], 2), starts_of([8, 9, 10], 2))
    assert starts_of([8], 8).tolist() == [0]


def test_crops_lie_within_what_was_recorded():
    assert np.unique(starts_of([5] * 100, 4)).tolist() == [0, 1]
    # shorter than a crop: from its beginning, zeros included
    assert starts_of([2], 4).tolist() == [0]
    assert crop_starts([8, 5, 2], 3).tolist() == [2, 1, 0]


def test_the_centre_is_the_projects():
    assert crop_starts([5000], 1250).tolist() == [1875]


def test_windows_are_the_benchmarks():
    assert window_starts(1000, 250, 125).tolist() == [0, 125, 250, 375, 500, 625, 750]
    assert window_starts(5000, 1250, 625)[-1] == 3750
    assert window_starts(7, 7, 1).tolist() == [0]
    assert window_starts(8, 3, 2).tolist() == [0, 2, 4]


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
    with pytest.raises(SettingsError, match="crop"):
        crop_starts([8], 0)
