"""Length, rate, band and scale of an interval, and the cutting of whole recordings."""

import numpy as np
import pytest

from ecgrepro.errors import SettingsError
from ecgrepro.frames.interval_input import DEVICE_BAND, IntervalInput, cut_recording, standardise
from ecgrepro.frames.resample import resample

HOW = IntervalInput()


def test_an_interval_is_five_seconds_at_250_hz():
    assert (HOW.length, HOW.samples(300), HOW.samples(360), HOW.samples(128)) == (1250, 1500, 1800, 640)
    assert (HOW.band, HOW.standardised) == (None, False)


def test_a_recording_is_resampled_whole_then_cut():
    values = np.random.default_rng(0).normal(size=4600)
    found = cut_recording(values, 300, HOW)
    expected = resample(values - values.mean(), 300, 250) + values.mean()
    np.testing.assert_allclose(found, expected[:3750].reshape(3, 1250))
    assert cut_recording(values[:1499], 300, HOW).shape == (0, 1250)


def test_a_flat_interval_is_standardised_to_zeros():
    assert (standardise(np.full((2, 9), 0.1)) == 0).all()


def test_an_offset_stays_and_does_not_ring_at_the_ends():
    np.testing.assert_allclose(cut_recording(np.full(3000, 5.0), 300, HOW), 5.0)


def test_a_band_passes_what_lies_in_it_and_removes_drift_and_offset():
    time = np.arange(1250) / 250
    inside, above = np.sin(2 * np.pi * 8 * time), np.sin(2 * np.pi * 90 * time)
    found = IntervalInput(band=DEVICE_BAND).finish((inside + above + 0.3 * time + 2)[None])
    assert (found.dtype, found.shape) == (np.float32, (1, 1250))
    # the bends of the drift's mirror image leave a little at the ends
    np.testing.assert_allclose(found[0], inside, atol=0.3)
    np.testing.assert_allclose(found[0, 125:700], inside[125:700], atol=0.05)


@pytest.mark.parametrize("band", [(0, 40), (40, 0.5), (0.5, 125)])
def test_an_impossible_band_is_refused(band):
    with pytest.raises(SettingsError, match="band: expected two ascending frequencies between 0 and 125 Hz"):
        IntervalInput(band=band).finish(np.zeros((1, 1250)))


def test_no_interval_passes_a_band_too():
    assert IntervalInput(band=DEVICE_BAND).finish(np.empty((0, 1250))).shape == (0, 1250)
