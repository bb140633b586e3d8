"""The fingerprint of one recording: what leaves it as it is, and what has none."""

import numpy as np
import pytest
from scipy.signal import resample_poly

from ecgrepro.corpora.signal_fingerprint import (
    DIMENSIONS,
    RATE,
    find_anchors,
    fingerprint_signal,
    waveform,
)
from ecgrepro.corpora.synthetic import simulate_handheld


@pytest.fixture(scope="module")
def recording():
    """A synthetic recording of 30 s at 300 Hz: int16 (9000, 1)."""
    return simulate_handheld(5, 2).signal[:9000]


def match(first, second, offset=0.0):
    """Cosines and differences of keys of the windows of one lead at the same time."""
    _, _, time, key, vector = first
    _, _, other_time, other_key, other_vector = second
    nearest = np.abs(time[None] - other_time[:, None] - offset).argmin(axis=1)
    together = np.abs(time[nearest] - other_time - offset) < 0.03
    cosine = (vector[nearest].astype(np.float64) * other_vector).sum(axis=1)
    return cosine[together], np.abs(key[nearest] - other_key)[together], together.mean()


@pytest.mark.parametrize("n_samples", [9000, 8999])
def test_shapes_units_and_lengths(recording, n_samples):
    wave, lead, time, key, vector = fingerprint_signal(recording[:n_samples], 300.0)
    assert wave.shape == (1, 3000)
    assert vector.shape == (len(time), DIMENSIONS)
    assert (lead == 0).all()
    assert (wave.dtype, time.dtype, key.dtype, vector.dtype) == (np.float32,) * 3 + (np.float16,)
    assert ((time > 0) & (time < 30)).all()
    assert ((key > 0.2) & (key < 3)).all()
    np.testing.assert_allclose(np.linalg.norm(vector.astype(np.float64), axis=1), 1, atol=2e-3)


@pytest.mark.parametrize("fs", [100, 128, 250, 300, 360, 500, 1000])
def test_the_pass_band_is_the_same_at_every_rate(fs):
    time = np.arange(20 * fs) / fs
    for frequency, low, high in ((8, 0.95, 1.05), (20, 0.35, 0.65), (35, 0, 0.03), (0.15, 0, 0.1)):
        wave = waveform(1000 * np.sin(2 * np.pi * frequency * time)[:, None], fs)[0, 500:1500]
        assert low < np.std(wave) * np.sqrt(2) / 1000 < high


@pytest.mark.parametrize("fs", [100, 128, 250, 300, 360, 500, 257])
def test_nothing_moves_in_time(fs):
    time = np.arange(10 * fs) / fs
    wave = waveform(1000 * np.exp(-0.5 * ((time - 5) / 0.03) ** 2)[:, None], fs)[0]
    centre = np.average(np.arange(470, 531), weights=wave[470:531] - wave[470]) / RATE
    assert abs(centre - 5) < 0.002


def test_gain_offset_and_polarity_leave_it_as_it_is(recording):
    changed = (-0.5 * recording + 1000).astype(np.int16)
    cosine, keys, share = match(fingerprint_signal(recording, 300.0), fingerprint_signal(changed, 300.0))
    assert share == 1
    assert cosine.max() < -0.999
    assert keys.max() < 0.003


@pytest.mark.parametrize("fs", [100, 125, 128, 250, 360, 500])
def test_another_rate_leaves_it_nearly_as_it_is(recording, fs):
    resampled = np.rint(resample_poly(recording.astype(float), fs, 300, axis=0, padtype="line")).astype(
        np.int16
    )
    cosine, keys, share = match(fingerprint_signal(recording, 300.0), fingerprint_signal(resampled, fs))
    assert share > 0.95
    assert np.quantile(cosine, 0.1) > 0.995
    assert np.quantile(keys, 0.9) < 0.004


def test_a_crop_and_noise_leave_most_of_it(recording):
    noise = np.random.default_rng(0).normal(size=(3000, 1)) * recording.std() * 0.1
    piece = np.rint(recording[2011:5011] + noise).astype(np.int16)
    cosine, keys, share = match(
        fingerprint_signal(recording, 300.0), fingerprint_signal(piece, 300.0), 2011 / 300
    )
    assert share > 0.8
    assert np.quantile(cosine, 0.2) > 0.98
    assert np.quantile(keys, 0.8) < 0.006


def test_every_lead_has_windows_of_its_own(recording):
    three = np.column_stack([recording, np.zeros_like(recording), -2 * recording])
    _, lead, *_ = fingerprint_signal(three, 300.0)
    assert set(lead) == {0, 2}


@pytest.mark.parametrize(
    "signal",
    [
        np.zeros((9000, 2), np.int16),
        np.full((9000, 1), -32768, np.int16),
        np.tile(np.array([[3], [4]], np.int16), (4500, 1)),
        np.zeros((1, 1), np.int16),
        np.arange(200, dtype=np.int16)[:, None],
        np.repeat(np.array([0, 20_000], np.int16), 4500)[:, None],
    ],
    ids=[
        "flat",
        "on the rail",
        "one step of the converter",
        "one sample",
        "shorter than a window",
        "one step",
    ],
)
def test_what_has_no_two_heartbeats_has_no_window(signal):
    wave, lead, time, key, vector = fingerprint_signal(signal, 300.0)
    assert len(lead) == len(time) == len(key) == len(vector) == 0
    assert np.isfinite(wave).all()


@pytest.mark.parametrize("fs", [0.5, 39.0, 20_001.0, 1e9])
def test_a_rate_that_is_none_gives_no_window(recording, fs):
    wave, lead, *_ = fingerprint_signal(recording, fs)
    assert wave.shape == (1, 0)
    assert len(lead) == 0


def test_full_range_noise_is_no_problem():
    signal = np.random.default_rng(0).choice(np.array([-32768, 32767], np.int16), (3000, 1))
    wave, _, _, _, vector = fingerprint_signal(signal, 250.0)
    assert np.isfinite(wave).all()
    assert np.isfinite(vector).all()


def test_anchors_lie_between_samples():
    time = np.arange(1000) / RATE
    waves = [np.exp(-0.5 * ((time - 5 - shift) / 0.03) ** 2) * 1000 for shift in (0, 0.004)]
    first, second = (find_anchors(wave[None].astype(np.float32))[1] for wave in waves)
    assert second[0] - first[0] == pytest.approx(0.4, abs=0.05)
