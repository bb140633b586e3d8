"""Detected QRS complexes lie on those that were put in, or that cardiologists annotated."""

import numpy as np
import pytest

from ecgrepro.corpora import mitbih_arrhythmia
from ecgrepro.corpora.corpus import Corpus
from ecgrepro.errors import SettingsError
from ecgrepro.studies.qrs_detector import detect_qrs

FS = 250


def ecg(beats, n_samples=30 * FS, fs=FS, t_wave=0.3):
    """A narrow QRS at each sample of `beats` and a broad T wave 0.25 s after it: (n_samples, 1) mV."""
    time = np.arange(n_samples)[:, None]
    qrs = np.exp(-(((time - beats) / (0.012 * fs)) ** 2)).sum(axis=1)
    t = np.exp(-(((time - beats - 0.25 * fs) / (0.05 * fs)) ** 2)).sum(axis=1)
    return (qrs + t_wave * t)[:, None]


def regular(bpm, n_samples=30 * FS, fs=FS):
    return np.arange(fs, n_samples - fs, round(60 * fs / bpm))


def assert_found(found, beats, fs=FS):
    """One complex within 50 ms of each beat, and no others."""
    assert len(found) == len(beats)
    assert np.abs(found - beats).max() <= 0.05 * fs


@pytest.mark.parametrize("bpm", [35, 60, 120, 180])
def test_each_beat_is_found_once_and_t_waves_are_not(bpm):
    beats = regular(bpm)
    assert_found(detect_qrs(ecg(beats), FS), beats)


@pytest.mark.parametrize("fs", [100, 128, 300, 1000])
def test_any_usual_sampling_rate_will_do(fs):
    beats = regular(75, 20 * fs, fs)
    assert_found(detect_qrs(ecg(beats, 20 * fs, fs), fs), beats, fs)


@pytest.mark.parametrize("factor", [-1.0, 1e-3, 500.0])
def test_sign_unit_and_baseline_play_no_part(factor):
    beats = regular(70)
    found = detect_qrs(ecg(beats) * factor + 12 * factor, FS)
    np.testing.assert_array_equal(found, detect_qrs(ecg(beats), FS))


def test_one_artefact_does_not_hide_the_beats_around_it():
    beats = regular(70)
    values = ecg(beats)
    values[3000:3010] += 20
    found = detect_qrs(values, FS)
    away = np.abs(beats - 3005) > FS
    assert set(beats[away]) <= {beat for beat in beats if np.abs(found - beat).min() <= 0.05 * FS}


def test_the_good_lead_counts_where_the_other_is_noise():
    beats = regular(70)
    noise = np.random.default_rng(0).normal(0, 0.1, (30 * FS, 1))
    assert_found(detect_qrs(np.hstack([ecg(beats), noise]), FS), beats)


def test_a_flat_or_a_very_short_signal_has_no_complexes():
    assert len(detect_qrs(np.full((5000, 2), 3.3), FS)) == 0
    assert len(detect_qrs(np.zeros((0, 1)), FS)) == 0
    assert len(detect_qrs(ecg(regular(60))[: FS - 1], FS)) == 0


@pytest.mark.parametrize(("shape", "fs"), [((1000, 1), 40), ((1000, 1), float("nan")), ((1000,), 250)])
def test_rates_too_low_and_other_shapes_are_told(shape, fs):
    with pytest.raises(SettingsError, match="at more than 40 Hz"):
        detect_qrs(np.zeros(shape), fs)


def test_annotated_beats_of_synthetic_recordings_are_found(corpora):
    corpus = Corpus(corpora / "icentia11k")
    fs, beats = corpus.index.fs[0], corpus.events("beats", 0)[0]
    found = detect_qrs(corpus.millivolts(0), fs)
    distance = np.abs(found[:, None] - beats)
    assert (distance.min(axis=0) <= 0.1 * fs).mean() > 0.95
    assert (distance.min(axis=1) <= 0.1 * fs).mean() > 0.95


@pytest.mark.parametrize("record", ["100", "119", "209", "232"])
def test_annotated_beats_of_real_recordings_are_found(real, record):
    made = mitbih_arrhythmia.Reader(real("mitbih_arrhythmia")).read(record)[0]
    n = round(300 * made.fs)
    beats = made.beat_positions[made.beat_positions < n]
    found = detect_qrs(made.millivolts()[:n], made.fs)
    distance = np.abs(found[:, None] - beats)
    assert (distance.min(axis=0) <= 0.15 * made.fs).mean() > 0.97
    assert (distance.min(axis=1) <= 0.15 * made.fs).mean() > 0.97
