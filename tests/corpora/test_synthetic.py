"""The simulator: beats where it says, rhythms that differ as they should, and the same record every time."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from scipy.signal import welch

from ecgrepro.corpora.quality import check_record
from ecgrepro.corpora.synthetic import (
    ADC_LIMIT,
    HANDHELD,
    HOLTER,
    draw_label,
    simulate_handheld,
    simulate_holter,
    to_adc,
)
from ecgrepro.corpora.synthetic_noise import SILENT, mains
from ecgrepro.corpora.synthetic_rhythm import (
    ABERRATED,
    FIBRILLATION,
    FLUTTER,
    NOISE,
    NORMAL,
    PAC,
    PVC,
    SINUS,
    UNDEFINED,
)
from ecgrepro.corpora.synthetic_signal import fibrillatory_waves, sum_gaussians
from ecgrepro.errors import SettingsError

N_SAMPLES = 65_536


def only(rhythm, **changes):
    """The Holter domain in one rhythm throughout, without noise."""
    share = tuple(float(kind == rhythm) for kind in range(6))
    return replace(HOLTER, levels=SILENT, rhythm_share=share, **changes)


def holter(rhythm, patient=0, **changes):
    return simulate_holter(3, patient, N_SAMPLES, domain=only(rhythm, **changes))


@pytest.fixture(scope="module")
def patients():
    return [simulate_holter(5, patient, N_SAMPLES) for patient in range(24)]


@pytest.fixture(scope="module")
def handheld():
    return [simulate_handheld(5, index) for index in range(120)]


@pytest.mark.parametrize("patient", range(8))
def test_beats_sit_on_the_r_peak(patient):
    record = holter(SINUS, patient, ectopy=(0.1, 0.1, 0.1))
    signal, reach = np.abs(record.signal[:, 0].astype(int)), 15
    inner = (record.beat_positions > reach) & (record.beat_positions < N_SAMPLES - reach)
    windows = signal[record.beat_positions[inner][:, None] + np.arange(-reach, reach + 1)]
    assert inner.sum() > 100
    assert np.abs(windows.argmax(axis=1) - reach).max() <= 2


def test_beats_sit_on_the_r_peak_in_noise(patients):
    found = []
    for record in patients:
        beats = record.beat_positions[(record.rhythm_classes != NOISE) & (record.beat_positions > 15)]
        beats = beats[beats < N_SAMPLES - 15]
        windows = record.signal[beats[:, None] + np.arange(-15, 16), 0].astype(float)
        height = np.abs(windows - np.median(windows, axis=1, keepdims=True))
        found.append(np.abs(height.argmax(axis=1) - 15) <= 2)
    assert np.concatenate(found).mean() > 0.95


def test_beats_are_ordered_and_within_the_signal(patients, handheld):
    for record in [*patients, *handheld]:
        check_record(record)
        assert (np.diff(record.beat_positions) > 0.2 * record.fs).all()


@pytest.mark.parametrize("patient", range(4))
def test_fibrillation_is_irregular_and_sinus_rhythm_is_not(patient):
    def variation(rhythm):
        intervals = np.diff(holter(rhythm, patient, ectopy=(0, 0, 0)).beat_positions)
        return intervals.std() / intervals.mean()

    assert variation(SINUS) < 0.09
    assert variation(FIBRILLATION) > 0.18


def test_successive_intervals_in_fibrillation_are_uncorrelated():
    intervals = np.concatenate([np.diff(holter(FIBRILLATION, 0, stream=k).beat_positions) for k in range(4)])
    assert abs(np.corrcoef(intervals[:-1], intervals[1:])[0, 1]) < 0.12


def test_sinus_intervals_follow_breathing():
    record = holter(SINUS, 1, ectopy=(0, 0, 0))
    times, intervals = record.beat_positions[1:] / 250, np.diff(record.beat_positions) / 250
    even = np.interp(np.arange(times[0], times[-1], 0.25), times, intervals)
    frequency, power = welch(even - even.mean(), 4, nperseg=512)
    breathing = (frequency > 0.18) & (frequency < 0.36)
    assert power[breathing].max() > 5 * power[frequency > 0.45].max()


def test_flutter_conducts_every_so_many_waves():
    intervals = np.diff(holter(FLUTTER, 2).beat_positions) / 250
    steps = np.sort(np.unique(np.rint(intervals / 0.05).astype(int)))
    ratios = intervals / intervals.min() * 2
    assert len(steps) >= 2
    assert np.abs(ratios - np.rint(ratios)).max() < 0.06
    assert np.mean(np.abs(np.diff(intervals)) < 0.01) > 0.7


def test_pac_resets_the_pause_and_pvc_compensates_it():
    record = holter(SINUS, 3, ectopy=(0.05, 0.0, 0.05))
    intervals, classes = np.diff(record.beat_positions), record.beat_classes
    usual = np.median(intervals)

    def around(kind):
        at = np.flatnonzero(classes[1:-1] == kind)
        return intervals[at] / usual, (intervals[at] + intervals[at + 1]) / usual

    for kind in (PAC, PVC):
        early, _ = around(kind)
        assert len(early) > 3
        assert np.median(early) < 0.85
    assert np.median(around(PVC)[1]) == pytest.approx(2, abs=0.06)
    assert np.median(around(PAC)[1]) < 1.92


def test_ventricular_and_aberrated_beats_are_wide():
    record = holter(SINUS, 4, ectopy=(0.0, 0.08, 0.08), gain=5000.0)

    def width(kind):
        beats = record.beat_positions[record.beat_classes == kind]
        beats = beats[(beats > 60) & (beats < N_SAMPLES - 60)]
        windows = record.signal[beats[:, None] + np.arange(-30, 41), 0].astype(float)
        slopes = np.abs(np.diff(windows, axis=1))
        # the QRS complex is where the signal moves fast, by its own measure
        return np.median((slopes > 0.08 * slopes.max(axis=1, keepdims=True)).sum(axis=1))

    assert width(PVC) > 1.4 * width(NORMAL)
    assert width(ABERRATED) > 1.4 * width(NORMAL)


def test_f_waves_peak_between_4_and_9_hz():
    for seed in range(5):
        waves = fibrillatory_waves(np.random.default_rng(seed), N_SAMPLES, 250, 0.1, 4.5 + seed)
        frequency, power = welch(waves, 250, nperseg=2048)
        assert 4 <= frequency[power.argmax()] <= 9
        assert power[(frequency > 4) & (frequency < 9)].sum() > 0.6 * power.sum()


def test_fibrillation_shows_f_waves_between_beats_and_sinus_rhythm_does_not():
    def atrial_power(record):
        signal = record.millivolts()[:, 0]
        beats = record.beat_positions[:-1][np.diff(record.beat_positions) > 180]
        # after the T wave and before the next P wave: only long intervals have such a place
        windows = signal[beats[:, None] + np.arange(125, 165)]
        detrended = windows - windows.mean(axis=1, keepdims=True)
        return np.median(detrended.std(axis=1))

    quiet = simulate_holter(3, 6, N_SAMPLES, domain=only(SINUS, rate=(55.0, 56.0), ectopy=(0, 0, 0)))
    assert atrial_power(holter(FIBRILLATION, 6)) > 3 * atrial_power(quiet)


def test_unreadable_stretches_hold_undefined_beats_only(patients):
    for record in patients:
        noisy = record.rhythm_classes == NOISE
        assert (record.beat_classes[noisy] == UNDEFINED).all()
        assert (record.beat_classes[~noisy] != UNDEFINED).all()


def test_all_beat_classes_and_rhythms_occur_in_a_demo(patients):
    beats = np.bincount(np.concatenate([record.beat_classes for record in patients]), minlength=5)
    rhythms = np.bincount(np.concatenate([record.rhythm_classes for record in patients]), minlength=6)
    assert (beats > 20).all()
    assert beats[NORMAL] > 0.6 * beats.sum()
    assert (rhythms[2:] > 100).all()


def test_rhythm_changes_within_a_segment(patients):
    changes = [np.count_nonzero(np.diff(record.rhythm_classes)) for record in patients]
    assert np.median(changes) >= 3


def test_every_beat_has_one_rhythm_mark(patients):
    for record in patients:
        np.testing.assert_array_equal(record.rhythm_positions, record.beat_positions)


def test_patients_differ_and_their_segments_share_a_heart():
    first, second = (simulate_holter(1, 0, N_SAMPLES, segment, domain=only(SINUS)) for segment in (0, 1))
    other = simulate_holter(1, 1, N_SAMPLES, domain=only(SINUS))
    rates = [60 * 250 / np.median(np.diff(record.beat_positions)) for record in (first, second, other)]
    assert not np.array_equal(first.signal, second.signal)
    assert rates[0] == pytest.approx(rates[1], abs=2)
    heights = {
        round(float(np.median(np.abs(record.signal[record.beat_positions])))) for record in (first, other)
    }
    assert len(heights) == 2
    assert abs(rates[0] - rates[2]) > 2


def test_same_seed_gives_the_same_record_and_another_seed_another():
    first, again, other = (simulate_holter(seed, 2, 5000, segment=3) for seed in (7, 7, 8))
    np.testing.assert_array_equal(first.signal, again.signal)
    np.testing.assert_array_equal(first.beat_positions, again.beat_positions)
    assert not np.array_equal(first.signal, other.signal)
    np.testing.assert_array_equal(simulate_handheld(7, 2).signal, simulate_handheld(7, 2).signal)


def test_patient_0_is_not_the_seed_alone():
    # SeedSequence treats a missing key as 0
    signals = [simulate_holter(1, patient, 5000, segment).signal for patient in (0, 1) for segment in (0, 1)]
    assert len({signal.tobytes() for signal in signals}) == 4


@pytest.mark.parametrize("fs", [125, 250, 360])
def test_any_sampling_rate_keeps_the_beats_in_time(fs):
    usual, resampled = (
        simulate_holter(2, 0, 60 * rate, fs=rate, domain=only(SINUS, ectopy=(0, 0, 0))) for rate in (250, fs)
    )
    assert resampled.fs == fs
    assert len(resampled.signal) == 60 * fs
    assert 60 * fs / np.diff(resampled.beat_positions).mean() == pytest.approx(
        60 * 250 / np.diff(usual.beat_positions).mean(), rel=0.03
    )


def test_gain_scales_the_signal():
    plain, doubled = (
        simulate_holter(2, 0, 5000, domain=replace(HOLTER, gain=gain)) for gain in (500.0, 1000.0)
    )
    np.testing.assert_allclose(plain.millivolts(), doubled.millivolts(), atol=0.0016)


def test_signal_saturates_instead_of_wrapping():
    adc = to_adc(np.array([-1e6, -1.0, 0.0, 1.0, 1e6]), 1000.0, 10)
    assert adc.dtype == np.int16
    assert adc.tolist() == [-ADC_LIMIT, -990, 10, 1010, ADC_LIMIT]
    loud = simulate_holter(2, 0, 5000, domain=replace(HOLTER, gain=1e6))
    assert np.abs(loud.signal.astype(int)).max() == ADC_LIMIT


def test_mains_hums_at_its_frequency():
    for frequency in (50.0, 60.0):
        spectrum, power = welch(mains(np.random.default_rng(0), 10_000, 300, frequency), 300, nperseg=3000)
        assert spectrum[power.argmax()] == pytest.approx(frequency, abs=0.2)


def test_gaussians_reach_over_the_edges_without_wrapping():
    signal = sum_gaussians(np.array([-0.01, 1.01]), np.array([0.05, 0.05]), np.array([1.0, 2.0]), 100, 100)
    time = np.arange(100) / 100
    expected = np.exp(-0.5 * ((time + 0.01) / 0.05) ** 2) + 2 * np.exp(-0.5 * ((time - 1.01) / 0.05) ** 2)
    np.testing.assert_allclose(signal, expected, atol=1e-5)


def test_labels_come_in_the_published_proportions():
    counts = Counter(draw_label(9, index) for index in range(1000))
    for label, share in zip("NAO~", HANDHELD.label_share, strict=True):
        assert counts[label] == pytest.approx(1000 * share, abs=5)


def test_small_sets_hold_every_label():
    for seed in range(20):
        assert set(Counter(draw_label(seed, index) for index in range(120))) == set("NAO~")


def test_lengths_are_9_to_61_seconds_with_most_at_30_and_noise_shorter():
    many = [simulate_handheld(4, index, fs=100) for index in range(400)]
    seconds = np.array([len(record.signal) / 100 for record in many])
    noise = np.array([record.label == "~" for record in many])
    assert seconds.min() >= 9
    assert seconds.max() <= 61
    assert np.mean(np.abs(seconds - 30) < 0.01) > 0.6
    assert seconds[noise].mean() < seconds[~noise].mean() - 2


def test_labels_describe_the_rhythm(handheld):
    for record in handheld:
        rhythms = set(record.rhythm_classes.tolist())
        assert (record.label == "A") == (FIBRILLATION in rhythms)
        assert (record.label == "~") == (NOISE in rhythms)
        if record.label == "N":
            assert rhythms == {SINUS}
            assert set(record.beat_classes.tolist()) == {NORMAL}
            assert 55 < 60 * 300 / np.diff(record.beat_positions).mean() < 102


def test_other_recordings_hold_ectopy_flutter_or_an_abnormal_rate():
    kinds = Counter()
    for index in range(300):
        if draw_label(6, index) == "O":
            record = simulate_handheld(6, index, fs=100)
            rate = 60 * 100 / np.diff(record.beat_positions).mean()
            kinds["flutter"] += FLUTTER in record.rhythm_classes
            kinds["ectopy"] += bool(np.isin(record.beat_classes, (PAC, ABERRATED, PVC)).any())
            kinds["rate"] += bool(rate < 52 or rate > 103)
            assert FLUTTER in record.rhythm_classes or kinds.total()
    assert min(kinds["flutter"], kinds["ectopy"], kinds["rate"]) >= 3


def test_some_handheld_recordings_are_inverted():
    def shares(inverted_share):
        domain = replace(HANDHELD, inverted_share=inverted_share, axis_share=0.0)
        records = [simulate_handheld(1, index, fs=100, domain=domain) for index in range(40)]
        readable = [record for record in records if record.label != "~"]
        return np.mean([np.median(record.signal[record.beat_positions]) < 0 for record in readable])

    assert shares(0.0) == 0
    assert 0.03 < shares(HANDHELD.inverted_share) < 0.35
    assert shares(1.0) == 1


def test_noise_recordings_are_louder(handheld):
    level = {label: np.median([r.signal.std() for r in handheld if r.label == label]) for label in "NAO~"}
    assert level["~"] > 1.5 * max(level[label] for label in "NAO")


def test_domains_are_as_published():
    assert (HOLTER.fs, HOLTER.gain, HOLTER.baseline) == (250.0, 74.36482269503546, 0)
    assert (HANDHELD.fs, HANDHELD.gain) == (300.0, 1000.0)


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda: simulate_holter(-1, 0, 5000), "seed"),
        (lambda: simulate_holter(0, -1, 5000), "patient"),
        (lambda: simulate_holter(0, 0, 5000, segment=-1), "segment"),
        (lambda: simulate_holter(0, 0, 499), "n_samples"),
        (lambda: simulate_holter(0, 0, 5000, fs=50), "fs"),
        (lambda: simulate_handheld(0, -1), "index"),
    ],
)
def test_impossible_settings_are_named(call, name):
    with pytest.raises(SettingsError) as caught:
        call()
    assert caught.value.where == name
