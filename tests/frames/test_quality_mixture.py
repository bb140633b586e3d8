"""The training mixture: balanced, at the ratios it states, and without a person or a sample of noise in both parts."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from ecgrepro.errors import InputError, SettingsError
from ecgrepro.frames.clean_segments import segment_beats
from ecgrepro.frames.interval_input import cut_recording, pass_band, standardise
from ecgrepro.frames.noise import measured_snr, noise_part, noise_rms, qrs_amplitude
from ecgrepro.frames.quality_mixture import MixtureInput, draw_mixture, prepare_mixture
from ecgrepro.frames.signal_faults import lead_millivolts

HOW = MixtureInput(per_class=20, validation_per_class=8, held_out=0.5)
#: Hz of the noise in its first and in its second half, by kind.
TONES = {"ma": (30, 40), "em": (22, 26), "bw": (0.5, 0.25)}


def heart(make_record, record_id, patient_id="unknown", fs=360.0, seconds=40):
    n_samples = round(seconds * fs)
    period = (0.7 + int(record_id) % 5 * 0.05) * fs
    beats = np.arange(0.3 * fs, n_samples - fs / 2, period).astype(int)
    time = np.arange(n_samples)[:, None]
    signal = (300 * np.exp(-0.5 * ((time - beats) / (0.02 * fs)) ** 2)).sum(axis=1)
    signal += np.where(np.arange(n_samples) % 2, 1, -1) * (1 + int(record_id) % 3)
    return make_record(record_id, patient_id, signal=signal.astype(np.int16)[:, None], fs=fs, gain=np.array([200.0]),
                       beat_positions=beats, beat_classes=np.ones(len(beats), np.int8))  # fmt: skip


@pytest.fixture
def corpora(make_record, make_corpus):
    first = [heart(make_record, str(100 + i), str(100 + i)) for i in range(6)]
    second = [heart(make_record, str(800 + i), fs=128.0) for i in range(6)]
    return [make_corpus(first, "mitbih_arrhythmia"), make_corpus(second, "svdb")]


def tones(make_record, kind, seconds=60, fs=360.0):
    time = np.arange(round(seconds * fs)) / fs
    first, second = (np.sin(2 * np.pi * f * time) for f in TONES[kind])
    both = np.where(time < seconds / 2, first, second)
    signal = np.rint(400 * np.stack([both, 0.5 * both], axis=1)).astype(np.int16)
    return make_record(kind, label=kind, signal=signal, fs=fs, gain=np.array([200.0, 200.0]))


@pytest.fixture
def noise(make_record, make_corpus):
    return make_corpus([tones(make_record, kind) for kind in TONES], "nstdb")


def added(corpora, inputs, index):
    """What was added to the clean segments: float64 (n, 1250) in mV; and the clean segments."""
    clean = []
    for row in index.itertuples():
        corpus = corpora[row.source]
        fs = corpus.index.fs.iat[row.position]
        clean.append(cut_recording(lead_millivolts(corpus, row.position), fs, HOW.interval)[row.number])
    return inputs - np.array(clean), np.array(clean)


def test_classes_are_balanced_and_take_turns(corpora, noise):
    inputs, labels, index = prepare_mixture(corpora, noise, HOW, 0, "training", None)
    assert (inputs.shape, inputs.dtype, labels.dtype) == ((40, 1250), np.float32, np.int32)
    assert labels.tolist() == [0, 1] * 20
    assert np.isfinite(inputs).all()
    assert index.record_id.is_unique
    assert set(index.corpus) == {"mitbih_arrhythmia", "svdb"}
    assert len(prepare_mixture(corpora, noise, HOW, 0, "validation", None)[0]) == 16


def test_the_noise_of_each_segment_measures_the_ratio_it_states(corpora, noise):
    how = replace(HOW, wander_snr_db=(None,))
    inputs, labels, index = prepare_mixture(corpora, noise, how, 1, "training", None)
    difference, clean = added(corpora, inputs, index)
    low, noisy = labels == 1, ~np.isnan(index.snr_db.to_numpy())
    assert noisy[low].all()
    assert set(index.snr_db[low]) <= set(HOW.low_snr_db)
    assert set(index.snr_db[~low & noisy]) <= {18.0, 24.0}
    assert abs(difference[~noisy]).max() < 1e-5
    for i in np.flatnonzero(noisy):
        row = index.iloc[i]
        beats = segment_beats(corpora[row.source], row.position, HOW.interval)
        amplitude = qrs_amplitude(clean[i], beats[beats // 1250 == row.number] % 1250, 250.0)
        assert measured_snr(amplitude, noise_rms(difference[i], 250.0))[0] == pytest.approx(
            row.snr_db, abs=0.01
        )


def test_no_low_quality_comes_of_wander_alone_and_both_classes_have_it(corpora, noise):
    _, labels, index = prepare_mixture(corpora, noise, replace(HOW, per_class=24), 0, "training", None)
    assert set(index.noise[labels == 1]) == {"em", "ma"}
    assert (index.noise == "").equals(index.snr_db.isna())
    for label in (0, 1):
        wander = index.wander_snr_db[labels == label]
        assert wander.isna().any()
        assert wander.notna().any()


def test_high_quality_may_be_clean_alone(corpora, noise):
    how = replace(HOW, high_snr_db=(None,), wander_snr_db=(None,))
    inputs, labels, index = prepare_mixture(corpora, noise, how, 0, "training", None)
    assert abs(added(corpora, inputs, index)[0][labels == 0]).max() < 1e-5
    assert (index.noise_start[labels == 0] == -1).all()


def test_no_person_and_no_sample_of_noise_is_in_both_parts(corpora, noise):
    how, seen = replace(HOW, wander_snr_db=(None,)), {}
    for part in ("training", "validation"):
        inputs, _, index = prepare_mixture(corpora, noise, how, 0, part, None)
        difference, _ = added(corpora, inputs, index)
        spectrum = abs(np.fft.rfft(difference[index.noise_start >= 0] * np.hanning(1250), axis=1))
        # what lies between a part's tones and 0 is not the ECG: it was subtracted
        loudest = np.fft.rfftfreq(1250, 1 / 250)[3:][spectrum[:, 3:].argmax(axis=1)]
        seen[part] = set(index.group), set(np.rint(loudest))
    assert not seen["training"][0] & seen["validation"][0]
    assert seen["training"][1] == {30, 22}
    assert seen["validation"][1] == {40, 26}


def test_every_piece_lies_within_its_part(corpora, noise):
    _, _, index = prepare_mixture(corpora, noise, replace(HOW, noise_share=0.25), 0, "training", None)
    assert index.noise_start.max() <= 60 * 250 * 0.25 - 1250
    assert index.wander_start.max() <= 60 * 250 * 0.25 - 1250


def test_the_seed_decides_all_and_nothing_else_does(corpora, noise):
    first = prepare_mixture(corpora, noise, HOW, 5, "training", None)
    again = prepare_mixture(corpora, noise, HOW, 5, "training", None)
    np.testing.assert_array_equal(first[0], again[0])
    pd.testing.assert_frame_equal(first[2], again[2])
    assert not first[2].equals(prepare_mixture(corpora, noise, HOW, 6, "training", None)[2])


def test_mixtures_are_kept_by_seed_and_part(corpora, noise, tmp_path):
    first = prepare_mixture(corpora, noise, HOW, 5, "training", tmp_path)
    again = prepare_mixture(corpora, noise, HOW, 5, "training", tmp_path)
    assert isinstance(again[0], np.memmap)
    np.testing.assert_array_equal(first[0], again[0])
    np.testing.assert_array_equal(first[1], again[1])
    prepare_mixture(corpora, noise, HOW, 6, "training", tmp_path)
    prepare_mixture(corpora, noise, HOW, 5, "validation", tmp_path)
    assert len(list(tmp_path.glob("*.npy"))) == 3


def test_standardised_inputs_are_the_same_standardised(corpora, noise):
    plain = prepare_mixture(corpora, noise, HOW, 0, "training", None)[0]
    how = replace(HOW, interval=replace(HOW.interval, standardised=True))
    np.testing.assert_allclose(prepare_mixture(corpora, noise, how, 0, "training", None)[0], standardise(plain),
                               atol=1e-4)  # fmt: skip


def test_a_band_is_passed_after_the_noise_is_mixed_in(corpora, noise):
    plain, _, index = prepare_mixture(corpora, noise, HOW, 0, "training", None)
    how = replace(HOW, interval=replace(HOW.interval, band=(0.5, 20.0)))
    found, _, same = prepare_mixture(corpora, noise, how, 0, "training", None)
    pd.testing.assert_frame_equal(same, index)
    np.testing.assert_allclose(found, pass_band(plain, (0.5, 20.0), 250.0), atol=1e-4)


def test_kinds_that_are_not_there_are_not_drawn(corpora, make_record, make_corpus):
    part = make_corpus([tones(make_record, kind) for kind in ("bw", "ma")], "part")
    _, _, index = prepare_mixture(corpora, part, HOW, 0, "training", None)
    assert set(index.noise) == {"", "ma"}


def test_noise_is_refused_where_what_is_asked_for_is_absent(corpora, make_record, make_corpus):
    muscle, wander = (make_corpus([tones(make_record, kind)], kind) for kind in ("ma", "bw"))
    with pytest.raises(InputError, match="a record of em or ma; got neither"):
        prepare_mixture(corpora, wander, HOW, 0, "training", None)
    with pytest.raises(InputError, match=r"baseline wander, bw.*set wander_snr_db to \(None,\)"):
        prepare_mixture(corpora, muscle, HOW, 0, "training", None)
    how = replace(HOW, wander_snr_db=(None,))
    assert set(prepare_mixture(corpora, muscle, how, 0, "training", None)[2].noise) == {"", "ma"}


def test_more_segments_than_there_are_are_refused(corpora, noise):
    with pytest.raises(SettingsError, match="segments for training: expected 1 to 24 of each class; got 25"):
        prepare_mixture(corpora, noise, replace(HOW, per_class=25), 0, "training", None)
    with pytest.raises(SettingsError, match="one of training, validation; got 'test'"):
        prepare_mixture(corpora, noise, HOW, 0, "test", None)


@pytest.mark.parametrize(("wrong", "told"), [({"low_snr_db": ()}, "at least one ratio"),
                                             ({"low_snr_db": (0.0, None)}, "none of them None"),
                                             ({"high_snr_db": (None, 6.0)}, "must not overlap"),
                                             ({"wander_snr_db": ()}, "is no noise")])  # fmt: skip
def test_ratios_that_blur_the_classes_are_refused(wrong, told):
    with pytest.raises(SettingsError, match=told):
        MixtureInput(**wrong)


def test_a_part_of_the_noise_is_what_frames_noise_cuts(corpora, noise, make_record):
    how = replace(HOW, high_snr_db=(None,), wander_snr_db=(None,))
    inputs, labels, index = prepare_mixture(corpora, noise, how, 2, "validation", None)
    difference, _ = added(corpora, inputs, index)
    i = int(np.flatnonzero((labels == 1) & (index.noise == "ma"))[0])
    row = index.iloc[i]
    part = noise_part(tones(make_record, "ma"), 250.0, "validation")
    piece = part[row.noise_start : row.noise_start + 1250, row.noise_channel]
    assert np.corrcoef(piece, difference[i])[0, 1] > 0.9999


def test_no_id_has_two_labels_whatever_the_seed(corpora, noise):
    drawn = [draw_mixture(corpora, noise, HOW, seed, "training") for seed in range(6)]
    table = pd.concat(drawn)
    segments = table.groupby(["corpus", "recording", "number"]).label.nunique()
    assert segments.max() == 2  # or this test would show nothing
    assert table.groupby("record_id").label.nunique().max() == 1
