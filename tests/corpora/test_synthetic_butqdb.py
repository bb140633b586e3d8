"""BUT QDB's layout, and grades that say what the signal shows."""

import csv

import numpy as np
import pytest
import wfdb
from scipy.signal import butter, find_peaks, sosfiltfilt

from ecgrepro.corpora import butqdb
from ecgrepro.corpora.synthetic_butqdb import (
    GRADED_THROUGHOUT,
    RECORDINGS,
    annotation,
    consensus,
    quality_cases,
    simulate_quality,
    spans,
    write_butqdb,
)
from ecgrepro.errors import SettingsError

SECONDS, RECORDS = 90, 7


@pytest.fixture(scope="module")
def cases():
    return list(quality_cases(1, SECONDS, RECORDS))


@pytest.fixture(scope="module")
def folder(cases, tmp_path_factory):
    return write_butqdb(tmp_path_factory.mktemp("made") / "butqdb", cases, seed=1)


def grades(record):
    return np.repeat(record.quality_classes, np.diff(record.quality_positions, prepend=0))


def found_beats(record):
    """Share of beats that a plain detector finds within 60 ms, and false ones per beat, for grades 1 to 3."""
    signal = record.millivolts()[:, 0]
    sections = butter(2, (8, 25), "bandpass", fs=1000, output="sos")
    power = np.convolve(sosfiltfilt(sections, signal) ** 2, np.ones(80) / 80, "same")
    level = np.median(power[record.beat_positions])
    peaks, _ = find_peaks(power, height=0.35 * level, distance=300)
    true, grade = record.beat_positions, grades(record)
    near = np.abs(true[:, None] - peaks).min(axis=1) <= 60
    false = np.abs(peaks[:, None] - true).min(axis=1) > 60
    return {k: (near[grade[true] == k], (grade[peaks[false]] == k).sum()) for k in (1, 2, 3)}


def test_grades_match_what_a_detector_finds():
    hits, wrong = {1: [], 2: [], 3: []}, {1: 0, 2: 0, 3: 0}
    for name in ("100001", "105001", "111001"):
        for grade, (near, false) in found_beats(simulate_quality(3, name, 150).record).items():
            hits[grade] += near.tolist()
            wrong[grade] += false
    reliable = {grade: np.mean(hits[grade]) - wrong[grade] / len(hits[grade]) for grade in hits}
    assert reliable[1] > 0.97
    assert reliable[2] > 0.9
    assert reliable[3] < 0.5


def test_noise_grows_with_the_grade():
    record = simulate_quality(3, "105001", 150).record
    signal, grade = record.millivolts()[:, 0], grades(record)
    # between T and P: what is there is noise
    quiet = np.concatenate([np.arange(p - 300, p - 220) for p in record.beat_positions if p > 300])
    levels = [np.std(np.diff(signal[quiet[grade[quiet] == k]], 3)) for k in (1, 2)]
    spread = [np.std(signal[quiet[grade[quiet] == k]]) for k in (1, 2, 3)]
    assert levels[0] < levels[1]
    assert spread[0] < 0.7 * spread[1] < 0.4 * spread[2]


def test_most_of_the_unusable_signal_is_in_few_records(cases):
    unusable = {case.record.record_id: (grades(case.record) == 3).mean() for case in cases}
    assert max(unusable, key=unusable.get) == "105001"
    assert unusable["105001"] > 0.2


def test_three_records_are_graded_throughout_the_others_in_stretches(cases):
    for case in cases:
        graded = grades(case.record) > 0
        if case.record.record_id in GRADED_THROUGHOUT:
            assert graded.all()
        else:
            assert graded.mean() == pytest.approx(0.6, abs=0.01)
            assert len(spans(graded.astype(np.int8))[0]) == 5


def test_everyone_grades_the_same_stretches_and_sees_them_a_little_differently(cases):
    agreement = []
    for case in cases:
        first, second, third = case.experts
        for other in (second, third):
            np.testing.assert_array_equal(first > 0, other > 0)
        graded = first > 0
        agreement.append(((first == second) & (second == third))[graded].mean())
    assert 0.6 < np.mean(agreement) < 0.98
    strictness = [
        np.mean([e[e > 0].mean() for e in experts])
        for experts in zip(*(c.experts for c in cases), strict=True)
    ]
    assert strictness[0] > max(strictness[1:])


def test_consensus_is_the_majority():
    experts = [np.array(grade, np.int8) for grade in ([1, 1, 2, 1, 0], [1, 2, 2, 2, 0], [2, 1, 2, 3, 0])]
    assert consensus(experts).tolist() == [1, 1, 2, 2, 0]


def test_spans_are_run_lengths():
    ends, classes = spans(np.array([0, 0, 1, 3, 3], np.int8))
    assert (ends.tolist(), classes.tolist()) == ([2, 3, 5], [0, 1, 3])
    assert spans(np.zeros(4, np.int8))[0].tolist() == [4]


def test_annotation_is_in_the_published_form(cases):
    rows = list(csv.reader(annotation(cases[1]).splitlines()))
    assert {len(row) for row in rows} == {12}
    for column in range(0, 12, 3):
        triples = [tuple(map(int, row[column : column + 3])) for row in rows if row[column]]
        # counted from 1, every sample once, blanks only below
        assert triples[0][0] == 1
        assert triples[-1][1] == SECONDS * 1000
        assert all(after[0] == before[1] + 1 for before, after in zip(triples, triples[1:], strict=False))
        assert [bool(row[column]) for row in rows] == [i < len(triples) for i in range(len(rows))]
    assert any(",," in annotation(case) for case in cases)


@pytest.mark.parametrize("annotator", ["consensus", 1, 2, 3])
def test_reader_gets_back_signal_and_grades(folder, cases, annotator):
    reader = butqdb.Reader(folder, annotator=annotator)
    assert reader.units() == list(RECORDINGS)[:RECORDS]
    for case, unit in zip(cases, reader.units(), strict=True):
        (record,) = reader.read(unit)
        np.testing.assert_array_equal(record.signal, case.record.signal)
        np.testing.assert_allclose(record.gain, case.record.gain)
        np.testing.assert_array_equal(record.baseline, case.record.baseline)
        assert record.patient_id == unit[:3]
        expected = grades(case.record) if annotator == "consensus" else case.experts[annotator - 1]
        np.testing.assert_array_equal(grades(record), expected)


def test_a_persons_records_share_the_heart_but_not_the_recording(cases):
    one, two = cases[0].record, cases[1].record
    assert one.patient_id == two.patient_id
    assert not np.array_equal(one.signal, two.signal)
    assert one.gain != two.gain


def test_accelerometer_lies_beside_and_moves_more_where_the_signal_is_bad(folder, cases):
    record = wfdb.rdrecord(str(folder / "105001" / "105001_ACC"))
    assert (record.fs, record.n_sig, record.sig_len) == (100, 3, SECONDS * 100)
    case = next(case for case in cases if case.record.record_id == "105001")
    grade = grades(case.record)[::10]
    assert record.p_signal[grade == 1].std(axis=0).max() < record.p_signal[grade == 3].std(axis=0).min()


def test_headers_are_in_microvolts(folder, cases):
    record = wfdb.rdrecord(str(folder / "100002" / "100002_ECG"))
    assert record.units == ["uV"]
    np.testing.assert_allclose(record.p_signal / 1000, cases[1].record.millivolts(), atol=1e-9)


def test_side_files(folder):
    assert (folder / "RECORDS").read_text().split()[:2] == ["100001/100001_ACC", "100001/100001_ECG"]
    subjects = [line.split(";") for line in (folder / "subject-info.csv").read_text().splitlines()]
    assert subjects[0][:3] == ["ID", "Gender", "Age"]
    assert subjects[1][1:] == subjects[2][1:]
    assert len(subjects) == RECORDS + 1


def test_same_arguments_give_the_same_bytes(tmp_path):
    one, two = (write_butqdb(tmp_path / name, quality_cases(4, 20, 2), seed=4) for name in ("one", "two"))
    files = sorted(path.relative_to(one) for path in one.rglob("*") if path.is_file())
    assert len(files) == 12
    assert all((one / path).read_bytes() == (two / path).read_bytes() for path in files)


def test_too_short_recordings_are_refused():
    with pytest.raises(SettingsError, match="10 or more"):
        next(quality_cases(0, 9))
