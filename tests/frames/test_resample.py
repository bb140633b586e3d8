"""Changing the rate keeps the curve and the beats where they were in time."""

from collections import namedtuple

import numpy as np
import pandas as pd
import pytest

from ecgrepro.corpora import ingest as ingest_module
from ecgrepro.corpora.corpus import Corpus
from ecgrepro.errors import DiskError, SettingsError
from ecgrepro.frames import resample as module
from ecgrepro.frames.resample import METHODS, resample, resample_corpus


def wave(fs, seconds=10.0, frequency=5.0):
    return np.sin(2 * np.pi * frequency * np.arange(round(seconds * fs)) / fs)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(("fs", "new_fs"), [(300, 250), (360, 125), (128, 125), (100, 250), (250.0, 62.5)])
def test_a_sine_stays_the_same_sine(fs, new_fs, method):
    found = resample(wave(fs), fs, new_fs, method)
    inside = slice(len(found) // 10, -len(found) // 10)
    assert len(found) == 10 * new_fs
    np.testing.assert_allclose(found[inside], wave(new_fs)[inside], atol=0.02)


@pytest.mark.parametrize("method", METHODS)
def test_what_the_new_rate_cannot_hold_is_filtered_out(method):
    assert np.abs(resample(wave(300, frequency=100.0), 300, 125, method)[50:-50]).max() < 0.05


@pytest.mark.parametrize(("method", "length"), [("polyphase", 2265), ("fft", 2264)])
def test_the_length_is_rounded_up_or_as_the_class_report_has_it_down(method, length):
    assert pytest.approx(2264.17, abs=0.01) == 2717 * 250 / 300
    assert len(resample(np.zeros(2717), 300, 250, method)) == length


@pytest.mark.parametrize("method", METHODS)
def test_type_and_leads_are_kept(method):
    values = np.random.default_rng(0).normal(size=(900, 2)).astype(np.float32)
    found = resample(values, 300, 250, method)
    assert (found.dtype, found.shape) == (np.float32, (750, 2))
    np.testing.assert_allclose(found[:, 1], resample(values[:, 1], 300, 250, method), atol=1e-6)


def test_equal_rates_change_nothing():
    values = wave(300)
    assert resample(values, 300, 300.0) is values


def test_only_the_fft_takes_a_recording_for_periodic():
    step = np.zeros(3000)
    step[:30] = 1.0  # at the start alone
    assert np.abs(resample(step, 300, 250, "fft")[-5:]).max() > 0.01
    assert np.abs(resample(step, 300, 250)[-5:]).max() < 1e-9


def test_unknown_method_and_impossible_rates_are_refused():
    with pytest.raises(SettingsError, match="polyphase.*fft"):
        resample(wave(300), 300, 250, "linear")
    for rates in ((300, 0), (0, 250), (300, -1), (300, float("nan"))):
        with pytest.raises(SettingsError, match="positive rate"):
            resample(wave(300), *rates)


@pytest.fixture
def original(corpora):
    return Corpus(corpora / "icentia11k")


@pytest.mark.parametrize("fs", [125.0, 100.0, 360.0])
def test_beats_keep_their_time_to_half_a_sample(original, tmp_path, fs):
    made = resample_corpus(original, fs, tmp_path / "out")
    assert set(made.index.fs) == {fs}
    for kind in ("beats", "rhythms"):
        (before, classes), (after, new_classes) = getattr(original, kind), getattr(made, kind)
        assert np.abs(after / fs - before / 250).max() <= 0.5 / fs + 1e-12
        np.testing.assert_array_equal(classes, new_classes)
    for column in ("record_id", "patient_id", "label", "beats_start", "beats_stop"):
        pd.testing.assert_series_equal(made.index[column], original.index[column])
    assert (made.index.n_samples == np.ceil(original.index.n_samples * fs / 250)).all()


def test_signals_are_resampled_in_the_same_adc_units(original, tmp_path):
    made = resample_corpus(original, 125, tmp_path / "out")
    for i in (0, 7):
        expected = resample(original.signal(i)[:, 0].astype(float), 250, 125)
        assert np.abs(made.signal(i)[:, 0] - expected).max() <= 0.5
        assert made.index.gain[i].tolist() == original.index.gain[i].tolist()


def test_peaks_stay_under_their_annotation(make_corpus, make_record, tmp_path):
    positions = np.arange(50, 2000, 77)
    peaks = 2000 * np.exp(-0.5 * ((np.arange(2000)[:, None] - positions) / 4) ** 2).sum(axis=1)
    peaks += np.random.default_rng(0).normal(0, 20, 2000)
    record = make_record("a", signal=np.rint(peaks)[:, None].astype(np.int16), fs=360.0, beat_positions=positions,
                         beat_classes=np.ones(len(positions), np.int8))  # fmt: skip
    made = resample_corpus(make_corpus([record]), 125, tmp_path / "out")
    found, signal = made.beats[0], made.signal(0)[:, 0]
    inside = found[(found > 3) & (found < len(signal) - 4)]
    assert (np.abs(signal[inside[:, None] + np.arange(-3, 4)].argmax(axis=1) - 3) <= 1).all()


def test_an_event_at_the_very_end_stays_inside(make_corpus, make_record, tmp_path):
    record = make_record(
        "a", n_samples=501, beat_positions=np.array([0, 501]), beat_classes=np.ones(2, np.int8)
    )
    made = resample_corpus(make_corpus([record]), 33.0, tmp_path / "out")
    assert made.beats[0].tolist() == [0, min(round(501 * 0.33), made.index.n_samples[0])]


def test_overshoot_is_cut_at_the_limits_of_int16(make_corpus, make_record, tmp_path):
    signal = np.zeros((400, 1), np.int16)
    signal[100:110], signal[200:210] = 32767, -32768
    made = resample_corpus(make_corpus([make_record("a", signal=signal + 0)]), 170.0, tmp_path / "out")
    assert made.signal(0).max() == 32767
    assert made.signal(0).min() == -32768


def test_doing_it_again_opens_what_is_there(original, tmp_path, monkeypatch):
    first = resample_corpus(original, 125.0, tmp_path / "out")
    monkeypatch.setattr(module, "resample", None)
    again = resample_corpus(original, 125, tmp_path / "out")
    assert again.fingerprint == first.fingerprint
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_an_interrupted_one_goes_on_to_the_same_copy(original, tmp_path, monkeypatch):
    whole = resample_corpus(original, 125.0, tmp_path / "whole")
    done = []

    def stop(*arguments):
        done.append(arguments)
        if len(done) == 5:
            raise KeyboardInterrupt
        return resample(*arguments)

    monkeypatch.setattr(module, "resample", stop)
    with pytest.raises(KeyboardInterrupt):
        resample_corpus(original, 125.0, tmp_path / "out")
    made = resample_corpus(original, 125.0, tmp_path / "out")
    assert made.manifest == whole.manifest
    assert len(done) == 5 + len(original) - 4
    assert {path.name for path in tmp_path.iterdir()} == {"whole", "out"}


def test_a_folder_with_another_copy_is_refused(original, corpora, tmp_path):
    resample_corpus(original, 125.0, tmp_path / "out")
    with pytest.raises(SettingsError, match="Choose another folder"):
        resample_corpus(original, 100.0, tmp_path / "out")
    with pytest.raises(SettingsError, match="Choose another folder"):
        resample_corpus(Corpus(corpora / "cinc2017"), 125.0, tmp_path / "out")


def test_too_little_space_is_told_before_anything_is_written(original, tmp_path, monkeypatch):
    usage = namedtuple("Usage", "total used free")(1, 1, 1000)
    monkeypatch.setattr(ingest_module.shutil, "disk_usage", lambda path: usage)
    with pytest.raises(DiskError, match="MB free"):
        resample_corpus(original, 125.0, tmp_path / "out")
    assert list(tmp_path.iterdir()) == []
