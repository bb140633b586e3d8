"""Which segments noise may be mixed with, and who is on which side."""

import numpy as np
import pytest

from ecgrepro.errors import InputError
from ecgrepro.frames.clean_segments import clean_segments, segment_beats, split_people
from ecgrepro.frames.interval_input import IntervalInput, cut_recording
from ecgrepro.frames.noise import qrs_amplitude
from ecgrepro.frames.signal_faults import lead_millivolts

HOW = IntervalInput()
NORMAL, PVC = 1, 4


def ecg(n_samples=9000, period=288, seed=0):
    """A beat every 0.8 s at 360 Hz, in ADC units with noise: int16 (n, 1), R peaks."""
    beats = np.arange(100, n_samples - 100, period)
    time = np.arange(n_samples)[:, None]
    signal = (300 * np.exp(-0.5 * ((time - beats) / 6) ** 2)).sum(axis=1)
    noise = np.where(np.arange(n_samples) % 2, 2, -2) + np.random.default_rng(seed).integers(-1, 2, n_samples)
    return (signal + noise).astype(np.int16)[:, None], beats


@pytest.fixture
def clean(make_record):
    """A function from an id and what differs to a record of 25 s, 5 segments, at 360 Hz."""

    def make(record_id, patient_id="unknown", signal=None, **fields):
        drawn, beats = ecg(seed=int(record_id))
        fields = {
            "fs": 360.0,
            "beat_positions": beats,
            "beat_classes": np.full(len(beats), NORMAL, np.int8),
        } | fields
        return make_record(record_id, patient_id, signal=drawn if signal is None else signal, **fields)

    return make


def test_all_segments_of_a_clean_recording_are_listed(clean, make_corpus):
    table, left_out = clean_segments([make_corpus([clean("7"), clean("8", "8")], "svdb")], HOW)
    assert table.record_id.tolist() == [f"svdb {record}/{n}" for record in (7, 8) for n in range(5)]
    assert set(table.group) == {"svdb record 7", "svdb patient 8"}
    assert set(left_out.values()) == {0}


def test_the_patients_of_the_noise_stress_test_are_left_out_of_mitbih_alone(clean, make_corpus):
    records = [clean("100", "100"), clean("118", "118"), clean("119", "119")]
    table, left_out = clean_segments([make_corpus(records, "mitbih_arrhythmia")], HOW)
    assert set(table.recording) == {"100"}
    assert left_out["patient of NSTDB"] == 10
    table, _ = clean_segments([make_corpus(records, "svdb")], HOW)
    assert set(table.recording) == {"100", "118", "119"}


def test_segments_with_faults_or_without_a_normal_beat_are_counted_and_left_out(clean, make_corpus):
    signal, beats = ecg()
    signal[100:400] = 3
    signal[2000:2030] = signal.max()
    signal[4000] = -32768
    classes = np.where((beats >= 5400) & (beats < 7200), PVC, NORMAL).astype(np.int8)
    table, left_out = clean_segments(
        [make_corpus([clean("7", signal=signal, beat_classes=classes)], "svdb")], HOW
    )
    assert table.number.tolist() == [4]
    assert left_out == {"patient of NSTDB": 0, "flat": 1, "saturated": 1, "missing": 1, "no normal beat": 1}


def test_every_listed_segment_has_an_amplitude(clean, make_corpus):
    corpus = make_corpus([clean("7")], "svdb")
    table, _ = clean_segments([corpus], HOW)
    segments, beats = cut_recording(lead_millivolts(corpus, 0), 360, HOW), segment_beats(corpus, 0, HOW)
    for number in table.number:
        within = beats[beats // 1250 == number] % 1250
        assert qrs_amplitude(segments[number], within, 250.0)[0] == pytest.approx(3.0, rel=0.05)


def test_beats_are_found_where_nobody_annotated_them(clean, make_corpus):
    record, empty = clean("7"), np.empty(0, np.int64)
    annotated = segment_beats(make_corpus([record], "svdb"), 0, HOW)
    corpus = make_corpus([clean("7", beat_positions=empty, beat_classes=empty.astype(np.int8))], "ptbxl")
    found = segment_beats(corpus, 0, HOW)
    assert abs(found[:, None] - annotated).min(axis=1).max() <= 12
    assert len(found) >= 0.9 * len(annotated)


def test_a_share_of_the_people_of_each_corpus_is_held_out(clean, make_corpus):
    first = make_corpus([clean(str(100 + i), str(100 + i)) for i in range(6)], "mitbih_arrhythmia")
    second = make_corpus([clean(str(800 + i)) for i in range(4)], "svdb")
    table, _ = clean_segments([first, second], HOW)
    kept, held = split_people(table, 0.5, seed=3)
    assert sorted(kept + held) == sorted(table.group.unique())
    assert sorted(name.split()[0] for name in held) == ["mitbih_arrhythmia"] * 3 + ["svdb"] * 2
    assert split_people(table, 0.5, seed=3) == (kept, held)
    assert any(split_people(table, 0.5, seed)[1] != held for seed in range(4, 8))


def test_records_of_one_person_stay_together(clean, make_corpus):
    records = [clean(str(200 + i), "201" if i < 3 else str(200 + i)) for i in range(6)]
    table, _ = clean_segments([make_corpus(records, "mitbih_arrhythmia")], HOW)
    for seed in range(5):
        _, held = split_people(table, 0.4, seed)
        assert table[table.group.isin(held)].recording.isin(["200", "201", "202"]).sum() in (0, 15)


def test_no_usable_segment_is_refused(clean, make_corpus):
    with pytest.raises(InputError, match="at least one; got none; left out.*'patient of NSTDB': 5"):
        clean_segments([make_corpus([clean("118", "118")], "mitbih_arrhythmia")], HOW)
