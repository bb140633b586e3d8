"""Whether two waveforms are one: aligned to a fraction of a sample, and judged by how long they agree."""

import numpy as np
import pytest
from scipy.interpolate import CubicSpline

from ecgrepro.corpora.signal_fingerprint import RATE
from ecgrepro.corpora.waveform_match import ERROR, allowed_error, match_waveforms, stretch_samples

TIME = np.arange(0, 40, 1 / RATE)


def beats(rng, jitter, seconds=40.0):
    """Times of heartbeats, about one in 0.8 s."""
    return np.cumsum(0.8 + jitter * rng.uniform(-1, 1, round(seconds / 0.8) - 2))


def ecg(times, shape=1.0):
    """A function of time: QRS and T waves at these heartbeats."""

    def draw(time):
        wave = np.zeros_like(time)
        for beat in times:
            wave += np.exp(-0.5 * ((time - beat) / 0.02) ** 2) - 0.3 * np.exp(
                -0.5 * ((time - beat - 0.05) / 0.02) ** 2
            )
            wave += 0.25 * shape * np.exp(-0.5 * ((time - beat - 0.3) / 0.05) ** 2)
        return wave - 0.08  # about the mean

    return draw


@pytest.fixture
def irregular():
    return ecg(beats(np.random.default_rng(1), 0.2))


def compare(a, b, offset=0.0, time=None, **options):
    a, b = (np.atleast_2d(x).astype(np.float32) for x in (a, b))
    return match_waveforms(a, b, 0, 0, offset, max(0.0, offset) + 2 if time is None else time, **options)


@pytest.mark.parametrize("offset", [0.0, 7.1234, -3.4567])
def test_the_offset_is_found_to_a_millisecond(irregular, offset):
    found = compare(irregular(TIME), -3 * irregular(TIME + offset), offset + 0.02)
    assert found.offset == pytest.approx(offset, abs=0.001)
    assert found.correlation < -0.997
    assert found.overlap == pytest.approx(40 - abs(offset), abs=0.1)
    assert found.stretch == pytest.approx(found.overlap / 2, abs=0.02)


@pytest.mark.parametrize(
    ("seconds", "expected"), [(3.9, None), (4, 4), (5, 4), (10, 5), (30, 15), (1800, 30)]
)
def test_half_of_the_overlap_is_compared_within_bounds(seconds, expected):
    found = stretch_samples(round(seconds * RATE))
    assert found == (expected and expected * RATE)


def test_noise_in_less_than_half_does_no_harm(irregular):
    noisy = irregular(TIME)
    noisy[:1700] += np.random.default_rng(0).normal(size=1700)
    assert compare(irregular(TIME), noisy, time=20.0).correlation > 0.999


def test_one_rhythm_of_two_shapes_is_not_one_recording():
    times = 0.5 + 0.8 * np.arange(48)
    steady, other = ecg(times)(TIME), ecg(times, shape=1.8)(TIME)
    assert np.corrcoef(steady, other)[0, 1] > 0.95
    assert compare(steady, other) is None


def test_the_noise_of_a_steady_rhythm_has_to_be_smaller_than_that_of_an_irregular_one(irregular):
    rng = np.random.default_rng(2)
    steady = ecg(0.5 + 0.8 * np.arange(48))(TIME)
    for clean, expected in ((steady, False), (irregular(TIME), True)):
        noisy = clean + 0.2 * clean.std() * rng.normal(size=len(clean))
        assert (compare(clean, noisy) is not None) == expected


def test_a_larger_tolerance_finds_more():
    steady = ecg(0.5 + 0.8 * np.arange(48))(TIME)
    noisy = steady + 0.2 * steady.std() * np.random.default_rng(2).normal(size=len(steady))
    assert compare(steady, noisy, tolerance=2.0) is not None


def test_two_heartbeats_in_common_are_not_enough():
    long, _ = (beats(np.random.default_rng(seed), 0.2) for seed in (3, 4))
    other = np.concatenate([long[:6], long[6:] + 0.15 * np.arange(1, len(long) - 5) / 9])
    assert compare(ecg(long)(TIME), ecg(other)(TIME), time=2.0) is None


def test_recordings_of_several_leads_must_agree_in_two(irregular):
    rng = np.random.default_rng(5)
    own, foreign = CubicSpline(TIME, rng.normal(size=len(TIME))), rng.normal(size=len(TIME))
    a = np.stack([irregular(TIME), own(TIME), np.zeros_like(TIME)])
    assert compare(a, np.stack([irregular(TIME), foreign])) is None
    found = compare(a, np.stack([irregular(TIME), -own(TIME), foreign]))
    assert found.n_leads == 2


def test_a_flat_second_lead_leaves_one_to_agree(irregular):
    a = np.stack([irregular(TIME), np.zeros_like(TIME)])
    assert compare(a, a).n_leads == 1


def test_permuted_leads_are_told_apart(irregular):
    first, second = irregular(TIME), ecg(beats(np.random.default_rng(6), 0.2))(TIME)
    a, b = (np.stack(leads).astype(np.float32) for leads in ((first, second), (second + 0.05 * first, first)))
    found = match_waveforms(a, b, 0, 1, 0.0, 5.0)
    assert (found.lead_a, found.lead_b, found.n_leads) == (0, 1, 2)


@pytest.mark.parametrize("n", [0, 3, 120, 403])
def test_too_little_in_common_is_no_match(irregular, n):
    assert compare(irregular(TIME), irregular(TIME[:n])) is None


def test_a_large_artefact_in_common_is_not_enough(irregular):
    other = ecg(beats(np.random.default_rng(7), 0.2))(TIME)
    artefact = 30 * np.exp(-0.5 * ((TIME - 20) / 0.2) ** 2)
    a, b = irregular(TIME) + artefact, other + artefact
    assert np.corrcoef(a, b)[0, 1] > 0.99
    assert compare(a, b, time=20.0) is None
    assert compare(a, a, time=20.0) is not None


def test_silence_is_no_match():
    assert compare(np.zeros(4000), np.zeros(4000)) is None


def test_the_allowed_error_grows_with_length_up_to_a_bound(irregular):
    x = ecg(0.5 + 0.8 * np.arange(48))(TIME).astype(np.float32)
    assert allowed_error(0.0, x[:400], x[:400]) == pytest.approx(0.004)
    assert allowed_error(0.0, x, x) == ERROR
    assert allowed_error(0.05, x, x) == ERROR
    y = irregular(TIME).astype(np.float32)
    assert allowed_error(0.05, y, y) > 2 * ERROR
