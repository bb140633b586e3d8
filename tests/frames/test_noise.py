"""What is mixed at a ratio measures that ratio, and the published noisy records follow the same convention."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecgrepro.corpora import mitbih_arrhythmia, nstdb
from ecgrepro.errors import InputError, SettingsError
from ecgrepro.frames import noise as module
from ecgrepro.frames.noise import (
    draw_starts,
    measured_snr,
    mix,
    noise_gain,
    noise_part,
    noise_rms,
    normal_beats,
    qrs_amplitude,
)

FS = 250.0
#: The published records, and the ratio each states in its name and its header.
STATED = {"118e24": 24, "118e06": 6, "118e00": 0, "118e_6": -6}
MINUTE = 60 * 360


def ecg(heights, fs=FS, period=200):
    """Triangles of the given heights in mV, a beat every `period` samples: signal (n,), positions."""
    beats = period * np.arange(1, len(heights) + 1)
    signal = np.zeros(period * (len(heights) + 2))
    shape = 1 - np.abs(np.arange(-5, 6)) / 5
    for beat, height in zip(beats, heights, strict=True):
        signal[beat - 5 : beat + 6] = height * shape
    return signal, beats


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture(scope="module")
def clean(real):
    (record,) = mitbih_arrhythmia.Reader(real("mitbih_arrhythmia")).read("118")
    return record


def test_amplitude_is_the_mean_of_the_middle_nine_tenths_of_three_hundred_beats():
    heights = np.concatenate([np.linspace(1, 3, 300), np.full(50, 90.0)])
    signal, beats = ecg(np.random.default_rng(0).permutation(heights[:300]).tolist() + heights[300:].tolist())
    expected = np.sort(heights[:300])[15:285].mean()
    assert qrs_amplitude(signal, beats, FS).tolist() == [pytest.approx(expected)]
    # too few to discard any: 19 // 20 = 0
    assert qrs_amplitude(signal, beats[:19], FS)[0] == pytest.approx(signal[beats[:19]].mean())


@pytest.mark.parametrize(("fs", "half"), [(360, 18), (250, 13), (125, 6), (1000, 50)])
def test_the_window_ends_fifty_milliseconds_from_the_annotation(fs, half):
    signal, beats = np.zeros(4000), [2000]
    signal[2000] = 1.0
    signal[[2000 - half - 1, 2000 + half + 1]] = 70.0
    assert qrs_amplitude(signal, beats, fs)[0] == 1.0
    signal[2000 + half] = 2.0
    signal[2000 - half] = -1.0
    assert qrs_amplitude(signal, beats, fs)[0] == 3.0


def test_beats_too_near_to_an_end_are_passed_over():
    signal, beats = ecg([1.0, 2.0])
    assert qrs_amplitude(signal, [3, *beats, len(signal) - 2, len(signal) + 9], FS)[0] == 1.5


def test_rms_is_about_each_seconds_own_mean_over_three_hundred_seconds(rng):
    scale = rng.permutation(np.linspace(1, 2, 300))
    wave = np.sqrt(2) * np.sin(2 * np.pi * 10 * np.arange(250) / 250)
    noise = (scale[:, None] * wave + rng.normal(0, 50, (300, 1))).reshape(-1)
    expected = np.sort(scale)[15:285].mean()
    assert noise_rms(noise, FS)[0] == pytest.approx(expected)
    # what comes after, and a last second that is not whole, is not looked at
    assert noise_rms(np.concatenate([noise, 90 * noise]), FS)[0] == pytest.approx(expected)
    assert noise_rms(np.concatenate([noise[:500], [9e9] * 249]), FS)[0] == pytest.approx(scale[:2].mean())


def test_the_gain_is_that_of_the_program():
    # RMS of the noise to peak-to-peak amplitude is sqrt(2)/4 at 0 dB, a sine's ratio
    assert noise_gain(4.0, 1.0, 0) == pytest.approx(np.sqrt(2))
    assert noise_gain(4.0, 1.0, -6) / noise_gain(4.0, 1.0, 24) == pytest.approx(10 ** (30 / 20))
    assert measured_snr(4.0, noise_gain(4.0, 1.0, 13.5)) == pytest.approx(13.5)
    sine = np.sin(2 * np.pi * 5 * np.arange(2500) / 250)
    assert measured_snr(np.ptp(sine), noise_rms(sine, FS)) == pytest.approx(0, abs=0.05)


@given(st.floats(-30, 60), st.integers(1, 4), st.integers(1, 3), st.floats(0.01, 100))
def test_what_is_mixed_measures_the_stated_ratio(snr, leads, channels, scale):
    rng = np.random.default_rng(1)
    one, beats = ecg(rng.uniform(0.5, 2, 20))
    signal = one[:, None] * np.arange(1, leads + 1)
    noise = scale * rng.normal(3, 1, (len(signal), channels)).cumsum(axis=0)
    mixed = mix(signal, noise, snr, beats=beats, fs=FS)
    found = measured_snr(qrs_amplitude(signal, beats, FS), noise_rms(mixed - signal, FS))
    np.testing.assert_allclose(found, snr, atol=1e-6)
    assert (mixed.dtype, mixed.shape) == (np.float64, signal.shape)


def test_noise_sets_in_without_a_step_and_channels_take_turns(rng):
    one, beats = ecg([1.0] * 5)
    signal, noise = np.stack([one, 2 * one, 3 * one], axis=1), rng.normal(7, 1, (2000, 2))
    mixed = mix(signal, noise, 6, beats=beats, fs=FS, start=100)
    np.testing.assert_array_equal(mixed[0], signal[0])
    added = mixed - signal
    np.testing.assert_allclose(added[:, 2], 3 * added[:, 0], atol=1e-12)  # three times the amplitude
    correlation = np.corrcoef(np.column_stack([added, noise[100 : 100 + len(one)]]).T)
    np.testing.assert_allclose(correlation[:3, 3:], [[1, 0], [0, 1], [1, 0]], atol=0.1)


def test_one_lead_may_come_without_a_lead_axis(rng):
    signal, beats = ecg([1.0] * 5)
    noise = rng.normal(size=len(signal))
    mixed = mix(signal, noise, 6, beats=beats, fs=FS)
    assert mixed.shape == signal.shape
    expected = mix(signal[:, None], noise[:, None], 6, beats=beats, fs=FS)
    np.testing.assert_array_equal(mixed, expected[:, 0])


def test_pieces_mixed_with_the_records_rms_share_one_gain(rng):
    signal, beats = ecg([1.0] * 5)
    noise = rng.normal(size=20_000) * np.repeat([1.0, 4.0], 10_000)  # louder in its second half
    rms = noise_rms(noise, FS)
    quiet, loud = (mix(signal, noise, 6, beats=beats, fs=FS, start=start, rms=rms) for start in (0, 15_000))
    amplitude = qrs_amplitude(signal, beats, FS)
    difference = np.subtract(
        *(measured_snr(amplitude, noise_rms(mixed - signal, FS)) for mixed in (quiet, loud))
    )
    assert difference[0] == pytest.approx(20 * np.log10(4), abs=0.5)
    np.testing.assert_array_equal(quiet, mix(signal, noise, 6, beats=beats, fs=FS))


def test_mixing_changes_nothing_it_was_given_and_repeats(rng):
    signal, beats = ecg([1.0] * 5)
    noise = rng.normal(size=(3000, 2))
    before = signal.copy(), noise.copy()
    first, second = (mix(signal, noise, 3, beats=beats, fs=FS) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    np.testing.assert_array_equal(signal, before[0])
    np.testing.assert_array_equal(noise, before[1])


def test_what_has_no_ratio_is_refused(rng):
    signal, beats = ecg([1.0] * 5)
    noise = rng.normal(size=(3000, 2))
    given = {"beats": beats, "fs": FS}
    flat = noise * [1, 0] + 0.1
    for bad in (np.zeros((3000, 2)), flat, noise * [1, 0]):
        with pytest.raises(InputError, match="noise: expected a root mean square above"):
            mix(signal, bad, 6, **given)
    with pytest.raises(InputError, match="QRS amplitude above"):
        mix(np.full(1000, 0.3), noise, 6, **given)
    for positions in ([], [3], [len(signal)]):
        with pytest.raises(InputError, match="at least one beat"):
            mix(signal, noise, 6, beats=positions, fs=FS)
    for place in ("signal", "noise"):
        values = {"signal": signal.copy(), "noise": noise.copy()}
        values[place][5] = np.nan
        with pytest.raises(InputError, match="finite"):
            mix(values["signal"], values["noise"], 6, **given)
    with pytest.raises(InputError, match="a second, 250 samples; got 249"):
        noise_rms(noise[:249], FS)


def test_impossible_settings_are_refused(rng):
    signal, beats = ecg([1.0] * 5)
    noise = rng.normal(size=(3000, 2))
    for snr in (np.nan, np.inf, -1e9):
        with pytest.raises(SettingsError, match="-200 to 200 dB"):
            mix(signal, noise, snr, beats=beats, fs=FS)
    for start in (-1, 3000 - len(signal) + 1):
        with pytest.raises(SettingsError, match="samples of noise from it on"):
            mix(signal, noise, 6, beats=beats, fs=FS, start=start)
    mix(signal, noise, 6, beats=beats, fs=FS, start=3000 - len(signal))
    for rate in (0, -1, np.nan, np.inf):
        with pytest.raises(SettingsError, match="sampling rate"):
            mix(signal, noise, 6, beats=beats, fs=rate)
    for rms in (1.0, [1.0], [1.0, 1.0, 1.0]):
        with pytest.raises(SettingsError, match="each of 2 channels"):
            mix(signal, noise, 6, beats=beats, fs=FS, rms=rms)
    with pytest.raises(InputError, match="root mean square above"):
        mix(signal, noise, 6, beats=beats, fs=FS, rms=[1.0, 0.0])


def test_ventricular_and_undefined_beats_are_not_measured():
    assert normal_beats([10, 20, 30, 40, 50], np.array([0, 1, 2, 3, 4], np.int8)).tolist() == [20, 30, 40]


def test_training_and_validation_share_no_sample_of_the_noise(make_record):
    record = make_record("bw", n_samples=1001)
    parts = [noise_part(record, record.fs, part, share=0.3) for part in module.PARTS]
    assert [len(part) for part in parts] == [300, 701]
    for part, own in zip(parts, (slice(0, 300), slice(300, None)), strict=True):
        expected = record.millivolts()[own]
        np.testing.assert_allclose(part, expected - expected.mean(axis=0))


def test_a_part_is_brought_to_another_rate_without_the_other_parts_samples(make_record):
    record = make_record("ma", n_samples=1000)
    changed = record.signal.copy()
    changed[500:] = 32_000
    other = make_record("ma", signal=changed)
    found = [noise_part(each, 250.0, "training") for each in (record, other)]
    assert len(found[0]) == 500 * 250 / 100
    np.testing.assert_array_equal(*found)


def test_parts_that_do_not_exist_are_refused(make_record):
    record = make_record("ma", n_samples=3)
    with pytest.raises(SettingsError, match="training, validation"):
        noise_part(record, 100.0, "test")
    for share in (0, 1, -0.5, np.nan):
        with pytest.raises(SettingsError, match="share"):
            noise_part(record, 100.0, "training", share)
    with pytest.raises(InputError, match="ma: expected samples for training"):
        noise_part(record, 100.0, "training", 0.1)
    with pytest.raises(SettingsError, match="positive rate"):
        noise_part(record, 0.0, "training")


def test_pieces_are_drawn_evenly_and_the_same_from_the_same_seed():
    starts = draw_starts(100, 98, 3000, np.random.default_rng(4))
    assert np.bincount(starts).tolist() == pytest.approx([1000] * 3, rel=0.1)
    np.testing.assert_array_equal(starts, draw_starts(100, 98, 3000, np.random.default_rng(4)))
    assert draw_starts(100, 100, 2, np.random.default_rng(4)).tolist() == [0, 0]
    for length in (0, 101):
        with pytest.raises(SettingsError, match="1 to 100 samples"):
            draw_starts(100, length, 1, np.random.default_rng(4))


def test_baseline_wander_alone_is_never_low_quality():
    assert set(module.LOW_QUALITY_KINDS) == set(nstdb.NOISE_KINDS) - {"bw"}


def published_noise(real, clean, name):
    """What was added to 118 in a published record, in mV (n_samples, 2), and in which samples."""
    (mixed,) = nstdb.Reader(real("nstdb")).read(name)
    starts = np.arange(5 * MINUTE, len(mixed.signal), 4 * MINUTE)
    noisy = [slice(start, start + 2 * MINUTE - 1) for start in starts]
    return mixed.millivolts() - clean.millivolts(), noisy


def test_published_records_differ_by_the_gains_of_their_ratios(real, clean):
    reference, noisy = published_noise(real, clean, "118e_6")
    for name, snr in STATED.items():
        added, _ = published_noise(real, clean, name)
        for lead in range(2):
            slopes = [np.polyfit(reference[span, lead], added[span, lead], 1)[0] for span in noisy]
            expected = noise_gain(1, 1, snr) / noise_gain(1, 1, -6)
            # they are whole ADC units: 1 unit in the 60 of 118e24's noise
            np.testing.assert_allclose(slopes, expected, rtol=0.01)
            assert 20 * np.log10(np.median(slopes) / expected) == pytest.approx(0, abs=0.03)


def test_published_records_measure_what_they_state_as_far_as_their_noise_is_steady(real, clean):
    amplitude = qrs_amplitude(clean.millivolts(), normal_beats(clean.beat_positions, clean.beat_classes), 360)
    for name, snr in STATED.items():
        added, noisy = published_noise(real, clean, name)
        # whole seconds of all noisy minutes; the ratio was set on the noise of the first five, which nobody sees here
        seconds = np.concatenate([added[span][: len(added[span]) // 360 * 360] for span in noisy])
        windows = np.sort(seconds.reshape(-1, 360, 2).std(axis=1), axis=0)
        cut = len(windows) // 20
        found = measured_snr(amplitude, windows[cut:-cut].mean(axis=0))
        # V1's noise is steady, MLII's is not: if the gain is that of the convention, its first five minutes are as loud
        # as minutes 17 to 19 and 29 to 30, and 4.7 to 6.5 dB below the other ten noisy ones
        np.testing.assert_allclose(found - snr, [-4.53, 0.49], atol=0.06)
        quiet = [measured_snr(amplitude, noise_rms(added[noisy[i]], 360))[0] for i in (3, 6)]
        np.testing.assert_allclose(quiet, snr, atol=0.3)


def test_published_gains_are_ours_where_the_noise_itself_is_at_hand(real, clean):
    folder = real("nstdb")
    if not (folder / "em.dat").exists():
        pytest.skip("real recordings not at hand: NSTDB's em, whose first five minutes set the gains")
    (em,) = nstdb.Reader(folder).read("em")
    amplitude = qrs_amplitude(clean.millivolts(), normal_beats(clean.beat_positions, clean.beat_classes), 360)
    ours = noise_gain(amplitude, noise_rms(em.millivolts(), 360), -6)
    added, noisy = published_noise(real, clean, "118e_6")
    for lead in range(2):
        slope = np.polyfit(em.millivolts()[noisy[0], lead], added[noisy[0], lead], 1)[0]
        # `nst` cuts deviations to whole ADC units, which makes its gains up to 0.4 dB larger
        assert -0.05 < 20 * np.log10(slope / ours[lead]) < 0.4
