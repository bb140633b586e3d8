"""Planted copies are found whatever was done to them, and nothing else is."""

import numpy as np
import pytest
from scipy.signal import butter, resample_poly, sosfiltfilt

from ecgrepro.corpora.fingerprints import fingerprint_corpus
from ecgrepro.corpora.ingest import ingest
from ecgrepro.corpora.near_duplicates import COLUMNS, near_duplicates
from ecgrepro.corpora.synthetic import simulate_handheld, simulate_holter

FS = 300


@pytest.fixture(scope="module")
def records():
    return [simulate_handheld(11, i) for i in range(30)]


def resampled(x, fs):
    return resample_poly(x, fs, FS, axis=0, padtype="line")


def filtered(x):
    return sosfiltfilt(butter(2, [0.5, 35], "bandpass", fs=FS, output="sos"), x, axis=0)


def with_noise(x, decibel, seed=0):
    noise = np.random.default_rng(seed).normal(size=x.shape)
    return x + noise * x.std() * 10 ** (-decibel / 20)


def requantised(x, levels):
    step = np.ptp(x) / levels
    return np.rint(x / step) * step


CHANGES = {
    "exact": lambda x: (x, FS),
    "100 Hz": lambda x: (resampled(x, 100), 100),
    "128 Hz": lambda x: (resampled(x, 128), 128),
    "500 Hz": lambda x: (resampled(x, 500), 500),
    "shifted": lambda x: (x[1000:], FS),
    "cropped": lambda x: (x[1234:4234], FS),
    "gain and offset": lambda x: (1.7 * x + 123, FS),
    "polarity": lambda x: (-x, FS),
    "filtered": lambda x: (filtered(x), FS),
    "64 levels": lambda x: (requantised(x, 64), FS),
    "noise": lambda x: (with_noise(x, 20), FS),
    "noise in a third": lambda x: (np.concatenate([with_noise(x[: len(x) // 3], -6), x[len(x) // 3 :]]), FS),
    "all": lambda x: (requantised(-0.6 * with_noise(resampled(x[2000:5600], 125), 20), 256), 125),
}


def copy_of(make_record, record, change, name="copy"):
    values, fs = CHANGES[change](record.signal.astype(np.float64))
    signal = np.clip(np.rint(values), -32768, 32767).astype(np.int16)
    return make_record(name, signal=signal, fs=float(fs))


def search(*corpora, **options):
    return near_duplicates([fingerprint_corpus(corpus, progress=False) for corpus in corpora], progress=False,
                           **options)  # fmt: skip


def test_copies_are_found_whatever_was_done_to_them(make_corpus, make_record, records):
    copies = [copy_of(make_record, records[i], change, change) for i, change in enumerate(CHANGES)]
    found = search(make_corpus(records, "first"), make_corpus(copies, "second"))
    assert tuple(found.columns) == COLUMNS
    assert (found.corpus_a == "first").all()
    assert (found.corpus_b == "second").all()
    expected = {(records[i].record_id, change) for i, change in enumerate(CHANGES)}
    assert set(zip(found.record_a, found.record_b, strict=True)) == expected
    by_change = found.set_index("record_b")
    assert by_change.offset_s["shifted"] == pytest.approx(1000 / FS, abs=0.003)
    assert by_change.offset_s["cropped"] == pytest.approx(1234 / FS, abs=0.003)
    assert by_change.overlap_s["cropped"] == pytest.approx(10, abs=0.1)
    assert by_change.correlation["polarity"] < -0.999
    assert by_change.correlation["exact"] > 0.9999


def test_a_copy_within_a_corpus_is_found(make_corpus, make_record, records):
    found = search(make_corpus([*records, copy_of(make_record, records[3], "all")]))
    assert found[["record_a", "record_b"]].to_numpy().tolist() == [[records[3].record_id, "copy"]]


@pytest.fixture
def two_leads(make_record, records):
    """A function from two positions to a record with the first 30 s of both as its leads."""

    def make(name, i, j, **fields):
        signal = np.column_stack([records[i].signal[:8900], records[j].signal[:8900]])
        return make_record(name, signal=signal, fs=300.0, **fields)

    return make


def test_leads_may_be_permuted_renamed_or_alone(make_corpus, make_record, records, two_leads):
    corpus = make_corpus([two_leads("both", 5, 6, leads=("I", "II"))], "twelve")
    others = make_corpus(
        [two_leads("turned", 6, 5, leads=("x", "y")), copy_of(make_record, records[6], "all")]
    )
    found = search(corpus, others)
    found = found[found.corpus_a == "twelve"].set_index("record_b")
    assert found.n_leads.to_dict() == {"turned": 2, "copy": 1}
    assert found.lead_a["copy"] == "II"
    assert {("I", "y"), ("II", "x")} >= {tuple(found.loc["turned", ["lead_a", "lead_b"]])}


def test_a_short_piece_of_a_long_recording_is_found(make_corpus, make_record):
    long = simulate_holter(3, 0, 250 * 900)
    piece = make_record("piece", signal=long.signal[100_000:101_500], fs=250.0)
    found = search(make_corpus([long], "long"), make_corpus([piece], "short"))
    assert found.offset_s.tolist() == [pytest.approx(400, abs=0.01)]


def test_two_recordings_of_one_person_are_two(make_corpus):
    corpus = make_corpus([simulate_holter(3, 0, 250 * 300, segment=segment) for segment in range(4)])
    assert search(corpus).empty


def test_nothing_comparable_gives_an_empty_table(make_corpus, make_record):
    quiet = (np.arange(2000) // 200).astype(np.int16)[:, None]
    found = search(make_corpus([make_record(name, signal=quiet) for name in "ab"]))
    assert found.shape == (0, len(COLUMNS))


def test_bars_are_shown_on_request(make_corpus, records, capsys):
    prints = fingerprint_corpus(make_corpus(records[:3]), progress=False)
    near_duplicates([prints])
    shown = capsys.readouterr().err
    assert "compare windows" in shown
    assert "compare recordings" in shown


def test_nstdb_118_is_mitbih_118_and_201_is_not_202(real, tmp_path):
    mitbih = ingest("mitbih_arrhythmia", real("mitbih_arrhythmia"), tmp_path / "mitbih", progress=False)
    nstdb = ingest("nstdb", real("nstdb"), tmp_path / "nstdb", progress=False)
    found = search(mitbih, nstdb)
    pairs = {frozenset(pair) for pair in zip(found.record_a, found.record_b, strict=True)}
    noisy = set(nstdb.index.record_id[nstdb.index.record_id.str.startswith("118")])
    assert noisy >= {"118e24", "118e06", "118e00"}
    expected = {frozenset([a, b]) for a in noisy | {"118"} for b in noisy if a != b}
    assert pairs == expected


def test_ptbxl_at_500_hz_is_ptbxl_at_100_hz(real, tmp_path):
    low, high = (
        fingerprint_corpus(
            ingest("ptbxl", real("ptbxl"), tmp_path / str(fs), progress=False, fs=fs), str(fs), progress=False
        )
        for fs in (100, 500)
    )
    found = near_duplicates([low, high], progress=False)
    across = found[found.corpus_a != found.corpus_b]
    assert set(zip(across.record_a, across.record_b, strict=True)) >= {
        (a, a) for a in set(low.record_ids) & set(high.record_ids)
    }
    assert (across.record_a == across.record_b).all()
    assert across.offset_s.abs().max() < 0.005
