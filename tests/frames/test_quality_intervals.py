"""Test intervals of CinC 2017 and graded intervals of BUT QDB: how many, which, and what is in them."""

from unittest import mock

import numpy as np
import pandas as pd
import pytest

from ecgrepro.corpora import butqdb, cinc2017
from ecgrepro.corpora.corpus import Corpus
from ecgrepro.corpora.synthetic_butqdb import quality_cases, write_butqdb
from ecgrepro.errors import InputError, SettingsError
from ecgrepro.frames.interval_input import IntervalInput
from ecgrepro.frames.quality_intervals import (
    CINC2017_COUNTS,
    graded_index,
    interval_index,
    prepare_graded,
    prepare_intervals,
    split_graded,
    without_faults,
)
from ecgrepro.frames.resample import resample
from ecgrepro.frames.signal_faults import FAULTS, INVALID

HOW = IntervalInput()


@pytest.fixture(scope="module")
def corpus(corpora):
    return Corpus(corpora / "cinc2017")


@pytest.fixture
def handheld(make_record, make_corpus):
    """A function from signals (n_samples,) and labels to a corpus at 300 Hz, 1,000 ADC units per mV."""

    def make(signals, labels):
        records = [make_record(f"A{i:05}", signal=signal.astype(np.int16)[:, None], label=label, fs=300.0,
                               gain=np.array([1000.0]))
                   for i, (signal, label) in enumerate(zip(signals, labels, strict=True))]  # fmt: skip
        return make_corpus(records)

    return make


def changing(n_samples, seed=0):
    return np.random.default_rng(seed).permutation(n_samples) % 3000 - 1500


def test_every_whole_interval_of_every_recording_is_listed_with_its_recordings_label(handheld):
    lengths, labels = [1499, 1500, 4499, 4500], ["N", "~", "A", "O"]
    index = interval_index(handheld([changing(n) for n in lengths], labels))
    assert index.record_id.tolist() == [
        "A00001/0",
        "A00002/0",
        "A00002/1",
        "A00003/0",
        "A00003/1",
        "A00003/2",
    ]
    assert index.recording.tolist() == ["A00001", *["A00002"] * 2, *["A00003"] * 3]
    assert index.rhythm.tolist() == ["~", "A", "A", "O", "O", "O"]
    assert index.label.tolist() == [1, 0, 0, 0, 0, 0]
    assert index.start.tolist() == [0, 0, 1500, 0, 1500, 3000]
    assert index.position.tolist() == [1, 2, 2, 3, 3, 3]


def test_the_index_agrees_with_the_lengths_of_a_whole_corpus(corpus):
    index = interval_index(corpus)
    expected = corpus.index.assign(n=corpus.index.n_samples // 1500).groupby("label").n.sum()
    assert index.rhythm.value_counts().to_dict() == expected[expected > 0].to_dict()
    assert index.record_id.is_unique


@pytest.mark.parametrize("revision", ["v3", "v2"])
def test_the_real_set_has_the_stated_intervals(real, revision):
    reader = cinc2017.Reader(real("cinc2017"), revision)
    headers = [path.read_text().split(maxsplit=4)[:4] for path in sorted(real("cinc2017").rglob("A*.hea"))]
    corpus = mock.MagicMock()
    corpus.__len__.return_value = len(headers)
    corpus.index = pd.DataFrame({"record_id": [name for name, *_ in headers], "fs": [float(h[2]) for h in headers],
                                 "n_samples": [int(h[3]) for h in headers],
                                 "label": [reader.labels[name] for name, *_ in headers]})  # fmt: skip
    assert tuple(np.bincount(interval_index(corpus).label)) == CINC2017_COUNTS[revision]


def test_an_interval_is_a_piece_of_the_whole_recording_resampled(corpus):
    inputs, index = prepare_intervals(corpus, HOW, None, progress=False)
    assert (inputs.shape, inputs.dtype) == ((len(index), 1250), np.float32)
    row = index[(index.start == 3000)].iloc[0]
    values = corpus.millivolts(row.position)[:, 0]
    expected = resample(values - values.mean(), 300, 250)[2500:3750] + values.mean()
    np.testing.assert_allclose(inputs[row.name], expected, atol=1e-5)


def test_standardised_intervals_have_mean_zero_and_deviation_one(corpus):
    inputs, _ = prepare_intervals(corpus, IntervalInput(standardised=True), None, progress=False)
    np.testing.assert_allclose(inputs.mean(axis=1), 0, atol=1e-5)
    np.testing.assert_allclose(inputs.std(axis=1), 1, atol=1e-4)


def test_intervals_with_faults_are_kept_and_marked_and_nothing_is_missing_any_more(handheld):
    signal = changing(1500 * 5)
    signal[1600:1700] = 3
    signal[3100:3120] = signal.max()
    signal[4600:4900] = INVALID
    inputs, index = prepare_intervals(handheld([signal], ["N"]), HOW, None, progress=False)
    assert {name: np.flatnonzero(index[name]).tolist() for name in FAULTS} == {
        "flat": [1], "saturated": [2], "missing": [3]}  # fmt: skip
    assert np.isfinite(inputs).all()
    # an invalid sample is -32.8 mV: it must not reach the filter
    assert abs(inputs[3]).max() < 5
    kept, left_out = without_faults(index)
    assert kept.tolist() == [True, False, False, False, True]
    assert left_out == {"flat": 1, "saturated": 1, "missing": 1}


def test_prepared_intervals_are_kept_by_content_and_settings(corpus, tmp_path):
    inputs, index = prepare_intervals(corpus, HOW, tmp_path, progress=False)
    again, same = prepare_intervals(corpus, HOW, tmp_path, progress=False)
    assert isinstance(again, np.memmap)
    np.testing.assert_array_equal(again, inputs)
    pd.testing.assert_frame_equal(same, index)
    assert len(list(tmp_path.glob("*.npy"))) == 1
    prepare_intervals(corpus, IntervalInput(standardised=True), tmp_path, progress=False)
    assert len(list(tmp_path.glob("*.npy"))) == 2


def test_a_length_that_is_no_whole_number_of_samples_is_refused(corpus):
    with pytest.raises(SettingsError, match="a whole number of samples at 300 Hz; got 0.3"):
        interval_index(corpus, IntervalInput(seconds=0.001))


def test_another_corpus_is_refused(make_record, make_corpus):
    with pytest.raises(InputError, match="Ingest cinc2017"):
        interval_index(make_corpus([make_record("a")]))


@pytest.fixture
def graded(make_record, make_corpus):
    """Two recordings of 1,000 Hz: 3 s ungraded, 12 s of grade 1, 6 s of 2, 4 s of 1, 11 s of 3; 10 s ungraded."""
    ends, classes = np.cumsum([3, 12, 6, 4, 11]) * 1000, np.array([0, 1, 2, 1, 3], np.int8)
    rng = np.random.default_rng(0)
    signal = (1000 * np.sin(np.arange(36_000) / 40) + rng.normal(0, 20, 36_000)).astype(np.int16)[:, None]
    first = make_record("100001", "100", signal=signal, fs=1000.0, gain=np.array([500.0]),
                        quality_positions=ends, quality_classes=classes)  # fmt: skip
    return make_corpus([first, make_record("100002", "101", fs=1000.0, n_samples=10_000)])


def test_graded_intervals_lie_wholly_within_one_stretch_of_one_grade(graded):
    index = graded_index(graded)
    assert (index.start // 1000).tolist() == [3, 8, 15, 25, 30]
    assert index.grade.tolist() == [*["all waves clear"] * 2, "only QRS reliable", *["unusable"] * 2]
    assert index.label.tolist() == [0, 0, 0, 1, 1]
    assert index.record_id.tolist() == [f"100001/{n}" for n in range(5)]
    assert set(index.group) == {"patient 100"}


def test_a_graded_interval_is_as_if_cut_from_the_whole_recording(graded):
    inputs, index = prepare_graded(graded, HOW, None, progress=False)
    assert inputs.shape == (5, 1250)
    values = graded.millivolts(0)[:, 0]
    whole = resample(values, 1000, 250)
    for row, start in zip(inputs, index.start, strict=True):
        np.testing.assert_allclose(row, whole[start // 4 : start // 4 + 1250], atol=2e-3)


def test_a_corpus_without_grades_is_refused(corpus):
    with pytest.raises(InputError, match="Ingest butqdb"):
        graded_index(corpus)


def test_a_synthetic_release_gives_both_classes_and_is_split_by_person(tmp_path, make_corpus):
    write_butqdb(tmp_path / "published", list(quality_cases(0, seconds=60)))
    reader = butqdb.Reader(tmp_path / "published")
    corpus = make_corpus([record for unit in reader.units() for record in reader.read(unit)], "butqdb")
    index = graded_index(corpus)
    assert set(index.label) == {0, 1}
    kept, held = split_graded(index, 0.3, seed=0)
    assert not set(index.group[kept]) & set(index.group[held])
    assert len(kept) + len(held) == len(index)
    assert set(index.label[kept]) == set(index.label[held]) == {0, 1}


@pytest.mark.parametrize("missing", [False, True])
def test_a_later_stretch_does_not_depend_on_what_is_far_from_it(graded, make_record, make_corpus, missing):
    inputs, _ = prepare_graded(graded, HOW, None, progress=False)
    signal = np.array(graded.signal(0))
    signal[:1500] = INVALID if missing else 0
    ends, classes = graded.events("quality", 0)
    changed = make_corpus([make_record("100001", "100", signal=signal, fs=1000.0, gain=np.array([500.0]),
                                       quality_positions=ends, quality_classes=classes)], "changed")  # fmt: skip
    np.testing.assert_array_equal(prepare_graded(changed, HOW, None, progress=False)[0][2:], inputs[2:])
