"""Recordings of twelve leads become inputs of one length, with the labels of their task."""

from itertools import chain

import numpy as np
import pytest
from scipy.signal import resample_poly
from sklearn.preprocessing import StandardScaler

from ecgrepro.corpora.ingest import ingest
from ecgrepro.corpora.ptbxl import Reader
from ecgrepro.errors import InputError, SettingsError
from ecgrepro.frames.diagnosis_input import (
    DiagnosisInput,
    labelled_recordings,
    prepare,
    prepare_recordings,
    recorded_samples,
    scaler_constants,
)
from ecgrepro.frames.loader_artefacts import fourier, reshaped
from ecgrepro.frames.twelve_leads import LEADS

RNG = np.random.default_rng(5)


@pytest.fixture(scope="module")
def twelve(published_all, tmp_path_factory):
    """Synthetic PTB-XL at 100 Hz and Georgia, ingested."""
    folder = tmp_path_factory.mktemp("twelve")
    ptbxl = ingest("ptbxl", published_all / "ptbxl", folder / "ptbxl", progress=False)
    georgia = ingest("georgia", published_all / "challenge2021", folder / "georgia", progress=False)
    return ptbxl, georgia


@pytest.fixture
def corpus_of(make_record, make_corpus):
    """A function from {record id: (samples, codes)} to a corpus of twelve leads at 100 Hz."""

    def make(recordings, **fields):
        records = []
        for name, (n_samples, codes) in recordings.items():
            rng = np.random.default_rng(list(name.encode()))
            signal = rng.integers(-900, 900, (n_samples, 12)).astype(np.int16)
            records.append(make_record(name, signal=signal, leads=LEADS, codes=codes, **fields))
        return make_corpus(records)

    return make


def test_the_defaults_are_the_benchmarks():
    how = DiagnosisInput()
    assert (how.task, how.fs, how.length, how.n_leads) == ("superdiagnostic", 100.0, 1000, 12)
    assert hash(how) == hash(DiagnosisInput(fs=100))
    with pytest.raises(AttributeError):
        how.fs = 500


@pytest.mark.parametrize(
    ("changes", "length"),
    [
        ({"fs": 500.0}, 5000),
        ({"seconds": 2.5}, 250),
        ({"fs": 500.0, "spectrum": "real"}, 1250),
        ({"fs": 500.0, "spectrum": "abs", "crop": "whole"}, 5000),
        ({"fs": 500.0, "spectrum": "abs", "crop": "low band"}, 396),
        ({"crop": "low band"}, 1000),
    ],
)
def test_lengths(changes, length):
    how = DiagnosisInput(**changes)
    assert how.length == length
    assert prepare(np.ones((5000, 12)), 500.0, how).shape == (length, 12)


@pytest.mark.parametrize(
    "changes",
    [
        {"task": "shared_diagnosis"},
        {"resampling": "linear"},
        {"scaler": "each"},
        {"loader": "scrambled"},
        {"unit": "V"},
        {"spectrum": "phase"},
        {"crop": "high"},
        {"spectrum": "real", "crop": "low band"},
        {"seconds": 0.001},
        {"seconds": 2.505},
        {"fs": -100.0},
        {"fs": float("nan")},
    ],
)
def test_unknown_settings_are_refused(changes):
    with pytest.raises(SettingsError, match=r"See|Choose|logarithm"):
        DiagnosisInput(**changes)


def test_short_recordings_end_in_zeros_and_long_ones_lose_their_end():
    short, long = RNG.normal(size=(600, 12)), RNG.normal(size=(1700, 12))
    found = prepare(short, 100.0, DiagnosisInput())
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found[:600], short.astype(np.float32))
    np.testing.assert_array_equal(found[600:], 0)
    np.testing.assert_array_equal(prepare(long, 100.0, DiagnosisInput()), long[:1000].astype(np.float32))


def test_resampling_keeps_a_tone_and_rings_at_no_end():
    time = np.arange(2500)[:, None] / 500
    signal = np.tile(0.5 * np.sin(2 * np.pi * 4 * time), (1, 12)) + np.arange(12)
    found = prepare(signal, 500.0, DiagnosisInput())
    expected = signal[::5]
    np.testing.assert_allclose(found[:500], expected, atol=0.03)
    np.testing.assert_array_equal(found[500:], 0)
    about_the_mean = resample_poly(signal - signal.mean(axis=0), 1, 5) + signal.mean(axis=0)
    np.testing.assert_allclose(found[:500], about_the_mean, atol=1e-5)
    # noise above the new range is filtered, not folded down
    noise = np.tile(np.sin(2 * np.pi * 190 * time), (1, 12))
    assert np.abs(prepare(noise, 500.0, DiagnosisInput())[20:480]).max() < 0.01


def test_the_faults_are_switches():
    signal = RNG.normal(size=(5000, 12))
    right = DiagnosisInput(fs=500.0)
    straight = signal.astype(np.float32)
    np.testing.assert_array_equal(prepare(signal, 500.0, right), straight)
    wrong = DiagnosisInput(fs=500.0, loader="reshaped", scaler="none", unit="uV")
    np.testing.assert_allclose(prepare(signal, 500.0, wrong), reshaped(signal) * 1000, rtol=1e-6)
    spectrum = DiagnosisInput(fs=500.0, spectrum="imag")
    np.testing.assert_array_equal(prepare(signal, 500.0, spectrum), fourier(signal, "imag", "project"))


def test_a_short_recording_reshaped_is_the_projects_padded_file():
    file = RNG.integers(-900, 900, (12, 3000))
    padded = np.pad(file, ((0, 0), (0, 2000))).reshape(5000, 12)
    how = DiagnosisInput(fs=500.0, loader="reshaped", unit="uV")
    np.testing.assert_allclose(prepare(file.T / 1000, 500.0, how), padded, atol=1e-3)


def test_a_corpus_is_prepared_once_and_kept(twelve, tmp_path, monkeypatch):
    ptbxl, _ = twelve
    how = DiagnosisInput()
    first = prepare_recordings(ptbxl, how, tmp_path, progress=False)
    assert (first.shape, first.dtype) == ((len(ptbxl), 1000, 12), np.float32)
    assert isinstance(first, np.memmap)
    for i in range(len(ptbxl)):
        np.testing.assert_allclose(first[i], ptbxl.millivolts(i), atol=1e-6)
    monkeypatch.setattr("ecgrepro.frames.diagnosis_input.twelve_leads", None)
    # neither task nor scaler decides anything about it
    again = prepare_recordings(ptbxl, DiagnosisInput("form", scaler="none"), tmp_path, progress=False)
    np.testing.assert_array_equal(again, first)
    with pytest.raises(TypeError):
        prepare_recordings(ptbxl, DiagnosisInput(unit="uV"), tmp_path, progress=False)


def test_georgia_is_resampled_and_padded(twelve):
    _, georgia = twelve
    how = DiagnosisInput(task="shared")
    inputs, recorded = prepare_recordings(georgia, how, None, progress=False), recorded_samples(georgia, how)
    assert inputs.shape == (len(georgia), 1000, 12)
    assert np.isfinite(inputs).all()
    assert recorded.tolist() == [min(-(-n // 5), 1000) for n in georgia.index.n_samples]
    for row, n in zip(inputs, recorded, strict=True):
        assert (row[n:] == 0).all()
        assert (row[n - 1] != 0).any()


@pytest.mark.parametrize("resampling", ["polyphase", "fft"])
def test_what_was_recorded_is_counted_as_resampling_gives_it(corpus_of, resampling):
    corpus = corpus_of({"a": (1203, ()), "b": (701, ()), "c": (1999, ()), "d": (2000, ())}, fs=257.0)
    how = DiagnosisInput(resampling=resampling)
    found = prepare_recordings(corpus, how, None, progress=False)
    for row, n in zip(found, recorded_samples(corpus, how), strict=True):
        assert (row[n - 1] != 0).any()
        assert (row[n:] == 0).all()
    for changed in (DiagnosisInput(loader="reshaped"), DiagnosisInput(spectrum="abs")):
        assert set(recorded_samples(corpus, changed)) == {changed.length}


def test_recordings_of_fewer_leads_are_refused(make_record, make_corpus):
    corpus = make_corpus([make_record("a"), make_record("b")])
    with pytest.raises(InputError, match="each once"):
        prepare_recordings(corpus, DiagnosisInput(), None, progress=False)


def test_labels_of_the_tasks_and_of_both_vocabularies(corpus_of):
    codes = {"a": ("NORM", "SR"), "b": ("SR",), "c": ("IMI", "LVH"), "d": (), "e": ("superdiagnostic:MI",)}
    corpus = corpus_of({name: (1000, found) for name, found in codes.items()})
    positions, multi_hot, classes = labelled_recordings(corpus, DiagnosisInput())
    assert positions.tolist() == [0, 2, 4]
    assert classes == ("CD", "HYP", "MI", "NORM", "STTC")
    assert multi_hot.dtype == np.float32
    assert multi_hot.tolist() == [[0, 0, 0, 1, 0], [0, 1, 1, 0, 0], [0, 0, 1, 0, 0]]
    positions, multi_hot, classes = labelled_recordings(corpus, DiagnosisInput("shared"))
    assert (positions.tolist(), len(classes), multi_hot.sum()) == ([2], 18, 1)
    assert multi_hot[0, classes.index("LVH")] == 1
    with pytest.raises(InputError, match="task form"):
        labelled_recordings(corpus, DiagnosisInput("form"))


def test_georgias_codes_have_the_shared_labels_alone(twelve, corpus_of):
    corpus = corpus_of({"a": (1000, ("426783006",)), "b": (1000, ("164873001", "164873001"))})
    positions, multi_hot, classes = labelled_recordings(corpus, DiagnosisInput("shared"))
    assert (positions.tolist(), multi_hot[0, classes.index("LVH")], multi_hot.sum()) == ([1], 1, 1)
    with pytest.raises(InputError, match="SCP-ECG"):
        labelled_recordings(twelve[1], DiagnosisInput("superdiagnostic"))


def test_the_scaler_is_scikit_learns_over_all_training_values():
    inputs = (RNG.normal(size=(700, 9, 12)) * 3 + 50).astype(np.float32)
    train = RNG.permutation(700)[:600]
    mean, deviation = scaler_constants(inputs, train)
    reference = StandardScaler().fit(inputs[train].astype(np.float64).reshape(-1, 1))
    assert mean == pytest.approx(reference.mean_[0], rel=1e-12)
    assert deviation == pytest.approx(reference.scale_[0], rel=1e-9)
    changed = inputs.copy()
    changed[np.setdiff1d(np.arange(700), train)] = np.nan
    assert scaler_constants(changed, train) == (mean, deviation)
    assert scaler_constants(inputs, train, "none") == (0.0, 1.0)


def test_what_cannot_be_scaled_is_told():
    inputs = np.ones((4, 5, 12), np.float32)
    with pytest.raises(InputError, match="not all the same"):
        scaler_constants(inputs, [0, 1])
    with pytest.raises(InputError, match="training inputs"):
        scaler_constants(inputs, [])
    inputs[0] = np.nan
    with pytest.raises(InputError, match="finite"):
        scaler_constants(inputs, [0, 1])
    with pytest.raises(SettingsError, match="scaler"):
        scaler_constants(inputs, [1], "each lead")


def test_ptbxls_two_rates_agree_on_real_recordings(real, make_corpus):
    """The publisher's 100 Hz files, about 2 ms ahead of ours made of its 500 Hz files, are otherwise much the same."""
    source = real("ptbxl")
    units = Reader(source, fs=500).units()[::100]
    high, low = (
        make_corpus([*chain(*map(Reader(source, fs=fs).read, units))], name=f"{fs}") for fs in (500, 100)
    )
    ours, theirs = (
        prepare_recordings(corpus, DiagnosisInput(), None, progress=False) for corpus in (high, low)
    )
    for i in range(len(units)):
        assert np.corrcoef(ours[i].ravel(), theirs[i].ravel())[0, 1] > 0.98
        assert np.corrcoef(ours[i].ravel(), theirs[i - 1].ravel())[0, 1] < 0.5
        assert np.sqrt(np.mean((ours[i] - theirs[i]) ** 2)) < 0.05
